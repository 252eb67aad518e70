# Ends process group $1 and prints `gone` once nothing of it runs. TERM, two seconds of grace, KILL, two more seconds.
# A zombie counts as gone: where pid 1 does not reap, zombies stay for ever.
for rv_signal in TERM KILL; do
  kill -s $rv_signal -- -$1 2>/dev/null;
  rv_try=0;
  while [ $rv_try -lt 40 ]; do
    kill -s 0 -- -$1 2>/dev/null || { echo gone; exit 0; };
    sleep 0.05 2>/dev/null || sleep 1;
    rv_try=$((rv_try + 1));
  done;
  for rv_stat in /proc/[0-9]*/stat; do
    read -r rv_line <$rv_stat || continue;
    rv_line=${rv_line##*) };
    case $rv_line in "Z "*|"X "*) ;; *" "*" $1 "*) set -- $1 $rv_line; [ $4 = $1 ] && continue 2;; esac;
  done 2>/dev/null;
  echo gone; exit 0;
done;
exit 1
