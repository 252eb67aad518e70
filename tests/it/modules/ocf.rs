//! OCF agents, called by the real shell functions: `tests/fixtures/agents/lamp`, which is on while a file is there. Each
//! test is one shell text in which a line that fails is the failure.

use std::path::Path;
use std::process::Command;

use reveille::module::Library;

use super::{assemble, feed, root, shells};

/// A host of its own with the agent `test:lamp`. `lamp TARGET MODE` looks, `act` acts, `back` takes back.
const HOST: &str = r#"
mount -t tmpfs tmpfs /run && mkdir -p /run/ocf/resource.d/test || exit 99
cp tests/fixtures/agents/lamp /run/ocf/resource.d/test/lamp || exit 99
export OCF_ROOT=/run/ocf
words() { echo "test:lamp lamp --timeout 20000 -- file=/run/on mode=${1:-works}"; }
look() { rc=0; ( ocf_is "$1" $(words "${2:-}") ) || rc=$?; [ "$rc" = "${3:-0}" ]; }
act() ( "ocf_$1" $(words "${2:-}") )
back() ( ocf_undo "$1" $(words "${2:-}") )
asked() { [ "$(tr '\n' ' ' </run/on.log)" = "$1" ]; rm -f /run/on.log; }
fails() { rc=0; ( "$@" ) 2>/run/said || rc=$?; cat /run/said >&2; [ "$rc" != 0 ]; }
says() { grep -q -- "$1" /run/said; }
"#;

fn each_line_succeeds(text: &str) {
    if !root() {
        return;
    }
    for shell in shells() {
        let script = format!(
            "{HOST}{}",
            assemble(&[Library::Undo, Library::Ocf], Path::new("/run/rv"), &format!("set -ex\n{text}"))
        );
        let said = feed(Command::new("unshare").args(["-mn", "--"]).args(shell), &script);
        let log = String::from_utf8_lossy(&said.stderr);
        assert!(said.status.success(), "{shell:?}: {}\n{log}", said.status);
    }
}

#[test]
fn it_is_started_once_and_taken_back() {
    each_line_succeeds(
        r#"
        look started works 10
        act started
        [ "$(cat /run/on)" = "web-lamp 20000 test:lamp" ]
        look started
        act started
        asked 'start '
        back started
        look started works 10
        asked 'stop '
        back started
        [ ! -e /run/on.log ]
        "#,
    );
}

#[test]
fn a_sleeping_copy_is_one_that_could_start() {
    each_line_succeeds(
        r"
        look startable
        look startable unfit 10
        fails act startable unfit
        says 'what it needs is not installed here (OCF_ERR_INSTALLED): there is no socket'
        back startable unfit
        act started
        asked 'start '
        look startable works 10
        act startable
        look startable
        asked 'stop '
        back startable
        look started
        asked 'start '
        ",
    );
}

#[test]
fn what_has_failed_is_stopped_before_it_is_started() {
    each_line_succeeds(
        r"
        act started
        : >/run/on.broken
        look started works 10
        act started
        look started
        asked 'start stop start '
        : >/run/on.broken
        act stopped
        look stopped
        asked 'stop '
        ",
    );
}

#[test]
fn a_refusal_is_told_in_words_and_leaves_nothing() {
    each_line_succeeds(
        r"
        fails act started refuses
        says 'test:lamp: start failed: its parameters are wrong (OCF_ERR_CONFIGURED): this lamp has no bulb'
        back started refuses
        look stopped
        asked 'start stop '
        fails act started dark
        says 'was told, and says that it is stopped'
        back started dark
        look stopped
        ",
    );
}

#[test]
fn a_start_that_does_not_end_is_ended_with_all_it_began() {
    each_line_succeeds(
        r"
        ( ocf_started $(words hangs) ) 2>/run/said &
        pid=$!
        while [ ! -e /run/on.half ]; do sleep 0.02; done
        kill $pid
        rc=0; wait $pid || rc=$?
        [ $rc = 124 ]
        says 'start did not end in time'
        ! grep -qsz '^613$' /proc/[0-9]*/cmdline
        back started hangs
        [ ! -e /run/on.half ]
        asked 'start stop '
        ",
    );
}

#[test]
fn without_its_agent_only_what_was_never_started_is_stopped() {
    each_line_succeeds(
        r"
        gone=/run/ocf/resource.d/test/lamp
        mv $gone /run/lamp
        look stopped
        act stopped
        fails act started
        says 'this host has no OCF agent test:lamp (/run/ocf/resource.d/test/lamp)'
        mv /run/lamp $gone
        act started
        mv $gone /run/lamp
        look stopped works 10
        fails act stopped
        says 'this host has no OCF agent test:lamp'
        ",
    );
}

#[test]
fn it_describes_itself_and_names_its_neighbours() {
    each_line_succeeds(
        r#"
        ocf_describe test:lamp | grep -q '<parameter name="file" required="1"'
        rc=0; ( ocf_describe test:lamb ) >/run/said || rc=$?
        [ $rc = 66 ]
        [ "$(cat /run/said)" = lamp ]
        rc=0; ( ocf_describe none:such ) >/run/said || rc=$?
        [ $rc = 66 ]
        [ ! -s /run/said ]
        "#,
    );
}
