//! One question over UDP from a port of its own (RFC 1035).

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use anyhow::{Context, Result};
use tokio::net::UdpSocket;

use super::url::Url;
use crate::module::dns::{Question, rcode_name};

/// The longest answer over UDP without EDNS.
const MAX_ANSWER: usize = 512;

/// What `/NAME[?type=TYPE]` asks for.
pub(super) fn question(url: &Url) -> Result<Question> {
    let asked = url.path.trim_start_matches('/');
    let (name, kind) = asked.split_once("?type=").unwrap_or((asked, "A"));
    Question::parse(name, kind).with_context(|| format!("`{asked}` is no name that can be asked for"))
}

/// Served is who gets an answer to its question with status NOERROR.
pub(super) async fn ask(server: SocketAddr, question: &Question) -> io::Result<()> {
    let any = if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind(SocketAddr::new(any, 0)).await?;
    socket.connect(server).await?;
    // Each question has a port of its own; that tells its answer from others.
    let id = socket.local_addr()?.port();
    socket.send(&question.encode(id)).await?;
    let mut bytes = [0; MAX_ANSWER];
    loop {
        let length = socket.recv(&mut bytes).await?;
        match question.decode(id, &bytes[..length]) {
            Some(reply) if reply.rcode == 0 => return Ok(()),
            Some(reply) => return Err(io::Error::other(rcode_name(reply.rcode))),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn judged(rcode: u8) -> io::Result<()> {
        let socket = UdpSocket::bind("127.0.0.1:0").await?;
        let server = socket.local_addr()?;
        let question = question(&Url::parse("dns://127.0.0.1/a.test?type=SOA").unwrap()).unwrap();
        let answering = async {
            let mut bytes = [0; MAX_ANSWER];
            let (length, from) = socket.recv_from(&mut bytes).await?;
            // Noise first: an answer to somebody else's question.
            let mut other = bytes[..length].to_vec();
            other[0] ^= 0xff;
            socket.send_to(&other, from).await?;
            bytes[2] |= 0x80;
            bytes[3] |= rcode;
            socket.send_to(&bytes[..length], from).await
        };
        let (asked, _) = tokio::join!(ask(server, &question), answering);
        asked
    }

    #[tokio::test]
    async fn an_answer_without_error_counts() {
        judged(0).await.unwrap();
        assert_eq!(judged(2).await.unwrap_err().to_string(), "SERVFAIL");
    }

    #[test]
    fn a_name_and_a_type_are_asked_for() {
        let asked = |text: &str| question(&Url::parse(text).unwrap()).map(|question| question.to_string());
        assert_eq!(asked("dns://h1/www.a.test").unwrap(), "www.a.test A");
        assert_eq!(asked("dns://h1/a.test?type=mx").unwrap(), "a.test MX");
        assert!(asked("dns://h1/a.test?type=wks").is_err() && asked("dns://h1/a..b").is_err());
    }
}
