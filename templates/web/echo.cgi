#!/bin/sh
# Says what it was asked: the same on every host.
printf 'Content-Type: text/plain\n\n'
printf 'method %s\nquery %s\n' "$REQUEST_METHOD" "$QUERY_STRING"
cat
