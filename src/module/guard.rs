//! What stands in front of every remote script: the service it is for, and the refusal of a controller that is behind.
//! Called by whoever composes a script; makes text only.
//!
//! The contract with the script that follows:
//!
//! - `RV_SERVICE`, `RV_EPOCH` and `RV_DIR` (the service's folder on the host) are set. Whoever has a run puts
//!   `RV_RUN=<its id>` in front of the prelude, so that undo notes are believed by the undo of that run alone.
//! - `RV_ROOT` and `RV_CGROUP` in the environment move the folder and the cgroups elsewhere, for tests.
//! - In [`Mode::Write`] the shell holds a lock on file descriptor 9 until it ends. While one script holds it no other
//!   epoch can begin on this host; scripts of one epoch run side by side. Each body stands in a subshell that does not
//!   pass the lock on to what it starts: `( body ) 9>&- </dev/null`, and never as the script's last line: a shell may
//!   run a last subshell in its own place, and let go of the lock with that.
//! - A refusal ends the script with [`STALE`], having printed `epoch N` on standard output. A script of an older epoch
//!   that does not end within 5 s makes the prelude fail with 1 and a reason.
//! - `nap`, `write_whole` and `guard_clock` of `guard.sh` are there for every library.

use crate::site::id::{Epoch, ServiceName};

/// What the guarded script may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Leaves no trace and takes no lock; refused all the same when it is behind.
    Read,
    /// Makes its epoch the host's, waits for scripts of an older one to end, and keeps newer ones waiting.
    Write,
}

/// The exit code of a script whose epoch is older than the host's.
pub const STALE: i32 = 76;

/// The lines to put in front.
pub fn prelude(service: &ServiceName, epoch: Epoch, mode: Mode) -> String {
    let enter = match mode {
        Mode::Read => "guard_look",
        Mode::Write => "guard_enter",
    };
    let functions = include_str!("sh/guard.sh");
    format!(
        "RV_SERVICE={service} RV_EPOCH={epoch}\nRV_DIR=${{RV_ROOT:-/run/reveille}}/$RV_SERVICE\n{functions}\n{enter} || exit\n"
    )
}
