//! Fence devices: agents that are not where they are said to be, passwords in clear, services that count on a device
//! that their hosts have not. Whether a device works is for `doctor` to see.

use super::Subject;
use crate::site::Site;
use crate::site::diagnostic::{Diagnostic, Severity};
use crate::site::id::HostName;
use crate::site::inventory::FenceDevice;
use crate::site::playbook::EvidenceKind;
use crate::site::source::Span;

/// The devices of one host.
pub(super) fn check_host(site: &Site, host: &HostName, devices: &[FenceDevice], out: &mut Vec<Diagnostic>) {
    let vars = site.inventory.vars_of(host);
    let span = vars.get("reveille_fence").map_or_else(Span::default, |value| value.span);
    for device in devices {
        let agent = &device.agent;
        let relative = FenceDevice::is_path(agent) && !agent.starts_with('/');
        if relative && !agent.contains("{{") && !site.root.join(agent).is_file() {
            let message = format!("there is no fence agent `{agent}` in the site");
            let hint = "a name without a slash is looked up on the controller: `fence_ipmilan`";
            out.push(Diagnostic::error("no-agent", span, message).hint(hint));
        }
        for (name, value) in &device.options {
            if FenceDevice::is_sensitive(name) && !value.to_string().contains("{{") {
                // Without its place: that line holds what nobody should see.
                let message = format!("`{name}` of {agent} stands in the inventory for everybody to read");
                let hint = "name it under `secrets` in reveille.yml, and write `\"{{ NAME }}\"` in its place";
                let diagnostic = Diagnostic::unplaced("secret-in-clear", message).hint(hint);
                out.push(Diagnostic { severity: Severity::Warning, ..diagnostic });
            }
        }
    }
}

/// A playbook that asks for `fenced` by name.
pub(super) fn check(subject: &Subject<'_>, out: &mut Vec<Diagnostic>) {
    let mut kinds = subject.playbook.evidence.iter().flatten();
    let Some(asked) = kinds.find(|kind| kind.value == EvidenceKind::Fenced) else { return };
    let inventory = &subject.site.inventory;
    let hosts = subject.pool.hosts.iter().map(|host| &host.name);
    let bare: Vec<&str> = hosts
        .filter(|host| inventory.extras(host, &mut Vec::new()).fence.is_empty())
        .map(HostName::as_str)
        .collect();
    if !bare.is_empty() {
        let message = format!("`fenced` is counted on, but there is no fence device for {}", bare.join(", "));
        let hint = "`reveille_fence: { agent: …, options: { … } }` in the inventory";
        out.push(Diagnostic::warning("no-fence", asked.span, message).hint(hint));
    }
}
