//! The scheduling table against what the hosts say: where the table is older or lost, the hosts are right.

use super::facts::{SiteFacts, Trace};
use super::table::{Role, Row, ServiceState, Table};
use crate::site::id::{HostName, ServiceName};

/// The table with every service rebuilt from the hosts that it does not know, or that has a newer primary than it
/// knows; and with each epoch at least as high as on any host, since hosts refuse older ones.
pub fn reconcile(table: &Table, facts: &SiteFacts) -> Table {
    let mut table = table.clone();
    for service in traced(facts) {
        let known = table.services.get(&service);
        let outdated = known.is_none_or(|row| newer_primary(facts, &service, row));
        let last_run = known.and_then(|row| row.last_run.clone());
        if outdated && let Some(row) = rebuilt(facts, &service) {
            table.services.insert(service, Row { last_run, ..row });
        }
    }
    for (service, row) in &mut table.services {
        let seen = traces(facts, service).map(|(_, trace)| trace.epoch).max().unwrap_or_default();
        row.epoch = row.epoch.max(seen);
    }
    table
}

/// Whether another host became primary in an epoch that the table has not seen.
fn newer_primary(facts: &SiteFacts, service: &ServiceName, row: &Row) -> bool {
    traces(facts, service).any(|(host, trace)| {
        trace.role == Some(Role::Primary) && trace.epoch > row.epoch && row.primary.as_ref() != Some(host)
    })
}

/// Services that at least one reachable host keeps a role for.
fn traced(facts: &SiteFacts) -> Vec<ServiceName> {
    let hosts = facts.values().filter_map(|facts| facts.as_ref().ok());
    let mut services: Vec<ServiceName> = hosts
        .flat_map(|facts| &facts.services)
        .filter(|(_, trace)| trace.role.is_some())
        .map(|(service, _)| service.clone())
        .collect();
    services.sort();
    services.dedup();
    services
}

fn traces<'a>(
    facts: &'a SiteFacts,
    service: &'a ServiceName,
) -> impl Iterator<Item = (&'a HostName, &'a Trace)> {
    facts.iter().filter_map(move |(host, facts)| Some((host, facts.as_ref().ok()?.services.get(service)?)))
}

fn rebuilt(facts: &SiteFacts, service: &ServiceName) -> Option<Row> {
    let holder = |role: Role| {
        traces(facts, service)
            .filter(|(_, trace)| trace.role == Some(role))
            .max_by_key(|(_, trace)| trace.epoch)
            .map(|(host, trace)| (host.clone(), trace.epoch))
    };
    // Of two primaries the one of the older epoch was left behind: somebody else took over since.
    let (primary, epoch) = holder(Role::Primary).unzip();
    let secondary =
        holder(Role::Secondary).map(|(host, _)| host).filter(|host| primary.as_ref() != Some(host));
    if primary.is_none() && secondary.is_none() {
        return None;
    }
    let state = match (&primary, &secondary) {
        (Some(_), Some(_)) => ServiceState::Protected,
        (Some(_), None) => ServiceState::Unprotected,
        (None, _) => ServiceState::Down,
    };
    Some(Row { primary, secondary, epoch: epoch.unwrap_or_default(), state, last_run: None })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::facts::HostFacts;
    use crate::site::id::Epoch;

    fn facts(entries: &[(&str, Role, u64)]) -> SiteFacts {
        let service: ServiceName = "web".try_into().unwrap();
        let one = |(host, role, epoch): &(&str, Role, u64)| {
            let trace = Trace { epoch: Epoch(*epoch), role: Some(*role), ..Trace::default() };
            let facts = HostFacts { services: [(service.clone(), trace)].into(), ..HostFacts::default() };
            ((*host).try_into().unwrap(), Ok(facts))
        };
        entries.iter().map(one).collect()
    }

    fn row(table: &Table) -> &Row {
        table.services.values().next().expect("one service")
    }

    #[test]
    fn a_lost_table_is_rebuilt_from_the_hosts() {
        let facts = facts(&[("h2", Role::Primary, 4), ("h3", Role::Secondary, 4)]);
        let table = reconcile(&Table::default(), &facts);
        assert_eq!(row(&table).primary.as_ref().map(HostName::as_str), Some("h2"));
        assert_eq!(row(&table).secondary.as_ref().map(HostName::as_str), Some("h3"));
        assert_eq!((row(&table).epoch, row(&table).state), (Epoch(4), ServiceState::Protected));
    }

    #[test]
    fn a_returning_primary_of_an_older_epoch_is_not_believed() {
        let facts = facts(&[("h1", Role::Primary, 3), ("h2", Role::Primary, 4)]);
        let table = reconcile(&Table::default(), &facts);
        assert_eq!(row(&table).primary.as_ref().map(HostName::as_str), Some("h2"));
    }

    #[test]
    fn a_takeover_that_was_taken_back_leaves_the_primary_and_only_raises_the_epoch() {
        let table = reconcile(&Table::default(), &facts(&[("h1", Role::Primary, 3)]));
        let table = reconcile(&table, &facts(&[("h2", Role::Secondary, 4)]));
        assert_eq!(row(&table).primary.as_ref().map(HostName::as_str), Some("h1"));
        assert_eq!(row(&table).epoch, Epoch(4));
    }

    #[test]
    fn a_table_that_is_newer_stands() {
        let mut table = reconcile(&Table::default(), &facts(&[("h2", Role::Primary, 4)]));
        table.services.values_mut().for_each(|row| row.epoch = Epoch(9));
        assert_eq!(reconcile(&table, &facts(&[("h1", Role::Primary, 5)])), table);
    }
}
