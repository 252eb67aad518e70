# Service addresses: held as single hosts (/32, /128), and given up.
#
# Needs undo.sh, announce.sh, ask.sh and iproute2. An ADDRESS is written with the prefix of its network, 10.83.0.80/24:
# the network says which device it belongs on.
# shellcheck shell=sh disable=SC2154 # `kept` is set by undo_recall

# address_options [--device DEV] [--lease SECONDS] [--check MS] ADDRESS…
address_options() {
  device='' lease='' check=0 addresses=''
  while [ $# -gt 0 ]; do
    case $1 in
      --device) device=$2 && shift 2 ;;
      --lease) lease=$2 && shift 2 ;;
      --check) check=$2 && shift 2 ;;
      *) addresses="$addresses $1" && shift ;;
    esac
  done
}

address_fail() {
  printf '%s\n' "$*" >&2
  exit 1
}

# address_find ADDRESS: sets `ip`, `bits`, and as the host has it: `on` (the device that holds it, or empty), `as`
# (its prefix there), `left` (seconds of its lifetime left, or "forever"), `dev` (the device of its network).
address_find() {
  ip=${1%/*} dev=$device on='' as='' left='' bits=32
  case $ip in *:*) bits=128 ;; esac
  while read -r _ name _ cidr rest; do
    case $cidr in
      "$ip"/*)
        on=$name as=${cidr#*/} left=${rest##*valid_lft } left=${left%%[s ]*}
        case $rest in *dadfailed*) as=dadfailed ;; esac
        ;;
      '' | */32 | */128) ;;
      *) dev=${dev:-$name} ;;
    esac
  done <<FOUND
$(ip -o addr show to "$1")
FOUND
}

# address_device ADDRESS: fails, naming the host's networks, where no device belongs to the address.
address_device() {
  [ -n "$dev" ] && return
  while read -r to way; do
    case $to in default | '') continue ;; esac
    dev=${way#*dev } dev=${dev%% *}
    return
  done <<FOUND
$(ip -o route show to match "$ip" scope link)
FOUND
  has=$(ip -o addr show scope global | while read -r _ name _ cidr _; do printf ' %s (%s)' "$cidr" "$name"; done)
  address_fail "no device in the network of $1; this host has${has:- no address at all}"
}

# address_fits [--device DEV] ADDRESS…: 0 if this host has a device for each of them. Reads only.
address_fits() (
  address_options "$@"
  for address in $addresses; do
    address_find "$address"
    address_device "$address"
    ip link show dev "$dev" >/dev/null 2>&1 || address_fail "there is no device $dev for $ip on this host"
  done
)

# address_is up|absent|staged [OPTIONS] ADDRESS…: 0 if so, 10 if not.
address_is() (
  state=$1 && shift
  address_options "$@"
  for address in $addresses; do
    address_find "$address"
    case $state in
      up)
        address_device "$address"
        [ "$on/$as" = "$dev/$bits" ] && address_fresh || exit 10
        ;;
      absent) [ -z "$on" ] || exit 10 ;;
      staged) [ -z "$on" ] && address_bindable || exit 10 ;;
    esac
  done
)

# address_fresh: whether the lifetime is as wanted; a lease is renewed when half of it has run.
address_fresh() {
  case ${lease:-none}/$left in
    none/forever) true ;;
    none/* | */forever) false ;;
    *) [ "$left" -le "$lease" ] && [ "$((left * 2))" -ge "$lease" ] ;;
  esac
}

# address_up [OPTIONS] ADDRESS…: takes each address that is not held yet, unless another host answers for it.
address_up() (
  address_options "$@"
  claims=''
  for address in $addresses; do
    address_find "$address"
    address_device "$address"
    case $on/$as in
      "$dev/$bits") address_fresh || address_add ;;
      */dadfailed | */32 | */128) ip addr del "$ip/$bits" dev "$on" && claims="$claims $dev=$address" ;;
      /) claims="$claims $dev=$address" ;;
      *) address_fail "$ip/$as on $on was not put there by reveille; remove it or choose another address" ;;
    esac || exit
  done
  [ -n "$claims" ] || exit 0
  address_can_announce "$claims"
  [ "$check" -eq 0 ] || address_just_silent "$claims" || address_unanswered "$check" "$claims"
  for claim in $claims; do
    address_claim "$claim" || exit
  done
)

# address_claim DEV=ADDRESS: adds it and starts its announcements.
address_claim() {
  dev=${1%%=*} address=${1#*=} bits=32
  ip=${address%/*}
  case $ip in *:*) bits=128 ;; esac
  address_note absent || return
  address_undrop
  address_add && address_announcer "$ip" "$dev"
}

# address_note TEXT: remembers how `ip` was, for address_back.
address_note() {
  [ -n "${undoing:-}" ] || undo_keep "address-$ip" "$1"
}

address_add() {
  set -- "$ip/$bits" dev "$dev"
  [ -z "$lease" ] || set -- "$@" valid_lft "$lease" preferred_lft "$lease"
  if [ "$bits" = 32 ]; then
    ip addr replace "$@"
  elif address_na_tool; then
    ip addr replace "$@" nodad
  else
    address_add_notified "$@"
  fi
}

# address_add_notified …: lets the kernel say an unsolicited neighbour advertisement as it adds an IPv6 address. It
# does so only for an address that finished duplicate detection, so that has to be instant for a moment.
address_add_notified() (
  conf=/proc/sys/net/ipv6/conf/$dev
  dad=$(cat "$conf/accept_dad") && notify=$(cat "$conf/ndisc_notify") || exit
  trap 'echo "$dad" >"$conf/accept_dad"; echo "$notify" >"$conf/ndisc_notify"' EXIT
  trap 'exit 143' TERM INT HUP
  echo 0 >"$conf/accept_dad" && echo 1 >"$conf/ndisc_notify" && ip addr replace "$@" || exit
  tries=0
  while [ -n "$(ip -6 -o addr show to "$ip" tentative)" ] && [ $((tries += 1)) -lt 100 ]; do :; done
)

# address_renew SECONDS UPTIME_MS [--device DEV] ADDRESS…: lets each address that is held here live that long from now
# on, provided that it is not later than UPTIME_MS by this host's uptime. Prints the uptime before, `uptime_ms N`.
# Whoever was stopped between the question and the renewal may have revived an address that the kernel had dropped and
# that another host has taken: what was renewed too late is dropped at once.
address_renew() (
  lease=$1 not_after=$2 && shift 2
  address_options "$@" --lease "$lease"
  for address in $addresses; do
    address_find "$address"
    [ -n "$on" ] || address_fail "$ip is not held here any more"
    [ "$on/$as" = "${device:-$on}/$bits" ] || address_fail "$ip/$as on $on was not put there by reveille"
  done
  address_in_time "$not_after" || address_fail "the renewal came too late: $now_ms ms of uptime are past $not_after"
  echo "uptime_ms $now_ms"
  for address in $addresses; do
    address_find "$address"
    [ -n "$on" ] || address_fail "$ip is not held here any more"
    dev=$on
    set -- "$ip/$bits" dev "$dev" valid_lft "$lease" preferred_lft "$lease"
    [ "$bits" = 32 ] || set -- "$@" nodad
    ip addr change "$@" || exit
  done
  address_in_time "$not_after" && exit
  for address in $addresses; do
    address_find "$address"
    [ -z "$on" ] || address_release
  done
  address_fail "the renewal came too late and was taken back: $now_ms ms of uptime are past $not_after"
)

# address_in_time UPTIME_MS: sets `now_ms`.
address_in_time() {
  address_clock
  now_ms=${now}0
  [ "$now_ms" -le "$1" ]
}

# address_absent ADDRESS…: gives each address up: silences it, drops what comes in for it, ends its connections,
# deletes it.
address_absent() (
  address_options "$@"
  for address in $addresses; do
    address_find "$address"
    address_hush "$ip"
    while [ -n "$on" ]; do
      address_note "$on $left" || exit
      address_release || address_fail "$ip could not be taken off $on"
      address_find "$address"
    done
  done
)

# address_release: in this order, so that no half-dead connection answers a client once more: drop, end, delete. The
# resets still go out: they tell clients that wait for an answer. Ending the drop takes the kernel longest and nobody
# waits for it.
address_release() {
  address_drop
  case $ip in *:*) end="[$ip]" ;; *) end=$ip ;; esac
  ! command -v ss >/dev/null || ss -K -n src "$end" >/dev/null 2>&1
  [ "$as" != dadfailed ] || as=$bits
  ip addr del "$ip/$as" dev "$on" && ip route flush cache 2>/dev/null
  released=$?
  address_undrop </dev/null >/dev/null 2>&1 8>&- 9>&- &
  return "$released"
}

# address_drop: with nft or iptables, whichever there is; without either, a client may get an answer of a connection
# that is about to end. A file says that packets are dropped, for an address_up after a release that was killed.
address_drop() {
  [ "$bits" = 32 ] && family=ip || family=ip6
  table=reveille_$(printf %s "$ip" | tr -c '0-9a-f' _)
  if command -v nft >/dev/null; then
    echo "nft delete table inet $table" >"$RV_DIR/dropped-$ip"
    nft -f - 2>/dev/null <<RULES
table inet $table {
  chain incoming {
    type filter hook input priority -300
    $family daddr $ip drop
  }
}
RULES
  elif command -v "${family}tables" >/dev/null; then
    echo "${family}tables -w -D INPUT -d $ip -j DROP" >"$RV_DIR/dropped-$ip"
    "${family}tables" -w -I INPUT -d "$ip" -j DROP 2>/dev/null
  fi
}

# address_undrop: ends the drop of `ip`, if one was left.
address_undrop() {
  [ -f "$RV_DIR/dropped-$ip" ] || return 0
  sh "$RV_DIR/dropped-$ip" 2>/dev/null
  rm -f "$RV_DIR/dropped-$ip"
}

# address_staged ADDRESS…: not held here, but a process may bind to it already.
address_staged() (
  address_absent "$@" || exit
  address_options "$@"
  for address in $addresses; do
    address_find "$address"
    address_bindable && continue
    undo_keep "nonlocal-$bits" 0 && echo 1 >"$(address_nonlocal)" || exit
  done
)

address_nonlocal() {
  [ "$bits" = 32 ] && echo /proc/sys/net/ipv4/ip_nonlocal_bind || echo /proc/sys/net/ipv6/ip_nonlocal_bind
}

address_bindable() {
  [ "$(cat "$(address_nonlocal)")" = 1 ]
}

# address_back [--check MS] ADDRESS…: puts each address back to what it was before this run touched it.
address_back() (
  address_options "$@"
  undoing=yes
  for address in $addresses; do
    address_find "$address"
    if undo_recall "nonlocal-$bits"; then
      echo "$kept" >"$(address_nonlocal)" && undo_forget "nonlocal-$bits" || exit
    fi
    undo_recall "address-$ip" || continue
    case $kept in
      absent) address_absent "$address" ;;
      *' forever') address_up --device "${kept% *}" --check "$check" "$address" ;;
      *) address_up --device "${kept% *}" --check "$check" --lease "${kept#* }" "$address" ;;
    esac && undo_forget "address-$ip" || exit
  done
)
