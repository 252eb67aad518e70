//! How far a host's clock is from ours, and how sure that is.

/// The host read its clock at some moment between two readings of ours. All in milliseconds since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    pub sent_ms: i64,
    pub host_ms: i64,
    pub heard_ms: i64,
}

impl Reading {
    /// How far the host's clock is ahead at the least (behind: negative), whatever part of the time between our
    /// readings was the way there. Zero when the clocks may agree.
    pub fn skew_ms(self) -> i64 {
        let ahead = self.host_ms - self.heard_ms;
        let behind = self.host_ms - self.sent_ms;
        if ahead > 0 { ahead } else { behind.min(0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_network_is_no_skew() {
        let skew = |sent_ms, host_ms, heard_ms| Reading { sent_ms, host_ms, heard_ms }.skew_ms();
        assert_eq!(skew(1_000, 1_000, 9_000), 0);
        assert_eq!(skew(1_000, 9_000, 9_000), 0);
        assert_eq!(skew(1_000, 12_500, 9_000), 3_500);
        assert_eq!(skew(10_000, 4_000, 11_000), -6_000);
    }
}
