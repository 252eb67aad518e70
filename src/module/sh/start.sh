# Starts a process so that it outlives everything that started it, and never without a record.
#
# The new process waits on a pipe until its record is written. If this shell is killed before that, the pipe closes and the
# process ends by itself: there is no moment at which it runs and nobody knows of it. If this shell is told to end before
# a process that is to sleep does, that process ends with it: a copy is not left awake that nobody wants awake.
# shellcheck shell=sh disable=SC2154,SC2034 # variables are shared with the files named above

# process_start asleep|awake: by the words in the launch file; returns when it is ready. The word says for what: one that
# is to sleep is ended should this shell be told to end, until start_done.
process_start() {
  start_for=$1
  command -v setsid >/dev/null || { echo "this host has no setsid (part of util-linux and of busybox)" >&2; return 1; }
  if ! [ -s "$dir/launch" ]; then
    echo "it is not known here how $name was started, and this step has no command to start it" >&2
    return 1
  fi
  launch=$(cat "$dir/launch")
  eval "process_settings $launch"
  start_home && start_evict && eval "start_spawn $launch" && start_await
}

# start_home: makes the cgroup the process will live in, where the host has a freezer.
start_home() {
  tree_home
  cgroup=''
  if [ -z "$home" ]; then
    [ "$method" != freezer ] || { echo "no cgroup freezer here that $name could be put to sleep with" >&2; return 1; }
    return 0
  fi
  cgroup=$home/$name
  # Pid 0 stands for a process of another container.
  ! grep -sqx 0 "$cgroup/cgroup.procs" || { echo "$cgroup is in use by another container" >&2; return 1; }
}

# start_evict: ends what a lost record left behind. It is ours, by its cgroup or by its mark.
start_evict() {
  tree_gone || tree_kill || return
  [ -z "$cgroup" ] || { (umask 022 && mkdir -p "$cgroup") && tree_thaw; } || return
  [ "$method" != signals ] || freezer=signals
}

# start_spawn WORDS: sets pid and start and writes the record; then, and only then, lets the program run.
start_spawn() {
  rm -f "$dir/go"
  # shellcheck disable=SC2094 # both ends of one pipe
  mkfifo "$dir/go" && exec 5<>"$dir/go" 7<"$dir/go" && rm -f "$dir/go" && : >"$dir/log" || return
  # The mark by which tree_walk knows it and its descendants.
  export REVEILLE_PROCESS="$RV_SERVICE/$name"
  pid=$(setsid -f sh -c "$start_child" start "$@" 2>/dev/null 6>>"$dir/log" 5>&- 8>&- 9>&-)
  # A setsid without -f does not return; in the background, the program starts with SIGINT and SIGQUIT ignored.
  [ -n "$pid" ] || pid=$(setsid sh -c "$start_child" start "$@" 2>/dev/null 6>>"$dir/log" 5>&- 8>&- 9>&- &)
  start_traps && start_record && echo go >&5
  start_status=$?
  exec 5>&- 7<&-
  unset REVEILLE_PROCESS
  return $start_status
}

start_record() {
  stat_read "$pid" || { echo "$name could not be started" >&2; return 1; }
  start=$stat_start
  read -r boot </proc/sys/kernel/random/boot_id
  [ -z "$cgroup" ] || echo "$pid" >"$cgroup/cgroup.procs" || return
  quote "$cgroup"
  printf '%s\n' "pid=$pid" "start=$start" "boot=$boot" "cgroup=$quoted" "freezer=$freezer" "epoch=$RV_EPOCH" |
    (umask 022 && write_whole "$dir/record")
}

# What the new process does until it becomes the program: says its number, lets go of all that is ours, waits for the word.
# shellcheck disable=SC2016 # expanded by the shell that runs it
start_child='
echo "$$"
exec </dev/null >&6 2>&6 3>&- 4>&- 6>&-
read -r go <&7 || exit 125
exec 7<&-
umask 022
cd /
unset RV_CGROUP RV_ROOT SSH_AUTH_SOCK SSH_CLIENT SSH_CONNECTION SSH_ORIGINAL_COMMAND SSH_TTY
unset DBUS_SESSION_BUS_ADDRESS XDG_RUNTIME_DIR XDG_SESSION_CLASS XDG_SESSION_ID XDG_SESSION_TYPE
user=
while [ "$1" != -- ]; do
  case $1 in
    --env) export "$2" ;;
    --chdir) cd -- "$2" || exit 125 ;;
    --user) user=$2 ;;
  esac
  shift 2
done
shift
[ -n "$user" ] && [ "$user" != "$(id -un)" ] || exec "$@"
eval "HOME=~$user"
export HOME USER="$user" LOGNAME="$user"
if setpriv --help 2>&1 | grep -q -e --reuid; then
  exec setpriv --reuid "$user" --regid "$(id -g "$user")" --init-groups "$@"
elif command -v runuser >/dev/null; then
  exec runuser -u "$user" -- "$@"
fi
exec su -s /bin/sh "$user" -c "exec \"\$0\" \"\$@\"" "$@"
'

# start_await: until it is ready; fails when it ends before that, with the last it said.
start_await() {
  guard_clock
  start_settled=$((guard_now + 20))
  while record_alive; do
    start_ready && { [ "$start_for" = asleep ] || start_done; return; }
    nap
  done
  start_done
  start_tell "$name ended before it was ready; a command must stay in the foreground"
  start_forget
  return 1
}

start_traps() {
  trap 'start_cut' HUP INT TERM
}

start_done() {
  trap - HUP INT TERM
}

# start_cut: this shell is told to end before the process is what it was started for.
start_cut() {
  trap '' HUP INT TERM
  start_tell "$name is still not ready (${ready:-alive})"
  [ "$start_for" != asleep ] || start_forget
  exit 124
}

start_forget() {
  tree_kill
  rm -f "$dir/record"
}

# start_tell MESSAGE: with the last lines of the log.
start_tell() {
  { echo "$1"; tail -n 20 "$dir/log"; } >&2
}

# Without a check, a process that still lives after 0.2 s counts as ready.
start_ready() {
  if [ -z "$ready" ]; then
    guard_clock
    [ "$guard_now" -ge "$start_settled" ]
    return
  fi
  tree_scan
  # shellcheck disable=SC2086 # a list of pids
  ready_now "$ready" "$pid" $tree
}
