//! Address leases: whose renewal keeps a service address alive, and what it proves when it has stopped.
//!
//! The kernel of the host that holds a leased address drops it by itself when nobody renews it (`valid_lft` of
//! `ip-address(8)`). Whoever renews knows when the last renewal was sent, and so when the address is gone at the latest.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::compose::Composer;
use super::scope::Scope;
use super::{Alternative, Planner, StepRef, Wait};
use crate::module::{Script, address};
use crate::site::action::{Action, AddressArgs, AddressState};
use crate::site::address::ServiceAddress;
use crate::site::id::{HostName, ServiceName};
use crate::site::playbook::{EvidenceKind, Phase};
use crate::site::quantity::TimeSpan;

/// A plan does not wait longer than this for a lease to run out.
const LONGEST_WAIT_MS: u64 = 60_000;

/// What the one who renews a lease knows of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseFact {
    /// Where the address is held.
    pub host: HostName,
    pub lease_ms: u64,
    /// Until the host's kernel has dropped the address at the latest, counted from the last renewal that may have
    /// arrived; a margin for two clocks that differ in speed included. 0: it has.
    pub remaining_ms: u64,
    /// Since that renewal was sent, if it is known.
    #[serde(default)]
    pub renewed_ago_ms: Option<u64>,
}

impl LeaseFact {
    fn lease(&self) -> TimeSpan {
        TimeSpan::from_millis(self.lease_ms)
    }
}

/// Addresses that a host holds on a lease.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leased {
    pub host: HostName,
    pub addresses: Vec<ServiceAddress>,
    /// The device they are on, where it is named.
    pub device: Option<String>,
    pub lease_ms: u64,
}

impl Leased {
    /// How often it is to be renewed: two renewals may be lost.
    pub fn every_ms(&self) -> u64 {
        self.lease_ms / 3
    }

    /// The renewal, refused by the host once its uptime is past `not_after_uptime_ms`. See [`address::renew_script`].
    pub fn renewal(&self, not_after_uptime_ms: u64) -> Script {
        let lease = Duration::from_millis(self.lease_ms);
        address::renew_script(&self.addresses, self.device.as_deref(), lease, not_after_uptime_ms)
    }
}

impl Planner<'_> {
    /// What has to be renewed for a service: its leased addresses on its primary. `None` if it has no primary, or no
    /// lease.
    pub fn leased(&self, service: &ServiceName) -> Option<Leased> {
        let host = self.table.services.get(service)?.primary.clone()?;
        self.composer(service).ok()?.leased(&host)
    }
}

impl Composer<'_> {
    /// Every address that would be leased on `host`; all of them for as long as the shortest.
    pub(super) fn leased(&self, host: &HostName) -> Option<Leased> {
        let mut leased: Option<Leased> = None;
        let steps = [Phase::Wake, Phase::Ifconfig].map(|phase| self.playbook.phase(phase));
        for step in steps.into_iter().flatten() {
            let Action::Address(args) = &step.action.value else { continue };
            let Some(lease) = args.lease.as_ref().filter(|_| args.state == AddressState::Up) else {
                continue;
            };
            let lease_ms = u64::try_from(lease.value.0.as_millis()).unwrap_or(u64::MAX);
            let all = leased.get_or_insert_with(|| Leased {
                host: host.clone(),
                addresses: Vec::new(),
                device: self.device_of(args, host),
                lease_ms,
            });
            all.lease_ms = all.lease_ms.min(lease_ms);
            all.addresses.extend(match &args.addresses {
                Some(some) => some.iter().map(|address| address.value).collect(),
                None => self.addresses(),
            });
        }
        leased
    }

    fn device_of(&self, args: &AddressArgs, host: &HostName) -> Option<String> {
        let named = args.device.as_ref().and_then(|device| Scope::of(self, host).render(device).ok());
        named.or_else(|| self.planner.extras(host).device)
    }

    /// The lease that ran out, or will before long.
    pub(super) fn lease_expired(&mut self, from: &HostName) -> Option<Alternative> {
        let fact = self.planner.request.leases.get(self.service())?.clone();
        if fact.host != *from || fact.remaining_ms > LONGEST_WAIT_MS {
            return None;
        }
        let lease = fact.lease();
        let (steps, words): (Vec<StepRef>, String) = if fact.remaining_ms == 0 {
            let ago = fact.renewed_ago_ms.map(|ms| TimeSpan::from_millis(ms / 1000 * 1000));
            let how = ago.map_or("has run out".to_owned(), |ago| format!("was last renewed {ago} ago"));
            (Vec::new(), format!("the address lease of {lease} {how}"))
        } else {
            let wait = Wait { at_most_ms: fact.remaining_ms, or_end_of: Vec::new() };
            (vec![self.wait("wait-for-lease", wait)], format!("the address lease of {lease} ran out"))
        };
        let words = format!("{words}: the kernel of {from} has dropped it");
        Some(Alternative { evidence: EvidenceKind::LeaseExpired, steps, words })
    }

    /// Said where nobody is known to renew.
    pub(super) fn lease_note(&self, host: &HostName) -> Option<String> {
        let leased =
            self.leased(host).filter(|_| !self.planner.request.leases.contains_key(self.service()))?;
        let lease = TimeSpan::from_millis(leased.lease_ms);
        Some(format!(
            "the service address has a lease of {lease}: {host} drops it then, unless a running `reveille watch` renews it"
        ))
    }
}
