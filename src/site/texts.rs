//! Every text of a step that is rendered or evaluated, with its place. Checks and the graph read a step through
//! this, so that no field is forgotten by one of them.

use serde_json::Value;

use super::action::{
    Action, CommandProbe, CopyArgs, DnsProbe, FileArgs, HttpProbe, IcmpProbe, MountArgs, OcfArgs,
    PluginProbe, ProbeArgs, ProbeSpec, ProcessArgs, Ready, RunGuard, ScalarText, SmtpProbe, SysctlArgs,
    TcpProbe, TemplateArgs, UnitArgs, WaitForArgs,
};
use super::notice::Notice;
use super::playbook::{Playbook, VarMap};
use super::settings::Settings;
use super::source::{Sp, Span};
use super::step::{Step, Undo};

/// How a text becomes a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextKind {
    /// A text with `{{ }}` in it.
    Template,
    /// Shell text with `{{ }}` in it: values stay data.
    Shell,
    /// An expression without braces.
    Expression,
    /// An expression over the step's own result.
    ResultExpression,
    /// An expression over a candidate's `facts`; sizes may be written as `256MiB`.
    Placement,
}

/// One text and where it is written.
#[derive(Clone, Copy, Debug)]
pub struct Text<'a> {
    pub kind: TextKind,
    pub text: &'a str,
    pub span: Span,
}

impl Step {
    /// Every text of the step, its action and its undo.
    pub fn texts(&self) -> Vec<Text<'_>> {
        let mut texts = Texts::default();
        texts.templates([&self.name, &self.become_user, &self.delegate_to]);
        texts.add(TextKind::Expression, self.when.as_ref());
        for expression in [&self.until, &self.changed_when, &self.failed_when] {
            texts.add(TextKind::ResultExpression, expression.as_ref());
        }
        texts.all(TextKind::Template, self.environment.values());
        texts.vars(&self.vars);
        texts.action(&self.action.value);
        if let Undo::Action(action) = &self.undo {
            texts.action(&action.value);
        }
        texts.0
    }
}

impl Settings {
    /// Every text of the settings.
    pub fn texts(&self) -> Vec<Text<'_>> {
        let mut texts = Texts::default();
        texts.vars(&self.vars);
        self.notices.iter().for_each(|notice| texts.notice(&notice.value));
        texts.0
    }
}

impl Notice {
    /// Every text of one notice.
    pub fn texts(&self) -> Vec<Text<'_>> {
        let mut texts = Texts::default();
        texts.notice(self);
        texts.0
    }
}

impl Playbook {
    /// Every text outside the steps.
    pub fn texts(&self) -> Vec<Text<'_>> {
        let mut texts = Texts::default();
        texts.vars(&self.vars);
        self.probes.values().for_each(|probe| texts.probe(&probe.value));
        texts.all(TextKind::Placement, &self.placement.require);
        for Sp { value: preference, .. } in &self.placement.prefer {
            texts.add(TextKind::Placement, preference.when.as_ref());
            texts.add(TextKind::Placement, preference.value.as_ref());
        }
        texts.0
    }
}

#[derive(Default)]
struct Texts<'a>(Vec<Text<'a>>);

impl<'a> Texts<'a> {
    fn notice(&mut self, notice: &'a Notice) {
        self.all(TextKind::Template, notice.command.iter().flatten());
        if let Some(webhook) = &notice.webhook {
            self.add(TextKind::Template, Some(&webhook.url));
            self.all(TextKind::Template, webhook.headers.values());
        }
    }

    fn add(&mut self, kind: TextKind, text: Option<&'a Sp<String>>) {
        self.0.extend(text.map(|text| Text { kind, text: &text.value, span: text.span }));
    }

    fn all(&mut self, kind: TextKind, texts: impl IntoIterator<Item = &'a Sp<String>>) {
        texts.into_iter().for_each(|text| self.add(kind, Some(text)));
    }

    fn template(&mut self, text: &'a Sp<String>) {
        self.add(TextKind::Template, Some(text));
    }

    fn scalar(&mut self, value: &'a Sp<ScalarText>) {
        self.0.push(Text { kind: TextKind::Template, text: &value.value.0, span: value.span });
    }

    fn templates<const N: usize>(&mut self, texts: [&'a Option<Sp<String>>; N]) {
        self.all(TextKind::Template, texts.into_iter().flatten());
    }

    fn vars(&mut self, vars: &'a VarMap) {
        for value in vars.values() {
            let mut open = vec![&value.value];
            while let Some(inner) = open.pop() {
                match inner {
                    Value::String(text) => {
                        self.0.push(Text { kind: TextKind::Template, text, span: value.span });
                    }
                    Value::Array(items) => open.extend(items),
                    Value::Object(map) => open.extend(map.values()),
                    _ => {}
                }
            }
        }
    }

    fn action(&mut self, action: &'a Action) {
        match action {
            Action::Command(args) => {
                self.all(TextKind::Template, &args.argv);
                self.guard(&args.guard);
            }
            Action::Shell(args) => {
                self.add(TextKind::Shell, Some(&args.cmd));
                self.guard(&args.guard);
            }
            Action::Copy(CopyArgs { src, content, dest, mode, owner, group }) => {
                self.template(dest);
                self.templates([src, content, mode, owner, group]);
            }
            Action::Template(TemplateArgs { src, dest, validate, mode, owner, group }) => {
                self.template(src);
                self.template(dest);
                self.templates([validate, mode, owner, group]);
            }
            Action::File(FileArgs { path, state: _, src, mode, owner, group }) => {
                self.template(path);
                self.templates([src, mode, owner, group]);
            }
            Action::Mount(MountArgs { src, path, fstype, opts, state: _ }) => {
                self.template(path);
                self.templates([src, fstype, opts]);
            }
            Action::Process(args) => self.process(args),
            Action::Unit(UnitArgs { name, state: _, ready, enabled: _ }) => {
                self.template(name);
                self.ready(ready.as_ref());
            }
            Action::Ocf(OcfArgs { agent: _, name: _, params, state: _ }) => {
                params.values().for_each(|value| self.scalar(value));
            }
            Action::Address(args) => self.templates([&args.device]),
            Action::Sysctl(SysctlArgs { name, value }) => {
                self.template(name);
                self.scalar(value);
            }
            Action::WaitFor(WaitForArgs::Tcp(_) | WaitForArgs::Udp(_))
            | Action::Probe(ProbeArgs::Named(_)) => {}
            Action::WaitFor(WaitForArgs::File(path) | WaitForArgs::Absent(path)) => self.template(path),
            Action::WaitFor(WaitForArgs::Command(argv)) => self.all(TextKind::Template, argv),
            Action::Probe(ProbeArgs::Inline(probe)) => self.probe(probe),
        }
    }

    fn guard(&mut self, guard: &'a RunGuard) {
        self.templates([&guard.creates, &guard.removes, &guard.chdir]);
    }

    fn process(&mut self, args: &'a ProcessArgs) {
        self.all(TextKind::Template, args.command.iter().flatten());
        self.ready(args.ready.as_ref());
        self.templates([&args.user, &args.chdir]);
        self.all(TextKind::Template, args.environment.values());
    }

    fn ready(&mut self, ready: Option<&'a Sp<Ready>>) {
        match ready.map(|ready| &ready.value) {
            Some(Ready::File(path)) => self.template(path),
            Some(Ready::Command(argv)) => self.all(TextKind::Template, argv),
            Some(Ready::Tcp(_) | Ready::Udp(_)) | None => {}
        }
    }

    fn probe(&mut self, probe: &'a ProbeSpec) {
        match probe {
            ProbeSpec::Icmp(IcmpProbe { host, .. }) | ProbeSpec::Tcp(TcpProbe { host, .. }) => {
                self.template(host);
            }
            ProbeSpec::Http(HttpProbe { url, contains, ca, .. }) => {
                self.template(url);
                self.templates([contains, ca]);
            }
            ProbeSpec::Smtp(SmtpProbe { host, helo, from, to, .. }) => {
                self.template(host);
                self.templates([helo, from, to]);
            }
            ProbeSpec::Dns(DnsProbe { server, name, answer, .. }) => {
                self.template(server);
                self.template(name);
                self.templates([answer]);
            }
            ProbeSpec::Command(CommandProbe { argv, .. }) | ProbeSpec::Plugin(PluginProbe { argv, .. }) => {
                self.all(TextKind::Template, argv);
            }
        }
    }
}
