#!/bin/sh
# From before `_meta`: every host is asked for.
case $1 in
--list) echo '{"web": {"hosts": ["w1", "w2"], "vars": {"http_port": 80}}, "db": ["d1"], "site": {"children": ["web", "db"]}}' ;;
--host)
    case $2 in
    w1) echo '{"rack": "r1", "http_port": 8080, "list": [1, {"a": "é"}]}' ;;
    w2) ;;
    *) echo '{}' ;;
    esac
    ;;
esac
