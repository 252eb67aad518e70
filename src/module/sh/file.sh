# Files, directories and links: compared, put in place in one move, taken back.
#
# Needs undo.sh and `stat -c` (coreutils, busybox). What was there before is kept below the run's undo folder, under
# the same path: PATH.note says what it was, PATH.was is the former file.
# shellcheck shell=sh disable=SC2154 # `undo` is set by undo_room

# file_options PATH [--mode OCTAL] [--owner NAME] [--group NAME] [--sum CKSUM] [--text TEXT | --printf FORMAT]
#   [--check SHELL] [--to TARGET]
file_options() {
  path=$1 mode='' owner='' group='' sum='' form='' content='' check='' to=''
  shift
  while [ $# -gt 0 ]; do
    case $1 in
      --mode) mode=$2 ;;
      --owner) owner=$2 ;;
      --group) group=$2 ;;
      --sum) sum=$2 ;;
      --text) form='%s' content=$2 ;;
      --printf) form=$2 content='' ;;
      --check) check=$2 ;;
      --to) to=$2 ;;
    esac
    shift 2
  done
}

file_fail() {
  printf '%s\n' "$*" >&2
  exit 1
}

# file_follow: a file that is a link is changed where it really is.
file_follow() {
  [ ! -L "$path" ] || path=$(readlink -f -- "$path") || exit
}

# file_dressed PATH: whether mode, owner and group are as wanted; what was not asked for is.
file_dressed() {
  [ -n "$mode$owner$group" ] || return 0
  read -r has_mode has_uid has_owner has_gid has_group <<STAT
$(stat -c '%a %u %U %g %G' -- "$1")
STAT
  [ "${mode:-$has_mode}" = "$has_mode" ] || return
  case ${owner:-$has_uid} in "$has_uid" | "$has_owner") ;; *) return 1 ;; esac
  case ${group:-$has_gid} in "$has_gid" | "$has_group") ;; *) return 1 ;; esac
}

# file_dress PATH: owner before mode, since changing the owner clears set-user-ID. Of a directory, a GNU chmod takes the
# set-group-ID that it got from its parent only when told so with five digits.
file_dress() {
  [ -z "$owner$group" ] || chown -- "$owner${group:+:$group}" "$1" || return
  [ -z "$mode" ] || chmod -- "0000$mode" "$1"
}

# file_is file|directory|link|absent|touch PATH [OPTIONS]: 0 if so, 10 if not.
file_is() (
  state=$1 && shift
  file_options "$@"
  case $state in
    file)
      file_follow
      [ -f "$path" ] || [ -n "$sum" ] || file_fail "$path: no such file"
      [ -f "$path" ] && file_sums && file_dressed "$path"
      ;;
    directory) [ -d "$path" ] && file_dressed "$path" ;;
    touch) [ -e "$path" ] && file_dressed "$path" ;;
    link) [ -L "$path" ] && [ "$(readlink -- "$path")" = "$to" ] ;;
    absent) [ ! -e "$path" ] && [ ! -L "$path" ] ;;
  esac || exit 10
)

file_sums() {
  [ -z "$sum" ] || [ "$(cksum <"$path")" = "$sum" ]
}

# file_put PATH [OPTIONS]: the content becomes PATH in one move, already with its attributes, once it has been
# checked. Those not given stay as they were; a new file gets mode 0644.
file_put() (
  file_options "$@"
  file_follow
  [ ! -d "$path" ] || file_fail "$path is a directory"
  folder=$(dirname -- "$path")
  [ -d "$folder" ] || file_fail "no directory $folder; make it first (file: { path: $folder, state: directory })"
  file_note && file_keep || exit
  file_unique
  new=$folder/.${path##*/}.reveille.$unique
  trap 'rm -f -- "$new"' EXIT
  trap 'exit 143' TERM INT HUP
  umask 077
  if [ -f "$path" ]; then cp -p -- "$path" "$new"; else : >"$new" && chmod 644 "$new"; fi || exit
  # shellcheck disable=SC2059 # the format is the content
  if [ "$form" = %s ]; then printf %s "$content"; else printf "$form"; fi >"$new" || exit
  file_dress "$new" || exit
  [ -z "$check" ] || sh -c "$check" check "$new" || file_fail "$path: the new file does not pass its check"
  mv -f -- "$new" "$path"
)

# file_unique: sets `unique` to what no other process has, on no other host either: a folder may be shared by several
# hosts that write the same file at the same moment, and their process ids are often the same.
file_unique() {
  read -r unique </proc/sys/kernel/random/uuid
}

# file_make file|directory|link|absent|touch PATH [OPTIONS]
file_make() (
  state=$1 && shift
  file_options "$@"
  [ "$state" != file ] || file_follow
  file_note || exit
  case $state in
    file) file_dress "$path" ;;
    directory)
      [ -d "$path" ] || mkdir -p -- "$path" && file_dress "$path"
      ;;
    touch)
      [ -e "$path" ] || : >"$path" && file_dress "$path"
      ;;
    link)
      [ -L "$path" ] || [ ! -e "$path" ] || file_fail "$path is there and is no link"
      ln -sfn -- "$to" "$path"
      ;;
    absent)
      if [ -d "$path" ] && [ ! -L "$path" ]; then rmdir -- "$path"; else file_keep && rm -f -- "$path"; fi
      ;;
  esac
)

# file_note: remembers what PATH is: nothing; or a link and its target; or its kind, mode, user and group.
file_note() {
  undo_room && (umask 077 && mkdir -p -- "$(dirname -- "$undo$path")") || return
  if [ -L "$path" ]; then
    echo "link $(readlink -- "$path")"
  elif [ -d "$path" ]; then
    stat -c 'directory %a %u %g' -- "$path"
  elif [ -e "$path" ]; then
    stat -c 'file %a %u %g' -- "$path"
  else
    echo nothing
  fi >"$undo$path.note"
}

# file_keep: remembers the content of PATH, if it is a file.
file_keep() {
  if [ -f "$path" ] && [ ! -L "$path" ]; then cp -p -- "$path" "$undo$path.was"; else rm -f -- "$undo$path.was"; fi
}

# file_back PATH: puts PATH back to what it was before this run changed it.
file_back() (
  file_options "$1"
  note=${RV_DIR:?}/undo/${RV_RUN:-${RV_EPOCH:?}}$path.note
  if [ ! -f "$note" ] && [ -L "$path" ]; then
    file_follow
    note=$RV_DIR/undo/${RV_RUN:-$RV_EPOCH}$path.note
  fi
  [ -f "$note" ] || exit 0
  read -r kind mode owner group <"$note"
  case $kind in
    nothing) file_gone ;;
    link) read -r _ to <"$note" && mode='' && ln -sfn -- "$to" "$path" ;;
    directory) mkdir -p -- "$path" && file_dress "$path" ;;
    file) file_restore "${note%.note}.was" && file_dress "$path" ;;
  esac && rm -f -- "$note"
)

# file_gone: removes what the run made, but nobody's work: a directory that has been filled stays.
file_gone() {
  if [ -d "$path" ] && [ ! -L "$path" ]; then
    rmdir -- "$path" 2>/dev/null || echo "$path stays: it is not empty" >&2
  else
    rm -f -- "$path"
  fi
}

file_restore() {
  [ -f "$1" ] || return 0
  file_unique
  cp -p -- "$1" "$path.reveille.$unique" && mv -f -- "$path.reveille.$unique" "$path" && rm -f -- "$1"
}

# file_diff PATH [OPTIONS]: what file_put would change, as a unified diff.
file_diff() (
  file_options "$@"
  file_follow
  command -v diff >/dev/null || file_fail 'diff is not installed'
  old=$path
  [ -f "$path" ] || old=/dev/null
  # shellcheck disable=SC2059 # the format is the content
  if [ "$form" = %s ]; then printf %s "$content"; else printf "$form"; fi | diff -u -- "$old" -
  [ $? -le 1 ]
)
