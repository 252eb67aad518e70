//! Reads ssh's log for the one reason a person needs. Pure; the master calls it when a login failed or a link broke.

/// Why ssh gave up, in one line.
pub(super) fn reason(log: &str) -> String {
    let lines: Vec<&str> = log.lines().map(str::trim).filter(|line| says_something(line)).collect();
    if log.contains("REMOTE HOST IDENTIFICATION HAS CHANGED") {
        let place = lines.iter().find_map(|line| line.strip_prefix("Offending ")?.split_once(" in "));
        let place = place.map_or("known_hosts", |(_, place)| place);
        return format!(
            "its host key is not the one in {place} (known_hosts): a new key, or another machine"
        );
    }
    if let Some(unknown) = lines.iter().find(|line| line.contains("host key is known for")) {
        let unknown = unknown.split(" and you have requested").next().unwrap_or(unknown);
        return format!("{unknown} (known_hosts); add it, or allow new keys for this host");
    }
    lines.last().map_or_else(|| "ssh gave no reason".to_owned(), |line| (*line).to_owned())
}

/// Leaves out what ssh says of its own bookkeeping.
fn says_something(line: &str) -> bool {
    !line.is_empty() && !line.starts_with("Warning: Permanently added") && !line.starts_with("debug")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_key_names_the_line_of_known_hosts() {
        let log = "@@@@@@@\n@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\n@@@@@@@\n\
            IT IS POSSIBLE THAT SOMEONE IS DOING SOMETHING NASTY!\nOffending ED25519 key in /home/o/.ssh/known_hosts:3\n\
            Host key for h1 has changed and you have requested strict checking.\nHost key verification failed.\n";
        assert!(reason(log).contains("/home/o/.ssh/known_hosts:3"), "{}", reason(log));
    }

    #[test]
    fn an_unknown_key_says_what_to_do() {
        let log = "No ED25519 host key is known for [127.0.0.1]:4022 and you have requested strict checking.\n\
            Host key verification failed.\n";
        assert!(reason(log).starts_with("No ED25519 host key is known for [127.0.0.1]:4022 (known_hosts)"));
    }

    #[test]
    fn otherwise_the_last_line_counts() {
        let log = "Warning: Permanently added 'h1' (ED25519) to the list of known hosts.\r\nTimeout, server h1 not responding.\r\n";
        assert_eq!(reason(log), "Timeout, server h1 not responding.");
        assert_eq!(reason("\n"), "ssh gave no reason");
    }
}
