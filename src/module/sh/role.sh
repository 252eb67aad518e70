# The role this host has for the service, as far as it was told. Called by the steps that role.rs makes.
# shellcheck shell=sh disable=SC2154 # `kept` is set by undo_recall

# role_is ROLE|none: exit 0, or 10 when it is another.
role_is() {
  role_read
  [ "$role" = "$1" ] || return 10
}

role_read() {
  role=none
  [ ! -e "$RV_DIR/role" ] || read -r role <"$RV_DIR/role"
}

# role_set ROLE|none
role_set() {
  role_read
  undo_recall "role.$1" || undo_keep "role.$1" "$role" || return
  role_write "$1"
}

role_write() {
  case $1 in
    none) rm -f "$RV_DIR/role" ;;
    *) echo "$1" | write_whole "$RV_DIR/role" ;;
  esac
}

# role_undo ROLE|none: takes back role_set of the same.
role_undo() {
  undo_recall "role.$1" || return 0
  role_write "$kept" && undo_forget "role.$1"
}
