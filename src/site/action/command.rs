//! `command` and `shell`: a short form with the essential, a long form with the conditions.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::site::shape::{Argv, ListOr, TextOr};
use crate::site::source::Sp;

/// Runs one program with fixed arguments, no shell. Either the argument list itself, or a mapping.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(from = "ListOr<CommandMapping>")]
#[schemars(with = "ListOr<CommandMapping>")]
pub struct CommandArgs {
    /// Program and arguments; each item stays one argument whatever its value holds.
    pub argv: Vec<Sp<String>>,
    pub guard: RunGuard,
}

/// Runs a POSIX shell text. A value in `{{ }}` arrives as data, never as code. Either the text itself, or a mapping.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(from = "TextOr<ShellMapping>")]
#[schemars(with = "TextOr<ShellMapping>")]
pub struct ShellArgs {
    pub cmd: Sp<String>,
    pub guard: RunGuard,
}

/// Where a `command` or `shell` runs, and when it has nothing to do.
#[derive(Clone, Debug, Default)]
pub struct RunGuard {
    /// Nothing to do when this path exists.
    pub creates: Option<Sp<String>>,
    /// Nothing to do when this path does not exist.
    pub removes: Option<Sp<String>>,
    /// The working directory.
    pub chdir: Option<Sp<String>>,
}

/// The long form of `command`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct CommandMapping {
    /// Program and arguments; each item stays one argument whatever its value holds.
    argv: Argv,
    /// Nothing to do when this path exists.
    creates: Option<Sp<String>>,
    /// Nothing to do when this path does not exist.
    removes: Option<Sp<String>>,
    /// The working directory.
    chdir: Option<Sp<String>>,
}

/// The long form of `shell`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ShellMapping {
    /// The shell text.
    cmd: Sp<String>,
    /// Nothing to do when this path exists.
    creates: Option<Sp<String>>,
    /// Nothing to do when this path does not exist.
    removes: Option<Sp<String>>,
    /// The working directory.
    chdir: Option<Sp<String>>,
}

impl From<ListOr<CommandMapping>> for CommandArgs {
    fn from(written: ListOr<CommandMapping>) -> Self {
        match written {
            ListOr::List(Argv(argv)) => Self { argv, guard: RunGuard::default() },
            ListOr::Mapping(CommandMapping { argv: Argv(argv), creates, removes, chdir }) => {
                Self { argv, guard: RunGuard { creates, removes, chdir } }
            }
        }
    }
}

impl From<TextOr<ShellMapping>> for ShellArgs {
    fn from(written: TextOr<ShellMapping>) -> Self {
        match written {
            TextOr::Scalar(cmd) => Self { cmd, guard: RunGuard::default() },
            TextOr::Mapping(ShellMapping { cmd, creates, removes, chdir }) => {
                Self { cmd, guard: RunGuard { creates, removes, chdir } }
            }
        }
    }
}
