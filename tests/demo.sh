#!/bin/sh
# Shows a failover between real hosts on this machine, and holds it to its promises: `make demo`, or
# `tests/demo.sh BIN` as root. Takes everything away again, also after Ctrl-C.
#
# The site is a copy of this one, so that nothing of yours is touched. DEMO_DIR and DEMO_NET (`10.83.7`) put its lab
# beside one that is up already.
set -eu

bin=$(realpath "${1:?usage: tests/demo.sh PATH/TO/reveille}")
net=${DEMO_NET:-10.83.0}
lab=${DEMO_DIR:-/run/reveille-lab}
vip=$net.80
here=$(dirname "$(dirname "$(realpath "$0")")")

bold='' dim='' red='' green='' plain=''
if [ -t 1 ] && [ "${TERM:-dumb}" != dumb ] && [ -z "${NO_COLOR:-}" ]; then
    bold=$(printf '\033[1m') dim=$(printf '\033[2m') plain=$(printf '\033[0m')
    red=$(printf '\033[31m') green=$(printf '\033[32m')
fi

columns=$({ stty size </dev/tty || echo 0 100; } 2>/dev/null | cut -d ' ' -f 2)

# The caption of a part of the story.
part() {
    printf '\n%s== %s%s\n' "$bold" "$1" "$plain"
}

# Runs reveille in the demo's site, showing what one would type.
show() {
    printf '%s$ reveille %s%s\n' "$dim" "$*" "$plain"
    reveille "$@"
}

reveille() {
    case $1 in
        lab) shift && "$bin" lab --dir "$lab" "$@" ;;
        *) "$bin" "$@" ;;
    esac
}

# promise WHAT COMMAND…: the command must succeed.
promise() {
    what=$1 && shift
    if "$@"; then
        printf '%s ok %s %s\n' "$green" "$plain" "$what"
    else
        printf '%snot%s %s\n' "$red" "$plain" "$what"
        broken=yes
    fi
}

give_up() {
    printf '%sdemo: %s%s\n' "$red" "$1" "$plain" >&2
    exit 1
}

# field NAME: its first value in a JSON document.
field() {
    grep -o "\"$1\": *\"\{0,1\}[^\",}]*" | sed -n '1s/^[^:]*: *"\{0,1\}//p'
}

# Of the gaps in a meter's document the longest: a busy machine may have made others.
longest_gap() {
    tr -d ' \n' | tr '{' '\n' | grep '"length_ms"' |
        sed 's/^\(.*"length_ms":\([0-9.]*\).*\)$/\2 \1/' | sort -n | sed -n '$s/^[^ ]* //p'
}

now_ms() {
    date +%s%3N
}

# What a client gets from the service address.
page() {
    reveille lab exec client -- curl -sf -m 2 "http://$vip/$1"
}

served_by() {
    [ "$(page served-by)" = "$1" ]
}

is() {
    [ "$1" = "$2" ]
}

holds_nothing() {
    [ -z "$(reveille lab exec "$1" -- ip -o addr show to "$vip")" ]
}

# Ends the client's meter; what it saw is in meter.json then.
end_meter() {
    [ -n "$meter" ] || return 0
    kill -TERM "$meter" 2>/dev/null || true
    wait "$meter" 2>/dev/null || true
    meter=''
}

clean_up() {
    code=$?
    trap '' INT TERM
    trap - EXIT
    end_meter
    [ -z "$raised" ] || "$bin" lab --dir "$lab" down >/dev/null 2>&1 || true
    [ -z "$work" ] || rm -rf "$work"
    exit "$code"
}

raised='' meter='' broken='' work=''
[ "$(id -u)" = 0 ] || give_up 'needs root: it makes hosts with networks of their own'
if "$bin" lab --dir "$lab" status >/dev/null 2>&1; then
    printf 'A lab is up in %s already, perhaps yours. Take it away with\n  %s lab --dir %s down\n' "$lab" "$1" "$lab" >&2
    printf 'or show the demo beside it:\n  DEMO_DIR=/run/reveille-demo DEMO_NET=10.83.7 %s %s\n' "$0" "$1" >&2
    exit 1
fi
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

work=$(mktemp -d)
mkdir "$work/site"
mkdir "$work/site/playbooks"
cp -r "$here/reveille.yml" "$here/templates" "$work/site"
sed "s/10\.83\.0\./$net./" "$here/playbooks/web.yml" >"$work/site/playbooks/web.yml"
cd "$work/site"

part 'Four hosts and a client, each with its own network, processes and sshd'
raised=yes
show lab up --hosts 4 --subnet "$net.0/24" >/dev/null

part 'Deploy: web serves on one host, a copy of it sleeps on another'
show deploy web
promise "a client is answered on $vip by h1" served_by h1

part 'Before'
show status
epoch=$(reveille status --json | field epoch)

part 'What a failover would do'
printf '%s$ reveille plan failover web%s   (shortened)\n' "$dim" "$plain"
reveille plan failover web >"$work/plan"
sed -n '/^ *\(primary\|secondary\|epoch\|evidence\) /p;/^[a-z0-9]*$/p;/^ *[0-9][0-9]* [^ ] /p;/^Plan:/p' "$work/plan" | cut -c "1-$columns"

part 'The client asks for the page every 5 ms'
mkfifo "$work/news"
"$bin" lab --dir "$lab" meter --http "http://$vip/healthz" --json >"$work/meter.json" 2>"$work/news" &
meter=$!
exec 3<"$work/news"
read -r line <&3 || give_up 'the meter did not start'
printf '%s\n' "$line"

part 'h1 loses its cable'
cut_ms=$(now_ms)
show lab cut h1
start_ms=$(now_ms)
show failover web
end_ms=$(now_ms)
end_meter

part 'What the client saw'
longest_gap <"$work/meter.json" >"$work/gap"
from=$(field from_ms <"$work/gap")
gap=$(field length_ms <"$work/gap")
started_ms=$(date -d "$(field started <"$work/meter.json")" +%s%3N)
to=$(field to_ms <"$work/gap")
answer_ms=$((started_ms + ${to%.*}))
printf '  no answer for            %s%6s ms%s\n' "$bold" "${gap%.*}" "$plain"
printf '  of which before failover %6s ms   (to cut the cable, to type)\n' "$((start_ms - started_ms - ${from%.*}))"
printf '  failover to first answer %s%6s ms%s   (connect, look, decide, prove, move)\n' "$bold" "$((answer_ms - start_ms))" "$plain"
printf '  failover to protected    %6s ms   (a new copy asleep on another host)\n' "$((end_ms - start_ms))"

part 'After'
show status
reveille status --json >"$work/after"
state=$(field state <"$work/after") primary=$(field primary <"$work/after")
promise 'the page comes from h2' served_by h2
promise 'h2 is the primary' is "$primary" h2
promise 'web is protected: a new copy sleeps' is "$state" protected
promise 'the epoch grew by one' is "$(field epoch <"$work/after")" "$((epoch + 1))"
promise 'the outage ended' is "$(field open <"$work/meter.json")" false
promise 'it began when the cable was cut' [ "$((started_ms + ${from%.*} + 500))" -gt "$cut_ms" ]

part 'h1 is repaired, and still believes that it serves'
show lab heal h1
show reprotect web
promise 'h1 holds nothing any more' holds_nothing h1
promise 'the page still comes from h2' served_by h2

part 'Everything goes away again'
show lab down
raised=''
[ -z "$broken" ] || give_up 'not all was as promised'
printf '\n%sThe service moved, and is protected again.%s Next: book/src/tutorial.md\n' "$bold" "$plain"
