//! The server itself: GET and HEAD, a bounded number of connections, each with a bounded life. Nothing a client does, or
//! leaves undone, reaches the monitor.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::{sleep, timeout};

use super::documents::{Document, Documents};
use super::health::{health, leader};
use super::page;
use super::shown::Shown;

/// Connections at the same time. More wait in the kernel's queue.
pub(super) const CONNECTIONS: usize = 64;

/// The longest a connection lives; a browser opens another.
const LIFE: Duration = Duration::from_secs(30);

/// For the head of a request to arrive.
const HEAD: Duration = Duration::from_secs(5);

/// Bytes of a request's head, and how many header lines.
const HEAD_BYTES: usize = 16 * 1024;
const HEADERS: usize = 64;

type Answer = Response<Full<Bytes>>;

/// Serves until dropped.
pub async fn serve(listener: TcpListener, versions: watch::Receiver<Arc<Shown>>) {
    let server = Arc::new(Server::new(versions));
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else {
            // Out of file descriptors, most likely: it passes.
            sleep(Duration::from_millis(100)).await;
            continue;
        };
        let server = Arc::clone(&server);
        tokio::spawn(async move {
            converse(server, stream).await;
            drop(place);
        });
    }
}

async fn converse(server: Arc<Server>, stream: TcpStream) {
    let answer = service_fn(|request| {
        let server = Arc::clone(&server);
        async move { Ok::<_, Infallible>(server.answer(&request)) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_headers(HEADERS)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), answer);
    let mut connection = pin!(connection);
    // A client that went away, or takes too long, is its own affair.
    if timeout(LIFE, connection.as_mut()).await.is_err() {
        connection.as_mut().graceful_shutdown();
        let _ = timeout(HEAD, connection).await;
    }
}

struct Server {
    versions: watch::Receiver<Arc<Shown>>,
    documents: Mutex<Arc<Documents>>,
}

impl Server {
    fn new(versions: watch::Receiver<Arc<Shown>>) -> Self {
        let documents = Arc::new(Documents::of(Arc::clone(&versions.borrow())));
        Self { versions, documents: Mutex::new(documents) }
    }

    fn latest(&self) -> Arc<Documents> {
        let newest = Arc::clone(&self.versions.borrow());
        let mut latest = self.documents.lock().unwrap_or_else(PoisonError::into_inner);
        if !Arc::ptr_eq(&latest.shown, &newest) {
            *latest = Arc::new(Documents::of(newest));
        }
        Arc::clone(&latest)
    }

    fn answer(&self, request: &Request<Incoming>) -> Answer {
        if ![Method::GET, Method::HEAD].contains(request.method()) {
            let mut refusal = plain(StatusCode::METHOD_NOT_ALLOWED, "this page only shows\n".to_owned());
            refusal.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return refusal;
        }
        let documents = self.latest();
        match (request.uri().path(), Document::at(request.uri().path())) {
            (_, Some(document)) => {
                respond(StatusCode::OK, document.content_type(), documents.document(document))
            }
            ("/healthz", _) => judged(health(&documents.shown)),
            ("/leader", _) => judged(leader(&documents.shown)),
            _ => plain(StatusCode::NOT_FOUND, "there is no such page\n".to_owned()),
        }
    }
}

fn judged(judgement: Result<String, String>) -> Answer {
    match judgement {
        Ok(words) => plain(StatusCode::OK, format!("{words}\n")),
        Err(words) => plain(StatusCode::SERVICE_UNAVAILABLE, format!("{words}\n")),
    }
}

fn plain(status: StatusCode, words: String) -> Answer {
    respond(status, "text/plain; charset=utf-8", words.into())
}

/// The body of an answer to HEAD is left out by hyper.
fn respond(status: StatusCode, content_type: &'static str, body: Bytes) -> Answer {
    let mut answer = Response::new(Full::new(body));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-resource-policy", "same-origin"),
        ("content-security-policy", page::policy()),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    answer
}
