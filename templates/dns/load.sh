#!/bin/sh
# load.sh ZONE…: has a named that just woke read its zones, and returns when it answers for each of them. Whoever calls
# it sets a limit.
set -eu
cd "${0%/*}"
: >awake
ln -sfn served.conf zones.conf
# Not by rndc: that is one more program to wait for, and it waits a minute for a named that is stuck.
pkill -HUP -f "^named -f .*-c $PWD/named\.conf"

# loaded ZONE…: how many of them are answered for with authority; all are asked for at once.
loaded() {
    for zone; do
        set -- "$@" "$zone" SOA
        shift
    done
    dig @127.0.0.1 +norecurse +noall +comments +time=1 +tries=1 "$@" | grep -c '^;; flags:.* aa[ ;]'
}

until [ "$(loaded "$@")" = $# ]; do :; done
