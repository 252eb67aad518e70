//! Service addresses: on a network of every host that may hold them, taken by `ifconfig`, given up by `teardown`.

use super::Subject;
use crate::site::action::{Action, AddressArgs, AddressState};
use crate::site::address::ServiceAddress;
use crate::site::diagnostic::Diagnostic;
use crate::site::playbook::Phase;
use crate::site::source::{Sp, Span};

pub(super) fn check(subject: &Subject<'_>, out: &mut Vec<Diagnostic>) {
    for address in &subject.playbook.addresses {
        networks(subject, address, out);
    }
    for (_, step) in subject.playbook.steps() {
        if let Action::Address(args) = &step.action.value {
            named(subject, args, step.action.span, out);
        }
    }
    released(subject, out);
}

fn networks(subject: &Subject<'_>, address: &Sp<ServiceAddress>, out: &mut Vec<Diagnostic>) {
    let outside: Vec<&str> = subject
        .pool
        .hosts
        .iter()
        .filter(|host| host.reaches(address.value) == Some(false))
        .map(|host| host.name.as_str())
        .collect();
    if !outside.is_empty() {
        let message = format!("address {} is on no network of {}", address.value, outside.join(", "));
        out.push(Diagnostic::error("address-outside", address.span, message).hint(
            "networks that a host has besides the one it is managed through are its `reveille_networks`",
        ));
    }
}

/// An address step needs an address, and only one of the service.
fn named(subject: &Subject<'_>, args: &AddressArgs, span: Span, out: &mut Vec<Diagnostic>) {
    let own = &subject.playbook.addresses;
    if own.is_empty() && args.addresses.is_none() && !subject.is_partial() {
        let message = format!("service `{}` has no addresses", subject.playbook.service.value);
        out.push(
            Diagnostic::error("no-address", span, message).hint("name them: `addresses: [192.0.2.80/24]`"),
        );
    }
    for address in args.addresses.iter().flatten() {
        if own.iter().all(|known| known.value != address.value) && !subject.is_partial() {
            let message =
                format!("{} is no address of service `{}`", address.value, subject.playbook.service.value);
            let known: Vec<String> = own.iter().map(|known| known.to_string()).collect();
            out.push(
                Diagnostic::error("unknown-address", address.span, message)
                    .did_you_mean(&address.to_string(), known.iter().map(String::as_str)),
            );
        }
    }
}

fn released(subject: &Subject<'_>, out: &mut Vec<Diagnostic>) {
    let takes = |phase, wanted: AddressState| {
        subject.playbook.phase(phase).iter().find_map(move |step| match &step.action.value {
            Action::Address(args) if args.state == wanted => Some(step.action.span),
            _ => None,
        })
    };
    if let Some(taken) = takes(Phase::Ifconfig, AddressState::Up)
        && takes(Phase::Teardown, AddressState::Absent).is_none()
        && !subject.is_partial()
    {
        let message = "`ifconfig` takes the address, but `teardown` never gives it up";
        out.push(
            Diagnostic::warning("address-kept", taken, message)
                .hint("add a step to `teardown`: `address: { state: absent }`"),
        );
    }
}
