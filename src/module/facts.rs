//! The script that asks a host for its facts; [`crate::plan::facts::HostFacts::parse`] reads the answer. Reads only.

/// Complete: needs no prelude and no library.
pub fn script() -> String {
    [include_str!("sh/record.sh"), include_str!("sh/facts.sh"), "facts\n"].join("\n")
}
