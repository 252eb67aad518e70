#!/bin/sh
# Puts the ansible-inventory that inventories are compared with into target/tools/ansible, once. Where it cannot be had,
# that one test says so and is skipped.
set -eu
venv=target/tools/ansible
[ ! -x "$venv/bin/ansible-inventory" ] || exit 0
echo "installing: ansible-core into $venv" >&2
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! { python3 -m venv "$venv" && "$venv/bin/pip" install -q 'ansible-core==2.19.*'; } >"$log" 2>&1; then
    tail -3 "$log" >&2
    echo 'not installed: ansible-core; the test that compares with it is skipped' >&2
    rm -rf "$venv"
fi
