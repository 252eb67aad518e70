#!/bin/sh
# Runs every test, with nextest where it is installed. Its closing lines are the last thing printed.
set -eu
cargo="${CARGO:-cargo}"
"$cargo" test --quiet --doc
if "$cargo" nextest --version >/dev/null 2>&1; then
    exec "$cargo" nextest run --no-fail-fast "$@"
fi
exec "$cargo" test --no-fail-fast "$@"
