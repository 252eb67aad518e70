//! What a kept plan was made from: the question, what hosts said, and the fingerprints of everything else. Pure.

use std::collections::BTreeMap;
use std::fmt::{Display, Write};

use crate::page::{Esc, code, list, table};
use crate::plan::facts::HostFacts;
use crate::plan::saved::SavedPlan;
use crate::site::id::{HostName, ServiceName};

pub(super) fn inputs(html: &mut String, kept: &SavedPlan) {
    html.push_str(
        "<p>If any of this is not as it was, <code>reveille apply</code> refuses, names it, and does nothing. Fingerprints are \
         SHA-256; those of variables and secrets are salted, so that nothing can be guessed by them.</p>\n",
    );
    html.push_str("<h3>The question</h3>\n");
    list(html, &question(kept));
    html.push_str("<h3>What hosts said</h3>\n");
    let facts: Vec<Vec<String>> = kept
        .facts
        .iter()
        .map(|(host, said)| match said {
            Ok(facts) => of_host(host, facts),
            Err(why) => vec![
                Esc(host).to_string(),
                format!("nothing: {}", Esc(why)),
                "–".into(),
                "–".into(),
                "–".into(),
            ],
        })
        .collect();
    let heads = ["Host", "Load per CPU", "Memory available", "Addresses", "Roles"];
    table(html, "Facts", &heads, &facts);
    html.push_str("<h3>Fingerprints</h3>\n");
    let inputs = &kept.inputs;
    prints(html, "Files of the site", "File", &inputs.files);
    prints(html, "Variables, by host", "Host", &inputs.variables);
    prints(html, "Secrets", "Secret", &inputs.secrets);
    let logins: Vec<Vec<String>> =
        inputs.logins.iter().map(|(host, login)| vec![Esc(host).to_string(), code(login)]).collect();
    table(html, "Logins, in clear", &["Host", "Login"], &logins);
}

fn question(kept: &SavedPlan) -> Vec<(&'static str, String)> {
    let request = &kept.asked.request;
    let services: Vec<&str> = request.services.iter().map(ServiceName::as_str).collect();
    let mut rows = vec![
        ("Operation", Esc(request.operation.as_str()).to_string()),
        ("Services", Esc(services.join(", ")).to_string()),
    ];
    if let Some(to) = &request.to {
        rows.push(("New primary asked for", Esc(to).to_string()));
    }
    if let Some(limit) = &request.limit {
        let hosts: Vec<&str> = limit.iter().map(HostName::as_str).collect();
        rows.push(("Only these hosts", Esc(hosts.join(", ")).to_string()));
    }
    if !request.tags.is_empty() {
        rows.push(("Only these tags", Esc(request.tags.join(", ")).to_string()));
    }
    for inventory in &kept.asked.inventory {
        rows.push(("Inventory", code(inventory.display())));
    }
    rows.extend(kept.asked.extra_vars.iter().map(|variable| ("Variable", code(variable))));
    rows
}

fn of_host(host: &impl Display, facts: &HostFacts) -> Vec<String> {
    const MIB: u64 = 1 << 20;
    let addresses: Vec<String> =
        facts.addresses.iter().map(|held| format!("{} on {}", held.address, held.device)).collect();
    let roles: Vec<String> = facts
        .services
        .iter()
        .filter_map(|(service, trace)| Some(format!("{service}: {}", trace.role?)))
        .collect();
    let or_none = |words: String| if words.is_empty() { "–".to_owned() } else { Esc(words).to_string() };
    let mut load = format!("{:.2} <small>{} CPUs</small>", facts.load_per_cpu, facts.cpus);
    if !facts.missing.is_empty() {
        let _ = write!(load, "<small>lacks {}</small>", Esc(facts.missing.join(", ")));
    }
    vec![
        Esc(host).to_string(),
        load,
        format!("{} of {} MiB", facts.mem_available / MIB, facts.mem_total / MIB),
        or_none(addresses.join(", ")),
        or_none(roles.join(", ")),
    ]
}

fn prints<K: Display>(html: &mut String, name: &str, head: &str, prints: &BTreeMap<K, String>) {
    let rows: Vec<Vec<String>> =
        prints.iter().map(|(name, print)| vec![Esc(name).to_string(), code(print)]).collect();
    table(html, name, &[head, "Fingerprint"], &rows);
}
