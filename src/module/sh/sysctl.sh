# Kernel parameters, by their path below /proc/sys.
#
# Needs undo.sh. Called by the sysctl module's steps. Changes the running kernel only, no file.
# shellcheck shell=sh disable=SC2154 # `kept` is set by undo_recall

# sysctl_read PATH: prints its value, blanks made single. (`read` would take only the first byte: these files give
# nothing to a second read.)
sysctl_read() {
  [ -e "/proc/sys/$1" ] || { echo "$1: this kernel has no such parameter" >&2 && return 1; }
  value=$(cat "/proc/sys/$1") && sysctl_plain "$value"
}

sysctl_plain() (
  set -f
  # shellcheck disable=SC2086 # splitting is what is wanted
  set -- $1
  echo "$*"
)

# sysctl_is PATH VALUE: 0 if so, 10 if not.
sysctl_is() (
  now=$(sysctl_read "$1") || exit 1
  [ "$now" = "$(sysctl_plain "$2")" ] || exit 10
)

# sysctl_set PATH VALUE
sysctl_set() (
  now=$(sysctl_read "$1") || exit
  undo_keep "sysctl-$(printf %s "$1" | tr / .)" "$now" && printf '%s\n' "$2" >"/proc/sys/$1"
)

# sysctl_back PATH: the value it had before this run set it.
sysctl_back() (
  note=sysctl-$(printf %s "$1" | tr / .)
  undo_recall "$note" || exit 0
  printf '%s\n' "$kept" >"/proc/sys/$1" && undo_forget "$note"
)
