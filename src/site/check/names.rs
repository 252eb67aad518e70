//! Names that a user makes up: variables, secrets, results. They must be words, and each must mean one thing.

use super::{Subject, scope};
use crate::site::Site;
use crate::site::diagnostic::{Diagnostic, nearest};
use crate::site::playbook::VarMap;
use crate::site::secret::SecretSource;
use crate::site::source::{Sp, Span};

type Secrets = indexmap::IndexMap<String, Sp<SecretSource>>;

pub(super) fn check_settings(site: &Site, out: &mut Vec<Diagnostic>) {
    variables(&site.settings.vars, &site.settings.secrets, out);
    let secrets = &site.settings.secrets;
    if let Some(name) = &site.settings.escalation.password
        && !secrets.contains_key(name.as_str())
        && !site.lost_in_settings("secrets")
    {
        let message = format!("there is no secret `{}`", name.value);
        let problem = Diagnostic::error("unknown-secret", name.span, message);
        out.push(match nearest(name, secrets.keys().map(String::as_str)) {
            Some(best) => problem.hint(format!("did you mean `{best}`?")),
            None => problem.hint("name one of `secrets:`; a password itself is never written here"),
        });
    }
}

pub(super) fn check(subject: &Subject<'_>, out: &mut Vec<Diagnostic>) {
    let playbook = subject.playbook;
    variables(&playbook.vars, &playbook.secrets, out);
    for (_, step) in playbook.steps() {
        step.vars.iter().for_each(|(name, value)| word(name, value.span, "variable", out));
        for (name, value) in &step.environment {
            if !is_word(name) {
                let message = format!("`{name}` is not the name of an environment variable");
                out.push(Diagnostic::error("bad-name", value.span, message));
            }
        }
        let Some(register) = &step.register else { continue };
        word(register, register.span, "variable", out);
        if let Some(taken) = playbook.vars.get(register.as_str()) {
            let message =
                format!("`{}` is a variable of the playbook: a result cannot have its name", register.value);
            out.push(Diagnostic::error("name-clash", register.span, message).related(taken.span, "set here"));
        }
    }
}

fn variables(vars: &VarMap, secrets: &Secrets, out: &mut Vec<Diagnostic>) {
    vars.iter().for_each(|(name, value)| word(name, value.span, "variable", out));
    for (name, secret) in secrets {
        word(name, secret.span, "secret", out);
        if let Some(open) = vars.get(name) {
            let message = format!("`{name}` is both a variable and a secret");
            out.push(Diagnostic::error("name-clash", open.span, message).related(secret.span, "the secret"));
        }
    }
}

fn word(name: &str, span: Span, what: &str, out: &mut Vec<Diagnostic>) {
    if !is_word(name) {
        let message = format!("`{name}` cannot be a {what}: letters, digits and `_`, a letter first");
        out.push(Diagnostic::error("bad-name", span, message));
    } else if scope::BUILT_IN.contains(&name) {
        let message = format!("`{name}` is always set by reveille: a {what} needs another name");
        out.push(Diagnostic::error("name-clash", span, message));
    }
}

fn is_word(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}
