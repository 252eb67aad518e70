//! What a step does, as shell: typed arguments in, a look / act / undo [`Script`] out. One module per file.
//!
//! Pure: nothing here connects, reads files or knows the time. A plan holds what this returns, and the engine runs
//! just that; so what `plan` prints is what happens.

pub mod guard;

use serde::{Deserialize, Serialize};

use crate::site::address::ServiceAddress;
use crate::site::id::{Epoch, ServiceName};

/// What one step brings about on one host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Script {
    /// One line for people: `process httpd asleep`, `address 10.83.0.80 up`.
    pub summary: String,
    /// Reads only. Exit 0: all is as wanted already; exit [`NEEDS_ACTION`]: `act` is needed; anything else: failed.
    /// Absent: always act.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub look: Option<String>,
    /// Brings it about; exit 0 is success. Empty for steps that only look.
    pub act: String,
    /// Takes back what `act` did. Runs only if `act` was begun; must bear being run after a partial `act`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo: Option<String>,
    /// Prints a unified diff of what `act` would change. Reads only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diff: Option<String>,
    /// Whether `act` counts as a change (`false` for waits and checks).
    pub changes: bool,
    /// Shell functions the texts above call; each is sent along once per script.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub library: Vec<Library>,
    /// Programs the host must have, for `doctor`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub programs: Vec<String>,
}

/// `look`'s exit code for "not so yet: act".
pub const NEEDS_ACTION: i32 = 10;

/// A named group of shell functions, kept as a real shell file beside the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Library {
    Address,
    File,
    Mount,
    Process,
    Ready,
    Unit,
}

/// Everything a module may use beside its own arguments.
pub struct Context<'a> {
    pub service: &'a ServiceName,
    pub epoch: Epoch,
    pub addresses: &'a [ServiceAddress],
    /// Device named for the host (`reveille_device`), if any.
    pub device: Option<&'a str>,
    pub environment: &'a [(String, String)],
    /// Renders a template string of the step for its host.
    pub render: &'a dyn Fn(&str) -> Result<String, String>,
    /// Renders a shell text so that values stay data.
    pub render_shell: &'a dyn Fn(&str) -> Result<String, String>,
    /// A file of the site: below `templates/` (rendered by `template`), or `files/`.
    pub file: &'a dyn Fn(&str) -> Result<Vec<u8>, String>,
}

/// The text of a library. (Stand-in.)
pub fn library_text(_library: Library) -> &'static str {
    ""
}
