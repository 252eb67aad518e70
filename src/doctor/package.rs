//! Which Debian package brings a program.

/// Programs that steps commonly need, by name.
const PACKAGES: [(&str, &str); 50] = [
    ("a2enmod", "apache2"),
    ("a2ensite", "apache2"),
    ("apache2", "apache2"),
    ("apache2ctl", "apache2"),
    ("apachectl", "apache2"),
    ("arping", "iputils-arping"),
    ("awk", "mawk"),
    ("caddy", "caddy"),
    ("curl", "curl"),
    ("dig", "bind9-dnsutils"),
    ("dnsmasq", "dnsmasq"),
    ("exim4", "exim4-daemon-light"),
    ("exportfs", "nfs-kernel-server"),
    ("find", "findutils"),
    ("flock", "util-linux"),
    ("git", "git"),
    ("haproxy", "haproxy"),
    ("ip", "iproute2"),
    ("iptables", "iptables"),
    ("lighttpd", "lighttpd"),
    ("mariadb", "mariadb-client"),
    ("mariadbd", "mariadb-server"),
    ("mount", "mount"),
    ("mount.cifs", "cifs-utils"),
    ("mount.glusterfs", "glusterfs-client"),
    ("mount.nfs", "nfs-common"),
    ("mount.nfs4", "nfs-common"),
    ("named", "bind9"),
    ("named-checkconf", "bind9-utils"),
    ("nft", "nftables"),
    ("nginx", "nginx-light"),
    ("pkill", "procps"),
    ("postfix", "postfix"),
    ("psql", "postgresql-client"),
    ("python3", "python3"),
    ("redis-server", "redis-server"),
    ("rndc", "bind9-utils"),
    ("rsync", "rsync"),
    ("sendmail", "sendmail-bin"),
    ("setsid", "util-linux"),
    ("smbd", "samba"),
    ("squid", "squid"),
    ("ss", "iproute2"),
    ("sshfs", "sshfs"),
    ("sudo", "sudo"),
    ("sysctl", "procps"),
    ("systemctl", "systemd"),
    ("tsig-keygen", "bind9"),
    ("umount", "mount"),
    ("unbound", "unbound"),
];

/// What to do about a program that is missing.
pub(super) fn fix(program: &str) -> String {
    let name = program.rsplit('/').next().unwrap_or(program);
    match PACKAGES.binary_search_by_key(&name, |(known, _)| known) {
        Ok(found) => format!("install it (Debian: apt-get install {})", PACKAGES[found].1),
        Err(_) => "install it, or let a prepare step put it there".to_owned(),
    }
}

/// What to do about a program that the controller needs for a probe.
pub(super) fn fix_here(program: &str) -> String {
    if program.starts_with("/usr/lib/nagios/plugins/") {
        return "install it here (Debian: apt-get install monitoring-plugins-basic, or the plugin's package), or \
                correct the path"
            .to_owned();
    }
    match fix(program) {
        install if install.contains("apt-get") => install,
        _ => "install it here, or correct the path".to_owned(),
    }
}

/// What to do where a provider of OCF agents has no folder.
pub(super) fn agents(provider: &str) -> String {
    let package = match provider {
        "heartbeat" => "resource-agents",
        "linbit" => "drbd-utils",
        "pacemaker" => "pacemaker-resource-agents",
        _ => return format!("no agent of provider `{provider}` is installed: correct it, or install them"),
    };
    format!("install it (Debian: apt-get install {package})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_sorted_and_found_by_name_or_path() {
        assert!(PACKAGES.is_sorted());
        assert!(fix("arping").ends_with("install iputils-arping)"));
        assert!(fix("/usr/sbin/apachectl").ends_with("install apache2)"));
        assert!(fix("frobnicate").contains("prepare step"));
    }
}
