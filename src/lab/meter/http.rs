//! One HTTP/1.1 GET over a connection of its own, as cheap as can be: hundreds a second must not cost a core.
//!
//! No redirects, no TLS, no keep-alive: the meter asks whether a new client would be served (RFC 9112).

use std::io;
use std::net::SocketAddr;

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, lookup_host};

/// Longer pages are cut here; what a meter asks for is small.
const MAX_ANSWER: u64 = 1 << 20;

/// Where to ask, resolved once.
#[derive(Clone, Debug)]
pub(super) struct Target {
    address: SocketAddr,
    request: String,
}

/// `http://HOST[:PORT][/PATH]` in its parts.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Url {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) path: String,
}

impl Url {
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let Some(rest) = text.strip_prefix("http://") else { bail!("`{text}` is not an http:// address") };
        let rest = rest.split('#').next().unwrap_or(rest);
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => {
                (host, port.parse().with_context(|| format!("port of `{text}`"))?)
            }
            _ => (authority, 80),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        if host.is_empty() || text.contains(|c: char| c.is_whitespace() || c.is_control()) {
            bail!("`{text}` is not an address one can ask");
        }
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        Ok(Self { host, port, path })
    }
}

impl Target {
    pub(super) async fn resolve(url: &Url) -> Result<Self> {
        let found = lookup_host((url.host.as_str(), url.port)).await;
        let address = found
            .ok()
            .and_then(|mut all| all.next())
            .with_context(|| format!("no address for `{}`", url.host))?;
        let (host, path) = (&url.host, &url.path);
        let name = if host.contains(':') { format!("[{host}]") } else { host.clone() };
        let authority = if url.port == 80 { name } else { format!("{name}:{}", url.port) };
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: reveille-meter\r\nConnection: close\r\n\r\n"
        );
        Ok(Self { address, request })
    }

    /// Asks once and reads the whole answer. An answer other than 2xx or 3xx, or a broken off one, is an error.
    pub(super) async fn ask(&self) -> io::Result<()> {
        let mut stream = TcpStream::connect(self.address).await?;
        stream.write_all(self.request.as_bytes()).await?;
        let mut answer = Vec::with_capacity(1024);
        stream.take(MAX_ANSWER).read_to_end(&mut answer).await?;
        judge(&answer)
    }
}

fn judge(answer: &[u8]) -> io::Result<()> {
    let cut_short = || io::Error::new(io::ErrorKind::UnexpectedEof, "answer broken off");
    let head_end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").ok_or_else(cut_short)?;
    let head = String::from_utf8_lossy(&answer[..head_end]);
    let mut lines = head.split("\r\n");
    let status =
        lines.next().and_then(|line| line.strip_prefix("HTTP/1.")?.split(' ').nth(1)).unwrap_or_default();
    if !status.starts_with(['2', '3']) {
        return Err(io::Error::other(format!("status {status}")));
    }
    let length = lines
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let expected: usize = length.and_then(|(_, value)| value.trim().parse().ok()).unwrap_or(0);
    let received = answer.len() - head_end - 4;
    if received < expected && received as u64 + 1024 < MAX_ANSWER { Err(cut_short()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_fall_into_their_parts() {
        let url = |text: &str| Url::parse(text).map(|url| (url.host, url.port, url.path));
        assert_eq!(
            url("http://10.83.0.80/healthz?x=1").unwrap(),
            ("10.83.0.80".into(), 80, "/healthz?x=1".into())
        );
        assert_eq!(url("http://h1:8080").unwrap(), ("h1".into(), 8080, "/".into()));
        assert_eq!(url("http://[fd00::1]/").unwrap(), ("fd00::1".into(), 80, "/".into()));
        assert_eq!(url("http://[fd00::1]:81?q").unwrap(), ("fd00::1".into(), 81, "/?q".into()));
    }

    #[test]
    fn what_is_no_plain_url_is_refused() {
        for text in ["https://h1/", "h1", "http://", "http://h1:x/", "http://h1/a b", "http://h1/\r\nX: y"] {
            assert!(Url::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn only_whole_good_answers_count() {
        judge(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").unwrap();
        judge(b"HTTP/1.0 304 Not Modified\r\n\r\n").unwrap();
        assert_eq!(judge(b"HTTP/1.1 503 Busy\r\n\r\n").unwrap_err().to_string(), "status 503");
        assert!(judge(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok").is_err());
        assert!(judge(b"HTTP/1.1 200 OK\r\nContent").is_err());
        assert!(judge(b"").is_err());
    }
}
