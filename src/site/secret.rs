//! Secrets: where they are kept, how they are fetched, and how they stay out of everything that is shown.
//!
//! A secret is fetched once, when a site is made ready to run; `check` and `plan --offline` never do. Its text goes
//! into the variables of a template, and nowhere else: whatever is printed, journaled or sent goes through a
//! [`Redactor`].

mod redactor;

use std::fmt;
use std::path::Path;
use std::process::Output;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};

pub use redactor::Redactor;

use super::program::{self, ProgramError};

/// Shorter ones cannot be told from other text in an output, so they could not be hidden.
pub const MIN_CHARS: usize = 4;

/// Where a secret is kept: an environment variable, a file, or a program that prints it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SecretSource {
    /// The name of an environment variable of reveille itself.
    Env(String),
    /// A file of this machine; relative to the site.
    File(String),
    /// A program and its arguments, run in the site's folder: `[sops, -d, secrets/db]`, `[pass, show, db]`.
    Command(Vec<String>),
}

/// A secret's text. `Debug`, `Display` and `Serialize` show `***`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Arc<str>);

impl Secret {
    /// # Errors
    /// Text of fewer than [`MIN_CHARS`] characters.
    pub fn new(text: &str) -> Result<Self, SecretError> {
        match text.chars().count() {
            0 => Err(SecretError::Empty),
            count if count < MIN_CHARS => Err(SecretError::TooShort),
            _ => Ok(Self(text.into())),
        }
    }

    /// The text itself, for the variables of a template.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("***")
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("***")
    }
}

/// Why a secret cannot be had. Never shows what was read.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    #[error("the environment variable `{0}` is not set")]
    NoVariable(String),
    #[error("cannot read {path}: {source}")]
    File { path: String, source: std::io::Error },
    #[error(transparent)]
    Program(#[from] ProgramError),
    #[error("`{program}` failed ({status}){said}")]
    Failed { program: String, status: std::process::ExitStatus, said: String },
    #[error("it is not UTF-8 text")]
    NotText,
    #[error("it is empty")]
    Empty,
    #[error("it has fewer than {MIN_CHARS} characters, too few to be hidden in output")]
    TooShort,
}

impl SecretSource {
    /// Fetches the secret; newlines at the end of a file or output are not part of it. Blocks, up to 30 s for a
    /// program, which gets no input and is ended with all it started when it takes longer.
    ///
    /// # Errors
    /// The source is not there, failed, or holds no text that can be kept secret.
    pub fn resolve(&self, site: &Path) -> Result<Secret, SecretError> {
        let bytes = match self {
            Self::Env(name) => {
                let value = std::env::var_os(name).ok_or_else(|| SecretError::NoVariable(name.clone()))?;
                return Secret::new(value.to_str().ok_or(SecretError::NotText)?);
            }
            Self::File(path) => std::fs::read(site.join(path))
                .map_err(|source| SecretError::File { path: path.clone(), source })?,
            Self::Command(argv) => run(argv, site)?,
        };
        let text = std::str::from_utf8(&bytes).map_err(|_| SecretError::NotText)?;
        Secret::new(text.trim_end_matches(['\n', '\r']))
    }
}

/// What the program prints.
fn run(argv: &[String], site: &Path) -> Result<Vec<u8>, SecretError> {
    let output = program::run(argv, site)?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let program = argv.first().cloned().unwrap_or_default();
    Err(SecretError::Failed { program, status: output.status, said: complaint(&output) })
}

/// The last line a failed program wrote about it, or the last that speaks of an error, without anything it printed as (part of) the secret.
fn complaint(output: &Output) -> String {
    let printed = String::from_utf8_lossy(&output.stdout);
    let redactor = Redactor::new(Secret::new(printed.trim_end()).iter());
    let errors = String::from_utf8_lossy(&output.stderr);
    let errs = |line: &&str| line.to_lowercase().contains("error:");
    let last = errors.lines().rfind(errs).or_else(|| errors.lines().rfind(|line| !line.trim().is_empty()));
    let last = last.unwrap_or_default();
    if last.is_empty() { String::new() } else { format!(": {}", redactor.redact(last.trim())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(script: &str) -> SecretSource {
        SecretSource::Command(["sh", "-c", script].map(str::to_owned).to_vec())
    }

    fn site() -> tempfile::TempDir {
        tempfile::tempdir().expect("a folder")
    }

    #[test]
    fn a_file_and_a_program_give_their_text_without_the_last_newline() {
        let site = site();
        std::fs::write(site.path().join("db"), "hun ter2\n").expect("written");
        let file = SecretSource::File("db".into()).resolve(site.path()).expect("readable");
        assert_eq!(file.expose(), "hun ter2");
        let printed = command("read x; echo \"<$x>\"; cat db").resolve(site.path()).expect("runs");
        assert_eq!(printed.expose(), "<>\nhun ter2", "no input, run in the site's folder");
    }

    #[test]
    fn nothing_shows_the_text() {
        let secret = Secret::new("hunter2").expect("long enough");
        assert_eq!(format!("{secret} {secret:?}"), "*** ***");
        assert_eq!(serde_json::to_string(&[&secret]).expect("plain"), r#"["***"]"#);
    }

    #[test]
    fn failures_are_told_without_the_secret() {
        let site = site();
        let told = |source: SecretSource| source.resolve(site.path()).expect_err("fails").to_string();
        let failed = told(command("echo hunter2; echo 'bad key for hunter2' >&2; exit 3"));
        assert!(failed.contains("bad key for ***") && failed.contains('3'), "{failed}");
        assert!(told(SecretSource::Env("REVEILLE_NO_SUCH_VARIABLE".into())).contains("is not set"));
        assert!(told(SecretSource::File("none".into())).contains("none"));
        assert!(told(SecretSource::Command(vec!["/no/such/program".into()])).contains("cannot run"));
        assert!(told(command("printf abc")).contains("fewer than 4"));
        assert!(told(command("printf '\\n'")).contains("empty"));
        assert!(told(command("printf '\\377\\376\\375\\374'")).contains("UTF-8"));
    }

    #[test]
    fn sources_are_written_as_maps() {
        for (text, source) in [
            ("{ env: DB }", SecretSource::Env("DB".into())),
            ("{ file: secrets/db }", SecretSource::File("secrets/db".into())),
            (
                "{ command: [pass, show, db] }",
                SecretSource::Command(["pass", "show", "db"].map(str::to_owned).to_vec()),
            ),
        ] {
            assert_eq!(serde_yaml::from_str::<SecretSource>(text).expect(text), source);
        }
    }
}
