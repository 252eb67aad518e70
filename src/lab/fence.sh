# A fence agent of a rehearsal lab. `lab up` puts these lines in front:
#   REVEILLE    the program that made the lab
#   DIR GROUP   the lab's folder and control group
#   SWITCH      the network namespace of its switch
#   WHAT        power: the host goes off at once; store: it can no longer write to /srv/shared
# Speaks as Debian's fence-agents do: options on standard input, `plug` is the host; exit 0 is success, and `status`
# exits with 0 for on, 2 for off.
set -u
PATH=$PATH:/usr/sbin:/sbin

lab() { "$REVEILLE" lab --dir "$DIR" "$@" </dev/null >&2; }

fail() {
    echo "fence_lab_$WHAT: $*" >&2
    exit 1
}

metadata() {
    cat <<XML
<?xml version="1.0" ?>
<resource-agent name="fence_lab_$WHAT" shortdesc="Fences a host of a rehearsal lab">
<parameters>
	<parameter name="action" unique="0" required="1"><content type="string" default="off" /></parameter>
	<parameter name="plug" unique="0" required="1"><content type="string" /></parameter>
	<parameter name="password" unique="0" required="0"><content type="string" /></parameter>
</parameters>
<actions>
	<action name="on" automatic="0" />
	<action name="off" />
	<action name="reboot" />
	<action name="status" />
	<action name="monitor" />
	<action name="metadata" />
</actions>
</resource-agent>
XML
}

# As a power switch does it, no more; `lab boot` clears away what is left. First the cable, so that nobody who dies says
# goodbye. Before Linux 5.14 a group cannot be killed at once.
power_off() {
    [ -w "$GROUP/$plug/cgroup.kill" ] || { lab crash "$plug" && return; }
    ip -n "$SWITCH" link set dev "$plug" down 2>/dev/null
    echo 1 >"$GROUP/$plug/cgroup.kill"
    tries=0
    while has_power; do
        [ $((tries += 1)) -le 500 ] || return
        sleep 0.01
    done
}

has_power() { grep -qsx 'populated 1' "$GROUP/$plug/cgroup.events"; }

power() {
    case $1 in
    off) ! has_power || power_off ;;
    on) has_power || lab boot "$plug" ;;
    status) has_power || exit 2 ;;
    esac
}

# The folder is a mount of the host's own. One that is read-only has no writer left: as long as there is one, the
# kernel refuses to make it so.
# shellcheck disable=SC2016 # the host's shell expands it
CUT_OFF='
is_cut() { grep -q " /srv/shared [^ ]* ro[, ]" /proc/mounts; }
case $1 in
on) mount -o remount,bind,rw /srv/shared ;;
status) ! is_cut || exit 2 ;;
off)
    tries=0
    until is_cut || mount -o remount,bind,ro /srv/shared 2>/dev/null; do
        [ $((tries += 1)) -le 100 ] || exit 1
        for fd in /proc/[0-9]*/fd/*; do
            case $(readlink "$fd") in
            /srv/shared/*) pid=${fd#/proc/} && kill -9 "${pid%%/*}" ;;
            esac
        done
        sleep 0.02
    done
    ;;
esac'

store() {
    if ! has_power; then
        case $1 in
        off) return ;;
        status) exit 2 ;;
        *) fail "$plug is off" ;;
        esac
    fi
    lab exec "$plug" sh -c "$CUT_OFF" sh "$1"
}

if [ "$*" = '-o metadata' ]; then
    metadata
    exit
fi
action=off plug=''
while IFS='=' read -r key value; do
    case $key in
    action) action=$value ;;
    plug) plug=$value ;;
    esac
done
case $action in
metadata) metadata ;;
monitor) [ -d "$GROUP" ] || fail 'the lab is gone' ;;
*)
    [ -n "$plug" ] || fail 'no plug: name a host'
    [ -d "$DIR/hosts/$plug" ] || fail "the lab has no host $plug"
    case $action in
    on | off | status) "$WHAT" "$action" ;;
    reboot) "$WHAT" off && "$WHAT" on ;;
    *) fail "cannot $action" ;;
    esac
    ;;
esac
