//! A destination as ssh's command line. Pure. The options of `ansible_ssh_common_args` are passed on as they are, as
//! Ansible does, after ours: ssh takes the first value it meets. `~/.ssh/config` comes after both, by ssh itself.

use std::time::Duration;

use super::Destination;

/// ssh's options (ssh(1)) that say how to reach a host. The others say what to do there, and that is ours to say.
const FLAGS: &str = "46AaCgKkqTvXxYy";
const WITH_VALUE: &str = "BbcFIiJlmop";

/// An option of `ansible_ssh_common_args` that cannot be passed on, or an address that would be taken for one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadDestination {
    #[error("ssh option `{0}` cannot be used here: it does not say how to reach a host")]
    Option(String),
    #[error("ssh option `{0}` needs a value")]
    NoValue(String),
    #[error("`{0}` among the ssh options is not an option")]
    Word(String),
    #[error("`{0}` is not an address")]
    Address(String),
}

/// Refuses what [`reach`] could not pass on safely.
pub(super) fn validate(destination: &Destination) -> Result<(), BadDestination> {
    let address = &destination.address;
    if address.is_empty()
        || address.starts_with('-')
        || address.contains(|c: char| c.is_whitespace() || c.is_control())
    {
        return Err(BadDestination::Address(address.clone()));
    }
    let mut words = destination.options.iter();
    while let Some(word) = words.next() {
        if missing_value(word)? && words.next().is_none() {
            return Err(BadDestination::NoValue(word.clone()));
        }
    }
    Ok(())
}

/// Reads one word as getopt(3) would: `-C`, `-4C`, `-p22`, `-p`. True when its value is the next word.
fn missing_value(word: &str) -> Result<bool, BadDestination> {
    let letters = word.strip_prefix('-').filter(|rest| !rest.is_empty() && !rest.starts_with('-'));
    let letters = letters.ok_or_else(|| BadDestination::Word(word.to_owned()))?;
    for (at, letter) in letters.char_indices() {
        if WITH_VALUE.contains(letter) {
            return Ok(at + letter.len_utf8() == letters.len());
        }
        if !FLAGS.contains(letter) {
            return Err(BadDestination::Option(format!("-{letter}")));
        }
    }
    Ok(false)
}

/// The arguments that lead to the host, its address not among them.
pub(super) fn reach(destination: &Destination) -> Vec<String> {
    let mut args = Vec::new();
    let mut option = |key: &str, value: &str| args.extend(["-o".to_owned(), format!("{key}={value}")]);
    option("BatchMode", "yes");
    option("ConnectTimeout", &seconds(destination.connect_timeout));
    // Unanswered after the second of two questions, one interval each: silence of at most three intervals.
    option("ServerAliveInterval", &seconds(destination.keepalive));
    option("ServerAliveCountMax", "2");
    // The reason of a failure is read from ssh's log; what else the configuration asks for is the user's own session's.
    option("LogLevel", "INFO");
    option("ClearAllForwardings", "yes");
    option("PermitLocalCommand", "no");
    option("RemoteCommand", "none");
    option("RequestTTY", "no");
    args.extend(destination.port.iter().flat_map(|port| ["-p".to_owned(), port.to_string()]));
    args.extend(destination.user.iter().flat_map(|user| ["-l".to_owned(), user.clone()]));
    args.extend(
        destination.identity.iter().flat_map(|key| ["-i".to_owned(), key.to_string_lossy().into_owned()]),
    );
    args.extend(destination.options.iter().filter(|word| !is_loudness(word)).cloned());
    args
}

/// `-v` and `-q` would override the log level.
fn is_loudness(word: &str) -> bool {
    word.strip_prefix('-')
        .is_some_and(|letters| !letters.is_empty() && letters.chars().all(|c| "vq".contains(c)))
}

/// Whole seconds, rounded up: a zero would mean "never" to ssh.
fn seconds(duration: Duration) -> String {
    (duration.as_secs() + u64::from(duration.subsec_nanos() > 0)).max(1).to_string()
}

/// What ssh makes of a destination with all its configuration read (`ssh -G`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Resolved {
    /// `StrictHostKeyChecking` is `accept-new` or weaker.
    pub(super) accepts_new_keys: bool,
}

impl Resolved {
    pub(super) fn parse(text: &str) -> Self {
        let checking =
            text.lines().find_map(|line| line.strip_prefix("stricthostkeychecking ")).unwrap_or_default();
        Self { accepts_new_keys: ["accept-new", "false", "no", "off"].contains(&checking.trim()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(options: &[&str]) -> Destination {
        Destination { options: options.iter().map(|o| (*o).to_owned()).collect(), ..Destination::new("h1") }
    }

    #[test]
    fn options_that_lead_to_a_host_pass_in_every_spelling() {
        let good = with(&[
            "-C",
            "-4",
            "-o",
            "ProxyJump=b",
            "-oPort=3",
            "-Jb,c",
            "-J",
            "b",
            "-i",
            "-odd",
            "-p2222",
            "-4C",
            "-F",
            "c",
        ]);
        assert_eq!(validate(&good), Ok(()));
        assert!(reach(&good).ends_with(&good.options));
    }

    #[test]
    fn anything_else_is_refused_by_name() {
        for (options, error) in [
            (&["-f"][..], BadDestination::Option("-f".into())),
            (&["-C4N"], BadDestination::Option("-N".into())),
            (&["-o", "A=b", "evil"], BadDestination::Word("evil".into())),
            (&["--"], BadDestination::Word("--".into())),
            (&["-C", "-J"], BadDestination::NoValue("-J".into())),
            (&["-S", "x"], BadDestination::Option("-S".into())),
        ] {
            assert_eq!(validate(&with(options)), Err(error), "{options:?}");
        }
    }

    #[test]
    fn an_address_is_never_an_option() {
        for address in ["-oProxyCommand=x", "", "a b", "a\nb"] {
            assert_eq!(validate(&Destination::new(address)), Err(BadDestination::Address(address.into())));
        }
    }

    #[test]
    fn ours_come_before_the_inventorys_and_never_mean_for_ever() {
        let destination = Destination {
            keepalive: Duration::from_millis(200),
            connect_timeout: Duration::from_millis(2500),
            user: Some("ops".into()),
            ..with(&["-o", "ServerAliveInterval=600", "-vv"])
        };
        let args = reach(&destination).join(" ");
        let place = |text: &str| args.find(text);
        assert!(place("ServerAliveInterval=1") < place("ServerAliveInterval=600"), "{args}");
        assert!(
            args.contains("ConnectTimeout=3") && args.contains("-l ops") && !args.contains("-vv"),
            "{args}"
        );
    }

    #[test]
    fn the_resolved_configuration_says_whether_new_keys_are_taken() {
        for (word, taken) in [("ask", false), ("true", false), ("accept-new", true), ("false", true)] {
            let resolved =
                Resolved::parse(&format!("host h1\nuser ops\nstricthostkeychecking {word}\nport 22\n"));
            assert_eq!(resolved, Resolved { accepts_new_keys: taken }, "{word}");
        }
    }
}
