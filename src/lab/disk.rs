//! A host's disk: this machine's file systems below, a layer of its own on top that receives every write.
//!
//! Writes into the upper layers before the host first boots; the overlay itself is mounted by `power_on.sh`, within the
//! host. What belongs to this machine alone (homes, keys, mounts, services that start by themselves) is hidden.

use std::fmt::Write as _;
use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rustix::fs::{CWD, FileType, Mode, XattrFlags, makedev, mknodat, setxattr};
use sha2::{Digest, Sha256};

use super::options::Kind;
use super::ssh_keys::{host_key, user_key};
use super::state::{Host, State};

/// Folders that a machine may keep on file systems of their own; an overlay does not reach across mounts.
const VOLUMES: [&str; 11] = [
    "/usr",
    "/usr/local",
    "/opt",
    "/var",
    "/var/lib",
    "/var/log",
    "/var/cache",
    "/var/spool",
    "/var/mail",
    "/var/www",
    "/etc",
];

/// Folders in which a host sees nothing of this machine's, with their modes.
const HIDDEN: [(&str, u32); 8] = [
    ("/root", 0o700),
    ("/home", 0o755),
    ("/srv", 0o755),
    ("/mnt", 0o755),
    ("/media", 0o755),
    ("/var/tmp", 0o1777),
    ("/etc/ssh", 0o755),
    ("/run", 0o755),
];

/// Whether hosts do not see what lies there on this machine. Two folders are mounted anew when a host is powered on.
pub(super) fn hides(path: &Path) -> bool {
    let hidden = HIDDEN.iter().map(|(folder, _)| *folder).chain(["/tmp", "/dev"]);
    hidden.into_iter().any(|folder| path.starts_with(folder))
}

/// Folders whose links start services at boot. Hidden, so that a host starts nothing of itself but sshd.
const AUTOSTART: [&str; 10] = [
    "/etc/systemd/system/multi-user.target.wants",
    "/etc/systemd/system/graphical.target.wants",
    "/etc/systemd/system/default.target.wants",
    "/etc/systemd/system/timers.target.wants",
    "/etc/systemd/system/sockets.target.wants",
    "/etc/systemd/system/network-online.target.wants",
    "/etc/systemd/system/sysinit.target.wants",
    "/etc/rc2.d",
    "/etc/rc3.d",
    "/etc/rc5.d",
];

/// Units that look after hardware, consoles or networks a host does not have.
const MASKED: [&str; 12] = [
    "systemd-networkd.service",
    "systemd-resolved.service",
    "systemd-timesyncd.service",
    "systemd-udevd.service",
    "systemd-udev-trigger.service",
    "systemd-pstore.service",
    "getty.target",
    "console-getty.service",
    "dev-hugepages.mount",
    "sys-kernel-debug.mount",
    "sys-kernel-tracing.mount",
    "systemd-binfmt.service",
];

/// `MaxSessions` stays at its default, 10: real hosts have it. `MaxStartups` counts logins of all tools at once.
const SSHD_CONFIG: &str = "\
HostKey /etc/ssh/ssh_host_ed25519_key
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM yes
UseDNS no
PrintMotd no
MaxStartups 200:30:400
AcceptEnv LANG LC_*
Subsystem sftp internal-sftp
Include /etc/ssh/sshd_config.d/*.conf
";

/// The upper layers of one host's disk.
struct Disk {
    dir: PathBuf,
    volumes: Vec<String>,
}

/// Makes the disk of a new host.
pub(super) fn create(state: &State, host: &Host) -> Result<()> {
    let disk =
        Disk { dir: state.host_dir(host), volumes: volumes(&fs::read_to_string("/proc/self/mounts")?) };
    disk.fill(state, host).with_context(|| format!("cannot make the disk of {}", host.name))
}

/// Whether a host's disk was made, to the end.
pub(super) fn exists(state: &State, host: &Host) -> bool {
    state.host_dir(host).join("volumes").exists()
}

/// `/etc/hosts` of every host: all hosts of the lab, its client and its controller. With a domain, as real hosts have
/// one: some programs do not start where the host's own name has none.
pub(super) fn hosts_file(state: &State) -> String {
    let v4 = state.hosts.iter().map(|host| (state.address(host), host.name.as_str()));
    let places = [(state.controller_address(), "controller"), (state.client_address(), "client")];
    let mut text = "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n".to_owned();
    for (address, name) in places.into_iter().chain(v4) {
        // Writing to a String cannot fail.
        let _ = write!(text, "{address} {name}.test {name}\n{} {name}.test {name}\n", State::twin(address));
    }
    text
}

/// Puts `/etc/hosts` into the upper layer of a host that is off.
pub(super) fn write_hosts_file(state: &State, host: &Host) -> Result<()> {
    let file = state.host_dir(host).join("0/upper/etc/hosts");
    fs::write(&file, hosts_file(state)).with_context(|| format!("cannot write {}", file.display()))
}

impl Disk {
    fn fill(&self, state: &State, host: &Host) -> io::Result<()> {
        self.make_layers()?;
        for (path, mode) in HIDDEN {
            self.hide(path, mode)?;
        }
        self.write("/etc/hostname", &format!("{}\n", host.name))?;
        self.write("/etc/hosts", &hosts_file(state))?;
        self.write("/etc/machine-id", &format!("{}\n", machine_id(state, host)))?;
        self.write("/etc/fstab", "")?;
        // No name server: a look-up of a name nobody knows fails at once.
        self.write("/etc/resolv.conf", "options timeout:1 attempts:1\n")?;
        self.remove("/usr/sbin/policy-rc.d")?;
        self.remove("/etc/nologin")?;
        self.add_root_home(state)?;
        self.add_sshd(state, host)?;
        self.make_dir("/srv/shared", 0o755)?;
        if host.kind == Kind::Systemd {
            self.add_units()?;
        }
        self.list_volumes()
    }

    /// Written last: a disk without it is not complete. One mount point a line.
    fn list_volumes(&self) -> io::Result<()> {
        let lines = self.volumes.iter().map(|volume| format!("{volume}\n"));
        fs::write(self.dir.join("volumes"), lines.collect::<String>())
    }

    fn make_layers(&self) -> io::Result<()> {
        fs::create_dir_all(self.dir.join("root"))?;
        for (number, volume) in self.volumes.iter().enumerate() {
            let layer = self.dir.join(number.to_string());
            fs::create_dir_all(layer.join("work"))?;
            fs::create_dir_all(layer.join("upper"))?;
            copy_mode(Path::new(volume), &layer.join("upper"))?;
        }
        Ok(())
    }

    /// A clean home: the machine's own start-up files would slow, or break, every command sent over ssh.
    fn add_root_home(&self, state: &State) -> io::Result<()> {
        for name in [".bashrc", ".profile"] {
            let skeleton = fs::read_to_string(Path::new("/etc/skel").join(name)).unwrap_or_default();
            self.write(&format!("/root/{name}"), &skeleton)?;
        }
        self.make_dir("/root/.ssh", 0o700)?;
        let public = fs::read_to_string(user_key(state).with_extension("pub"))?;
        self.write_with_mode("/root/.ssh/authorized_keys", &public, 0o600)
    }

    fn add_sshd(&self, state: &State, host: &Host) -> io::Result<()> {
        self.make_dir("/etc/ssh/sshd_config.d", 0o755)?;
        self.write("/etc/ssh/sshd_config", SSHD_CONFIG)?;
        let key = host_key(state, host);
        self.write_with_mode("/etc/ssh/ssh_host_ed25519_key", &fs::read_to_string(&key)?, 0o600)?;
        self.write("/etc/ssh/ssh_host_ed25519_key.pub", &fs::read_to_string(key.with_extension("pub"))?)
    }

    fn add_units(&self) -> io::Result<()> {
        for folder in AUTOSTART {
            self.hide(folder, 0o755)?;
        }
        let units = "/etc/systemd/system";
        for unit in MASKED {
            self.link("/dev/null", &format!("{units}/{unit}"))?;
        }
        let ssh = ["ssh.service", "sshd.service"].into_iter().find(|unit| unit_file(unit).is_some());
        let unit = ssh.unwrap_or("ssh.service");
        let file = unit_file(unit).unwrap_or_else(|| format!("/lib/systemd/system/{unit}"));
        self.link(&file, &format!("{units}/multi-user.target.wants/{unit}"))
    }

    /// Where `path` of the host lies in its upper layers.
    fn upper(&self, path: &str) -> PathBuf {
        let inside = |volume: &&String| Path::new(path).starts_with(volume);
        let (number, volume) = self
            .volumes
            .iter()
            .enumerate()
            .filter(|(_, volume)| inside(volume))
            .max_by_key(|(_, volume)| volume.len())
            .map_or((0, "/"), |(number, volume)| (number, volume.as_str()));
        let rest = Path::new(path).strip_prefix(volume).unwrap_or(Path::new(""));
        self.dir.join(number.to_string()).join("upper").join(rest)
    }

    /// The place for `path`, its parents made with the modes they have on this machine.
    fn place(&self, path: &str) -> io::Result<PathBuf> {
        let parents: Vec<_> = Path::new(path).ancestors().skip(1).filter_map(Path::to_str).collect();
        for parent in parents.into_iter().rev() {
            let upper = self.upper(parent);
            if !upper.exists() {
                fs::create_dir(&upper)?;
                copy_mode(Path::new(parent), &upper)?;
            }
        }
        Ok(self.upper(path))
    }

    fn make_dir(&self, path: &str, mode: u32) -> io::Result<()> {
        let place = self.place(path)?;
        fs::create_dir_all(&place)?;
        fs::set_permissions(&place, Permissions::from_mode(mode))
    }

    /// An empty folder that lets nothing of this machine's shine through.
    fn hide(&self, path: &str, mode: u32) -> io::Result<()> {
        self.make_dir(path, mode)?;
        Ok(setxattr(self.upper(path), "trusted.overlay.opaque", b"y", XattrFlags::empty())?)
    }

    /// Hides one file: the overlay's sign for that is a device 0:0.
    fn remove(&self, path: &str) -> io::Result<()> {
        if !Path::new(path).exists() {
            return Ok(());
        }
        let place = self.place(path)?;
        Ok(mknodat(CWD, &place, FileType::CharacterDevice, Mode::empty(), makedev(0, 0))?)
    }

    fn write(&self, path: &str, text: &str) -> io::Result<()> {
        self.write_with_mode(path, text, 0o644)
    }

    fn write_with_mode(&self, path: &str, text: &str, mode: u32) -> io::Result<()> {
        let place = self.place(path)?;
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).open(&place)?;
        file.set_permissions(Permissions::from_mode(mode))?;
        file.write_all(text.as_bytes())
    }

    fn link(&self, target: &str, path: &str) -> io::Result<()> {
        symlink(target, self.place(path)?)
    }
}

/// The mount points an overlay is needed for, `/` first, parents before children.
fn volumes(mounts: &str) -> Vec<String> {
    let mut found: Vec<String> = vec!["/".to_owned()];
    let mounted = |at: &str| mounts.lines().any(|line| line.split(' ').nth(1) == Some(at));
    found.extend(VOLUMES.into_iter().filter(|at| mounted(at)).map(str::to_owned));
    found
}

fn unit_file(unit: &str) -> Option<String> {
    let places = ["/lib/systemd/system", "/usr/lib/systemd/system"].map(|folder| format!("{folder}/{unit}"));
    places.into_iter().find(|file| Path::new(file).exists())
}

fn copy_mode(from: &Path, to: &Path) -> io::Result<()> {
    let mode = fs::metadata(from).map_or(0o755, |found| found.permissions().mode() & 0o7777);
    fs::set_permissions(to, Permissions::from_mode(mode))
}

fn machine_id(state: &State, host: &Host) -> String {
    let digest = Sha256::digest(format!("{} {}", state.dir.display(), host.name));
    digest.iter().take(16).fold(String::new(), |id, byte| id + &format!("{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_systems_of_their_own_get_layers_of_their_own() {
        let mounts = "/dev/a / ext4 rw 0 0\n/dev/b /var ext4 rw 0 0\nproc /proc proc rw 0 0\n";
        assert_eq!(volumes(mounts), ["/", "/var"]);
        let disk = Disk { dir: "/d".into(), volumes: volumes(mounts) };
        assert_eq!(disk.upper("/var/tmp"), Path::new("/d/1/upper/tmp"));
        assert_eq!(disk.upper("/var"), Path::new("/d/1/upper/"));
        assert_eq!(disk.upper("/variety"), Path::new("/d/0/upper/variety"));
        assert_eq!(disk.upper("/etc/hosts"), Path::new("/d/0/upper/etc/hosts"));
    }

    #[test]
    fn every_host_knows_every_host() {
        let mut state = State::new(Path::new("/run/x"), "10.83.0.0/24".parse().unwrap(), "/cg".into());
        state.grow(2, Kind::Light);
        let text = hosts_file(&state);
        for line in [
            "10.83.0.1 h1.test h1",
            "10.83.0.2 h2.test h2",
            "10.83.0.200 client.test client",
            "10.83.0.254 controller.test controller",
            "fd00:10:83::2 h2.test h2",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in {text}");
        }
    }
}
