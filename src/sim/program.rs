//! Reads the programs that the engine composes ([`crate::engine`]'s `script`): whom they are for, and the command of each
//! part of each step. Text in, data out; [`super::shell`] does what they say.

use crate::site::id::{Epoch, ServiceName};

/// A composed program, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Program {
    /// Undo notes bear it.
    pub run: String,
    pub service: ServiceName,
    pub epoch: Epoch,
    /// Takes the guard's lock.
    pub writes: bool,
    pub nonce: String,
    pub steps: Vec<Step>,
}

/// A command, word by word.
pub(super) type Words = Vec<String>;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Step {
    pub look: Option<Vec<Words>>,
    pub act: Option<Vec<Words>>,
}

impl Program {
    /// # Errors
    /// What was not understood.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let value = |key: &str| {
            let line = text.lines().take(2).find(|line| line.split(' ').any(|word| word.starts_with(key)))?;
            line.split(' ').find_map(|word| word.strip_prefix(key)).map(str::to_owned)
        };
        let lack = |what: &str| format!("a program without {what}");
        let service = value("RV_SERVICE=").ok_or_else(|| lack("a service"))?;
        let epoch = value("RV_EPOCH=").and_then(|text| text.parse().ok()).ok_or_else(|| lack("an epoch"))?;
        let marker = text.lines().find(|line| line.starts_with("reveille_mark() {"));
        let nonce = marker.and_then(|line| line.split('"').nth(1)?.strip_suffix(" $*"));
        let mut program = Self {
            run: value("RV_RUN=").unwrap_or_default(),
            service: ServiceName::try_from(service).map_err(|error| error.to_string())?,
            epoch: Epoch(epoch),
            writes: text.lines().any(|line| line == "guard_enter || exit"),
            nonce: nonce.ok_or_else(|| lack("marks"))?.to_owned(),
            steps: Vec::new(),
        };
        program.read_steps(text)?;
        Ok(program)
    }

    fn read_steps(&mut self, text: &str) -> Result<(), String> {
        let mut lines = text.lines().skip_while(|line| !line.starts_with("reveille_mark begin"));
        let mut part = "";
        while let Some(line) = lines.next() {
            if let Some(mark) = line.strip_prefix("reveille_mark ") {
                part = mark.split(' ').next().unwrap_or_default();
                if part == "begin" {
                    self.steps.push(Step::default());
                }
            } else if line == "(" {
                let body: Vec<&str> = lines.by_ref().take_while(|line| !line.starts_with(") 9>&-")).collect();
                let words = body.into_iter().map(split).collect::<Result<Vec<_>, _>>()?;
                let step = self.steps.last_mut().ok_or("a body before the first step")?;
                match part {
                    "look" => step.look = Some(words),
                    "act" => step.act = Some(words),
                    other => return Err(format!("a body of a part `{other}`")),
                }
            }
        }
        Ok(())
    }
}

fn split(line: &str) -> Result<Words, String> {
    shlex::split(line).filter(|words| !words.is_empty()).ok_or_else(|| format!("`{line}` is no command"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_engine_composes_is_understood() {
        let text = "RV_RUN=r1\nRV_SERVICE=web RV_EPOCH=4\nRV_DIR=x\nguard_look() {\n}\nguard_enter || exit\n\
                    reveille_mark() { printf '%s\\n' \"@7f@ $*\"; }\nsome_function() (\n)\n\
                    reveille_mark begin 0\nreveille_mark look 0\n(\nrole_is primary\n) 9>&- </dev/null; reveille_code=$?\n\
                    if [ \"$reveille_code\" -eq 10 ]; then\nreveille_mark act 0\n(\nrole_set primary\n) 9>&- </dev/null; reveille_code=$?\n\
                    fi\nreveille_mark end 0 \"$reveille_code\"\n";
        let program = Program::parse(text).unwrap();
        assert_eq!((program.run.as_str(), program.service.as_str(), program.epoch), ("r1", "web", Epoch(4)));
        assert_eq!((program.nonce.as_str(), program.writes, program.steps.len()), ("@7f@", true, 1));
        assert_eq!(program.steps[0].look, Some(vec![vec!["role_is".to_owned(), "primary".to_owned()]]));
        assert_eq!(program.steps[0].act, Some(vec![vec!["role_set".to_owned(), "primary".to_owned()]]));
    }
}
