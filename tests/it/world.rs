//! A site in a lab: the shipped playbook on real hosts of its own, driven by the real program.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::lab::TestLab;

/// A lab and a copy of the shipped site whose service address lies in the lab's network.
pub struct World {
    pub lab: TestLab,
    site: tempfile::TempDir,
    /// The service address of `web`.
    pub address: String,
}

/// What a command printed and how it ended.
#[derive(Debug)]
pub struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl World {
    /// Hosts h1 to hN and nothing deployed; `None`, with the reason printed, where there can be no lab.
    pub fn new(hosts: u8) -> Option<Self> {
        TestLab::up(hosts).map(Self::on)
    }

    /// The shipped site on a lab, nothing deployed.
    pub fn on(lab: TestLab) -> Self {
        let first = lab.address("h1").unwrap().to_string();
        let net = first.rsplit_once('.').unwrap().0.to_owned();
        let site = tempfile::tempdir().unwrap();
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR"));
        let world = Self { lab, site, address: format!("{net}.80") };
        for file in ["templates/web/site.conf.j2", "playbooks/web.yml", "reveille.yml"] {
            let text = fs::read_to_string(shipped.join(file)).unwrap();
            world.write(file, &text.replace("10.83.0.80", &world.address));
        }
        world
    }

    /// Like [`World::new`], with `web` deployed: primary h1, secondary h2.
    pub fn deployed(hosts: u8) -> Option<Self> {
        let world = Self::new(hosts)?;
        world.ok(&["deploy", "web", "--to", "h1"]);
        Some(world)
    }

    /// Writes a file of the site.
    pub fn write(&self, file: &str, text: &str) {
        let path = self.site.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// The text of a file of the site.
    pub fn read(&self, file: &str) -> String {
        fs::read_to_string(self.site.path().join(file)).unwrap()
    }

    /// The folder of the site.
    pub fn root(&self) -> &Path {
        self.site.path()
    }

    /// `reveille ARGS` in the site, ready to be started.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_reveille"));
        command.current_dir(self.site.path()).args(args).arg("-i").arg(self.lab.inventory().unwrap());
        command.env_remove("NO_COLOR").stdin(Stdio::null());
        command
    }

    pub fn run(&self, args: &[&str]) -> Said {
        said(&self.command(args).output().unwrap())
    }

    /// Runs a command that must end with 0.
    #[track_caller]
    pub fn ok(&self, args: &[&str]) -> Said {
        let said = self.run(args);
        assert_eq!(said.code, 0, "reveille {args:?}\n{}\n{}", said.out, said.err);
        said
    }

    /// `status --json`.
    pub fn status(&self) -> Value {
        serde_json::from_str(&self.ok(&["status", "--json"]).out).unwrap()
    }

    /// `web`'s part of the status.
    pub fn web(&self) -> Value {
        self.status()["services"][0].clone()
    }

    /// Who serves, as the client sees it; `None` if nobody answers within a second.
    pub fn served_by(&self) -> Option<String> {
        self.client(&["curl", "-sf", "-m", "1", &format!("http://{}/served-by", self.address)])
            .map(|page| page.trim().to_owned())
    }

    /// What a command says with the client's network, if it succeeds.
    pub fn client(&self, argv: &[&str]) -> Option<String> {
        let output = self.lab.command("client", argv.iter().copied()).unwrap().output().unwrap();
        output.status.success().then(|| String::from_utf8(output.stdout).unwrap())
    }

    /// Hosts that hold the service address now, by their own consoles.
    pub fn holders(&self) -> Vec<String> {
        let hosts = self.lab.status().hosts.into_iter().map(|host| host.host.to_string());
        hosts
            .filter(|host| {
                let held = self.lab.sh(host, "ip -o addr show").unwrap_or_default();
                held.contains(&format!(" {}/", self.address))
            })
            .collect()
    }
}

fn said(output: &Output) -> Said {
    Said {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}
