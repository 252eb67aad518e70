//! `reveille watch`: a monitor, from the site's files and the command line to people's eyes.

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::path::Path;
use std::sync::Arc;

use tokio::sync::mpsc::unbounded_channel;
use tokio_util::sync::CancellationToken;

use super::args::{Common, WatchArgs, WatchMode};
use super::exit::Exit;
use super::failure::Failure;
use super::prober::Client;
use super::session::{self, Session};
use super::signals::Signals;
use super::watch_reports::Reports;
use super::{operation, output};
use crate::monitor::view::View;
use crate::monitor::{Config, Trouble, Wishes};
use crate::plan::{Operation, Request};
use crate::site::id::HostName;
use crate::store::Holder;
use crate::watch::{Ended, Field, Options, Parts, Supervisor, Tape, Watch, WatchError, gateway};

pub async fn run(common: &Common, args: &WatchArgs) -> Result<Exit, Failure> {
    let session = Session::open(common, &[])?;
    let (shown, seen) = unbounded_channel();
    let stop = CancellationToken::new();
    let ttl = session.site.settings.monitor_lease.0;
    let gateway = gateway();
    let wishes = Wishes {
        interval: args.interval,
        plan_only: args.mode == Some(WatchMode::PlanOnly),
        gateway: gateway.is_some(),
        hosts: session.hosts.clone(),
        own: own_hosts(&session),
    };
    let mut config = Config::of(&session.site, &wishes);
    for service in args.services.iter().chain(&args.except) {
        session::known(&session.site, service)?;
    }
    config.services.retain(|name, _| {
        (args.services.is_empty() || args.services.contains(name)) && !args.except.contains(name)
    });
    let showing = tokio::spawn(Reports::open(common, args, &session).await?.show(seen));
    let watch = Watch {
        config,
        options: Options { holder: Holder { monitor: true, ..session::holder() }, ttl, once: args.once },
        field: Arc::new(field(common, session, gateway)),
        shown,
        stop: stop.clone(),
        tape: tape(args.record.as_deref())?,
        supervisor: Supervisor::from_environment(),
    };
    let signals = listen(stop)?;
    let field = Arc::clone(&watch.field);
    let ended = watch.run().await;
    signals.abort();
    field.transport.close().await;
    showing.await.map_err(Failure::internal)?;
    match ended {
        Ok(Ended::Done { view: Some(view) }) if args.once => Ok(after_round(common, &view)),
        Ok(Ended::Done { .. }) => Ok(Exit::Done),
        Ok(Ended::Held(held)) => Err(Failure::words(Exit::Locked, format!("{} leads", held.holder))
            .hint("it watches; `reveille status` shows what it sees, `reveille depose` ends its lease")),
        Err(error) => Err(failed(error)),
    }
}

/// Says what is not well after one round, and how much so.
fn after_round(common: &Common, view: &View) -> Exit {
    let worst = view.worst();
    if let Some((_, words)) = &worst
        && !common.json
    {
        output::note(words);
    }
    worst.map_or(Exit::Done, |(trouble, _)| match trouble {
        Trouble::Stuck => Exit::Stuck,
        Trouble::Held => Exit::EvidenceMissing,
        Trouble::Nobody => Exit::NoCandidate,
        Trouble::Unseen => Exit::Unreachable,
    })
}

/// Hosts of the site that are this machine, by their addresses: the kernel reaches those from themselves.
fn own_hosts(session: &Session) -> BTreeSet<HostName> {
    let is_own = |host: &&HostName| {
        let address = session.site.connection(host, None, false).address;
        address.parse::<IpAddr>().is_ok_and(|address| {
            let socket = UdpSocket::bind(SocketAddr::new(unspecified(address), 0));
            socket.is_ok_and(|socket| {
                // Nothing is sent.
                let routed = socket.connect(SocketAddr::new(address, 9));
                routed.is_ok() && socket.local_addr().is_ok_and(|from| from.ip() == address)
            })
        })
    };
    session.hosts.iter().filter(is_own).cloned().collect()
}

fn unspecified(like: IpAddr) -> IpAddr {
    match like {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    }
}

fn failed(error: WatchError) -> Failure {
    Failure::internal(error)
}

pub fn field(common: &Common, session: Session, gateway: Option<IpAddr>) -> Field {
    let programs: BTreeSet<String> = session
        .site
        .playbooks
        .keys()
        .flat_map(|service| operation::programs(&session, &Request::bare(Operation::Deploy, service.clone())))
        .collect();
    let redact = session.redact_fn();
    let plans = session.store.folder().join("plans");
    let forks = common.forks.unwrap_or(session.site.settings.forks as usize).max(1);
    Field::new(Parts {
        store: Arc::new(session.store),
        transport: Arc::new(session.transport),
        prober: Arc::new(Client),
        fencer: Arc::new(session.agents),
        secrets: session.secrets,
        redact,
        origin: session::origin(),
        forks,
        hosts: session.hosts,
        gateway,
        plans,
        programs,
        site: session.site,
    })
}

fn tape(file: Option<&Path>) -> Result<Tape, Failure> {
    let Some(path) = file else { return Ok(Tape::new(None)) };
    let file = OpenOptions::new().create(true).append(true).open(path).map_err(|error| {
        Failure::words(Exit::Usage, format!("--record {}: {error}", path.display()))
            .hint("name a file that can be written")
    })?;
    Ok(Tape::new(Some(Box::new(file))))
}

/// The first signal asks for an orderly end. Services go on either way.
fn listen(stop: CancellationToken) -> Result<tokio::task::JoinHandle<()>, Failure> {
    let mut signals = Signals::listen()?;
    Ok(tokio::spawn(async move {
        signals.next().await;
        stop.cancel();
    }))
}
