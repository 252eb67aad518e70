//! The transport against a real sshd on this machine: what its unit tests cannot show.

#![expect(clippy::unwrap_used, reason = "a failed preparation is a failed test")]

#[path = "sshd.rs"]
mod sshd;

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::Path;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use reveille::site::id::HostName;
use reveille::transport::{
    Destination, Exit, HostKeyPolicy, Job, Line, Local, Lost, OpenSsh, Router, RunAs, Transport,
};
use sshd::{Sshd, processes};
use tokio::sync::mpsc::unbounded_channel;
use tokio_util::sync::CancellationToken;

macro_rules! sshd_or_skip {
    ($($config:expr)?) => {
        match Sshd::start(concat!("", $($config)?)) {
            Ok(sshd) => sshd,
            Err(reason) => return eprintln!("skipped: {reason}"),
        }
    };
}

fn host(name: &str) -> HostName {
    HostName::try_from(name).unwrap()
}

fn job(script: &str) -> Job {
    Job {
        script: script.to_owned(),
        run_as: RunAs::Login,
        deadline: Duration::from_secs(20),
        cancel: CancellationToken::new(),
    }
}

fn within(script: &str, deadline: Duration) -> Job {
    Job { deadline, ..job(script) }
}

fn hosts(destinations: impl IntoIterator<Item = (&'static str, Destination)>) -> OpenSsh {
    OpenSsh::new(destinations.into_iter().map(|(name, to)| (host(name), to)).collect()).unwrap()
}

/// Runs a job on `h1` and returns how it ended, its stdout and its stderr.
async fn run(transport: &dyn Transport, job: Job) -> (Result<Exit, Lost>, Vec<String>, Vec<String>) {
    let (lines, mut heard) = unbounded_channel();
    let end = transport.run(&host("h1"), job, lines).await;
    let (mut out, mut err) = (Vec::new(), Vec::new());
    while let Some(line) = heard.recv().await {
        match line {
            Line::Out(line) => out.push(line),
            Line::Err(line) => err.push(line),
        }
    }
    (end, out, err)
}

/// Waits for `truth`; false when it does not come true in time.
async fn comes_true(truth: impl Fn() -> bool) -> bool {
    let until = Instant::now() + Duration::from_secs(8);
    while Instant::now() < until {
        if truth() {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    false
}

async fn says_what_a_shell_would(transport: &dyn Transport) {
    for (script, code) in [
        ("exit 0", 0),
        ("exit 3", 3),
        ("exit 127", 127),
        ("exit 255", 255),
        ("no-such-command-at-all", 127),
        ("exec sh -c 'kill -9 $$'", 137),
        ("trap 'exit 9' EXIT; true", 9),
        ("if", 2),
    ] {
        assert_eq!(run(transport, job(script)).await.0, Ok(Exit(code)), "{script}");
    }
}

#[tokio::test]
async fn exit_codes_and_signals() {
    let sshd = sshd_or_skip!();
    let ssh = hosts([("h1", sshd.destination())]);
    says_what_a_shell_would(&ssh).await;
    says_what_a_shell_would(&Local::default()).await;
    for transport in [&ssh as &dyn Transport, &Local::default()] {
        let (end, out, _) = run(transport, job("echo before; kill -9 $$")).await;
        assert!(matches!(end, Err(Lost::Unknown(_))), "{end:?}");
        assert_eq!(out, ["before"]);
    }
}

#[tokio::test]
async fn every_posix_shell_will_do() {
    for shell in ["/bin/bash", "/bin/busybox sh", "/bin/ksh", "/bin/zsh"] {
        if !Path::new(shell.split(' ').next().unwrap()).exists() {
            eprintln!("not on this machine: {shell}");
            continue;
        }
        let sshd = sshd_or_skip!();
        sshd.write_program("sh", &format!("#!/bin/dash\nexec {shell} \"$@\"\n"));
        let ssh = hosts([("h1", sshd.destination())]);
        says_what_a_shell_would(&ssh).await;
        let long = format!("{}\nprintf '%s' \"a\\b\"; sleep 97.81; true", "#".repeat(100_000));
        let (end, out, _) = run(&ssh, within(&long, Duration::from_millis(500))).await;
        assert_eq!((end, out), (Err(Lost::TimedOut { killed: true }), vec!["a\\b".to_owned()]), "{shell}");
        assert_eq!(processes("97.81"), 0, "{shell}");
    }
}

#[tokio::test]
async fn output_arrives_whole_in_order_and_apart() {
    let sshd = sshd_or_skip!();
    let ssh = hosts([("h1", sshd.destination())]);
    let script = "i=0; while [ $i -lt 20000 ]; do echo \"$i .........................................\"; \
                  [ $((i % 1000)) = 0 ] && echo \"$i\" >&2; i=$((i+1)); done; printf 'no newline'; exit 3";
    for transport in [&ssh as &dyn Transport, &Local::default()] {
        let (end, out, err) = run(transport, job(script)).await;
        assert_eq!(end, Ok(Exit(3)));
        assert!(out.iter().map(String::len).sum::<usize>() > 900_000);
        assert_eq!(out.len(), 20_001);
        assert!(out[..20_000].iter().enumerate().all(|(i, line)| line.starts_with(&format!("{i} "))));
        assert_eq!(out[20_000], "no newline");
        assert_eq!(err, (0..20).map(|i| (i * 1000).to_string()).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn a_script_has_no_stdin_any_length_and_is_not_in_ps() {
    let sshd = sshd_or_skip!();
    let ssh = hosts([("h1", sshd.destination())]);
    for transport in [&ssh as &dyn Transport, &Local::default()] {
        let (_, out, _) = run(transport, job("cat; read x; echo \"[$x]\"")).await;
        assert_eq!(out, ["[]"]);

        let secret = "hunter2-".repeat(40_000);
        let script = format!(
            "x={secret}; echo ${{#x}}; grep -sla hunter2- /proc/[0-9]*/cmdline; cat <<'END'\n a\\b $x\nEND"
        );
        let (end, out, err) = run(transport, job(&script)).await;
        assert_eq!((end, err.join("")), (Ok(Exit(0)), String::new()));
        assert_eq!(out, ["320000", " a\\b $x"]);
    }
}

#[tokio::test]
async fn a_missed_deadline_kills_the_whole_tree() {
    let sshd = sshd_or_skip!();
    let ssh = hosts([("h1", sshd.destination())]);
    ssh.warm(&host("h1")).await.unwrap();
    for (transport, tag) in [(&ssh as &dyn Transport, "97.11"), (&Local::default(), "97.12")] {
        let script = format!("sleep {tag}1 & (sleep {tag}2; true) & sh -c 'sleep {tag}3; true'; true");
        let (end, ..) = run(transport, within(&script, Duration::from_millis(300))).await;
        assert_eq!(end, Err(Lost::TimedOut { killed: true }));
        assert_eq!(processes(tag), 0);

        let stubborn = format!("trap '' TERM; echo up; sleep {tag}4; sleep {tag}5");
        let (end, out, _) = run(transport, within(&stubborn, Duration::from_millis(300))).await;
        assert_eq!((end, out), (Err(Lost::TimedOut { killed: true }), vec!["up".to_owned()]));
        assert_eq!(processes(tag), 0);
    }
}

#[tokio::test]
async fn cancel_and_drop_leave_nothing_running() {
    let sshd = sshd_or_skip!();
    let ssh = hosts([("h1", sshd.destination())]);
    ssh.warm(&host("h1")).await.unwrap();
    for (transport, tag) in [(&ssh as &dyn Transport, "97.21"), (&Local::default(), "97.22")] {
        let cancelled = job(&format!("sleep {tag}1; true"));
        let cancel = cancelled.cancel.clone();
        let cancelling = async {
            assert!(comes_true(|| processes(tag) == 1).await);
            cancel.cancel();
        };
        let ((end, ..), ()) = tokio::join!(run(transport, cancelled), cancelling);
        assert_eq!(end, Err(Lost::Cancelled { killed: true }));
        assert_eq!(processes(tag), 0);

        tokio::select! {
            end = run(transport, job(&format!("sleep {tag}2; true"))) => panic!("ended: {end:?}"),
            began = comes_true(|| processes(tag) == 1) => assert!(began),
        }
        assert!(comes_true(|| processes(tag) == 0).await);
    }
}

#[tokio::test]
async fn only_what_left_the_session_outlives_its_job() {
    let sshd = sshd_or_skip!();
    let ssh = hosts([("h1", sshd.destination())]);
    ssh.warm(&host("h1")).await.unwrap();
    for (transport, tag) in [(&ssh as &dyn Transport, "97.31"), (&Local::default(), "97.32")] {
        let detach = format!("setsid sleep {tag}1 </dev/null >/dev/null 2>&1 & sleep {tag}2");
        let (end, ..) = run(transport, within(&detach, Duration::from_millis(300))).await;
        assert_eq!(end, Err(Lost::TimedOut { killed: true }));
        assert_eq!((processes(&format!("{tag}1")), processes(&format!("{tag}2"))), (1, 0));
        sshd::kill_processes(&format!("{tag}1"));

        // One that keeps the outputs open holds nobody up.
        let started = Instant::now();
        let (end, ..) = run(transport, job(&format!("setsid sleep {tag}3 & echo"))).await;
        assert_eq!(end, Ok(Exit(0)));
        assert!(started.elapsed() < Duration::from_secs(5));
        assert!(comes_true(|| processes(&format!("{tag}3")) == 1).await);
        sshd::kill_processes(&format!("{tag}3"));
    }
}

#[tokio::test]
async fn thirty_jobs_at_once_all_run_whatever_the_server_allows() {
    for config in ["", "MaxSessions 2"] {
        let sshd = match Sshd::start(config) {
            Ok(sshd) => sshd,
            Err(reason) => return eprintln!("skipped: {reason}"),
        };
        let ssh = hosts([("h1", sshd.destination())]);
        let ends = join_all((0..30).map(|i| run(&ssh, job(&format!("sleep 0.05; exit {i}"))))).await;
        for (i, (end, ..)) in ends.into_iter().enumerate() {
            assert_eq!(end, Ok(Exit(i32::try_from(i).unwrap())), "{config}");
        }
        assert_eq!(sshd.logins(), 1, "one connection for all");
    }
}

#[tokio::test]
async fn a_lost_link_is_unknown_and_the_next_job_connects_again() {
    let sshd = sshd_or_skip!();
    let ssh = hosts([("h1", sshd.destination())]);
    let cutting = async {
        assert!(comes_true(|| processes("97.41") == 1).await);
        sshd.kill_sessions();
    };
    let ((end, out, _), ()) = tokio::join!(run(&ssh, job("echo began; sleep 97.41; true")), cutting);
    assert!(matches!(&end, Err(Lost::Unknown(reason)) if reason.contains("lost")), "{end:?}");
    assert_eq!(out, ["began"]);
    assert!(comes_true(|| processes("97.41") == 0).await);
    assert_eq!(run(&ssh, job("exit 7")).await.0, Ok(Exit(7)));
}

#[tokio::test]
async fn a_frozen_host_is_lost_in_three_keepalives_and_costs_nobody_else_time() {
    let frozen = sshd_or_skip!();
    let well = sshd_or_skip!();
    let keepalive = Duration::from_secs(1);
    let impatient =
        |sshd: &Sshd| Destination { keepalive, connect_timeout: keepalive * 3, ..sshd.destination() };
    let ssh = hosts([("h1", impatient(&frozen)), ("h2", impatient(&well))]);
    ssh.warm(&host("h1")).await.unwrap();
    ssh.warm(&host("h2")).await.unwrap();

    let (lines, mut heard) = unbounded_channel();
    let (h1, h2) = (host("h1"), host("h2"));
    let running = ssh.run(&h1, job("echo up; sleep 97.51; true"), lines);
    let others = async {
        assert_eq!(heard.recv().await, Some(Line::Out("up".into())));
        frozen.signal("STOP");
        let began = Instant::now();
        let late = run(&ssh, job("true"));
        let well = async {
            for _ in 0..5 {
                assert_eq!(ssh.run(&h2, job("true"), unbounded_channel().0).await, Ok(Exit(0)));
            }
            began.elapsed()
        };
        let ((late, ..), well) = tokio::join!(late, well);
        assert!(matches!(late, Err(Lost::Unreachable(_))), "{late:?}");
        (began, well)
    };
    let (end, (began, well)) = tokio::join!(running, others);
    let took = began.elapsed();
    frozen.signal("CONT");
    assert!(matches!(end, Err(Lost::Unknown(_))), "{end:?}");
    // One second for a busy machine.
    assert!(took < keepalive * 4, "{took:?}");
    assert!(well < keepalive, "{well:?}");
    // Thawed, it is usable again.
    assert_eq!(run(&ssh, job("exit 4")).await.0, Ok(Exit(4)));
}

#[tokio::test]
async fn a_host_cut_off_ends_the_job_by_its_own_clock() {
    let sshd = sshd_or_skip!();
    let keepalive = Duration::from_secs(1);
    let ssh = hosts([("h1", Destination { keepalive, ..sshd.destination() })]);
    let cutting = async {
        assert!(comes_true(|| processes("97.5") == 1).await);
        // Longer than it takes for the job to count as long.
        tokio::time::sleep(Duration::from_millis(1300)).await;
        sshd.signal("STOP");
    };
    let job = within("sleep 97.56; sleep 97.57; true", Duration::from_secs(6));
    let ((end, ..), ()) = tokio::join!(run(&ssh, job), cutting);
    assert!(matches!(end, Err(Lost::Unknown(_))), "{end:?}");
    assert_eq!(processes("97.5"), 1, "nobody told it yet");
    assert!(comes_true(|| processes("97.5") == 0).await);
    sshd.signal("CONT");
}

#[tokio::test]
async fn a_mute_or_closed_port_is_unreachable_in_bounded_time() {
    let mute = TcpListener::bind("127.0.0.1:0").unwrap();
    let connect_timeout = Duration::from_millis(1500);
    let to = |port| Destination { port: Some(port), connect_timeout, ..Destination::new("127.0.0.1") };
    let ssh = hosts([("h1", to(mute.local_addr().unwrap().port())), ("h2", to(1))]);
    let (h1, h2) = (host("h1"), host("h2"));
    let began = Instant::now();
    let ends =
        join_all([&h1, &h1, &h1, &h2].map(|host| ssh.run(host, job("true"), unbounded_channel().0))).await;
    assert!(began.elapsed() < connect_timeout * 2, "{:?}", began.elapsed());
    assert!(ends.iter().all(|end| matches!(end, Err(Lost::Unreachable(_)))), "{ends:?}");
    assert!(matches!(&ends[3], Err(Lost::Unreachable(reason)) if reason.contains("refused")), "{ends:?}");
    assert!(matches!(ssh.warm(&h1).await, Err(Lost::Unreachable(_))));

    let impatient = ssh.run(&h1, within("true", Duration::from_millis(200)), unbounded_channel().0).await;
    assert!(matches!(impatient, Err(Lost::Unreachable(_))), "{impatient:?}");
}

#[tokio::test]
async fn a_login_that_failed_unheard_is_not_held_against_the_host() {
    let sshd = sshd_or_skip!();
    let connect_timeout = Duration::from_secs(2);
    let ssh = hosts([("h1", Destination { connect_timeout, ..sshd.destination() })]);
    sshd.signal("STOP");
    let (end, ..) = run(&ssh, within("true", Duration::from_millis(100))).await;
    assert!(matches!(end, Err(Lost::Unreachable(_))), "{end:?}");
    assert!(comes_true(|| sshd.masters() == 0).await, "the login is given up");
    sshd.signal("CONT");
    let (end, ..) = run(&ssh, job("exit 3")).await;
    assert_eq!(end, Ok(Exit(3)));
}

#[tokio::test]
async fn host_keys_are_strict_unless_told_otherwise() {
    let sshd = sshd_or_skip!();
    let refused = |end: Result<Exit, Lost>| match end {
        Err(Lost::Unreachable(reason)) => reason,
        end => panic!("{end:?}"),
    };

    sshd.forget_host_key();
    let unknown = refused(run(&hosts([("h1", sshd.destination())]), job("true")).await.0);
    assert!(unknown.contains("known_hosts") && unknown.contains("host key is known for"), "{unknown}");

    let new_keys = Destination { host_keys: HostKeyPolicy::AcceptNew, ..sshd.destination() };
    assert_eq!(run(&hosts([("h1", new_keys.clone())]), job("true")).await.0, Ok(Exit(0)));

    sshd.forget_host_key();
    for option in ["StrictHostKeyChecking=accept-new", "StrictHostKeyChecking=no"] {
        let mut to = sshd.destination();
        to.options.extend(["-o".to_owned(), option.to_owned()]);
        assert_eq!(run(&hosts([("h1", to.clone())]), job("true")).await.0, Ok(Exit(0)), "{option}");
        sshd.falsify_host_key();
        let changed = refused(run(&hosts([("h1", to)]), job("true")).await.0);
        assert!(changed.contains("known_hosts") && changed.contains("not the one"), "{option}: {changed}");
        sshd.forget_host_key();
    }
}

#[tokio::test]
async fn rights_come_through_sudo_for_the_job_and_for_its_kill() {
    let sshd = sshd_or_skip!();
    sshd.write_program(
        "sudo",
        "#!/bin/sh\nprintf '%s ' \"$@\" >>$HOME/sudo.log\necho >>$HOME/sudo.log\nwhile [ \"$1\" != -- ]; do shift; done\nshift\n\"$@\"\n",
    );
    let ssh = hosts([("h1", sshd.destination())]);
    let as_web = |script: &str, deadline| Job {
        run_as: RunAs::Sudo { user: Some("web".to_owned()) },
        ..within(script, deadline)
    };
    let (end, out, _) = run(&ssh, as_web("echo hi; exit 5", Duration::from_secs(9))).await;
    assert_eq!((end, out), (Ok(Exit(5)), vec!["hi".to_owned()]));
    let (end, ..) = run(&ssh, as_web("sleep 97.61; true", Duration::from_millis(300))).await;
    assert_eq!(end, Err(Lost::TimedOut { killed: true }));
    assert_eq!(processes("97.61"), 0);
    assert_eq!(
        sshd.read("sudo.log").lines().filter(|line| line.starts_with("-n -H -u web -- sh -c ")).count(),
        3
    );

    sshd.write_program("sudo", "#!/bin/sh\necho 'sudo: a password is required' >&2\nexit 1\n");
    let (end, ..) = run(&ssh, as_web("true", Duration::from_secs(9))).await;
    assert!(
        matches!(&end, Err(Lost::Unreachable(reason)) if reason.contains("a password is required")),
        "{end:?}"
    );
}

#[tokio::test]
async fn login_noise_is_not_output() {
    let sshd = sshd_or_skip!();
    sshd.write_program(
        "sh",
        "#!/bin/dash\necho 'welcome home'; printf 'be careful' >&2\nexec /bin/sh \"$@\"\n",
    );
    let ssh = hosts([("h1", sshd.destination())]);
    let (end, out, err) = run(&ssh, job("echo a; echo b >&2")).await;
    assert_eq!((end, out, err), (Ok(Exit(0)), vec!["a".to_owned()], vec!["b".to_owned()]));
}

/// Not a test by itself: the controller that [`a_killed_controller_leaves_nothing_running`] kills.
#[tokio::test]
#[ignore = "run by another test"]
async fn controller() {
    let Ok(dir) = std::env::var("REVEILLE_TEST_SSHD") else { return };
    let port = std::env::var("REVEILLE_TEST_PORT").unwrap().parse().unwrap();
    let ssh = hosts([("h1", sshd::destination(Path::new(&dir), port))]);
    let here = Local::default();
    let ((end, ..), (local, ..)) = tokio::join!(
        run(&ssh, job("trap '' TERM; sleep 97.71; sleep 97.72")),
        run(&here, job("sleep 97.73; true"))
    );
    panic!("ended: {end:?} {local:?}");
}

#[tokio::test]
async fn a_killed_controller_leaves_nothing_running() {
    let sshd = sshd_or_skip!();
    let mut controller = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "transport::controller", "--ignored"])
        .env("REVEILLE_TEST_SSHD", sshd.dir())
        .env("REVEILLE_TEST_PORT", sshd.port().to_string())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let began = comes_true(|| processes("97.71") == 1 && processes("97.73") == 1).await;
    controller.kill().unwrap();
    controller.wait().unwrap();
    assert!(began);
    assert!(
        comes_true(|| processes("97.7") == 0).await,
        "the TERM, the grace and the KILL are the host's own"
    );
}

#[tokio::test]
async fn closing_ends_the_connection_and_leaves_no_socket() {
    let sshd = sshd_or_skip!();
    let router =
        Router::new(BTreeMap::from([(host("h1"), sshd.destination()), (host("h2"), Destination::local())]));
    let router = router.unwrap();
    router.warm(&host("h1")).await.unwrap();
    router.warm(&host("h2")).await.unwrap();
    let remote = run(&router, job("echo $SSH_CONNECTION")).await.1;
    assert!(remote[0].contains("127.0.0.1"), "{remote:?}");
    assert_eq!(sshd.masters(), 1);
    router.close().await;
    assert!(comes_true(|| sshd.masters() == 0).await);
}

#[tokio::test]
async fn a_kept_connection_serves_later_processes_and_a_stale_one_holds_up_none() {
    let sshd = sshd_or_skip!();
    let connect_timeout = Duration::from_secs(3);
    let next = || {
        let to = Destination { connect_timeout, ..sshd.destination() };
        hosts([("h1", to)]).keep_warm(Duration::from_secs(30)).unwrap()
    };
    let ends = async |code: i32| {
        let (ssh, began) = (next(), Instant::now());
        let (end, ..) = run(&ssh, job(&format!("exit {code}"))).await;
        ssh.close().await;
        assert!(began.elapsed() < connect_timeout + Duration::from_millis(500), "{:?}", began.elapsed());
        end
    };
    assert_eq!((ends(1).await, ends(2).await), (Ok(Exit(1)), Ok(Exit(2))));
    assert_eq!(sshd.logins(), 1);

    sshd.kill_sessions();
    assert_eq!((ends(3).await, sshd.logins()), (Ok(Exit(3)), 2));

    sshd.signal_masters("STOP");
    assert_eq!((ends(4).await, sshd.logins()), (Ok(Exit(4)), 3));

    sshd.signal("STOP");
    assert!(matches!(ends(5).await, Err(Lost::Unreachable(_))));
    sshd.signal("CONT");
    assert_eq!(ends(6).await, Ok(Exit(6)));
    sshd.signal_masters("KILL");
}

/// Prints what a connection and a command cost; the bound is far above what is seen and only catches a blunder.
#[tokio::test]
async fn a_warm_command_is_quick() {
    let sshd = sshd_or_skip!();
    let ssh = hosts([("h1", sshd.destination())]);
    let began = Instant::now();
    ssh.warm(&host("h1")).await.unwrap();
    let connect = began.elapsed();
    let mut times = Vec::new();
    for _ in 0..100 {
        let began = Instant::now();
        assert_eq!(run(&ssh, job("true")).await.0, Ok(Exit(0)));
        times.push(began.elapsed());
    }
    times.sort();
    let began = Instant::now();
    join_all((0..200).map(|_| run(&ssh, job("true")))).await;
    let together = began.elapsed();
    eprintln!(
        "connect {connect:?}; true min {:?} median {:?} max {:?}; 200 together {together:?}",
        times[0], times[50], times[99]
    );
    assert!(times[50] < Duration::from_millis(100));
}
