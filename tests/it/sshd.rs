//! A private sshd on a high port of 127.0.0.1, with its own keys, configuration and home, and a look at processes.
//! Needs no root; ends with everything it started when dropped.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::{fs, thread};

use reveille::transport::Destination;
use tempfile::TempDir;

pub(crate) struct Sshd {
    dir: TempDir,
    port: u16,
    process: Child,
    log: Arc<Mutex<String>>,
}

impl Sshd {
    /// Starts it with these lines more in its configuration. An error is a reason to skip the test.
    pub(crate) fn start(config: &str) -> Result<Self, String> {
        let program = ["/usr/sbin/sshd", "/usr/bin/sshd"].into_iter().find(|path| Path::new(path).exists());
        let program = program.ok_or("no sshd on this machine")?;
        let root = rustix::process::geteuid().is_root();
        if root && !Path::new("/run/sshd").exists() {
            fs::create_dir("/run/sshd").map_err(|error| format!("/run/sshd: {error}"))?;
        }
        let dir = TempDir::with_prefix("reveille-sshd-").unwrap();
        let port = free_port();
        write_files(dir.path(), port, config);
        let config = dir.path().join("sshd_config");
        let mut sshd = Command::new(program);
        sshd.args(["-D", "-e", "-f"])
            .arg(config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut process = sshd.spawn().map_err(|error| format!("{program}: {error}"))?;
        let log = Arc::new(Mutex::new(String::new()));
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines().map_while(Result::ok);
        let listening = lines.by_ref().inspect(|line| log.lock().unwrap().push_str(line));
        if !listening.into_iter().any(|line| line.contains("Server listening")) {
            return Err(format!("sshd did not start: {}", log.lock().unwrap()));
        }
        let kept = Arc::clone(&log);
        thread::spawn(move || lines.for_each(|line| kept.lock().unwrap().push_str(&(line + "\n"))));
        Ok(Self { dir, port, process, log })
    }

    pub(crate) fn destination(&self) -> Destination {
        destination(self.dir(), self.port)
    }

    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// How many connections logged in so far.
    pub(crate) fn logins(&self) -> usize {
        self.log.lock().unwrap().matches("Accepted publickey").count()
    }

    /// A program that its users find first.
    pub(crate) fn write_program(&self, name: &str, text: &str) {
        let path = self.dir().join("bin").join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// A file of its users' home.
    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.dir().join(name)).unwrap()
    }

    pub(crate) fn forget_host_key(&self) {
        fs::write(self.dir().join("known_hosts"), "").unwrap();
    }

    /// Makes `known_hosts` hold another key than the server shows.
    pub(crate) fn falsify_host_key(&self) {
        write_known_hosts(self.dir(), self.port, "user_key.pub");
    }

    /// Signals sshd and all its sessions, but not what they run.
    pub(crate) fn signal(&self, signal: &str) {
        send(signal, self.sshds().into_iter());
    }

    /// Cuts every connection, as a crash of the host's sshd would.
    pub(crate) fn kill_sessions(&self) {
        send("KILL", self.sshds().into_iter().filter(|pid| *pid != self.process.id()));
    }

    /// How many local masters lead here.
    pub(crate) fn masters(&self) -> usize {
        with_argument(&self.key()).count()
    }

    pub(crate) fn signal_masters(&self, signal: &str) {
        send(signal, with_argument(&self.key()));
    }

    fn key(&self) -> String {
        self.dir().join("user_key").display().to_string()
    }

    fn sshds(&self) -> Vec<u32> {
        let all: Vec<(u32, u32, String)> =
            pids().filter_map(|pid| Some((pid, parent(pid)?, command(pid)))).collect();
        let mut found = vec![self.process.id()];
        let mut next = 0;
        while next < found.len() {
            let children = all
                .iter()
                .filter(|(_, parent, command)| *parent == found[next] && command.starts_with("sshd"));
            let children: Vec<u32> = children.map(|(pid, ..)| *pid).collect();
            found.extend(children);
            next += 1;
        }
        found
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        send("KILL", self.sshds().into_iter());
        _ = self.process.wait();
    }
}

/// How to log in to the sshd in `dir`; for a test that another process runs.
pub(crate) fn destination(dir: &Path, port: u16) -> Destination {
    Destination {
        port: Some(port),
        identity: Some(dir.join("user_key")),
        options: ["-F".to_owned(), dir.join("ssh_config").display().to_string()].into(),
        ..Destination::new("127.0.0.1")
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn write_files(dir: &Path, port: u16, config: &str) {
    for key in ["host_key", "user_key"] {
        let made = Command::new("ssh-keygen")
            .args(["-q", "-t", "ed25519", "-N", "", "-f"])
            .arg(dir.join(key))
            .status();
        assert!(made.unwrap().success());
    }
    fs::create_dir(dir.join("bin")).unwrap();
    let dir_name = dir.display();
    let text = format!(
        "ListenAddress 127.0.0.1\nPort {port}\nHostKey {dir_name}/host_key\nPidFile none\nUsePAM no\nStrictModes no\n\
         PasswordAuthentication no\nPermitRootLogin prohibit-password\nAuthorizedKeysFile {dir_name}/user_key.pub\n\
         SetEnv HOME={dir_name} PATH={dir_name}/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin\n{config}\n"
    );
    fs::write(dir.join("sshd_config"), text).unwrap();
    let text = format!(
        "UserKnownHostsFile {dir_name}/known_hosts\nGlobalKnownHostsFile /dev/null\nIdentitiesOnly yes\nIdentityAgent none\n"
    );
    fs::write(dir.join("ssh_config"), text).unwrap();
    write_known_hosts(dir, port, "host_key.pub");
}

fn write_known_hosts(dir: &Path, port: u16, key: &str) {
    let key = fs::read_to_string(dir.join(key)).unwrap();
    fs::write(dir.join("known_hosts"), format!("[127.0.0.1]:{port} {key}")).unwrap();
}

/// How many processes have `text` among their arguments.
pub(crate) fn processes(text: &str) -> usize {
    with_argument(text).count()
}

pub(crate) fn kill_processes(text: &str) {
    send("KILL", with_argument(text));
}

fn with_argument(text: &str) -> impl Iterator<Item = u32> + use<'_> {
    let me = std::process::id();
    pids().filter(move |pid| {
        *pid != me && command(*pid).split('\0').skip(1).any(|word| word.contains(text) && word.len() < 200)
    })
}

fn send(signal: &str, pids: impl Iterator<Item = u32>) {
    for pid in pids {
        let pid = pid.to_string();
        _ = Command::new("kill").args(["-s", signal, &pid]).stderr(Stdio::null()).status();
    }
}

fn pids() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

fn command(pid: u32) -> String {
    fs::read(PathBuf::from(format!("/proc/{pid}/cmdline")))
        .map(|text| String::from_utf8_lossy(&text).into_owned())
        .unwrap_or_default()
}

fn parent(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}
