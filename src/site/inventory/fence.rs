//! `reveille_fence`: the device that takes a host out of action from outside, as the inventory describes it. Templates
//! in it are rendered by `plan`; `fence` talks to it.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::site::quantity::TimeSpan;

/// A device that takes the host out of action from outside, by way of a program of Debian's `fence-agents` or one that
/// speaks like them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FenceDevice {
    /// The program, run on the controller: a name such as `fence_ipmilan`, or a path, relative to the site.
    pub agent: String,
    /// What the program is told about the device, each as a line `name=value` of its standard input. Values may hold
    /// `{{ }}`, also with secrets.
    #[serde(default)]
    pub options: IndexMap<String, OptionValue>,
    /// What the device does to the host.
    #[serde(default, deserialize_with = "off_without_quotes")]
    pub action: FenceAction,
    /// The most it may take, being asked for the status included.
    #[serde(default = "minute")]
    pub timeout: TimeSpan,
    /// What is proven once it was done.
    #[serde(default)]
    pub confirms: Confirms,
    /// Whether the device is asked afterwards if the host is off. `false` is for programs without `status`: what they
    /// say of the action is believed.
    #[serde(default = "yes")]
    pub status: bool,
}

/// `off` without quotes is `false` in the YAML that Ansible reads.
fn off_without_quotes<'de, D: serde::Deserializer<'de>>(source: D) -> Result<FenceAction, D::Error> {
    match Value::deserialize(source)? {
        Value::Bool(false) => Ok(FenceAction::Off),
        word => FenceAction::deserialize(word).map_err(serde::de::Error::custom),
    }
}

fn minute() -> TimeSpan {
    TimeSpan::from_secs(60)
}

fn yes() -> bool {
    true
}

/// A text, a number, `true` or `false`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum OptionValue {
    Flag(bool),
    Whole(i64),
    Number(f64),
    Text(String),
}

impl std::fmt::Display for OptionValue {
    /// As agents read it; they know `1` and `0` for true and false.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Flag(flag) => write!(f, "{}", u8::from(*flag)),
            Self::Whole(number) => write!(f, "{number}"),
            Self::Number(number) => write!(f, "{number}"),
            Self::Text(text) => f.write_str(text),
        }
    }
}

/// What a device does to a host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FenceAction {
    /// The host stays off until a person turns it on.
    #[default]
    Off,
    /// The host starts anew. It cannot be asked afterwards whether it was off.
    Reboot,
}

impl FenceAction {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Reboot => "reboot",
        }
    }
}

/// What is proven once a device has acted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Confirms {
    /// The host has no power: nothing of it acts.
    #[default]
    Power,
    /// The host cannot write to the shared data. It may still run and hold the service address, so silence on the link
    /// is asked for besides.
    Store,
}

impl FenceDevice {
    /// Reads the value of `reveille_fence`: one device, or several in the order in which they are tried.
    pub(super) fn several(value: &Value) -> Result<Vec<Self>, String> {
        let devices = match value {
            Value::Array(devices) => devices.iter().collect(),
            one => vec![one],
        };
        devices.into_iter().map(Self::read).collect()
    }

    fn read(value: &Value) -> Result<Self, String> {
        let device = Self::deserialize(value).map_err(|error| error.to_string())?;
        if device.agent.trim().is_empty() {
            return Err("`agent` is empty".to_owned());
        }
        for (name, value) in &device.options {
            let plain = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
            if name.is_empty() || !name.chars().all(plain) {
                return Err(format!("`{name}` is no name of an option"));
            }
            if name == "action" {
                return Err("`action` stands beside `options`, not in it".to_owned());
            }
            if value.to_string().contains('\n') {
                return Err(format!("the value of `{name}` has more than one line"));
            }
        }
        Ok(device)
    }

    /// Whether an option of this name holds what nobody should see, by the names that agents use.
    pub fn is_sensitive(option: &str) -> bool {
        ["passw", "secret", "token", "snmp_priv", "community"].iter().any(|part| option.contains(part))
    }

    /// Whether `agent` is a path rather than a name that is looked up.
    pub fn is_path(agent: &str) -> bool {
        agent.contains('/')
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn off_needs_no_quotes() {
        let action = |value| {
            let devices = FenceDevice::several(&json!({ "agent": "fence_x", "action": value }));
            devices.map(|devices| devices[0].action)
        };
        assert_eq!(action(json!(false)), Ok(FenceAction::Off));
        assert_eq!(action(json!("reboot")), Ok(FenceAction::Reboot));
        assert!(action(json!(true)).is_err() && action(json!("of")).is_err());
    }

    #[test]
    fn a_device_needs_only_its_agent() {
        let devices = FenceDevice::several(&json!({ "agent": "fence_x" })).unwrap();
        let [device] = devices.as_slice() else { panic!("{devices:?}") };
        assert_eq!(
            (device.action, device.confirms, device.status),
            (FenceAction::Off, Confirms::Power, true)
        );
        assert_eq!(device.timeout, TimeSpan::from_secs(60));
    }

    #[test]
    fn options_are_told_as_agents_read_them() {
        let written =
            json!([{ "agent": "a", "options": { "lanplus": true, "port": 623, "ip": "10.0.0.9" } }]);
        let devices = FenceDevice::several(&written).unwrap();
        let told: Vec<String> =
            devices[0].options.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(told, ["lanplus=1", "port=623", "ip=10.0.0.9"]);
    }

    #[test]
    fn what_would_be_misread_is_refused() {
        for (written, why) in [
            (json!({ "agent": " " }), "empty"),
            (json!({ "agent": "a", "opts": {} }), "unknown field `opts`"),
            (json!({ "agent": "a", "options": { "action": "on" } }), "beside `options`"),
            (json!({ "agent": "a", "options": { "x": "1\naction=on" } }), "more than one line"),
            (json!({ "agent": "a", "options": { "x=y": 1 } }), "no name"),
            (json!({ "agent": "a", "timeout": 60 }), "60"),
        ] {
            let said = FenceDevice::several(&written).unwrap_err();
            assert!(said.contains(why), "{said}");
        }
    }
}
