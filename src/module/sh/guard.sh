# Runs before every remote script: who may act on this host for a service, and in which epoch.
# guard.rs puts RV_SERVICE, RV_EPOCH and RV_DIR in front. POSIX sh; nothing here forks without need.

# guard_enter: for scripts that change something. Holds a shared lock on fd 9 until the shell ends; while it is held
# nobody can raise the epoch. Exit 76 and a line `epoch N` on stdout: this host has already seen a newer one.
guard_enter() {
    command -v flock >/dev/null || { echo "this host has no flock (part of util-linux and of busybox)" >&2; return 1; }
    [ -d "$RV_DIR" ] || mkdir -p "$RV_DIR" || return 1
    exec 9>>"$RV_DIR/lock"
    guard_clock
    guard_deadline=$((guard_now + ${RV_GUARD_WAIT:-5} * 100))
    while :; do
        guard_lock -s && guard_compare || return
        [ "$guard_found" -eq "$RV_EPOCH" ] && return 0
        # Changing a lock's kind lets go of it first, so what was read may be old: read again under the new lock,
        # and once more after going back to the shared one.
        guard_lock -x && guard_compare || return
        [ "$guard_found" -eq "$RV_EPOCH" ] || guard_raise || return
    done
}

# guard_look: for scripts that only read. Takes no lock and leaves no trace.
guard_look() {
    guard_compare
}

# Sets guard_found to the epoch this host knows (0: none); refuses when it is newer than ours.
guard_compare() {
    guard_found=0
    if [ -e "$RV_DIR/epoch" ]; then read -r guard_found <"$RV_DIR/epoch" || return 1; fi
    case $guard_found in
        '' | *[!0-9]*) echo "$RV_DIR/epoch holds no number" >&2; return 1 ;;
    esac
    [ "$guard_found" -gt "$RV_EPOCH" ] || return 0
    echo "epoch $guard_found"
    echo "refused: $RV_SERVICE is in epoch $guard_found on this host, this command is of epoch $RV_EPOCH" >&2
    return 76
}

guard_raise() {
    echo "$RV_EPOCH" >"$RV_DIR/epoch.new" && mv -f "$RV_DIR/epoch.new" "$RV_DIR/epoch"
}

# guard_lock -s|-x: takes the lock on fd 9, or gives up at the deadline.
guard_lock() {
    until flock -n "$1" 9; do
        guard_clock
        if [ "$guard_now" -ge "$guard_deadline" ]; then
            echo "commands of an older epoch than $RV_EPOCH are still running for $RV_SERVICE on this host" >&2
            return 1
        fi
        nap
    done
}

# Sets guard_now to the uptime in hundredths of a second.
guard_clock() {
    read -r guard_now _ </proc/uptime
    guard_now=${guard_now%.*}${guard_now#*.}
    guard_now=${guard_now#0}
    guard_now=${guard_now#0}
}

# The shortest wait this host's sleep can do.
nap() {
    sleep 0.02 2>/dev/null 9>&- || sleep 1 9>&-
}

# write_whole FILE: its new content comes from stdin; a reader sees the old or the new, never a part.
write_whole() {
    cat >"$1.new" && mv -f "$1.new" "$1"
}

# Undo notes. Before its first change, an act notes what was there; its undo believes only a note of the same run, epoch
# and target, so that a note of long ago is never acted upon.

# note_write FILE TARGET WAS...: keeps an earlier attempt's note, which saw the state before all attempts.
note_write() {
    note_file=$1 note_target=$2
    shift 2
    note_read "$note_file" "$note_target" && return 0
    echo "${RV_RUN:--} $RV_EPOCH $note_target $*" | write_whole "$note_file"
}

# note_read FILE TARGET: sets note_was; fails when there is no note of this run for this target.
note_read() {
    note_was=
    [ -e "$1" ] && read -r note_run note_epoch note_for note_was <"$1" || return 1
    [ "$note_run $note_epoch $note_for" = "${RV_RUN:--} $RV_EPOCH $2" ]
}

# The role this host has for the service, as far as it was told.

# role_is ROLE|none
role_is() {
    role_read
    [ "$role" = "$1" ] || return 10
}

role_read() {
    role=none
    if [ -e "$RV_DIR/role" ]; then read -r role <"$RV_DIR/role"; fi
}

# role_set ROLE|none
role_set() {
    role_read
    note_write "$RV_DIR/role.undo" "$1" "$role" && role_write "$1"
}

role_write() {
    case $1 in
        none) rm -f "$RV_DIR/role" ;;
        *) echo "$1" | write_whole "$RV_DIR/role" ;;
    esac
}

# role_undo ROLE|none: takes back role_set of the same.
role_undo() {
    note_read "$RV_DIR/role.undo" "$1" || return 0
    role_write "$note_was" && rm -f "$RV_DIR/role.undo"
}
