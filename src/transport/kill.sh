# Ends process group $1 and prints `gone` once nothing of it runs: TERM, two seconds of grace, KILL, two more seconds.
# A zombie does not run: where pid 1 does not reap, zombies stay for ever.
rv_group=$1;
runs() {
  kill -s 0 -- -$rv_group 2>/dev/null || return 1;
  for rv_stat in /proc/[0-9]*/stat; do
    read -r rv_line <$rv_stat || continue;
    set -- ${rv_line##*) };
    case $1 in Z|X) ;; *) [ "$3" = $rv_group ] && return 0;; esac;
  done 2>/dev/null;
  return 1;
};
for rv_signal in TERM KILL; do
  kill -s $rv_signal -- -$rv_group 2>/dev/null;
  for rv_nap in 0.02 0.05 0.1 0.2 0.4 0.6 0.6; do
    runs || { echo gone; exit 0; };
    sleep $rv_nap 2>/dev/null || sleep 1;
  done;
done;
runs || { echo gone; exit 0; };
exit 1
