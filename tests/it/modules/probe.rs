//! Checks from the controller, against servers on the loopback that answer as told.

use std::time::{Duration, Instant};

use reveille::module::probe::Tls;
use reveille::probe::{Outcome, Probe, ask};
use reveille::site::action::FailOn;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

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

/// A zombie that nobody has collected yet runs no more.
fn is_running(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')').next().is_some_and(|rest| !rest.is_empty() && !rest.trim_start().starts_with('Z'))
}
