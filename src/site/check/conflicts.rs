//! Steps of one phase that touch the same thing with no order between them: which comes first would be chance.

use std::net::IpAddr;

use super::Subject;
use crate::site::action::{Action, AddressArgs};
use crate::site::diagnostic::Diagnostic;
use crate::site::graph::StepAt;
use crate::site::playbook::Playbook;
use crate::site::source::Span;
use crate::site::step::Step;

/// Something of a host that one step changes or looks at.
#[derive(Clone, PartialEq, Eq)]
enum Thing<'a> {
    Process(&'a str),
    Unit(&'a str),
    Resource(&'a str),
    File(&'a str),
    Mount(&'a str),
    Parameter(&'a str),
    Address(IpAddr),
    Variable(&'a str),
}

impl std::fmt::Display for Thing<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Process(name) => write!(f, "process `{name}`"),
            Self::Unit(name) => write!(f, "unit `{name}`"),
            Self::Resource(name) => write!(f, "resource `{name}`"),
            Self::File(path) => write!(f, "file `{path}`"),
            Self::Mount(path) => write!(f, "mount `{path}`"),
            Self::Parameter(name) => write!(f, "kernel parameter `{name}`"),
            Self::Address(ip) => write!(f, "address {ip}"),
            Self::Variable(name) => write!(f, "variable `{name}`"),
        }
    }
}

/// One step's touch of one thing.
struct Touch<'a> {
    thing: Thing<'a>,
    /// The host it happens on, if not the step's own.
    elsewhere: Option<&'a str>,
    step: StepAt,
    span: Span,
}

pub(super) fn check(subject: &Subject<'_>, out: &mut Vec<Diagnostic>) {
    let touches: Vec<Touch<'_>> =
        subject.playbook.steps().flat_map(|(at, step)| touches(subject.playbook, at, step)).collect();
    for (i, later) in touches.iter().enumerate() {
        let rival = touches[..i].iter().find(|earlier| {
            earlier.thing == later.thing
                && earlier.elsewhere == later.elsewhere
                && earlier.step != later.step
                && earlier.step.phase == later.step.phase
                && !subject.graph.ordered(earlier.step, later.step)
        });
        if let Some(earlier) = rival {
            let id = |at: StepAt| &at.of(subject.playbook).id.value;
            let message =
                format!("`{}` and `{}` touch {} in no order", id(earlier.step), id(later.step), later.thing);
            out.push(
                Diagnostic::error("no-order", later.span, message)
                    .related(earlier.span, "also here")
                    .hint(format!("add `needs: [{}]` to `{}`", id(earlier.step), id(later.step))),
            );
        }
    }
}

fn touches<'a>(playbook: &'a Playbook, at: StepAt, step: &'a Step) -> Vec<Touch<'a>> {
    let mut things: Vec<(Thing<'a>, Span)> = match &step.action.value {
        Action::Copy(args) => vec![(Thing::File(&args.dest), args.dest.span)],
        Action::Template(args) => vec![(Thing::File(&args.dest), args.dest.span)],
        Action::File(args) => vec![(Thing::File(&args.path), args.path.span)],
        Action::Mount(args) => vec![(Thing::Mount(&args.path), args.path.span)],
        Action::Process(args) => vec![(Thing::Process(&args.name), args.name.span)],
        Action::Unit(args) => vec![(Thing::Unit(&args.name), args.name.span)],
        Action::Ocf(args) => vec![(Thing::Resource(args.instance()), args.agent.span)],
        Action::Sysctl(args) => vec![(Thing::Parameter(&args.name), args.name.span)],
        Action::Address(args) => addresses(playbook, args, step.action.span),
        Action::Command(_) | Action::Shell(_) | Action::WaitFor(_) | Action::Probe(_) => Vec::new(),
    };
    things.extend(step.register.iter().map(|name| (Thing::Variable(name), name.span)));
    let elsewhere = step.delegate_to.as_ref().map(|host| host.as_str());
    things.into_iter().map(|(thing, span)| Touch { thing, elsewhere, step: at, span }).collect()
}

fn addresses<'a>(playbook: &'a Playbook, args: &'a AddressArgs, span: Span) -> Vec<(Thing<'a>, Span)> {
    match &args.addresses {
        Some(named) => named.iter().map(|address| (Thing::Address(address.ip()), address.span)).collect(),
        None => playbook.addresses.iter().map(|address| (Thing::Address(address.ip()), span)).collect(),
    }
}
