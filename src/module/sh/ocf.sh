# Entry points of the `ocf` module: ocf_is, ocf_started, ocf_startable, ocf_stopped, ocf_undo, ocf_valid, ocf_describe.
# Needs guard.sh and undo.sh. Each entry point runs in a shell of its own.
#
# RV_DIR/ocf/NAME/started   it was started here, as far as this host knows: without its agent nobody can say more
# RV_DIR/ocf/NAME/log       what the agent said when it last started or stopped it
#
# How agents are spoken to, and what their exit codes mean: Open Cluster Framework, resource agent API 1.1.
# shellcheck shell=sh disable=SC2154,SC2034 # `kept` is set by undo_recall

# ocf_is started|startable|stopped AGENT NAME WORDS…: exit 0, or 10 when something has to be done. An agent that cannot
# tell yet, its settings are not there, say, is asked again by the act.
ocf_is() {
  target=$1
  shift
  ocf_open "$@" && ocf_state "$target" || return 10
  echo "$ocf_agent is $state"
  case $target:$state in
    started:started | stopped:stopped) ;;
    startable:stopped) ocf_validate 2>/dev/null || return 10 ;;
    *) return 10 ;;
  esac
}

# ocf_started AGENT NAME WORDS…: running, by the agent's own word. One that failed is stopped first.
ocf_started() {
  ocf_begin started "$@" || return
  case $state in
    started) ;;
    failed) ocf_do stop && ocf_do start && ocf_confirm started ;;
    *) ocf_do start && ocf_confirm started ;;
  esac && ocf_remember
}

# ocf_startable AGENT NAME WORDS…: not running, and the agent finds nothing that would keep it from being started.
ocf_startable() {
  ocf_begin startable "$@" && ocf_halt && ocf_validate
}

# ocf_stopped AGENT NAME WORDS…
ocf_stopped() {
  ocf_begin stopped "$@" && ocf_halt
}

# ocf_undo started|startable|stopped AGENT NAME WORDS…: takes back the act of the same name in this run.
ocf_undo() {
  key=ocf.$3.$1 target=$1
  undo_recall "$key" || return 0
  ocf_was=$kept
  shift
  ocf_open "$@" || return
  case $target:$ocf_was in
    started:started) ;;
    started:*) ocf_retract ;;
    *:started) ocf_state started && { [ "$state" = started ] || ocf_do start && ocf_confirm started; } ;;
  esac && undo_forget "$key"
}

# What was not running before is told to stop, whatever the agent sees: a start that was cut short may have left
# something that it does not know of yet. A refusal to stop does no harm where nothing runs.
ocf_retract() {
  ocf_act stop
  ocf_stopped_as=$ocf_code ocf_stopped_saying=$ocf_said
  if ocf_state stopped && [ "$state" = stopped ]; then
    rm -f "$dir/started"
    return
  fi
  ocf_code=$ocf_stopped_as ocf_said=$ocf_stopped_saying
  [ "$ocf_code" -ne 0 ] || ocf_code=1
  ocf_complain stop
  return 1
}

# ocf_valid AGENT NAME WORDS…: for doctor: could it be started here?
ocf_valid() {
  ocf_open "$@" && ocf_validate
}

# ocf_describe AGENT: prints what the agent says of itself. Exit 66: there is none; prints those that there are.
ocf_describe() {
  ocf_name_agent "$1"
  if [ ! -f "$ocf_script" ] || [ ! -x "$ocf_script" ]; then
    [ ! -d "${ocf_script%/*}" ] || ls -- "${ocf_script%/*}"
    return 66
  fi
  OCF_RESOURCE_INSTANCE=undef
  export OCF_RESOURCE_INSTANCE
  if command -v timeout >/dev/null; then
    timeout 10 "$ocf_script" meta-data 2>/dev/null </dev/null
  else
    "$ocf_script" meta-data 2>/dev/null </dev/null
  fi
}

# ocf_name_agent PROVIDER:TYPE: where it is, and what every call of an agent is told.
ocf_name_agent() {
  ocf_agent=$1
  OCF_ROOT=${OCF_ROOT:-/usr/lib/ocf}
  OCF_RESOURCE_PROVIDER=${1%%:*} OCF_RESOURCE_TYPE=${1#*:}
  # The version of the API, and of what agents take for their manager: some refuse to work without.
  OCF_RA_VERSION_MAJOR=1 OCF_RA_VERSION_MINOR=1 OCF_RESKEY_crm_feature_set=3.16.2
  export OCF_ROOT OCF_RESOURCE_PROVIDER OCF_RESOURCE_TYPE OCF_RA_VERSION_MAJOR OCF_RA_VERSION_MINOR \
    OCF_RESKEY_crm_feature_set
  # Agents call what only root has in its path.
  export PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"
  ocf_script=$OCF_ROOT/resource.d/$OCF_RESOURCE_PROVIDER/$OCF_RESOURCE_TYPE
}

# ocf_open AGENT NAME [--timeout MS] [--env NAME=VALUE]… [-- PARAMETER=VALUE…]
ocf_open() {
  ocf_name_agent "$1"
  ocf_name=$2 dir=$RV_DIR/ocf/$2
  OCF_RESOURCE_INSTANCE=$RV_SERVICE-$2
  export OCF_RESOURCE_INSTANCE
  shift 2
  while [ "${1:---}" != -- ]; do
    case $1 in
      --timeout) export "OCF_RESKEY_CRM_meta_timeout=$2" ;;
      --env) export "${2?}" ;;
    esac
    shift 2
  done
  [ $# -eq 0 ] || shift
  for ocf_parameter; do export "OCF_RESKEY_$ocf_parameter"; done
}

# ocf_begin TARGET AGENT NAME WORDS…: what every act does first. Sets state, and notes it for the undo.
ocf_begin() {
  target=$1
  shift
  ocf_open "$@" && ocf_state "$target" || return
  mkdir -p "$dir" || return
  key=ocf.$ocf_name.$target
  # A second attempt keeps what the first one noted.
  undo_recall "$key" || undo_keep "$key" "$state"
}

# ocf_state TARGET: sets state to started, stopped or failed; fails, with words, where the agent cannot tell. For one that
# is to be stopped, having no agent is as good as not running, if it was not started here.
ocf_state() {
  if [ ! -f "$ocf_script" ] || [ ! -x "$ocf_script" ]; then
    state=stopped
    [ "$1" != stopped ] || [ -e "$dir/started" ] || return 0
    echo "this host has no OCF agent $ocf_agent ($ocf_script)" >&2
    return 1
  fi
  # An interval of 0 tells an agent that nobody expects it to run.
  OCF_RESKEY_CRM_meta_interval=0
  [ "$1" != started ] || [ ! -e "$dir/started" ] || OCF_RESKEY_CRM_meta_interval=10000
  ocf_ask monitor
  case $ocf_code in
    0 | 8 | 190 | 191) state=started ;;
    7) state=stopped ;;
    1 | 9) state=failed ;;
    *)
      state=stopped
      [ "$1:$ocf_code" = stopped:5 ] && [ ! -e "$dir/started" ] && return
      ocf_complain monitor
      return 1
      ;;
  esac
}

# ocf_halt: stopped, whatever it was.
ocf_halt() {
  [ "$state" = stopped ] || { ocf_do stop && ocf_confirm stopped; } && rm -f "$dir/started"
}

# ocf_confirm started|stopped: what was done is believed when the agent sees it.
ocf_confirm() {
  [ "$1" = stopped ] || ocf_remember
  ocf_state "$1" || return
  [ "$state" = "$1" ] && return
  echo "$ocf_agent was told, and says that it is $state: $(ocf_words)$(ocf_reason)" >&2
  return 1
}

ocf_remember() {
  mkdir -p "$dir" && : >"$dir/started"
}

# ocf_validate: nothing stands in the way of a start, as far as the agent can tell. Level 10: here, now, not only in form.
ocf_validate() {
  OCF_CHECK_LEVEL=10
  export OCF_CHECK_LEVEL
  ocf_ask validate-all
  unset OCF_CHECK_LEVEL
  case $ocf_code in
    # 3: it does not know the question.
    0 | 3) ;;
    *) ocf_complain validate-all; return 1 ;;
  esac
}

# ocf_do start|stop: done, or said why not.
ocf_do() {
  ocf_act "$1"
  [ "$ocf_code" -eq 0 ] || { ocf_complain "$1"; return 1; }
}

# ocf_ask ACTION: one that only looks. Sets ocf_code and ocf_said.
ocf_ask() {
  export OCF_RESKEY_CRM_meta_interval
  ocf_said=$("$ocf_script" "$1" 2>&1 </dev/null)
  ocf_code=$?
}

# ocf_act start|stop: in a session of its own, since what it starts is to stay. It ends with this shell, should that be
# told to end, and all that it began with it. Its output goes to a file: a program that was started would hold a pipe open.
ocf_act() {
  ocf_pid=''
  if [ "$(id -u)" = 0 ] && [ ! -d /run/resource-agents ]; then mkdir -m 1755 /run/resource-agents; fi
  OCF_RESKEY_CRM_meta_interval=0
  export OCF_RESKEY_CRM_meta_interval
  trap 'ocf_end; echo "$ocf_agent: $ocf_action did not end in time" >&2; exit 124' HUP INT TERM
  ocf_action=$1
  mkdir -p "$dir"
  setsid "$ocf_script" "$1" >"$dir/log" 2>&1 </dev/null 8>&- 9>&- &
  ocf_pid=$!
  ocf_code=0
  wait "$ocf_pid" || ocf_code=$?
  trap - HUP INT TERM
  ocf_said=$(tail -n 40 "$dir/log")
}

# Ends what an action began: TERM, a second of grace, KILL.
ocf_end() {
  [ -n "$ocf_pid" ] || return 0
  for ocf_signal in TERM KILL; do
    kill -s "$ocf_signal" -- "-$ocf_pid" 2>/dev/null || return 0
    for ocf_nap in 0.05 0.1 0.2 0.3 0.3; do
      kill -s 0 -- "-$ocf_pid" 2>/dev/null || return 0
      sleep "$ocf_nap" 2>/dev/null || sleep 1
    done
  done
}

# ocf_complain ACTION
ocf_complain() {
  echo "$ocf_agent: $1 failed: $(ocf_words)$(ocf_reason)" >&2
}

# The exit code in words.
ocf_words() {
  case $ocf_code in
    0) echo "running (OCF_SUCCESS)" ;;
    1) echo "something went wrong (OCF_ERR_GENERIC)" ;;
    2) echo "a parameter is wrong for this host (OCF_ERR_ARGS)" ;;
    3) echo "the agent cannot do that (OCF_ERR_UNIMPLEMENTED)" ;;
    4) echo "it may not do that (OCF_ERR_PERM)" ;;
    5) echo "what it needs is not installed here (OCF_ERR_INSTALLED)" ;;
    6) echo "its parameters are wrong (OCF_ERR_CONFIGURED)" ;;
    7) echo "not running (OCF_NOT_RUNNING)" ;;
    8 | 190 | 191) echo "running (exit $ocf_code)" ;;
    9) echo "it failed as a promoted one (OCF_FAILED_PROMOTED)" ;;
    126 | 127) echo "the agent cannot be run (exit $ocf_code)" ;;
    *) echo "exit $ocf_code, which means nothing to OCF" ;;
  esac
}

# Why, in the agent's words: its exit reason and the last error that it logged, or else the last it said.
ocf_reason() {
  ocf_why='' ocf_error='' ocf_last=''
  while IFS= read -r ocf_line; do
    case $ocf_line in
      ocf-exit-reason:*) ocf_why=${ocf_line#*:} ;;
      *'ERROR: '*) ocf_error=${ocf_line#*ERROR: } ;;
      ?*) ocf_last=$ocf_line ;;
    esac
  done <<END
$ocf_said
END
  case $ocf_why:$ocf_error in
    :) [ -z "$ocf_last" ] || echo ": $ocf_last" ;;
    *:) echo ": $ocf_why" ;;
    :*) echo ": $ocf_error" ;;
    *) echo ": $ocf_why: $ocf_error" ;;
  esac
}
