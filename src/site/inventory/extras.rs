//! Our own host and group variables, all of them: `reveille_*` in an inventory.

use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::fence::FenceDevice;
use super::model::Inventory;
use crate::site::diagnostic::Diagnostic;
use crate::site::id::HostName;
use crate::site::playbook::VarMap;
use crate::site::shape::OneOrMany;

const PREFIX: &str = "reveille_";
const KNOWN: [&str; 5] =
    ["reveille_networks", "reveille_device", "reveille_pool", "reveille_weight", "reveille_fence"];

/// What an inventory may say to reveille about a host, under `vars` of a group or at the host itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HostExtras {
    /// Networks the host has an interface in, besides the one it is managed through. A service address must
    /// lie in one of its networks.
    #[serde(rename = "reveille_networks")]
    #[schemars(with = "Vec<String>")]
    pub networks: Vec<IpNet>,
    /// The device that service addresses are put on, instead of the one the host's routes name.
    #[serde(rename = "reveille_device")]
    pub device: Option<String>,
    /// Whether the host may be given roles by placement. A host outside the pool still serves as a witness.
    #[serde(rename = "reveille_pool")]
    pub pool: bool,
    /// How much the host is preferred over others that are equally loaded: more is better, 0 is neutral.
    #[serde(rename = "reveille_weight")]
    pub weight: f64,
    /// The device that takes the host out of action when nothing else proves that it no longer acts; or several, tried
    /// in this order until one has done it.
    #[serde(rename = "reveille_fence")]
    #[schemars(with = "OneOrMany<FenceDevice>")]
    pub fence: Vec<FenceDevice>,
}

impl Default for HostExtras {
    fn default() -> Self {
        Self { networks: Vec::new(), device: None, pool: true, weight: 0.0, fence: Vec::new() }
    }
}

impl Inventory {
    /// The `reveille_*` variables of a host; what cannot be understood is reported and left at its default.
    pub fn extras(&self, host: &HostName, diagnostics: &mut Vec<Diagnostic>) -> HostExtras {
        HostExtras::from_vars(&self.vars_of(host), diagnostics)
    }
}

impl HostExtras {
    /// Takes the `reveille_*` variables out of merged variables.
    pub fn from_vars(vars: &VarMap, diagnostics: &mut Vec<Diagnostic>) -> Self {
        let mut extras = Self::default();
        for (name, value) in vars.iter().filter(|(name, _)| name.starts_with(PREFIX)) {
            let problem = match name.as_str() {
                "reveille_networks" => set(&mut extras.networks, value),
                "reveille_device" => set(&mut extras.device, value),
                "reveille_pool" => set(&mut extras.pool, value),
                "reveille_weight" => set(&mut extras.weight, value),
                "reveille_fence" => FenceDevice::several(value).map(|devices| extras.fence = devices),
                other => {
                    let message = format!("`{other}` means nothing to reveille");
                    let problem = Diagnostic::error("unknown-key", value.span, message);
                    diagnostics.push(problem.did_you_mean(other, KNOWN));
                    continue;
                }
            };
            if let Err(error) = problem {
                let message = format!("`{name}` cannot be read: {error}");
                diagnostics.push(Diagnostic::error("inventory-value", value.span, message));
            }
        }
        extras
    }
}

fn set<T: serde::de::DeserializeOwned>(field: &mut T, value: &serde_json::Value) -> Result<(), String> {
    *field = T::deserialize(value).map_err(|error| error.to_string())?;
    Ok(())
}
