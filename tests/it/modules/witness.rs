//! Witnesses between real kernels: a suspect that is well, cut off, frozen, refusing, wrong; seen with every client
//! program there is, from every shell.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use reveille::module::probe::Tls;
use reveille::module::witness::{Doubt, Question};
use reveille::module::{Probe, dns};
use reveille::plan::testimony::{Heard, Testimony};
use reveille::site::action::{FailOn, Rcode, RecordType};
use reveille::site::id::{Epoch, HostName, ServiceName};

use super::address::python;
use super::net::{Net, Running, eventually};
use super::{feed, root, shells};

/// Answers every request with the status it was told.
const SERVER: &str = "import socket,sys,http.server as h
class H(h.BaseHTTPRequestHandler):
  def do_GET(s):
    s.send_response(int(sys.argv[2])); s.send_header('content-length','6'); s.end_headers(); s.wfile.write(b'hello\\n')
  def log_message(*_): pass
class S(h.ThreadingHTTPServer):
  address_family=socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET
s=S((sys.argv[1],8080),H)
print('ready',flush=True)
s.serve_forever()";

/// Host `a` is asked about `b` and the service on it.
struct Scene {
    net: Net,
    address: &'static str,
    question: Question,
}

impl Scene {
    fn new(address: &'static str) -> Option<Self> {
        if !root() || !python() {
            return None;
        }
        let net = Net::new();
        let six = address.contains(':');
        let url = if six { format!("http://[{address}]:8080/x") } else { format!("http://{address}:8080/x") };
        let probe = Probe::Http {
            url,
            host: None,
            status: 200,
            contains: Some("hello".to_owned()),
            tls: Tls::default(),
            fail_on: FailOn::Critical,
            timeout_ms: 500,
        };
        let written = format!("{address}/{}", if six { 64 } else { 24 });
        let doubt = Doubt { epoch: Epoch(4), addresses: vec![written.parse().unwrap()], probe: Some(probe) };
        let question = Question {
            hosts: [(b(), if six { "fd99::2" } else { "10.99.0.2" }.to_owned())].into(),
            services: [(web(), doubt)].into(),
            link_silent_ms: 200,
            device: None,
        };
        net.ok("b", &format!("address_up {written}"));
        // Until its link-local address is sure to be its own, a fresh host cannot ask its neighbours.
        eventually("a's link is up", || net.code("a", "[ -z \"$(ip -6 addr show tentative)\" ]") == 0);
        Some(Self { net, address, question })
    }

    /// The service, answering with this status.
    fn serve(&self, status: &str) -> Running {
        self.run(SERVER, status)
    }

    /// A server on `b`, once it listens.
    fn run(&self, program: &str, status: &str) -> Running {
        let mut server = self.net.spawn("b", "python3", &["-c", program, self.address, status]);
        let mut line = String::new();
        BufReader::new(server.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        server
    }

    /// The status that is expected.
    fn status(&mut self) -> &mut u16 {
        match &mut self.question.services.get_mut(&web()).unwrap().probe {
            Some(Probe::Http { status, .. }) => status,
            other => panic!("{other:?}"),
        }
    }

    fn state(&self) -> PathBuf {
        self.net.state("a").join("web")
    }

    fn ask_with(&self, shell: &[&str], path: Option<&str>) -> Testimony {
        let mut command = self.net.command("a", shell[0]);
        command.args(&shell[1..]).env("RV_ROOT", self.net.state("a"));
        command.envs(path.map(|path| ("PATH", path)));
        let start = Instant::now();
        let script = format!("{}{}", real_ip(shell), self.question.script().unwrap());
        let output = feed(&mut command, &script);
        let (took, limit) = (start.elapsed(), Duration::from_millis(self.question.limit_ms()));
        assert!(took < limit + Duration::from_millis(700), "{took:?}");
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
        let lines: Vec<String> = said.lines().map(str::to_owned).collect();
        let testimony = Testimony::parse(&self.question, &lines);
        assert!(testimony.facts.as_ref().unwrap().uptime_ms > 0);
        testimony
    }

    fn ask(&self) -> [Heard; 3] {
        three(&self.ask_with(&["sh"], None))
    }
}

/// Busybox's shell prefers busybox's `ip`, which knows no batches; hosts have iproute2.
fn real_ip(shell: &[&str]) -> String {
    match real("ip") {
        Some(ip) if shell[0] == "busybox" => format!("ip() {{ {ip} \"$@\"; }}\n"),
        _ => String::new(),
    }
}

/// Where a program is.
fn real(name: &str) -> Option<String> {
    let found = Command::new("sh").args(["-c", &format!("command -v {name}")]).output().unwrap();
    let path = String::from_utf8(found.stdout).unwrap().trim().to_owned();
    (!path.is_empty()).then_some(path)
}

fn b() -> HostName {
    "b".try_into().unwrap()
}

fn web() -> ServiceName {
    "web".try_into().unwrap()
}

/// Of the host, the address, the service.
fn three(testimony: &Testimony) -> [Heard; 3] {
    [&testimony.hosts[&b()], &testimony.addresses[&web()], &testimony.services[&web()]].map(Clone::clone)
}

#[test]
fn a_suspect_that_is_well_is_cleared_in_every_shell() {
    for address in ["10.99.0.80", "fd99::80"] {
        let Some(scene) = Scene::new(address) else { return };
        let _server = scene.serve("200");
        for shell in shells() {
            let said = three(&scene.ask_with(shell, None));
            assert!(said.iter().all(Heard::is_answered), "{shell:?}: {said:?}");
            assert_eq!(said[1].to_string(), format!("{address} is held by {} on eth0", scene.net.mac("b")));
        }
    }
}

#[test]
fn a_suspect_that_is_cut_off_is_silent_and_the_silence_is_noted_for_the_plan() {
    for address in ["10.99.0.80", "fd99::80"] {
        let Some(scene) = Scene::new(address) else { return };
        let _server = scene.serve("200");
        scene.net.ok("wire", "ip link set port-b down");
        let said = scene.ask();
        assert_eq!(said[0], Heard::Silent { for_ms: 350 });
        assert_eq!(said[1], Heard::Silent { for_ms: 200 });
        assert!(matches!(said[2], Heard::Silent { .. }), "{said:?}");
        assert!(!scene.state().exists(), "a host without a part in the service keeps nothing");
        std::fs::create_dir(scene.state()).unwrap();
        assert_eq!(scene.ask()[1], Heard::Silent { for_ms: 200 });
        let note = std::fs::read_to_string(scene.state().join("silent")).unwrap();
        assert!(
            note.starts_with("4 ")
                && note
                    .trim_end()
                    .ends_with(&format!("eth0={}", scene.question.services[&web()].addresses[0])),
            "{note}"
        );
    }
}

#[test]
fn a_frozen_service_on_a_living_host_is_silent_alone() {
    let Some(scene) = Scene::new("10.99.0.80") else { return };
    let server = scene.serve("200");
    let pid = server.0.id().to_string();
    assert!(Command::new("kill").args(["-STOP", &pid]).status().unwrap().success());
    let said = scene.ask();
    assert!(said[0].is_answered() && said[1].is_answered(), "{said:?}");
    assert_eq!(said[2], Heard::Silent { for_ms: 350 });
}

#[test]
fn a_filter_against_echo_does_not_hide_a_neighbour() {
    let Some(scene) = Scene::new("10.99.0.80") else { return };
    scene.net.ok("b", "echo 1 >/proc/sys/net/ipv4/icmp_echo_ignore_all");
    assert_eq!(scene.ask()[0], Heard::Answered { detail: "its link answers on eth0".to_owned() });
}

#[test]
fn a_host_further_away_is_asked_by_echo() {
    let Some(mut scene) = Scene::new("10.99.0.80") else { return };
    scene.net.ok("b", "ip addr add 10.97.0.2/32 dev lo");
    scene.net.ok("a", "ip route add 10.97.0.0/24 via 10.99.0.2");
    scene.question.hosts = [(b(), "10.97.0.2".to_owned())].into();
    assert_eq!(scene.ask()[0], Heard::Answered { detail: "echo".to_owned() });
    scene.net.ok("b", "echo 1 >/proc/sys/net/ipv4/icmp_echo_ignore_all");
    assert_eq!(scene.ask()[0], Heard::Silent { for_ms: 350 });
}

#[test]
fn a_witness_that_could_hear_nobody_says_so() {
    let Some(scene) = Scene::new("10.99.0.80") else { return };
    scene.net.ok("wire", "ip link set port-a down");
    let said = scene.ask();
    let Heard::CannotTell { why } = &said[1] else { panic!("{said:?}") };
    assert!(why.contains("has no link"), "{why}");
    scene.net.ok("wire", "ip link set port-a up");
    scene.net.ok("a", "ip addr flush dev eth0");
    let Heard::CannotTell { why } = &scene.ask()[1] else { panic!("no network, and yet an answer") };
    assert!(why.contains("no device in the network of 10.99.0.80/24"), "{why}");
}

#[test]
fn a_witness_that_holds_the_address_itself_says_so() {
    let Some(scene) = Scene::new("10.99.0.80") else { return };
    scene.net.ok("wire", "ip link set port-b down");
    scene.net.ok("a", "address_up 10.99.0.80/24");
    assert_eq!(scene.ask()[1], Heard::Answered { detail: "10.99.0.80 is held here, on eth0".to_owned() });
}

/// Folders that hold what the script needs and one client program each.
fn clients(scene: &Scene) -> BTreeMap<&'static str, String> {
    let needed = "sh ip ping sleep timeout nproc date cat sed mv mkdir grep head od dd";
    let clients = [
        ("curl", "curl"),
        ("wget", "wget"),
        ("busybox", "wget"),
        ("bash", "bash"),
        ("perl", "perl"),
        ("-", "-"),
    ];
    let mut folders = BTreeMap::new();
    for (program, name) in clients {
        let folder = scene.net.state(&format!("bin-{program}"));
        for name in needed.split(' ') {
            std::os::unix::fs::symlink(real(name).unwrap(), folder.join(name)).unwrap();
        }
        match real(program) {
            Some(path) => std::os::unix::fs::symlink(path, folder.join(name)).unwrap(),
            None if program == "-" => {}
            None => {
                eprintln!("skipped: no {program} here");
                continue;
            }
        }
        folders.insert(program, folder.display().to_string());
    }
    folders
}

/// A name server that answers whoever asks a whole question with no error, and a mail server.
const NAMES_AND_MAIL: &str = "import socket,sys,threading
family=socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET
names=socket.socket(family,socket.SOCK_DGRAM); names.bind((sys.argv[1],53))
mail=socket.create_server((sys.argv[1],25),family=family)
def greet():
  while True:
    client,_=mail.accept(); client.sendall(sys.argv[2].encode()+b' mail\\r\\n'); client.recv(99); client.close()
threading.Thread(target=greet,daemon=True).start()
print('ready',flush=True)
while True:
  asked,who=names.recvfrom(512)
  if asked.endswith(b'\\x0anameserver\\7example\\3org\\0\\0\\1\\0\\1'): names.sendto(asked[:2]+bytes([asked[2]|128,asked[3]])+asked[4:],who)";

#[test]
fn name_servers_and_mail_servers_answer_bash_and_perl() {
    for address in ["10.99.0.80", "fd99::80"] {
        let Some(mut scene) = Scene::new(address) else { return };
        let clients = clients(&scene);
        let dns = |rcode| Probe::Dns {
            server: address.to_owned(),
            port: 53,
            question: dns::Question::new("nameserver.example.org", RecordType::A).unwrap(),
            rcode,
            answer: None,
            timeout_ms: 500,
        };
        let smtp = || Probe::Smtp {
            host: address.to_owned(),
            port: 25,
            helo: None,
            from: None,
            to: None,
            fail_on: FailOn::Critical,
            timeout_ms: 500,
        };
        let ask = |scene: &mut Scene, program: &str, probe: Probe| {
            scene.question.services.get_mut(&web()).unwrap().probe = Some(probe);
            three(&scene.ask_with(&["sh"], clients.get(program).map(String::as_str)))[2].clone()
        };
        let present: Vec<&str> =
            ["bash", "perl"].into_iter().filter(|name| clients.contains_key(name)).collect();
        for program in &present {
            for probe in [dns(Rcode::NoError), smtp()] {
                let heard = ask(&mut scene, program, probe);
                assert!(matches!(heard, Heard::Refused { .. }), "{program}: {heard:?}");
            }
        }
        let server = scene.run(NAMES_AND_MAIL, "220");
        for program in &present {
            assert_eq!(
                ask(&mut scene, program, dns(Rcode::NoError)).to_string(),
                "DNS status 0",
                "{program}"
            );
            assert_eq!(
                ask(&mut scene, program, dns(Rcode::NxDomain)).to_string(),
                "DNS status 0, not 3",
                "{program}"
            );
            assert_eq!(
                ask(&mut scene, program, smtp()),
                Heard::Answered { detail: "220 mail".to_owned() },
                "{program}"
            );
        }
        let pid = server.0.id().to_string();
        assert!(Command::new("kill").args(["-STOP", &pid]).status().unwrap().success());
        for program in &present {
            for probe in [dns(Rcode::NoError), smtp()] {
                assert_eq!(ask(&mut scene, program, probe), Heard::Silent { for_ms: 350 }, "{program}");
            }
        }
        drop(server);
        let _server = scene.run(NAMES_AND_MAIL, "554");
        assert_eq!(ask(&mut scene, present[0], smtp()), Heard::Wrong { detail: "554 mail".to_owned() });
    }
}

#[test]
fn every_client_program_tells_right_wrong_refused_and_silent() {
    for address in ["10.99.0.80", "fd99::80"] {
        let Some(mut scene) = Scene::new(address) else { return };
        let clients = clients(&scene);
        let ask = |scene: &Scene, path: &str| three(&scene.ask_with(&["sh"], Some(path)))[2].clone();
        let told = |heard: &Heard| match heard {
            Heard::Answered { .. } => "answered",
            Heard::Wrong { .. } => "wrong",
            Heard::Refused { .. } => "refused",
            Heard::Silent { .. } => "silent",
            Heard::CannotTell { .. } => "cannot",
        };
        let all = |scene: &Scene, expected: &str| {
            for (program, path) in &clients {
                let expected = if *program == "-" { "cannot" } else { expected };
                // A busy machine may not even get to start the program in time: once is enough.
                let mut heard = ask(scene, path);
                for _ in 0..4 {
                    if told(&heard) != expected {
                        heard = ask(scene, path);
                    }
                }
                assert_eq!(told(&heard), expected, "{program}: {heard:?}");
            }
        };
        all(&scene, "refused");
        let server = scene.serve("200");
        all(&scene, "answered");
        *scene.status() = 204;
        all(&scene, "wrong");
        *scene.status() = 200;
        let pid = server.0.id().to_string();
        assert!(Command::new("kill").args(["-STOP", &pid]).status().unwrap().success());
        all(&scene, "silent");
    }
}
