//! Notices to real sinks on loopback.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::program::{self, Program};
use super::{Context, Deliveries, Notifier};
use crate::monitor::{Happening, Told};
use crate::report::sample::{story, told};
use crate::report::watch::WatchReport;
use crate::site::notice::Notice;
use crate::site::source::{Sources, Sp};

const LIMIT: Duration = Duration::from_secs(20);

fn context(root: &Path) -> Context {
    Context {
        site: "lab".to_owned(),
        root: root.to_owned(),
        host: "desk".to_owned(),
        pauses: [Duration::from_millis(1); 2],
        secrets: json!({ "token": "s3cret" }).as_object().unwrap().clone(),
        redact: Arc::new(|text| text.replace("s3cret", "***")),
    }
}

/// The notices of such settings.
fn notices(yaml: &str) -> Vec<Notice> {
    let mut sources = Sources::default();
    let file = sources.add("reveille.yml", yaml);
    let (mut out, mut lost) = (Vec::new(), crate::site::decode::Lost::default());
    let settings =
        crate::site::decode::file::<crate::site::settings::Settings>(file, &sources, &mut out, &mut lost);
    assert!(out.is_empty(), "{out:?}");
    settings.unwrap().notices.into_iter().map(|notice: Sp<Notice>| notice.value).collect()
}

struct Bench {
    notifier: Option<Notifier>,
    deliveries: Deliveries,
    lost: UnboundedReceiver<Told>,
}

impl Bench {
    fn new(yaml: &str, root: &Path) -> Self {
        let (lost, losses) = unbounded_channel();
        let (notifier, deliveries) = Notifier::start(notices(yaml), context(root), &lost);
        Self { notifier: Some(notifier), deliveries, lost: losses }
    }

    fn tell(&mut self, all: &[Told]) -> &mut Self {
        let notifier = self.notifier.as_mut().unwrap();
        for one in all {
            notifier.told(one);
        }
        self
    }

    /// Waits until all is sent or given up; says what could not be sent.
    async fn end(mut self) -> Vec<String> {
        self.notifier = None;
        self.deliveries.finish(LIMIT).await;
        let mut said = Vec::new();
        while let Some(loss) = self.lost.recv().await {
            said.push(loss.what.to_string());
        }
        said
    }
}

async fn sink() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (listener, address)
}

/// Takes one request and answers so; head and body.
async fn take_post(listener: &TcpListener, answer: &str) -> (String, String) {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut text = String::new();
    let mut chunk = [0; 4096];
    loop {
        let size = stream.read(&mut chunk).await.unwrap();
        text.push_str(std::str::from_utf8(&chunk[..size]).unwrap());
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        if body.len() == length.parse::<usize>().unwrap() {
            stream
                .write_all(format!("HTTP/1.1 {answer}\r\ncontent-length: 0\r\n\r\n").as_bytes())
                .await
                .unwrap();
            return (head.to_owned(), body.to_owned());
        }
    }
}

#[tokio::test]
async fn a_webhook_is_tried_again_and_signed() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("key"), "a long key\n").unwrap();
    let (listener, address) = sink().await;
    let yaml = format!(
        "notices:\n- webhook: {{ url: \"http://{address}/{{{{ token }}}}/{{{{ gravity }}}}\", secret: {{ file: key }}, \
         headers: {{ X-Services: \"{{{{ services | join(',') }}}}\" }} }}\n  only: [web]\n"
    );
    let mut bench = Bench::new(&yaml, folder.path());
    bench.tell(&story()[..4]);
    let (head, first) = take_post(&listener, "503 Later").await;
    let (_, second) = take_post(&listener, "204 Thanks").await;
    assert!(head.starts_with("POST /s3cret/alarm HTTP/1.1"), "{head}");
    assert!(head.contains("x-services: web"), "{head}");
    let signature = super::hmac::hmac_sha256(b"a long key", first.as_bytes());
    assert!(head.contains(&format!("x-reveille-signature: sha256={signature}")), "{head}");
    assert_eq!(first, second, "the same happening");
    let body: Value = serde_json::from_str(&first).unwrap();
    assert_eq!((&body["schema"], &body["site"]), (&json!("reveille.happenings/1"), &json!("lab")));
    assert_eq!(body["happening"], "service-verdict", "only what matters enough, and is about web");
    assert_eq!(bench.end().await, Vec::<String>::new());
}

/// Speaks SMTP as a relay does, and keeps what it is told.
async fn take_mail(stream: TcpStream) -> Vec<String> {
    let mut client = BufReader::new(stream);
    let mut said = Vec::new();
    let mut data = false;
    client.write_all(b"220 relay\r\n").await.unwrap();
    loop {
        let mut line = String::new();
        if client.read_line(&mut line).await.unwrap() == 0 {
            return said;
        }
        let line = line.trim_end_matches("\r\n").to_owned();
        let answer = match line.as_str() {
            "." => "250 kept\r\n",
            _ if data => "",
            "DATA" => "354 go on\r\n",
            "QUIT" => return said,
            line if line.starts_with("EHLO") => "250-relay\r\n250 8BITMIME\r\n",
            _ => "250 ok\r\n",
        };
        data = (data || line == "DATA") && line != ".";
        client.write_all(answer.as_bytes()).await.unwrap();
        said.push(line);
    }
}

#[tokio::test]
async fn what_happens_together_is_one_mail() {
    let folder = tempfile::tempdir().unwrap();
    let (listener, address) = sink().await;
    let yaml = format!(
        "notices:\n- mail: {{ to: [a@example.org, b@example.org], from: r@example.org, via: \"{address}\" }}\n  from: info\n"
    );
    let mut bench = Bench::new(&yaml, folder.path());
    bench.tell(&story());
    let said = take_mail(listener.accept().await.unwrap().0).await;
    assert_eq!(
        said[..4],
        ["EHLO desk", "MAIL FROM:<r@example.org>", "RCPT TO:<a@example.org>", "RCPT TO:<b@example.org>"]
    );
    let head =
        said.iter().skip(5).take_while(|line| !line.is_empty()).cloned().collect::<Vec<_>>().join("\n");
    assert!(
        head.contains("To: a@example.org, b@example.org") && head.contains("Auto-Submitted: auto-generated"),
        "{head}"
    );
    let body: String = said
        .iter()
        .skip(5)
        .skip_while(|line| !line.is_empty())
        .filter(|line| *line != ".")
        .cloned()
        .collect();
    let body =
        String::from_utf8(base64::Engine::decode(&base64::prelude::BASE64_STANDARD, body).unwrap()).unwrap();
    assert_eq!(body.lines().count(), story().len(), "{body}");
    assert!(body.contains("ALARM: failover of web failed: a <b>step</b> failed"), "{body}");
    assert_eq!(bench.end().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_command_gets_the_happening_in_every_way_there_is() {
    let folder = tempfile::tempdir().unwrap();
    let script = "printf '%s\\n' \"$1\" \"$REVEILLE_GRAVITY\" \"$REVEILLE_SERVICES\" >> out; cat >> out";
    let yaml = format!(
        "notices:\n- command: [sh, -c, {}, page, \"{{{{ text }}}}\"]\n  from: alarm\n",
        serde_json::to_string(script).unwrap()
    );
    let mut bench = Bench::new(&yaml, folder.path());
    let nasty =
        told(json!({ "happening": "unprotected", "service": "web", "because": "$(touch evil) `x` 'y'" }));
    bench.tell(std::slice::from_ref(&nasty));
    assert_eq!(bench.end().await, Vec::<String>::new());
    let out = std::fs::read_to_string(folder.path().join("out")).unwrap();
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines[..3], ["web is UNPROTECTED: $(touch evil) `x` 'y'", "alarm", "web"]);
    let sent: Value = serde_json::from_str(lines[3]).unwrap();
    assert_eq!(serde_json::from_value::<Told>(sent).unwrap(), nasty);
    assert!(!folder.path().join("evil").exists());
}

#[tokio::test]
async fn what_cannot_be_sent_is_told_once_and_without_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let yaml = "notices:\n- command: [sh, -c, \"echo s3cret >&2; exit 3\"]\n  from: info\n";
    let mut bench = Bench::new(yaml, folder.path());
    bench.tell(&story());
    bench.tell(&[told(json!({ "happening": "notice-lost", "to": "x", "because": "y" }))]);
    assert_eq!(bench.end().await, ["not told: command sh: sh: exit status: 3: ***"]);
}

#[tokio::test]
async fn more_than_a_queue_holds_is_lost_and_told() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::new("notices:\n- command: ['true']\n  from: info\n", folder.path());
    let late = Told { at_ms: 1, what: Happening::Late { by_ms: 1 } };
    // Nothing is taken from the queue while this test does not wait.
    bench.tell(&vec![late; 200]);
    assert_eq!(bench.end().await, ["not told: command true: too much happened at once"]);
}

#[tokio::test]
async fn a_program_that_does_not_end_is_killed_with_all_it_started() {
    let folder = tempfile::tempdir().unwrap();
    let program = |script: &str| Program {
        argv: ["sh", "-c", script].map(str::to_owned).to_vec(),
        folder: folder.path().to_owned(),
        environment: vec![("WHAT", "x".to_owned())],
        input: "y\n".repeat(100_000),
    };
    let hangs = program::run(program("sleep 1000 & echo $! > child; wait"));
    assert!(tokio::time::timeout(Duration::from_millis(500), hangs).await.is_err());
    let child = std::fs::read_to_string(folder.path().join("child")).unwrap();
    let gone = || {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.trim())).unwrap_or_default();
        stat.is_empty() || stat.contains(") Z ")
    };
    while !gone() {
        tokio::task::yield_now().await;
    }
    // It need not read its input, and what it leaves behind is not waited for.
    assert_eq!(program::run(program("sleep 2 & test $WHAT = x")).await, Ok(()));
    assert_eq!(
        program::run(program("echo a >&2; echo b >&2; exit 9")).await,
        Err("sh: exit status: 9: b".to_owned())
    );
    // It may have nothing more to say long before it ends.
    assert_eq!(program::run(program("exec 2>&-; sleep 0.1")).await, Ok(()));
    let quiet = program::run(program("exec 2>&-; sleep 0.1; exit 4")).await;
    assert_eq!(quiet, Err("sh: exit status: 4".to_owned()));
}
