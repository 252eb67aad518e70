# What is known of a started process: its record, and what the kernel says of it now. Reads only; no forks but where a
# whole tree has to be listed. Used by process.sh and facts.sh.
#
# RV_DIR/proc/NAME/record   pid, start, boot, cgroup, freezer, epoch: shell assignments. No record: not started by us.
# RV_DIR/proc/NAME/launch   the words it was started by, quoted for the shell. Outlives the process, for undo.
# RV_DIR/proc/NAME/log      what it wrote to its standard output and error since it was started.
#
# `pid` leads its own session and process group, so it is the session's and the group's number too.
# shellcheck shell=sh disable=SC2154,SC2034 # variables are shared with the files named above

# stat_read PID: sets stat_state, stat_parent and stat_start (ticks after boot; tells a pid from a later one of the same number).
# Fails when there is no such process. proc(5); the name in parentheses may hold spaces, `)` and newlines.
stat_read() {
  stat_line=
  while read -r stat_part; do stat_line="$stat_line$stat_part "; done 2>/dev/null <"/proc/$1/stat"
  [ -n "$stat_line" ] || return 1
  # shellcheck disable=SC2086 # the fields after the name are numbers and one letter
  set -- ${stat_line##*) }
  stat_state=$1 stat_parent=$2 stat_start=${20}
}

# record_read DIR: sets the record's variables; fails when there is none.
record_read() {
  pid='' start='' boot='' cgroup='' freezer=signals epoch=0
  [ -e "$1/record" ] || return 1
  # shellcheck source=/dev/null
  . "$1/record"
}

# record_alive: is the recorded process still the one that was started? A zombie is not.
record_alive() {
  read -r boot_now </proc/sys/kernel/random/boot_id
  [ "$boot" = "$boot_now" ] && stat_read "$pid" && [ "$start" = "$stat_start" ] || return 1
  case $stat_state in Z | X | x) return 1 ;; esac
}

# cgroup_frozen: has the freezer stopped every process in it? A mere request to freeze does not count.
cgroup_frozen() {
  case $freezer in
    v2)
      frozen=0 populated=0
      while read -r event_key event_value; do
        case $event_key in
          frozen) frozen=$event_value ;;
          populated) populated=$event_value ;;
        esac
      done 2>/dev/null <"$cgroup/cgroup.events"
      [ "$frozen$populated" = 11 ]
      ;;
    v1) read -r frozen 2>/dev/null <"$cgroup/freezer.state" && [ "$frozen" = FROZEN ] ;;
    *) return 1 ;;
  esac
}
