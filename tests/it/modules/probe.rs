//! Checks from the controller, against servers on the loopback that answer as told.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use reveille::module::dns::Question;
use reveille::module::probe::{Authority, Tls};
use reveille::probe::{Outcome, Probe, ask};
use reveille::site::action::{FailOn, Rcode, RecordType};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};

use super::net::{Running, eventually};

/// Gives the same bytes to everyone who asks; ends when it is dropped.
pub struct Server {
    pub address: String,
    task: tokio::task::JoinHandle<()>,
}

impl Server {
    pub async fn start(answer: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let task = tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let mut asked = [0; 1024];
                // A client that goes away is none of this server's business.
                let _ = client.read(&mut asked).await;
                let _ = client.write_all(answer.as_bytes()).await;
            }
        });
        Self { address, task }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn http(address: &str, contains: Option<&str>) -> Probe {
    let contains = contains.map(str::to_owned);
    Probe::Http {
        url: format!("http://{address}/"),
        host: None,
        status: 200,
        contains,
        tls: Tls::default(),
        fail_on: FailOn::Critical,
        timeout_ms: 2000,
    }
}

fn command(words: &[&str], timeout_ms: u64) -> Probe {
    Probe::Command { argv: words.iter().map(|word| (*word).to_owned()).collect(), timeout_ms }
}

#[tokio::test]
async fn http_tells_right_from_wrong() {
    let good = Server::start("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello").await;
    assert!(ask(&http(&good.address, None)).await.is_ok());
    assert!(ask(&http(&good.address, Some("ell"))).await.is_ok());
    assert!(matches!(ask(&http(&good.address, Some("bye"))).await, Outcome::Wrong { .. }));
    let moved = Server::start("HTTP/1.1 302 Found\r\nlocation: /x\r\ncontent-length: 0\r\n\r\n").await;
    let Outcome::Wrong { detail, .. } = ask(&http(&moved.address, None)).await else { panic!("followed it") };
    assert_eq!(detail, "HTTP 302, not 200");
    let rude = Server::start("").await;
    assert!(matches!(ask(&http(&rude.address, None)).await, Outcome::Wrong { .. }));
}

#[tokio::test]
async fn refusal_is_not_silence() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = silent.local_addr().unwrap();
    let mut mute = http(&address.to_string(), None);
    if let Probe::Http { timeout_ms, .. } = &mut mute {
        *timeout_ms = 50;
    }
    assert_eq!(ask(&mute).await, Outcome::TimedOut { after_ms: 50 });
    let tcp = Probe::Tcp { host: "127.0.0.1".to_owned(), port: address.port(), timeout_ms: 2000 };
    assert!(ask(&tcp).await.is_ok(), "the kernel accepts for a mute server");
    drop(silent);
    assert!(matches!(ask(&tcp).await, Outcome::Refused { .. }));
    assert!(matches!(ask(&http(&address.to_string(), None)).await, Outcome::Refused { .. }));
}

#[tokio::test]
async fn what_cannot_be_asked_says_nothing_of_the_target() {
    assert!(matches!(ask(&http("not a url", None)).await, Outcome::Impossible { .. }));
    assert!(matches!(ask(&command(&["/no/such/program"], 2000)).await, Outcome::Impossible { .. }));
}

#[tokio::test]
async fn an_echo_comes_back_where_one_may_be_sent() {
    match ask(&Probe::Icmp { host: "127.0.0.1".to_owned(), timeout_ms: 2000 }).await {
        Outcome::Answered { .. } => {}
        Outcome::Impossible { detail } => assert!(detail.contains("ping_group_range"), "{detail}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_command_ends_with_its_deadline_and_takes_its_children_along() {
    assert!(ask(&command(&["true"], 2000)).await.is_ok());
    let Outcome::Wrong { detail, .. } = ask(&command(&["sh", "-c", "echo no; exit 3"], 2000)).await else {
        panic!("exit 3 is not good")
    };
    assert_eq!(detail, "exit status: 3: no");

    let folder = tempfile::tempdir().unwrap();
    let pid = folder.path().join("pid");
    let text = format!("sleep 600 & echo $! >{}; wait", pid.display());
    assert_eq!(ask(&command(&["sh", "-c", &text], 300)).await, Outcome::TimedOut { after_ms: 300 });
    let child = std::fs::read_to_string(pid).unwrap();
    let gone = Instant::now() + Duration::from_secs(5);
    while is_running(child.trim()) {
        assert!(Instant::now() < gone, "process {child} outlived its probe");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_plugin_says_ok_warning_critical_or_nothing() {
    let plugin = |text: &str, fail_on| Probe::Plugin {
        argv: ["sh", "-c", text].map(str::to_owned).to_vec(),
        fail_on,
        timeout_ms: 2000,
    };
    let lenient = |text: &str| plugin(text, FailOn::Critical);
    let fine = ask(&lenient("echo 'QUEUE OK - 3 waiting | waiting=3;50;100 age=0.5s'; echo more")).await;
    assert!(fine.is_ok() && fine.warning().is_none(), "{fine:?}");
    assert!(fine.to_string().starts_with("QUEUE OK - 3 waiting after "), "{fine}");
    let measures: Vec<_> = fine.measures().into_iter().map(|m| (m.label, m.value, m.unit)).collect();
    assert_eq!(
        measures,
        [("waiting".to_owned(), 3.0, String::new()), ("age".to_owned(), 0.5, "s".to_owned())]
    );
    let full = "echo 'QUEUE WARNING - 60 waiting | waiting=60'; exit 1";
    let warned = ask(&lenient(full)).await;
    assert!(warned.is_ok());
    assert_eq!(warned.warning(), Some("QUEUE WARNING - 60 waiting"));
    assert!(matches!(ask(&plugin(full, FailOn::Warning)).await, Outcome::Wrong { .. }));
    assert!(matches!(ask(&lenient("exit 2")).await, Outcome::Wrong { .. }));
    for nothing in ["echo UNKNOWN; exit 3", "exit 127", "kill -9 $$"] {
        assert!(matches!(ask(&lenient(nothing)).await, Outcome::Impossible { .. }), "{nothing}");
    }
}

/// A mail server that says these lines, one for each that it hears, the first unasked.
async fn mail_server(lines: &'static [&'static str]) -> (u16, tokio::task::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let task = tokio::spawn(async move {
        let (client, _) = listener.accept().await.unwrap();
        let (reader, mut writer) = client.into_split();
        let mut heard = tokio::io::BufReader::new(reader).lines();
        let mut all = Vec::new();
        for line in lines {
            writer.write_all(line.as_bytes()).await.unwrap();
            match heard.next_line().await {
                Ok(Some(command)) => all.push(command),
                _ => break,
            }
        }
        all
    });
    (port, task)
}

fn smtp(port: u16, to: Option<&str>) -> Probe {
    Probe::Smtp {
        host: "127.0.0.1".to_owned(),
        port,
        helo: None,
        from: None,
        to: to.map(str::to_owned),
        fail_on: FailOn::Critical,
        timeout_ms: 2000,
    }
}

#[tokio::test]
async fn a_mail_server_is_asked_as_a_client_does_and_sent_nothing() {
    let (port, server) =
        mail_server(&["220-mail\r\n220 ready\r\n", "250-mail\r\n250 SIZE\r\n", "221 bye\r\n"]).await;
    let greeted = ask(&smtp(port, None)).await;
    assert!(greeted.is_ok() && greeted.to_string().starts_with("220 ready"), "{greeted:?}");
    assert_eq!(server.await.unwrap(), ["EHLO [127.0.0.1]", "QUIT"]);
    let whole =
        &["220 ready\r\n", "250 mail\r\n", "250 ok\r\n", "250 ok\r\n", "250 reset\r\n", "221 bye\r\n"];
    let (port, server) = mail_server(whole).await;
    assert!(ask(&smtp(port, Some("root@example.org"))).await.is_ok());
    let said = server.await.unwrap();
    assert_eq!(said[1..], ["MAIL FROM:<>", "RCPT TO:<root@example.org>", "RSET", "QUIT"]);
}

#[tokio::test]
async fn a_mail_server_that_is_busy_lives_and_one_that_refuses_mail_is_wrong() {
    let (port, _server) = mail_server(&["421 4.3.2 Connection rate limit exceeded.\r\n"]).await;
    let busy = ask(&smtp(port, None)).await;
    assert_eq!(busy.warning(), Some("too busy: 421 4.3.2 Connection rate limit exceeded."));
    let (port, _server) = mail_server(&["220 ready\r\n", "250 mail\r\n", "250 ok\r\n", "550 who?\r\n"]).await;
    let Outcome::Wrong { detail, .. } = ask(&smtp(port, Some("x@example.org"))).await else {
        panic!("550 is no")
    };
    assert_eq!(detail, "to RCPT TO:<x@example.org>: 550 who?");
    for rude in [&["554 no\r\n"], &["hello\r\n"]] {
        let (port, _server) = mail_server(rude).await;
        assert!(matches!(ask(&smtp(port, None)).await, Outcome::Wrong { .. }), "{rude:?}");
    }
    let (port, _server) = mail_server(&["220-unfinished\r\n"]).await;
    assert_eq!(ask(&smtp(port, None)).await, Outcome::TimedOut { after_ms: 2000 });
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    assert!(matches!(ask(&smtp(free, None)).await, Outcome::Refused { .. }));
}

fn dns(port: u16, answer: Option<&str>, rcode: Rcode) -> Probe {
    Probe::Dns {
        server: "127.0.0.1".to_owned(),
        port,
        question: Question::new("www.example.org", RecordType::A).unwrap(),
        rcode,
        answer: answer.map(str::to_owned),
        timeout_ms: 500,
    }
}

/// The question turned into an answer: these flags, and one record if told so.
fn answer(question: &[u8], flags: [u8; 2], record: bool) -> Vec<u8> {
    let mut bytes = question.to_vec();
    bytes[2] |= flags[0];
    bytes[3] |= flags[1];
    if record {
        bytes[7] = 1;
        bytes.extend(b"\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04\x0a\0\0\x50");
    }
    bytes
}

/// Answers over UDP, after a stray datagram that answers nothing.
async fn name_server(flags: [u8; 2], record: bool) -> (u16, tokio::task::JoinHandle<()>) {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let port = socket.local_addr().unwrap().port();
    let task = tokio::spawn(async move {
        let mut datagram = [0; 512];
        while let Ok((length, client)) = socket.recv_from(&mut datagram).await {
            socket.send_to(b"stray", client).await.unwrap();
            socket.send_to(&answer(&datagram[..length], flags, record), client).await.unwrap();
        }
    });
    (port, task)
}

#[tokio::test]
async fn a_name_server_is_judged_by_status_and_records() {
    let (port, server) = name_server([0x80, 0], true).await;
    let found = ask(&dns(port, None, Rcode::NoError)).await;
    assert!(found.is_ok() && found.to_string().starts_with("10.0.0.80 after"), "{found:?}");
    assert!(ask(&dns(port, Some("10.0.0.80"), Rcode::NoError)).await.is_ok());
    let Outcome::Wrong { detail, .. } = ask(&dns(port, Some("10.0.0.81"), Rcode::NoError)).await else {
        panic!("another address")
    };
    assert_eq!(detail, "www.example.org A is 10.0.0.80, not 10.0.0.81");
    server.abort();
    let (port, _server) = name_server([0x80, 2], false).await;
    let Outcome::Wrong { detail, .. } = ask(&dns(port, None, Rcode::NoError)).await else {
        panic!("SERVFAIL")
    };
    assert_eq!(detail, "SERVFAIL, not NOERROR");
    assert!(ask(&dns(port, None, Rcode::ServFail)).await.is_ok());
    let (port, _server) = name_server([0x80, 0], false).await;
    assert!(matches!(ask(&dns(port, None, Rcode::NoError)).await, Outcome::Wrong { .. }), "no record");
}

#[tokio::test]
async fn an_answer_that_does_not_fit_is_fetched_over_tcp() {
    let (port, _server) = name_server([0x82, 0], false).await;
    let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    let over_tcp = tokio::spawn(async move {
        let (mut client, _) = listener.accept().await.unwrap();
        let length = client.read_u16().await.unwrap();
        let mut question = vec![0; usize::from(length)];
        client.read_exact(&mut question).await.unwrap();
        let whole = answer(&question, [0x80, 0], true);
        client.write_u16(u16::try_from(whole.len()).unwrap()).await.unwrap();
        client.write_all(&whole).await.unwrap();
    });
    assert!(ask(&dns(port, Some("10.0.0.80"), Rcode::NoError)).await.is_ok());
    over_tcp.await.unwrap();
}

#[tokio::test]
async fn a_name_server_that_is_gone_refuses_and_a_mute_one_is_silent() {
    let mute = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let port = mute.local_addr().unwrap().port();
    assert_eq!(ask(&dns(port, None, Rcode::NoError)).await, Outcome::TimedOut { after_ms: 500 });
    drop(mute);
    assert!(matches!(ask(&dns(port, None, Rcode::NoError)).await, Outcome::Refused { .. }));
}

/// A server for `https://127.0.0.1:PORT/` whose certificate lasts ten days; `None` without openssl.
fn secure_server(folder: &Path, port: u16) -> Option<Running> {
    let mut make = Command::new("openssl");
    make.args("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 10".split(' '));
    make.args("-subj /CN=test -addext subjectAltName=IP:127.0.0.1 -addext basicConstraints=CA:FALSE -keyout key.pem -out cert.pem".split(' '));
    if !make.current_dir(folder).output().is_ok_and(|made| made.status.success()) {
        eprintln!("skipped: no openssl here");
        return None;
    }
    let mut serve = Command::new("openssl");
    serve.args(["s_server", "-www", "-quiet", "-key", "key.pem", "-cert", "cert.pem", "-accept"]);
    serve.arg(format!("127.0.0.1:{port}")).current_dir(folder).stdin(Stdio::null()).stdout(Stdio::null());
    Some(Running(serve.spawn().unwrap()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_is_checked_and_watched() {
    let folder = tempfile::tempdir().unwrap();
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let Some(_server) = secure_server(folder.path(), port) else { return };
    eventually("the server listens", || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
    let pem = std::fs::read_to_string(folder.path().join("cert.pem")).unwrap();
    let days = |days: u64| Some(days * 86_400_000);
    let https = |tls: Tls, fail_on| Probe::Http {
        url: format!("https://127.0.0.1:{port}/"),
        host: None,
        status: 200,
        contains: None,
        tls,
        fail_on,
        timeout_ms: 5000,
    };
    let trusting =
        |expires_in_ms| Tls { ca: Some(Authority::Pem(pem.clone())), insecure: false, expires_in_ms };
    let stranger = ask(&https(Tls::default(), FailOn::Critical)).await;
    assert!(matches!(stranger, Outcome::Wrong { .. }), "{stranger:?}");
    let known = ask(&https(trusting(days(5)), FailOn::Critical)).await;
    assert!(known.is_ok() && known.warning().is_none(), "{known:?}");
    let soon = ask(&https(trusting(days(14)), FailOn::Critical)).await;
    assert!(soon.warning().is_some_and(|text| text.contains("the certificate ends in ")), "{soon:?}");
    assert!(matches!(ask(&https(trusting(days(14)), FailOn::Warning)).await, Outcome::Wrong { .. }));
    let careless = Tls { ca: None, insecure: true, expires_in_ms: days(14) };
    assert!(ask(&https(careless, FailOn::Critical)).await.warning().is_some());
    let path = folder.path().join("cert.pem").display().to_string();
    let by_path = |path: String| Tls { ca: Some(Authority::Path(path)), ..Tls::default() };
    assert!(ask(&https(by_path(path), FailOn::Critical)).await.is_ok());
    let lost = ask(&https(by_path("/no/such/ca.pem".to_owned()), FailOn::Critical)).await;
    assert!(matches!(lost, Outcome::Impossible { .. }), "{lost:?}");
}

/// A zombie that nobody has collected yet runs no more.
fn is_running(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')').next().is_some_and(|rest| !rest.is_empty() && !rest.trim_start().starts_with('Z'))
}
