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
  pause=$(printf '%d.%03d' $(($1 / 3000)) $(($1 / 3 % 1000)))
  for claim in $2; do
    case $(ip -o link show dev "${claim%%=*}") in
      *[,\<]LOWER_UP[,\>]*) ;;
      *) address_fail "${claim%%=*} has no link: nobody could be heard" ;;
    esac
  done
  for _ in 1 2 3; do
    address_ask "$2" || exit
    sleep "$pause"
    for claim in $2; do
      address_answer "${claim%%=*}" "${claim#*=}"
    done
  done
  address_forget "$2"
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
