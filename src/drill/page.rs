//! To be.
use super::{Document, Tables};
pub fn page(_: &Document, _: &Tables) -> String {
    String::new()
}
