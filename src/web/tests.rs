//! The server as clients meet it, on loopback.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::tz::TimeZone;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::server::CONNECTIONS;
use super::{Publish, Shown, serve};
use crate::report::sample;
use crate::report::watch::WatchReport;

fn shown() -> Shown {
    let addresses = [("web".try_into().unwrap(), vec!["10.83.0.80/24".parse().unwrap()])];
    let mut shown = Shown::new("a <site>", TimeZone::UTC, addresses.into());
    shown.board = sample::board();
    shown
}

/// A server that shows this, and where it is. It ends with the test's runtime.
async fn served(shown: Shown) -> (String, watch::Sender<Arc<Shown>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (sender, versions) = watch::channel(Arc::new(shown));
    tokio::spawn(serve(listener, versions));
    (address, sender)
}

/// Everything the server says to this, until it closes.
async fn say(address: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

async fn ask(address: &str, method: &str, path: &str) -> (String, String) {
    let request = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    let answer = say(address, &request).await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}

async fn get(address: &str, path: &str) -> (String, String) {
    ask(address, "GET", path).await
}

#[tokio::test]
async fn documents_are_what_they_say_they_are() {
    let (address, _versions) = served(shown()).await;
    let (head, body) = get(&address, "/status.json").await;
    assert!(head.starts_with("HTTP/1.1 200 ") && head.contains("content-type: application/json"), "{head}");
    let status: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(status["schema"], "reveille.status/1");
    assert_eq!(status["monitor"]["leader"], "root on h4");
    assert_eq!(status["services"][0]["addresses"][0], "10.83.0.80/24");
    assert_eq!(status["services"][0]["notes"][0], "no failover: another run has it in hand");
    assert_eq!(status["hosts"][1]["roles"].as_array().unwrap().len(), 3);
    let (_, body) = get(&address, "/view.json").await;
    let view: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(view["schema"], "reveille.view/1");
    assert_eq!(view["happenings"][4]["gravity"], "alarm");
    let (head, body) = get(&address, "/metrics").await;
    assert!(head.contains("content-type: application/openmetrics-text; version=1.0.0"), "{head}");
    assert!(body.ends_with("# EOF\n"));
    let (head, _) = get(&address, "/nowhere").await;
    assert!(head.starts_with("HTTP/1.1 404 "), "{head}");
}

#[tokio::test]
async fn nothing_on_the_page_is_markup_but_its_own() {
    let (address, _versions) = served(shown()).await;
    let (head, page) = get(&address, "/").await;
    assert!(page.contains("1 of 3 services is down"), "it is complete without its script");
    assert!(page.contains("&lt;script&gt;alert(1)") && !page.contains("<script>alert"));
    assert!(page.contains("a &lt;site&gt;") && page.contains("a &lt;b&gt;step&lt;/b&gt; failed"));
    assert!(!page.contains("http://") && !page.contains("https://"), "it asks for nothing from elsewhere");
    let inline = regex::Regex::new(r"<[^>]* (style|on\w+)=").unwrap();
    assert!(!inline.is_match(&page), "its policy would forbid it");
    let policy = head.lines().find_map(|line| line.strip_prefix("content-security-policy: ")).unwrap();
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
    let (_, main) = get(&address, "/main.html").await;
    assert!(page.contains(&main));
}

#[tokio::test]
async fn it_only_shows() {
    let (address, _versions) = served(shown()).await;
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "BREW"] {
        let (head, _) = ask(&address, method, "/status.json").await;
        assert!(head.starts_with("HTTP/1.1 405 ") && head.contains("allow: GET, HEAD"), "{method}: {head}");
    }
    let (head, body) = ask(&address, "HEAD", "/status.json").await;
    assert!(head.starts_with("HTTP/1.1 200 ") && body.is_empty());
    let long = format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "a".repeat(100_000));
    let refused = say(&address, &long).await;
    assert!(refused.starts_with("HTTP/1.1 431 ") || refused.starts_with("HTTP/1.1 414 "), "{refused}");
}

#[tokio::test]
async fn health_is_the_monitors_own() {
    let (address, versions) = served(Shown::new("lab", TimeZone::UTC, super::shown::Addresses::new())).await;
    let health = async || get(&address, "/healthz").await;
    assert!(health().await.0.starts_with("HTTP/1.1 503 "), "it has not looked yet");
    versions.send_replace(Arc::new(shown()));
    let (head, body) = health().await;
    assert!(head.starts_with("HTTP/1.1 200 ") && body == "ok\n", "a service that is down is not its illness");
    let mut isolated = shown();
    isolated.board.view.as_mut().unwrap().isolated = true;
    versions.send_replace(Arc::new(isolated.clone()));
    assert!(health().await.1.starts_with("isolated: "));
    isolated.board.told(&sample::told(serde_json::json!({ "happening": "stands-by", "leader": "h9" })));
    versions.send_replace(Arc::new(isolated));
    assert_eq!(health().await.1, "ok: standing by, h9 leads\n");
    let old = Shown { at: Instant::now().checked_sub(Duration::from_secs(9)).unwrap(), ..shown() };
    versions.send_replace(Arc::new(old));
    let (head, body) = health().await;
    assert!(head.starts_with("HTTP/1.1 503 ") && body == "the monitor has said nothing for 9 s\n", "{body}");
}

#[tokio::test]
async fn one_monitor_is_the_leader() {
    let (mut publish, versions) = Publish::new(shown());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(serve(listener, versions));
    let mut tell = async |happening| {
        publish.told(&sample::told(happening));
        get(&address, "/leader").await.0
    };
    let stands_by = || serde_json::json!({ "happening": "stands-by", "leader": "h9" });
    assert!(tell(stands_by()).await.starts_with("HTTP/1.1 503 "));
    let leads = serde_json::json!({ "happening": "leads", "leader": "h1", "term": 4 });
    assert!(tell(leads.clone()).await.starts_with("HTTP/1.1 200 "), "before it has looked at anything");
    assert!(tell(serde_json::json!({ "happening": "steps-down" })).await.starts_with("HTTP/1.1 503 "));
    assert!(tell(leads).await.starts_with("HTTP/1.1 200 "));
    assert!(tell(stands_by()).await.starts_with("HTTP/1.1 503 "));
}

#[tokio::test]
async fn a_new_leader_may_take_its_time_before_its_first_picture() {
    let long_ago = Instant::now().checked_sub(Duration::from_secs(9)).unwrap();
    let (address, versions) = served(shown()).await;
    let mut leads = Shown { at: long_ago, ..shown() };
    leads.board.told(&sample::told(serde_json::json!({ "happening": "leads", "leader": "h1", "term": 4 })));
    versions.send_replace(Arc::new(leads.clone()));
    assert!(get(&address, "/leader").await.0.starts_with("HTTP/1.1 200 "));
    leads.board.view(&sample::view());
    versions.send_replace(Arc::new(leads));
    assert!(get(&address, "/leader").await.0.starts_with("HTTP/1.1 503 "), "and then it must go on");
}

#[tokio::test(start_paused = true)]
async fn clients_that_say_nothing_make_room() {
    let (address, _versions) = served(shown()).await;
    let mut mute = Vec::new();
    for _ in 0..CONNECTIONS {
        mute.push(TcpStream::connect(&address).await.unwrap());
    }
    // The time for a request's head goes by, and their places are free.
    let (head, _) = get(&address, "/healthz").await;
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
}

#[test]
fn a_happening_is_published_at_once_and_pictures_now_and_then() {
    let (mut publish, mut versions) = Publish::new(shown());
    publish.view(&sample::view());
    assert!(versions.has_changed().unwrap());
    versions.mark_unchanged();
    publish.view(&sample::view());
    assert!(!versions.has_changed().unwrap());
    publish.told(&sample::story()[0]);
    publish.view(&sample::view());
    assert!(versions.has_changed().unwrap());
    assert_eq!(versions.borrow().board.tail.len(), 6);
}
