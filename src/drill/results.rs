//! To be.
use super::{Document, Reference};
pub fn chapter(_: &Document, _: Option<&Reference>) -> anyhow::Result<Vec<(String, String)>> {
    Ok(vec![])
}
