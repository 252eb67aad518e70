#!/bin/sh
echo '{"db": {"hosts": ["d1", "d2"], "vars": {"tier": "third"}}, "_meta": {"hostvars": {"d1": {"rank": 3}}}}'
