# Mounts, read from the kernel's table: a stat of the mount point of a dead file server would hang.
#
# Needs undo.sh. Called by the mount module's steps. /etc/fstab is neither read nor changed.
# shellcheck shell=sh disable=SC2154 # `kept` is set by undo_recall

# mount_options PATH [--src SOURCE] [--type FSTYPE] [--opts OPTIONS]
mount_options() {
  path=$1 src='' type='' opts=''
  shift
  while [ $# -gt 0 ]; do
    case $1 in
      --src) src=$2 ;;
      --type) type=$2 ;;
      --opts) opts=$2 ;;
    esac
    shift 2
  done
}

mount_fail() {
  printf '%s\n' "$*" >&2
  exit 1
}

# mount_find: sets, for the topmost mount at `path`, `at` (empty if there is none), `root` (the part of the file
# system that is seen), `flags`, `fs` and `from`. The kernel writes blanks in names as \040 and so on.
mount_find() {
  at='' root='' flags='' fs='' from=''
  while read -r _ _ _ m_root m_path m_flags m_rest; do
    case $m_path in *\\*) m_path=$(printf '%b' "$(printf %s "$m_path" | sed 's/\\/\\0/g')") ;; esac
    [ "$m_path" = "$path" ] || continue
    at=$m_path root=$m_root flags=$m_flags m_rest=${m_rest#*- }
    fs=${m_rest%% *} from=${m_rest#* }
    from=${from%% *}
  done </proc/self/mountinfo
  case $from in *\\*) from=$(printf '%b' "$(printf %s "$from" | sed 's/\\/\\0/g')") ;; esac
}

mount_is_bind() {
  case ,$opts, in *,bind,* | *,rbind,*) ;; *) return 1 ;; esac
}

# mount_matches: whether what is mounted there is what is wanted.
mount_matches() {
  if mount_is_bind; then
    [ "$(stat -L -c %d:%i -- "$src")" = "$(stat -c %d:%i -- "$path")" ]
  else
    case $fs in tmpfs | ramfs) [ -z "$type" ] || [ "$fs" = "$type" ] ;; *) mount_same_source ;; esac
  fi
}

mount_same_source() {
  case $src in
    UUID=* | LABEL=* | PARTUUID=* | PARTLABEL=*) [ "$from" = "$(findfs "$src")" ] ;;
    /*) [ "$from" = "$src" ] || [ "$from" = "$(readlink -f -- "$src")" ] ;;
    *) [ "${from%/}" = "${src%/}" ] ;;
  esac
}

# mount_writes: whether read-only or not is as wanted.
mount_writes() {
  case ,$opts, in
    *,ro,*) case ,$flags, in *,ro,*) ;; *) return 1 ;; esac ;;
    *) case ,$flags, in *,rw,*) ;; *) return 1 ;; esac ;;
  esac
}

# mount_is mounted|unmounted PATH [OPTIONS]: 0 if so, 10 if not.
mount_is() (
  state=$1 && shift
  mount_options "$@"
  mount_find
  case $state in
    unmounted) [ -z "$at" ] || exit 10 ;;
    mounted)
      [ -n "$at" ] || exit 10
      mount_matches || mount_fail "$path is taken: $from ($fs) is mounted there"
      mount_writes || exit 10
      ;;
  esac
)

# mount_make mounted|unmounted PATH [OPTIONS]: makes the mount point if it is missing.
mount_make() (
  state=$1 && shift
  mount_options "$@"
  mount_find
  undo_note=mount-$(printf %s "$path" | tr / %)
  case $state/$at in
    unmounted/) ;;
    unmounted/*) undo_keep "$undo_note" "$fs $root $flags $from" && mount_end ;;
    mounted/)
      made=kept
      [ -d "$path" ] || { made=made && mkdir -p -- "$path"; } || exit
      undo_keep "$undo_note" "$made" && mount_begin
      ;;
    mounted/*)
      undo_keep "$undo_note" "remount ${flags%%,*}" && mount -o "remount,${opts:-rw}" -- "$path"
      ;;
  esac
)

mount_begin() {
  set -- -- "$src" "$path"
  [ -z "$opts" ] || set -- -o "$opts" "$@"
  [ -z "$type" ] || set -- -t "$type" "$@"
  mount "$@"
}

# mount_end: takes every mount at `path` away. One that is busy, or whose server is gone, is detached: nothing new can
# reach it, and it ends with its last user.
mount_end() {
  while [ -n "$at" ]; do
    timeout 2 umount -- "$path" 2>/dev/null || umount -l -- "$path" || return
    mount_find
  done
}

# mount_back mounted|unmounted PATH [OPTIONS]: undoes mount_make of this run.
mount_back() (
  shift
  mount_options "$@"
  mount_find
  undo_note=mount-$(printf %s "$path" | tr / %)
  undo_recall "$undo_note" || exit 0
  case $kept in
    kept) mount_end ;;
    made) mount_end && rmdir -- "$path" ;;
    remount*) mount -o "remount,${kept#* }" -- "$path" ;;
    *) [ -n "$at" ] || mount_again ;;
  esac && undo_forget "$undo_note"
)

# mount_again: mounts what was there. A bind mount can be repeated only if the step says what it was.
mount_again() {
  if [ -z "$src" ]; then
    read -r type root opts src <<KEPT
$kept
KEPT
    [ "$root" = / ] || mount_fail "cannot mount $path again: it was $root of $src; give the step src and opts"
  fi
  mount_begin
}

# mount_answers SRC [--type FSTYPE]: 0 if what is to be mounted is there and answers, or if nobody can tell without mounting
# it. Reads only; a dead file server costs two seconds.
mount_answers() (
    mount_options '' --src "$@"
    case $type in
        sshfs | *.sshfs)
            server=${src%%:*}
            mount_listens "$src" 22 "${server##*@}"
            exit
            ;;
    esac
    case $src in
        UUID=* | LABEL=* | PARTUUID=* | PARTLABEL=*)
            findfs "$src" >/dev/null 2>&1 || mount_fail "no device has $src"
            ;;
        //*) mount_listens "$src" 445 "${src#//}" ;;
        *:/*) mount_listens "$src" 2049 "${src%%:/*}" ;;
        /*) [ -e "$src" ] || mount_fail "$src does not exist" ;;
    esac
)

# mount_listens SRC PORT HOST[/…]: asks with whatever the host has to ask with.
mount_listens() {
    server=${3%%/*}
    if command -v nc >/dev/null; then
        nc -z -w 2 "$server" "$2" >/dev/null 2>&1 </dev/null
    elif command -v bash >/dev/null; then
        # shellcheck disable=SC2016 # for the other shell
        timeout 2 bash -c '>/dev/tcp/$0/$1' "$server" "$2" 2>/dev/null
    elif command -v ping >/dev/null; then
        ping -c 1 -w 2 "$server" >/dev/null 2>&1
    fi || mount_fail "$server does not answer on port $2, so $1 cannot be mounted"
}
