//! One mail client's dialogue over a connection of its own: greeting, EHLO, QUIT (RFC 5321). No message is ever sent.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// More than a reply to EHLO has any reason to be.
const MAX_REPLY: u64 = 64 * 1024;

/// Served is who is told 250 after EHLO. Anything else, 421 (too busy for one more client) included, is an error.
pub(super) async fn ask(server: SocketAddr) -> io::Result<()> {
    let mut stream = BufReader::new(TcpStream::connect(server).await?);
    let ip = stream.get_ref().local_addr()?.ip();
    expect(&mut stream, "220").await?;
    let literal = if ip.is_ipv4() { format!("[{ip}]") } else { format!("[IPv6:{ip}]") };
    stream.write_all(format!("EHLO {literal}\r\n").as_bytes()).await?;
    expect(&mut stream, "250").await?;
    // Whether the farewell arrives changes nothing.
    let _ = stream.write_all(b"QUIT\r\n").await;
    Ok(())
}

/// `250-…` lines up to the one without a hyphen after its code.
async fn expect(stream: &mut BufReader<TcpStream>, code: &str) -> io::Result<()> {
    let mut limited = stream.take(MAX_REPLY);
    loop {
        let mut line = Vec::new();
        if limited.read_until(b'\n', &mut line).await? == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "dialogue broken off"));
        }
        if line.get(..3) != Some(code.as_bytes()) {
            let said = String::from_utf8_lossy(&line[..line.len().min(3)]).into_owned();
            return Err(io::Error::other(format!("reply {said}")));
        }
        if line.get(3) != Some(&b'-') {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    /// What a client makes of a server that says these things, one after each line it hears.
    async fn judged(script: &'static [&'static str]) -> io::Result<()> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let server = listener.local_addr()?;
        let talking = async {
            let (mut stream, _) = listener.accept().await?;
            for says in script {
                stream.write_all(says.as_bytes()).await?;
                let mut heard = [0; 100];
                let _ = stream.read(&mut heard).await;
            }
            Ok::<(), io::Error>(())
        };
        let (asked, _) = tokio::join!(ask(server), talking);
        asked
    }

    #[tokio::test]
    async fn served_is_who_is_greeted_and_heard() {
        judged(&["220 mail\r\n", "250-mail\r\n250-SIZE\r\n250 HELP\r\n"]).await.unwrap();
        let words = |result: io::Result<()>| result.unwrap_err().to_string();
        assert_eq!(words(judged(&["421 busy\r\n"]).await), "reply 421");
        assert_eq!(words(judged(&["220 mail\r\n", "554 no\r\n"]).await), "reply 554");
        assert_eq!(words(judged(&["220 mail\r\n"]).await), "dialogue broken off");
    }
}
