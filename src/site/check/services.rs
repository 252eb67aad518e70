//! Mistakes between playbooks: one service name or one service address used twice.

use std::collections::HashMap;

use crate::site::Site;
use crate::site::diagnostic::Diagnostic;

pub(super) fn check(site: &Site, out: &mut Vec<Diagnostic>) {
    for double in &site.doubles {
        if let Some(first) = site.playbooks.get(&double.service.value) {
            let message = format!("service `{}` has two playbooks", double.service.value);
            out.push(
                Diagnostic::error("duplicate-service", double.service.span, message)
                    .related(first.service.span, "the other one"),
            );
        }
    }
    let mut holders = HashMap::new();
    for playbook in site.all_playbooks() {
        for address in &playbook.addresses {
            let Some((service, first)) =
                holders.insert(address.ip(), (&playbook.service.value, address.span))
            else {
                continue;
            };
            let message = if *service == playbook.service.value {
                format!("address {} stands twice", address.ip())
            } else {
                format!("address {} belongs to service `{service}` already", address.ip())
            };
            out.push(Diagnostic::error("duplicate-address", address.span, message).related(first, "here"));
        }
    }
}
