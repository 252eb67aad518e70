//! Bare `reveille`: what to do next, judged by the site's files and its store. Connects to nothing and writes nothing.

use super::args::Common;
use super::exit::Exit;
use super::failure::Failure;
use super::{output, session, site};
use crate::engine::recover;
use crate::plan::table::{ServiceState, Table};
use crate::site::Site;
use crate::site::diagnostic::Severity;
use crate::site::id::ServiceName;
use crate::store::Store;

/// A command, and why one would give it.
type Advice = (String, &'static str);

/// What is known without asking a host.
#[derive(Debug)]
enum Standing {
    /// Its mistakes.
    Invalid(usize),
    Valid {
        services: Vec<(ServiceName, ServiceState)>,
        /// A run of the journal has no end.
        open_run: bool,
    },
}

pub async fn run(common: &Common) -> Result<Exit, Failure> {
    let root = match site::root(common) {
        Ok(root) => root,
        Err(failure) if common.site.is_some() => return Err(failure),
        Err(_) => {
            tell("there is no site here or above", &outside());
            return Ok(Exit::Usage);
        }
    };
    let standing = standing(common).await?;
    tell(&format!("site {}: {}", root.display(), summary(&standing)), &advice(&standing));
    Ok(Exit::Done)
}

fn tell(head: &str, advice: &[Advice]) {
    output::say(head);
    output::say("next:");
    let width = advice.iter().map(|(command, _)| command.len()).max().unwrap_or(0);
    for (command, why) in advice {
        output::say(&format!("  {command:width$}  {why}"));
    }
}

async fn standing(common: &Common) -> Result<Standing, Failure> {
    let (site, found) = site::load(common)?;
    let errors = found.iter().filter(|one| one.severity == Severity::Error).count();
    if errors > 0 {
        return Ok(Standing::Invalid(errors));
    }
    let (table, open_run) = stored(&site).await?;
    let state = |name: &ServiceName| table.services.get(name).map_or(ServiceState::Absent, |row| row.state);
    let services = site.playbooks.keys().map(|name| (name.clone(), state(name))).collect();
    Ok(Standing::Valid { services, open_run })
}

/// What the store holds; a site that never ran anything has none, and none is made.
async fn stored(site: &Site) -> Result<(Table, bool), Failure> {
    if !session::store_folder(site)?.is_dir() {
        return Ok((Table::default(), false));
    }
    let store = session::store(site)?;
    let table = store.load().await.map_err(Failure::internal)?;
    let open = recover::open_runs(&store).map_err(Failure::internal)?;
    Ok((table, open.iter().any(recover::OpenRun::was_cut_short)))
}

fn summary(standing: &Standing) -> String {
    match standing {
        Standing::Invalid(1) => "one mistake in its files".to_owned(),
        Standing::Invalid(count) => format!("{count} mistakes in its files"),
        Standing::Valid { services, .. } if services.is_empty() => "no playbooks".to_owned(),
        Standing::Valid { services, .. } => {
            let each = services.iter().map(|(name, state)| format!("{name} {}", by_the_store(*state)));
            each.collect::<Vec<_>>().join(", ")
        }
    }
}

fn by_the_store(state: ServiceState) -> String {
    if state == ServiceState::Absent { "not deployed".to_owned() } else { state.to_string() }
}

fn outside() -> Vec<Advice> {
    let advice = [
        ("reveille init DIR", "write a small commented site, which works in a lab as it is"),
        ("reveille import FILE", "make a playbook of one of Ansible's"),
        ("reveille --site DIR status", "work on a site somewhere else"),
        ("reveille --help", "all commands"),
    ];
    advice.map(|(command, why)| (command.to_owned(), why)).into()
}

/// The most urgent first.
fn advice(standing: &Standing) -> Vec<Advice> {
    let mut advice = match standing {
        Standing::Invalid(_) => vec![("reveille check".to_owned(), "every mistake, each at its place")],
        Standing::Valid { services, .. } if services.is_empty() => {
            vec![
                ("reveille init DIR".to_owned(), "write a site with a playbook, to copy from"),
                ("reveille import FILE".to_owned(), "make a playbook of one of Ansible's"),
            ]
        }
        Standing::Valid { services, open_run } => for_services(services, *open_run),
    };
    advice.push(("reveille --help".to_owned(), "all commands"));
    advice
}

fn for_services(services: &[(ServiceName, ServiceState)], open_run: bool) -> Vec<Advice> {
    let of = |wanted: ServiceState| -> Vec<&str> {
        services.iter().filter(|(_, state)| *state == wanted).map(|(name, _)| name.as_str()).collect()
    };
    let mut advice = Vec::new();
    if open_run {
        advice.push(("reveille recover".to_owned(), "finish or take back the run that has no end"));
    }
    for (state, command, why) in [
        (ServiceState::Stuck, "explain", "why a person is needed"),
        (ServiceState::Down, "explain", "why nobody serves"),
        (ServiceState::Unprotected, "reprotect", "choose and prepare a secondary"),
    ] {
        advice.extend(of(state).into_iter().map(|name| (format!("reveille {command} {name}"), why)));
    }
    let absent = of(ServiceState::Absent);
    if absent.len() < services.len() {
        advice.push(("reveille status".to_owned(), "services and hosts, as they are now"));
        advice.push(("reveille watch".to_owned(), "notice failures and take over, unattended"));
    }
    if let Some(first) = absent.first() {
        advice.push(("reveille doctor".to_owned(), "look at every host and name what would fail"));
        advice.push((format!("reveille plan deploy {first}"), "show exactly what would be done"));
        advice.push((format!("reveille deploy {first}"), "set it up: primary and sleeping secondary"));
    }
    advice
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(services: &[(&str, ServiceState)], open_run: bool) -> String {
        let services = services.iter().map(|(name, state)| ((*name).try_into().unwrap(), *state)).collect();
        advice(&Standing::Valid { services, open_run })[0].0.clone()
    }

    #[test]
    fn the_most_urgent_comes_first() {
        use ServiceState::{Absent, Protected, Stuck, Unprotected};
        assert_eq!(advice(&Standing::Invalid(2))[0].0, "reveille check");
        assert_eq!(first(&[], false), "reveille init DIR");
        assert_eq!(first(&[("a", Absent), ("b", Absent)], false), "reveille doctor");
        assert_eq!(first(&[("a", Absent), ("b", Protected)], false), "reveille status");
        assert_eq!(first(&[("a", Protected), ("b", Unprotected)], false), "reveille reprotect b");
        assert_eq!(first(&[("a", Unprotected), ("b", Stuck)], false), "reveille explain b");
        assert_eq!(first(&[("a", Stuck)], true), "reveille recover");
    }
}
