//! One question to one name server: over UDP, and again over TCP if the answer did not fit. The port is fresh and the
//! number random for each, so that only the server can answer.

use std::hash::{BuildHasher, Hasher};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

use super::{Outcome, answered, bare, failed, wrong};
use crate::module::dns::{Question, Reply, rcode_name};

/// The largest datagram without extensions (RFC 1035, 4.2.1), and room for servers that heed no limit.
const DATAGRAM_BYTES: usize = 4096;

pub(super) async fn ask(
    server: &str,
    port: u16,
    question: &Question,
    rcode: u8,
    answer: Option<&str>,
) -> Outcome {
    let to = match tokio::net::lookup_host((bare(server), port)).await.map(|mut found| found.next()) {
        Ok(Some(to)) => to,
        Ok(None) => return Outcome::Impossible { detail: format!("{server}: no address") },
        Err(error) => return Outcome::Impossible { detail: format!("{server}: {error}") },
    };
    let started = Instant::now();
    let id = number();
    let reply = match over_udp(to, id, question).await {
        Ok(reply) if reply.truncated => over_tcp(to, id, question).await,
        other => other,
    };
    match reply {
        Ok(reply) => judge(&reply, question, rcode, answer, started),
        Err(error) if broke_off(&error) => wrong(error.to_string(), started),
        Err(error) => failed(&error),
    }
}

fn judge(reply: &Reply, question: &Question, rcode: u8, answer: Option<&str>, started: Instant) -> Outcome {
    let records = reply.records.join(", ");
    if reply.rcode != rcode {
        return wrong(format!("{}, not {}", rcode_name(reply.rcode), rcode_name(rcode)), started);
    }
    match answer {
        Some(expected) if !reply.holds(expected) => {
            let found = if records.is_empty() { "nothing".to_owned() } else { records };
            wrong(format!("{question} is {found}, not {expected}"), started)
        }
        None if rcode == 0 && reply.records.is_empty() => wrong(format!("no record of {question}"), started),
        _ if records.is_empty() => answered(rcode_name(rcode), started),
        _ => answered(records, started),
    }
}

/// Whether a server was there, and did not finish.
fn broke_off(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionReset, InvalidData, UnexpectedEof};
    matches!(error.kind(), BrokenPipe | ConnectionReset | InvalidData | UnexpectedEof)
}

/// Waits for the answer to this question; whatever else arrives is passed over.
async fn over_udp(to: SocketAddr, id: u16, question: &Question) -> io::Result<Reply> {
    let any: SocketAddr =
        if to.is_ipv4() { (Ipv4Addr::UNSPECIFIED, 0).into() } else { (Ipv6Addr::UNSPECIFIED, 0).into() };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(to).await?;
    socket.send(&question.encode(id)).await?;
    let mut datagram = vec![0; DATAGRAM_BYTES];
    loop {
        let length = socket.recv(&mut datagram).await?;
        if let Some(reply) = question.decode(id, &datagram[..length]) {
            return Ok(reply);
        }
    }
}

async fn over_tcp(to: SocketAddr, id: u16, question: &Question) -> io::Result<Reply> {
    let mut stream = TcpStream::connect(to).await?;
    let message = question.encode(id);
    let length = u16::try_from(message.len()).map_err(io::Error::other)?;
    stream.write_all(&[&length.to_be_bytes()[..], &message].concat()).await?;
    let length = stream.read_u16().await?;
    let mut answer = vec![0; usize::from(length)];
    stream.read_exact(&mut answer).await?;
    let broken = || io::Error::new(io::ErrorKind::InvalidData, "an answer that is none");
    question.decode(id, &answer).ok_or_else(broken)
}

/// A number that nobody can guess.
fn number() -> u16 {
    let random = std::collections::hash_map::RandomState::new().build_hasher().finish();
    u16::try_from(random & 0xffff).unwrap_or_default()
}
