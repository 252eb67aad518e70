# Kills the processes of a service, all at once.
#   $1     the service
#   $2 …   its units
# Called with what `Armed` puts in front.
# shellcheck shell=sh
service=$1
shift
sessions=
for record in /run/reveille/"$service"/proc/*/record; do
    [ -e "$record" ] || continue
    pid=''
    # shellcheck source=/dev/null
    . "$record"
    [ -z "$pid" ] || sessions="$sessions,$pid"
done
[ -n "$sessions$*" ] || exit 1
await
# Each leads a session of its own.
[ -z "$sessions" ] || pkill -KILL -s "${sessions#,}"
for unit; do systemctl kill --signal=KILL "$unit"; done
struck
