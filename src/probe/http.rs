//! One HTTP or HTTPS request over a connection of its own, as a new client would make it: no proxy, no redirect
//! followed, nothing reused.

use std::collections::HashMap;
use std::error::Error;
use std::io;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use reqwest::redirect::Policy;
use reqwest::tls::TlsInfo;
use reqwest::{Certificate, Client, ClientBuilder, Response};

use super::{Outcome, answered, certificate, failed, wrong};
use crate::module::probe::{Authority, Tls};

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

/// One client for each way to look at certificates, each loaded once.
static SECURE: LazyLock<Mutex<HashMap<Tls, Client>>> = LazyLock::new(Mutex::default);

/// The client for such a URL, which may have to load certificates first.
fn client(url: &str, tls: &Tls) -> Result<Client, String> {
    if !is_secure(url) {
        return PLAIN.clone();
    }
    // When it is too early to warn changes nothing of the client.
    let tls = Tls { expires_in_ms: None, ..tls.clone() };
    if let Some(client) = clients().get(&tls) {
        return Ok(client.clone());
    }
    let client = secure(&tls)?;
    clients().insert(tls, client.clone());
    Ok(client)
}

/// Whoever panicked while holding it left it whole.
fn clients() -> MutexGuard<'static, HashMap<Tls, Client>> {
    SECURE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Certificates are checked as the system does, against the authorities named, or not at all.
fn secure(tls: &Tls) -> Result<Client, String> {
    // An error means that one is installed already, which serves as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = base().tls_info(true).tls_danger_accept_invalid_certs(tls.insecure);
    if let Some(authority) = &tls.ca {
        builder = builder.tls_certs_only(authorities(authority)?);
    }
    build(builder)
}

fn authorities(authority: &Authority) -> Result<Vec<Certificate>, String> {
    let read = match authority {
        Authority::Pem(pem) => Certificate::from_pem_bundle(pem.as_bytes()),
        Authority::Path(path) => {
            let pem = std::fs::read(path).map_err(|error| format!("{path}: {error}"))?;
            Certificate::from_pem_bundle(&pem)
        }
    };
    let certificates = read.map_err(|error| innermost(&error))?;
    if certificates.is_empty() {
        return Err("`ca` holds no certificate in PEM".to_owned());
    }
    Ok(certificates)
}

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
pub(super) async fn prepare(url: &str, tls: &Tls) {
    if is_secure(url) {
        let (url, tls) = (url.to_owned(), tls.clone());
        // Should loading panic, the request will say so.
        let _ = tokio::task::spawn_blocking(move || client(&url, &tls).is_ok()).await;
    }
}

fn is_secure(url: &str) -> bool {
    url.get(..6).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https:"))
}

pub(super) async fn ask(
    url: &str,
    host: Option<&str>,
    status: u16,
    contains: Option<&str>,
    tls: &Tls,
) -> Outcome {
    let client = match client(url, tls) {
        Ok(client) => client,
        Err(error) => return Outcome::Impossible { detail: format!("no HTTP client: {error}") },
    };
    let started = Instant::now();
    let mut request = client.get(url).header(reqwest::header::CONNECTION, "close");
    if let Some(host) = host {
        request = request.header(reqwest::header::HOST, host);
    }
    match request.send().await {
        Ok(response) => {
            let ends = tls.expires_in_ms.and_then(|within_ms| ends_soon(&response, within_ms));
            match (judge(response, status, contains, started).await, ends) {
                (Outcome::Answered { detail, latency_us }, Some(ends)) => {
                    Outcome::Warned { detail: format!("{detail}; {ends}"), latency_us }
                }
                (outcome, _) => outcome,
            }
        }
        Err(error) => no_response(&error, started),
    }
}

/// What is to be said of the server's certificate if it ends within that time.
fn ends_soon(response: &Response, within_ms: u64) -> Option<String> {
    let certificate = response.extensions().get::<TlsInfo>()?.peer_certificate()?;
    let Some(end) = certificate::end(certificate) else {
        return Some("nobody can tell when the certificate ends".to_owned());
    };
    let left_s = end.as_second() - jiff::Timestamp::now().as_second();
    let soon = left_s < i64::try_from(within_ms / 1000).unwrap_or(i64::MAX);
    soon.then(|| format!("the certificate ends in {} d, on {end}", left_s.div_euclid(86_400)))
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
