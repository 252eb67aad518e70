//! Asks fence agents: programs of this machine that take a host out of action by way of a device of its own. Called by
//! the engine for steps that fence, and by `doctor`. What is asked and what the answers mean is in [`crate::module::fence`].

mod agent;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Instant, sleep, timeout_at};

pub use agent::Answer;

use crate::module::fence::{Ask, Device, Fence, OFF};
use crate::site::id::HostName;

/// Between two questions whether a host is off by now.
const ASK_AGAIN: Duration = Duration::from_millis(200);

type Confirmed = Option<(Instant, String)>;

/// The agents of one site.
pub struct Agents {
    /// Paths of agents are relative to this.
    root: PathBuf,
    /// Held while a host is being fenced; when it was last confirmed, and in which words.
    hosts: Mutex<BTreeMap<HostName, Arc<Mutex<Confirmed>>>>,
}

impl Agents {
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), hosts: Mutex::default() }
    }

    /// Tries the host's devices in order until one has done it, within their own time limits. Says which one did.
    ///
    /// Services that leave a host together fence it once: what is confirmed while this waits for another's fence holds for
    /// both. What was confirmed before this was asked for proves nothing: somebody may have switched the host on again.
    ///
    /// Dropping the future ends the agent and all it started; then nobody can say what it did.
    ///
    /// # Errors
    /// What each device said.
    pub async fn fence(&self, fence: &Fence) -> Result<String, String> {
        let asked = Instant::now();
        let host = Arc::clone(self.hosts.lock().await.entry(fence.host.clone()).or_default());
        let mut done = host.lock().await;
        if let Some((_, words)) = done.as_ref().filter(|(confirmed, _)| *confirmed >= asked) {
            return Ok(words.clone());
        }
        let mut failed = Vec::new();
        for device in &fence.devices {
            match self.apply(device).await {
                Ok(()) => {
                    let words = device.words(&fence.host);
                    *done = Some((Instant::now(), words.clone()));
                    return Ok(words);
                }
                Err(why) => failed.push(format!("{}: {why}", device.name())),
            }
        }
        Err(failed.join("; "))
    }

    async fn apply(&self, device: &Device) -> Result<(), String> {
        let until = Instant::now() + Duration::from_millis(device.timeout_ms);
        let ask = Ask::from(device.action);
        let answer = self.ask(device, ask, until).await?;
        if answer.code != Some(0) {
            return Err(format!("{} failed: {answer}", ask.as_str()));
        }
        if device.asks_status() { self.confirm(device, until).await } else { Ok(()) }
    }

    /// Asks until the device says that the host is off.
    async fn confirm(&self, device: &Device, until: Instant) -> Result<(), String> {
        loop {
            let answer = self.ask(device, Ask::Status, until).await?;
            if answer.code == Some(OFF) {
                return Ok(());
            }
            if Instant::now() + ASK_AGAIN >= until {
                let ask = Ask::from(device.action).as_str();
                return Err(match answer.code {
                    Some(0) => format!("{ask} succeeded, but status still says that the host is on"),
                    _ => format!("{ask} succeeded, but status failed: {answer}"),
                });
            }
            sleep(ASK_AGAIN).await;
        }
    }

    /// Whether every device of the host says that it is on.
    pub async fn is_on(&self, fence: &Fence) -> bool {
        for device in &fence.devices {
            let until = Instant::now() + Duration::from_millis(device.timeout_ms);
            if !device.status
                || !self.ask(device, Ask::Status, until).await.is_ok_and(|answer| answer.code == Some(0))
            {
                return false;
            }
        }
        true
    }

    /// One question to a device.
    ///
    /// # Errors
    /// The agent is not there, cannot be run, or does not end in time.
    pub async fn ask(&self, device: &Device, ask: Ask, until: Instant) -> Result<Answer, String> {
        let program = self.program(&device.agent)?;
        let answer = timeout_at(until, agent::run(&program, &[], &device.request(ask))).await;
        answer.map_err(|_| format!("{} did not end in time", ask.as_str()))?
    }

    /// What an agent says of itself, as XML.
    ///
    /// # Errors
    /// As for [`Agents::ask`], or it says nothing.
    pub async fn metadata(&self, agent: &str, until: Instant) -> Result<String, String> {
        let program = self.program(agent)?;
        let answer = timeout_at(until, agent::run(&program, &["-o", "metadata"], "")).await;
        let answer = answer.map_err(|_| "`-o metadata` did not end in time".to_owned())??;
        if answer.code == Some(0) {
            Ok(answer.stdout)
        } else {
            Err(format!("`-o metadata` failed: {answer}"))
        }
    }

    fn program(&self, agent: &str) -> Result<PathBuf, String> {
        agent::find(agent, &self.root)
            .ok_or_else(|| format!("there is no program `{agent}` on the controller"))
    }
}

#[cfg(test)]
mod tests;
