# What a host sees of suspects: whether a host's kernel answers, whether anyone answers for a service's addresses,
# whether the service answers through them. Each answer is a line of its own, as soon as it is known, for Statement:
# `witness host|address|service NAME answered|wrong|refused|silent|cannot DETAIL`; DETAIL of `silent` is milliseconds.
#
# Needs address.sh, crew.sh, talk.sh and facts.sh. `asking` is how many milliseconds an answer is waited for. Meant for
# root: others cannot have the kernel ask its neighbours.
# shellcheck shell=sh disable=SC2154,SC2034 # variables are shared with the files named above

# witness_say TOPIC NAME WORD DETAIL: the first line of the detail.
witness_say() {
  printf 'witness %s %s %s %s\n' "$1" "$2" "$3" "${4%%
*}"
}

# witness_facts: line by line, so that no other job's answer falls into one.
witness_facts() {
  facts | while IFS= read -r witness_fact; do printf '%s\n' "$witness_fact"; done
}

# witness_host NAME ADDRESS: by echo and, where it is a neighbour, by the kernel's own ARP or neighbour discovery, which
# no packet filter hides. A frozen host answers: its kernel lives.
witness_host() {
  guard_clock
  witness_until=$((guard_now + asking / 10))
  witness_echo host "$1" "$2" &
  witness_pinging=$!
  witness_neighbour "$2"
  if [ -n "$witness_on" ] && address_ask "$witness_on=$2" 2>/dev/null; then
    witness_ask_neighbour "$1" "$2"
  else
    witness_await_echo "$1"
  fi
  kill -s KILL "$witness_pinging" 2>/dev/null
}

# witness_neighbour ADDRESS: sets witness_on to the device on whose link it is; empty where it is further away, or
# somebody has written its hardware address down for good.
witness_neighbour() {
  witness_on=
  case $1 in *[!0-9a-fA-F.:]*) return ;; esac
  witness_way=$(ip -o route get "$1" 2>/dev/null)
  case $witness_way in
    *' via '* | local*) return ;;
    *' dev '*) witness_on=${witness_way#* dev } witness_on=${witness_on%% *} ;;
    *) return ;;
  esac
  case $(ip neigh show "$1" dev "$witness_on") in *PERMANENT*) witness_on= ;; esac
}

# witness_in_time: whether there is time left to wait for an answer.
witness_in_time() {
  guard_clock
  [ "$guard_now" -lt "$witness_until" ]
}

# witness_ask_neighbour NAME ADDRESS: looks often, and asks again now and then.
witness_ask_neighbour() {
  while :; do
    for witness_nap in 0.01 0.03 0.04 0.04; do
      sleep "$witness_nap"
      case $(ip neigh show "$2" dev "$witness_on") in
        *lladdr*) witness_say host "$1" answered "its link answers on $witness_on"; return ;;
      esac
      witness_in_time || { witness_say host "$1" silent "$asking"; return; }
    done
    address_ask "$witness_on=$2"
  done
}

# witness_echo TOPIC NAME ADDRESS: asks every 0.2 s for a second, or until it is answered.
witness_echo() {
  if ! command -v ping >/dev/null; then
    witness_say "$1" "$2" cannot 'this host has no ping'
  elif ping -n -q -c 1 -i 0.2 -w 1 "$3" >/dev/null 2>&1 || ping -c 1 -W 1 "$3" >/dev/null 2>&1; then
    witness_say "$1" "$2" answered echo
  fi
}

# witness_await_echo NAME: until it has said something, or the time is up.
witness_await_echo() {
  while stat_read "$witness_pinging" && [ "$stat_state" != Z ]; do
    witness_in_time || { witness_say host "$1" silent "$asking"; return; }
    nap
  done
}

# witness_address SERVICE EPOCH MS [--device DEV] ADDRESS…: asks at once, before other jobs take the processor, and
# listens in the background as the step of a plan would. It leaves the same note: a plan that follows at once need not
# listen again.
witness_address() {
  RV_SERVICE=$1 RV_EPOCH=$2 witness_window=$3
  RV_DIR=${RV_ROOT:-/run/reveille}/$1
  shift 3
  if witness_asked=$(witness_ask "$@" 2>&1); then
    crew_start "address:$RV_SERVICE" witness_listen
  else
    witness_unheard "$witness_asked"
  fi
}

# witness_ask [--device DEV] ADDRESS…: prints the claims that it asked for.
witness_ask() (
  address_options "$@"
  asked=''
  for address in $addresses; do
    address_find "$address"
    [ -z "$on" ] || address_fail "$ip is held here, on $on"
    address_device "$address"
    asked="$asked $dev=$address"
  done
  [ ! -f "$RV_DIR/silent" ] || : >"$RV_DIR/silent"
  address_ask "$asked" || exit
  printf '%s\n' "$asked"
)

witness_listen() {
  if witness_said=$(address_listen "$witness_window" "$witness_asked" 2>&1); then
    address_clock
    address_remember "$now" "$witness_window" "$witness_asked"
    witness_say address "$RV_SERVICE" silent "$witness_window"
    address_forget "$witness_asked"
  else
    witness_unheard "$witness_said"
  fi
}

# witness_unheard WORDS: the last line is the reason; as address_answer has it, if somebody answered.
witness_unheard() {
  witness_said=${1##*
}
  case $witness_said in
    *' is held '*) witness_say address "$RV_SERVICE" answered "$witness_said" ;;
    *) witness_say address "$RV_SERVICE" cannot "$witness_said" ;;
  esac
}

# witness_service SERVICE COMMAND…: as a client, with whatever program there is. The command is one of talk.sh.
witness_service() {
  witness_name=$1
  shift
  guard_clock
  talk_until $((guard_now + asking / 10)) "$@"
  witness_say service "$witness_name" "$talk_word" "$talk_detail"
}

# witness_end MS: waits for all answers, and says of which it knows nothing.
witness_end() {
  crew_wait "$1"
  for witness_late in $crew_late; do
    case $witness_late in
      *:*) witness_say "${witness_late%%:*}" "${witness_late#*:}" cannot "not known after $1 ms" ;;
    esac
  done
}
