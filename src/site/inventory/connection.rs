//! How a host is reached: what Ansible's connection variables say, in types.
//!
//! `cli` asks for one connection per host, before anything is connected. `~/.ssh/config` is the business of
//! ssh itself: what the inventory leaves out stays out here.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::model::Inventory;
use crate::site::diagnostic::Diagnostic;
use crate::site::id::HostName;
use crate::site::playbook::VarMap;
use crate::site::source::{Sp, Span};

/// Renders the templates in a host's variable; an error says why it could not. Only called for values that
/// hold `{{` or `{%`.
pub type Render<'a> = &'a dyn Fn(&str, &HostName) -> Result<String, String>;

/// What to do to reach a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connection {
    pub kind: ConnectionKind,
    /// `ansible_host`, else the host's name.
    pub address: String,
    /// `ansible_port`; ssh decides when there is none.
    pub port: Option<u16>,
    /// `ansible_user`; ssh decides when there is none.
    pub user: Option<String>,
    /// `ansible_ssh_private_key_file`, as written: `~` is not expanded.
    pub private_key_file: Option<PathBuf>,
    /// More words for ssh's command line: `ansible_ssh_args`, `…_common_args`, `…_extra_args`, in this order.
    pub ssh_args: Vec<String>,
    /// Whom commands run as, when not as `user`.
    pub escalation: Option<Become>,
}

/// `ansible_connection`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConnectionKind {
    #[default]
    Ssh,
    /// This machine, without ssh.
    Local,
}

/// sudo to another user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Become {
    pub user: String,
}

/// What the command line says; variables of the inventory win over it, as in Ansible.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConnectionDefaults {
    /// `-u`.
    pub user: Option<String>,
    pub private_key_file: Option<PathBuf>,
    /// `-b`.
    pub escalate: bool,
    /// `--become-user`; root when there is none.
    pub become_user: Option<String>,
}

/// Variables whose work nothing here does; to ignore one silently would surprise.
const REFUSED: [(&str, &str); 6] = [
    ("ansible_password", "log in with a key"),
    ("ansible_ssh_pass", "log in with a key"),
    ("ansible_ssh_password", "log in with a key"),
    (
        "ansible_become_password",
        "-K asks for it once; or name a secret in reveille.yml: `become: { password: NAME }`",
    ),
    (
        "ansible_become_pass",
        "-K asks for it once; or name a secret in reveille.yml: `become: { password: NAME }`",
    ),
    (
        "ansible_sudo_pass",
        "-K asks for it once; or name a secret in reveille.yml: `become: { password: NAME }`",
    ),
];

impl Inventory {
    /// The connection of a host. What cannot be understood is reported and left out.
    pub fn connection(
        &self,
        host: &HostName,
        defaults: &ConnectionDefaults,
        render: Render<'_>,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Connection {
        Connection::from_vars(host, &self.vars_of(host), defaults, render, diagnostics)
    }
}

impl Connection {
    /// The connection that merged variables describe. Of two names for one thing the longer wins.
    pub fn from_vars(
        host: &HostName,
        vars: &VarMap,
        defaults: &ConnectionDefaults,
        render: Render<'_>,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Self {
        let mut words = Reader { host, vars, render, diagnostics };
        words.refuse();
        let key = words.text(&["ansible_ssh_private_key_file", "ansible_private_key_file"]);
        let address = words.text(&["ansible_ssh_host", "ansible_host"]);
        let user = words.text(&["ansible_ssh_user", "ansible_user"]);
        Self {
            kind: words.kind(),
            address: address.map_or_else(|| host.to_string(), |address| address.value),
            port: words.port(),
            user: user.map(|user| user.value).or_else(|| defaults.user.clone()),
            private_key_file: key.map(|key| key.value.into()).or_else(|| defaults.private_key_file.clone()),
            ssh_args: words.ssh_args(),
            escalation: words.escalation(defaults),
        }
    }
}

/// Reads one host's variables as the types that connections need.
struct Reader<'a> {
    host: &'a HostName,
    vars: &'a VarMap,
    render: Render<'a>,
    diagnostics: &'a mut Vec<Diagnostic>,
}

impl Reader<'_> {
    /// The first of `names` that is set, rendered, as text.
    fn text(&mut self, names: &[&str]) -> Option<Sp<String>> {
        let (name, value) = names.iter().find_map(|name| Some((*name, self.vars.get(*name)?)))?;
        let span = value.span;
        let text = match &value.value {
            Value::Null => return None,
            Value::String(text) => text.clone(),
            Value::Bool(_) | Value::Number(_) => value.value.to_string(),
            Value::Array(_) | Value::Object(_) => {
                self.error(span, format!("`{name}` of `{}` is one word or number", self.host));
                return None;
            }
        };
        if !text.contains("{{") && !text.contains("{%") {
            return Some(Sp::new(text, span));
        }
        match (self.render)(&text, self.host) {
            Ok(text) => Some(Sp::new(text, span)),
            Err(error) => {
                self.error(span, format!("`{name}` of `{}` cannot be rendered: {error}", self.host));
                None
            }
        }
        .filter(|text| !text.is_empty())
    }

    fn flag(&mut self, names: &[&str]) -> Option<bool> {
        let text = self.text(names)?;
        match text.to_lowercase().as_str() {
            "yes" | "on" | "1" | "true" | "t" | "y" => Some(true),
            "no" | "off" | "0" | "false" | "f" | "n" => Some(false),
            other => {
                self.error(text.span, format!("`{other}` is neither yes nor no"));
                None
            }
        }
    }

    fn kind(&mut self) -> ConnectionKind {
        let Some(text) = self.text(&["ansible_connection"]) else { return ConnectionKind::Ssh };
        match text.strip_prefix("ansible.builtin.").unwrap_or(&text) {
            "ssh" | "smart" => ConnectionKind::Ssh,
            "local" => ConnectionKind::Local,
            other => {
                let message = format!("connection `{other}` of `{}` is neither `ssh` nor `local`", self.host);
                self.error(text.span, message);
                ConnectionKind::Ssh
            }
        }
    }

    fn port(&mut self) -> Option<u16> {
        let text = self.text(&["ansible_ssh_port", "ansible_port"])?;
        match text.trim().parse::<u16>() {
            Ok(port) if port > 0 => Some(port),
            _ => {
                self.error(text.span, format!("`{}` is not a port from 1 to 65535", text.value));
                None
            }
        }
    }

    fn ssh_args(&mut self) -> Vec<String> {
        let names = ["ansible_ssh_args", "ansible_ssh_common_args", "ansible_ssh_extra_args"];
        names.iter().filter_map(|name| self.text(&[name])).collect::<Vec<_>>().into_iter().fold(
            Vec::new(),
            |mut words, text| {
                match shlex::split(&text) {
                    Some(more) => words.extend(more),
                    None => self.error(text.span, "a quote in these arguments is never closed"),
                }
                words
            },
        )
    }

    fn escalation(&mut self, defaults: &ConnectionDefaults) -> Option<Become> {
        let wanted = self.flag(&["ansible_become"]).unwrap_or(defaults.escalate);
        if let Some(method) = self.text(&["ansible_become_method"])
            && method.strip_prefix("ansible.builtin.").unwrap_or(&method) != "sudo"
        {
            self.error(method.span, format!("become method `{}` is not `sudo`, the only one", method.value));
        }
        let user = self.text(&["ansible_become_user"]).map(|user| user.value);
        let user = user.or_else(|| defaults.become_user.clone()).unwrap_or_else(|| "root".to_owned());
        wanted.then_some(Become { user })
    }

    fn refuse(&mut self) {
        for (name, instead) in REFUSED {
            if let Some(value) = self.vars.get(name) {
                let message = format!(
                    "`{name}` of `{}` has no effect: no password is read from an inventory",
                    self.host
                );
                self.diagnostics
                    .push(Diagnostic::warning("inventory-value", value.span, message).hint(instead));
            }
        }
    }

    fn error(&mut self, span: Span, message: impl Into<String>) {
        self.diagnostics.push(Diagnostic::error("inventory-value", span, message));
    }
}
