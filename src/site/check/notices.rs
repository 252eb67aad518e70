//! Notices that tell nobody: none or several ways in one, services that are not there, addresses that are none, texts
//! that read what a notice does not know.

use crate::site::Site;
use crate::site::diagnostic::Diagnostic;
use crate::site::id::ServiceName;
use crate::site::notice::{Mail, NAMES, Notice, Webhook};
use crate::site::reads;
use crate::site::source::{Sp, Span};

pub(super) fn check_settings(site: &Site, out: &mut Vec<Diagnostic>) {
    for notice in &site.settings.notices {
        ways(notice, out);
        services(site, notice, out);
        notice.webhook.iter().for_each(|webhook| url(webhook, out));
        notice.mail.iter().for_each(|mail| addresses(mail, out));
        names(site, notice, out);
    }
}

fn ways(notice: &Sp<Notice>, out: &mut Vec<Diagnostic>) {
    let ways = [notice.command.is_some(), notice.webhook.is_some(), notice.mail.is_some()];
    let message = match ways.iter().filter(|there| **there).count() {
        1 if notice.command.as_ref().is_some_and(Vec::is_empty) => "`command` names no program",
        1 => return,
        0 => "this notice says neither `command` nor `webhook` nor `mail`",
        _ => "this notice says more than one of `command`, `webhook` and `mail`",
    };
    out.push(
        Diagnostic::error("bad-notice", notice.span, message.to_owned()).hint("write one notice for each"),
    );
}

fn services(site: &Site, notice: &Notice, out: &mut Vec<Diagnostic>) {
    for service in &notice.only {
        if site.playbooks.contains_key(&service.value) || site.lost.anywhere(service.as_str()) {
            continue;
        }
        let message = format!("there is no playbook for service `{}`", service.value);
        let diagnostic = Diagnostic::error("unknown-service", service.span, message);
        let known = site.playbooks.keys().map(ServiceName::as_str);
        out.push(match crate::site::diagnostic::nearest(service.as_str(), known) {
            Some(best) => diagnostic.hint(format!("did you mean `{best}`?")),
            None => diagnostic,
        });
    }
}

fn url(webhook: &Webhook, out: &mut Vec<Diagnostic>) {
    let url = &webhook.url;
    if !["http://", "https://", "{{"].iter().any(|start| url.starts_with(start)) {
        let message = format!("`{}` is no URL", url.value);
        out.push(Diagnostic::error("bad-url", url.span, message).hint("write `https://HOST/PATH`"));
    }
}

fn addresses(mail: &Mail, out: &mut Vec<Diagnostic>) {
    for address in mail.to.iter().chain([&mail.from]) {
        if !is_address(address) {
            let message = format!("`{}` is no mail address", address.value);
            out.push(
                Diagnostic::error("bad-address", address.span, message).hint("write `NAME@DOMAIN` alone"),
            );
        }
    }
    if mail.to.is_empty() {
        out.push(Diagnostic::error("bad-address", mail.from.span, "nobody is named in `to`".to_owned()));
    }
    let via = &mail.via;
    let port = via.rsplit_once(':').map(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
    if via.value != "sendmail" && port != Some(true) {
        let message = format!("`{}` is neither `sendmail` nor `HOST:PORT`", via.value);
        out.push(Diagnostic::error("bad-relay", via.span, message));
    }
}

/// Goes into a header and an SMTP command as it is: nothing in it may end either.
fn is_address(text: &str) -> bool {
    let plain = |c: char| !c.is_whitespace() && !c.is_control() && !"<>,;:\"()[]\\".contains(c);
    let halves = text
        .split_once('@')
        .is_some_and(|(name, domain)| !name.is_empty() && !domain.is_empty() && !domain.contains('@'));
    halves && text.is_ascii() && text.chars().all(plain)
}

fn names(site: &Site, notice: &Notice, out: &mut Vec<Diagnostic>) {
    for text in notice.texts() {
        let Ok(read) = reads::variables(text) else { continue };
        for variable in read {
            let name = variable.path.split('.').next().unwrap_or_default();
            if !NAMES.contains(&name) && !site.settings.secrets.contains_key(name) {
                out.push(unknown(name, text.span));
            }
        }
    }
}

fn unknown(name: &str, span: Span) -> Diagnostic {
    let message = format!("a notice does not know `{name}`");
    let hint = format!("it knows {}, and the `secrets` of reveille.yml", NAMES.join(", "));
    Diagnostic::error("undefined-variable", span, message).hint(hint)
}
