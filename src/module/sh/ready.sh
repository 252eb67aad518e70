# Ready checks on the host itself, without nc or curl. A check is `tcp:PORT`, `udp:PORT`, `file:PATH` or `command:TEXT`.
# shellcheck shell=sh disable=SC2154,SC2034 # variables are shared with the files named above

# ready_now CHECK [PID...]: does it hold now? With pids: a port counts only when one of these processes holds it.
ready_now() {
  ready_check=$1
  shift
  case $ready_check in
    tcp:*) ready_port tcp "${ready_check#*:}" "0A" "$@" ;;
    udp:*) ready_port udp "${ready_check#*:}" "[0-9A-F]{2}" "$@" ;;
    file:*) [ -e "${ready_check#*:}" ] ;;
    command:*) ready_command "${ready_check#*:}" ;;
    *) echo "unknown ready check $ready_check" >&2; exit 2 ;;
  esac
}

# ready_wait CHECK [PID...]: until it holds. The deadline is the caller's.
ready_wait() {
  until ready_now "$@"; do nap; done
}

# ready_port tcp|udp PORT STATE [PID...]: is a socket in this state bound to the port? Looks through the eyes of the first
# pid, whose network namespace may not be ours.
ready_port() {
  ready_net=/proc/${4:-self}/net/$1
  ready_hex=$(printf %04X "$2")
  ready_found=$(grep -shE "^ *[0-9]+: [0-9A-F]+:$ready_hex [0-9A-F]+:0000 $3 " "$ready_net" "${ready_net}6")
  [ -n "$ready_found" ] || return 1
  shift 3
  [ $# -gt 0 ] || return 0
  ready_held_by "$@"
}

# ready_held_by PID...: does one of them hold a socket of ready_found? Another program's listener must not pass for ours.
ready_held_by() {
  ready_fds=$(for ready_pid in "$@"; do ls -l "/proc/$ready_pid/fd"; done 2>/dev/null)
  while read -r _ _ _ _ _ _ _ _ _ ready_inode _; do
    case $ready_fds in *"socket:[$ready_inode]"*) return 0 ;; esac
  done <<END
$ready_found
END
  return 1
}

# A check that hangs must not use up the whole wait.
ready_command() {
  if command -v timeout >/dev/null; then
    timeout 5 sh -c "$1" >/dev/null 2>&1 </dev/null 8>&- 9>&-
  else
    sh -c "$1" >/dev/null 2>&1 </dev/null 8>&- 9>&-
  fi
}
