//! Takes a job's output streams apart: noise of the login before it, its lines, how it ended. Bytes in, [`Said`] out;
//! no I/O. The conversation calls it with whatever arrives.
//!
//! `bootstrap.sh` writes `NONCE+ GROUP` before a script and `NONCE- CODE` after it (on stderr without the words). The
//! second may follow an unterminated last line of the script. Without it, exit code 127 or 255, death by a signal and
//! a lost link look alike.

/// Longer lines are delivered in pieces of this many bytes.
const LINE_CAP: usize = 64 * 1024;

/// No marker is longer; this much of an overlong line is held back so that none is cut in two.
const MARKER_CAP: usize = 64;

/// What a stream said.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// Before the script: the login shell's start-up files, sudo, a shell that cannot run.
    Noise(String),
    /// The script starts; the process group, on stdout.
    Begun(String),
    Line(String),
    /// The script ended; the exit code, on stdout.
    Ended(String),
}

#[derive(Debug, PartialEq, Eq)]
enum Phase {
    Before,
    Within,
    After,
}

/// One output stream of one job.
#[derive(Debug)]
pub(super) struct Envelope {
    begin: Vec<u8>,
    end: Vec<u8>,
    pending: Vec<u8>,
    phase: Phase,
}

impl Envelope {
    pub(super) fn new(nonce: &str) -> Self {
        Self {
            begin: format!("{nonce}+").into_bytes(),
            end: format!("{nonce}-").into_bytes(),
            pending: Vec::new(),
            phase: Phase::Before,
        }
    }

    pub(super) fn ended(&self) -> bool {
        self.phase == Phase::After
    }

    /// Takes what arrived and returns what became complete by it.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Vec<Said> {
        let mut said = Vec::new();
        let searched = self.pending.len();
        self.pending.extend_from_slice(bytes);
        let pending = std::mem::take(&mut self.pending);
        let mut start = 0;
        let mut from = searched;
        while let Some(length) = pending[from..].iter().position(|byte| *byte == b'\n') {
            self.line(&pending[start..from + length], &mut said);
            start = from + length + 1;
            from = start;
        }
        while pending.len() - start > LINE_CAP + MARKER_CAP {
            let piece = char_boundary(&pending[start..], LINE_CAP);
            self.plain(&pending[start..start + piece], &mut said);
            start += piece;
        }
        self.pending = pending[start..].to_vec();
        said
    }

    /// The stream ended: whatever is left is its last line.
    pub(super) fn finish(&mut self) -> Vec<Said> {
        let mut said = Vec::new();
        let rest = std::mem::take(&mut self.pending);
        if !rest.is_empty() {
            self.line(&rest, &mut said);
        }
        said
    }

    fn line(&mut self, line: &[u8], said: &mut Vec<Said>) {
        let (marker, next): (_, fn(String) -> Said) = match self.phase {
            Phase::Before => (&self.begin, Said::Begun),
            Phase::Within => (&self.end, Said::Ended),
            Phase::After => return,
        };
        let Some(at) = find_marker(line, marker) else { return self.plain(line, said) };
        let word = String::from_utf8_lossy(&line[at + marker.len()..]).trim().to_owned();
        if at > 0 {
            self.plain(&line[..at], said);
        }
        said.push(next(word));
        self.phase = if self.phase == Phase::Before { Phase::Within } else { Phase::After };
    }

    fn plain(&self, line: &[u8], said: &mut Vec<Said>) {
        let text = String::from_utf8_lossy(line).into_owned();
        match self.phase {
            Phase::Before => said.push(Said::Noise(text)),
            Phase::Within => said.push(Said::Line(text)),
            Phase::After => {}
        }
    }
}

/// Where `marker` starts; it can only stand near the end of a line.
fn find_marker(line: &[u8], marker: &[u8]) -> Option<usize> {
    let tail = line.len().saturating_sub(MARKER_CAP);
    line[tail..].windows(marker.len()).rposition(|window| window == marker).map(|at| tail + at)
}

/// The largest cut at or below `at` that splits no UTF-8 character.
fn char_boundary(bytes: &[u8], at: usize) -> usize {
    let continues = |byte: u8| byte & 0xC0 == 0x80;
    (at - 3..=at).rev().find(|cut| !continues(bytes[*cut])).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(said: &[Said]) -> Vec<&str> {
        said.iter()
            .filter_map(|s| if let Said::Line(line) = s { Some(line.as_str()) } else { None })
            .collect()
    }

    fn all(bytes: &[u8], chunk: usize) -> Vec<Said> {
        let mut envelope = Envelope::new("n0");
        let mut said: Vec<Said> = bytes.chunks(chunk).flat_map(|part| envelope.feed(part)).collect();
        said.extend(envelope.finish());
        said
    }

    #[test]
    fn noise_lines_and_code_come_apart_however_the_bytes_are_cut() {
        let bytes = "motd\nn0+ 4711\na\n\nhé\nlast without newlinen0- 3\nlate\n".as_bytes();
        for chunk in 1..=bytes.len() {
            let said = all(bytes, chunk);
            assert_eq!(
                said,
                [
                    Said::Noise("motd".into()),
                    Said::Begun("4711".into()),
                    Said::Line("a".into()),
                    Said::Line(String::new()),
                    Said::Line("hé".into()),
                    Said::Line("last without newline".into()),
                    Said::Ended("3".into()),
                ],
                "chunks of {chunk}"
            );
        }
    }

    #[test]
    fn unterminated_noise_does_not_hide_the_beginning() {
        assert_eq!(
            all(b"Last login:n0+ 7\n", 5),
            [Said::Noise("Last login:".into()), Said::Begun("7".into())]
        );
    }

    #[test]
    fn a_stream_cut_short_keeps_its_last_line_and_has_no_end() {
        let mut envelope = Envelope::new("n0");
        envelope.feed(b"n0+ 1\nhalf a li");
        assert_eq!(envelope.finish(), [Said::Line("half a li".into())]);
        assert!(!envelope.ended());
    }

    #[test]
    fn an_overlong_line_arrives_in_pieces_and_cuts_neither_characters_nor_the_marker() {
        for pad in 0..4 {
            let text = format!("{}{}", "x".repeat(pad), "é".repeat(LINE_CAP));
            let said = all(format!("n0+ 1\n{text}n0- 0\n").as_bytes(), 4096);
            assert_eq!(lines(&said).concat(), text);
            assert!(lines(&said).iter().all(|line| line.len() <= LINE_CAP + MARKER_CAP));
            assert_eq!(said.last(), Some(&Said::Ended("0".into())));
        }
    }

    #[test]
    fn invalid_utf8_is_replaced() {
        assert_eq!(lines(&all(b"n0+ 1\na\xffb\n", 64)), ["a\u{fffd}b"]);
    }
}
