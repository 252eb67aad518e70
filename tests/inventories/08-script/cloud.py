#!/usr/bin/env python3
"""What a cloud's own inventory program prints: everything in one answer."""
import json
import sys

if sys.argv[1:] != ["--list"]:
    sys.exit("only --list is supported")
print(json.dumps({
    "_meta": {"hostvars": {
        "i-0a1": {"ansible_host": "203.0.113.5", "tags": {"Name": "web é 😀", "env": "prod"}, "size": 2.0},
        "i-0b2": {"ansible_host": "203.0.113.6", "on": True, "none": None, "ports": [80, 443]},
        "i-unknown": {"a": 1},
    }},
    "tag_web": ["i-0a1", "i-0b2"],
    "tag_db": {"hosts": ["i-0c3"], "vars": {"ansible_user": "admin", "ansible_group_priority": 5, "size": 9}},
    "region": {"children": ["tag_web", "tag_db", "nowhere"], "vars": {"region": "eu", "size": 1}},
    "all": {"hosts": ["i-0d4"], "vars": {"scope": "all"}},
    "ungrouped": {"hosts": ["i-0e5"]},
    "empty": {"hosts": []},
}))
