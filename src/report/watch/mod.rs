//! What a monitor looks like to people: lines, JSON lines, a live table. `cli` chooses one or several and hands them to
//! [`Apart`]; the monitor's driver tells that one and waits for none of them.

mod apart;
mod grid;
mod json;
mod lines;
mod live;
pub(crate) mod table;
pub(crate) mod words;

pub use apart::Apart;
pub use json::{Line, WatchJson};
pub use lines::WatchLines;
pub use live::{Live, Size, terminal_size};
pub use table::Look;

use crate::engine::event::Event;
use crate::monitor::Told;
use crate::monitor::view::View;

/// Something that shows a monitor while it watches.
pub trait WatchReport: Send {
    /// Something happened.
    fn told(&mut self, told: &Told);

    /// How things are now. Called a few times a second at most; a picture that was not shown in time is left out.
    fn view(&mut self, _view: &View) {}

    /// A run of the monitor's goes on.
    fn run_event(&mut self, _event: &Event) {}
}
