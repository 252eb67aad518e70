# Prints what doctor asks of a host, one line each, for doctor::Answer. Reads only.
# shellcheck shell=sh

# doctor_login: what every command pays for the login shell's start files, and what they print where nobody asked.
# bash reads them for each command of an ssh session unless it runs inside another shell.
doctor_login() {
  doctor_shell=${SHELL:-/bin/sh}
  doctor_clock
  doctor_from=$doctor_now
  doctor_noise=$(SHLVL=0 timeout 10 "$doctor_shell" -c : 2>&1 </dev/null)
  doctor_clock
  echo "login_ms $(((doctor_now - doctor_from) * 10))"
  echo "shell $doctor_shell"
  [ -z "$doctor_noise" ] || echo "noise $(printf %s "$doctor_noise" | head -n 1 | cut -c 1-80)"
}

# Sets doctor_now to the uptime in hundredths of a second.
doctor_clock() {
  read -r doctor_now _ </proc/uptime
  doctor_now=${doctor_now%.*}${doctor_now#*.}
}

# doctor_room: who we are, and whether reveille's folder can be written and has room.
doctor_room() {
  echo "uid $(id -u)"
  doctor_dir=${RV_ROOT:-/run/reveille}
  until [ -d "$doctor_dir" ]; do doctor_dir=${doctor_dir%/*}; doctor_dir=${doctor_dir:-/}; done
  if [ -w "$doctor_dir" ]; then echo "writable yes"; else echo "writable no"; fi
  df -Pk "$doctor_dir" 2>/dev/null | while read -r _ _ _ doctor_free _; do
    case $doctor_free in *[!0-9]*) ;; *) echo "run_free_kib $doctor_free" ;; esac
  done
}

# doctor_freezer: which freezer would put processes to sleep: v2, v1 or none. As tree_home chooses, without making one.
doctor_freezer() {
  doctor_found=none
  while read -r _ doctor_mount doctor_type doctor_options _; do
    case $doctor_type:,$doctor_options, in
      cgroup2:*,rw,*) doctor_freezes "$doctor_mount" 0 && doctor_found=v2 && break ;;
      cgroup:*,rw,*,freezer,* | cgroup:*,freezer,*,rw,*) doctor_found=v1 ;;
    esac
  done </proc/mounts
  echo "freezer $doctor_found"
}

# doctor_freezes MOUNT HIERARCHY: a cgroup that is no root shows whether the kernel can freeze (since Linux 5.2).
doctor_freezes() {
  while IFS=: read -r doctor_hierarchy _ doctor_path; do
    [ "$doctor_hierarchy" = "$2" ] || continue
    doctor_home=$1${doctor_path%/init.scope}
    [ -w "$doctor_home" ] || return 1
    for doctor_file in "$doctor_home/cgroup.freeze" "$doctor_home"/*/cgroup.freeze; do
      [ ! -e "$doctor_file" ] || return 0
    done
  done </proc/1/cgroup
  return 1
}

# doctor_sessions USER: how many commands sshd lets run at once over one connection. Only root may ask it.
doctor_sessions() {
  [ "$(id -u)" = 0 ] && command -v sshd >/dev/null || return 0
  sshd -T -C "user=$1,host=localhost,addr=127.0.0.1" 2>/dev/null | while read -r doctor_key doctor_value _; do
    [ "$doctor_key" != maxsessions ] || echo "max_sessions $doctor_value"
  done
}

# doctor_links: by which hardware address the others know this host.
doctor_links() {
  ip -o link show 2>/dev/null | while read -r doctor_line; do
    case $doctor_line in *link/ether*)
      doctor_mac=${doctor_line##*link/ether }
      echo "mac ${doctor_mac%% *}"
      ;;
    esac
  done
}

# doctor_checked NUMBER CODE TEXT
doctor_checked() {
  echo "check $1 $2 $(printf %s "$3" | head -n 1)"
}

# doctor_described NUMBER CODE TEXT: every line of it.
doctor_described() {
  printf '%s\n' "$3" | while IFS= read -r doctor_line; do printf '%s\n' "agent $1 $2 $doctor_line"; done
}
