//! Both ends of SMTP, on the lab's client: a poster that tries each message until it is taken and remembers how every
//! attempt ended, and an exchange of another domain that can be down.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{interval, sleep, timeout};

use crate::world::World;

/// How long one attempt may take.
const PATIENCE: Duration = Duration::from_secs(3);
/// From a failed attempt to the next.
const PAUSE: Duration = Duration::from_millis(200);
/// The header by which an attempt is known again: `X-Post: MESSAGE.ATTEMPT`.
const MARK: &str = "X-Post: ";

/// How an attempt to hand over a message ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// The server said 250: the message is its own now.
    Taken,
    /// It ended before the message did: the server has none.
    Refused,
    /// The message was sent whole and no reply came: nobody but the server knows.
    Unknown,
}

/// How each attempt ended, by its mark.
pub type Attempts = BTreeMap<String, Attempt>;

/// Messages under way at a steady rate.
pub struct Post {
    taken: Arc<AtomicUsize>,
    thread: JoinHandle<Attempts>,
}

impl Post {
    /// Sends messages `1` to `count` to a recipient, one every so often, each until it is taken.
    pub fn start(world: &World, to: &str, count: usize, every: Duration) -> Self {
        let taken = Arc::new(AtomicUsize::new(0));
        let letter = Letter { server: format!("{}:25", world.address).parse().unwrap(), to: to.to_owned() };
        let counter = Arc::clone(&taken);
        let thread = world.at_client(async move || {
            let mut clock = interval(every);
            let mut under_way = JoinSet::new();
            for number in 1..=count {
                clock.tick().await;
                let (letter, counter) = (letter.clone(), Arc::clone(&counter));
                under_way.spawn(async move {
                    let attempts = letter.send(number).await;
                    counter.fetch_add(1, Ordering::SeqCst);
                    attempts
                });
            }
            under_way.join_all().await.into_iter().flatten().collect()
        });
        Self { taken, thread }
    }

    /// How many were taken until now.
    pub fn taken(&self) -> usize {
        self.taken.load(Ordering::SeqCst)
    }

    /// Waits until all are taken.
    pub fn finish(self) -> Attempts {
        self.thread.join().unwrap()
    }
}

#[derive(Clone)]
struct Letter {
    server: SocketAddr,
    to: String,
}

impl Letter {
    async fn send(&self, number: usize) -> Attempts {
        let mut attempts = Attempts::new();
        for attempt in 1.. {
            let mark = format!("{number}.{attempt}");
            let mut ended = Attempt::Refused;
            if let Ok(Err(Said::Never(reply))) = timeout(PATIENCE, self.hand_over(&mark, &mut ended)).await {
                panic!("{mark}: {reply}");
            }
            attempts.insert(mark, ended);
            if ended == Attempt::Taken {
                break;
            }
            sleep(PAUSE).await;
        }
        attempts
    }

    async fn hand_over(&self, mark: &str, ended: &mut Attempt) -> Result<(), Said> {
        let mut server = BufReader::new(TcpStream::connect(self.server).await?);
        let to = &self.to;
        for command in ["", "EHLO client.test", "MAIL FROM:<>", &format!("RCPT TO:<{to}>"), "DATA"] {
            say(&mut server, command).await?;
        }
        server.write_all(format!("{MARK}{mark}\r\nTo: {to}\r\n\r\nHello.\r\n").as_bytes()).await?;
        *ended = Attempt::Unknown;
        say(&mut server, ".").await?;
        *ended = Attempt::Taken;
        Ok(())
    }
}

/// Why a dialogue went no further.
enum Said {
    /// The connection, or a server that asks to come back.
    NotNow,
    /// A reply that no later attempt will change.
    Never(String),
}

impl From<std::io::Error> for Said {
    fn from(_: std::io::Error) -> Self {
        Self::NotNow
    }
}

/// Says a command, or nothing, and reads the whole reply, which must not be one of refusal.
async fn say(server: &mut BufReader<TcpStream>, command: &str) -> Result<(), Said> {
    if !command.is_empty() {
        server.write_all(format!("{command}\r\n").as_bytes()).await?;
    }
    loop {
        let mut line = String::new();
        server.read_line(&mut line).await?;
        match line.as_bytes() {
            [b'2' | b'3', _, _, b'-', ..] => {}
            [b'2' | b'3', ..] => return Ok(()),
            [b'5', ..] => return Err(Said::Never(format!("to {command}: {line}"))),
            _ => return Err(Said::NotNow),
        }
    }
}

/// How long the exchange thinks before it says that a message is taken.
const THOUGHT: Duration = Duration::from_millis(60);

/// A mail exchange on the client's port 25, up for as long as it lives.
pub struct Exchange {
    got: Arc<Mutex<Vec<(String, IpAddr)>>>,
    down: Arc<Notify>,
    thread: Option<JoinHandle<()>>,
}

impl Exchange {
    pub fn up(world: &World) -> Self {
        let (got, down) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Notify::new()));
        let (into, until) = (Arc::clone(&got), Arc::clone(&down));
        let thread = world.at_client(async move || {
            let listener = TcpListener::bind("0.0.0.0:25").await.unwrap();
            let mut clients = JoinSet::new();
            loop {
                tokio::select! {
                    Ok((stream, peer)) = listener.accept() => {
                        clients.spawn(receive(stream, peer.ip(), Arc::clone(&into)));
                    }
                    () = until.notified() => return,
                }
            }
        });
        Self { got, down, thread: Some(thread) }
    }

    /// The marks of all messages that came, and from whom, in their order.
    pub fn got(&self) -> Vec<(String, IpAddr)> {
        self.got.lock().unwrap().clone()
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.down.notify_one();
        let ended = self.thread.take().unwrap().join();
        assert!(ended.is_ok() || std::thread::panicking(), "the exchange failed");
    }
}

/// One client's messages, as many as it likes; `None` when it goes.
async fn receive(stream: TcpStream, peer: IpAddr, got: Arc<Mutex<Vec<(String, IpAddr)>>>) -> Option<()> {
    let mut client = BufReader::new(stream);
    client.write_all(b"220 exchange.test ESMTP\r\n").await.ok()?;
    let (mut message, mut in_message) = (String::new(), false);
    loop {
        let mut line = String::new();
        client.read_line(&mut line).await.ok().filter(|length| *length > 0)?;
        let reply = match (in_message, line.trim_end()) {
            (true, ".") => {
                in_message = false;
                got.lock().unwrap().extend(mark(&message).map(|mark| (mark, peer)));
                sleep(THOUGHT).await;
                "250 taken"
            }
            (true, text) => {
                message.extend([text, "\n"]);
                continue;
            }
            (false, "DATA") => {
                (message, in_message) = (String::new(), true);
                "354 go on"
            }
            (false, "QUIT") => "221 farewell",
            (false, _) => "250 very well",
        };
        client.write_all(format!("{reply}\r\n").as_bytes()).await.ok()?;
    }
}

/// The mark of a message.
pub fn mark(message: &str) -> Option<String> {
    message.lines().find_map(|line| line.strip_prefix(MARK)).map(str::to_owned)
}
