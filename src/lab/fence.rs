//! Fence agents of a lab: programs that speak as Debian's `fence-agents` do and take a host's power, or its shared
//! folder, so that fencing can be rehearsed like everything else.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::network;
use super::state::State;

const AGENT: &str = include_str!("fence.sh");

/// What a lab's fence device does to a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum FenceKind {
    /// Cuts its power
    Power,
    /// Makes the shared folder read-only for it
    Store,
}

impl FenceKind {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Power => "power",
            Self::Store => "store",
        }
    }
}

/// The agent of this kind.
pub(super) fn agent(state: &State, kind: FenceKind) -> PathBuf {
    state.dir.join("fence").join(format!("fence_lab_{}", kind.as_str()))
}

/// Writes both agents. They call `program`, this program, to do the work.
pub(super) fn install(state: &State, program: &Path) -> Result<()> {
    for kind in [FenceKind::Power, FenceKind::Store] {
        let file = agent(state, kind);
        let write = || {
            fs::create_dir_all(state.dir.join("fence"))?;
            fs::write(&file, text(state, kind, program))?;
            fs::set_permissions(&file, fs::Permissions::from_mode(0o755))
        };
        write().with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(())
}

fn text(state: &State, kind: FenceKind, program: &Path) -> String {
    let words = [
        ("REVEILLE", program.display().to_string()),
        ("DIR", state.dir.display().to_string()),
        ("GROUP", state.cgroup().display().to_string()),
        ("SWITCH", network::namespace(state, "switch")),
        ("WHAT", kind.as_str().to_owned()),
    ];
    let lines = words.map(|(name, value)| format!("{name}='{}'\n", value.replace('\'', r"'\''")));
    format!("#!/bin/sh\n{}{AGENT}", lines.concat())
}
