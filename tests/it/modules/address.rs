//! Service addresses between real kernels: taken, announced, refused when another host has them, given up whole.

use std::io::{BufRead, BufReader, Read};
use std::time::{Duration, Instant};

use super::net::{Net, eventually, holds_files, within};
use super::root;

/// One address of each family.
const BOTH: [&str; 2] = ["10.99.0.80", "fd99::80"];

fn written(address: &str) -> String {
    if address.contains(':') { format!("{address}/64") } else { format!("{address}/24") }
}

#[test]
fn an_address_is_taken_once_and_undone_once() {
    if !root() {
        return;
    }
    let net = Net::new();
    for address in BOTH.map(written) {
        assert_eq!(net.code("a", &format!("address_is up {address}")), 10);
        net.ok("a", &format!("address_up --check 100 {address}"));
        net.ok("a", &format!("address_is up {address}"));
        net.ok("a", &format!("address_back {address}"));
        net.ok("a", &format!("address_is absent {address}"));
        net.ok("a", &format!("address_back {address}"));
        net.ok("a", &format!("address_is absent {address}"));
    }
}

#[test]
fn an_address_that_another_host_holds_is_not_taken() {
    if !root() {
        return;
    }
    let net = Net::new();
    for address in BOTH {
        let long = written(address);
        net.ok("c", &format!("address_silent 200 {long}"));
        net.ok("b", &format!("address_up {long}"));
        let refused = net.run("a", &format!("address_up --check 300 {long}"));
        let said = String::from_utf8(refused.stderr).unwrap();
        assert!(said.contains(&net.mac("b")), "{address}: {said}");
        assert_eq!(net.code("a", &format!("address_is up {long}")), 10);
        let heard = net.run("a", &format!("address_silent 300 {long}"));
        assert_eq!(heard.status.code(), Some(1));
        assert!(String::from_utf8(heard.stderr).unwrap().contains(&net.mac("b")));
        net.ok("b", &format!("address_silent 200 {long}"));
    }
}

#[test]
fn silence_just_heard_saves_one_check_of_the_same_addresses() {
    if !root() {
        return;
    }
    let net = Net::new();
    net.ok("a", "address_silent 100 10.99.0.80/24");
    net.ok("b", "address_up 10.99.0.80/24 10.99.0.81/24");
    assert_eq!(net.code("a", "address_up --check 300 10.99.0.81/24"), 1, "another address was not asked for");
    net.ok("b", "address_absent 10.99.0.80/24");
    net.ok("a", "address_silent 100 10.99.0.80/24");
    net.ok("b", "address_up 10.99.0.80/24");
    net.ok("a", "address_up --check 300 10.99.0.80/24 && address_absent 10.99.0.80/24");
    assert_eq!(net.code("a", "address_up --check 300 10.99.0.80/24"), 1, "it counts once");
}

#[test]
fn a_listening_that_just_ended_is_not_done_again() {
    if !root() {
        return;
    }
    let net = Net::new();
    let took = |text: &str| {
        let start = Instant::now();
        net.ok("a", text);
        start.elapsed()
    };
    // A watch listens in the epoch that is; the plan it makes has the next one.
    net.ok("a", "RV_EPOCH=3; address_silent 1500 10.99.0.80/24 fd99::80/64");
    assert!(took("address_silent 1500 10.99.0.80/24") < Duration::from_secs(1));
    net.ok("a", "address_up --check 1500 10.99.0.80/24 && address_absent 10.99.0.80/24");
    let listens = |before: &str, then: &str| {
        net.ok("a", "address_silent 300 10.99.0.80/24");
        took(&format!("{before}; {then}")) > Duration::from_millis(600)
    };
    assert!(listens(":", "address_silent 600 10.99.0.80/24"), "that was shorter");
    assert!(listens(":", "RV_EPOCH=6 address_silent 300 10.99.0.81/24; address_silent 300 10.99.0.80/24"));
    assert!(listens("sleep 1.1", "address_silent 300 10.99.0.80/24"), "that is too long ago");
    net.ok("a", "address_silent 300 10.99.0.80/24");
    net.ok("b", "address_up 10.99.0.81/24");
    assert_eq!(net.code("a", "address_silent 300 10.99.0.81/24"), 1);
    assert!(took("address_silent 600 10.99.0.80/24") > Duration::from_millis(500), "an answer ends it");
}

#[test]
fn silence_on_a_dead_link_proves_nothing() {
    if !root() {
        return;
    }
    let net = Net::new();
    net.ok("wire", "ip link set port-a down");
    let deaf = net.run("a", "address_silent 100 10.99.0.80/24");
    assert_eq!(deaf.status.code(), Some(1));
    assert!(String::from_utf8(deaf.stderr).unwrap().contains("has no link"));
}

#[test]
fn a_client_follows_the_announcement_and_the_repeated_one() {
    if !root() {
        return;
    }
    let net = Net::new();
    for address in BOTH {
        let long = written(address);
        net.ok("a", &format!("address_up {long}"));
        net.talk("c", address);
        assert!(net.believes("c", address, "a"));
        net.ok("b", &format!("address_up {long}"));
        eventually("c follows b", || net.believes("c", address, "b"));
        // The former holder comes back for a moment and is cleaned: the holder has to say so once more.
        net.ok("a", &format!("address_announce {long}"));
        eventually("c is led astray", || net.believes("c", address, "a"));
        net.ok("a", &format!("address_absent {long}"));
        net.ok("b", &format!("address_announce {long}"));
        eventually("c follows b again", || net.believes("c", address, "b"));
        assert_eq!(net.code("a", &format!("address_announce {long}")), 1, "a does not hold it");
    }
}

#[test]
fn the_second_announcements_come_after_five_seconds_and_not_after_a_release() {
    if !root() {
        return;
    }
    let net = Net::new();
    net.ok("a", "address_up 10.99.0.80/24 10.99.0.81/24");
    net.ok("a", "address_absent 10.99.0.81/24");
    for address in ["10.99.0.80", "10.99.0.81"] {
        net.ok("c", &format!("ip neigh replace {address} lladdr 02:00:00:00:00:01 dev eth0 nud stale"));
    }
    within(Duration::from_secs(15), "c hears of .80 again", || net.believes("c", "10.99.0.80", "a"));
    within(Duration::from_secs(15), "the announcer ends", || !holds_files(&net.state("a").join("announcer")));
    assert!(!net.believes("c", "10.99.0.81", "a"));
}

#[test]
fn a_newer_epoch_silences_an_announcer() {
    if !root() {
        return;
    }
    let net = Net::new();
    net.ok("a", "address_up 10.99.0.80/24; echo 5 >$RV_DIR/epoch; sleep 0.5");
    net.ok("c", "ip neigh replace 10.99.0.80 lladdr 02:00:00:00:00:01 dev eth0 nud stale; sleep 6");
    assert!(!net.believes("c", "10.99.0.80", "a"));
}

/// Answers one client until the connection ends.
const SERVER: &str = "import socket,sys
s=socket.create_server((sys.argv[1],8080),family=socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET)
print('ready',flush=True)
c,_=s.accept()
while c.recv(9): c.sendall(b'x')";

/// Talks once, then only listens: it learns of the end from a reset alone.
const CLIENT: &str = "import socket,sys
s=socket.create_connection((sys.argv[1],8080)); s.sendall(b'x'); s.recv(9); print('talking',flush=True)
s.settimeout(10)
try: print(s.recv(9),flush=True)
except Exception as e: print(type(e).__name__,flush=True)";

#[test]
fn a_release_ends_the_connections_of_its_address() {
    if !root() || !python() {
        return;
    }
    let net = Net::new();
    for address in BOTH {
        let long = written(address);
        net.ok("a", &format!("address_up {long}"));
        let mut server = net.spawn("a", "python3", &["-c", SERVER, address]);
        let mut line = String::new();
        BufReader::new(server.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let mut client = net.spawn("c", "python3", &["-c", CLIENT, address]);
        let mut said = BufReader::new(client.0.stdout.take().unwrap());
        said.read_line(&mut line).unwrap();
        assert_eq!(line, "ready\ntalking\n");
        net.ok("a", &format!("address_absent {long}"));
        let mut end = String::new();
        said.read_to_string(&mut end).unwrap();
        assert_eq!(end, "ConnectionResetError\n", "{address}");
        net.ok("a", &format!("address_up {long}"));
        net.talk("c", address);
        let dropped = net.state("a").join(format!("dropped-{address}"));
        eventually("the packet filter goes", || !dropped.exists());
    }
}

pub fn python() -> bool {
    let found = std::process::Command::new("python3").arg("-c").arg("").status().is_ok();
    if !found {
        eprintln!("skipped: no python3 for a client here");
    }
    found
}

#[test]
fn a_release_taken_back_holds_the_address_as_before() {
    if !root() {
        return;
    }
    let net = Net::new();
    for address in BOTH.map(written) {
        net.ok("a", &format!("address_up --lease 60 {address}"));
        net.ok("a", &format!("address_absent {address}"));
        net.ok("a", &format!("address_back --check 100 {address}"));
        net.ok("a", &format!("address_is up --lease 60 {address}"));
        net.ok(
            "b",
            &format!("address_absent {address}; address_back {address} && address_is absent {address}"),
        );
    }
}

#[test]
fn a_lease_runs_out_unless_it_is_renewed() {
    if !root() {
        return;
    }
    let net = Net::new();
    for address in BOTH.map(written) {
        net.ok("a", &format!("address_up --lease 2 {address}"));
        net.ok("a", &format!("address_is up --lease 2 {address}"));
        assert_eq!(
            net.code("a", &format!("address_is up {address}")),
            10,
            "held for ever is not held for 2 s"
        );
        net.ok("a", &format!("address_up --lease 60 {address} && address_is up --lease 60 {address}"));
        net.ok("a", &format!("address_up --lease 1 {address}"));
        eventually("the kernel drops it", || net.code("a", &format!("address_is absent {address}")) == 0);
    }
}

#[test]
fn a_renewal_extends_what_is_held_in_time_and_nothing_else() {
    if !root() {
        return;
    }
    let net = Net::new();
    let late = u64::MAX / 2;
    for address in BOTH.map(written) {
        net.ok("a", &format!("address_up --lease 2 {address}"));
        let said = net.run("a", &format!("address_renew 60 {late} {address}")).stdout;
        let uptime = String::from_utf8(said).unwrap();
        let uptime: u64 = uptime.trim().strip_prefix("uptime_ms ").unwrap().parse().unwrap();
        assert!(uptime > 0);
        net.ok("a", &format!("address_is up --lease 60 {address}"));
        let late_by_a_second = net.run("a", &format!("address_renew 600 {} {address}", uptime - 1000));
        let words = String::from_utf8(late_by_a_second.stderr).unwrap();
        assert!(words.contains("came too late") && !words.contains("taken back"), "{words}");
        net.ok("a", &format!("address_is up --lease 60 {address}"));
        net.ok("a", &format!("address_absent {address}"));
        assert_eq!(net.code("a", &format!("address_renew 60 {late} {address}")), 1, "it is not held");
        net.ok("a", &format!("address_is absent {address}"));
    }
}

#[test]
fn a_renewal_that_was_held_up_is_taken_back() {
    if !root() {
        return;
    }
    let net = Net::new();
    net.ok("a", "address_up --lease 1 10.99.0.80/24");
    // Stopped between its look at the clock and the renewal, until after the kernel has dropped the address.
    let held_up = "read -r up _ </proc/uptime; not_after=$((${up%.*}${up#*.}0 + 500))
        ip() { [ \"$2\" != change ] || sleep 2; command ip \"$@\"; }
        address_renew 60 $not_after 10.99.0.80/24";
    let said = String::from_utf8(net.run("a", held_up).stderr).unwrap();
    assert!(said.contains("taken back"), "{said}");
    net.ok("a", "address_is absent 10.99.0.80/24");
}

#[test]
fn a_staged_address_can_be_bound_before_it_is_held() {
    if !root() {
        return;
    }
    let net = Net::new();
    net.ok("a", "address_up 10.99.0.80/24 fd99::80/64");
    net.ok("a", "address_staged 10.99.0.80/24 fd99::80/64");
    net.ok("a", "address_is staged 10.99.0.80/24 fd99::80/64");
    net.ok("a", "! grep -q 0 /proc/sys/net/ipv4/ip_nonlocal_bind /proc/sys/net/ipv6/ip_nonlocal_bind");
    net.ok("a", "address_back --check 100 10.99.0.80/24 fd99::80/64");
    net.ok("a", "address_is up 10.99.0.80/24 fd99::80/64");
    net.ok("a", "! grep -q 1 /proc/sys/net/ipv4/ip_nonlocal_bind /proc/sys/net/ipv6/ip_nonlocal_bind");
}

#[test]
fn a_host_outside_the_network_says_which_ones_it_has() {
    if !root() {
        return;
    }
    let net = Net::new();
    let lost = net.run("a", "address_up 10.98.0.80/24");
    assert_eq!(lost.status.code(), Some(1));
    let said = String::from_utf8(lost.stderr).unwrap();
    assert!(said.contains("no device in the network of 10.98.0.80/24"), "{said}");
    assert!(said.contains("10.99.0.1/24 (eth0)"), "{said}");
    net.ok("a", "address_up --device eth0 10.98.0.80/24 && address_is up --device eth0 10.98.0.80/24");
}

#[test]
fn a_host_that_cannot_announce_takes_nothing_and_names_the_package() {
    if !root() {
        return;
    }
    let net = Net::new();
    let bare = net.state("bare");
    for program in ["sh", "ip", "cat", "sed", "mkdir", "setsid", "sleep"] {
        let found =
            std::process::Command::new("sh").args(["-c", &format!("command -v {program}")]).output().unwrap();
        let path = String::from_utf8(found.stdout).unwrap();
        std::os::unix::fs::symlink(path.trim(), bare.join(program)).unwrap();
    }
    let path = format!("PATH={}", bare.display());
    let mute = net.run("a", &format!("{path}; address_up 10.99.0.80/24"));
    assert_eq!(mute.status.code(), Some(1));
    assert!(String::from_utf8(mute.stderr).unwrap().contains("iputils-arping"));
    net.ok("a", "address_is absent 10.99.0.80/24");
    // IPv6 needs no program: the kernel announces as it adds.
    net.ok("c", "ip neigh replace fd99::80 lladdr 02:00:00:00:00:01 dev eth0 nud stale");
    let noted = net.run("a", &format!("{path}; address_up fd99::80/64"));
    assert!(noted.status.success());
    assert!(String::from_utf8(noted.stderr).unwrap().contains("announced only once"));
    eventually("c follows a", || net.believes("c", "fd99::80", "a"));
    net.ok("a", "grep -q 1 /proc/sys/net/ipv6/conf/eth0/accept_dad");
}
