# Runs before every remote script: who may act on this host for a service, and in which epoch.
# shellcheck shell=sh
# guard.rs puts RV_SERVICE, RV_EPOCH and RV_DIR in front. POSIX sh; nothing here forks without need.

# guard_enter: for scripts that change something. Holds a shared lock on fd 9 until the shell ends; while it is held
# nobody can raise the epoch. Exit 76 and a line `epoch N` on stdout: this host has already seen a newer one.
guard_enter() {
  command -v flock >/dev/null || { echo "this host has no flock (part of util-linux and of busybox)" >&2; return 1; }
  [ -d "$RV_DIR" ] || mkdir -p "$RV_DIR" || return 1
  exec 9>>"$RV_DIR/lock"
  guard_clock
  guard_deadline=$((guard_now + ${RV_GUARD_WAIT:-5} * 100))
  while :; do
    flock -n -s 9
    guard_locked=$?
    # 1 is a conflict, more is a flock that does not work.
    [ $guard_locked -le 1 ] || return 1
    if [ $guard_locked -eq 0 ]; then
      guard_compare || return
      [ "$guard_found" -lt "$RV_EPOCH" ] || return 0
      # To raise the epoch one must be alone. Asking for that lets go of the shared lock, granted or not: what was read
      # before may be old, here and on the way back.
      if flock -n -x 9; then
        guard_compare || return
        [ "$guard_found" -eq "$RV_EPOCH" ] || guard_raise || return
        continue
      fi
    fi
    guard_clock
    [ "$guard_now" -lt "$guard_deadline" ] || break
    nap
  done
  echo "commands of an older epoch than $RV_EPOCH are still running for $RV_SERVICE on this host" >&2
  return 1
}

# guard_look: for scripts that only read. Takes no lock and leaves no trace.
guard_look() {
  guard_compare
}

# Sets guard_found to the epoch this host knows (0: none); refuses when it is newer than ours.
guard_compare() {
  guard_found=0
  if [ -e "$RV_DIR/epoch" ]; then read -r guard_found <"$RV_DIR/epoch" || return 1; fi
  case $guard_found in
    '' | *[!0-9]*) echo "$RV_DIR/epoch holds no number" >&2; return 1 ;;
  esac
  [ "$guard_found" -gt "$RV_EPOCH" ] || return 0
  echo "epoch $guard_found"
  echo "refused: $RV_SERVICE is in epoch $guard_found on this host, this command is of epoch $RV_EPOCH" >&2
  return 76
}

guard_raise() {
  echo "$RV_EPOCH" >"$RV_DIR/epoch.new" && mv -f "$RV_DIR/epoch.new" "$RV_DIR/epoch"
}

# Sets guard_now to the uptime in hundredths of a second.
guard_clock() {
  read -r guard_now _ </proc/uptime
  guard_now=${guard_now%.*}${guard_now#*.}
  guard_now=${guard_now#0}
  guard_now=${guard_now#0}
}

# Waits that grow from 2 to 20 ms: most of what is waited for is there at once, the rest must not cost a processor. Where
# sleep knows whole seconds only, one.
nap() {
  case ${nap_last:-} in
    '') nap_last=0.002 ;;
    0.002) nap_last=0.005 ;;
    0.005) nap_last=0.01 ;;
    *) nap_last=0.02 ;;
  esac
  sleep "$nap_last" 2>/dev/null 9>&- || sleep 1 9>&-
}

# write_whole FILE: its new content comes from stdin; a reader sees the old or the new, never a part.
write_whole() {
  cat >"$1.new" && mv -f "$1.new" "$1"
}
