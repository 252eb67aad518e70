//! A mail client's dialogue (RFC 5321): greeting, EHLO, a sender and a recipient if told so, RSET, QUIT. No message is
//! ever sent.

use std::io;
use std::time::Instant;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use super::{Outcome, answered, bare, failed, warned, wrong};

/// "Service not available, closing transmission channel": the server lives, and takes no more clients now.
const TOO_BUSY: u16 = 421;

/// More than any reply has any reason to be.
const REPLY_LIMIT_BYTES: u64 = 64 * 1024;

/// What the dialogue is about.
pub(super) struct Dialogue<'a> {
    pub host: &'a str,
    pub port: u16,
    pub helo: Option<&'a str>,
    pub from: Option<&'a str>,
    pub to: Option<&'a str>,
}

/// A reply with its code and its last line.
struct Reply {
    code: u16,
    line: String,
}

pub(super) async fn ask(dialogue: &Dialogue<'_>) -> Outcome {
    let started = Instant::now();
    let stream = match TcpStream::connect((bare(dialogue.host), dialogue.port)).await {
        Ok(stream) => stream,
        Err(error) => return failed(&error),
    };
    let mut server = match Server::new(stream) {
        Ok(server) => server,
        Err(error) => return wrong(error.to_string(), started),
    };
    match server.converse(dialogue).await {
        Ok(Ok(greeting)) => answered(greeting, started),
        Ok(Err(reply)) if reply.code == TOO_BUSY => warned(format!("too busy: {}", reply.line), started),
        Ok(Err(reply)) => wrong(reply.line, started),
        Err(error) => wrong(format!("the dialogue broke off: {error}"), started),
    }
}

struct Server {
    stream: BufReader<TcpStream>,
    /// What we are called where nobody said it (RFC 5321, 4.1.3).
    literal: String,
}

impl Server {
    fn new(stream: TcpStream) -> io::Result<Self> {
        let ip = stream.local_addr()?.ip();
        let literal = if ip.is_ipv4() { format!("[{ip}]") } else { format!("[IPv6:{ip}]") };
        Ok(Self { stream: BufReader::new(stream), literal })
    }

    /// The greeting if all went well, or the reply that was not the expected one.
    async fn converse(&mut self, dialogue: &Dialogue<'_>) -> io::Result<Result<String, Reply>> {
        let greeting = self.reply().await?;
        if greeting.code != 220 {
            return Ok(Err(greeting));
        }
        let name = dialogue.helo.unwrap_or(&self.literal);
        let mut commands = vec![format!("EHLO {name}")];
        if dialogue.from.is_some() || dialogue.to.is_some() {
            commands.push(format!("MAIL FROM:<{}>", dialogue.from.unwrap_or_default()));
            commands.extend(dialogue.to.map(|to| format!("RCPT TO:<{to}>")));
            commands.push("RSET".to_owned());
        }
        for command in commands {
            self.say(&command).await?;
            let reply = self.reply().await?;
            if !(200..300).contains(&reply.code) {
                let line = format!("to {command}: {}", reply.line);
                return Ok(Err(Reply { line, ..reply }));
            }
        }
        // The answer is known; whether the farewell arrives changes nothing.
        let _ = self.say("QUIT").await;
        Ok(Ok(greeting.line))
    }

    async fn say(&mut self, command: &str) -> io::Result<()> {
        self.stream.write_all(format!("{command}\r\n").as_bytes()).await
    }

    /// `250-…` lines up to the one with a blank after its code.
    async fn reply(&mut self) -> io::Result<Reply> {
        let mut limited = (&mut self.stream).take(REPLY_LIMIT_BYTES);
        loop {
            let mut line = Vec::new();
            if limited.read_until(b'\n', &mut line).await? == 0 {
                return Err(io::Error::other("the connection ended"));
            }
            let line = String::from_utf8_lossy(&line).trim_end().to_owned();
            let code = line.get(..3).and_then(|code| code.parse().ok());
            let Some(code) = code else { return Err(io::Error::other(format!("`{line}` is no SMTP"))) };
            if line.as_bytes().get(3) != Some(&b'-') {
                return Ok(Reply { code, line });
            }
        }
    }
}
