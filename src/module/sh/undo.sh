# What must be known to take a step back, kept on the host until the next run.
#
# The engine sets RV_DIR (the service's folder), RV_EPOCH and, where a run has a name, RV_RUN.

# shellcheck shell=sh disable=SC2034 # `kept` is read by the callers
# undo_room: makes this run's folder and sets `undo` to it. Folders of earlier runs go.
undo_room() {
  undo=${RV_DIR:?}/undo/${RV_RUN:-${RV_EPOCH:?}}
  [ ! -d "$undo" ] || return 0
  for old in "$RV_DIR"/undo/*; do
    [ ! -d "$old" ] || rm -rf "$old"
  done
  (umask 077 && mkdir -p "$undo")
}

# undo_keep KEY TEXT: remembers one line.
undo_keep() {
  undo_room && printf '%s\n' "$2" >"$undo/$1"
}

# undo_recall KEY: sets `kept` to the line; fails where there is none.
undo_recall() {
  kept=''
  [ -f "${RV_DIR:?}/undo/${RV_RUN:-${RV_EPOCH:?}}/$1" ] || return
  read -r kept <"$RV_DIR/undo/${RV_RUN:-$RV_EPOCH}/$1"
}

# undo_forget KEY: once it has been taken back, it is not taken back again.
undo_forget() {
  rm -f "${RV_DIR:?}/undo/${RV_RUN:-${RV_EPOCH:?}}/$1"
}
