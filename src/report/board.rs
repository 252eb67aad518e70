//! What the live table, the page and metrics show: the picture, the last happenings, the counts. Fed with what a monitor
//! tells; knows no more than that. Pure.

use std::collections::{BTreeMap, VecDeque};

use super::tally::Tally;
use crate::monitor::view::{HostView, ServiceView, View};
use crate::monitor::{Gravity, Happening, Told};
use crate::plan::status::{HostRole, MonitorStatus, Verdict};
use crate::plan::table::{Role, ServiceState};
use crate::site::id::{HostName, ServiceName};

/// Happenings kept.
const TAIL: usize = 200;

/// All that is known, from what was told.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Board {
    /// None before the first.
    pub view: Option<View>,
    /// Oldest first.
    pub tail: VecDeque<Told>,
    /// The last thing that was done, or not done, about each service.
    pub last: BTreeMap<ServiceName, Told>,
    pub tally: Tally,
    /// Who leads, and whether that is us.
    pub monitor: Option<(MonitorStatus, bool)>,
    /// The picture was made since that was said.
    pub pictured: bool,
}

/// How something is, at a glance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grade {
    Bad,
    Doubtful,
    Well,
}

impl Board {
    pub fn told(&mut self, told: &Told) {
        self.tally.hear(&told.what);
        self.follow(told);
        for service in told.what.services() {
            if is_deed(&told.what) {
                self.last.insert(service.clone(), told.clone());
            }
        }
        if self.tail.len() == TAIL {
            self.tail.pop_front();
        }
        self.tail.push_back(told.clone());
    }

    /// Happenings of before this process, oldest first: shown, not counted.
    pub fn recall(&mut self, history: impl IntoIterator<Item = Told>) {
        let tally = std::mem::take(&mut self.tally);
        for told in history {
            self.told(&told);
        }
        self.tally = tally;
        self.monitor = None;
    }

    pub fn view(&mut self, view: &View) {
        self.view = Some(view.clone());
        self.pictured = true;
    }

    fn follow(&mut self, told: &Told) {
        let (leader, us) = match &told.what {
            Happening::Leads { leader, .. } => (leader, true),
            Happening::StandsBy { leader } => (leader, false),
            Happening::StepsDown {} => {
                self.monitor = None;
                return;
            }
            _ => return,
        };
        let since = i64::try_from(told.at_ms).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
        let since = since.unwrap_or_default().to_string();
        self.monitor = Some((MonitorStatus { leader: leader.clone(), since }, us));
        self.pictured = false;
    }

    pub fn services(&self) -> &[ServiceView] {
        self.view.as_ref().map_or(&[], |view| &view.services)
    }

    pub fn hosts(&self) -> &[HostView] {
        self.view.as_ref().map_or(&[], |view| &view.hosts)
    }

    /// What a host is to which services, by the table.
    pub fn roles(&self, host: &HostName) -> Vec<HostRole> {
        let roles = self.services().iter().flat_map(|service| {
            let role = |held: &Option<HostName>, role| {
                (held.as_ref() == Some(host)).then(|| HostRole { service: service.service.clone(), role })
            };
            [role(&service.primary, Role::Primary), role(&service.secondary, Role::Secondary)]
        });
        roles.flatten().collect()
    }
}

/// Whether it is about something that is done, or refused; verdicts alone are not.
fn is_deed(what: &Happening) -> bool {
    matches!(
        what,
        Happening::Held { .. }
            | Happening::Began { .. }
            | Happening::Moved { .. }
            | Happening::Failed { .. }
            | Happening::Planned { .. }
            | Happening::Stray { .. }
            | Happening::Cleaned { .. }
    )
}

impl Grade {
    pub fn of_service(service: &ServiceView) -> Self {
        let state = match service.state {
            ServiceState::Protected | ServiceState::Absent => Self::Well,
            ServiceState::Unprotected | ServiceState::Moving => Self::Doubtful,
            ServiceState::Down | ServiceState::Stuck => Self::Bad,
        };
        let nothing = service.state == ServiceState::Absent;
        let verdict = if nothing { Self::Well } else { Self::of_verdict(service.verdict) };
        let held =
            if service.held.is_some() || service.paused.is_some() { Self::Doubtful } else { Self::Well };
        state.min(verdict).min(held)
    }

    pub fn of_host(host: &HostView) -> Self {
        Self::of_verdict(host.verdict)
    }

    fn of_verdict(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Ok => Self::Well,
            Verdict::ServiceDown | Verdict::Frozen | Verdict::HostDown => Self::Bad,
            Verdict::Overloaded | Verdict::Unreachable | Verdict::Isolated | Verdict::Unknown => {
                Self::Doubtful
            }
        }
    }

    pub fn of_gravity(gravity: Gravity) -> Self {
        match gravity {
            Gravity::Info | Gravity::Notice => Self::Well,
            Gravity::Warning => Self::Doubtful,
            Gravity::Alarm => Self::Bad,
        }
    }

    /// The same without colour.
    pub fn sign(self) -> &'static str {
        match self {
            Self::Well => "",
            Self::Doubtful => "!",
            Self::Bad => "!!",
        }
    }
}
