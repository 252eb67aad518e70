# Waits until something holds on the host; the step's deadline is what ends a wait in vain.
#
# Called by the wait_for module's steps, which ask ready.sh about ports.
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
