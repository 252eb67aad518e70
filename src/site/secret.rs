//! Where secrets come from. (Resolution and redaction are added beside this type.)

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where a secret is kept: an environment variable, a file, or a program that prints it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SecretSource {
    Env(String),
    File(String),
    Command(Vec<String>),
}
