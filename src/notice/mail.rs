//! Happenings as one mail, handed to the machine's `sendmail` or to a relay (RFC 5321, without a password).

use std::fmt::Write;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use super::message::{Context, Message};
use super::program::{self, Program};
use crate::report::watch::lines;
use crate::site::notice::Mail;

/// A relay's reply line, at most (RFC 5321 4.5.3.1.5 asks for 512).
const REPLY_BYTES: u64 = 4096;

/// Lines of one reply, at most.
const REPLY_LINES: usize = 100;

pub(super) async fn send(mail: &Mail, messages: &[Message], context: &Context) -> Result<(), String> {
    let text = compose(mail, messages, context, Timestamp::now());
    if mail.via.value == "sendmail" {
        let to = mail.to.iter().map(|to| to.value.clone());
        let argv = ["/usr/sbin/sendmail", "-i", "-f", mail.from.as_str(), "--"].map(str::to_owned);
        let argv = argv.into_iter().chain(to).collect();
        let input = text.replace("\r\n", "\n");
        return program::run(Program { argv, folder: context.root.clone(), environment: Vec::new(), input })
            .await;
    }
    let stream = TcpStream::connect(mail.via.as_str())
        .await
        .map_err(|error| format!("{}: {error}", mail.via.value))?;
    talk(stream, mail, &text, context).await.map_err(|why| format!("{}: {why}", mail.via.value))
}

/// The whole conversation with a relay.
async fn talk(stream: TcpStream, mail: &Mail, text: &str, context: &Context) -> Result<(), String> {
    let mut relay = BufReader::new(stream);
    reply(&mut relay, "220").await?;
    say(&mut relay, &format!("EHLO {}", context.host), "250").await?;
    say(&mut relay, &format!("MAIL FROM:<{}>", mail.from.value), "250").await?;
    for to in &mail.to {
        say(&mut relay, &format!("RCPT TO:<{}>", to.value), "25").await?;
    }
    say(&mut relay, "DATA", "354").await?;
    say(&mut relay, &format!("{}\r\n.", stuffed(text)), "250").await?;
    // It has the mail: how it says goodbye does not matter.
    let _ = relay.write_all(b"QUIT\r\n").await;
    Ok(())
}

async fn say(relay: &mut BufReader<TcpStream>, line: &str, expected: &str) -> Result<(), String> {
    relay.write_all(format!("{line}\r\n").as_bytes()).await.map_err(|error| error.to_string())?;
    reply(relay, expected).await
}

/// One reply, of however many lines; its code must begin so.
async fn reply(relay: &mut BufReader<TcpStream>, expected: &str) -> Result<(), String> {
    for _ in 0..REPLY_LINES {
        let mut line = Vec::new();
        let read = (&mut *relay).take(REPLY_BYTES).read_until(b'\n', &mut line).await;
        if read.map_err(|error| error.to_string())? == 0 {
            return Err("it ended the conversation".to_owned());
        }
        let line = String::from_utf8_lossy(&line);
        let line = line.trim_end();
        if line.as_bytes().get(3) == Some(&b'-') {
            continue;
        }
        return if line.starts_with(expected) { Ok(()) } else { Err(format!("it said `{line}`")) };
    }
    Err("its reply has no end".to_owned())
}

/// A line that begins with a dot gets another (RFC 5321 4.5.2).
fn stuffed(text: &str) -> String {
    text.split("\r\n")
        .map(|line| if line.starts_with('.') { format!(".{line}") } else { line.to_owned() })
        .collect::<Vec<_>>()
        .join("\r\n")
}

/// Header and body, lines ended as mail has it. The gravest happening is the subject.
fn compose(mail: &Mail, messages: &[Message], context: &Context, now: Timestamp) -> String {
    let gravest = messages.iter().max_by_key(|message| message.told.what.gravity());
    let mut subject =
        gravest.map_or(String::new(), |one| format!("[{}] {}", context.site, lines::titled(&one.told)));
    if messages.len() > 1 {
        let _ = write!(subject, " (and {} more)", messages.len() - 1);
    }
    let to: Vec<&str> = mail.to.iter().map(|to| to.as_str()).collect();
    let zone = TimeZone::system();
    let date = jiff::fmt::rfc2822::to_string(&now.to_zoned(zone.clone())).unwrap_or_default();
    let body: String =
        messages.iter().fold(String::new(), |body, one| body + &lines::line(&one.told, &zone) + "\n");
    let head = [
        format!("From: {}", mail.from.value),
        format!("To: {}", to.join(", ")),
        format!("Subject: {}", encoded(&subject)),
        format!("Date: {date}"),
        format!("Message-ID: <{}.{}@{}>", now.as_nanosecond(), std::process::id(), context.host),
        "Auto-Submitted: auto-generated".to_owned(),
        "MIME-Version: 1.0".to_owned(),
        "Content-Type: text/plain; charset=utf-8".to_owned(),
        "Content-Transfer-Encoding: base64".to_owned(),
    ];
    format!("{}\r\n\r\n{}", head.join("\r\n"), wrapped(&BASE64_STANDARD.encode(body)))
}

/// A subject's text on one line; where it needs to be, in words of RFC 2047, each short enough.
fn encoded(subject: &str) -> String {
    let subject: String = subject.chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect();
    if subject.is_ascii() && subject.len() < 70 {
        return subject;
    }
    let chars: Vec<char> = subject.chars().collect();
    let words = chars
        .chunks(11)
        .map(|part| format!("=?utf-8?B?{}?=", BASE64_STANDARD.encode(part.iter().collect::<String>())));
    words.collect::<Vec<_>>().join("\r\n ")
}

fn wrapped(base64: &str) -> String {
    let lines: Vec<String> =
        base64.as_bytes().chunks(76).map(|line| String::from_utf8_lossy(line).into_owned()).collect();
    lines.join("\r\n")
}
