//! Where a service is drilled: a private copy of the site with this one service, on the lab's hosts and in the lab's
//! network, with a store of its own. Nothing of it reaches the site, and nobody is notified.

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Map, Value, json};

use super::rewrite::Renumber;
use crate::lab::meter::{Scheme, Url};
use crate::lab::{Lab, shared_site};
use crate::monitor::view::View;
use crate::plan::facts::SiteFacts;
use crate::plan::table::Table;
use crate::plan::{Operation, Planner, Probe, Request};
use crate::site::diagnostic::{self, Severity};
use crate::site::id::{HostName, ServiceName};
use crate::site::load::LoadOptions;
use crate::site::playbook::Playbook;
use crate::site::{Site, check, yaml};

/// Folders whose texts are moved to the lab's network.
const REWRITTEN: [&str; 2] = ["templates", "files"];
/// What is not to be in the copy, or is written anew.
const LEFT_OUT: [&str; 4] = ["playbooks", "inventory", "reveille.yml", "target"];

/// A service on its stage.
pub(super) struct Stage {
    root: PathBuf,
    site: Site,
    service: ServiceName,
    program: PathBuf,
    extra_vars: Vec<String>,
}

/// What a stage is made from.
pub(super) struct Props<'a> {
    pub lab: &'a Lab,
    pub site: &'a Site,
    pub service: &'a ServiceName,
    /// This program.
    pub program: &'a Path,
    pub extra_vars: &'a [String],
}

/// Whom a playbook's pool holds in the lab.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pool {
    /// The hosts that its pattern names; those of a lab are the group `workstations`.
    AsWritten,
    All,
}

impl Stage {
    /// Makes the copy in `root`, an empty folder.
    ///
    /// # Errors
    /// The site cannot be copied, or is not valid in the lab.
    pub fn make(root: &Path, props: &Props<'_>) -> Result<Self> {
        let playbook = props.site.playbooks.get(props.service).context("it has no playbook")?;
        let renumber = renumber(playbook, props.lab);
        copy_rest(&props.site.root, root)?;
        for folder in REWRITTEN {
            copy_texts(&props.site.root.join(folder), &root.join(folder), renumber.as_ref())?;
        }
        write_inventory(root, props, renumber.as_ref())?;
        write(&root.join("reveille.yml"), &settings(props.site)?)?;
        let file = root.join("playbooks").join(format!("{}.yml", props.service));
        write(&file, &playbook_text(props, playbook, renumber.as_ref(), Pool::AsWritten)?)?;
        if !has_hosts(root, props) {
            write(&file, &playbook_text(props, playbook, renumber.as_ref(), Pool::All)?)?;
        }
        // This very program is the service.
        let itself = shared_site().display().to_string();
        if fs::read_to_string(&file).is_ok_and(|text| text.contains(&itself)) {
            props.lab.share_site(root, props.program)?;
        }
        Ok(Self {
            root: root.to_owned(),
            site: load(root, props.extra_vars)?,
            service: props.service.clone(),
            program: props.program.to_owned(),
            extra_vars: props.extra_vars.to_vec(),
        })
    }

    pub fn service(&self) -> &ServiceName {
        &self.service
    }

    pub fn playbook(&self) -> &Playbook {
        &self.site.playbooks[&self.service]
    }

    /// The first service address.
    pub fn address(&self) -> Result<IpAddr> {
        let first = self.playbook().addresses.first().context("it has no service address")?;
        Ok(first.value.ip())
    }

    /// A file of the stage's own.
    pub fn file(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// `reveille ARGS` on this stage.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("--site").arg(&self.root).args(args).stdin(Stdio::null());
        for vars in &self.extra_vars {
            command.args(["-e", vars]);
        }
        command.env_remove("REVEILLE_SITE").env_remove("REVEILLE_INVENTORY");
        command
    }

    /// Runs it to its end; what it printed.
    ///
    /// # Errors
    /// It did not end with 0.
    pub fn run(&self, args: &[&str]) -> Result<String> {
        let output = self.command(args).output().context("failed to start this program")?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            bail!("`reveille {}` ended with {}: {}", args.join(" "), output.status, said.trim());
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Sets the service up on the lab's hosts.
    ///
    /// # Errors
    /// The hosts have it already, or it cannot be set up.
    pub fn deploy(&self) -> Result<()> {
        let status: Value = serde_json::from_str(&self.run(&["status", "--json"])?)?;
        let state = status["services"][0]["state"].as_str().unwrap_or_default();
        ensure!(
            state == "absent",
            "the hosts of this lab have {} already ({state}): tear it down, or drill in a lab of its own",
            self.service
        );
        self.run(&["deploy", self.service.as_str(), "--yes", "--quiet"]).map(drop)
    }

    /// Lets it be taken over again after a takeover that failed.
    ///
    /// # Errors
    /// The store cannot be written.
    pub fn acknowledge(&self) -> Result<()> {
        self.run(&["ack", self.service.as_str(), "--quiet"]).map(drop)
    }

    /// Empties the store, where the hosts know nothing any more either.
    ///
    /// # Errors
    /// It cannot be emptied.
    pub fn forget(&self) -> Result<()> {
        Ok(fs::remove_dir_all(self.root.join("store"))?)
    }

    /// Takes it off again.
    ///
    /// # Errors
    /// A host refuses.
    pub fn teardown(&self) -> Result<()> {
        self.run(&["teardown", self.service.as_str(), "--yes", "--quiet"]).map(drop)
    }

    /// The monitor's last picture, if it left one.
    pub fn view(&self) -> Option<View> {
        serde_json::from_slice(&fs::read(self.root.join("store/view.json")).ok()?).ok()
    }

    /// What a client is to ask: the service's first check that a meter can make.
    ///
    /// # Errors
    /// There is none.
    pub fn meter(&self, primary: &HostName) -> Result<Url> {
        let (table, facts, secrets) = (Table::default(), SiteFacts::new(), Map::new());
        let request = Request::bare(Operation::Deploy, self.service.clone());
        let planner = Planner { site: &self.site, table: &table, facts: &facts, secrets: &secrets, request };
        let probes = planner.probes(&self.service, primary)?;
        probes.iter().find_map(metered).with_context(|| {
            format!("{} has no http, smtp or dns probe that a client could make", self.service)
        })
    }
}

/// The question of a probe as a meter asks it.
fn metered(probe: &Probe) -> Option<Url> {
    match probe {
        Probe::Http { url, .. } => Url::parse(url).ok(),
        Probe::Smtp { host, port, .. } => {
            Some(Url { scheme: Scheme::Smtp, host: host.clone(), port: *port, path: "/".to_owned() })
        }
        Probe::Dns { server, port, question, .. } => {
            let path = format!("/{}?type={}", question.name(), question.kind());
            Some(Url { scheme: Scheme::Dns, host: server.clone(), port: *port, path })
        }
        _ => None,
    }
}

/// From the service's network to the lab's, unless they are the same.
fn renumber(playbook: &Playbook, lab: &Lab) -> Option<Renumber> {
    let ours = v4_addresses(playbook).next()?;
    Renumber::new(ours, lab.state().subnet.network())
}

fn v4_addresses(playbook: &Playbook) -> impl Iterator<Item = Ipv4Addr> {
    playbook.addresses.iter().filter_map(|address| match address.value.ip() {
        IpAddr::V4(ip) => Some(ip),
        IpAddr::V6(_) => None,
    })
}

/// Links to whatever else the site has: programs of its probes, files of its secrets.
fn copy_rest(from: &Path, to: &Path) -> Result<()> {
    let from = from.canonicalize()?;
    for entry in fs::read_dir(&from)?.flatten() {
        let name = entry.file_name();
        let text = name.to_string_lossy();
        let apart = text.starts_with('.') || LEFT_OUT.contains(&&*text) || REWRITTEN.contains(&&*text);
        if !apart {
            symlink(entry.path(), to.join(&name)).with_context(|| format!("failed to link {text}"))?;
        }
    }
    Ok(())
}

/// Copies a folder; texts are moved to the lab's network, other files are taken as they are.
fn copy_texts(from: &Path, to: &Path, renumber: Option<&Renumber>) -> Result<()> {
    let Ok(entries) = fs::read_dir(from) else { return Ok(()) };
    for entry in entries.flatten() {
        let (path, copy) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy_texts(&path, &copy, renumber)?;
            continue;
        }
        fs::create_dir_all(to)?;
        fs::copy(&path, &copy).with_context(|| format!("failed to copy {}", path.display()))?;
        if let (Some(renumber), Ok(text)) = (renumber, fs::read_to_string(&path)) {
            write(&copy, &renumber.text(&text))?;
        }
    }
    Ok(())
}

/// The lab's hosts, with the variables that the site keeps for groups.
fn write_inventory(root: &Path, props: &Props<'_>, renumber: Option<&Renumber>) -> Result<()> {
    let lab = props.lab.inventory().context("this lab has no inventory: make it with --inventory")?;
    let text = fs::read_to_string(lab).with_context(|| format!("failed to read {}", lab.display()))?;
    write(&root.join("inventory/lab.yml"), &text)?;
    for folder in ["group_vars", "host_vars"] {
        let of_site = props.site.root.join("inventory").join(folder);
        copy_texts(&of_site, &root.join("inventory").join(folder), renumber)?;
    }
    Ok(())
}

/// The site's settings, with a store here, and nobody to tell.
fn settings(site: &Site) -> Result<String> {
    let file = site.root.join("reveille.yml");
    let mut settings = match fs::read_to_string(&file) {
        Ok(text) => mapping(yaml::to_json(&file, &text)?),
        Err(_) => Map::new(),
    };
    settings.remove("notices");
    settings.remove("hooks");
    settings.insert("inventory".to_owned(), json!("inventory"));
    settings.insert("store".to_owned(), json!("file:store"));
    Ok(serde_json::to_string_pretty(&settings)?)
}

/// The playbook as a drill needs it: free to move as often as its hosts fail, on the lab's hosts and in the lab's network,
/// and blind to the load average, which all hosts of a lab share.
fn playbook_text(
    props: &Props<'_>,
    playbook: &Playbook,
    renumber: Option<&Renumber>,
    pool: Pool,
) -> Result<String> {
    let (path, text) = (
        props.site.sources.path(playbook.service.span.file),
        props.site.sources.text(playbook.service.span.file),
    );
    let moved = renumber.map_or_else(|| text.to_owned(), |renumber| renumber.text(text));
    let mut playbook = mapping(yaml::to_json(path, &moved)?);
    let mut takeover = mapping(playbook.remove("takeover").unwrap_or_default());
    takeover.extend(mapping(json!({ "mode": "auto", "hold_down": "0s", "max_per_day": 1_000_000 })));
    playbook.insert("takeover".to_owned(), takeover.into());
    if let Some(rules) = playbook.get_mut("overload").and_then(Value::as_object_mut) {
        rules.retain(|_, rule| rule.get("load_per_cpu").is_none());
    }
    if pool == Pool::All {
        playbook.insert("hosts".to_owned(), json!("all"));
    }
    Ok(serde_json::to_string_pretty(&playbook)?)
}

fn mapping(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// Whether the pattern of the playbook fits the lab's hosts.
fn has_hosts(root: &Path, props: &Props<'_>) -> bool {
    let options = LoadOptions { inventory: Vec::new(), extra_vars: props.extra_vars.to_vec() };
    let (site, _) = Site::load(root, &options);
    site.playbooks.get(props.service).is_some_and(|playbook| site.pool(playbook).len() > 1)
}

fn load(root: &Path, extra_vars: &[String]) -> Result<Site> {
    let options = LoadOptions { inventory: Vec::new(), extra_vars: extra_vars.to_vec() };
    let (site, mut wrong) = Site::load(root, &options);
    wrong.extend(check::check(&site));
    wrong.retain(|diagnostic| diagnostic.severity == Severity::Error);
    ensure!(
        wrong.is_empty(),
        "the site is not valid in the lab:\n{}",
        diagnostic::render_all(&wrong, &site.sources, false)
    );
    Ok(site)
}

fn write(file: &Path, text: &str) -> Result<()> {
    let make = || {
        fs::create_dir_all(file.parent().unwrap_or(Path::new("/")))?;
        fs::write(file, text)
    };
    make().with_context(|| format!("failed to write {}", file.display()))
}
