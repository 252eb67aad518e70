# Puts so many files into a folder at once, and takes them away again.
#   $1   the folder
#   $2   how many
# Called with what `Armed` puts in front.
# shellcheck shell=sh
beside=$(mktemp -d "${1%/}.drill.XXXXXX")
i=0
while [ "$i" -lt "$2" ]; do
    i=$((i + 1))
    : >"$beside/drill-$i"
done
await
mv "$beside"/drill-* "$1/"
struck
# Whoever works the queue off may have taken some.
rm -rf "$1"/drill-[0-9]* "$beside"
