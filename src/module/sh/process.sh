# Entry points of the `process` module: process_is, process_asleep, process_awake, process_absent, process_undo.
# Needs guard.sh, undo.sh, record.sh, tree.sh, start.sh and ready.sh. Each entry point runs in a shell of its own.
# shellcheck shell=sh disable=SC2154,SC2034 # variables are shared with these files
#
# WORDS are: [--method M] [--ready CHECK] [--stop SIGNAL:TIME[:GRACE]] [--user U] [--chdir D] [--env K=V]... [-- PROGRAM ARG...]
# The same words are the same process: a sleeping copy that was started by others is replaced.

# process_is asleep|awake|absent NAME [WORDS]: exit 0, or 10 when something has to be done.
process_is() {
  process_open "$1" "$2"
  shift 2
  process_words "$@"
  process_state
  echo "$name is $state"
  case $target:$state in
    asleep:asleep) process_same || return 10 ;;
    awake:awake | absent:absent) ;;
    *) return 10 ;;
  esac
}

# process_asleep NAME [WORDS]: started if need be, ready, and all of it frozen.
process_asleep() {
  process_begin asleep "$@"
  case $state in
    asleep) process_same && return ;;
    awake | mixed) process_same && { tree_sleep; return; } ;;
  esac
  process_replace asleep && tree_sleep && start_done
}

# process_awake NAME [WORDS]: all of it runs. A copy that died in its sleep is started anew; one that runs is left alone,
# whatever the words.
process_awake() {
  process_begin awake "$@"
  case $state in
    awake) ;;
    asleep | mixed) tree_wake ;;
    *) process_replace awake ;;
  esac
}

# process_absent NAME [--stop SIGNAL:TIME[:GRACE]]: nothing of it is left. How it was started stays known.
process_absent() {
  process_begin absent "$@"
  process_stop
}

# process_undo asleep|awake|absent NAME: takes back the act of the same name in this run, however far it came. What was
# running or sleeping before does so again; a process that is gone is started anew, as it was.
process_undo() {
  process_open "$1" "$2"
  undo_recall "$key" && undo_room || return 0
  process_words
  process_lock
  process_state
  process_restore "${kept%% *}" "${kept#* }" && rm -f "$undo/$key.launch" && undo_forget "$key"
}

# process_restore STATE "PID START"
process_restore() {
  case $1 in
    absent | dead) process_stop && process_old_launch; return ;;
  esac
  if [ "$2" != "$pid $start" ] || [ "$state" = dead ]; then
    process_stop && process_old_launch && process_start "$1" || return
  fi
  case $1 in
    asleep) tree_sleep && start_done ;;
    *) tree_wake ;;
  esac
}

# process_open TARGET NAME
process_open() {
  umask 077
  target=$1 name=$2 dir=$RV_DIR/proc/$2 key=process.$2.$1
}

# process_begin TARGET NAME [WORDS]: what every act does first. Sets state, and notes it for the undo if it has to change.
process_begin() {
  process_open "$1" "$2"
  shift 2
  # Anyone may ask for facts; how it is started, and what it says, is for root.
  [ -d "$dir" ] || (umask 022 && mkdir -p "$dir") || exit
  process_lock
  process_words "$@"
  process_state
  if [ "$state" = "$target" ] && process_same; then return; fi
  # A second attempt keeps what the first one noted.
  undo_recall "$key" && return
  undo_room && process_keep_launch && undo_keep "$key" "$state $pid $start" || exit
}

# One act at a time, should an earlier one still be on its way out. What is started does not hold the lock.
process_lock() {
  [ -d "$dir" ] || return 0
  exec 8>>"$dir/lock"
  until flock -n 8; do nap; done
}

# process_state: absent, dead (recorded, but gone or replaced by another), asleep, awake, or mixed (neither wholly).
process_state() {
  launch='' state=absent
  [ ! -e "$dir/launch" ] || launch=$(cat "$dir/launch")
  record_read "$dir" || return 0
  if ! record_alive; then state=dead
  elif tree_asleep; then state=asleep
  elif tree_awake; then state=awake
  else state=mixed; fi
}

# process_words [WORDS]: sets the settings they hold, and wanted to the words as text; empty without a program.
process_words() {
  wanted=''
  for word in "$@"; do
    quote "$word"
    wanted="$wanted${wanted:+ }$quoted"
  done
  process_settings "$@"
  [ -n "$program" ] || wanted=''
}

process_settings() {
  method=auto ready='' stop='' program=''
  while [ $# -gt 1 ] && [ -z "$program" ]; do
    case $1 in
      --method) method=$2 ;;
      --ready) ready=$2 ;;
      --stop) stop=$2 ;;
      --) program=$2 ;;
    esac
    shift 2
  done
}

# process_same: is the recorded process the one the words describe? Yes where they name no program.
process_same() {
  [ -z "$wanted" ] || [ "$wanted" = "$launch" ]
}

# process_replace asleep|awake: ends what is left of an earlier one and starts it, by this step's words or else by those of last time.
process_replace() {
  if [ -z "$wanted" ] && [ "$state" = absent ]; then
    echo "$name was not started here before, and this step has no command to start it" >&2
    return 1
  fi
  process_stop || return
  [ -z "$wanted" ] || printf '%s\n' "$wanted" | write_whole "$dir/launch" || return
  process_start "$1"
}

# process_stop: asks, waits, kills, and forgets the process but not how it was started.
process_stop() {
  [ "$state" != absent ] || return 0
  stop_said=$stop
  eval "process_settings $launch"
  stop=${stop_said:-${stop:-TERM:10s}}
  stop=$stop:0s stop_times=${stop#*:} stop_grace=${stop_times#*:}
  process_hundredths "${stop_grace%%:*}" && stop_grace=$hundredths
  process_hundredths "${stop_times%%:*}"
  tree_end "${stop%%:*}" "$hundredths" "$stop_grace" && rm -f "$dir/record" && state=absent pid='' start=''
}

# process_hundredths TIME: sets hundredths, of a second.
process_hundredths() {
  case $1 in
    *ms) hundredths=$((${1%ms} / 10)) ;;
    *) hundredths=$((${1%s} * 100)) ;;
  esac
}

process_keep_launch() {
  [ ! -e "$dir/launch" ] || write_whole "$undo/$key.launch" <"$dir/launch"
}

process_old_launch() {
  if [ -e "$undo/$key.launch" ]; then write_whole "$dir/launch" <"$undo/$key.launch"; else rm -f "$dir/launch"; fi
}

# quote WORD: sets quoted to text that the shell reads back as that one word.
quote() {
  quoted=$1
  case $1 in '' | *[!A-Za-z0-9_./:=,@%+-]*) ;; *) return ;; esac
  quoted='' rest=$1
  while :; do
    case $rest in *\'*) ;; *) break ;; esac
    quoted="$quoted${rest%%\'*}'\\''"
    rest=${rest#*\'}
  done
  quoted="'$quoted$rest'"
}
