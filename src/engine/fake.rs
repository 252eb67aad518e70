//! Made-up hosts for the engine's tests: they understand the programs of [`super::script`] whose bodies are written in
//! a few words of their own, and take the (paused) time those ask for.
//!
//! `say TEXT`, `err TEXT`, `sleep MS`, `set KEY`, `unset KEY`, `has KEY` (exits 10 if not set), `count KEY` (one more),
//! `exit N`, `until-count KEY N` (exits 1 below), `lose` (the link is lost here), `die` (the shell is gone).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt};
use tokio::time::{Instant, sleep};

use crate::site::id::HostName;
use crate::transport::{Exit, Job, Line, LineSink, Lost, Transport};

#[derive(Default)]
pub(super) struct World {
    state: Mutex<State>,
    start: Mutex<Option<Instant>>,
}

#[derive(Default)]
pub(super) struct State {
    /// What is set, as `host:key`.
    pub set: BTreeSet<String>,
    pub counts: BTreeMap<String, u32>,
    /// Every word that was run: milliseconds, host, word.
    pub log: Vec<(u128, String, String)>,
    pub unreachable: BTreeSet<String>,
    /// Hosts that are in a newer epoch.
    pub newer: BTreeMap<String, u64>,
    /// Hosts that do not even answer when a program is to be killed.
    pub deaf: BTreeSet<String>,
    pub jobs: usize,
    /// Programs that were running when they were cancelled.
    pub killed: usize,
}

enum Ended {
    Code(i32),
    Lost,
    Died,
}

impl World {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(super) fn is_set(&self, key: &str) -> bool {
        self.state().set.contains(key)
    }

    /// The words run on all hosts, in order: `h1:set a`.
    pub(super) fn log(&self) -> Vec<String> {
        self.state().log.iter().map(|(_, host, word)| format!("{host}:{word}")).collect()
    }

    pub(super) fn when(&self, word: &str) -> u128 {
        let state = self.state();
        let found = state.log.iter().find(|(_, host, it)| format!("{host}:{it}") == word);
        found.unwrap_or_else(|| panic!("{word} was not run")).0
    }

    /// Notes that somebody began to fence a host.
    pub(super) fn fenced(&self, host: &HostName) {
        let now = self.now();
        self.state().log.push((now, host.to_string(), "fence".to_owned()));
    }

    fn now(&self) -> u128 {
        self.start.lock().unwrap().get_or_insert_with(Instant::now).elapsed().as_millis()
    }

    async fn program(&self, host: &str, program: &str, lines: &LineSink) -> Result<Exit, Lost> {
        let nonce = program.split('@').nth(1).unwrap_or_default().to_owned();
        if let Some(newer) = self.state().newer.get(host) {
            let _ = lines.send(Line::Out(format!("epoch {newer}")));
            return Ok(Exit(76));
        }
        let mut code = 0;
        let mut text = program.lines().skip_while(|line| !line.starts_with("reveille_mark()")).skip(1);
        while let Some(line) = text.next() {
            if let Some(words) = line.strip_prefix("reveille_mark ") {
                let marker = format!("@{nonce}@ {}", words.replace("\"$reveille_code\"", &code.to_string()));
                let _ = lines.send(Line::Out(marker.clone()));
                let _ = lines.send(Line::Err(marker));
            } else if let Some(fixed) = line.strip_prefix("reveille_code=") {
                code = fixed.parse().unwrap();
            } else if line.starts_with("if ") && code != 10 {
                text.by_ref().take_while(|line| *line != "fi").for_each(drop);
            } else if line.starts_with("case ") && code != 0 && !(code == 10 && line.contains("10)")) {
                return Ok(Exit(0));
            } else if line == "(" {
                let body: Vec<&str> = text.by_ref().take_while(|line| !line.starts_with(") 9>&-")).collect();
                match self.body(host, &body, lines).await {
                    Ended::Code(ended) => code = ended,
                    Ended::Died => return Ok(Exit(137)),
                    Ended::Lost => return Err(Lost::Unknown("the link was cut".to_owned())),
                }
            }
        }
        Ok(Exit(0))
    }

    async fn body(&self, host: &str, body: &[&str], lines: &LineSink) -> Ended {
        for line in body {
            let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
            let now = self.now();
            self.state().log.push((now, host.to_owned(), (*line).to_owned()));
            let key = format!("{host}:{rest}");
            match word {
                "sleep" => sleep(Duration::from_millis(rest.parse().unwrap())).await,
                "say" => _ = lines.send(Line::Out(rest.to_owned())),
                "err" => _ = lines.send(Line::Err(rest.to_owned())),
                "set" => _ = self.state().set.insert(key),
                "unset" => _ = self.state().set.remove(&key),
                "count" => *self.state().counts.entry(key).or_default() += 1,
                "has" if !self.is_set(&key) => return Ended::Code(10),
                "exit" => return Ended::Code(rest.parse().unwrap()),
                "until-count" => {
                    let (key, least) = rest.split_once(' ').unwrap();
                    let count = self.state().counts.get(&format!("{host}:{key}")).copied().unwrap_or(0);
                    if count < least.parse().unwrap() {
                        return Ended::Code(1);
                    }
                }
                "lose" => return Ended::Lost,
                "die" => return Ended::Died,
                "has" | ":" => {}
                other => panic!("what is {other}?"),
            }
        }
        Ended::Code(0)
    }
}

impl Transport for World {
    fn run<'a>(&'a self, host: &'a HostName, job: Job, lines: LineSink) -> BoxFuture<'a, Result<Exit, Lost>> {
        async move {
            self.state().jobs += 1;
            self.now();
            if self.state().unreachable.contains(host.as_str()) {
                sleep(Duration::from_millis(50)).await;
                return Err(Lost::Unreachable("no route".to_owned()));
            }
            tokio::select! {
                biased;
                () = job.cancel.cancelled() => {
                    self.state().killed += 1;
                    if self.state().deaf.contains(host.as_str()) {
                        sleep(Duration::from_secs(5)).await;
                    }
                    Err(Lost::Cancelled { killed: true })
                }
                ended = self.program(host.as_str(), &job.script, &lines) => ended,
                () = sleep(job.deadline) => Err(Lost::TimedOut { killed: true }),
            }
        }
        .boxed()
    }

    fn warm<'a>(&'a self, _: &'a HostName) -> BoxFuture<'a, Result<(), Lost>> {
        std::future::ready(Ok(())).boxed()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        std::future::ready(()).boxed()
    }
}
