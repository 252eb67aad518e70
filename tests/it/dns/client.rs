//! A client of a name server that asks all the time, changes the zone once a second, and judges every answer: the
//! right address, and no older value than one that was acknowledged before it asked.

use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use reveille::module::dns::{Question, Reply};
use reveille::site::action::RecordType;
use tokio::net::UdpSocket;

use crate::world::World;

/// This many questions every millisecond.
const AT_A_TIME: u64 = 2;
/// Longer times without a good answer are told.
const GAP: Duration = Duration::from_millis(50);
/// More wrong answers than these need not be kept.
const MOST_WRONG: usize = 20;

/// Values of the record that is changed: the last that was sent, and the last that was acknowledged.
#[derive(Default)]
struct Ticks {
    sent: AtomicU64,
    acknowledged: AtomicU64,
    stop: AtomicBool,
}

/// A flood of questions under way, and the updates beside it.
pub struct Flood {
    ticks: Arc<Ticks>,
    asker: JoinHandle<Seen>,
    updater: JoinHandle<Vec<u64>>,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Seen {
    pub time: Duration,
    pub asked: u64,
    pub good: u64,
    /// Answers that no client may get.
    pub wrong: Vec<String>,
    /// Times without a good answer: when they began, and how long they were.
    pub gaps: Vec<(Duration, Duration)>,
    /// The updates that were acknowledged.
    pub acknowledged: Vec<u64>,
}

impl Flood {
    /// Asks `world`'s service from the lab's client.
    pub fn start(world: &World) -> Self {
        let ticks = Arc::new(Ticks::default());
        let server: SocketAddr = format!("{}:53", world.address).parse().unwrap();
        let shared = Arc::clone(&ticks);
        let asker = world.at_client(async move || Asker::new(shared, server).run().await);
        let nsupdate = Updates::of(world);
        let shared = Arc::clone(&ticks);
        let updater = thread::spawn(move || nsupdate.every_second(&shared));
        Self { ticks, asker, updater }
    }

    /// The updates that were acknowledged until now.
    pub fn acknowledged(&self) -> u64 {
        self.ticks.acknowledged.load(Ordering::SeqCst)
    }

    pub fn stop(self) -> Seen {
        self.ticks.stop.store(true, Ordering::SeqCst);
        let acknowledged = self.updater.join().unwrap();
        Seen { acknowledged, ..self.asker.join().unwrap() }
    }
}

/// `nsupdate` on the client, with the key that the hosts made.
pub struct Updates {
    command: Vec<String>,
    server: String,
}

impl Updates {
    pub fn of(world: &World) -> Self {
        let key = world.lab.shared("dns/update.key");
        let argv = ["nsupdate", "-t", "2", "-u", "1", "-r", "1", "-k", key.to_str().unwrap()];
        let command = world.lab.command("client", argv).unwrap();
        let words = std::iter::once(command.get_program()).chain(command.get_args());
        let command = words.map(|word| word.to_str().unwrap().to_owned()).collect();
        Self { command, server: world.address.clone() }
    }

    /// Sends an update; whether it was acknowledged.
    pub fn send(&self, changes: &str) -> bool {
        let text = format!("server {}\nzone example.org\n{changes}send\n", self.server);
        let mut nsupdate = std::process::Command::new(&self.command[0]);
        nsupdate.args(&self.command[1..]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = nsupdate.spawn().unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), text.as_bytes()).unwrap();
        child.wait().unwrap().success()
    }

    /// Sets `tick` to this number, and leaves a record that stays.
    pub fn tick(&self, number: u64) -> bool {
        self.send(&format!(
            "update delete tick.example.org TXT\nupdate add tick.example.org 0 TXT {number}\n\
             update add u{number}.example.org 60 TXT {number}\n"
        ))
    }

    fn every_second(&self, ticks: &Ticks) -> Vec<u64> {
        let mut acknowledged = Vec::new();
        for number in 1.. {
            if ticks.stop.load(Ordering::SeqCst) {
                break;
            }
            let next = Instant::now() + Duration::from_secs(1);
            ticks.sent.store(number, Ordering::SeqCst);
            if self.tick(number) {
                ticks.acknowledged.store(number, Ordering::SeqCst);
                acknowledged.push(number);
            }
            thread::sleep(next.saturating_duration_since(Instant::now()));
        }
        acknowledged
    }
}

/// A question that was asked, by its number: what had been acknowledged when it was.
type Asked = Option<u64>;

struct Asker {
    ticks: Arc<Ticks>,
    server: SocketAddr,
    start: Instant,
    last: Instant,
    pending: Vec<Asked>,
    seen: Seen,
    /// The record that never changes, and the one that does.
    questions: [Question; 2],
}

impl Asker {
    fn new(ticks: Arc<Ticks>, server: SocketAddr) -> Self {
        let question = |name, kind| Question::new(name, kind).unwrap();
        let questions =
            [question("ns1.example.org", RecordType::A), question("tick.example.org", RecordType::Txt)];
        let (start, pending) = (Instant::now(), vec![None; 1 << 16]);
        Self { ticks, server, start, last: start, pending, seen: Seen::default(), questions }
    }

    async fn run(mut self) -> Seen {
        let socket = UdpSocket::bind("0.0.0.0:0").await.unwrap();
        let mut clock = tokio::time::interval(Duration::from_millis(1));
        let mut datagram = [0; 1500];
        while !self.ticks.stop.load(Ordering::SeqCst) {
            tokio::select! {
                _ = clock.tick() => self.ask(&socket).await,
                // Whatever a host's kernel says of a port is no answer.
                Ok(length) = socket.recv(&mut datagram) => self.answered(&datagram[..length]),
            }
        }
        self.gap();
        Seen { time: self.start.elapsed(), ..self.seen }
    }

    async fn ask(&mut self, socket: &UdpSocket) {
        for _ in 0..AT_A_TIME {
            let id = u16::try_from(self.seen.asked & 0xffff).unwrap();
            self.pending[usize::from(id)] = Some(self.ticks.acknowledged.load(Ordering::SeqCst));
            self.seen.asked += 1;
            // Where there is no way to the server, there is no answer either.
            let _ = socket.send_to(&self.questions[usize::from(id % 2)].encode(id), self.server).await;
        }
    }

    fn answered(&mut self, datagram: &[u8]) {
        let Some((id, _)) = datagram.split_first_chunk() else { return };
        let id = u16::from_be_bytes(*id);
        let changing = usize::from(id % 2);
        let Some(reply) = self.questions[changing].decode(id, datagram) else { return };
        let Some(acknowledged) = self.pending[usize::from(id)].take() else { return };
        let right = match changing {
            0 => reply.rcode == 0 && reply.records == [self.server.ip().to_string()],
            _ => self.is_fresh(&reply, acknowledged),
        };
        if right {
            self.seen.good += 1;
            self.gap();
        } else if self.seen.wrong.len() < MOST_WRONG {
            let at = self.start.elapsed();
            self.seen.wrong.push(format!("{at:?}: {reply:?}, {acknowledged} had been acknowledged"));
        }
    }

    /// Nothing older than what was acknowledged before the question, nothing that was never sent.
    fn is_fresh(&self, reply: &Reply, acknowledged: u64) -> bool {
        let value = reply.records.first().and_then(|text| text.trim_matches('"').parse::<u64>().ok());
        match value {
            Some(value) => value >= acknowledged && value <= self.ticks.sent.load(Ordering::SeqCst),
            None => acknowledged == 0,
        }
    }

    fn gap(&mut self) {
        let (last, now) = (self.last, Instant::now());
        self.last = now;
        if now - last > GAP {
            self.seen.gaps.push((last - self.start, now - last));
        }
    }
}
