# Tells the neighbours who holds a service address: gratuitous ARP, unsolicited neighbour advertisements.
#
# Needs address.sh; for IPv4 arping (iputils, Habets or busybox), for IPv6 ndptool or ndsend. CLAIMS are words of the
# form DEV=ADDRESS.
# shellcheck shell=sh disable=SC2154 # variables of address.sh

# address_can_announce CLAIMS: refuses IPv4 without arping; warns where IPv6 can be announced only once.
address_can_announce() {
  for claim in $1; do
    case $claim in
      *=*:*)
        address_na_tool ||
          echo "${claim#*=} is announced only once; ndptool (Debian: libndp-tools) could repeat it" >&2
        ;;
      *)
        command -v arping >/dev/null ||
          address_fail "cannot announce ${claim#*=}: no arping; install iputils-arping (RHEL: iputils)"
        ;;
    esac
  done
}

address_na_tool() {
  command -v ndptool >/dev/null || command -v ndsend >/dev/null
}

# address_announcer IP DEV: says at once, in the background, five times who holds the address, and five times more
# after five seconds. It outlives this script. Before each time it looks whether it is still wanted (its file names
# it), the address still held here and the service's epoch still ours.
address_announcer() {
  [ -d "$RV_DIR/announcer" ] || mkdir -p "$RV_DIR/announcer" || return
  echo "${RV_EPOCH:-} $$" >"$RV_DIR/announcer/$1" || return
  # Habets' arping takes this for a mistake, says nothing, and is asked again below.
  [ "${1#*:}" != "$1" ] || arping -q -U -c 1 -w 1 -I "$2" -s "$1" "$1" </dev/null >/dev/null 2>&1 8>&- 9>&- &
  setsid sh -s -- "$1" "$2" "$RV_DIR" "${RV_EPOCH:-} $$" <<'ANNOUNCER' >/dev/null 2>&1 8>&- 9>&- &
say() {
  case $1 in
    *:*)
      if command -v ndptool; then ndptool -t na -U -i "$2" -T "$1" send; else ndsend "$1" "$2"; fi
      ;;
    *)
      arping -q -U -c 1 -w 1 -I "$2" $from "$1" "$1" &
      arping -q $reply -c 1 -w 1 -I "$2" $from "$1" "$1" &
      ;;
  esac </dev/null
}
wanted() {
  read -r who <"$3/announcer/$1" && [ "$who" = "$4" ] || return
  epoch=${4% *}
  [ ! -r "$3/epoch" ] || read -r epoch <"$3/epoch"
  [ "$epoch" = "${4% *}" ] && [ -n "$(ip -o addr show to "$1" dev "$2")" ]
}
reply=-A from=-s
case $(arping -V 2>&1 </dev/null) in *ARPing*) reply='-U -P' from=-S ;; esac
for pause in 0 0.05 0.1 0.2 0.4 5 0.05 0.1 0.2 0.4; do
  sleep "$pause"
  wanted "$@" || exit 0
  say "$@"
done
rm -f "$3/announcer/$1"
ANNOUNCER
}

# address_hush IP: ends the announcements of an address.
address_hush() {
  rm -f "$RV_DIR/announcer/$1"
}

# address_announce ADDRESS…: announces addresses that are held here already, after a former holder was repaired.
address_announce() (
  address_options "$@"
  for address in $addresses; do
    address_find "$address"
    [ -n "$on" ] || address_fail "$ip is not held here"
    address_can_announce "$on=$address"
    address_announcer "$ip" "$on" || exit
  done
)
