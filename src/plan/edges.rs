//! stand-in
use crate::site::playbook::{Phase, Playbook};
pub struct Edge {
    pub phase: Phase,
    pub from: usize,
    pub to: usize,
    pub success: bool,
}
pub fn edges(playbook: &Playbook, phase: Phase) -> Vec<Edge> {
    let mut out = Vec::new();
    for (to, step) in playbook.phase(phase).iter().enumerate() {
        for (names, success) in [(&step.needs, true), (&step.after, false)] {
            for name in names {
                let (p, id) = match name.value.split_once('.') {
                    Some((p, id)) => (Phase::ALL.into_iter().find(|x| x.as_str() == p).unwrap_or(phase), id),
                    None => (phase, name.value.as_str()),
                };
                if let Some(from) = playbook.phase(p).iter().position(|s| s.id.as_str() == id) {
                    out.push(Edge { phase: p, from, to, success });
                }
            }
        }
    }
    out
}
pub fn registers(playbook: &Playbook) -> Vec<String> {
    Phase::ALL
        .iter()
        .flat_map(|p| playbook.phase(*p))
        .filter_map(|s| s.register.as_ref().map(|r| r.value.clone()))
        .collect()
}
