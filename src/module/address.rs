//! `address`: the service addresses on the host, up, absent or staged. Also what is done with addresses
//! beside the steps of a playbook: ask whether the link is silent, announce once more, renew a lease.

use std::time::Duration;

use super::words::Words;
use super::{Context, Library, ModuleError, Script};
use crate::site::action::{AddressArgs, AddressState};
use crate::site::address::ServiceAddress;
use crate::site::quantity::TimeSpan;
use crate::site::source::Sp;

/// How long another holder may take to answer before an address is taken, if `duplicate_check` does not say. A live
/// neighbour answers within a few milliseconds; the rest is for a busy one.
pub const DUPLICATE_CHECK: TimeSpan = TimeSpan::from_millis(100);

/// Held as /32 or /128 on the device of its network, or not held; in either case what it was is known to the undo.
pub fn compile(args: &AddressArgs, cx: &Context) -> Result<Script, ModuleError> {
    let wanted = Wanted::of(args, cx)?;
    let state = args.state.word();
    let up = args.state == AddressState::Up;
    let (lease, check) = if up { (wanted.lease_s, Some(wanted.check_ms)) } else { (None, None) };
    let look = Words::of("address_is").word(state).option("--device", wanted.device.as_ref());
    let act = Words::of(&format!("address_{state}")).option("--device", wanted.device.as_ref());
    let back = Words::of("address_back").option("--check", Some(wanted.check_ms));
    Ok(Script {
        summary: format!("address {} {state}", listed(&wanted.addresses)),
        look: Some(look.option("--lease", lease).words(&wanted.addresses).line()?),
        act: act.option("--lease", lease).option("--check", check).words(&wanted.addresses).line()?,
        undo: Some(back.words(&wanted.addresses).line()?),
        changes: true,
        library: library(),
        programs: programs(&wanted.addresses),
        ..Script::default()
    })
}

/// Whether the host has a device for each of the addresses.
pub fn preflight(args: &AddressArgs, cx: &Context) -> Result<Option<Script>, ModuleError> {
    let wanted = Wanted::of(args, cx)?;
    let ask = Words::of("address_fits").option("--device", wanted.device.as_ref());
    Ok(Some(Script {
        summary: format!("a device for {}", listed(&wanted.addresses)),
        act: ask.words(&wanted.addresses).line()?,
        library: library(),
        ..Script::default()
    }))
}

/// Evidence `link-silent`: succeeds if nobody on the host's network answers for any of the addresses within the
/// window. Fails, naming who answered, or because the host has no link and could hear nobody.
pub fn silent_script(addresses: &[ServiceAddress], device: Option<&str>, window: Duration) -> Script {
    let ask = Words::of("address_silent").word(window.as_millis()).option("--device", device);
    Script {
        summary: format!("nobody answers for {}", listed(addresses)),
        act: line(&ask.words(addresses)),
        library: library(),
        programs: vec!["ip".to_owned()],
        ..Script::default()
    }
}

/// Renews a lease: the addresses live for `lease_s` seconds from now on. Fails if the host does not hold one of them any
/// more, or if its uptime is past `not_after_uptime_ms` (hundredths of a second count): a renewal that was delayed on
/// its way never lets an address live longer than its sender believes. Prints `uptime_ms N`, the uptime just before the
/// renewal. To be sent in the epoch of the service and with [`super::guard::Mode::Write`], so that it cannot fall into a
/// newer epoch's release.
pub fn renew_script(
    addresses: &[ServiceAddress],
    device: Option<&str>,
    lease: Duration,
    not_after_uptime_ms: u64,
) -> Script {
    let renew = Words::of("address_renew").word(lease.as_secs()).word(not_after_uptime_ms);
    Script {
        summary: format!("renew the lease of {}", listed(addresses)),
        act: line(&renew.option("--device", device).words(addresses)),
        changes: true,
        library: library(),
        programs: vec!["ip".to_owned()],
        ..Script::default()
    }
}

/// Announces addresses that the host holds already. Needed after any repair or release of a former holder, which may
/// have caught the neighbours' caches meanwhile.
pub fn announce_script(addresses: &[ServiceAddress]) -> Script {
    Script {
        summary: format!("announce {}", listed(addresses)),
        act: line(&Words::of("address_announce").words(addresses)),
        library: library(),
        programs: programs(addresses),
        ..Script::default()
    }
}

fn line(words: &Words) -> String {
    words.line().expect("neither addresses nor a device that was checked hold a NUL byte")
}

fn library() -> Vec<Library> {
    vec![Library::Undo, Library::Address]
}

fn programs(addresses: &[ServiceAddress]) -> Vec<String> {
    let announcer = addresses.iter().any(|address| address.ip().is_ipv4()).then_some("arping");
    ["ip"].into_iter().chain(announcer).map(str::to_owned).collect()
}

fn listed(addresses: &[ServiceAddress]) -> String {
    addresses.iter().map(|address| address.ip().to_string()).collect::<Vec<_>>().join(", ")
}

impl AddressState {
    fn word(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Absent => "absent",
            Self::Staged => "staged",
        }
    }
}

/// The arguments, resolved.
struct Wanted {
    addresses: Vec<ServiceAddress>,
    device: Option<String>,
    lease_s: Option<u64>,
    check_ms: u128,
}

impl Wanted {
    fn of(args: &AddressArgs, cx: &Context) -> Result<Self, ModuleError> {
        let addresses = match &args.addresses {
            Some(some) => some.iter().map(|address| address.value).collect(),
            None => cx.addresses.to_vec(),
        };
        if addresses.is_empty() {
            let message =
                "the service has no addresses; give it some (`addresses: [10.0.0.80/24]`)".to_owned();
            return Err(ModuleError { span: crate::site::source::Span::default(), message });
        }
        let device = cx.optional(args.device.as_ref())?;
        Ok(Self {
            addresses,
            device: device.or_else(|| cx.device.map(str::to_owned)),
            lease_s: args.lease.as_ref().map(whole_seconds).transpose()?,
            check_ms: args
                .duplicate_check
                .as_ref()
                .map_or(DUPLICATE_CHECK, |check| check.value)
                .0
                .as_millis(),
        })
    }
}

/// The kernel counts lifetimes in seconds.
fn whole_seconds(lease: &Sp<TimeSpan>) -> Result<u64, ModuleError> {
    let span = lease.value.0;
    if span.subsec_nanos() != 0 || span.is_zero() {
        return Err(ModuleError::at(
            lease,
            format!("a lease is whole seconds, at least one; not {}", lease.value),
        ));
    }
    Ok(span.as_secs())
}
