# Asks whether another host answers for a service address.
#
# Needs address.sh and iproute2. CLAIMS are words of the form DEV=ADDRESS.
# shellcheck shell=sh disable=SC2154 # variables of address.sh

# address_silent MS [--device DEV] ADDRESS…: 0 if no other host answers for any of them within that time. 1 if one
# does, or if silence would prove nothing. A watch may have had this host listen just now, before there was a plan:
# that is not done again.
address_silent() (
  window=$1 && shift
  address_options "$@"
  asked=''
  for address in $addresses; do
    address_find "$address"
    address_device "$address"
    asked="$asked $dev=$address"
  done
  if address_heard_nobody 100 "$window" "$asked"; then
    address_remember "$heard_at" "$heard_for" "$asked"
    exit
  fi
  [ ! -f "$RV_DIR/silent" ] || : >"$RV_DIR/silent"
  address_unanswered "$window" "$asked"
  address_clock
  address_remember "$now" "$window" "$asked"
)

# address_remember TIME MS CLAIMS: for an address_silent or an address_up that comes at once. On a host that has no
# part in the service yet, nothing is left behind.
address_remember() {
  [ -d "$RV_DIR" ] || return 0
  echo "${RV_EPOCH:-} $1 $2$3" >"$RV_DIR/silent.new" && mv -f "$RV_DIR/silent.new" "$RV_DIR/silent"
}

# address_clock: sets `now` to the uptime in hundredths of a second.
address_clock() {
  read -r now _ </proc/uptime
  now=${now%.*}${now#*.}
  now=${now#0}
  now=${now#0}
}

# address_heard_nobody AGE MS CLAIMS: whether this host listened for all of them, that long or longer, no more than AGE
# hundredths of a second ago, and nobody answered. Sets `heard_at` and `heard_for`. A listening in the epoch before
# ours counts: it is what made somebody begin ours.
address_heard_nobody() {
  [ -s "$RV_DIR/silent" ] && read -r epoch heard_at heard_for heard <"$RV_DIR/silent" && address_clock || return
  [ "$epoch" = "${RV_EPOCH:-}" ] || [ "$((${epoch:-0} + 1))" = "${RV_EPOCH:-}" ] || return
  heard_age=$((now - heard_at))
  [ "$heard_age" -ge 0 ] && [ "$heard_age" -le "$1" ] && [ "$heard_for" -ge "$2" ] || return
  for claim in $3; do
    case " $heard " in *" $claim "*) ;; *) return 1 ;; esac
  done
}

# address_just_silent CLAIMS: whether this host asked for all of them within the last three seconds, and nobody
# answered. That counts once.
address_just_silent() {
  address_heard_nobody 300 0 "$1" || return
  : >"$RV_DIR/silent"
}

# address_unanswered MS "DEV=ADDRESS …": asks for each three times within the window, by the kernel's own ARP or
# neighbour discovery: it sends at once however busy the host is, and keeps the answer.
address_unanswered() {
  address_ask "$2" || exit
  address_listen "$1" "$2"
  address_forget "$2"
}

# address_listen MS CLAIMS: the same, where each was asked for once, just now.
address_listen() {
  address_clock
  listen_from=$now
  for claim in $2; do
    case $(ip -o link show dev "${claim%%=*}") in
      *[,\<]LOWER_UP[,\>]*) ;;
      *) address_fail "${claim%%=*} has no link: nobody could be heard" ;;
    esac
  done
  for listen_third in 1 2 3; do
    address_rest $(($1 * listen_third / 3))
    for claim in $2; do
      address_answer "${claim%%=*}" "${claim#*=}"
    done
    [ "$listen_third" = 3 ] || address_ask "$2" || exit
  done
}

# address_rest MS: until that long after listen_from, and no shorter: the clock may be a hundredth of a second ahead.
address_rest() {
  address_clock
  rest=$(($1 - (now - listen_from - 1) * 10))
  [ "$rest" -le "$1" ] || rest=$1
  [ "$rest" -le 0 ] || sleep "$(printf '%d.%03d' $((rest / 1000)) $((rest % 1000)))"
}

# address_ask CLAIMS: forgets what the kernel knew of them and has it ask. (`neigh del` of an unknown one would end the
# batch.)
address_ask() {
  for claim in $1; do
    neighbour="neigh replace ${claim#*=}"
    printf '%s\n' "${neighbour%/*} dev ${claim%%=*} nud failed" "${neighbour%/*} dev ${claim%%=*} use"
  done | ip -batch -
}

# address_answer DEV ADDRESS: fails with the name of whoever answered.
address_answer() {
  answer=$(ip neigh show "${2%/*}" dev "$1")
  case $answer in
    *lladdr*)
      mac=${answer##*lladdr }
      address_forget "$1=$2"
      address_fail "${2%/*} is held by ${mac%% *} on $1"
      ;;
  esac
}

address_forget() {
  for claim in $1; do
    neighbour="neigh replace ${claim#*=}"
    echo "${neighbour%/*} dev ${claim%%=*} nud failed"
  done | ip -batch -
}
