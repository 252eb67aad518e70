//! What `reveille doctor` asks of a host's fence devices: to describe themselves and to say how the host is. Nothing is
//! ever turned off here.

use tokio::time::Instant;

use super::session::Session;
use crate::doctor::fence::{self, Look, Said};
use crate::doctor::{Finding, Needs};
use crate::fence::Answer;
use crate::module::fence::{Ask, Device};
use crate::plan::facts::SiteFacts;
use crate::plan::table::Table;
use crate::site::id::{HostName, ServiceName};
use crate::site::playbook::{DataPolicy, EvidenceKind};

/// The devices of one host, and what each said.
pub struct Fences {
    devices: Vec<(Device, Look)>,
    /// Found without asking anybody.
    findings: Vec<Finding>,
}

impl Fences {
    /// Asks all devices of the host, each within its own time limit.
    pub async fn ask(session: &Session, services: &[ServiceName], host: &HostName) -> Self {
        let devices = match devices(session, services, host) {
            Ok(devices) => devices,
            Err(finding) => return Self { devices: Vec::new(), findings: vec![finding] },
        };
        if devices.is_empty() {
            let findings = fence::stranded(host, writers(session, services, host)).into_iter().collect();
            return Self { devices: Vec::new(), findings };
        }
        let looks = devices.into_iter().map(|device| async {
            let look = look(session, &device).await;
            (device, look)
        });
        Self { devices: futures_util::future::join_all(looks).await, findings: Vec::new() }
    }

    /// What is to be said, secrets left out. `reached`: the host itself answers.
    pub fn findings(self, session: &Session, reached: bool) -> Vec<Finding> {
        let judged = self.devices.iter().flat_map(|(device, look)| fence::examine(device, look, reached));
        let all = self.findings.into_iter().chain(judged);
        all.map(|finding| Finding { what: session.redact(&finding.what), ..finding }).collect()
    }
}

fn devices(session: &Session, services: &[ServiceName], host: &HostName) -> Result<Vec<Device>, Finding> {
    let Some(any) = services.first() else { return Ok(Vec::new()) };
    let (table, facts) = (Table::default(), SiteFacts::new());
    let planner = session.planner(&table, &facts, Needs::request(any));
    match planner.fence(any, host) {
        Ok(fence) => Ok(fence.map(|fence| fence.devices).unwrap_or_default()),
        Err(error) => {
            let fix = "correct `reveille_fence` in the inventory; secrets for it belong into reveille.yml";
            Err(Finding::error("fence", error.to_string(), fix))
        }
    }
}

/// Services that write shared data, may be fenced, and may run on the host.
fn writers(session: &Session, services: &[ServiceName], host: &HostName) -> Vec<ServiceName> {
    let writes = |service: &&ServiceName| {
        session.site.playbooks.get(*service).is_some_and(|playbook| {
            playbook.data == DataPolicy::SharedWrite
                && playbook.evidence_policy().contains(&EvidenceKind::Fenced)
                && session.site.pool(playbook).contains(host)
        })
    };
    services.iter().filter(writes).cloned().collect()
}

async fn look(session: &Session, device: &Device) -> Look {
    let until = Instant::now() + std::time::Duration::from_millis(device.timeout_ms);
    let ask = if device.status { Ask::Status } else { Ask::Monitor };
    let (metadata, answer) =
        tokio::join!(session.agents.metadata(&device.agent, until), session.agents.ask(device, ask, until));
    Look { metadata, answer: answer.map(|answer| said(&answer)) }
}

fn said(answer: &Answer) -> Said {
    Said { code: answer.code, words: answer.to_string() }
}
