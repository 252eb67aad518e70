# What a host runs for every job, as `sh -c`. It never holds the job's script (that comes over stdin, where `ps` cannot
# see it and no length limit applies). Joined to one line before use: login shells exist that choke on a newline in
# quotes, or on an exclamation mark without a blank after it. Exit 254: the script did not arrive whole, nothing ran.
exec 3<&0 </dev/null;
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin;
read -r rv_nonce rv_size <&3 || exit 254;

# The script, up to the line "#NONCE". Reading bytewise is quicker than starting `head` up to a few KiB.
case $rv_size in
lines)
  rv_script= rv_whole=;
  while IFS= read -r rv_line <&3; do
    case $rv_line in "#$rv_nonce") rv_whole=yes; break;; esac;
    rv_script=$rv_script$rv_line${IFS#??};
  done;
  [ -n "$rv_whole" ] || exit 254;;
*)
  rv_script=$(head -c "$rv_size" <&3);
  case $rv_script in *"#$rv_nonce") ;; *) exit 254;; esac;;
esac;

# Our process group is our pid, except under a sudo that made no session of its own.
rv_group=$$;
if kill -s 0 -- -$$ 2>/dev/null; then :; else
  read -r rv_line </proc/$$/stat; set -- ${rv_line##*) }; rv_group=$3; set --;
fi;
echo "$rv_nonce+ $rv_group"; echo "$rv_nonce+" >&2;

# The watchdog: stdin ends when the controller or the link dies, and then so does the group. A link cut in silence
# looks fine from here for hours, so a job that takes long is told how many seconds are left to it: one line. The
# watchdog holds neither output.
rv_end() { trap "" TERM; kill -s TERM -- -$rv_group; sleep 2; kill -s KILL -- -$rv_group; };
(
  while read -r rv_left <&3; do
    (
      exec 3<&-;
      while [ $rv_left -gt 0 ]; do sleep 1; kill -s 0 $$ || exit; rv_left=$((rv_left - 1)); done;
      rv_end
    ) &
  done;
  rv_end
) >/dev/null 2>&1 & rv_watchdog=$! ;
exec 3<&-;

(eval "$rv_script"); rv_code=$?;
kill -s KILL $rv_watchdog;
echo "$rv_nonce- $rv_code"; echo "$rv_nonce-" >&2;
exit $rv_code
