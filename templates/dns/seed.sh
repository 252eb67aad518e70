#!/bin/sh
# seed.sh STORE FIRST ZONE…: makes the key for updates and the zones that are not there yet, on the shared store. Many
# hosts may do so at the same time: `ln` succeeds for one of them, and nobody ever sees half a file.
set -eu
store=$1 first=$2
shift 2

# keep NEW PATH: puts NEW there if nothing is.
keep() {
    if ln "$1" "$2" 2>/dev/null; then echo "made $2"; else [ -e "$2" ]; fi
}

new=$(mktemp "$store/.new.XXXXXX")
trap 'rm -f "$new"' EXIT
chgrp bind "$new"
chmod 0640 "$new"
if [ ! -e "$store/update.key" ]; then
    tsig-keygen reveille-update >"$new"
    keep "$new" "$store/update.key"
fi
for zone; do
    [ ! -e "$store/zones/$zone.db" ] || continue
    rm "$new"
    cp "$first" "$new"
    chown bind:bind "$new"
    keep "$new" "$store/zones/$zone.db"
done
