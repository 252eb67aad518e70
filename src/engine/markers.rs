//! Tells the steps of a batch apart in one stream of output, by the marker lines [`super::script`] put there.
//!
//! A state machine per stream: a line goes in, what it means comes out. Knows no clock and no host.

/// A stretch of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Look,
    Diff,
    Act,
}

/// What a line of the stream means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Before the first step: the guard speaks.
    Preamble(String),
    /// This step of the batch begins.
    Begun(usize),
    /// This part of the current step begins.
    Entered { step: usize, part: Part },
    /// A line of the step's own.
    Line { step: usize, part: Part, text: String },
    /// The step is over; its exit code is its look's if it did not act.
    Ended { step: usize, code: i32 },
}

/// Reads one stream of one batch.
#[derive(Clone, Debug)]
pub struct Markers {
    nonce: String,
    at: Option<(usize, Part)>,
    over: bool,
}

impl Markers {
    pub fn new(nonce: &str) -> Self {
        Self { nonce: nonce.to_owned(), at: None, over: false }
    }

    /// Takes one line, without its newline. A marker may follow text that did not end with one.
    pub fn hear(&mut self, line: &str) -> Vec<Heard> {
        let Some((before, marker)) = line.split_once(&self.nonce) else { return self.text(line) };
        let mut heard = if before.is_empty() { Vec::new() } else { self.text(before) };
        heard.extend(self.marker(marker));
        heard
    }

    fn text(&self, text: &str) -> Vec<Heard> {
        let text = text.to_owned();
        match self.at {
            None if self.over => Vec::new(),
            None => vec![Heard::Preamble(text)],
            Some((step, part)) => vec![Heard::Line { step, part, text }],
        }
    }

    fn marker(&mut self, words: &str) -> Option<Heard> {
        let mut words = words.split_ascii_whitespace();
        let word = words.next()?;
        let step = words.next()?.parse().ok()?;
        let part = match word {
            "begin" => {
                self.at = Some((step, Part::Look));
                return Some(Heard::Begun(step));
            }
            "end" => {
                let code = words.next()?.parse().ok()?;
                (self.at, self.over) = (None, true);
                return Some(Heard::Ended { step, code });
            }
            "look" => Part::Look,
            "diff" => Part::Diff,
            "act" => Part::Act,
            _ => return None,
        };
        self.at = Some((step, part));
        Some(Heard::Entered { step, part })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hear(lines: &[&str]) -> Vec<Heard> {
        let mut markers = Markers::new("@7f@");
        lines.iter().flat_map(|line| markers.hear(line)).collect()
    }

    fn line(step: usize, part: Part, text: &str) -> Heard {
        Heard::Line { step, part, text: text.to_owned() }
    }

    #[test]
    fn output_belongs_to_the_step_and_part_it_stands_in() {
        let heard = hear(&[
            "motd",
            "@7f@ begin 0",
            "@7f@ look 0",
            "no",
            "@7f@ act 0",
            "yes",
            "@7f@ end 0 0",
            "stray",
            "@7f@ begin 1",
        ]);
        let expected = vec![
            Heard::Preamble("motd".to_owned()),
            Heard::Begun(0),
            Heard::Entered { step: 0, part: Part::Look },
            line(0, Part::Look, "no"),
            Heard::Entered { step: 0, part: Part::Act },
            line(0, Part::Act, "yes"),
            Heard::Ended { step: 0, code: 0 },
            Heard::Begun(1),
        ];
        assert_eq!(heard, expected);
    }

    #[test]
    fn a_marker_after_an_unfinished_line_is_seen_and_the_text_kept() {
        let heard = hear(&["@7f@ begin 3", "@7f@ act 3", "no newline@7f@ end 3 2"]);
        assert_eq!(heard[2..], [line(3, Part::Act, "no newline"), Heard::Ended { step: 3, code: 2 }]);
    }

    #[test]
    fn what_only_looks_like_a_marker_is_text_or_nothing() {
        let heard = hear(&["@7f@ begin 0", "@7e@ end 0 0", "@7f@ end 0", "@7f@ shout 0", "@7f@"]);
        assert_eq!(heard, [Heard::Begun(0), line(0, Part::Look, "@7e@ end 0 0")]);
    }
}
