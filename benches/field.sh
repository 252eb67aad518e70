#!/bin/sh
# Timings beside ansible-core, in one run and in turns, on real hosts of a rehearsal lab: `make bench`, or
# `benches/field.sh BIN WARM_LINE` as root. Prints medians with minimum and maximum, and ratios; writes
# target/bench/field.json. All hosts, the client and both controllers share this machine's cores.
#
# ROUNDS (default 5) is how often each is measured; with many hosts it is a third of that, at least 2. PARTS is what
# is measured: `twenty`, `failovers` or both.
set -eu

bin=$(realpath "${1:?usage: benches/field.sh PATH/TO/reveille PATH/TO/warm_line}")
warm_line=$(realpath "${2:?usage: benches/field.sh PATH/TO/reveille PATH/TO/warm_line}")
here=$(dirname "$(dirname "$(realpath "$0")")")
net=${BENCH_NET:-10.83.96}
lab=${BENCH_DIR:-/run/reveille-bench}
rounds=${ROUNDS:-5}
few=$(((rounds + 2) / 3)) && [ "$few" -ge 2 ] || few=2
hosts=12
vip=$net.80
out=$here/target/bench
venv=$here/target/bench-venv

[ "$(id -u)" = 0 ] || { echo 'bench: needs root, it makes hosts' >&2; exit 1; }

clean_up() {
    code=$?
    trap '' INT TERM
    trap - EXIT
    [ -z "${meter:-}" ] || kill "$meter" 2>/dev/null || true
    [ -z "${line_pid:-}" ] || kill "$line_pid" 2>/dev/null || true
    [ -z "${work:-}" ] || { ansible_cold; rm -rf "$work"; }
    "$bin" lab --dir "$lab" down >/dev/null 2>&1 || true
    exit "$code"
}

note() {
    printf '%s\n' "$*" >&2
}

quietly() {
    "$@" >"$work/log" 2>&1 || { cat "$work/log" >&2; note "bench: failed: $*"; exit 1; }
}

# --- What is measured with ---------------------------------------------------------------------------------------

# timed CASE WAY COMMAND…: one sample of the command's wall time.
timed() {
    case_=$1 way=$2 && shift 2
    from=$(date +%s%N)
    quietly "$@"
    sample "$case_" "$way" "$((($(date +%s%N) - from) / 100000))"
}

# sample CASE WAY TENTHS_OF_MS
sample() {
    echo "$1|$2|$3" >>"$work/samples"
    note "  $1, $2: $(($3 / 10)) ms"
}

# field NAME: its first value in a JSON document.
field() {
    grep -o "\"$1\": *\"\{0,1\}[^\",}]*" | sed -n '1s/^[^:]*: *"\{0,1\}//p'
}

# tenths NUMBER: 12.34 as 123.
tenths() {
    case $1 in *.*) fraction=${1#*.}0 ;; *) fraction=0 ;; esac
    fraction=${fraction%"${fraction#?}"}
    echo "$((${1%.*} * 10 + fraction))"
}

# wall RFC3339: in tenths of milliseconds since 1970.
wall() {
    echo "$(($(date -d "$1" +%s%N) / 100000))"
}

# --- The sites -----------------------------------------------------------------------------------------------------

write_sites() {
    mkdir -p "$work/chain/playbooks" "$work/wide/playbooks" "$work/web/playbooks" "$work/web/inventory"
    for host in $(seq "$hosts"); do
        for shape in chain wide; do
            twenty_steps "$shape" "$host" >"$work/$shape/playbooks/s$host.yml"
        done
    done
    for site in chain wide web; do
        printf 'inventory: %s\nssh: { keep_warm: 10m }\n' "$work/lab.yml" >"$work/$site/reveille.yml"
    done
    cp -r "$here/templates" "$work/web"
    # The peers wake by kill -CONT, and so does reveille here.
    sed "s/10\.83\.0\./$net./;s/^\( *\)state: asleep/\1state: asleep\n\1method: signals/" \
        "$here/playbooks/web.yml" >"$work/web/playbooks/web.yml"
}

# twenty_steps chain|wide N: a service on host N that does nothing twenty times.
twenty_steps() {
    printf 'service: s%s\nhosts: h%s\nprepare:\n' "$2" "$2"
    for step in $(seq 20); do
        printf '  - id: step%s\n    command: ["true"]\n    changed_when: false\n' "$step"
        [ "$1" = wide ] || [ "$step" = 1 ] || printf '    needs: [step%s]\n' "$((step - 1))"
    done
}

write_ansible() {
    mkdir -p "$work/cp"
    cat >"$work/ansible.cfg" <<CFG
[defaults]
inventory = $work/lab.yml
forks = 12
gathering = explicit
interpreter_python = /usr/bin/python3
retry_files_enabled = False
[ssh_connection]
pipelining = True
ssh_args = -o ControlMaster=auto -o ControlPersist=600s -o ServerAliveInterval=1 -o ServerAliveCountMax=3
control_path_dir = $work/cp
CFG
    {
        printf -- '- hosts: "{{ on }}"\n  gather_facts: false\n  tasks:\n'
        for step in $(seq 20); do
            printf '    - name: step%s\n      ansible.builtin.command: "true"\n      changed_when: false\n' "$step"
        done
    } >"$work/twenty.yml"
    printf -- '- hosts: "{{ on }}"\n  gather_facts: false\n  tasks:\n    - ansible.builtin.raw: "true"\n' >"$work/warm.yml"
    cat >"$work/failover.yml" <<PLAY
- hosts: h2
  gather_facts: false
  tasks:
    - name: wake
      ansible.builtin.command: pkill -CONT apache2
    - name: address
      ansible.builtin.command: ip addr add $vip/32 dev eth0
    - name: announce
      ansible.builtin.shell: arping -q -U -c 1 -w 1 -I eth0 -s $vip $vip >/dev/null 2>&1 &
PLAY
}

ansible() {
    ANSIBLE_CONFIG=$work/ansible.cfg "$venv/bin/ansible-playbook" "$@"
}

# Ends Ansible's kept connections.
ansible_cold() {
    for socket in "$work"/cp/*; do
        [ ! -S "$socket" ] || ssh -o ControlPath="$socket" -O exit x 2>/dev/null || true
    done
}

# site NAME ARGS…
site() {
    name=$1 && shift
    "$bin" --site "$work/$name" "$@"
}

cold_site() {
    name=$1 && shift
    sed -i 's/keep_warm: 10m/keep_warm: 0s/' "$work/$name/reveille.yml"
    "$bin" --site "$work/$name" "$@"
    code=$?
    sed -i 's/keep_warm: 0s/keep_warm: 10m/' "$work/$name/reveille.yml"
    return "$code"
}

# --- a, b: twenty steps ----------------------------------------------------------------------------------------------

all_services() {
    for host in $(seq "$hosts"); do echo "s$host"; done
}

twenty() {
    note "twenty no-op steps on one host"
    quietly site chain deploy s1
    quietly site wide deploy s1
    quietly ansible -e on=h1 "$work/twenty.yml"
    for _ in $(seq "$rounds"); do
        timed 1x20 'reveille, one chain' site chain deploy s1
        timed 1x20 'reveille, side by side' site wide deploy s1
        timed 1x20 'Ansible, warm' ansible -e on=h1 "$work/twenty.yml"
        timed 1x20 'reveille, one chain, cold' cold_site chain deploy s1
        ansible_cold
        timed 1x20 'Ansible, cold' ansible -e on=h1 "$work/twenty.yml"
    done
    note "twenty no-op steps on $hosts hosts"
    services=$(all_services)
    # shellcheck disable=SC2086 # one word each
    quietly site chain deploy $services
    # shellcheck disable=SC2086
    quietly site wide deploy $services
    for round in $(seq "$few"); do
        # shellcheck disable=SC2086
        for _ in 1 2 3; do
            timed 12x20 'reveille, one chain' site chain deploy $services
            timed 12x20 'reveille, side by side' site wide deploy $services
            timed 12x20 'reveille, one chain, cold' cold_site chain deploy $services
        done
        [ "$round" != 1 ] || quietly ansible -e on=workstations "$work/twenty.yml"
        timed 12x20 'Ansible, warm' ansible -e on=workstations "$work/twenty.yml"
        ansible_cold
        timed 12x20 'Ansible, cold' ansible -e on=workstations "$work/twenty.yml"
    done
}

# --- c, d: a failover ------------------------------------------------------------------------------------------------

# web as it was before each trial: h1 serves, the copy on h2 sleeps, the client asks every 2 ms.
stage() {
    "$bin" lab --dir "$lab" heal h1 2>/dev/null || true
    site web teardown web --yes >/dev/null 2>&1 || true
    "$bin" lab --dir "$lab" exec h2 -- sh -c "ip addr del $vip/32 dev eth0; pkill -CONT apache2; pkill apache2" 2>/dev/null || true
    quietly site web deploy web --to h1 --limit h1,h2
    until answered; do :; done
    rm -f "$work/news"
    mkfifo "$work/news"
    "$bin" lab --dir "$lab" meter --http "http://$vip/healthz" --every 2ms --gap-above 4ms --json >"$work/meter.json" 2>"$work/news" &
    meter=$!
    exec 3<"$work/news"
    read -r _ <&3
}

answered() {
    "$bin" lab --dir "$lab" exec client -- curl -sf -m 1 -o /dev/null "http://$vip/healthz"
}

# first_answer AFTER: waits until the client is answered again and ends the meter; sets first to the moment of the
# answer that ended the outage in which AFTER lies. Tenths of milliseconds since 1970.
first_answer() {
    until answered; do :; done
    kill -TERM "$meter"
    wait "$meter" || true
    meter='' started=$(wall "$(field started <"$work/meter.json")")
    first=$(grep -o '"from_ms":[0-9.]*,"to_ms":[0-9.]*' "$work/meter.json" | sed 's/[^0-9.,]//g' |
        awk -F, -v after="$(($1 - started))" '$1 * 10 <= after && $2 * 10 > after { printf "%d", $2 * 10; exit }')
    [ -n "$first" ] || { cat "$work/meter.json" >&2; note 'bench: the client saw no outage'; exit 1; }
    first=$((started + first))
}

cut_h1() {
    "$bin" lab --dir "$lab" cut h1 --silent
}

by_reveille() {
    stage
    cut_h1
    from=$(($(date +%s%N) / 100000))
    quietly "$1" web failover web --to h2 --json
    first_answer "$from"
    sample failover "reveille, $2" "$((first - from))"
    run=$(wall "$(field wall_time <"$work/log")")
    evidence=$(grep '"event":"evidence"' "$work/log" | field at_ms)
    sample takeover "reveille, $2" "$((first - run - evidence * 10))"
}

by_ansible() {
    stage
    quietly ansible -e on=h2 "$work/warm.yml"
    cut_h1
    from=$(($(date +%s%N) / 100000))
    quietly ansible "$work/failover.yml"
    first_answer "$from"
    sample failover 'Ansible, warm' "$((first - from))"
}

by_line() {
    stage
    line="pkill -CONT apache2; ip addr add $vip/32 dev eth0; arping -q -U -c 1 -w 1 -I eth0 -s $vip $vip >/dev/null 2>&1 &"
    [ -p "$work/trigger" ] || mkfifo "$work/trigger" "$work/told"
    "$warm_line" "$lab/ssh/id" "$lab/ssh/known_hosts" "$net.2" "$line" <"$work/trigger" >"$work/told" &
    line_pid=$!
    exec 4>"$work/trigger" 5<"$work/told"
    read -r _ <&5
    cut_h1
    echo now >&4
    read -r told took _ <&5
    first_answer "$(tenths "$told")"
    exec 4>&- 5<&-
    wait "$line_pid" || true
    line_pid=''
    sample takeover 'one warm line' "$((first - $(tenths "$told")))"
    sample takeover 'its own time on the host' "$(tenths "$took")"
}

failovers() {
    note 'a failover, as the client sees it'
    for _ in $(seq "$rounds"); do
        by_line
        by_reveille site warm
        by_reveille cold_site cold
        by_ansible
    done
}

# --- The report --------------------------------------------------------------------------------------------------

# summary: CASE|WAY|N|MEDIAN|MIN|MAX, milliseconds, case by case.
summary() {
    for case_ in 1x20 12x20 failover takeover; do
        grep "^$case_|" "$work/samples" || true
    done | awk -F'|' '
        { key = $1 "|" $2; if (!(key in n)) order[++keys] = key; value[key, ++n[key]] = $3 / 10 }
        END {
            for (k = 1; k <= keys; k++) {
                key = order[k]; count = n[key]
                for (i = 1; i <= count; i++) sorted[i] = value[key, i]
                for (i = 2; i <= count; i++)
                    for (j = i; j > 1 && sorted[j - 1] > sorted[j]; j--) {
                        t = sorted[j]; sorted[j] = sorted[j - 1]; sorted[j - 1] = t
                    }
                middle = int((count + 1) / 2)
                median = count % 2 ? sorted[middle] : (sorted[middle] + sorted[middle + 1]) / 2
                printf "%s|%d|%.1f|%.1f|%.1f\n", key, count, median, sorted[1], sorted[count]
            }
        }'
}

# The table, and what each takes beside the first of its case.
table() {
    awk -F'|' '
        function title(name) {
            if (name == "1x20") return "20 no-op steps on 1 host"
            if (name == "12x20") return "20 no-op steps on each of 12 hosts"
            if (name == "failover") return "a failover, from the command to the first answer the client gets"
            if (name == "takeover") return "the takeover in it, from the evidence to the first answer"
            return name
        }
        $1 != case_ { case_ = $1; base = $4; first = $2; printf "\n%s\n", title($1) }
        {
            ratio = $2 == first ? "" : sprintf("%.1f x", $4 / base)
            printf "  %-28s %9.1f ms  [%.1f to %.1f, n=%d]  %s\n", $2, $4, $5, $6, $3, ratio
        }'
}

# median CASE WAY
median() {
    awk -F'|' -v c="$1" -v w="$2" '$1 == c && $2 == w { print $4 }' "$work/summary"
}

# aim WHAT AIM GOT BETTER: one line of the verdict; BETTER is `most` or `least`.
aim() {
    awk -v what="$1" -v aim="$2" -v got="$3" -v better="$4" 'BEGIN {
        met = better == "most" ? got <= aim : got >= aim
        printf "%s|%s|%.1f|%s\n", what, aim, got, met ? "true" : "false"
    }' >>"$work/aims"
}

ratio() {
    awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", a / b }'
}

version() {
    "$@" 2>&1 | sed -n '1s/^\([^,]*\).*/\1/p'
}

write_json() {
    {
        printf '{"schema":"reveille.bench/1","date":"%s",' "$(date -u +%Y-%m-%dT%H:%M:%SZ)"
        printf '"machine":{"cores":%s,"memory_kib":%s,"kernel":"%s","load_before":%s},' \
            "$(nproc)" "$(sed -n 's/^MemTotal: *\([0-9]*\).*/\1/p' /proc/meminfo)" "$(uname -r)" "$load"
        printf '"versions":{"reveille":"%s","ansible":"%s","openssh":"%s"},"results":[' \
            "$(version "$bin" --version)" "$(version "$venv/bin/ansible" --version)" "$(version ssh -V)"
        awk -F'|' '{ printf "%s{\"case\":\"%s\",\"way\":\"%s\",\"n\":%s,\"median_ms\":%s,\"min_ms\":%s,\"max_ms\":%s}",
            NR == 1 ? "" : ",", $1, $2, $3, $4, $5, $6 }' "$work/summary"
        printf '],"aims":['
        awk -F'|' '{ printf "%s{\"what\":\"%s\",\"aim\":%s,\"got\":%s,\"met\":%s}",
            NR == 1 ? "" : ",", $1, $2, $3, $4 }' "$work/aims"
        printf ']}\n'
    } >"$out/field.json"
}

report() {
    summary >"$work/summary"
    : >"$work/aims"
    [ -z "$(median 12x20 'Ansible, warm')" ] || aim 'times faster than Ansible, 12 x 20' 30 \
        "$(ratio "$(median 12x20 'Ansible, warm')" "$(median 12x20 'reveille, one chain')")" least
    [ -z "$(median takeover 'one warm line')" ] || aim 'times the bare line, takeover' 2 \
        "$(ratio "$(median takeover 'reveille, warm')" "$(median takeover 'one warm line')")" most
    mkdir -p "$out"
    write_json
    printf '%s cores, %s, load %s before; %s, Ansible %s, %s\n' "$(nproc)" "$(uname -sr)" "$load" \
        "$(version "$bin" --version)" "$(version "$venv/bin/ansible" --version)" "$(version ssh -V)"
    table <"$work/summary"
    echo
    awk -F'|' '{ printf "  %s: %s (aim %s) %s\n", $1, $3, $2, $4 == "true" ? "met" : "MISSED" }' "$work/aims"
    echo
    echo "target/bench/field.json"
}

# --- All of it ---------------------------------------------------------------------------------------------------

if [ ! -x "$venv/bin/ansible-playbook" ]; then
    note 'installing ansible-core into target/bench-venv'
    python3 -m venv "$venv"
    "$venv/bin/pip" install -q 'ansible-core==2.19.*'
fi
work=$(mktemp -d)
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
read -r load _ </proc/loadavg
write_sites
write_ansible
quietly "$bin" lab --dir "$lab" up --hosts "$hosts" --subnet "$net.0/24" --inventory "$work/lab.yml"
for part in ${PARTS:-twenty failovers}; do "$part"; done
report
