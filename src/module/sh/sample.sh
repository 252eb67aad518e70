# What a monitor wants to know of a host in each round beside its facts: how many processes of a name, how much waits
# in a folder. Reads only. For Sample::parse.
#
# Needs crew.sh. Nothing is run for the processes: with 300 of them the shell itself is quickest.
# shellcheck shell=sh

# sample_processes NAME…: prints `processes COUNT NAME` for each. The kernel keeps 15 bytes of a name.
sample_processes() {
  sample_all=
  for sample_file in /proc/[0-9]*/comm; do
    IFS= read -r sample_name <"$sample_file" && sample_all="$sample_all
$sample_name
"
  done 2>/dev/null
  for sample_name in "$@"; do
    sample_count=0 sample_rest=$sample_all sample_short=$sample_name
    while [ ${#sample_short} -gt 15 ]; do sample_short=${sample_short%?}; done
    while :; do
      case $sample_rest in
        *"
$sample_short
"*) sample_rest=${sample_rest#*"
$sample_short
"} ;;
        *) break ;;
      esac
      sample_count=$((sample_count + 1))
    done
    printf 'processes %s %s\n' "$sample_count" "$sample_name"
  done
}

# sample_queues FOLDER…: prints `queue - FOLDER` for each, and in the background `queue COUNT FOLDER` for those that
# can be read. Hidden files do not count. To be followed by crew_wait.
sample_queues() {
  for sample_folder in "$@"; do
    printf 'queue - %s\n' "$sample_folder"
    crew_start queue sample_queue "$sample_folder"
  done
}

sample_queue() {
  [ -d "$1" ] && [ -r "$1" ] || return
  sample_folder=$1
  set -- "$1"/*
  # A pattern that nothing matches stays as it is.
  [ $# -gt 1 ] || [ -e "$1" ] || [ -h "$1" ] || shift
  printf 'queue %s %s\n' "$#" "$sample_folder"
}

# sample_programs NAME…: prints `missing NAME` for each that is not there.
sample_programs() {
  for sample_program in "$@"; do
    command -v "$sample_program" >/dev/null 2>&1 || printf 'missing %s\n' "$sample_program"
  done
}
