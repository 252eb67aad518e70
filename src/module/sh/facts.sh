# Prints what a host says of itself, one fact a line, for HostFacts::parse. Reads only. Needs record.sh. Meant to be quick:
# three programs are run, all else is done by the shell itself.
# shellcheck shell=sh disable=SC2154,SC2034 # variables are shared with the files named above

facts() {
  read -r load1 _ </proc/loadavg
  echo "load1 $load1"
  echo "cpus $(nproc 2>/dev/null || grep -c ^processor /proc/cpuinfo)"
  while read -r key value _; do
    case $key in
      MemTotal:) echo "mem_total_kib $value" ;;
      MemAvailable:) echo "mem_available_kib $value"; break ;;
    esac
  done </proc/meminfo
  read -r boot_id </proc/sys/kernel/random/boot_id
  echo "boot_id $boot_id"
  read -r facts_up _ </proc/uptime
  echo "uptime_ms ${facts_up%.*}${facts_up#*.}0"
  facts_clock
  # As `ip` prints them: `2: eth0    inet 10.0.0.1/24 ...`.
  ip -o addr
  for facts_service in "${RV_ROOT:-/run/reveille}"/*/; do
    [ ! -d "$facts_service" ] || facts_service "${facts_service%/}"
  done
}

# Busybox's date knows no nanoseconds and says so in several ways.
facts_clock() {
  facts_now=$(date +%s.%N)
  case ${facts_now#*.} in
    *[!0-9]* | '') echo "clock_ms ${facts_now%%.*}000" ;;
    *) facts_now=${facts_now%??????}; echo "clock_ms ${facts_now%.*}${facts_now#*.}" ;;
  esac
}

# facts_service DIR
facts_service() {
  service=${1##*/} epoch=0 role=-
  [ ! -e "$1/epoch" ] || read -r epoch <"$1/epoch"
  [ ! -e "$1/role" ] || read -r role <"$1/role"
  echo "service $service epoch $epoch role $role"
  for record in "$1"/proc/*/record; do
    [ ! -e "$record" ] || facts_process "${record%/record}"
  done
  for record in "$1"/unit/*/record; do
    [ ! -e "$record" ] || facts_unit "${record%/record}"
  done
}

# facts_process DIR: a look at the first process and the freezer, not at the whole tree.
facts_process() {
  state=dead
  if record_read "$1" && record_alive; then
    state=awake
    if [ "$stat_state" = T ] || cgroup_frozen; then state=asleep; fi
  fi
  echo "process $service ${1##*/} $state"
}

# facts_unit DIR: by the unit's cgroup; by asking systemd when it has none.
facts_unit() {
  record_read "$1"
  state=dead freezer=v2 facts_cgroup=$cgroup
  while read -r _ facts_mount facts_type _; do
    [ "$facts_type" != cgroup2 ] || break
  done </proc/mounts
  cgroup=$facts_mount$facts_cgroup
  if [ -z "$facts_cgroup" ]; then
    systemctl -q is-active -- "${1##*/}" && state=awake
  elif cgroup_frozen; then state=asleep
  elif [ "$populated" = 1 ]; then state=awake; fi
  echo "unit $service ${1##*/} $state"
}
