//! Hosts that are named but not in the inventory.

use super::Subject;
use super::pool::Pool;
use crate::site::Site;
use crate::site::diagnostic::Diagnostic;
use crate::site::playbook::Playbook;

/// The playbook's hosts. A pattern that cannot be meant is reported.
pub(super) fn pool(_site: &Site, _playbook: &Playbook, _out: &mut Vec<Diagnostic>) -> Pool {
    Pool::default()
}

pub(super) fn check(_subject: &Subject<'_>, _out: &mut Vec<Diagnostic>) {}
