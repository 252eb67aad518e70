//! The commands of the modules, as far as simulated playbooks use them. A word that is not known breaks the simulation:
//! a world that skips what it does not understand proves nothing.

use super::shell::{Gone, Job, Said};
use crate::plan::table::Role;

impl Job {
    pub(super) async fn command(&self, words: &[String]) -> Result<Said, Gone> {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match words.as_slice() {
            [":" | "true", ..] => Ok(Said::ok()),
            ["role_is", role] => self.role_is(role).await,
            ["role_set", role] => self.role_set(role).await,
            ["role_undo", role] => self.role_undo(role).await,
            [word, rest @ ..] if word.starts_with("process_") => self.process(word, rest).await,
            [word, rest @ ..] if word.starts_with("address_") => self.address(word, rest).await,
            _ => Ok(self.unknown(&words)),
        }
    }

    pub(super) fn unknown(&self, words: &[&str]) -> Said {
        let line = words.join(" ");
        self.world.break_down(format!("no simulated host understands `{line}`"));
        Said::failed(format!("{line}: not found"))
    }

    async fn role_is(&self, role: &str) -> Result<Said, Gone> {
        self.nap(1).await?;
        Ok(Said::is(self.share(|share| word(share.role))? == role))
    }

    async fn role_set(&self, role: &str) -> Result<Said, Gone> {
        self.nap(1).await?;
        let run = &self.program.run;
        self.share(|share| {
            let key = format!("role.{role}");
            if share.recall(run, &key).is_none() {
                share.keep(run, &key, word(share.role).to_owned());
            }
            share.role = parse(role);
        })?;
        self.tell(&format!("role {role}, epoch {}", self.program.epoch));
        Ok(Said::ok())
    }

    async fn role_undo(&self, role: &str) -> Result<Said, Gone> {
        self.nap(1).await?;
        let (run, key) = (&self.program.run, format!("role.{role}"));
        let back = self.share(|share| {
            let before = share.recall(run, &key)?;
            share.role = parse(&before);
            share.forget(run, &key);
            Some(before)
        })?;
        if let Some(before) = back {
            self.tell(&format!("role {before} again"));
        }
        Ok(Said::ok())
    }
}

fn word(role: Option<Role>) -> &'static str {
    match role {
        None => "none",
        Some(Role::Primary) => "primary",
        Some(Role::Secondary) => "secondary",
    }
}

fn parse(word: &str) -> Option<Role> {
    match word {
        "primary" => Some(Role::Primary),
        "secondary" => Some(Role::Secondary),
        _ => None,
    }
}
