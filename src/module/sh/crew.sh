# Background jobs with one limit in common: none of them, stuck in a dead file system, say, holds up the script longer.
#
# Needs guard.sh and record.sh. A job writes its own lines, each at once.
# shellcheck shell=sh disable=SC2154 # variables are shared with the files named above

# crew_start NAME COMMAND…: in the background. NAME is one word.
crew_start() {
  crew_name=$1
  shift
  "$@" </dev/null &
  ! stat_read "$!" || crew="${crew:-} $crew_name=$!=$stat_start"
}

# crew_wait MS: until all have ended or the time is up. Then the rest is killed, and named in crew_late.
crew_wait() {
  guard_clock
  crew_end=$((guard_now + $1 / 10)) crew_late=
  while crew_look; [ -n "$crew" ]; do
    guard_clock
    [ "$guard_now" -lt "$crew_end" ] || break
    nap
  done
  for crew_job in $crew; do
    crew_late="$crew_late ${crew_job%%=*}"
    crew_job=${crew_job#*=}
    kill -s KILL "${crew_job%=*}" 2>/dev/null
  done
}

# crew_look: forgets the jobs that have ended. A later process of the same pid began at another time.
crew_look() {
  crew_found=${crew:-} crew=
  for crew_job in $crew_found; do
    crew_pid=${crew_job#*=}
    if stat_read "${crew_pid%=*}" && [ "${crew_pid#*=}" = "$stat_start" ]; then
      case $stat_state in Z | X | x) ;; *) crew="$crew $crew_job" ;; esac
    fi
  done
}
