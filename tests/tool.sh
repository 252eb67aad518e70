#!/bin/sh
# Installs a cargo program of one version into target/tools, once.
set -eu
name=$1
version=$2
shift 2
"target/tools/bin/$name" --version 2>/dev/null | grep -qF "$version" && exit 0
exec "${CARGO:-cargo}" install "$name" --version "$version" --locked --debug --root target/tools "$@"
