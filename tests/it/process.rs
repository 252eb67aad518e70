//! The `process` module, the guard and the facts, run for real with `sh` on this machine: below a folder and cgroups
//! of each test's own, by each way to put a process to sleep that the machine has.

#![expect(clippy::unwrap_used, reason = "a failed preparation is a failed test")]

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use reveille::module::Library;
use reveille::module::facts;
use reveille::module::guard::{self, Mode};
use reveille::plan::facts::{HostFacts, ProcessFact};
use reveille::site::id::{Epoch, ServiceName};

/// A host's folder, its cgroups, and one service; gone with everything in it when dropped.
struct World {
    root: tempfile::TempDir,
    service: ServiceName,
    /// What `RV_CGROUP` is set to.
    cgroup: PathBuf,
    epoch: u64,
    run: &'static str,
}

impl World {
    /// One world per way to sleep: `RV_CGROUP` in the v2 tree, in the v1 freezer, or nowhere.
    fn each() -> Vec<Self> {
        let mounts = fs::read_to_string("/proc/mounts").unwrap();
        let mut worlds = vec![Self::below(Path::new("none"))];
        for mount in mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>()) {
            let freezer = mount[2] == "cgroup2" || mount[2] == "cgroup" && mount[3].contains("freezer");
            let cgroup = Path::new(mount[1]).join(format!("rvtest-{}", unique()));
            if freezer && fs::create_dir(&cgroup).is_ok() {
                worlds.push(Self::below(&cgroup));
            }
        }
        worlds
    }

    fn below(cgroup: &Path) -> Self {
        Self {
            root: tempfile::tempdir().unwrap(),
            service: ServiceName::try_from(format!("t{}", unique())).unwrap(),
            cgroup: cgroup.to_owned(),
            epoch: 1,
            run: "r1",
        }
    }

    fn signals() -> Self {
        Self::below(Path::new("none"))
    }

    fn command(&self, mode: Mode, body: &str) -> Command {
        let libraries =
            [Library::Process, Library::Ready, Library::Role, Library::Undo].map(Library::text).join("\n");
        let prelude = guard::prelude(&self.service, Epoch(self.epoch), mode);
        let mut command = Command::new("sh");
        command.args([
            "-c",
            &format!("RV_RUN={}\n{prelude}\n{libraries}\n( {body}\n) 9>&- </dev/null\nexit $?", self.run),
        ]);
        command.env("RV_ROOT", self.root.path()).env("RV_CGROUP", &self.cgroup).env("SSH_CLIENT", "secret");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        command
    }

    fn output(&self, body: &str) -> Output {
        self.command(Mode::Write, body).output().unwrap()
    }

    /// Runs it; it must succeed.
    #[track_caller]
    fn run(&self, body: &str) -> String {
        let output = self.output(body);
        assert!(output.status.success(), "{body} in {}: {output:?}", self.cgroup.display());
        String::from_utf8(output.stdout).unwrap()
    }

    /// The exit code, and everything it said.
    fn code(&self, body: &str) -> (i32, String) {
        let output = self.output(body);
        let said = [output.stdout, output.stderr].concat();
        (output.status.code().unwrap(), String::from_utf8(said).unwrap())
    }

    /// `asleep`, `awake`, … as `process_is` sees it.
    #[track_caller]
    fn state(&self, name: &str) -> String {
        let (_, said) = self.code(&format!("process_is absent {name}"));
        said.trim().rsplit(' ').next().unwrap().to_owned()
    }

    fn folder(&self) -> PathBuf {
        self.root.path().join(self.service.as_str())
    }

    fn pid(&self, name: &str) -> u32 {
        let record = fs::read_to_string(self.folder().join("proc").join(name).join("record")).unwrap();
        record.lines().find_map(|line| line.strip_prefix("pid=")).unwrap().parse().unwrap()
    }

    /// Everything alive that carries this world's mark, stopped or not.
    fn living(&self) -> Vec<u32> {
        let mark = format!("REVEILLE_PROCESS={}/", self.service);
        let pids = fs::read_dir("/proc")
            .unwrap()
            .filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
        pids.filter(|pid| {
            let environ = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            String::from_utf8_lossy(&environ).contains(&mark)
                && !matches!(process_state(*pid), None | Some('Z'))
        })
        .collect()
    }

    fn facts(&self) -> HostFacts {
        let output = Command::new("sh")
            .args(["-c", &facts::script()])
            .env("RV_ROOT", self.root.path())
            .output()
            .unwrap();
        let lines: Vec<String> =
            String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect();
        HostFacts::parse(&lines).unwrap()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        for pid in self.living() {
            signal(pid, "CONT");
            signal(pid, "KILL");
        }
        if self.cgroup.is_absolute() {
            let kill = "for f in $(find \"$0\" -name cgroup.freeze) $(find \"$0\" -name freezer.state); do
                case $f in *.state) echo THAWED ;; *) echo 0 ;; esac >\"$f\"; done
                for p in $(find \"$0\" -name cgroup.procs -exec cat {} +); do kill -KILL $p; done
                i=0; until find \"$0\" -depth -type d -exec rmdir {} +; do i=$((i + 1)); [ $i -lt 100 ] || exit; sleep 0.02; done";
            let _ = Command::new("sh").args(["-c", kill]).arg(&self.cgroup).stderr(Stdio::null()).status();
        }
    }
}

fn unique() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

fn process_state(pid: u32) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit(") ").next()?.chars().next()
}

/// The session a process belongs to; 0 when it is gone.
fn session(pid: u32) -> u32 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(") ").next().and_then(|rest| rest.split(' ').nth(3)?.parse().ok()).unwrap_or_default()
}

/// Which signals a process ignores, as the kernel writes it.
fn ignored_signals(pid: &str) -> String {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    status.lines().find(|line| line.starts_with("SigIgn:")).unwrap().to_owned()
}

fn signal(pid: u32, name: &str) {
    let _ = Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).stderr(Stdio::null()).status();
}

#[track_caller]
fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let limit = Instant::now() + Duration::from_secs(10);
    while !holds() {
        assert!(Instant::now() < limit, "never: {what}");
        sleep(Duration::from_millis(5));
    }
}

fn length(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |meta| meta.len())
}

/// A parent and four more that each write to a file without end: two children, one that leaves the session, and one
/// that leaves the session and its parent.
fn family(beats: &Path) -> String {
    let beat = |name: &str| format!("while :; do echo x >>{}/{name}; sleep 0.01; done", beats.display());
    let [one, two, three, four, parent] = ["one", "two", "three", "four", "parent"].map(beat);
    format!("sh -c '({one}) & ({two}) & setsid sh -c \"{three}\" & (setsid sh -c \"{four}\" & ); {parent}'")
}

const FAMILY: [&str; 5] = ["one", "two", "three", "four", "parent"];

#[test]
fn the_whole_tree_sleeps_and_wakes() {
    for world in World::each() {
        let beats = tempfile::tempdir().unwrap();
        let lengths = || FAMILY.map(|name| length(&beats.path().join(name)));
        let ready =
            format!("--ready 'command:cd {} && cat one two three four parent'", beats.path().display());
        world.run(&format!("process_asleep family {ready} -- {}", family(beats.path())));
        let asleep = lengths();
        assert!(asleep.iter().all(|length| *length > 0), "{asleep:?}");
        // Nothing to wait for: that nothing happens is the point.
        sleep(Duration::from_millis(100));
        assert_eq!(lengths(), asleep, "{:?}", world.cgroup);

        let pid = world.pid("family");
        world.run("process_awake family");
        eventually("all beat again", || lengths().iter().zip(asleep).all(|(now, then)| *now > then));
        assert_eq!(world.pid("family"), pid);

        world.run("process_absent family --stop TERM:200ms");
        assert_eq!(world.living(), Vec::<u32>::new(), "{:?}", world.cgroup);
        assert!(!world.folder().join("proc/family/record").exists());
        let leftover = world.cgroup.join("reveille");
        assert!(!leftover.exists(), "{leftover:?}");
    }
}

#[test]
fn the_second_time_changes_nothing() {
    for world in World::each() {
        assert_eq!(world.code("process_is asleep s -- sleep 1000").0, 10);
        for (act, look) in [("process_asleep", "asleep"), ("process_awake", "awake")] {
            world.run(&format!("{act} s -- sleep 1000"));
            let pid = world.pid("s");
            assert_eq!(
                world.code(&format!("process_is {look} s -- sleep 1000")),
                (0, format!("s is {look}\n"))
            );
            world.run(&format!("{act} s -- sleep 1000"));
            assert_eq!(world.pid("s"), pid);
        }
        world.run("process_absent s");
        world.run("process_is absent s && process_absent s");
    }
}

#[test]
fn a_sleeper_of_other_words_is_replaced() {
    let mut world = World::signals();
    world.run("process_asleep s -- sleep 1000");
    let pid = world.pid("s");
    world.run = "r2";
    assert_eq!(world.code("process_is asleep s -- sleep '10 00'").0, 10);
    world.run("process_asleep s -- sleep 2000");
    assert_ne!(world.pid("s"), pid);
    assert_eq!(world.living(), [world.pid("s")]);
    world.run("process_undo asleep s && process_is asleep s -- sleep 1000");
}

#[test]
fn a_sleeper_that_died_is_noticed_and_started_anew() {
    for world in World::each() {
        world.run("process_asleep s -- sleep 1000");
        let pid = world.pid("s");
        signal(pid, "KILL");
        if world.cgroup.to_string_lossy().contains("freezer") {
            // The v1 freezer holds even SIGKILL back.
            fs::write(
                world.cgroup.join("reveille").join(world.service.as_str()).join("s/freezer.state"),
                "THAWED",
            )
            .unwrap();
        }
        eventually("it is dead", || matches!(process_state(pid), None | Some('Z')));
        assert_eq!(world.facts().services[&world.service].processes["s"], ProcessFact::Dead);
        assert_eq!(world.code("process_is asleep s -- sleep 1000"), (10, "s is dead\n".to_owned()));
        // No command in this step: the one it was started with.
        world.run("process_awake s");
        assert_ne!(world.pid("s"), pid);
        assert_eq!(world.state("s"), "awake");
    }
}

#[test]
fn a_process_never_started_cannot_wake() {
    let world = World::signals();
    let (code, said) = world.code("process_awake s");
    assert_eq!(
        (code, said.trim()),
        (1, "s was not started here before, and this step has no command to start it")
    );
}

#[test]
fn anothers_process_with_the_recorded_pid_is_left_alone() {
    let world = World::signals();
    world.run("process_asleep s -- sleep 1000");
    let record = world.folder().join("proc/s/record");
    let mut other = Command::new("sleep").arg("1000").process_group(0).spawn().unwrap();
    let text =
        fs::read_to_string(&record).unwrap().replace(&world.pid("s").to_string(), &other.id().to_string());
    fs::write(&record, text).unwrap();
    assert_eq!(world.state("s"), "dead");
    world.run("process_absent s");
    assert!(other.try_wait().unwrap().is_none(), "killed a stranger");
    assert_eq!(process_state(other.id()), Some('S'));
    assert_eq!(world.living(), Vec::<u32>::new());
    other.kill().unwrap();
    other.wait().unwrap();
}

#[test]
fn a_record_of_another_boot_is_dead() {
    let world = World::signals();
    world.run("process_asleep s -- sleep 1000");
    let record = world.folder().join("proc/s/record");
    let text = fs::read_to_string(&record).unwrap();
    let other = text.lines().map(|line| if line.starts_with("boot=") { "boot=other" } else { line });
    fs::write(&record, other.collect::<Vec<_>>().join("\n")).unwrap();
    assert_eq!(world.state("s"), "dead");
}

#[test]
fn a_sleeper_is_asked_to_stop_and_hears_it() {
    for world in World::each() {
        let bye = world.root.path().join("bye");
        let program = format!(
            "trap 'echo bye >{}; exit' TERM; echo up >&2; while :; do sleep 0.01; done",
            bye.display()
        );
        let log = world.folder().join("proc/s/log");
        world.run(&format!(
            "process_asleep s --ready 'command:grep up {}' -- sh -c \"{program}\"",
            log.display()
        ));
        world.run("process_absent s");
        assert_eq!(fs::read_to_string(bye).unwrap(), "bye\n");
    }
}

#[test]
fn who_will_not_stop_is_killed_in_time() {
    for world in World::each() {
        world.run(
            "process_asleep s --stop INT:100ms -- sh -c 'trap \"\" INT TERM; while :; do sleep 0.05; done'",
        );
        let begun = Instant::now();
        world.run("process_absent s");
        assert!(begun.elapsed() < Duration::from_secs(5));
        assert_eq!(world.living(), Vec::<u32>::new());
    }
}

/// A first process that goes at once, one that begins a piece of work after the other, and the piece it is at.
#[test]
fn work_under_way_is_finished_and_no_more_is_begun() {
    for (grace, finished) in [("", false), (":5s", true)] {
        for world in World::each() {
            let work = world.root.path().join("work");
            let (file, piece) = (work.display(), "select undef, undef, undef, 0.3; print qq(ended\\n)");
            world.run(&format!(
                "process_asleep s --ready 'file:{file}' --stop TERM:9s{grace} -- sh -c \
                 '(while :; do (echo begun; exec perl -e \"{piece}\"); done) >>{file} & wait'",
            ));
            world.run("process_awake s");
            let begun = Instant::now();
            world.run("process_absent s");
            assert!(begun.elapsed() < Duration::from_secs(4), "the grace is not waited for in vain");
            assert_eq!(world.living(), Vec::<u32>::new());
            let said = fs::read_to_string(&work).unwrap();
            let count = |word| said.lines().filter(|line| *line == word).count();
            assert_eq!(count("begun") == count("ended"), finished, "{said}");
        }
    }
}

#[test]
fn an_end_before_ready_fails_with_the_last_words() {
    for world in World::each() {
        let (code, said) =
            world.code("process_asleep s --ready tcp:1 -- sh -c 'sleep 1000 & echo cannot do that >&2'");
        assert_eq!(code, 1);
        assert_eq!(
            said,
            "s ended before it was ready; a command must stay in the foreground\ncannot do that\n"
        );
        assert_eq!(world.state("s"), "absent");
        assert_eq!(world.living(), Vec::<u32>::new());
        let (code, said) = world.code("process_asleep s -- /no/such/program");
        assert!(code == 1 && said.contains("/no/such/program"), "{said}");
    }
}

/// Not a test: the program that the next one starts.
#[test]
#[ignore = "listens until it is killed"]
fn listener() {
    let port: u16 = std::env::var("PORT").unwrap().parse().unwrap();
    let _listener = std::net::TcpListener::bind(("127.0.0.1", port)).unwrap();
    loop {
        std::thread::park();
    }
}

#[test]
fn a_port_is_ready_when_the_process_itself_listens() {
    let world = World::signals();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    assert_eq!(world.code(&format!("ready_now tcp:{port}")).0, 0);
    // Another's listener does not count: the script waits on, until it is told to end and says what for.
    let body = format!("process_asleep s --ready tcp:{port} -- sleep 1000");
    let mut waiting = world.command(Mode::Write, &body).spawn().unwrap();
    eventually("it was started", || world.folder().join("proc/s/record").exists());
    sleep(Duration::from_millis(200));
    assert!(waiting.try_wait().unwrap().is_none());
    signal_group(&waiting, "TERM");
    let output = waiting.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains(&format!("s is still not ready (tcp:{port})\n")), "{said}");

    drop(taken);
    let me = std::env::current_exe().unwrap();
    let listen = format!("{} --ignored --exact process::listener", me.display());
    world.run(&format!("process_asleep s --ready tcp:{port} --env PORT={port} -- {listen}"));
    assert_eq!(world.state("s"), "asleep");
    assert_eq!(world.code(&format!("ready_now tcp:{port} $$")).0, 1);
}

fn signal_group(child: &Child, name: &str) {
    let group = format!("-{}", child.id());
    let _ = Command::new("kill").args([&format!("-{name}"), "--", &group]).stderr(Stdio::null()).status();
}

#[test]
fn the_process_keeps_nothing_of_the_script_that_started_it() {
    let world = World::signals();
    world.run("process_awake s --env 'GREETING=two words' -- sleep 1000");
    let pid = world.pid("s");
    // What is above 9 no script of ours opens.
    let kept = (3..10).find(|fd| Path::new(&format!("/proc/{pid}/fd/{fd}")).exists());
    assert_eq!(kept, None);
    assert_eq!(fs::read_link(format!("/proc/{pid}/fd/0")).unwrap(), Path::new("/dev/null"));
    assert_eq!(fs::read_link(format!("/proc/{pid}/fd/2")).unwrap(), world.folder().join("proc/s/log"));
    assert_eq!(fs::read_link(format!("/proc/{pid}/cwd")).unwrap(), Path::new("/"));
    let environ = String::from_utf8(fs::read(format!("/proc/{pid}/environ")).unwrap()).unwrap();
    assert!(environ.contains("GREETING=two words\0") && !environ.contains("SSH_"), "{environ}");
    assert_eq!(session(pid), pid);
    // A shell makes what it starts in the background deaf to SIGINT and SIGQUIT.
    let plain = Command::new("sh").args(["-c", "grep SigIgn /proc/$$/status"]).output().unwrap();
    assert_eq!(ignored_signals(&pid.to_string()), String::from_utf8(plain.stdout).unwrap().trim());
}

#[test]
fn it_runs_as_the_user_it_is_given_to() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let world = World::signals();
    world.run("process_awake s --user nobody --chdir /tmp -- sleep 1000");
    let status = fs::read_to_string(format!("/proc/{}/status", world.pid("s"))).unwrap();
    assert!(status.contains("Uid:\t65534\t65534\t65534\t65534"), "{status}");
    assert_eq!(fs::read_to_string(format!("/proc/{}/comm", world.pid("s"))).unwrap(), "sleep\n");
}

#[test]
fn undo_brings_back_what_was_before() {
    for mut world in World::each() {
        for before in ["absent", "asleep", "awake"] {
            for act in ["asleep", "awake", "absent"] {
                let case = format!("{act} on {before} in {:?}", world.cgroup);
                world.run = "setup";
                world.run("process_absent s");
                world.run(&format!("process_{before} s --ready file:/ -- sleep 1000"));
                let pid = (before != "absent").then(|| world.pid("s"));
                world.run = "undone";
                // The act never ran: its undo has nothing to do.
                world.run(&format!("process_undo {act} s"));
                assert_eq!(world.state("s"), before, "{case}");
                world.run(&format!("process_{act} s --ready file:/ -- sleep 1000"));
                assert_eq!(world.state("s"), act, "{case}");
                world.run(&format!("process_undo {act} s"));
                assert_eq!(world.state("s"), before, "{case}");
                if act != "absent" && before != "absent" {
                    assert_eq!(Some(world.pid("s")), pid, "{case}");
                }
                world.run(&format!("process_undo {act} s"));
                assert_eq!(world.state("s"), before, "{case}");
            }
        }
    }
}

#[test]
fn killed_at_any_point_it_is_started_once() {
    for world in World::each() {
        for step in 0..12 {
            let body = "process_asleep s --ready file:/ -- sh -c 'sleep 1000 & wait'";
            let child = world.command(Mode::Write, body).spawn().unwrap();
            sleep(Duration::from_millis(4 * step));
            signal_group(&child, "KILL");
            child.wait_with_output().unwrap();
            let (_, undone) = world.code("process_undo asleep s; process_is absent s");
            assert_eq!(undone, "s is absent\n", "killed after {} ms in {:?}", 4 * step, world.cgroup);
            eventually("what was begun is gone", || world.living().is_empty());

            let child = world.command(Mode::Write, body).spawn().unwrap();
            sleep(Duration::from_millis(4 * step));
            signal_group(&child, "KILL");
            child.wait_with_output().unwrap();
            world.run(body);
            assert_eq!(world.state("s"), "asleep");
            let sessions: Vec<u32> = world.living().into_iter().map(session).collect();
            assert!(sessions.iter().all(|session| *session == world.pid("s")), "{sessions:?}");
            world.run("process_absent s --stop KILL:0s");
        }
    }
}

#[test]
fn told_to_end_at_any_point_it_leaves_no_copy_awake() {
    for world in World::each() {
        for step in 0..12 {
            let body = "process_asleep s --ready file:/never -- sh -c 'sleep 1000 & wait'";
            let child = world.command(Mode::Write, body).spawn().unwrap();
            sleep(Duration::from_millis(8 * step));
            signal_group(&child, "TERM");
            child.wait_with_output().unwrap();
            eventually("what was begun is gone", || world.living().is_empty());
            let (_, said) = world.code("process_is absent s");
            assert_eq!(said, "s is absent\n", "ended after {} ms in {:?}", 8 * step, world.cgroup);
        }
    }
}

#[test]
fn killed_at_any_point_a_wake_and_an_end_are_finished_by_the_next() {
    for world in World::each() {
        for step in 0..6 {
            for act in ["awake", "absent"] {
                world.run("process_asleep s --ready file:/ -- sh -c 'sleep 1000 & wait'");
                let child = world.command(Mode::Write, &format!("process_{act} s")).spawn().unwrap();
                sleep(Duration::from_millis(5 * step));
                signal_group(&child, "KILL");
                child.wait_with_output().unwrap();
                world.run(&format!("process_{act} s && process_is {act} s"));
                let gone = world.living().is_empty();
                assert_eq!(gone, act == "absent", "{act} killed after {} ms in {:?}", 5 * step, world.cgroup);
            }
        }
    }
}

#[test]
fn a_tree_that_never_stops_growing_sleeps_and_ends() {
    for world in World::each() {
        let grow = "while :; do (sleep 1 &); setsid sleep 1 & sleep 0.01; done";
        world.run(&format!("process_asleep s -- sh -c '{grow}'"));
        let mut asleep = world.living();
        assert!(asleep.len() > 2, "{asleep:?}");
        // Their time is long over: they would be gone if they ran, and others there.
        sleep(Duration::from_millis(1100));
        let mut later = world.living();
        asleep.sort_unstable();
        later.sort_unstable();
        assert_eq!(later, asleep, "{:?}", world.cgroup);
        world.run("process_absent s --stop KILL:1s");
        assert_eq!(world.living(), Vec::<u32>::new());
    }
}

#[test]
fn facts_tell_epoch_role_and_state() {
    for mut world in World::each() {
        world.epoch = 7;
        world.run(
            "role_set secondary; process_asleep sleeper -- sleep 1000; process_awake worker -- sleep 1000",
        );
        let trace = world.facts().services[&world.service].clone();
        assert_eq!(trace.epoch, Epoch(7));
        assert_eq!(trace.role.unwrap().to_string(), "secondary");
        assert_eq!(trace.processes["sleeper"], ProcessFact::Asleep, "{:?}", world.cgroup);
        assert_eq!(trace.processes["worker"], ProcessFact::Awake);
        world.run("process_absent sleeper; process_absent worker; role_set none");
        let trace = world.facts().services[&world.service].clone();
        assert_eq!((trace.epoch, trace.role, trace.processes.len()), (Epoch(7), None, 0));
    }
}

#[test]
fn a_role_is_set_and_taken_back() {
    let mut world = World::signals();
    assert_eq!(world.code("role_is primary").0, 10);
    world.run("role_set primary && role_is primary");
    world.run = "r2";
    world.run("role_undo none && role_is primary");
    world.run("role_set none && role_is none && role_undo none && role_is primary");
}

#[test]
fn an_older_epoch_is_refused_and_a_newer_one_taken_over() {
    let mut world = World::signals();
    world.epoch = 4;
    world.run("true");
    world.epoch = 3;
    for mode in [Mode::Read, Mode::Write] {
        let output = world.command(mode, "echo ran").output().unwrap();
        assert_eq!(output.status.code(), Some(guard::STALE));
        assert_eq!(String::from_utf8(output.stdout).unwrap(), "epoch 4\n");
    }
    world.epoch = 5;
    // A look does not make its epoch the host's.
    assert!(world.command(Mode::Read, "true").output().unwrap().status.success());
    assert_eq!(fs::read_to_string(world.folder().join("epoch")).unwrap(), "4\n");
    world.run("true");
    assert_eq!(fs::read_to_string(world.folder().join("epoch")).unwrap(), "5\n");
}

#[test]
fn a_look_leaves_no_trace() {
    let world = World::signals();
    let output = world.command(Mode::Read, "process_is absent s").output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(!world.folder().exists());
}

#[test]
fn one_epoch_runs_side_by_side_and_the_next_one_waits() {
    let mut world = World::signals();
    let gate = world.root.path().join("gate");
    let body = format!("echo in; until [ -e {} ]; do sleep 0.01; done; echo out", gate.display());
    let mut running: Vec<Child> =
        (0..4).map(|_| world.command(Mode::Write, &body).spawn().unwrap()).collect();
    for child in &mut running {
        let mut byte = [0; 3];
        std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut byte).unwrap();
    }
    world.epoch = 2;
    let mut hurried = world.command(Mode::Write, "echo never");
    let output = hurried.env("RV_GUARD_WAIT", "0").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("older epoch than 2 are still running"));

    let mut next = world.command(Mode::Write, "echo next").spawn().unwrap();
    sleep(Duration::from_millis(100));
    assert!(next.try_wait().unwrap().is_none(), "did not wait for the older ones");
    fs::write(gate, "").unwrap();
    assert_eq!(String::from_utf8(next.wait_with_output().unwrap().stdout).unwrap(), "next\n");
    for child in running {
        assert!(child.wait_with_output().unwrap().status.success());
    }
}

#[test]
fn many_controllers_end_in_the_newest_epoch() {
    let mut world = World::signals();
    let mut children = vec![];
    for epoch in [1, 5, 3, 2, 6, 4, 6, 1] {
        world.epoch = epoch;
        children
            .push(world.command(Mode::Write, "echo \"$RV_EPOCH\"; cat \"$RV_DIR/epoch\"").spawn().unwrap());
    }
    for child in children {
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        let epochs: Vec<&str> = said.lines().collect();
        // While a script runs, the host's epoch is its own; or it was refused.
        assert!(output.status.code() == Some(guard::STALE) || epochs[0] == epochs[1], "{said}");
    }
    assert_eq!(fs::read_to_string(world.folder().join("epoch")).unwrap(), "6\n");
}
