//! DNS questions and answers as bytes (RFC 1035, AAAA by RFC 3596): as much as it takes to ask one name server for
//! one record. Pure; the sending is in [`crate::probe`], and in the witness's script.

use std::net::{Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

use crate::site::action::{Rcode, RecordType};

/// A name that can be asked for, and the type of record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    name: String,
    kind: RecordType,
}

/// What a server said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    pub rcode: u8,
    /// It did not fit into the datagram: to be asked again over TCP.
    pub truncated: bool,
    /// The records of the type that was asked for, as `dig +short` prints them.
    pub records: Vec<String>,
}

const RECURSION_DESIRED: u8 = 0x01;
const REPLY: u8 = 0x80;
const TRUNCATED: u8 = 0x02;
const CLASS_IN: u16 = 1;

/// No chain of compressed names is longer in any answer that means well.
const MOST_JUMPS: usize = 32;

impl Question {
    /// `None` for a name that no packet can hold: a label is 1 to 63 bytes, all of it at most 253.
    pub fn new(name: &str, kind: RecordType) -> Option<Self> {
        let name = name.strip_suffix('.').unwrap_or(name);
        let fits = |label: &str| (1..=63).contains(&label.len()) && label.is_ascii();
        let whole = name.is_empty() || name.len() <= 253 && name.split('.').all(fits);
        whole.then(|| Self { name: name.to_owned(), kind })
    }

    /// The same with the type as text, in capitals or not.
    pub fn parse(name: &str, kind: &str) -> Option<Self> {
        let kind = RecordType::ALL.into_iter().find(|known| known.to_string().eq_ignore_ascii_case(kind))?;
        Self::new(name, kind).filter(|question| !question.name.is_empty())
    }

    /// The name that is asked for, without its last dot.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn kind(&self) -> RecordType {
        self.kind
    }

    /// The bytes of the question, for UDP; over TCP their number stands before them.
    pub fn encode(&self, id: u16) -> Vec<u8> {
        let mut bytes = id.to_be_bytes().to_vec();
        bytes.extend([RECURSION_DESIRED, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
        for label in self.name.split('.').filter(|label| !label.is_empty()) {
            // A label was seen to be at most 63 bytes.
            bytes.push(u8::try_from(label.len()).unwrap_or_default());
            bytes.extend(label.as_bytes());
        }
        bytes.push(0);
        bytes.extend(code(self.kind).to_be_bytes());
        bytes.extend(CLASS_IN.to_be_bytes());
        bytes
    }

    /// Reads an answer to this question; `None` for anything else.
    pub fn decode(&self, id: u16, bytes: &[u8]) -> Option<Reply> {
        let mut reader = Reader { bytes, at: 0 };
        let header = reader.take(12)?;
        let ours = header[..2] == id.to_be_bytes() && header[2] & REPLY != 0 && header[4..6] == [0, 1];
        let name = reader.name()?;
        let asked = (reader.number()?, reader.number()?) == (code(self.kind), CLASS_IN);
        if !ours || !asked || !name.trim_end_matches('.').eq_ignore_ascii_case(&self.name) {
            return None;
        }
        let mut reply =
            Reply { rcode: header[3] & 0x0f, truncated: header[2] & TRUNCATED != 0, records: Vec::new() };
        for _ in 0..u16::from_be_bytes([header[6], header[7]]) {
            // What was cut off is not there; what is there counts.
            if reader.record(self.kind, &mut reply.records).is_none() {
                break;
            }
        }
        Some(reply)
    }
}

impl std::fmt::Display for Question {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", if self.name.is_empty() { "." } else { &self.name }, self.kind)
    }
}

impl Reply {
    /// Whether one of the records is this, however its case, its last dot and its quotes are written.
    pub fn holds(&self, expected: &str) -> bool {
        fn plain(text: &str) -> &str {
            text.trim().trim_matches('"').trim_end_matches('.')
        }
        self.records.iter().any(|record| plain(record).eq_ignore_ascii_case(plain(expected)))
    }
}

/// A place in a packet.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let taken = self.bytes.get(self.at..self.at.checked_add(count)?)?;
        self.at += count;
        Some(taken)
    }

    fn number(&mut self) -> Option<u16> {
        self.take(2)?.try_into().ok().map(u16::from_be_bytes)
    }

    fn long(&mut self) -> Option<u32> {
        self.take(4)?.try_into().ok().map(u32::from_be_bytes)
    }

    /// A name with its last dot; parts of it may stand elsewhere in the packet.
    fn name(&mut self) -> Option<String> {
        let (mut name, mut after) = (String::new(), None);
        for _ in 0..MOST_JUMPS {
            while let length @ 1..=63 = *self.bytes.get(self.at)? {
                self.at += 1;
                name.push_str(&String::from_utf8_lossy(self.take(usize::from(length))?));
                name.push('.');
            }
            if *self.bytes.get(self.at)? == 0 {
                self.at = after.unwrap_or(self.at + 1);
                return Some(if name.is_empty() { ".".to_owned() } else { name });
            }
            let target = self.number()?.checked_sub(0xc000)?;
            after = after.or(Some(self.at));
            self.at = usize::from(target);
        }
        None
    }

    /// Takes in the next record, if it is of that type; `None` when there is none.
    fn record(&mut self, wanted: RecordType, records: &mut Vec<String>) -> Option<()> {
        self.name()?;
        let (kind, class) = (self.number()?, self.number()?);
        self.take(4)?;
        let length = usize::from(self.number()?);
        let end = self.at.checked_add(length)?;
        let data = self.bytes.get(..end)?;
        let mut inner = Reader { bytes: data, at: self.at };
        self.at = end;
        if kind == code(wanted) && class == CLASS_IN {
            records.extend(inner.data(wanted));
        }
        Some(())
    }

    fn data(&mut self, kind: RecordType) -> Option<String> {
        Some(match kind {
            RecordType::A => Ipv4Addr::from(<[u8; 4]>::try_from(self.take(4)?).ok()?).to_string(),
            RecordType::Aaaa => Ipv6Addr::from(<[u8; 16]>::try_from(self.take(16)?).ok()?).to_string(),
            RecordType::Cname | RecordType::Ns | RecordType::Ptr => self.name()?,
            RecordType::Mx => format!("{} {}", self.number()?, self.name()?),
            RecordType::Soa => {
                let mut text = format!("{} {}", self.name()?, self.name()?);
                for _ in 0..5 {
                    text = format!("{text} {}", self.long()?);
                }
                text
            }
            RecordType::Txt => {
                let mut text = String::new();
                while let Some(length) = self.take(1) {
                    text.push_str(&String::from_utf8_lossy(self.take(usize::from(length[0]))?));
                }
                format!("\"{text}\"")
            }
        })
    }
}

fn code(kind: RecordType) -> u16 {
    match kind {
        RecordType::A => 1,
        RecordType::Ns => 2,
        RecordType::Cname => 5,
        RecordType::Soa => 6,
        RecordType::Ptr => 12,
        RecordType::Mx => 15,
        RecordType::Txt => 16,
        RecordType::Aaaa => 28,
    }
}

impl Rcode {
    /// As it stands in a packet.
    pub fn code(self) -> u8 {
        match self {
            Self::NoError => 0,
            Self::ServFail => 2,
            Self::NxDomain => 3,
            Self::Refused => 5,
        }
    }
}

/// What a status is called.
pub fn rcode_name(code: u8) -> String {
    match code {
        0 => "NOERROR".to_owned(),
        1 => "FORMERR".to_owned(),
        2 => "SERVFAIL".to_owned(),
        3 => "NXDOMAIN".to_owned(),
        4 => "NOTIMP".to_owned(),
        5 => "REFUSED".to_owned(),
        9 => "NOTAUTH".to_owned(),
        other => format!("status {other}"),
    }
}

impl std::fmt::Display for Rcode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&rcode_name(self.code()))
    }
}

impl RecordType {
    const ALL: [Self; 8] =
        [Self::A, Self::Aaaa, Self::Cname, Self::Mx, Self::Ns, Self::Ptr, Self::Soa, Self::Txt];
}

impl std::fmt::Display for RecordType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::A => "A",
            Self::Aaaa => "AAAA",
            Self::Cname => "CNAME",
            Self::Mx => "MX",
            Self::Ns => "NS",
            Self::Ptr => "PTR",
            Self::Soa => "SOA",
            Self::Txt => "TXT",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(name: &str, kind: RecordType) -> Question {
        Question::new(name, kind).unwrap()
    }

    /// The question as it was sent, marked as answered, with so many records behind it.
    fn reply(question: &Question, rcode: u8, count: u8, records: &[u8]) -> Vec<u8> {
        let mut bytes = question.encode(7);
        bytes[2] |= REPLY;
        bytes[3] |= rcode;
        bytes[7] = count;
        bytes.extend(records);
        bytes
    }

    #[test]
    fn a_question_is_laid_out_as_the_standard_has_it() {
        let bytes = question("www.example.org.", RecordType::Aaaa).encode(0x1234);
        assert_eq!(bytes, b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x03www\x07example\x03org\0\0\x1c\0\x01");
        assert_eq!(question(".", RecordType::Ns).encode(1)[12..], [0, 0, 2, 0, 1]);
        for name in ["a..b", &"x".repeat(64), "straße.de", &format!("{}y", "x.".repeat(130))] {
            assert_eq!(Question::new(name, RecordType::A), None, "{name}");
        }
    }

    #[test]
    fn records_are_read_through_pointers_and_aliases() {
        let www = question("www.example.org", RecordType::A);
        // An alias `web.example.org`, which has the address.
        let records = b"\xc0\x0c\0\x05\0\x01\0\0\0\x3c\0\x06\x03web\xc0\x10\
            \xc0\x2d\0\x01\0\x01\0\0\0\x3c\0\x04\x0a\0\0\x50";
        let read = www.decode(7, &reply(&www, 0, 2, records)).unwrap();
        assert_eq!(read, Reply { rcode: 0, truncated: false, records: vec!["10.0.0.80".to_owned()] });
        let mail = question("Example.ORG", RecordType::Mx);
        let read =
            mail.decode(7, &reply(&mail, 0, 1, b"\xc0\x0c\0\x0f\0\x01\0\0\0\0\0\x09\0\x0a\x04mail\xc0\x0c"));
        let read = read.unwrap();
        assert_eq!(read.records, ["10 mail.Example.ORG."]);
        assert!(read.holds("10 mail.example.org") && !read.holds("20 mail.example.org"));
        let text = question("t", RecordType::Txt);
        let read =
            text.decode(7, &reply(&text, 0, 1, b"\xc0\x0c\0\x10\0\x01\0\0\0\0\0\x06\x02ab\x02cd")).unwrap();
        assert!(read.holds("abcd") && read.holds("\"abcd\""));
    }

    #[test]
    fn only_an_answer_to_the_question_counts() {
        let www = question("www.example.org", RecordType::A);
        let answer = reply(&www, 3, 0, b"");
        assert_eq!(www.decode(7, &answer).unwrap().rcode, Rcode::NxDomain.code());
        assert_eq!(www.decode(8, &answer), None);
        assert_eq!(www.decode(7, &www.encode(7)), None, "a question is no answer");
        assert_eq!(question("www.example.com", RecordType::A).decode(7, &answer), None);
        assert_eq!(question("www.example.org", RecordType::Ns).decode(7, &answer), None);
    }

    #[test]
    fn broken_answers_are_no_danger() {
        let www = question("www.example.org", RecordType::A);
        let round = reply(&www, 0, 1, b"\xc0\x21\0\x01\0\x01\0\0\0\0\0\x04\x0a\0\0\x50");
        assert_eq!(
            www.decode(7, &round).unwrap().records,
            Vec::<String>::new(),
            "a name that points to itself"
        );
        let whole = reply(&www, 0, 1, b"\xc0\x0c\0\x01\0\x01\0\0\0\0\0\x04\x0a\0\0\x50");
        for end in 0..whole.len() {
            let records = www.decode(7, &whole[..end]).map(|reply| reply.records);
            assert!(records.is_none_or(|records| records.is_empty()), "cut at {end}");
        }
    }
}
