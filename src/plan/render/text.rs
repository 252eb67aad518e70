//! A plan as a person reads it before saying yes.

use std::fmt::Write;

use super::depths;
use crate::plan::{
    Candidate, LinkKind, PlacementTable, Plan, PlanStep, Probe, ServicePlan, StepRef, UndoWork, Work, timing,
};
use crate::site::id::HostName;
use crate::site::playbook::{EvidenceKind, IfUnreachable};
use crate::site::quantity::TimeSpan;

/// How much to show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Detail {
    /// What is done and how it is taken back.
    #[default]
    Normal,
    /// Also what is looked at first, and the shell functions behind the commands.
    Full,
}

/// The whole plan as text, with a line feed at its end.
pub fn render(plan: &Plan, detail: Detail) -> String {
    let mut out = String::new();
    for service in &plan.services {
        head(&mut out, plan, service);
    }
    for host in hosts(plan) {
        lane(&mut out, plan, host.as_ref(), detail);
    }
    if detail == Detail::Full {
        libraries(&mut out, plan);
    }
    let _ = writeln!(out, "{}", last_line(plan));
    out
}

/// `Plan: 9 steps on 3 hosts, 7 of 8 changes undoable, worst case 1m42s.`
pub fn last_line(plan: &Plan) -> String {
    let steps = plan.steps.iter().filter(|step| step.skip.is_none()).count();
    if steps == 0 {
        return "Plan: nothing to do.".to_owned();
    }
    let hosts = hosts(plan).into_iter().flatten().count();
    let coverage = plan.undo_coverage;
    format!(
        "Plan: {steps} {} on {hosts} {}, {} of {} changes undoable, worst case {}. [{}]",
        plural(steps, "step"),
        plural(hosts, "host"),
        coverage.undoable,
        coverage.changing,
        TimeSpan::from_millis(plan.worst_case_ms / 1000 * 1000),
        plan.hash.get(..12).unwrap_or_default(),
    )
}

/// What the plan comes to, in a line per service: said before a run.
pub fn summary(plan: &Plan) -> String {
    let name = |host: &Option<HostName>| host.as_ref().map_or("nobody".to_owned(), ToString::to_string);
    let mut out = String::new();
    for service in &plan.services {
        let way = if service.from == service.to {
            format!("primary {}", name(&service.to))
        } else {
            format!("primary {} -> {}", name(&service.from), name(&service.to))
        };
        let _ = writeln!(
            out,
            "{} {}: {way}, secondary {}, epoch {}",
            plan.operation.as_str(),
            service.service,
            name(&service.secondary),
            service.epoch
        );
        for note in &service.notes {
            let _ = writeln!(out, "  note: {note}");
        }
    }
    out + &last_line(plan)
}

fn plural(count: usize, word: &str) -> String {
    if count == 1 { word.to_owned() } else { format!("{word}s") }
}

fn head(out: &mut String, plan: &Plan, service: &ServicePlan) {
    let name = |host: &Option<HostName>| host.as_ref().map_or("nobody".to_owned(), ToString::to_string);
    let operation = plan.operation.as_str();
    let _ = writeln!(out, "{operation} {}", service.service);
    if service.from == service.to {
        let _ = writeln!(out, "  primary    {}", name(&service.to));
    } else {
        let _ = writeln!(out, "  primary    {} -> {}", name(&service.from), name(&service.to));
    }
    let _ = writeln!(out, "  secondary  {}", name(&service.secondary));
    if service.epoch == service.epoch_before {
        let _ = writeln!(out, "  epoch      {}", service.epoch);
    } else {
        let _ = writeln!(out, "  epoch      {} -> {}", service.epoch_before, service.epoch);
    }
    if !service.addresses.is_empty() {
        let addresses: Vec<_> = service.addresses.iter().map(ToString::to_string).collect();
        let _ = writeln!(out, "  addresses  {}", addresses.join(", "));
    }
    if !service.evidence.is_empty() {
        let kinds: Vec<_> = service.evidence.iter().copied().map(EvidenceKind::as_str).collect();
        let _ = writeln!(out, "  evidence   any of {}", kinds.join(", "));
    }
    if let Some(step) = &service.point_of_no_return {
        let _ = writeln!(out, "  point of no return: {step}");
    }
    for note in &service.notes {
        let _ = writeln!(out, "  note: {note}");
    }
    for table in &service.placement {
        placement(out, table);
    }
    out.push('\n');
}

fn placement(out: &mut String, table: &PlacementTable) {
    let _ = writeln!(out, "  choice of the {}", table.role);
    let width = table.candidates.iter().map(|candidate| candidate.host.as_str().len()).max().unwrap_or(0);
    for candidate in &table.candidates {
        let mark = if table.chosen.as_ref() == Some(&candidate.host) { '*' } else { ' ' };
        let _ = writeln!(out, "   {mark} {:width$}  {}", candidate.host, story(candidate));
    }
}

/// A candidate's score and what it is made of, or why it has none.
pub fn story(candidate: &Candidate) -> String {
    match (&candidate.rejected, candidate.score) {
        (Some(rejection), _) => format!("no: {rejection}"),
        (None, Some(score)) => {
            let parts: Vec<_> =
                candidate.parts.iter().map(|(what, points)| format!("{what} {points:+}")).collect();
            format!("{score:+} ({})", parts.join(", "))
        }
        (None, None) => String::new(),
    }
}

/// Hosts in the order in which they first act; the controller (`None`) wherever it first does.
fn hosts(plan: &Plan) -> Vec<Option<HostName>> {
    let mut hosts: Vec<Option<HostName>> = Vec::new();
    for step in &plan.steps {
        if !hosts.contains(&step.host) {
            hosts.push(step.host.clone());
        }
    }
    hosts
}

fn lane(out: &mut String, plan: &Plan, host: Option<&HostName>, detail: Detail) {
    let depths = depths(plan);
    let _ = writeln!(out, "{}", host.map_or("controller", HostName::as_str));
    for step in plan.steps.iter().filter(|step| step.host.as_ref() == host) {
        let depth = depths.get(&step.id).copied().unwrap_or(0);
        let _ = writeln!(out, "  {depth:>2} {} {}  {}", symbol(step), short(&step.id), what(step));
        if !step.no_log {
            commands(out, step, detail);
        }
        conditions(out, step);
    }
    out.push('\n');
}

fn symbol(step: &PlanStep) -> char {
    match &step.work {
        _ if step.skip.is_some() => '.',
        Work::Script(script) if script.changes => '~',
        Work::Script(_) | Work::Probe(_) => '>',
        Work::Late { .. } => '?',
        Work::Fence(_) => '#',
        Work::Wait(_) => ':',
        Work::Join => '&',
        Work::Commit(_) => '!',
    }
}

/// `web/h2/wake.resume` without what the lane says already.
pub(super) fn short(id: &StepRef) -> &str {
    id.0.rsplit('/').next().unwrap_or(&id.0)
}

/// What a step does, in a few words.
pub fn what(step: &PlanStep) -> String {
    match &step.work {
        Work::Script(_) if step.no_log => format!("{} (hidden: no_log)", step.module),
        Work::Script(script) => script.summary.clone(),
        Work::Probe(probe) => self::probe(probe),
        Work::Late { action, depends_on } => format!("{action}, once {} is known", depends_on.join(", ")),
        Work::Fence(fence) => fence.summary(),
        Work::Wait(wait) => {
            let time = TimeSpan::from_millis(wait.at_most_ms);
            if wait.or_end_of.is_empty() { format!("{time} pass") } else { format!("not longer than {time}") }
        }
        Work::Join => "goes on as soon as one of these holds".to_owned(),
        Work::Commit(commit) => {
            let name =
                |host: &Option<HostName>| host.as_ref().map_or("nobody".to_owned(), ToString::to_string);
            format!(
                "scheduling table: primary {}, secondary {}, {}",
                name(&commit.primary),
                name(&commit.secondary),
                commit.state
            )
        }
    }
}

/// Where a step runs.
pub(super) fn place(step: &PlanStep) -> &str {
    step.host.as_ref().map_or("controller", HostName::as_str)
}

/// A length of time that may have been added up: `16.75s`, where a setting is written `16750ms`.
pub(super) fn span(ms: u64) -> String {
    match ms {
        1000..60_000 if !ms.is_multiple_of(1000) => {
            format!("{}.{:03}", ms / 1000, ms % 1000).trim_end_matches('0').to_owned() + "s"
        }
        60_000.. => TimeSpan::from_millis(ms / 1000 * 1000).to_string(),
        _ => TimeSpan::from_millis(ms).to_string(),
    }
}

fn probe(probe: &Probe) -> String {
    match probe {
        Probe::Icmp { host, .. } => format!("echo request to {host}"),
        Probe::Tcp { host, port, .. } => format!("TCP connection to {host} port {port}"),
        Probe::Http { url, status, .. } => format!("GET {url} answers {status}"),
        Probe::Smtp { host, port, to: None, .. } => format!("SMTP dialogue with {host} port {port}"),
        Probe::Smtp { host, port, to: Some(to), .. } => {
            format!("SMTP dialogue with {host} port {port} takes mail for {to}")
        }
        Probe::Dns { server, question, rcode, answer, .. } => {
            let expected = answer.clone().unwrap_or_else(|| rcode.to_string());
            format!("DNS question {question} to {server} answers {expected}")
        }
        Probe::Command { argv, .. } => format!("{} exits with 0", argv.join(" ")),
        Probe::Plugin { argv, .. } => format!("plugin {} is not critical", argv.join(" ")),
    }
}

fn commands(out: &mut String, step: &PlanStep, detail: Detail) {
    if let Work::Script(script) = &step.work {
        if let (Detail::Full, Some(look)) = (detail, &script.look) {
            indented(out, "look", look);
        }
        indented(out, "run", &script.act);
    }
    if let Work::Fence(fence) = &step.work {
        for device in &fence.devices {
            indented(
                out,
                "run",
                &format!("{} <<< action={} {}", device.agent, device.action.as_str(), device.shown()),
            );
        }
    }
    match (&step.undo, &step.work) {
        (UndoWork::Script(script), _) => indented(out, "undo", &script.act),
        (UndoWork::Derived, Work::Script(script)) => {
            if let Some(undo) = &script.undo {
                indented(out, "undo", undo);
            }
        }
        _ => {}
    }
}

/// Texts longer than this are cut in the normal view; the full view and JSON hold all of them.
const LINES: usize = 6;

fn indented(out: &mut String, what: &str, text: &str) {
    let lines: Vec<_> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    for (at, line) in lines.iter().take(LINES).enumerate() {
        let label = if at == 0 { what } else { "" };
        let _ = writeln!(out, "         {label:<5}{}", cut(line));
    }
    if lines.len() > LINES {
        let _ =
            writeln!(out, "              ... {} more lines (--format json shows all)", lines.len() - LINES);
    }
}

fn cut(line: &str) -> String {
    const WIDTH: usize = 160;
    if line.chars().count() <= WIDTH {
        return line.to_owned();
    }
    line.chars().take(WIDTH).chain(" ...".chars()).collect()
}

fn conditions(out: &mut String, step: &PlanStep) {
    let mut words = Vec::new();
    if let Some(skip) = &step.skip {
        words.push(format!("skipped: {skip}"));
    } else if !matches!(step.work, Work::Join | Work::Commit(_)) {
        words.push(format!("at most {}", TimeSpan::from_millis(timing::longest_ms(step))));
    }
    if step.attempts.retries > 0 {
        words.push(format!("{} attempts", step.attempts.retries + 1));
    }
    let guards = [
        ("when", &step.guards.when),
        ("until", &step.guards.until),
        ("failed when", &step.guards.failed_when),
        ("changed when", &step.guards.changed_when),
    ];
    for (word, guard) in guards {
        if let Some(guard) = guard {
            words.push(format!("{word} {}", guard.expression));
        }
    }
    match step.if_unreachable {
        IfUnreachable::Fail => {}
        IfUnreachable::Skip => words.push("if unreachable: skip".to_owned()),
        IfUnreachable::Continue => words.push("if unreachable: continue".to_owned()),
    }
    if let Some(user) = &step.run_as {
        words.push(format!("as {user}"));
    }
    if !words.is_empty() {
        let _ = writeln!(out, "         ({})", words.join("; "));
    }
    let waits: Vec<_> = step
        .needs
        .iter()
        .map(|link| match link.kind {
            LinkKind::Success => link.step.to_string(),
            LinkKind::End => format!("the end of {}", link.step),
        })
        .collect();
    if !waits.is_empty() {
        let _ = writeln!(out, "         after {}", waits.join(", "));
    }
    for alternative in &step.any_of {
        let _ = writeln!(out, "         {}: {}", alternative.evidence.as_str(), alternative.words);
    }
}

fn libraries(out: &mut String, plan: &Plan) {
    let mut used: Vec<_> = plan
        .steps
        .iter()
        .filter_map(|step| match &step.work {
            Work::Script(script) => Some(&script.library),
            _ => None,
        })
        .flatten()
        .copied()
        .collect();
    used.sort_unstable();
    used.dedup();
    for library in used {
        let _ = writeln!(out, "shell functions: {library:?}");
        for line in library.text().lines() {
            let _ = writeln!(out, "    {line}");
        }
        out.push('\n');
    }
}
