# Waits until something holds on the host; the step's deadline is what ends a wait in vain.
#
# Called by the wait_for module's steps.
# shellcheck shell=sh

# wait_until COMMAND…: returns once the command succeeds. Looks often at first, four times a second later.
wait_until() (
    pauses='0.01 0.02 0.05 0.1'
    until "$@"; do
        pause=${pauses%% *}
        case $pauses in *' '*) pauses=${pauses#* } ;; *) pause=0.25 ;; esac
        sleep "$pause"
    done
)

# wait_tcp PORT: whether something listens there, on any address.
wait_tcp() {
    wait_socket "$1" 0A tcp
}

# wait_udp PORT: whether something is bound there.
wait_udp() {
    wait_socket "$1" 07 udp
}

# wait_socket PORT STATE tcp|udp: reads the kernel's socket tables; ports and states are hexadecimal there.
wait_socket() {
    hex=$(printf %04X "$1")
    for table in "/proc/net/$3" "/proc/net/${3}6"; do
        [ ! -r "$table" ] || ! grep -q "^ *[0-9]*: [0-9A-F]*:$hex [0-9A-F]*:0000 $2 " "$table" || return 0
    done
    return 1
}

# wait_file PATH, wait_absent PATH
wait_file() {
    [ -e "$1" ]
}

wait_absent() {
    [ ! -e "$1" ] && [ ! -L "$1" ]
}

# wait_command COMMAND…: what it says is of no interest while it fails.
wait_command() {
    "$@" >/dev/null 2>&1
}
