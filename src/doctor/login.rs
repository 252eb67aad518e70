//! Why a host could not be logged in to, and the exact fix.

use std::path::PathBuf;

use super::Finding;

/// How the host was to be reached.
#[derive(Clone, Debug, Default)]
pub struct Route {
    /// `ansible_host`, or the inventory's name.
    pub address: String,
    pub port: Option<u16>,
    pub user: Option<String>,
    pub identity: Option<PathBuf>,
    /// More words for ssh, which may name another `known_hosts`.
    pub options: Vec<String>,
}

impl Route {
    /// `ops@10.0.0.1`
    fn login(&self) -> String {
        match &self.user {
            Some(user) => format!("{user}@{}", self.address),
            None => self.address.clone(),
        }
    }

    /// As `known_hosts` writes it: `[10.0.0.1]:2222`, or without the usual port just the address.
    fn known_as(&self) -> String {
        match self.port {
            None | Some(22) => self.address.clone(),
            Some(port) => format!("[{}]:{port}", self.address),
        }
    }

    fn known_hosts(&self) -> String {
        let options = self.options.iter().map(|word| word.strip_prefix("-o").unwrap_or(word).trim());
        let named = options.filter_map(|word| word.split_once('=').or_else(|| word.split_once(' ')));
        let mut named = named.filter(|(key, _)| key.trim().eq_ignore_ascii_case("UserKnownHostsFile"));
        let file = named.next().and_then(|(_, files)| files.split_whitespace().next());
        file.unwrap_or("~/.ssh/known_hosts").to_owned()
    }

    fn port_flag(&self) -> String {
        self.port.map(|port| format!("-p {port} ")).unwrap_or_default()
    }
}

/// What is wrong, by ssh's own words.
pub fn unreachable(reason: &str, route: &Route) -> Finding {
    let said = reason.strip_prefix("unreachable: ").unwrap_or(reason);
    let has = |words: &str| said.to_lowercase().contains(words);
    if has("known_hosts") && (has("is not the one") || has("has changed")) {
        let (file, name) = (route.known_hosts(), route.known_as());
        let fix = format!(
            "find out why; if the host was reinstalled: ssh-keygen -f {file} -R '{name}', then {}",
            scan(route)
        );
        return Finding::error("host-key", said, fix);
    }
    if has("host key is known for") || has("host key verification failed") {
        let fix = format!(
            "{}, and compare the key with the host's own; or set ssh: {{ host_keys: accept-new }} in reveille.yml",
            scan(route)
        );
        return Finding::error("host-key", said, fix);
    }
    if has("permission denied") {
        return Finding::error("key", format!("the login was refused: {said}"), let_in(route));
    }
    if has("too many authentication failures") {
        let fix = "name the key: ansible_ssh_private_key_file in the inventory, with IdentitiesOnly=yes";
        return Finding::error("key", said, fix);
    }
    if has("no shell was started") || has("sudo:") {
        return sudo(said, route);
    }
    Finding::error("reach", said, network(&has, route))
}

/// Commands with other rights do not start.
pub fn sudo(said: &str, route: &Route) -> Finding {
    let user = route.user.as_deref().unwrap_or("the login user");
    let fix = if said.contains("a password is required") {
        format!(
            "let {user} run sudo without a password there: `{user} ALL=(ALL) NOPASSWD: ALL` by visudo; or give it with -K"
        )
    } else if said.contains("does not take the password") {
        format!("give the password of {user} with -K, or see `become:` in reveille.yml")
    } else if said.contains("not found") {
        "install sudo there, or log in as root".to_owned()
    } else {
        format!("see what `ssh {}{} sudo -n true` says", route.port_flag(), route.login())
    };
    Finding::error("sudo", format!("no commands as root: {said}"), fix)
}

fn scan(route: &Route) -> String {
    format!("ssh-keyscan {}{} >> {}", route.port_flag(), route.address, route.known_hosts())
}

fn let_in(route: &Route) -> String {
    let key = route.identity.as_ref().map(|key| format!("-i {} ", key.display())).unwrap_or_default();
    format!(
        "ssh-copy-id {key}{}{}; or correct ansible_user or ansible_ssh_private_key_file",
        route.port_flag(),
        route.login()
    )
}

fn network(has: &dyn Fn(&str) -> bool, route: &Route) -> String {
    let at = route.known_as();
    if has("could not resolve") {
        return format!(
            "`{}` is no known name: set ansible_host in the inventory, or add it to DNS",
            route.address
        );
    }
    if has("connection refused") {
        return format!("start sshd on {at}, or set ansible_port");
    }
    if has("no login within") || has("silent") {
        return format!(
            "{at} takes the connection and says nothing, or drops it: look at its console and firewall"
        );
    }
    format!("see whether {at} is powered on and in the network: ping {}", route.address)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Severity;

    fn route() -> Route {
        Route {
            address: "10.0.0.1".into(),
            port: Some(2222),
            user: Some("ops".into()),
            identity: Some("/k".into()),
            options: ["-o", "UserKnownHostsFile=/etc/kh", "-o", "StrictHostKeyChecking=yes"]
                .map(str::to_owned)
                .into(),
        }
    }

    fn fix(reason: &str) -> String {
        let finding = unreachable(reason, &route());
        assert_eq!(finding.severity, Severity::Error);
        format!("{}: {}", finding.check, finding.fix.unwrap())
    }

    #[test]
    fn each_reason_gets_the_command_that_mends_it() {
        let changed =
            fix("its host key is not the one in /etc/kh:3 (known_hosts): a new key, or another machine");
        assert!(changed.contains("ssh-keygen -f /etc/kh -R '[10.0.0.1]:2222'"), "{changed}");
        let unknown =
            fix("unreachable: No ED25519 host key is known for [10.0.0.1]:2222 (known_hosts); add it");
        assert!(unknown.starts_with("host-key: ssh-keyscan -p 2222 10.0.0.1 >> /etc/kh"), "{unknown}");
        let refused = fix("ops@10.0.0.1: Permission denied (publickey).");
        assert!(refused.starts_with("key: ssh-copy-id -i /k -p 2222 ops@10.0.0.1"), "{refused}");
        assert!(
            fix("ssh: connect to host 10.0.0.1 port 2222: Connection refused")
                .starts_with("reach: start sshd")
        );
        assert!(fix("no shell was started (exit 1): sudo: a password is required").contains("NOPASSWD"));
    }

    #[test]
    fn without_a_word_about_it_known_hosts_is_the_users_own() {
        assert_eq!(Route::default().known_hosts(), "~/.ssh/known_hosts");
    }
}
