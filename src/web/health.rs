//! Whether the monitor itself is well: for load balancers, systemd, and other monitors.

use std::time::Duration;

use super::shown::Shown;

/// A monitor that says nothing for this long is not alive.
pub(super) const SILENCE: Duration = Duration::from_secs(5);

/// Whether this is the monitor that acts; why not.
pub(super) fn leader(shown: &Shown) -> Result<String, String> {
    match &shown.board.monitor {
        Some((monitor, true)) if is_heard(shown) => Ok(format!("leads since {}", monitor.since)),
        Some((monitor, false)) => Err(format!("standing by, {} leads", monitor.leader)),
        _ => Err("not leading".to_owned()),
    }
}

/// Before its first picture a new leader takes stock, for as long as that takes.
fn is_heard(shown: &Shown) -> bool {
    let takes_stock = !shown.board.pictured && shown.board.monitor.as_ref().is_some_and(|(_, us)| *us);
    takes_stock || shown.at.elapsed() <= SILENCE
}

/// What is wrong with the monitor itself, or else how it is. A service that is down is not its illness.
pub(super) fn health(shown: &Shown) -> Result<String, String> {
    let age = shown.at.elapsed();
    if !is_heard(shown) {
        return Err(format!("the monitor has said nothing for {} s", age.as_secs()));
    }
    let Some(view) = &shown.board.view else { return Err("nothing was looked at yet".to_owned()) };
    match &shown.board.monitor {
        // The picture is the leader's; its illness is not ours.
        Some((monitor, false)) => Ok(format!("ok: standing by, {} leads", monitor.leader)),
        _ if view.isolated => {
            Err("isolated: most of the site fell silent at once, so nothing is moved".to_owned())
        }
        _ => Ok("ok".to_owned()),
    }
}
