//! Who hears whom: one switch, and ways that are cut, each in one direction. Knows no hosts' state.

use std::collections::BTreeSet;
use std::fmt;

/// Where packets come from or go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Place {
    /// By its place in the inventory.
    Host(usize),
    Monitor(usize),
    /// Everybody the service is for. The gateway stands there, too.
    Client,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(at) => write!(f, "h{}", at + 1),
            Self::Monitor(at) => write!(f, "m{}", at + 1),
            Self::Client => f.write_str("client"),
        }
    }
}

/// The link that all places share.
#[derive(Clone, Debug, Default)]
pub(super) struct Net {
    /// From, to.
    cut: BTreeSet<(Place, Place)>,
    unplugged: BTreeSet<Place>,
}

impl Net {
    /// Whether a packet from one place arrives at the other.
    pub(super) fn carries(&self, from: Place, to: Place) -> bool {
        let plugged = |place| !self.unplugged.contains(&place);
        from == to || plugged(from) && plugged(to) && !self.cut.contains(&(from, to))
    }

    /// Whether each hears the other: nothing is answered otherwise.
    pub(super) fn talk(&self, one: Place, other: Place) -> bool {
        self.carries(one, other) && self.carries(other, one)
    }

    pub(super) fn unplug(&mut self, place: Place) {
        self.unplugged.insert(place);
    }

    pub(super) fn plug(&mut self, place: Place) {
        self.unplugged.remove(&place);
    }

    pub(super) fn cut(&mut self, from: Place, to: Place) {
        self.cut.insert((from, to));
    }

    pub(super) fn mend(&mut self, from: Place, to: Place) {
        self.cut.remove(&(from, to));
    }

    pub(super) fn heal(&mut self) {
        *self = Self::default();
    }
}
