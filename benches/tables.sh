#!/bin/sh
# The tables of the results chapter, from real drills: every shipped service cut off and overloaded, side by side (most of
# the time all of them wait), each in two labs of its own: the longest interval takes as long as all others. `make tables`,
# or `benches/tables.sh BIN` as root.
#
# Keeps the rounds in target/tables as they are made: stopped and started again, it goes on with what is missing. When all
# are there it writes book/src/results. Takes an hour or two.
#
# QUICK=1                       a few minutes, in target/tables-quick; the book stays as it is
# SERVICES='web mail dns monitor'
# SEED=1                        of the random instants
# REFERENCE=FILE                somebody else's figures, to stand beside these
set -eu

bin=$(realpath "${1:?usage: benches/tables.sh PATH/TO/reveille}")
here=$(dirname "$(dirname "$(realpath "$0")")")
services=${SERVICES:-web mail dns monitor}
parts='4,8,16 32'
[ -z "${QUICK:-}" ] || parts=quick
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
files=
mkdir -p "$out"
trap 'stop 130' INT
trap 'stop 143' TERM
for service in $services; do
    for part in $parts; do
        file=$out/$service-$part
        case $part in
        quick) set -- --quick ;;
        *) set -- --intervals "$part" ;;
        esac
        "$bin" --site "$here" drill "$service" --fault cut,overload "$@" --seed "${SEED:-1}" \
            -o "$file.json" >"$file.txt" 2>"$file.log" &
        drills="$drills $service-$part=$!"
        files="$files $file.json"
        echo "$service, $part: ${file#"$here/"}.log" >&2
    done
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

# shellcheck disable=SC2086 # a list of files
set -- $files
[ -n "${QUICK:-}" ] || set -- "$@" --book "$here/book/src/results"
[ -z "${REFERENCE:-}" ] || set -- "$@" --reference "$REFERENCE"
"$bin" drill report "$@" --html "$out/tables.html" --csv "$out/tables.csv"
summary=$here/book/src/SUMMARY.md
if [ -z "${QUICK:-}" ] && ! grep -q 'results/index.md' "$summary"; then
    sed -i '/reference\/race.md/a - [Results of drills](results/index.md)' "$summary"
fi
echo "${out#"$here/"}/tables.html"
