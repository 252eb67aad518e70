//! Files, mounts and kernel parameters on a made-up host: what the examples do not show. Each test is one shell text
//! in which a line that fails is the failure.

use std::path::Path;
use std::process::Command;

use reveille::module::Library;

use super::{assemble, feed, root};

/// Nothing of the real host is changed: /srv and /run are new, the network is empty. (`set -e` heeds no `!`.)
const HOST: &str = "mount -t tmpfs tmpfs /srv && mount -t tmpfs tmpfs /run || exit 99
fails() { if \"$@\"; then echo \"should fail: $*\" >&2; exit 1; fi; }
";

/// Runs a text with every library in a mount and network namespace of its own; each line must succeed.
fn each_line_succeeds(text: &str) {
    if !root() {
        return;
    }
    let library =
        [Library::Undo, Library::File, Library::Mount, Library::Sysctl, Library::Ready, Library::Wait];
    let script = format!("{HOST}{}", assemble(&library, Path::new("/run/rv"), &format!("set -ex\n{text}")));
    let said = feed(Command::new("unshare").args(["-mn", "sh"]), &script);
    assert!(said.status.success(), "{}\n{}", said.status, String::from_utf8_lossy(&said.stderr));
}

#[test]
fn a_file_comes_back_with_content_mode_and_owner() {
    each_line_succeeds(
        r#"
        umask 077
        printf 'old\n' >/srv/f; chmod 640 /srv/f; chown 7:8 /srv/f
        file_put /srv/f --mode 600 --text 'new'
        [ "$(cat /srv/f) $(stat -c '%a %u %g' /srv/f)" = 'new 600 7 8' ]
        file_back /srv/f
        [ "$(cat /srv/f) $(stat -c '%a %u %g' /srv/f)" = 'old 640 7 8' ]
        file_put /srv/g --text ''
        [ "$(stat -c '%a %s' /srv/g)" = '644 0' ]
        file_back /srv/g
        [ ! -e /srv/g ]
        [ -z "$(ls -A /srv | grep -v '^f$')" ]
        "#,
    );
}

#[test]
fn a_linked_file_is_changed_where_it_is() {
    each_line_succeeds(
        r#"
        mkdir /srv/real; echo old >/srv/real/f; ln -s real/f /srv/f
        file_put /srv/f --text new
        [ -L /srv/f ]
        [ "$(cat /srv/real/f)" = new ]
        file_back /srv/f
        [ -L /srv/f ]
        [ "$(cat /srv/real/f)" = old ]
        "#,
    );
}

#[test]
fn a_file_that_fails_its_check_changes_nothing() {
    each_line_succeeds(
        r#"
        echo old >/srv/f
        fails file_put /srv/f --check 'grep -q good "$1"' --text bad
        [ "$(cat /srv/f)" = old ]
        [ "$(ls -A /srv)" = f ]
        file_put /srv/f --check 'grep -q good "$1"' --text good
        fails file_put /srv/none/f --text x
        [ ! -e /srv/none ]
        "#,
    );
}

#[test]
fn any_bytes_arrive() {
    let bytes: Vec<u8> = (0..=255).collect();
    let format = bytes.iter().map(|byte| format!("\\{byte:03o}")).collect::<Vec<_>>().concat();
    let found = bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
    each_line_succeeds(&format!(
        r#"
        file_put /srv/f --printf '{format}'
        [ "$(od -An -v -tx1 /srv/f | tr -d ' \n')" = {found} ]
        file_diff /srv/f --text 'x' | grep -q '^Binary\|^-'
        "#
    ));
}

#[test]
fn what_is_in_the_way_is_not_run_over() {
    each_line_succeeds(
        r#"
        mkdir -p /srv/d/full; echo x >/srv/d/full/f; echo y >/srv/f
        fails file_put /srv/d --text x
        fails file_make link /srv/f --to /srv/d
        fails file_make absent /srv/d/full
        [ "$(cat /srv/d/full/f)" = x ]
        [ "$(cat /srv/f)" = y ]
        file_make directory /srv/new/deep --mode 700
        echo work >/srv/new/deep/f
        file_back /srv/new/deep
        [ "$(cat /srv/new/deep/f)" = work ]
        "#,
    );
}

#[test]
fn a_folder_below_a_set_group_id_folder_has_the_mode_that_was_asked_for() {
    each_line_succeeds(
        r"
        mkdir /srv/parent; chmod 2755 /srv/parent
        file_make directory /srv/parent/d --mode 755
        file_is directory /srv/parent/d --mode 755
        file_make directory /srv/parent/d --mode 2750
        file_is directory /srv/parent/d --mode 2750
        file_back /srv/parent/d
        ",
    );
}

#[test]
fn a_mount_point_that_is_taken_is_not_covered() {
    each_line_succeeds(
        r"
        mkdir /srv/a /srv/b /srv/at
        mount_make mounted /srv/at --src /srv/a --opts bind
        mount_is mounted /srv/at --src /srv/a --opts bind
        rc=0; mount_is mounted /srv/at --src /srv/b --opts bind || rc=$?; [ $rc = 1 ]
        rc=0; mount_is mounted /srv/at --src /srv/a --opts bind,ro || rc=$?; [ $rc = 10 ]
        ",
    );
}

#[test]
fn every_layer_goes_also_when_it_is_busy() {
    each_line_succeeds(
        r"
        mkdir '/srv/a b'
        mount -t tmpfs one '/srv/a b'; mount -t tmpfs two '/srv/a b'
        sleep 60 <'/srv/a b' & holder=$!
        cd '/srv/a b'
        mount_make unmounted '/srv/a b'
        mount_is unmounted '/srv/a b'
        mount_back unmounted '/srv/a b'
        mount_is mounted '/srv/a b' --src two --type tmpfs
        kill $holder
        ",
    );
}

#[test]
fn a_parameter_of_several_numbers_comes_back() {
    each_line_succeeds(
        r#"
        before=$(cat /proc/sys/net/ipv4/ip_local_port_range)
        sysctl_set net/ipv4/ip_local_port_range '20000   30000'
        sysctl_is net/ipv4/ip_local_port_range '20000 30000'
        sysctl_back net/ipv4/ip_local_port_range
        [ "$(cat /proc/sys/net/ipv4/ip_local_port_range)" = "$before" ]
        rc=0; sysctl_is net/no/such 1 || rc=$?; [ $rc = 1 ]
        "#,
    );
}

#[test]
fn a_wait_ends_when_it_comes_true() {
    each_line_succeeds(
        r"
        rc=0; wait_file /srv/f || rc=$?; [ $rc = 1 ]
        { sleep 0.1; : >/srv/f; } &
        wait_until wait_file /srv/f
        [ -e /srv/f ]
        ",
    );
}
