# A process and all its descendants, together: list, put to sleep, wake, end. Works on the variables that record_read
# sets. Every wait here is without end: the step's deadline is enforced from outside.
# shellcheck shell=sh disable=SC2154,SC2034 # variables are shared with the files named above

# tree_home: the cgroup below which ours are made, and sets freezer to its kind; empty and `signals` where there is none.
# It lies where the host's first process lives, outside every login session, so that the end of one ends nothing of
# ours, and several hosts on one kernel (containers) do not meet.
tree_home() {
  home='' freezer=signals
  case ${RV_CGROUP:-} in
    none) return ;;
    ?*) tree_home_is "$RV_CGROUP" || true; return ;;
  esac
  while read -r _ mount_point mount_type mount_options _; do
    case $mount_type:,$mount_options, in
      cgroup2:*) tree_home_try "$mount_point" 0 '' && return ;;
      cgroup:*,freezer,*) v1_mount=$mount_point ;;
    esac
  done </proc/mounts
  [ -z "${v1_mount:-}" ] || tree_home_try "$v1_mount" '*' freezer || true
}

# tree_home_try MOUNT HIERARCHY CONTROLLER
tree_home_try() {
  while IFS=: read -r hierarchy controllers path; do
    # shellcheck disable=SC2254 # the hierarchy is a pattern
    case $hierarchy in $2) ;; *) continue ;; esac
    [ "$controllers" = "$3" ] || continue
    case $path in */..*) return 1 ;; esac
    path=${path%/init.scope}
    tree_home_is "$1${path%/}"
    return
  done </proc/1/cgroup
  return 1
}

# tree_home_is DIR: can we make cgroups in it, and has it a freezer?
tree_home_is() {
  # Facts are asked for by the login user, who must be able to see what sleeps.
  (umask 022 && mkdir -p "$1/reveille/$RV_SERVICE") 2>/dev/null || return 1
  if [ -e "$1/reveille/$RV_SERVICE/cgroup.freeze" ]; then freezer=v2
  elif [ -e "$1/reveille/$RV_SERVICE/freezer.state" ]; then freezer=v1
  else return 1; fi
  home=$1/reveille/$RV_SERVICE
}

# tree_scan: sets tree to the pids that live; tree_stopped and tree_running are those of them that are, and are not,
# stopped by a signal.
tree_scan() {
  tree='' tree_stopped='' tree_running=''
  if [ -n "$cgroup" ]; then
    tree_list "$cgroup"
    return 0
  fi
  while read -r tree_pid tree_state; do
    [ -z "$tree_pid" ] || tree_add "$tree_pid" "$tree_state"
  done <<END
$(tree_walk)
END
}

# tree_list CGROUP: adds what is in it and below it.
tree_list() {
  while read -r tree_pid; do
    if stat_read "$tree_pid"; then tree_add "$tree_pid" "$stat_state"; fi
  done 2>/dev/null <"$1/cgroup.procs"
  for tree_below in "$1"/*/; do
    [ ! -d "$tree_below" ] || tree_list "$tree_below"
  done
}

# tree_add PID STATE
tree_add() {
  case $2 in
    Z | X | x) return ;;
    T) tree_stopped="$tree_stopped $1" ;;
    *) tree_running="$tree_running $1" ;;
  esac
  tree="$tree $1"
}

# tree_walk: prints `pid state` of everything in the session or group, of what carries our mark in its environment, and
# of all children of these. For hosts without cgroups.
tree_walk() {
  tree_marked=$(grep -lszxF "REVEILLE_PROCESS=$RV_SERVICE/$name" /proc/[0-9]*/environ 2>/dev/null)
  # shellcheck disable=SC2002 # a file that is gone by now must not end awk
  cat /proc/[0-9]*/stat 2>/dev/null | awk -v leader="$pid" -v start="$start" -v marked="$tree_marked" '
    # A name may hold newlines: go on until the line ends as one of these lines ends.
    { line = line $0 }
    line !~ /\) [A-Za-z]( -?[0-9]+)+ *$/ { line = line "\n"; next }
    {
      name_at = line; number = line + 0
      while ((at = index(name_at, ") ")) > 0) name_at = substr(name_at, at + 2)
      split(name_at, field, " ")
      state[number] = field[1]; parent[number] = field[2]; started[number] = field[20]
      group[number] = field[3]; session[number] = field[4]
      line = ""
    }
    END {
      # The number of a dead leader may by now lead a session of others.
      if (!(leader in started) || started[leader] == start)
        for (p in state) if (group[p] == leader || session[p] == leader) ours[p] = 1
      count = split(marked, files, "\n")
      for (i = 1; i <= count; i++) { split(files[i], part, "/"); if (part[3] in state) ours[part[3]] = 1 }
      do {
        grown = 0
        for (p in state) if (!(p in ours) && (parent[p] in ours)) { ours[p] = 1; grown = 1 }
      } while (grown)
      for (p in ours) print p, state[p]
    }'
}

# tree_asleep: can nothing of it run?
tree_asleep() {
  cgroup_frozen && return 0
  tree_scan
  [ -n "$tree" ] && [ -z "$tree_running" ]
}

# tree_awake: is nothing of it frozen or stopped?
tree_awake() {
  case $freezer in
    v2) read -r frozen <"$cgroup/cgroup.freeze" && [ "$frozen" = 0 ] || return 1; cgroup_frozen && return 1 ;;
    v1) read -r frozen <"$cgroup/freezer.state" && [ "$frozen" = THAWED ] || return 1 ;;
  esac
  tree_scan
  [ -n "$tree" ] && [ "$tree" = "$tree_running" ]
}

# tree_sleep: freezes or stops all of it, and returns when that is proven.
tree_sleep() {
  case $freezer in
    v2) echo 1 >"$cgroup/cgroup.freeze" && until cgroup_frozen; do tree_still_there && nap || return; done ;;
    # The v1 freezer gives up on a task that does not stop soon, and wants to be asked again.
    v1) until echo FROZEN >"$cgroup/freezer.state" && cgroup_frozen; do tree_still_there && nap || return; done ;;
    *) tree_stop_all ;;
  esac
}

# A child born while a list was read is missing from it. Once all on a list are stopped none of them can bear another, so
# the next list is whole: done when two in a row show nothing running.
tree_stop_all() {
  still=0
  kill -STOP -- "-$pid" 2>/dev/null
  while [ $still -lt 2 ]; do
    tree_scan
    if [ -z "$tree_running" ]; then
      still=$((still + 1))
      continue
    fi
    still=0
    tree_still_there || return
    # shellcheck disable=SC2086 # a list of pids
    kill -STOP $tree_running 2>/dev/null
    nap
  done
  tree_still_there
}

tree_still_there() {
  record_alive && return 0
  echo "$name died while it was put to sleep" >&2
  return 1
}

# tree_wake: thaws and continues all of it, whichever way it was put to sleep, and returns when that is proven.
tree_wake() {
  tree_thaw
  until tree_awake; do
    tree_continue
    record_alive || { echo "$name died while it was woken" >&2; return 1; }
    nap
  done
}

tree_thaw() {
  case $freezer in
    v2) echo 0 >"$cgroup/cgroup.freeze" ;;
    v1) echo THAWED >"$cgroup/freezer.state" ;;
  esac
}

# Children before the first process: if it ran first, it would see its children stopped.
tree_continue() {
  for tree_pid in $tree_stopped; do
    [ "$tree_pid" = "$pid" ] || kill -CONT "$tree_pid" 2>/dev/null
  done
  case " $tree_stopped " in *" $pid "*) kill -CONT "$pid" 2>/dev/null ;; esac
  return 0
}

# tree_gone: is nothing left of it? Zombies are gone.
tree_gone() {
  tree_scan
  [ -z "$tree" ]
}

# tree_end SIGNAL LIMIT GRACE: asks the first process to stop, then, after GRACE, what it leaves behind, and kills all that
# is left after LIMIT. Both in hundredths of a second.
tree_end() {
  guard_clock
  tree_limit=$((guard_now + $2)) tree_grace=$((guard_now + $3)) tree_asked=' '
  record_alive && kill "-$1" "$pid"
  tree_thaw 2>/dev/null
  until tree_gone; do
    tree_continue
    guard_clock
    [ "$guard_now" -lt "$tree_limit" ] || break
    if [ "$tree_asked" != all ] && ! record_alive; then tree_ask_rest "$1"; fi
    nap
  done
  tree_kill
}

# tree_ask_rest SIGNAL: whoever has children only waits for what these do, and would begin more: it is asked at once. The
# others may bring to an end what they are about, until the grace is over.
tree_ask_rest() {
  if [ "$guard_now" -ge "$tree_grace" ]; then
    # shellcheck disable=SC2086 # a list of pids
    kill "-$1" $tree 2>/dev/null
    tree_asked=all
    return
  fi
  tree_parents=' '
  for tree_pid in $tree; do
    ! stat_read "$tree_pid" || tree_parents="$tree_parents$stat_parent "
  done
  for tree_pid in $tree; do
    case $tree_asked in *" $tree_pid "*) continue ;; esac
    case $tree_parents in
      *" $tree_pid "*) kill "-$1" "$tree_pid" 2>/dev/null; tree_asked="$tree_asked$tree_pid " ;;
    esac
  done
}

# Ends everything, again and again until nothing is left: something may have been born in between.
tree_kill() {
  until tree_gone; do
    if [ -n "$cgroup" ] && [ -e "$cgroup/cgroup.kill" ]; then echo 1 >"$cgroup/cgroup.kill"
    else
      # shellcheck disable=SC2086 # a list of pids
      kill -KILL $tree 2>/dev/null
      tree_thaw 2>/dev/null
    fi
    nap
  done
  tree_remove_cgroup
}

tree_remove_cgroup() {
  [ -n "$cgroup" ] && [ -d "$cgroup" ] || return 0
  # The kernel may need a moment to let go of the last process.
  until find "$cgroup" -depth -type d -exec rmdir {} + 2>/dev/null; do tree_gone && nap || return; done
  rmdir "${cgroup%/*}" 2>/dev/null && rmdir "${cgroup%/*/*}" 2>/dev/null
  return 0
}
