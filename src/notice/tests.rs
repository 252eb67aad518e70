//! Notices to real sinks on loopback.
