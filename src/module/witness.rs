//! stub
use serde::{Deserialize, Serialize};
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Heard {
    Answered { detail: String },
    Silent { for_ms: u64 },
    Refused { detail: String },
    CannotTell { why: String },
}
impl std::fmt::Display for Heard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self:?}")
    }
}
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Testimony {
    pub host: Heard,
    pub address: Heard,
    pub service: Heard,
    pub sample: Option<Box<u32>>,
}
