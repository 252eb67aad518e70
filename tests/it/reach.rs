//! How hosts are reached and what commands may do there, in a lab: the user's own ssh configuration with a jump host,
//! another port, user and key; sudo that asks for a password.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::lab::TestLab;

const PASSWORD: &str = "correct horse";

/// A service whose one step writes down who it runs as.
const PLAYBOOK: &str = "service: note\nhosts: workstations\ndata: none\nprepare:\n  \
                        - { id: who, shell: \"id -un >/srv/who; ps axww -o args >/srv/ps; env >/srv/env\", undo: none }\n";

/// A site of its own beside a lab.
struct Reach {
    lab: TestLab,
    folder: tempfile::TempDir,
}

impl Reach {
    /// A lab whose hosts have a user `ops` with a key of its own, who may use sudo with a password.
    fn new(hosts: u8) -> Option<Self> {
        let reach = Self { lab: TestLab::up(hosts)?, folder: tempfile::tempdir().unwrap() };
        reach.write("site/playbooks/note.yml", PLAYBOOK);
        reach.write("site/reveille.yml", "");
        let key = reach.path("home/.ssh/ops");
        fs::create_dir_all(key.parent().unwrap()).unwrap();
        let made =
            Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&key).status();
        assert!(made.unwrap().success());
        let public = fs::read_to_string(key.with_extension("pub")).unwrap();
        for host in 1..=hosts {
            reach.sh(
                &format!("h{host}"),
                &format!(
                    "useradd -m -s /bin/sh ops && echo 'ops:{PASSWORD}' | chpasswd && mkdir -m 700 /home/ops/.ssh &&
                     echo '{}' >/home/ops/.ssh/authorized_keys && chown -R ops /home/ops/.ssh &&
                     printf 'Defaults logfile=/var/log/sudo\\nops ALL=(ALL) ALL\\n' >/etc/sudoers.d/ops",
                    public.trim()
                ),
            );
        }
        Some(reach)
    }

    fn path(&self, file: &str) -> std::path::PathBuf {
        self.folder.path().join(file)
    }

    fn write(&self, file: &str, text: &str) {
        let path = self.path(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[track_caller]
    fn sh(&self, host: &str, line: &str) -> String {
        self.lab.sh(host, line).unwrap()
    }

    fn known_hosts(&self) -> String {
        fs::read_to_string(self.lab.ssh_config().with_file_name("known_hosts")).unwrap()
    }

    /// `reveille ARGS` as a user whose home is `home/`, with `input` on its standard input.
    fn reveille(&self, args: &[&str], input: &str) -> Output {
        let passwd = fs::read_to_string("/etc/passwd").unwrap();
        let home = self.path("home").display().to_string();
        // ssh takes the home folder from here, not from $HOME.
        let passwd = passwd.lines().map(|line| match line.strip_prefix("root:") {
            Some(_) => format!("root:x:0:0:root:{home}:/bin/sh\n"),
            None => format!("{line}\n"),
        });
        self.write("passwd", &passwd.collect::<Vec<_>>().concat());
        let mut command = Command::new("unshare");
        command.args([
            "--mount",
            "sh",
            "-c",
            "mount --bind \"$1\" /etc/passwd && shift && exec \"$@\"",
            "sh",
        ]);
        command.arg(self.path("passwd")).arg(env!("CARGO_BIN_EXE_reveille")).args(args);
        command.current_dir(self.path("site")).env_remove("REVEILLE_INVENTORY");
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // A command that does not read it may be gone already.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait_with_output().unwrap()
    }

    /// Every file below the site, as text.
    fn site_text(&self) -> String {
        fn below(folder: &Path) -> String {
            let entries = folder.read_dir().unwrap().map(|entry| entry.unwrap().path());
            let text = |path: std::path::PathBuf| {
                if path.is_dir() {
                    return below(&path);
                }
                String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned()
            };
            entries.map(text).collect::<Vec<_>>().concat()
        }
        below(&self.path("site"))
    }
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn the_users_ssh_configuration_leads_to_hosts() {
    let Some(reach) = Reach::new(3) else { return };
    let [gate, inner, other] = ["h1", "h2", "h3"].map(|host| reach.lab.address(host).unwrap());
    reach.sh(
        "h2",
        &format!(
            "nft add table inet guard && nft add chain inet guard in '{{ type filter hook input priority 0; }}' &&
             nft add rule inet guard in ip saddr != {gate} tcp dport 22 reject"
        ),
    );
    assert!(!reach.lab.ssh("h2", "true").status.success(), "the inner host must not be reached from here");
    reach.sh("h3", "/usr/sbin/sshd -p 2200");
    let lab_key = reach.lab.ssh_config().with_file_name("id");
    let config = |policy: &str| {
        format!(
            "Host gate\n  HostName {gate}\nHost inner\n  HostName {inner}\n  ProxyJump gate\nHost gate inner\n  User root\n  \
             IdentityFile {key}\nHost other\n  HostName {other}\n  Port 2200\n  User ops\n  IdentityFile ~/.ssh/ops\n  {policy}\n\
             Host *\n  GlobalKnownHostsFile /dev/null\n  IdentitiesOnly yes\n",
            key = lab_key.display()
        )
    };
    reach.write("home/.ssh/config", &config(""));
    let keys = reach.known_hosts();
    let known: Vec<&str> = keys.lines().filter(|line| !line.starts_with("h3,")).collect();
    reach.write("home/.ssh/known_hosts", &(known.join("\n") + "\n"));
    reach.write("site/inventory/hosts", "[workstations]\ngate\ninner\nother\n");

    let told = text(&reach.reveille(&["facts"], ""));
    assert!(told.contains("gate  load") && told.contains("inner  load"), "{told}");
    assert!(!told.contains("other  load"), "a host key nobody knows is refused: {told}");
    assert!(told.to_lowercase().contains("host key"), "{told}");

    reach.write("home/.ssh/config", &config("StrictHostKeyChecking accept-new"));
    let told = text(&reach.reveille(&["facts"], ""));
    assert!(told.contains("other  load"), "{told}");
    let learnt = fs::read_to_string(reach.path("home/.ssh/known_hosts")).unwrap();
    assert_eq!(learnt.lines().count(), known.len() + 1, "{learnt}");
}

#[test]
fn sudo_is_told_the_password_it_asks_for_and_nobody_else() {
    let Some(reach) = Reach::new(2) else { return };
    let ssh = format!("-F {} -o IdentitiesOnly=yes", reach.lab.ssh_config().display());
    let key = reach.path("home/.ssh/ops").display().to_string();
    reach.write(
        "site/inventory/hosts",
        &format!(
            "[workstations]\nh[1:2]\n[workstations:vars]\nansible_user=ops\nansible_become=yes\n\
             ansible_ssh_private_key_file={key}\nansible_ssh_common_args={ssh}\n"
        ),
    );
    let deploy = ["deploy", "note", "--to", "h1", "--yes", "-vvv"];
    let asking = [&deploy[..], &["-K"]].concat();

    let none = reach.reveille(&deploy, "");
    assert_eq!(none.status.code(), Some(4), "{}", text(&none));
    assert!(text(&none).contains("a password is required (-K asks for it)"), "{}", text(&none));

    let empty = reach.reveille(&asking, "");
    assert_eq!(empty.status.code(), Some(64), "{}", text(&empty));

    let wrong = reach.reveille(&asking, "battery staple\n");
    assert_eq!(wrong.status.code(), Some(4), "{}", text(&wrong));
    let told = text(&wrong);
    assert!(told.contains("h1") && told.contains("sudo does not take the password that was given"), "{told}");
    assert!(!told.contains("battery staple"), "{told}");
    let log = reach.sh("h1", "cat /var/log/sudo");
    assert_eq!(log.matches("1 incorrect password attempt").count(), 1, "it is tried once: {log}");

    let right = reach.reveille(&asking, &format!("{PASSWORD}\n"));
    assert_eq!(right.status.code(), Some(0), "{}", text(&right));
    assert_eq!(reach.sh("h1", "cat /srv/who").trim(), "root");
    let seen = text(&right) + &reach.site_text() + &reach.sh("h1", "cat /srv/ps /srv/env /var/log/sudo");
    assert!(seen.contains("sudo -S"), "the processes of the host were looked at");
    assert!(!seen.contains(PASSWORD), "{seen}");

    // From a secret, and with a sudo on one host that asks nothing: its program finds no password in its input.
    reach.sh("h2", "printf 'ops ALL=(ALL) NOPASSWD: ALL\\n' >/etc/sudoers.d/ops");
    reach
        .write("site/reveille.yml", "become: { password: sudo }\nsecrets: { sudo: { file: ../password } }\n");
    reach.write("password", &format!("{PASSWORD}\n"));
    let gone = reach.reveille(&["teardown", "note", "--yes"], "");
    assert_eq!(gone.status.code(), Some(0), "{}", text(&gone));
    let again = reach.reveille(&deploy, "");
    assert_eq!(again.status.code(), Some(0), "{}", text(&again));
    assert!(!(text(&again) + &reach.site_text()).contains(PASSWORD));
}
