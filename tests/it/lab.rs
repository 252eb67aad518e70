//! The rehearsal lab for real: hosts made, cut, crashed, frozen and taken away. Needs root; says so and passes where
//! there is none. [`TestLab`] is the builder other tests raise their hosts with.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpStream};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::time::{Duration, Instant};

use reveille::lab::meter::MeterReport;
use reveille::lab::{CLIENT, Cut, FenceKind, Kind, Lab, Link, Options, Power, Progress, Status};

const DEADLINE: Duration = Duration::from_secs(20);
const PATIENCE: Duration = Duration::from_millis(500);
/// capabilities(7)
const CAP_SYS_TIME: u64 = 1 << 25;
static LABS: AtomicU16 = AtomicU16::new(0);

/// A lab of one test, gone when it is dropped.
pub struct TestLab {
    lab: Lab,
    _site: tempfile::TempDir,
}

impl TestLab {
    /// A lab of light hosts on a subnet nobody else has; `None`, with the reason printed, where there can be none.
    pub fn up(hosts: u8) -> Option<Self> {
        Self::of_kind(hosts, Kind::Light, None)
    }

    /// Like [`TestLab::up`], with a fence device for each host in the inventory.
    pub fn fenced(hosts: u8, fence: FenceKind) -> Option<Self> {
        Self::of_kind(hosts, Kind::Light, Some(fence))
    }

    /// Like [`TestLab::up`], with a systemd on each host.
    pub fn with_systemd(hosts: u8) -> Option<Self> {
        Self::of_kind(hosts, Kind::Systemd, None)
    }

    fn of_kind(hosts: u8, kind: Kind, fence: Option<FenceKind>) -> Option<Self> {
        let missing = reveille::lab::missing(kind);
        if !missing.is_empty() {
            eprintln!("skipped: {}", missing.join("; "));
            return None;
        }
        let site = tempfile::tempdir().unwrap();
        let inventory = Some(site.path().join("inventory/lab.yml"));
        for _ in 0..20 {
            let (dir, subnet) = unused_names();
            let options = Options {
                subnet: Some(subnet.parse().unwrap()),
                kind,
                inventory: inventory.clone(),
                fence,
                program: Some(env!("CARGO_BIN_EXE_reveille").into()),
                ..Options::new(dir, hosts)
            };
            match Lab::up(&options, &quiet()) {
                Ok(lab) => return Some(Self { lab, _site: site }),
                Err(error) if error.to_string().contains("overlaps") => {}
                Err(error) => panic!("{error:#}"),
            }
        }
        panic!("no free subnet in 10.83.0.0/16");
    }

    /// A file of the hosts' shared folder, as seen from here.
    pub fn shared(&self, name: &str) -> PathBuf {
        self.state().shared().join(name)
    }

    /// Runs a command over ssh, strict about keys, not waiting longer than 5 s for a connection.
    pub fn ssh(&self, host: &str, line: &str) -> Output {
        let mut ssh = Command::new("ssh");
        ssh.arg("-F").arg(self.ssh_config()).args([
            "-o",
            "BatchMode=yes",
            "-o",
            "ConnectTimeout=5",
            host,
            line,
        ]);
        ssh.stdin(Stdio::null()).output().unwrap()
    }

    /// Starts Apache on a host, detached, with `page` as what it serves.
    pub fn serve(&self, host: &str, page: &str) {
        self.sh(host, &format!("mkdir -p /var/www/html; echo {page} >/var/www/html/index.html")).unwrap();
        let started = self.ssh(host, "setsid apachectl -D FOREGROUND >/dev/null 2>&1 </dev/null &");
        assert!(started.status.success(), "{started:?}");
        wait_until("Apache answers", || self.page(host).is_some_and(|got| got == page));
    }

    /// The page a host serves to the client, if it does within a second.
    pub fn page(&self, host: &str) -> Option<String> {
        let url = format!("http://{}/", self.address(host).unwrap());
        let mut curl = self.command(CLIENT, ["curl", "-sf", "--max-time", "1", &url]).unwrap();
        let output = curl.output().unwrap();
        output.status.success().then(|| String::from_utf8(output.stdout).unwrap().trim().to_owned())
    }

    /// Starts a meter on the client and returns once it got its first answer.
    pub fn meter(&self, host: &str, flags: &[&str]) -> Meter {
        self.meter_at(&format!("http://{host}/"), flags)
    }

    /// Like [`TestLab::meter`], for any page.
    pub fn meter_at(&self, url: &str, flags: &[&str]) -> Meter {
        let mut child = reveille(&["lab", "meter", "--json", "--http", url])
            .args(flags)
            .arg("--dir")
            .arg(&self.state().dir)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stderr.take().unwrap()).read_line(&mut line).unwrap();
        assert!(line.contains("answers"), "{line}");
        Meter(child)
    }

    fn host_status(&self, host: &str) -> reveille::lab::HostStatus {
        self.status().hosts.into_iter().find(|found| found.host.as_str() == host).unwrap()
    }
}

impl Deref for TestLab {
    type Target = Lab;

    fn deref(&self) -> &Lab {
        &self.lab
    }
}

impl Drop for TestLab {
    fn drop(&mut self) {
        let gone = Lab::down(&self.lab.state().dir);
        // A test that fails already must not abort the others with a second panic.
        if !std::thread::panicking() {
            gone.unwrap();
        }
    }
}

/// A meter that runs on a lab's client.
pub struct Meter(Child);

impl Meter {
    /// Ends it and returns what it saw.
    pub fn stop(self) -> MeterReport {
        let pid = self.0.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        let output = self.0.wait_with_output().unwrap();
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

fn quiet() -> Progress<'static> {
    static STOP: AtomicBool = AtomicBool::new(false);
    Progress { note: &|_| {}, stop: &STOP }
}

/// A folder and a subnet that differ between tests, processes and, mostly, runs.
pub fn unused_names() -> (PathBuf, String) {
    let number = LABS.fetch_add(1, Ordering::Relaxed);
    let pid = std::process::id();
    let net = reserve(pid.wrapping_mul(7) + u32::from(number) * 101);
    (PathBuf::from(format!("/run/reveille-test-{pid}-{number}")), format!("10.83.{net}.0/24"))
}

/// A number of a network that no other test has, for as long as this process lives.
fn reserve(from: u32) -> u32 {
    let is_free = |net: &u32| {
        let lock = fs::File::create(format!("/run/reveille-test-net-{net}")).unwrap();
        let free = lock.try_lock().is_ok();
        // Closing it would give it back.
        std::mem::forget(lock);
        free
    };
    (0..250).map(|step| (from + step) % 250 + 4).find(is_free).expect("a network that is free")
}

fn reveille(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_reveille"));
    command.args(args).stdin(Stdio::null());
    command
}

fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let end = Instant::now() + DEADLINE;
    while !done() {
        assert!(Instant::now() < end, "not within {DEADLINE:?}: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Whether a host's sshd says a word within half a second.
fn has_banner(lab: &Lab, host: &str) -> bool {
    let address = SocketAddr::from((lab.address(host).unwrap(), 22));
    let Ok(mut stream) = TcpStream::connect_timeout(&address, PATIENCE) else { return false };
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.read_exact(&mut [0; 4]).is_ok()
}

/// Everything on this machine that carries a lab's names.
fn traces(dir: &Path, tag: &str) -> Vec<String> {
    let read = |file: &str| fs::read_to_string(file).unwrap_or_default();
    let names = |folder: &str| {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        entries.map(|entry| entry.path().display().to_string()).collect::<Vec<_>>()
    };
    let mut all = names("/sys/class/net");
    all.extend(names("/run/netns"));
    all.extend(read("/proc/self/mounts").lines().map(str::to_owned));
    for line in read("/proc/self/mounts").lines().filter(|line| line.contains("cgroup")) {
        all.extend(names(line.split(' ').nth(1).unwrap()));
    }
    for process in names("/proc") {
        all.push(format!("{process} {}", read(&format!("{process}/cgroup"))));
        all.push(format!("{process} {}", read(&format!("{process}/cmdline"))));
    }
    all.extend(names(dir.parent().unwrap().to_str().unwrap()));
    // This test's own arguments do not hold the names; the lab's processes do.
    all.retain(|trace| trace.contains(tag) || trace.contains(dir.to_str().unwrap()));
    all
}

/// The dead are listed until this machine's own pid 1 looks, and with their words while they die.
fn assert_no_traces(dir: &Path, tag: &str) {
    let mut left = traces(dir, tag);
    let end = Instant::now() + DEADLINE;
    while !left.is_empty() && left.iter().all(|trace| trace.starts_with("/proc/")) && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(10));
        left = traces(dir, tag);
    }
    assert_eq!(left, [""; 0]);
}

#[test]
fn hosts_are_machines_of_their_own() {
    let Some(lab) = TestLab::up(3) else { return };
    for host in ["h1", "h2", "h3"] {
        let answer = lab.ssh(
            host,
            "hostname; stat -c %a /root; ls /sys/fs/cgroup/cgroup.freeze; grep -c sshd /proc/1/cmdline",
        );
        let text = String::from_utf8_lossy(&answer.stdout).into_owned();
        assert_eq!(
            text.lines().collect::<Vec<_>>(),
            [host, "700", "/sys/fs/cgroup/cgroup.freeze", "1"],
            "{answer:?}"
        );
    }
    lab.sh("h1", "echo here >/srv/shared/note; echo mine >/etc/mine; ping -c1 -W1 h3").unwrap();
    assert_eq!(lab.sh("h2", "cat /srv/shared/note; ls /etc/mine || echo absent").unwrap(), "here\nabsent\n");
    assert_eq!(fs::read_to_string(lab.shared("note")).unwrap(), "here\n");
    assert!(!Path::new("/etc/mine").exists());
    assert!(
        lab.sh("h1", "echo 1 >/proc/sys/vm/swappiness").is_err(),
        "the machine's own settings are out of reach"
    );
    lab.sh("h1", "sysctl -qw net.ipv4.ip_nonlocal_bind=1").unwrap();
}

#[test]
fn no_host_may_set_the_clock_of_the_machine() {
    let Some(lab) = TestLab::up(1) else { return };
    let bounding = |text: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix("CapBnd:")).unwrap();
        u64::from_str_radix(line.trim(), 16).unwrap()
    };
    let by_console = lab.sh("h1", "cat /proc/self/status").unwrap();
    let by_ssh = lab.ssh("h1", "cat /proc/self/status");
    assert_eq!(bounding(&by_console) & CAP_SYS_TIME, 0);
    assert_eq!(bounding(&String::from_utf8_lossy(&by_ssh.stdout)) & CAP_SYS_TIME, 0);
}

#[test]
fn orphans_of_a_session_live_on_and_leave_no_zombies() {
    let Some(lab) = TestLab::up(1) else { return };
    lab.ssh("h1", "setsid sleep 1234 >/dev/null 2>&1 </dev/null &");
    let parent = lab.sh("h1", "ps -o ppid= -C sleep").unwrap();
    assert_eq!(parent.trim(), "1");
    lab.sh("h1", "pkill -9 sleep").unwrap();
    wait_until("the orphan is reaped", || lab.sh("h1", "ps -C sleep || echo gone").unwrap().contains("gone"));
}

#[test]
fn nothing_is_left_behind() {
    let Some(lab) = TestLab::up(2) else { return };
    let (dir, tag, inventory) =
        (lab.state().dir.clone(), lab.state().tag(), lab.inventory().unwrap().to_owned());
    assert!(traces(&dir, &tag).len() > 8, "what should be found gone must be found there first");
    lab.sh("h1", "setsid sleep 1000 >/dev/null 2>&1 </dev/null & mkdir /sys/fs/cgroup/app").unwrap();
    lab.freeze("h2").unwrap();
    assert!(Lab::down(&dir).unwrap());
    assert_no_traces(&dir, &tag);
    assert!(!inventory.exists());
    assert!(!Lab::down(&dir).unwrap(), "a second time there is nothing to do");
}

#[test]
fn a_killed_up_is_taken_away_or_finished() {
    if TestLab::up(1).is_none() {
        return;
    }
    let site = tempfile::tempdir().unwrap();
    for delay in [20, 60, 120, 250, 400] {
        let (dir, subnet) = unused_names();
        let (dir, tag) = (dir.to_str().unwrap(), Lab::tag(&dir));
        let up = ["lab", "up", "--hosts", "2", "--dir", dir, "--subnet", &subnet];
        let mut child = reveille(&up)
            .current_dir(site.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(delay));
        child.kill().unwrap();
        child.wait().unwrap();
        if delay == 250 {
            let again = reveille(&up).current_dir(site.path()).output().unwrap();
            assert!(again.status.success(), "{again:?}");
        }
        let down = reveille(&["lab", "down", "--dir", dir]).output().unwrap();
        assert!(down.status.success(), "{down:?}");
        assert_no_traces(Path::new(dir), &tag);
    }
}

#[test]
fn cables_are_cut_in_three_ways() {
    let Some(lab) = TestLab::up(2) else { return };
    let carrier = || lab.sh("h1", "cat /sys/class/net/eth0/carrier").unwrap().trim().to_owned();
    let reaches = |from: &str, to: &str| {
        let line = format!("ping -c1 -W1 {}", lab.address(to).unwrap());
        lab.sh(from, &line).is_ok()
    };
    assert!(reaches("h2", "h1"));

    lab.cut("h1", Cut::Carrier).unwrap();
    assert_eq!((carrier().as_str(), lab.host_status("h1").link), ("0", Link::Cut));
    assert!(!reaches("h2", "h1") && !reaches("h1", "h2"));

    lab.cut("h1", Cut::Silent).unwrap();
    assert_eq!((carrier().as_str(), lab.host_status("h1").link), ("1", Link::CutSilent));
    assert!(!reaches("h2", "h1") && !reaches("h1", "h2"));

    lab.cut("h1", Cut::OneWay).unwrap();
    assert_eq!(lab.host_status("h1").link, Link::CutOneWay);
    assert!(reaches("h2", "h1") && reaches(CLIENT, "h1"), "only this machine is cut off");
    assert!(!has_banner(&lab, "h1") && has_banner(&lab, "h2"));

    lab.heal("h1").unwrap();
    assert_eq!(lab.host_status("h1").link, Link::Up);
    assert!(reaches("h2", "h1") && has_banner(&lab, "h1"));
}

#[test]
fn a_power_cut_takes_all_but_the_disk() {
    let Some(lab) = TestLab::up(2) else { return };
    let mac = lab.mac("h1").unwrap();
    lab.sh("h1", "ip addr add 10.99.0.80/32 dev eth0; echo kept >/root/kept; touch /run/lost; setsid sleep 1000 >/dev/null 2>&1 </dev/null &")
        .unwrap();
    lab.crash("h1").unwrap();
    let status = lab.host_status("h1");
    assert_eq!((status.power, status.link, status.processes), (Power::Off, Link::None, 0));
    assert!(lab.sh("h1", "true").unwrap_err().to_string().contains("boot h1"));
    lab.crash("h1").unwrap();

    lab.boot("h1").unwrap();
    assert_eq!(lab.ssh("h1", "cat /root/kept; ls /run/lost").stdout, b"kept\n");
    let link = lab.sh("h1", "ip addr show dev eth0").unwrap();
    assert!(link.contains(&mac) && !link.contains("10.99.0.80"), "{link}");
    assert_eq!(lab.sh("h1", "pgrep sleep || echo none").unwrap(), "none\n");
    assert!(lab.boot("h1").is_err(), "it is on");
}

#[test]
fn a_frozen_host_shakes_hands_and_says_nothing() {
    let Some(lab) = TestLab::up(1) else { return };
    lab.freeze("h1").unwrap();
    assert_eq!(lab.host_status("h1").power, Power::Frozen);
    assert!(TcpStream::connect((lab.address("h1").unwrap(), 22)).is_ok(), "its kernel answers");
    assert!(!has_banner(&lab, "h1"));
    assert_eq!(lab.sh("h1", "hostname").unwrap(), "h1\n", "the console works");
    lab.thaw("h1").unwrap();
    assert!(has_banner(&lab, "h1"));
}

#[test]
fn commands_keep_their_input_output_and_exit_code() {
    let Some(lab) = TestLab::up(1) else { return };
    let dir = lab.state().dir.to_str().unwrap().to_owned();
    let exec = |words: &[&str]| reveille(&["lab", "exec", "--dir", &dir]).args(words).output().unwrap();
    assert_eq!(exec(&["h1", "--", "sh", "-c", "echo out; echo err >&2; exit 42"]).status.code(), Some(42));
    let output = exec(&["h1", "pwd"]);
    assert_eq!((output.stdout, output.stderr), (b"/root\n".to_vec(), Vec::new()));
    let addresses = exec(&["client", "ip", "-4", "-br", "addr"]);
    assert!(String::from_utf8_lossy(&addresses.stdout).contains(&lab.state().client_address().to_string()));
    let nobody = exec(&["h7", "true"]);
    assert_eq!(nobody.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&nobody.stderr).contains("only h1"), "{nobody:?}");
}

#[test]
fn a_lab_grows_and_stays_what_it_is() {
    let Some(lab) = TestLab::up(1) else { return };
    let (state, site) = (lab.state().clone(), tempfile::tempdir().unwrap());
    let dir = state.dir.to_str().unwrap();
    let up = |flags: &[&str]| {
        reveille(&["lab", "up", "--dir", dir]).args(flags).current_dir(site.path()).output().unwrap()
    };
    lab.sh("h1", "touch /run/same").unwrap();
    let grown = up(&["--hosts", "2"]);
    assert!(grown.status.success(), "{grown:?}");
    let lab_now = Lab::open(&state.dir).unwrap();
    lab_now.sh("h1", "ls /run/same; getent hosts h2").unwrap();
    assert!(lab_now.sh("h2", "getent hosts h1").unwrap().contains("h1"));
    let path = String::from_utf8(grown.stdout).unwrap();
    assert_eq!(Path::new(path.trim()), lab_now.inventory().unwrap(), "its path is the only thing on stdout");
    assert!(fs::read_to_string(path.trim()).unwrap().contains("h2:"));
    let again = up(&["--hosts", "2"]);
    assert!(
        again.status.success() && String::from_utf8_lossy(&again.stderr).contains("up already"),
        "{again:?}"
    );
    let elsewhere = up(&["--subnet", "10.99.99.0/24"]);
    assert_eq!(elsewhere.status.code(), Some(1), "{elsewhere:?}");
}

#[test]
fn two_labs_do_not_disturb_each_other() {
    let (Some(one), Some(other)) = (TestLab::up(1), TestLab::up(1)) else { return };
    let taken = Options { subnet: Some(one.state().subnet), ..Options::new(unused_names().0, 1) };
    let error = Lab::up(&taken, &quiet()).unwrap_err().to_string();
    assert!(error.contains("overlaps") && error.contains("--subnet"), "{error}");
    assert!(!taken.dir.exists());
    one.cut("h1", Cut::Silent).unwrap();
    assert!(!has_banner(&one, "h1") && has_banner(&other, "h1"));
    drop(one);
    assert!(has_banner(&other, "h1"));
    assert_eq!(other.ssh("h1", "true").status.code(), Some(0));
}

#[test]
fn a_file_of_someone_else_is_not_overwritten() {
    let Some(lab) = TestLab::up(1) else { return };
    let site = tempfile::tempdir().unwrap();
    let file = site.path().join("hosts.yml");
    fs::write(&file, "all:\n").unwrap();
    let dir = lab.state().dir.to_str().unwrap();
    let up =
        reveille(&["lab", "up", "--hosts", "1", "--dir", dir, "--inventory"]).arg(&file).output().unwrap();
    assert_eq!(up.status.code(), Some(1), "{up:?}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "all:\n");
}

#[test]
fn status_is_a_document() {
    let Some(lab) = TestLab::up(1) else { return };
    let dir = lab.state().dir.to_str().unwrap();
    let output = reveille(&["lab", "status", "--json", "--dir", dir]).output().unwrap();
    let status: Status = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((status.schema.as_str(), status.hosts.len()), ("reveille.lab/1", 1));
    assert_eq!(status, lab.status());
    let table = reveille(&["lab", "status", "--dir", dir]).output().unwrap();
    assert!(String::from_utf8_lossy(&table.stdout).contains("h1 "), "{table:?}");
    let nowhere = reveille(&["lab", "status", "--dir", "/run/no-lab-here"]).output().unwrap();
    assert_eq!(nowhere.status.code(), Some(1));
}

#[test]
fn apache_sleeps_in_a_group_made_on_the_host() {
    let Some(lab) = TestLab::up(1) else { return };
    lab.serve("h1", "awake");
    let into_group = "mkdir -p /sys/fs/cgroup/reveille/web
        for pid in $(pgrep apache2); do echo $pid >/sys/fs/cgroup/reveille/web/cgroup.procs; done";
    lab.sh("h1", into_group).unwrap();
    lab.sh("h1", "echo 1 >/sys/fs/cgroup/reveille/web/cgroup.freeze").unwrap();
    wait_until("it is frozen", || {
        lab.sh("h1", "cat /sys/fs/cgroup/reveille/web/cgroup.events").unwrap().contains("frozen 1")
    });
    assert_eq!(lab.page("h1"), None);
    lab.sh("h1", "echo 0 >/sys/fs/cgroup/reveille/web/cgroup.freeze").unwrap();
    assert_eq!(lab.page("h1").as_deref(), Some("awake"));
}

#[test]
fn the_meter_sees_the_gap_of_a_cut() {
    let Some(lab) = TestLab::up(1) else { return };
    lab.serve("h1", "page");
    let meter = lab.meter("h1", &["--every", "5ms", "--timeout", "200ms", "--gap-above", "200ms"]);
    let start = Instant::now();
    lab.cut("h1", Cut::Silent).unwrap();
    std::thread::sleep(Duration::from_millis(300));
    lab.heal("h1").unwrap();
    let lasted = start.elapsed();
    std::thread::sleep(Duration::from_millis(300));
    let report = meter.stop();
    assert_eq!(report.gaps.len(), 1, "{report:?}");
    let gap = report.gaps[0];
    assert!(
        gap.length_ms > 250.0 && gap.length_ms < lasted.as_secs_f64() * 1000.0 + 250.0,
        "{gap:?} of {lasted:?}"
    );
    assert!(!gap.open && report.failed > 0 && report.longest_gap_ms >= gap.length_ms, "{report:?}");
}

#[test]
fn the_meter_sees_no_gap_where_there_is_none() {
    let Some(lab) = TestLab::up(1) else { return };
    lab.serve("h1", "page");
    let output = reveille(&[
        "lab",
        "meter",
        "--for",
        "1s",
        "--retries",
        "1",
        "--gap-above",
        "500ms",
        "--http",
        "http://h1/",
    ])
    .arg("--dir")
    .arg(&lab.state().dir)
    .output()
    .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && text.contains(" 0 failed") && !text.contains("no answer"), "{text}");
}

#[test]
fn systemd_hosts_freeze_and_thaw_units() {
    let Some(lab) = TestLab::with_systemd(1) else { return };
    assert_eq!(
        lab.sh("h1", "systemctl is-active ssh; systemctl is-active apache2 || :").unwrap(),
        "active\ninactive\n"
    );
    lab.sh("h1", "mkdir -p /var/www/html; echo unit >/var/www/html/index.html; systemctl start apache2")
        .unwrap();
    wait_until("Apache answers", || lab.page("h1").as_deref() == Some("unit"));
    lab.sh("h1", "systemctl freeze apache2").unwrap();
    assert_eq!(lab.sh("h1", "systemctl show -P FreezerState apache2").unwrap(), "frozen\n");
    assert_eq!(lab.page("h1"), None);
    lab.sh("h1", "systemctl thaw apache2").unwrap();
    assert_eq!(lab.page("h1").as_deref(), Some("unit"));
    lab.crash("h1").unwrap();
    lab.boot("h1").unwrap();
    assert_eq!(lab.ssh("h1", "cat /var/www/html/index.html").stdout, b"unit\n");
    let (dir, tag) = (lab.state().dir.clone(), lab.state().tag());
    Lab::down(&dir).unwrap();
    assert_no_traces(&dir, &tag);
}
