//! Makes a lab: claims folder, names and subnet under a lock shared by all labs, then makes and starts the hosts side
//! by side. What a failed call made is taken away again.

use std::fs::{self, File};
use std::path::{Component, Path, PathBuf};
use std::thread;

use anyhow::{Context, Result, bail, ensure};
use ipnet::Ipv4Net;

use super::options::{DEFAULT_SUBNET, Options};
use super::state::{Host, State};
use super::teardown::{MOUNT_SOURCE, tear_down};
use super::tool::{run, tool};
use super::{Progress, cgroup, disk, fence, host, inventory, lock, network, preflight, ssh_keys};

/// Locked while one lab claims its names: two labs must not choose the same subnet at the same moment.
const MACHINE_LOCK: &str = "/run";

pub(super) fn up(options: &Options, progress: &Progress) -> Result<State> {
    options.validate()?;
    preflight::check(options.kind)?;
    let dir: PathBuf = options.dir.components().filter(|part| *part != Component::CurDir).collect();
    if let Some(file) = &options.inventory {
        inventory::refuse_foreign(file, &dir)?;
    }
    let (state, fresh) = claim(&dir, options)?;
    let _lock = lock(&dir.join("lock"))?;
    match populate(state, options, progress) {
        Ok(state) => Ok(state),
        Err(error) if fresh => Err(take_away(&dir, error)),
        Err(error) => Err(error),
    }
}

/// The lab that is in `dir`, or a new one there without hosts. The flag says whether it is new.
fn claim(dir: &Path, options: &Options) -> Result<(State, bool)> {
    let machine = File::open(MACHINE_LOCK).with_context(|| format!("cannot open {MACHINE_LOCK}"))?;
    machine.lock().with_context(|| format!("cannot lock {MACHINE_LOCK}"))?;
    match State::load(dir)? {
        Some(state) if state.is_claimed() => {
            let other = options.subnet.filter(|subnet| *subnet != state.subnet);
            ensure!(
                other.is_none(),
                "the lab in {} is on {}: take it down first",
                dir.display(),
                state.subnet
            );
            return Ok((state, false));
        }
        // Whoever made it was killed half-way.
        Some(_) => tear_down(dir)?,
        None => {}
    }
    let subnet: Ipv4Net = match options.subnet {
        Some(subnet) => subnet,
        None => DEFAULT_SUBNET.parse().context("the default subnet")?,
    };
    network::refuse_overlap(subnet)?;
    refuse_used_folder(dir)?;
    match make_base(dir, subnet) {
        Ok(state) => Ok((state, true)),
        Err(error) => Err(take_away(dir, error)),
    }
}

fn refuse_used_folder(dir: &Path) -> Result<()> {
    let entries = fs::read_dir(dir).map_or(0, Iterator::count);
    ensure!(entries == 0, "{} is not empty and holds no lab: choose another with --dir", dir.display());
    Ok(())
}

/// Folder, keys, control group, switch and client.
fn make_base(dir: &Path, subnet: Ipv4Net) -> Result<State> {
    fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    run(tool("mount").args(["-t", "tmpfs", "-o", "mode=0755", MOUNT_SOURCE]).arg(dir))?;
    let cgroup2 = match preflight::cgroup2_mount() {
        Some(root) => root,
        None => mount_cgroup2(dir)?,
    };
    let mut state = State::new(dir, subnet, cgroup2);
    state.save()?;
    cgroup::create(&state.cgroup())?;
    make_shared_folder(&state.shared())?;
    host::install_script(&state)?;
    ssh_keys::create_user_key(&state)?;
    network::create(&state)?;
    state.set_claimed();
    state.save()?;
    Ok(state)
}

/// A machine without cgroup2 in its file system gets it for the lab alone.
fn mount_cgroup2(dir: &Path) -> Result<PathBuf> {
    let root = dir.join("cgroup");
    fs::create_dir(&root).with_context(|| format!("cannot make {}", root.display()))?;
    run(tool("mount").args(["-t", "cgroup2", "cgroup2"]).arg(&root))?;
    Ok(root)
}

fn make_shared_folder(folder: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let make = || {
        fs::create_dir(folder)?;
        fs::set_permissions(folder, fs::Permissions::from_mode(0o1777))
    };
    make().with_context(|| format!("cannot make {}", folder.display()))
}

/// Adds absent hosts, starts those that are off, writes the inventory.
fn populate(mut state: State, options: &Options, progress: &Progress) -> Result<State> {
    let known = state.hosts.clone();
    state.grow(options.hosts, options.kind);
    let old = state.inventory.clone();
    if options.inventory.is_some() {
        state.inventory.clone_from(&options.inventory);
    }
    state.fence = options.fence.or(state.fence);
    state.save()?;
    if state.fence.is_some() {
        let program = match &options.program {
            Some(program) => program.clone(),
            None => std::env::current_exe().context("where am I")?,
        };
        fence::install(&state, &program)?;
    }
    let new = &state.hosts[known.len()..];
    if let Err(error) = start_all(&state, &known, progress) {
        for host in new {
            let _ = remove_host(&state, host);
        }
        state.hosts = known;
        state.save()?;
        return Err(error);
    }
    if let Some(file) = &state.inventory {
        inventory::write(&state, file)?;
    }
    if let Some(old) = old.filter(|old| Some(old) != state.inventory.as_ref()) {
        inventory::remove(&old, &state.dir)?;
    }
    Ok(state)
}

fn start_all(state: &State, known: &[Host], progress: &Progress) -> Result<()> {
    let off: Vec<&Host> = state.hosts.iter().filter(|host| !host::is_on(state, host)).collect();
    if off.is_empty() {
        (progress.note)(&format!(
            "the lab in {} is up already: {} hosts",
            state.dir.display(),
            state.hosts.len()
        ));
        return Ok(());
    }
    ssh_keys::create_host_keys(state, &state.hosts)?;
    tell_known_hosts(state, known)?;
    let failures: Vec<String> = thread::scope(|scope| {
        let starts: Vec<_> = off.iter().map(|host| scope.spawn(|| start(state, host, progress))).collect();
        let results =
            starts.into_iter().map(|start| start.join().unwrap_or_else(|_| bail!("a thread of `up` died")));
        results.filter_map(Result::err).map(|error| format!("{error:#}")).collect()
    });
    ensure!(failures.is_empty(), "{}", failures.join("; "));
    Ok(())
}

fn start(state: &State, host: &Host, progress: &Progress) -> Result<()> {
    if disk::exists(state, host) {
        host::power_off(state, host)?;
    } else {
        remove_host(state, host)?;
        disk::create(state, host)?;
    }
    let time = host::power_on(state, host, progress.stop)?;
    (progress.note)(&format!("{} is up: {} after {} ms", host.name, state.address(host), time.as_millis()));
    Ok(())
}

/// Hosts that were there before learn the names of the new ones.
fn tell_known_hosts(state: &State, known: &[Host]) -> Result<()> {
    if known.len() == state.hosts.len() {
        return Ok(());
    }
    let text = disk::hosts_file(state);
    for host in known.iter().filter(|host| disk::exists(state, host)) {
        if host::is_on(state, host) {
            host::write_hosts_file(state, host, &text)?;
        } else {
            disk::write_hosts_file(state, host)?;
        }
    }
    Ok(())
}

fn remove_host(state: &State, host: &Host) -> Result<()> {
    host::power_off(state, host)?;
    match fs::remove_dir_all(state.host_dir(host)) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

/// Tears down what a failed call made; the error that matters stays the first one.
fn take_away(dir: &Path, error: anyhow::Error) -> anyhow::Error {
    match tear_down(dir) {
        Ok(()) => error,
        Err(left) => error.context(format!("{left:#}")),
    }
}
