//! What time it is on each host, counted from its boot: a renewal says until when it may still take effect.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

use crate::site::id::HostName;

/// The last uptime each host told, and when we heard it.
#[derive(Debug, Default)]
pub struct Uptimes(Mutex<BTreeMap<HostName, (u64, Instant)>>);

impl Uptimes {
    pub fn heard(&self, host: &HostName, uptime_ms: u64) {
        if let Ok(mut known) = self.0.lock() {
            known.insert(host.clone(), (uptime_ms, Instant::now()));
        }
    }

    /// The host's uptime in `ahead` from now, at least. What was on its way to us makes it a little less than it will
    /// be: a renewal is refused a little early rather than late.
    pub fn ahead(&self, host: &HostName, ahead: Duration) -> Option<u64> {
        let known = self.0.lock().ok()?;
        let (uptime_ms, heard) = known.get(host)?;
        let since = u64::try_from((heard.elapsed() + ahead).as_millis()).ok()?;
        Some(uptime_ms + since)
    }
}
