//! What all our pages share: text that is safe in them, their look, the frame of those that stand alone. Called by every
//! room that makes a page; knows nothing of ours. Pure.

mod esc;
mod frame;
mod parts;

pub use esc::Esc;
pub use frame::Frame;
pub use parts::{block, code, folded, list, section, table};

/// Colours and plain elements of every page, for light, dark and paper. A page brings its own rules behind these.
pub const LOOK: &str = include_str!("look.css");

/// The parts of pages that are read from top to bottom, behind [`LOOK`].
pub const DOCUMENT: &str = include_str!("document.css");
