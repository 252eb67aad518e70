# Entry points of the `unit` module: unit_is, unit_asleep, unit_awake, unit_stopped, unit_undo. Needs guard.sh, undo.sh,
# record.sh and ready.sh. Each entry point runs in a shell of its own.
# shellcheck shell=sh disable=SC2154 # `kept` is set by undo_recall
#
# RV_DIR/unit/NAME/record   the unit's cgroup, as shell assignment: lets facts look without asking systemd.

# unit_is asleep|awake|stopped NAME [--enabled yes|no]: exit 0, or 10 when something has to be done.
unit_is() {
  unit_open "$1" "$2"
  shift 2
  unit_options "$@"
  unit_state
  echo "$unit is $state"
  [ "$state" = "$target" ] && unit_enabled_as_wanted || return 10
}

# unit_asleep NAME [--ready CHECK] [--enabled yes|no]: started if need be, ready, and frozen.
unit_asleep() {
  unit_begin asleep "$@" && unit_can_sleep || return
  case $state in
    asleep) ;;
    awake | mixed) unit_freeze ;;
    *) unit_start_asleep ;;
  esac && unit_enable && unit_record
}

# unit_awake NAME [--ready CHECK] [--enabled yes|no]: active and not frozen.
unit_awake() {
  unit_begin awake "$@" || return
  case $state in
    awake) ;;
    asleep | mixed) unit_thaw ;;
    *) unit_start ;;
  esac && unit_enable && unit_record
}

# unit_stopped NAME [--enabled yes|no]
unit_stopped() {
  unit_begin stopped "$@" || return
  unit_stop && unit_enable && rm -f "$dir/record"
}

# unit_undo asleep|awake|stopped NAME: takes back the act of the same name in this run, however far it came.
unit_undo() {
  unit_open "$1" "$2"
  undo_recall "$key" || return 0
  unit_options --enabled "${kept#* }"
  unit_state
  case ${kept%% *} in
    asleep) case $state in asleep) ;; awake | mixed) unit_freeze ;; *) unit_start_asleep ;; esac ;;
    awake | mixed) case $state in awake) ;; asleep | mixed) unit_thaw ;; *) unit_start ;; esac ;;
    stopped) unit_stop ;;
  esac && unit_enable && unit_record && undo_forget "$key"
}

# unit_open TARGET NAME
unit_open() {
  command -v systemctl >/dev/null || { echo "this host has no systemd" >&2; exit 1; }
  target=$1 unit=$2 dir=$RV_DIR/unit/$2 key=unit.$2.$1
}

unit_options() {
  ready='' unit_enable_wanted=''
  while [ $# -gt 1 ]; do
    case $1 in
      --ready) ready=$2 ;;
      --enabled) unit_enable_wanted=$2 ;;
    esac
    shift 2
  done
}

# unit_begin TARGET NAME [OPTIONS]: what every act does first. Sets state, and notes it for the undo.
unit_begin() {
  unit_open "$1" "$2"
  shift 2
  unit_options "$@"
  unit_state
  if [ "$load" != loaded ] && [ "$target" != stopped ]; then
    echo "unit $unit is $load on this host" >&2
    return 1
  fi
  mkdir -p "$dir" && unit_is_enabled
  # A second attempt keeps what the first one noted.
  undo_recall "$key" || undo_keep "$key" "$state $unit_enabled"
}

# unit_state: asleep, awake, stopped, mixed (systemd calls it active, but a signal has stopped its main process) or moving
# (between two of these). Asks systemd once.
unit_state() {
  load='' active='' frozen='' can_freeze='' watchdog='' cgroup='' main_pid=0
  while IFS='=' read -r unit_key unit_value; do
    case $unit_key in
      LoadState) load=$unit_value ;;
      ActiveState) active=$unit_value ;;
      FreezerState) frozen=$unit_value ;;
      CanFreeze) can_freeze=$unit_value ;;
      WatchdogUSec) watchdog=$unit_value ;;
      ControlGroup) cgroup=$unit_value ;;
      MainPID) main_pid=$unit_value ;;
    esac
  done <<END
$(systemctl show -p LoadState,ActiveState,FreezerState,CanFreeze,WatchdogUSec,ControlGroup,MainPID -- "$unit")
END
  [ -n "$load" ] || { echo "systemd does not answer on this host" >&2; exit 1; }
  case $active:$frozen in
    inactive:* | failed:*) state=stopped ;;
    active:frozen*) state=asleep ;;
    active: | active:running) state=awake ;;
    *) state=moving ;;
  esac
  if [ "$state" = awake ] && stat_read "$main_pid" && [ "$stat_state" = T ]; then state=mixed; fi
}

# Refuses what would not stay asleep.
unit_can_sleep() {
  if [ -z "$frozen" ] || [ "$can_freeze" = no ]; then
    echo "systemd cannot freeze $unit here: that needs systemd 246 or later and cgroup v2" >&2
    return 1
  fi
  case $watchdog in
    '' | 0 | infinity) return ;;
  esac
  echo "$unit has a watchdog (WatchdogSec=$watchdog): systemd would kill it in its sleep; set WatchdogSec=0" >&2
  return 1
}

unit_start() {
  if ! systemctl start -- "$unit"; then
    systemctl --no-pager --full -n 10 status -- "$unit" >&2
    return 1
  fi
  unit_state
  [ "$state" = awake ] || { echo "$unit was started and is now $state ($active)" >&2; return 1; }
  [ -z "$ready" ] || unit_await
}

# What cannot be put to sleep does not stay awake. Some of it shows only once the unit runs: systemd tells the watchdog of
# no other.
unit_start_asleep() {
  unit_start && unit_freeze && return
  unit_state
  unit_stop
  return 1
}

# A unit that ends while it is waited for will never be ready.
unit_await() {
  trap 'echo "$unit is still not ready ($ready)" >&2; exit 124' HUP INT TERM
  # shellcheck disable=SC2046 # a list of pids
  until ready_now "$ready" $(unit_pids); do
    unit_state
    [ "$state" = awake ] || { echo "$unit ended before it was ready ($active)" >&2; return 1; }
    nap
  done
  trap - HUP INT TERM
}

# Whose sockets count. A unit that systemd passes its socket to has none of its own.
unit_pids() {
  case $(systemctl show -p TriggeredBy --value -- "$unit") in *.socket*) return ;; esac
  while read -r _ unit_mount unit_type _; do
    [ "$unit_type" != cgroup2 ] || cat "$unit_mount$cgroup/cgroup.procs" 2>/dev/null
  done </proc/mounts
}

unit_freeze() {
  unit_state
  unit_can_sleep || return
  systemctl freeze -- "$unit" || return
  unit_state
  [ "$state" = asleep ] || { echo "$unit did not stay frozen: it is $active, $frozen" >&2; return 1; }
}

unit_thaw() {
  [ "$frozen" = running ] || systemctl thaw -- "$unit" || return
  unit_state
  [ "$state" != mixed ] || { systemctl kill -s CONT -- "$unit" && unit_state; } || return
  [ "$state" = awake ] || { echo "$unit did not wake: it is $active, $frozen" >&2; return 1; }
}

# A frozen unit cannot handle the signal that asks it to stop: thaw first.
unit_stop() {
  case $frozen in frozen* | freezing*) systemctl thaw -- "$unit" 2>/dev/null ;; esac
  [ "$state" = stopped ] || systemctl stop -- "$unit" || return
  unit_state
  [ "$state" = stopped ] || { echo "$unit did not stop: it is $active" >&2; return 1; }
}

# Sets unit_enabled to yes or no, or to nothing where the step does not care. Static and masked units do not start by
# themselves: no.
unit_is_enabled() {
  unit_enabled=''
  [ -n "$unit_enable_wanted" ] || return 0
  unit_enabled=no
  case $(systemctl is-enabled -- "$unit" 2>/dev/null) in enabled | enabled-runtime | alias) unit_enabled=yes ;; esac
}

unit_enabled_as_wanted() {
  unit_is_enabled
  [ -z "$unit_enable_wanted" ] || [ "$unit_enabled" = "$unit_enable_wanted" ]
}

unit_enable() {
  unit_enabled_as_wanted && return
  case $unit_enable_wanted in
    yes) systemctl -q enable -- "$unit" ;;
    no) systemctl -q disable -- "$unit" ;;
  esac
}

unit_record() {
  unit_state
  [ "$state" != stopped ] || { rm -f "$dir/record"; return; }
  echo "cgroup='$cgroup'" | write_whole "$dir/record"
}
