//! A host taken out of action from outside: which agents are asked for what, and what their answers mean. `plan` makes
//! a [`Fence`], the room `fence` carries it out, `doctor` looks at it beforehand. Pure: nothing is run here.
//!
//! How agents are spoken to is fixed by the fence agent API of the `ClusterLabs` project (`FenceAgentAPI.md`): options
//! as lines `name=value` on standard input, `action` among them; exit code 0 is success; `status` exits with 0 for on,
//! 2 for off.

mod metadata;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

pub use metadata::{Metadata, Parameter};

use crate::site::id::HostName;
use crate::site::inventory::{Confirms, FenceAction, FenceDevice};

/// The exit code of `status` for a host that is off.
pub const OFF: i32 = 2;

/// A host to be taken out of action, and the devices that can, in the order in which they are tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fence {
    pub host: HostName,
    pub devices: Vec<Device>,
}

/// One device, everything rendered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// A program's name, or a path, relative to the site.
    pub agent: String,
    pub action: FenceAction,
    pub options: IndexMap<String, String>,
    pub confirms: Confirms,
    /// Whether `status` is asked afterwards.
    pub status: bool,
    /// For all that is asked of the device together.
    pub timeout_ms: u64,
}

/// What an agent is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    Off,
    Reboot,
    /// Whether the host is on.
    Status,
    /// Whether the device itself can be talked to.
    Monitor,
}

impl Ask {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Reboot => "reboot",
            Self::Status => "status",
            Self::Monitor => "monitor",
        }
    }
}

impl From<FenceAction> for Ask {
    fn from(action: FenceAction) -> Self {
        match action {
            FenceAction::Off => Self::Off,
            FenceAction::Reboot => Self::Reboot,
        }
    }
}

impl Fence {
    /// Whether some device leaves the host running, only without its shared data.
    pub fn may_leave_running(&self) -> bool {
        self.devices.iter().any(|device| device.confirms == Confirms::Store)
    }

    /// The longest it may take, every device tried.
    pub fn timeout_ms(&self) -> u64 {
        self.devices.iter().map(|device| device.timeout_ms).sum()
    }

    /// What will be said, if it is known beforehand which device does it.
    pub fn words(&self) -> String {
        let agents: Vec<String> = self.devices.iter().map(|device| device.words(&self.host)).collect();
        agents.join("; or ")
    }

    /// One line for people: `fence_ipmilan takes h1 off, fence_apc if that fails`.
    pub fn summary(&self) -> String {
        let first =
            self.devices.first().map(|device| format!("{} {} {}", device.name(), device.does(), self.host));
        let rest = self.devices.iter().skip(1).map(|device| format!(", {} if that fails", device.name()));
        first.into_iter().chain(rest).collect()
    }
}

impl Device {
    /// A device of the inventory with its options rendered.
    pub fn new(device: &FenceDevice, options: IndexMap<String, String>) -> Self {
        Self {
            agent: device.agent.clone(),
            action: device.action,
            options,
            confirms: device.confirms,
            status: device.status,
            timeout_ms: u64::try_from(device.timeout.0.as_millis()).unwrap_or(u64::MAX),
        }
    }

    /// The agent without its folder.
    pub fn name(&self) -> &str {
        self.agent.rsplit('/').next().unwrap_or(&self.agent)
    }

    /// What is written to the agent's standard input.
    pub fn request(&self, ask: Ask) -> String {
        let options = self.options.iter().map(|(name, value)| format!("{name}={value}\n"));
        options.chain([format!("action={}\n", ask.as_str())]).collect()
    }

    /// Said once it is done: `fenced h1 by fence_ipmilan: off, confirmed by status`.
    pub fn words(&self, host: &HostName) -> String {
        let what = match self.confirms {
            Confirms::Power => self.action.as_str(),
            Confirms::Store => "cut off from the shared data",
        };
        let how = if self.asks_status() { ", confirmed by status" } else { "" };
        format!("fenced {host} by {}: {what}{how}", self.name())
    }

    fn does(&self) -> &'static str {
        match (self.confirms, self.action) {
            (Confirms::Power, FenceAction::Off) => "powers off",
            (Confirms::Power, FenceAction::Reboot) => "reboots",
            (Confirms::Store, _) => "cuts off from the shared data",
        }
    }

    /// A host that starts anew is on again when it is asked.
    pub fn asks_status(&self) -> bool {
        self.status && self.action == FenceAction::Off
    }

    /// The options as a person may see them.
    pub fn shown(&self) -> String {
        let shown = self.options.iter().map(|(name, value)| {
            let value = if FenceDevice::is_sensitive(name) { "***" } else { value };
            format!("{name}={value}")
        });
        shown.collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(agent: &str, action: FenceAction, confirms: Confirms) -> Device {
        let options = [("ip", "10.0.0.9"), ("password", "s3cret")];
        let options = options.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let agent = agent.to_owned();
        Device { agent, action, options: options.into(), confirms, status: true, timeout_ms: 60_000 }
    }

    fn h1() -> HostName {
        "h1".try_into().unwrap()
    }

    #[test]
    fn the_agent_reads_its_options_and_what_to_do_line_by_line() {
        let device = device("fence_x", FenceAction::Off, Confirms::Power);
        assert_eq!(device.request(Ask::from(device.action)), "ip=10.0.0.9\npassword=s3cret\naction=off\n");
        assert_eq!(device.shown(), "ip=10.0.0.9 password=***");
    }

    #[test]
    fn the_words_say_what_is_proven_and_how() {
        let off = device("/usr/sbin/fence_ipmilan", FenceAction::Off, Confirms::Power);
        assert_eq!(off.words(&h1()), "fenced h1 by fence_ipmilan: off, confirmed by status");
        let reboot = device("fence_x", FenceAction::Reboot, Confirms::Power);
        assert_eq!(reboot.words(&h1()), "fenced h1 by fence_x: reboot");
        let store = device("fence_scsi", FenceAction::Off, Confirms::Store);
        let fence = Fence { host: h1(), devices: vec![off, store] };
        assert_eq!(fence.summary(), "fence_ipmilan powers off h1, fence_scsi if that fails");
        assert!(fence.may_leave_running());
        assert_eq!(fence.timeout_ms(), 120_000);
    }
}
