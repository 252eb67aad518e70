# Makes so many processes of a name at once. They wait, and cost nothing but their place.
#   $1   the name, as /proc/PID/comm has it
#   $2   how many
# Called with what `Armed` puts in front.
# shellcheck shell=sh
folder=$(mktemp -d /run/drill.XXXXXX)
cp "$(readlink -f "$(command -v sh)")" "$folder/$1"
mkfifo "$folder/never"
await
# A process group of their own, so that they go as they came.
# shellcheck disable=SC2016 # the copy expands it
setsid "$folder/$1" -c '
    i=0
    while [ "$i" -lt "$1" ]; do
        i=$((i + 1))
        { read -r _ <"$2"; } &
    done
    echo struck
    wait' "$1" "$2" "$folder/never" &
group=$!
read -r _ || :
kill -s KILL -- "-$group"
wait
rm -rf "$folder"
