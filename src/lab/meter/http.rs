//! One HTTP/1.1 GET over a connection of its own, as cheap as can be: hundreds a second must not cost a core.
//!
//! No redirects, no TLS, no keep-alive: the meter asks whether a new client would be served (RFC 9112).

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::url::Url;

/// Longer pages are cut here; what a meter asks for is small.
const MAX_ANSWER: u64 = 1 << 20;

pub(super) fn request(url: &Url) -> String {
    format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: reveille-meter\r\nConnection: close\r\n\r\n",
        url.path,
        url.authority()
    )
}

/// Asks once and reads the whole answer. An answer other than 2xx or 3xx, or a broken off one, is an error.
pub(super) async fn ask(server: SocketAddr, request: &str) -> io::Result<()> {
    let mut stream = TcpStream::connect(server).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::with_capacity(1024);
    stream.take(MAX_ANSWER).read_to_end(&mut answer).await?;
    judge(&answer)
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
    fn only_whole_good_answers_count() {
        judge(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").unwrap();
        judge(b"HTTP/1.0 304 Not Modified\r\n\r\n").unwrap();
        assert_eq!(judge(b"HTTP/1.1 503 Busy\r\n\r\n").unwrap_err().to_string(), "status 503");
        assert!(judge(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok").is_err());
        assert!(judge(b"HTTP/1.1 200 OK\r\nContent").is_err());
        assert!(judge(b"").is_err());
    }
}
