#!/bin/sh
# The tables of the results chapter, from real drills: every shipped service cut off and overloaded, side by side, each in a
# lab of its own (most of the time all of them wait). `make tables`, or `benches/tables.sh BIN` as root.
#
# Keeps the rounds in target/tables, one file for each service, as they are made: stopped and started again, it goes on
# with what is missing. When all are there it writes book/src/results. Takes hours.
#
# QUICK=1                       a few minutes, in target/tables-quick; the book stays as it is
# SERVICES='web mail dns monitor'
# SEED=1                        of the random instants
# REFERENCE=FILE                somebody else's figures, to stand beside these
set -eu

bin=$(realpath "${1:?usage: benches/tables.sh PATH/TO/reveille}")
here=$(dirname "$(dirname "$(realpath "$0")")")
services=${SERVICES:-web mail dns monitor}
out=$here/target/tables${QUICK:+-quick}

[ "$(id -u)" = 0 ] || { echo 'tables: needs root, it makes hosts' >&2; exit 1; }

stop() {
    trap '' INT TERM
    for drill in $drills; do kill "${drill#*=}" 2>/dev/null || true; done
    wait
    echo "tables: stopped; the same command goes on with what is missing" >&2
    exit "$1"
}

drills=
mkdir -p "$out"
trap 'stop 130' INT
trap 'stop 143' TERM
for service in $services; do
    "$bin" --site "$here" drill "$service" --fault cut,overload ${QUICK:+--quick} --seed "${SEED:-1}" \
        -o "$out/$service.json" >"$out/$service.txt" 2>"$out/$service.log" &
    drills="$drills $service=$!"
    echo "$service: target/${out##*/}/$service.log" >&2
done

failed=
for drill in $drills; do
    code=0
    wait "${drill#*=}" || code=$?
    # 2: some round was not taken over. That is a result.
    case $code in
    0 | 2) ;;
    *)
        failed="$failed ${drill%=*}"
        tail -5 "$out/${drill%=*}.log" >&2
        ;;
    esac
done
[ -z "$failed" ] || { echo "tables: not whole:$failed" >&2; exit 1; }

set --
for service in $services; do set -- "$@" "$out/$service.json"; done
[ -n "${QUICK:-}" ] || set -- "$@" --book "$here/book/src/results"
[ -z "${REFERENCE:-}" ] || set -- "$@" --reference "$REFERENCE"
"$bin" drill report "$@" --html "$out/tables.html" --csv "$out/tables.csv"
summary=$here/book/src/SUMMARY.md
if [ -z "${QUICK:-}" ] && ! grep -q 'results/index.md' "$summary"; then
    sed -i '/reference\/race.md/a - [Results of drills](results/index.md)' "$summary"
fi
echo "target/${out##*/}/tables.html"
