//! The `process_*` commands of a simulated host, as `sh/process.sh` promises them.

use super::host::{Process, State};
use super::shell::{Gone, Job, Said};

/// From the start of a program until it is ready.
const START_MS: u64 = 120;

const SIGNAL_MS: u64 = 8;

impl Job {
    pub(super) async fn process(&self, word: &str, words: &[&str]) -> Result<Said, Gone> {
        match (word, words) {
            ("process_is", [target, name, rest @ ..]) => {
                self.process_is(target, name, wanted(rest).as_ref()).await
            }
            ("process_asleep", [name, rest @ ..]) => self.process_asleep(name, wanted(rest)).await,
            ("process_awake", [name, rest @ ..]) => self.process_awake(name, wanted(rest)).await,
            ("process_absent", [name, ..]) => self.process_absent(name).await,
            ("process_undo", [target, name]) => self.process_undo(target, name).await,
            _ => Ok(self.unknown(&[&[word], words].concat())),
        }
    }

    fn one(&self, name: &str) -> Result<Process, Gone> {
        self.share(|share| share.processes.get(name).cloned().unwrap_or_default())
    }

    fn change(&self, name: &str, change: impl FnOnce(&mut Process)) -> Result<(), Gone> {
        self.share(|share| change(share.processes.entry(name.to_owned()).or_default()))
    }

    async fn process_is(&self, target: &str, name: &str, wanted: Option<&String>) -> Result<Said, Gone> {
        self.nap(4).await?;
        let process = self.one(name)?;
        let so = process.state.as_str() == target && (target != "asleep" || same(&process, wanted));
        Ok(Said::is(so))
    }

    async fn process_asleep(&self, name: &str, wanted: Option<String>) -> Result<Said, Gone> {
        self.note(name, State::Asleep, wanted.as_ref())?;
        let process = self.one(name)?;
        let is_same = same(&process, wanted.as_ref());
        match process.state {
            State::Asleep if is_same => return Ok(Said::ok()),
            State::Awake if is_same => {}
            _ => {
                let said = self.replace(name, wanted, State::Asleep).await?;
                if said.code != 0 {
                    return Ok(said);
                }
            }
        }
        self.nap(SIGNAL_MS).await?;
        self.change(name, |process| {
            process.starting = None;
            process.state = if process.state == State::Awake { State::Asleep } else { process.state };
        })?;
        self.tell(&format!("{name} sleeps"));
        Ok(Said::ok())
    }

    async fn process_awake(&self, name: &str, wanted: Option<String>) -> Result<Said, Gone> {
        self.note(name, State::Awake, wanted.as_ref())?;
        match self.one(name)?.state {
            State::Awake => {}
            State::Asleep => self.nap(SIGNAL_MS).await?,
            State::Absent | State::Dead => {
                let said = self.replace(name, wanted, State::Awake).await?;
                if said.code != 0 {
                    return Ok(said);
                }
            }
        }
        let woken = self.share(|share| {
            let process = share.processes.entry(name.to_owned()).or_default();
            process.starting = None;
            let alive = matches!(process.state, State::Asleep | State::Awake);
            if alive {
                process.state = State::Awake;
            }
            alive
        })?;
        self.tell(&format!("{name} {}", if woken { "is awake" } else { "is dead and does not wake" }));
        Ok(if woken { Said::ok() } else { Said::failed(format!("{name} died")) })
    }

    async fn process_absent(&self, name: &str) -> Result<Said, Gone> {
        self.note(name, State::Absent, None)?;
        self.stop(name).await
    }

    async fn process_undo(&self, target: &str, name: &str) -> Result<Said, Gone> {
        let (run, key) = (self.program.run.clone(), format!("process.{name}.{target}"));
        let Some(kept) = self.share(|share| share.recall(&run, &key))? else { return Ok(Said::ok()) };
        let launch = self.share(|share| share.recall(&run, &format!("{key}.launch")))?;
        let (was, born) = kept.split_once(' ').unwrap_or((&kept, ""));
        let process = self.one(name)?;
        let gone = process.state == State::Dead || process.born.to_string() != born;
        if matches!(was, "absent" | "dead") || gone {
            self.stop(name).await?;
            self.change(name, |process| process.launch = launch)?;
        }
        if !matches!(was, "absent" | "dead") {
            let state = if was == "asleep" { State::Asleep } else { State::Awake };
            if gone {
                let said = self.start(name, state).await?;
                if said.code != 0 {
                    return Ok(said);
                }
            }
            self.nap(SIGNAL_MS).await?;
            self.change(name, |process| {
                process.starting = None;
                if matches!(process.state, State::Asleep | State::Awake) {
                    process.state = state;
                }
            })?;
        }
        self.share(|share| share.forget(&run, &key))?;
        self.tell(&format!("{name} {was} again"));
        Ok(Said::ok())
    }

    /// Notes how it was, if this run has not yet and there is something to change.
    fn note(&self, name: &str, target: State, wanted: Option<&String>) -> Result<(), Gone> {
        let process = self.one(name)?;
        let (run, key) = (&self.program.run, format!("process.{name}.{}", target.as_str()));
        if process.state == target && same(&process, wanted) {
            return Ok(());
        }
        self.share(|share| {
            if share.recall(run, &key).is_none() {
                if let Some(launch) = &process.launch {
                    share.keep(run, &format!("{key}.launch"), launch.clone());
                }
                share.keep(run, &key, format!("{} {}", process.state.as_str(), process.born));
            }
        })
    }

    async fn replace(&self, name: &str, wanted: Option<String>, to: State) -> Result<Said, Gone> {
        self.stop(name).await?;
        if let Some(wanted) = wanted {
            self.change(name, |process| process.launch = Some(wanted))?;
        }
        self.start(name, to).await
    }

    async fn start(&self, name: &str, to: State) -> Result<Said, Gone> {
        if self.one(name)?.launch.is_none() {
            return Ok(Said::failed(format!("{name} was not started here before")));
        }
        let number = self.inside(super::world::Inside::next_job)?;
        self.change(name, |process| {
            (process.state, process.starting, process.born) = (State::Awake, Some((self.number, to)), number);
        })?;
        self.nap(START_MS).await?;
        Ok(Said::ok())
    }

    /// What a script does that is told to end: a copy it started and that does not sleep yet ends with it.
    pub(super) fn cut_short(&self) {
        let half = Some((self.number, State::Asleep));
        // A host that is gone has no copy either.
        let _ = self.share(|share| {
            for process in share.processes.values_mut().filter(|process| process.starting == half) {
                (process.state, process.starting) = (State::Absent, None);
            }
        });
    }

    async fn stop(&self, name: &str) -> Result<Said, Gone> {
        if !matches!(self.one(name)?.state, State::Absent | State::Dead) {
            self.nap(SIGNAL_MS * 3).await?;
            self.tell(&format!("{name} ends"));
        }
        self.change(name, |process| (process.state, process.starting) = (State::Absent, None))?;
        Ok(Said::ok())
    }
}

/// The words that say how it is started; `None` where no program is named.
fn wanted(words: &[&str]) -> Option<String> {
    words.contains(&"--").then(|| words.join(" "))
}

fn same(process: &Process, wanted: Option<&String>) -> bool {
    wanted.is_none() || wanted == process.launch.as_ref()
}
