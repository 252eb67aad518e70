#!/bin/sh
# How long a client is without its service when the cable of the host that serves is cut: `reveille watch` beside
# keepalived, in one lab, in turns, at random instants. `make bench-watch`, or `benches/watch.sh BIN` as root. Prints
# medians with minimum and maximum, ratios, and where the time of every takeover goes; writes target/bench/watch.json.
#
# keepalived has h1 and h2, as in the field: two BACKUP nodes, priorities 150 and 100, Apache awake on both, VRRPv3.
# reveille has h3 to h6 and the shipped playbook. Both watch all the time. The client asks every 5 ms; what counts is the
# time between its last answer and the next.
#
# ROUNDS=20        cuts for each at each interval; 0: only the load
# LOAD=2           minutes at each interval with every CPU loaded fourfold, in which nothing may move; 0: none
# INTERVALS='1s 100ms'
# SEED=…           of the random instants; printed
set -eu

bin=$(realpath "${1:?usage: benches/watch.sh PATH/TO/reveille}")
here=$(dirname "$(dirname "$(realpath "$0")")")
net=${BENCH_NET:-10.83.97}
lab=${BENCH_DIR:-/run/reveille-bench-watch}
rounds=${ROUNDS:-20}
load_minutes=${LOAD:-2}
intervals=${INTERVALS:-1s 100ms}
seed=${SEED:-$(date +%s)}
theirs=$net.81
ours=$net.80
out=$here/target/bench

[ "$(id -u)" = 0 ] || { echo 'bench: needs root, it makes hosts' >&2; exit 1; }
for tool in keepalived jq; do
    command -v "$tool" >/dev/null || { echo "bench: needs $tool" >&2; exit 1; }
done

clean_up() {
    code=$?
    trap '' INT TERM
    trap - EXIT
    for process in ${meter:-} ${monitor:-} ${burning:-}; do
        kill "$process" 2>/dev/null || true
    done
    stop_keepalived 2>/dev/null || true
    "$bin" lab --dir "$lab" down >/dev/null 2>&1 || true
    if [ -n "${KEEP:-}" ]; then note "kept: $work"; else rm -rf "$work"; fi
    exit "$code"
}

note() {
    printf '%s\n' "$*" >&2
}

quietly() {
    "$@" >"$work/log" 2>&1 || { cat "$work/log" >&2; note "bench: failed: $*"; exit 1; }
}

on() {
    host=$1 && shift
    "$bin" lab --dir "$lab" exec "$host" -- "$@"
}

site() {
    "$bin" --site "$work/site" "$@"
}

now() {
    date +%s%3N
}

# until_true WHAT SECONDS COMMAND…
until_true() {
    what=$1 last=$(($(date +%s) + $2)) && shift 2
    until "$@"; do
        [ "$(date +%s)" -lt "$last" ] || { note "bench: $what: not within its time"; exit 1; }
        sleep 0.2
    done
}

answered() {
    on client curl -sf -m 1 -o /dev/null "http://$1/healthz"
}

holds() {
    on "$1" ip -o addr show 2>/dev/null | grep -q " $2/"
}

# --- keepalived --------------------------------------------------------------------------------------------------

# start_keepalived ADVERT_INT
start_keepalived() {
    for host in h1 h2; do
        priority=150 && [ $host = h1 ] || priority=100
        on $host sh -c 'mkdir -p /var/www/html /run/keepalived; echo ok >/var/www/html/healthz; cat >/run/keepalived/conf' <<CONF
global_defs {
    router_id $host
    script_user root
}
vrrp_instance web {
    state BACKUP
    interface eth0
    virtual_router_id 51
    priority $priority
    version 3
    advert_int $1
    virtual_ipaddress {
        $theirs/24
    }
    notify_master "/bin/sh -c 'echo master >>/run/keepalived/moves'"
}
CONF
        on $host sh -c 'pgrep apache2 >/dev/null || setsid apachectl -D FOREGROUND >/dev/null 2>&1 </dev/null &'
        on $host keepalived -f /run/keepalived/conf -p /run/keepalived/pid -r /run/keepalived/vrrp >/dev/null 2>&1
    done
    until_true 'keepalived' 30 keepalived_settled
}

stop_keepalived() {
    for host in h1 h2; do
        on $host sh -c 'kill "$(cat /run/keepalived/pid)"; while [ -e /run/keepalived/pid ]; do sleep 0.1; done; rm -f /run/keepalived/moves' 2>/dev/null || true
    done
}

keepalived_settled() {
    holds h1 "$theirs" && ! holds h2 "$theirs" && answered "$theirs"
}

keepalived_moves() {
    cat_moves='cat /run/keepalived/moves 2>/dev/null || true'
    { on h1 sh -c "$cat_moves"; on h2 sh -c "$cat_moves"; } | wc -l
}

# --- reveille ------------------------------------------------------------------------------------------------------

# write_site: the shipped one, on h3 to h6, free to move as often as it is cut.
write_site() {
    mkdir -p "$work/site/playbooks"
    cp -r "$here/templates" "$work/site"
    sed "s/10\.83\.0\./$net./;s/^hosts: workstations/hosts: 'h3:h4:h5:h6'/
         s/hold_down: 10m, max_per_day: 6/hold_down: 0s, max_per_day: 1000/" \
        "$here/playbooks/web.yml" >"$work/site/playbooks/web.yml"
    printf 'inventory: %s\n' "$work/lab.yml" >"$work/site/reveille.yml"
}

# settings INTERVAL: what is not the default at it.
settings() {
    case $1 in
        100ms) echo "link_silent: ${LINK_SILENT:-100ms}" ;;
    esac
}

# start_monitor INTERVAL
start_monitor() {
    { printf 'inventory: %s\n' "$work/lab.yml"; settings "$1"; } >"$work/site/reveille.yml"
    "$bin" --site "$work/site" watch --interval "$1" --json --record "$work/tape-$1.jsonl" >"$work/told-$1.jsonl" 2>"$work/watch-$1.log" &
    monitor=$!
    until_true 'reveille' 60 reveille_settled
}

stop_monitor() {
    kill "$monitor"
    wait "$monitor" || true
    monitor=''
}

primary() {
    jq -r .services.web.primary "$work/site/.reveille/table.json"
}

# Protected, every host well, nobody holds the address but the primary.
reveille_settled() {
    site status --json >"$work/status" 2>/dev/null || return 1
    jq -e '.services[0].state == "protected" and all(.hosts[]; .verdict == "ok")' "$work/status" >/dev/null || return 1
    for host in h3 h4 h5 h6; do
        if [ "$host" = "$(primary)" ]; then holds "$host" "$ours" || return 1
        else ! holds "$host" "$ours" || return 1; fi
    done
    answered "$ours"
}

reveille_moves() {
    grep -c '"happening":"began"' "$work/told-$1.jsonl" || true
}

# --- A cut -----------------------------------------------------------------------------------------------------------


# trial WHO INTERVAL HOST ADDRESS: the client's outage.
trial() {
    rm -f "$work/news"
    mkfifo "$work/news"
    "$bin" lab --dir "$lab" meter --http "http://$4/healthz" --every 5ms --gap-above 15ms --json \
        >"$work/meter.json" 2>"$work/news" &
    meter=$!
    exec 3<"$work/news"
    read -r _ <&3
    draw=$((draw + 1))
    sleep "$(sed -n "${draw}p" "$work/random")"
    before=$(now)
    "$bin" lab --dir "$lab" cut "$3"
    after=$(now)
    sleep 1
    until answered "$4"; do sleep 0.3; done
    sleep 0.3
    kill -TERM "$meter"
    wait "$meter" || true
    meter=''
    until "$bin" lab --dir "$lab" heal "$3" 2>"$work/log"; do sleep 0.2; done
    jq -c --arg who "$1" --arg interval "$2" --argjson before "$before" --argjson after "$after" '
        (.started | sub("\\.\\d+Z$"; "Z") | fromdate * 1000) as $whole
        | (.started | capture("\\.(?<f>\\d{3})").f // "0" | tonumber) as $part
        | ($whole + $part) as $zero
        | [.gaps[] | select($zero + .to_ms >= $before and $zero + .from_ms <= $after)] | max_by(.length_ms)
        | {who: $who, interval: $interval, outage_ms: .length_ms, from_ms: ($zero + .from_ms), to_ms: ($zero + .to_ms)}' \
        "$work/meter.json" >>"$work/cuts.jsonl"
    note "  $2, $1: $(tail -1 "$work/cuts.jsonl" | jq .outage_ms) ms"
}

race() {
    advert_int=$(echo "$1" | sed 's/^100ms$/0.1/;s/s$//')
    note "an interval of $1"
    start_keepalived "$advert_int"
    start_monitor "$1"
    for _ in $(seq "$rounds"); do
        trial keepalived "$1" h1 "$theirs"
        trial reveille "$1" "$(primary)" "$ours"
        until_true 'keepalived is back' 30 keepalived_settled
        until_true 'reveille has cleaned up' 60 reveille_settled
    done
    [ "$load_minutes" = 0 ] || under_load "$1"
    stop_monitor
    stop_keepalived
}

# Nothing is wrong, everything is slow.
under_load() {
    note "  all CPUs loaded for $load_minutes min"
    sleep 2
    theirs_before=$(keepalived_moves) ours_before=$(reveille_moves "$1") burning=''
    for _ in $(seq $((4 * $(nproc)))); do
        sh -c 'while :; do :; done' &
        burning="$burning $!"
    done
    sleep $((load_minutes * 60))
    for process in $burning; do
        kill "$process"
        wait "$process" 2>/dev/null || true
    done
    burning=''
    jq -nc --arg interval "$1" --argjson minutes "$load_minutes" \
        --argjson theirs $(($(keepalived_moves) - theirs_before)) --argjson ours $(($(reveille_moves "$1") - ours_before)) \
        '{interval: $interval, minutes: $minutes, keepalived: $theirs, reveille: $ours}' >>"$work/false.jsonl"
    until_true 'reveille after the load' 120 reveille_settled
}

# --- The report --------------------------------------------------------------------------------------------------

# Where the time went: from the client's last answer to the monitor's look that was missed first, to the inquiry, the
# verdict, the run, the new primary in the table, the client's next answer.
phases() {
    for interval in $intervals; do
        jq -c 'select(.line == "step") | .now.wall_ms as $at
            | (((.effects // [])[] | if .effect == "look" and (.target | type == "object") then
                    if .target.service then "look" elif .target.witness.service then "inquiry" else empty end
                elif .effect == "tell" and .happening == "service-verdict" and .verdict != "ok" then "verdict"
                elif .effect == "act" and .operation == "failover" then "run" else empty end),
               (if .input.input == "table" then "table " + .input.table.services.web.primary else empty end))
            | [$at, .]' "$work/tape-$interval.jsonl" >"$work/marks"
        jq -s --slurpfile cuts "$work/cuts.jsonl" --arg interval "$interval" -c '. as $marks
            | $cuts[] | select(.who == "reveille" and .interval == $interval) | . as $cut
            | ([$marks[] | select(.[0] < $cut.from_ms) | select(.[1] | startswith("table"))] | last // [0, ""]) as $had
            | ([$marks[] | select(.[0] >= $cut.from_ms - 5)]) as $later
            | def first_of(name): ([$later[] | select(.[1] == name)] | first // [null])[0];
            first_of("inquiry") as $inquiry
            | ([$marks[] | select(.[1] == "look" and .[0] < ($inquiry // 0))] | last // [null])[0] as $look
            | ([$later[] | select(.[1] | startswith("table")) | select(.[1] != $had[1])] | first // [null])[0] as $moved
            | {interval: $interval, outage_ms: .outage_ms, look: $look, inquiry: $inquiry, verdict: first_of("verdict"),
               run: first_of("run"), committed: $moved, from: .from_ms, to: .to_ms}
            | {interval, outage_ms} + (. as $at | ["look", "inquiry", "verdict", "run", "committed"]
                | map({key: ., value: (if $at[.] then ($at[.] - $at.from | round) else null end)}) | from_entries)' "$work/marks"
    done
}

statistics='def median: sort | if length == 0 then null elif length % 2 == 1 then .[length / 2 | floor]
    else (.[length / 2 - 1] + .[length / 2]) / 2 end;
    def tenth: if . == null then null else . * 10 | round / 10 end;'

write_json() {
    read -r load_after _ </proc/loadavg
    jq -n --slurpfile cuts "$work/cuts.jsonl" --slurpfile phases "$work/phases" --slurpfile false "$work/false.jsonl" \
        --arg date "$(date -u +%Y-%m-%dT%H:%M:%SZ)" --argjson cores "$(nproc)" --arg kernel "$(uname -r)" \
        --argjson load "$load" --argjson load_after "$load_after" --arg seed "$seed" \
        --arg settings "$(for interval in $intervals; do settings "$interval" | sed "s/^/$interval: /"; done)" \
        --arg reveille "$("$bin" --version)" --arg keepalived "$(keepalived --version 2>&1 | sed -n '1s/,.*//p;1s/ (.*//p' | head -1)" "$statistics"'
        {schema: "reveille.bench-watch/1", $date, machine: {$cores, $kernel, load_before: $load, $load_after}, $seed, $settings,
         versions: {$reveille, $keepalived},
         results: [$cuts | group_by([.interval, .who])[] | {interval: .[0].interval, who: .[0].who, n: length,
             median_ms: (map(.outage_ms) | median | tenth), min_ms: (map(.outage_ms) | min), max_ms: (map(.outage_ms) | max),
             outages_ms: map(.outage_ms)}],
         aims: [$cuts | group_by(.interval)[] | .[0].interval as $interval
             | (map(select(.who == "reveille").outage_ms) | median) as $got
             | (map(select(.who == "keepalived").outage_ms) | median) as $rival
             | ({"1s": 1000, "100ms": 300}[$interval]) as $aim
             | {$interval, aim_ms: $aim, got_ms: ($got | tenth), met: ($aim == null or $got <= $aim),
                times_faster_than_keepalived: ($rival / $got * 100 | round / 100)}],
         false_takeovers: $false, phases: $phases}' >"$out/watch.json"
}

table() {
    jq -r '
        def pad(n): tostring | if length < n then . + " " * (n - length) else . end;
        def left(n): tostring | if length < n then " " * (n - length) + . else . end;
        "\(.machine.cores) cores, Linux \(.machine.kernel), load \(.machine.load_before) before and \(.machine.load_after) after; \(.versions.reveille), \(.versions.keepalived); seed \(.seed)",
        (.settings | select(. != "") | "not the default: \(.)"),
        "",
        "a cable cut: from the client'"'"'s last answer to its next",
        (.results[] | "  \("\(.who), \(.interval)" | pad(22)) \(.median_ms | left(8)) ms  [\(.min_ms) to \(.max_ms), n=\(.n)]"),
        "",
        (.aims[] | "  \(.interval): \(.got_ms) ms (aim \(.aim_ms)) \(if .met then "met" else "MISSED" end), \(.times_faster_than_keepalived) times as fast as keepalived"),
        "",
        (.false_takeovers[] | "  \(.interval), CPUs loaded for \(.minutes) min: moved \(.reveille) times, keepalived \(.keepalived) times"),
        "",
        "where the time goes, ms after the client'"'"'s last answer",
        "  \("interval" | pad(9)) \(["look", "inquiry", "verdict", "run", "committed", "answer"] | map(left(9)) | join(""))",
        (.phases[] | "  \(.interval | pad(9)) \([.look, .inquiry, .verdict, .run, .committed, .outage_ms] | map(if . == null then "-" else . end | left(9)) | join(""))")' \
        "$out/watch.json"
}

report() {
    mkdir -p "$out"
    touch "$work/cuts.jsonl" "$work/false.jsonl"
    phases >"$work/phases"
    write_json
    table
    echo
    echo "target/bench/watch.json"
}

# --- All of it ---------------------------------------------------------------------------------------------------

work=$(mktemp -d)
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
read -r load _ </proc/loadavg
note "seed $seed"
draw=0
awk -v seed="$seed" 'BEGIN { srand(seed); for (i = 0; i < 2000; i++) printf "%.3f\n", rand() }' >"$work/random"
write_site
quietly "$bin" lab --dir "$lab" up --hosts 6 --subnet "$net.0/24" --inventory "$work/lab.yml"
quietly site deploy web
for interval in $intervals; do race "$interval"; done
report
