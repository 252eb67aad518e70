#!/bin/sh
# Makes the Debian package: tests/deb.sh PROGRAM FOLDER [FLAG…]. PROGRAM is a reveille that was built; the package goes to
# FOLDER; flags are those of cargo deb. What the package holds is listed in Cargo.toml; what of it the program makes itself,
# it makes here, in target/deb.
set -eu
program=$1
folder=$2
shift 2
cargo="${CARGO:-cargo}"
made=target/deb
rm -rf "$made"
mkdir -p "$made/completions" "$folder"
install -s -m 755 "$program" "$made/reveille"
for shell in bash zsh fish; do
    "$program" completions "$shell" >"$made/completions/$shell"
done
"$program" man "$made/man"
gzip -9n "$made"/man/*.1
sed 's,/usr/local/bin/,/usr/bin/,' book/src/how-to/reveille.service >"$made/reveille.service"
gzip -9nc CHANGELOG.md >"$made/changelog.gz"
PATH="$PWD/target/tools/bin:$PATH" "$cargo" deb --no-build --no-strip --output "$folder" "$@"
