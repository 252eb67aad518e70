//! What a command ends with when it cannot go on: an exit code, the chain of causes, and what to do next.

use std::process::ExitCode;

use super::args::Common;
use super::exit::Exit;
use crate::plan::PlanError;

/// Printed once, as `error: … / caused by: … / hint: …`.
#[derive(Debug)]
pub struct Failure {
    pub exit: Exit,
    pub error: anyhow::Error,
    pub hint: Option<String>,
}

impl Failure {
    pub fn new(exit: Exit, error: impl Into<anyhow::Error>) -> Self {
        Self { exit, error: error.into(), hint: None }
    }

    pub fn words(exit: Exit, words: impl std::fmt::Display) -> Self {
        Self { exit, error: anyhow::anyhow!("{words}"), hint: None }
    }

    pub fn internal(error: impl Into<anyhow::Error>) -> Self {
        Self::new(Exit::Internal, error)
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Prints it to stderr (as JSON too, if asked for) and gives the exit code.
    pub fn report(&self, common: &Common) -> ExitCode {
        if common.json {
            let causes: Vec<String> = self.error.chain().skip(1).map(ToString::to_string).collect();
            let document = serde_json::json!({
                "schema": "reveille.error/1",
                "error": self.error.to_string(),
                "caused_by": causes,
                "hint": self.hint,
                "exit": self.exit.code(),
            });
            println!("{document}");
        }
        anstream::eprintln!("error: {}", self.error);
        for cause in self.error.chain().skip(1) {
            anstream::eprintln!("caused by: {cause}");
        }
        if let Some(hint) = &self.hint {
            anstream::eprintln!("hint: {hint}");
        }
        ExitCode::from(self.exit.code())
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::internal(error)
    }
}

/// What a person does about a plan that cannot be made, where the message does not say so already.
fn next_step(error: &PlanError) -> Option<String> {
    match error {
        PlanError::UnknownService { .. } => Some("`reveille status` shows the services".to_owned()),
        PlanError::NotInPool { service, .. } => {
            Some(format!("`hosts:` in the playbook of {service} says which hosts are"))
        }
        PlanError::AlreadyThere { service, .. } => {
            Some(format!("`reveille status` shows where {service} is"))
        }
        PlanError::Unreachable { host, .. } => {
            Some(format!("`reveille doctor -l {host}` says why; if it is lost, `reveille failover`"))
        }
        PlanError::NoCandidate { .. } => Some("`reveille doctor` says what hosts lack".to_owned()),
        PlanError::Render { .. } => Some("`reveille check` shows texts that cannot be rendered".to_owned()),
        _ => None,
    }
}

impl From<PlanError> for Failure {
    fn from(error: PlanError) -> Self {
        let exit = Exit::from(&error);
        let hint = match &error {
            PlanError::NoCandidate { table: Some(table), .. } => {
                let story = |candidate| crate::plan::render::text::story(candidate);
                let lines: Vec<_> = table
                    .candidates
                    .iter()
                    .map(|candidate| format!("{}: {}", candidate.host, story(candidate)))
                    .collect();
                Some(lines.join("\n      "))
            }
            error => next_step(error),
        };
        Self { exit, error: error.into(), hint }
    }
}
