//! One HTTP or HTTPS request over a connection of its own, as a new client would make it: no proxy, no redirect
//! followed, nothing reused.

use std::error::Error;
use std::io;
use std::sync::LazyLock;
use std::time::Instant;

use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, Response};

use super::{Outcome, answered, failed, wrong};

/// How much of a body is searched for the expected text.
const BODY_LIMIT_BYTES: usize = 1 << 20;

/// For `http:` there is no need to load the system's certificates, which takes longer than many a request.
static PLAIN: LazyLock<Result<Client, String>> = LazyLock::new(|| {
    let provider = rustls::crypto::ring::default_provider();
    let versions =
        rustls::ClientConfig::builder_with_provider(provider.into()).with_safe_default_protocol_versions();
    let nobody =
        versions.map_err(|error| error.to_string())?.with_root_certificates(rustls::RootCertStore::empty());
    build(base().tls_backend_preconfigured(nobody.with_no_client_auth()))
});

/// Certificates are checked as the system does. Loaded once.
static SECURE: LazyLock<Result<Client, String>> = LazyLock::new(|| {
    // An error means that one is installed already, which serves as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    build(base())
});

fn base() -> ClientBuilder {
    Client::builder()
        .user_agent(concat!("reveille/", env!("CARGO_PKG_VERSION")))
        .no_proxy()
        .redirect(Policy::none())
        .pool_max_idle_per_host(0)
}

fn build(builder: ClientBuilder) -> Result<Client, String> {
    builder.build().map_err(|error| innermost(&error))
}

/// Loads what the first request to such a URL needs, off the deadline and off the threads that serve others.
pub(super) async fn prepare(url: &str) {
    if is_secure(url) {
        // Should loading panic, the request will say so.
        let _ = tokio::task::spawn_blocking(|| LazyLock::force(&SECURE).is_ok()).await;
    }
}

fn is_secure(url: &str) -> bool {
    url.get(..6).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https:"))
}

pub(super) async fn ask(url: &str, status: u16, contains: Option<&str>) -> Outcome {
    let client = match if is_secure(url) { &*SECURE } else { &*PLAIN } {
        Ok(client) => client,
        Err(error) => return Outcome::Impossible { detail: format!("no HTTP client: {error}") },
    };
    let started = Instant::now();
    match client.get(url).header(reqwest::header::CONNECTION, "close").send().await {
        Ok(response) => judge(response, status, contains, started).await,
        Err(error) => no_response(&error, started),
    }
}

async fn judge(response: Response, status: u16, contains: Option<&str>, started: Instant) -> Outcome {
    let found = response.status().as_u16();
    if found != status {
        return wrong(format!("HTTP {found}, not {status}"), started);
    }
    let Some(text) = contains else {
        return answered(format!("HTTP {found}"), started);
    };
    match body(response).await {
        Ok(body) if holds(&body, text) => answered(format!("HTTP {found} with `{text}`"), started),
        Ok(_) => wrong(format!("HTTP {found} without `{text}`"), started),
        Err(error) => wrong(format!("HTTP {found}, then {}", innermost(&error)), started),
    }
}

async fn body(mut response: Response) -> reqwest::Result<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        let room = BODY_LIMIT_BYTES - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if body.len() == BODY_LIMIT_BYTES {
            break;
        }
    }
    Ok(body)
}

fn holds(body: &[u8], text: &str) -> bool {
    text.is_empty() || body.windows(text.len()).any(|part| part == text.as_bytes())
}

fn no_response(error: &reqwest::Error, started: Instant) -> Outcome {
    if error.is_builder() {
        return Outcome::Impossible { detail: innermost(error) };
    }
    match io_error(error) {
        Some(io) if error.is_connect() && io.get_ref().is_none() => failed(io),
        _ => wrong(innermost(error), started),
    }
}

/// The system's own error below the library's layers.
fn io_error(error: &reqwest::Error) -> Option<&io::Error> {
    chain(error).filter_map(|error| error.downcast_ref()).last()
}

fn innermost(error: &reqwest::Error) -> String {
    chain(error).last().map_or_else(|| error.to_string(), ToString::to_string)
}

/// An error, what caused it, what caused that.
fn chain(error: &reqwest::Error) -> impl Iterator<Item = &(dyn Error + 'static)> {
    std::iter::successors(Some(error as &(dyn Error + 'static)), |&error| error.source())
}
