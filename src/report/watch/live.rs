//! A monitor on a terminal: one picture that is drawn over the last one. It has a screen of its own, so that nothing
//! scrolls; what it showed last stays behind when it ends.

use std::io::Write;

use super::table::{self, Look};
use super::{WatchLines, WatchReport};
use crate::monitor::Told;
use crate::monitor::view::View;
use crate::report::Volume;
use crate::report::board::Board;

/// Columns and lines of a screen.
pub type Size = (usize, usize);

/// Where nobody says how large the screen is.
const USUAL: Size = (80, 24);

/// The other screen, no cursor, no wrapping: a line that is too long must not push the picture down.
const ENTER: &str = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J";
const LEAVE: &str = "\x1b[?7h\x1b[?25h\x1b[?1049l";

/// Draws on `out` with every picture it is given.
pub struct Live<W: Write> {
    out: W,
    look: Look,
    size: fn() -> Option<Size>,
    board: Board,
    /// What happened while it was shown, for the end.
    story: Vec<Told>,
    entered: bool,
}

/// Happenings repeated at the end.
const STORY: usize = 1000;

impl<W: Write> Live<W> {
    /// `size` is asked anew for every picture.
    pub fn new(out: W, look: Look, size: fn() -> Option<Size>) -> Self {
        Self { out, look, size, board: Board::default(), story: Vec::new(), entered: false }
    }

    /// Happenings of before, oldest first.
    #[must_use]
    pub fn recalling(mut self, history: impl IntoIterator<Item = Told>) -> Self {
        self.board.recall(history);
        self
    }

    fn draw(&mut self) {
        let (width, height) = (self.size)().unwrap_or(USUAL);
        let lines = table::picture(&self.board, &self.look, width, height);
        let enter = if self.entered { "" } else { ENTER };
        self.entered = true;
        // In one write, shown by the terminal as one change (DEC mode 2026; others ignore it).
        // Each line is cleared before it is written: at the right edge, clearing after it takes its last letter.
        let rest = if lines.len() < height { "\r\n\x1b[J" } else { "" };
        let picture = format!("{enter}\x1b[?2026h\x1b[H\x1b[K{}{rest}\x1b[?2026l", lines.join("\r\n\x1b[K"));
        self.write(&picture);
    }

    fn write(&mut self, text: &str) {
        // A terminal that is gone is no reason to end.
        let _ = self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush());
    }

    /// Leaves the other screen; what happened and how things were last stay on this one.
    fn leave(&mut self) {
        self.write(LEAVE);
        let mut lines =
            WatchLines::new(&mut self.out, Volume::Normal, self.look.color, self.look.zone.clone());
        for told in std::mem::take(&mut self.story) {
            lines.say(&told);
        }
        let (width, _) = (self.size)().unwrap_or(USUAL);
        self.board.tail.clear();
        let last = table::picture(&self.board, &self.look, width, usize::MAX / 2);
        self.write(&format!("{}\n", last.join("\n")));
    }
}

impl<W: Write + Send> WatchReport for Live<W> {
    fn told(&mut self, told: &Told) {
        self.board.told(told);
        if self.story.len() < STORY {
            self.story.push(told.clone());
        }
    }

    fn view(&mut self, view: &View) {
        self.board.view(view);
        self.draw();
    }
}

impl<W: Write> Drop for Live<W> {
    fn drop(&mut self) {
        if self.entered {
            self.leave();
        }
    }
}

/// The size of the terminal that stdout is.
pub fn terminal_size() -> Option<Size> {
    let size = rustix::termios::tcgetwinsize(std::io::stdout()).ok()?;
    (size.ws_col > 0 && size.ws_row > 0).then(|| (size.ws_col.into(), size.ws_row.into()))
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;
    use crate::report::sample;

    #[test]
    fn it_leaves_the_terminal_as_it_was_and_the_story_behind() {
        let mut out = Vec::new();
        let look = Look { color: false, zone: TimeZone::UTC };
        let mut live = Live::new(&mut out, look, || Some((100, 20)));
        for told in &sample::story() {
            live.told(told);
        }
        for _ in 0..3 {
            live.view(&sample::view());
        }
        drop(live);
        let text = String::from_utf8(out).unwrap();
        assert_eq!((text.matches(ENTER).count(), text.matches(LEAVE).count()), (1, 1));
        let (pictures, after) = text.split_once(LEAVE).unwrap();
        assert_eq!(pictures.matches("\x1b[H").count(), 3, "each is drawn over the last");
        assert!(!pictures.contains("\n\n") && !after.contains('\x1b'));
        assert!(after.contains("2026-11-23 07:05:03.007 ALARM   failover of web failed"));
        assert!(after.trim_end().ends_with("primary of mail"), "{after}");
    }
}
