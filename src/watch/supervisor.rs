//! Tells a service manager that the monitor is up and alive: systemd's notification protocol, `sd_notify(3)`. Does nothing
//! where no service manager listens.

use std::ffi::OsStr;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Where the service manager listens, and how often it wants a sign of life.
#[derive(Debug, Default)]
pub struct Supervisor {
    line: Option<(UnixDatagram, SocketAddr)>,
    /// A third of the time after which it takes us for dead.
    every: Option<Duration>,
    last: Mutex<Option<Instant>>,
}

impl Supervisor {
    /// The service manager that started this process, by `NOTIFY_SOCKET` and `WATCHDOG_USEC`.
    pub fn from_environment() -> Self {
        let micros = std::env::var("WATCHDOG_USEC").ok().and_then(|text| text.parse().ok());
        let pid = std::env::var("WATCHDOG_PID").ok();
        let ours = pid.is_none_or(|pid| pid == std::process::id().to_string());
        let watchdog = micros.filter(|_| ours).map(Duration::from_micros);
        std::env::var_os("NOTIFY_SOCKET").map_or_else(Self::default, |socket| Self::at(&socket, watchdog))
    }

    /// One that listens at `socket`: a path, or a name after `@`. After `watchdog` without a sign of life it ends us.
    pub fn at(socket: &OsStr, watchdog: Option<Duration>) -> Self {
        let address = match socket.as_bytes().strip_prefix(b"@") {
            Some(name) => SocketAddr::from_abstract_name(name),
            None => SocketAddr::from_pathname(socket),
        };
        let line = address.and_then(|address| {
            let line = UnixDatagram::unbound()?;
            // A service manager that does not read must not hold us up.
            line.set_nonblocking(true)?;
            Ok((line, address))
        });
        if let Err(error) = &line {
            tracing::warn!(%error, "the service manager cannot be told anything");
        }
        Self { line: line.ok(), every: watchdog.map(|time| time / 3), last: Mutex::default() }
    }

    pub fn ready(&self, status: &str) {
        self.say(&format!("READY=1\nSTATUS={status}"));
    }

    pub fn status(&self, status: &str) {
        self.say(&format!("STATUS={status}"));
    }

    pub fn stopping(&self) {
        self.say("STOPPING=1");
    }

    /// A sign of life, as often as it is wanted.
    pub fn alive(&self) {
        let Some(every) = self.every else { return };
        let Ok(mut last) = self.last.lock() else { return };
        if last.is_none_or(|last| last.elapsed() >= every) {
            *last = Some(Instant::now());
            self.say("WATCHDOG=1");
        }
    }

    /// Waits for something that has a deadline of its own, and gives signs of life meanwhile.
    pub async fn alive_beside<T>(&self, work: impl Future<Output = T>) -> T {
        let Some(every) = self.every else { return work.await };
        let mut turn = tokio::time::interval(every);
        tokio::pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return done,
                _ = turn.tick() => self.alive(),
            }
        }
    }

    fn say(&self, words: &str) {
        if let Some((line, address)) = &self.line {
            // It may be gone, or full; the next word comes soon.
            let _ = line.send_to_addr(words.as_bytes(), address);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(socket: &UnixDatagram) -> String {
        let mut buffer = [0; 200];
        let length = socket.recv(&mut buffer).unwrap();
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    }

    #[tokio::test]
    async fn what_it_says_arrives() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        manager.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let supervisor = Supervisor::at(path.as_os_str(), Some(Duration::from_millis(60)));
        supervisor.ready("leads");
        assert_eq!(heard(&manager), "READY=1\nSTATUS=leads");
        supervisor.alive();
        supervisor.alive();
        assert_eq!(heard(&manager), "WATCHDOG=1");
        supervisor.stopping();
        assert_eq!(heard(&manager), "STOPPING=1", "a second sign of life at once is not wanted");
        supervisor.alive_beside(tokio::time::sleep(Duration::from_millis(30))).await;
        assert_eq!(heard(&manager), "WATCHDOG=1");
    }

    #[test]
    fn a_name_without_a_file_is_an_address_too() {
        let name = format!("reveille-test-{}", std::process::id());
        let manager = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        Supervisor::at(OsStr::new(&format!("@{name}")), None).status("stands by");
        assert_eq!(heard(&manager), "STATUS=stands by");
    }

    #[test]
    fn nobody_listening_is_no_error() {
        let supervisor = Supervisor::at(OsStr::new("/nowhere/notify"), Some(Duration::ZERO));
        supervisor.ready("leads");
        supervisor.alive();
        Supervisor::default().stopping();
    }
}
