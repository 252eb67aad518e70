//! What the site as a whole says about a host: its variables, its pool, how it is reached.

use serde_json::{Map, Value};

use super::Site;
use super::id::HostName;
use super::inventory::{self, Candidate, Connection, ConnectionDefaults, Layer, Level};
use super::playbook::{Playbook, VarMap};
use super::source::{FileId, Sp, Span};
use crate::template::{self, Vars};

impl Site {
    /// The hosts that may ever run the service, in inventory order. A pattern that is wrong has no hosts; `check`
    /// says so.
    pub fn pool(&self, playbook: &Playbook) -> Vec<HostName> {
        self.inventory.select(&playbook.hosts).unwrap_or_default()
    }

    /// Site defaults, groups and the host itself: the three weaker levels of variables.
    pub fn host_vars(&self, host: &HostName) -> Map<String, Value> {
        let mut vars = plain(&self.settings.vars);
        vars.extend(plain(&self.inventory.vars_of(host)));
        vars
    }

    /// How the host is reached. Mistakes in it were reported when the site was checked.
    pub fn connection(&self, host: &HostName, user: Option<&str>, escalate: bool) -> Connection {
        let defaults =
            ConnectionDefaults { user: user.map(str::to_owned), escalate, ..ConnectionDefaults::default() };
        let render = |text: &str, host: &HostName| {
            let mut vars = self.host_vars(host);
            vars.insert("inventory_hostname".to_owned(), host.as_str().into());
            vars.extend(self.extra_vars.clone());
            template::render(text, &Vars::new(&vars)).map_err(|error| error.to_string())
        };
        self.inventory.connection(host, &defaults, &render, &mut Vec::new())
    }

    /// Every place that sets a host's variable, the winner first. Playbooks count for the hosts of their pools.
    pub fn explain(&self, host: &HostName, variable: &str) -> Vec<Candidate> {
        let extra: VarMap =
            self.extra_vars.iter().map(|(name, value)| (name.clone(), unplaced(value.clone()))).collect();
        let mut layers =
            vec![Layer { level: Level::Default, owner: "reveille.yml", vars: &self.settings.vars }];
        layers.extend(self.inventory.layers(host));
        for playbook in self.playbooks.values().filter(|playbook| self.pool(playbook).contains(host)) {
            layers.push(Layer {
                level: Level::Playbook,
                owner: playbook.service.as_str(),
                vars: &playbook.vars,
            });
        }
        layers.push(Layer { level: Level::Extra, owner: "-e", vars: &extra });
        inventory::candidates(layers, variable)
    }

    /// Whether a file belongs to the inventory.
    pub fn is_inventory(&self, file: FileId) -> bool {
        self.inventory_files.contains(&file)
    }
}

fn unplaced(value: Value) -> Sp<Value> {
    Sp::new(value, Span::default())
}

/// Values without their places.
pub fn plain(vars: &VarMap) -> Map<String, Value> {
    vars.iter().map(|(name, value)| (name.clone(), value.value.clone())).collect()
}
