//! `file`: a directory, a link, an empty file, attributes, or nothing at a path. Also what `copy` and `template`
//! share: attributes, and a content that is put in place.

use super::words::Words;
use super::{Context, Library, ModuleError, Script};
use crate::site::action::{FileArgs, FileState};
use crate::site::source::Sp;

/// Compares first; the undo puts back whatever was there.
pub fn compile(args: &FileArgs, cx: &Context) -> Result<Script, ModuleError> {
    let path = absolute(&args.path, cx)?;
    let attributes = Attributes::of(args.mode.as_ref(), args.owner.as_ref(), args.group.as_ref(), cx)?;
    let target = link_target(args, cx)?;
    let state = args.state.word();
    let call = |name: &str| {
        attributes.options(Words::of(name).word(state).word(&path)).option("--to", target.as_ref()).line()
    };
    Ok(Script {
        summary: format!("{state} {path}"),
        look: Some(call("file_is")?),
        act: call("file_make")?,
        undo: Some(Words::of("file_back").word(&path).line()?),
        changes: true,
        library: vec![Library::Undo, Library::File],
        ..Script::default()
    })
}

fn link_target(args: &FileArgs, cx: &Context) -> Result<Option<String>, ModuleError> {
    match (&args.src, args.state) {
        (Some(target), FileState::Link) => cx.text(target).map(Some),
        (None, FileState::Link) => Err(ModuleError::at(&args.path, "a link needs `src`, its target")),
        (Some(target), _) => Err(ModuleError::at(target, "`src` is the target of a link; use `state: link`")),
        (None, _) => Ok(None),
    }
}

impl FileState {
    fn word(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Directory => "directory",
            Self::Link => "link",
            Self::Absent => "absent",
            Self::Touch => "touch",
        }
    }
}

/// A path on the host. Relative ones would depend on where a login shell happens to start.
pub(super) fn absolute(path: &Sp<String>, cx: &Context) -> Result<String, ModuleError> {
    let text = cx.text(path)?;
    if !text.starts_with('/') {
        return Err(ModuleError::at(path, format!("`{text}` is not an absolute path")));
    }
    if text.split('/').any(|part| part == "..") {
        return Err(ModuleError::at(path, format!("`{text}` has `..` in it; write the path it means")));
    }
    Ok(match text.trim_end_matches('/') {
        "" => "/".to_owned(),
        plain => plain.to_owned(),
    })
}

/// Mode, owner and group; what is absent stays as it is.
pub(super) struct Attributes {
    mode: Option<String>,
    owner: Option<String>,
    group: Option<String>,
}

impl Attributes {
    pub(super) fn of(
        mode: Option<&Sp<String>>,
        owner: Option<&Sp<String>>,
        group: Option<&Sp<String>>,
        cx: &Context,
    ) -> Result<Self, ModuleError> {
        let octal =
            |mode: &Sp<String>| octal(&cx.text(mode)?).map_err(|message| ModuleError::at(mode, message));
        Ok(Self {
            mode: mode.map(octal).transpose()?,
            owner: cx.optional(owner)?,
            group: cx.optional(group)?,
        })
    }

    pub(super) fn options(&self, call: Words) -> Words {
        call.option("--mode", self.mode.as_ref())
            .option("--owner", self.owner.as_ref())
            .option("--group", self.group.as_ref())
    }
}

/// As `stat -c %a` prints it, so that it can be compared: `0644` → `644`.
fn octal(text: &str) -> Result<String, String> {
    match u32::from_str_radix(text, 8) {
        Ok(mode) if mode <= 0o7777 => Ok(format!("{mode:o}")),
        _ => Err(format!("`{text}` is not a file mode; write it in octal, quoted: \"0644\"")),
    }
}

/// A file's wanted content, as `copy` and `template` hand it over.
pub(super) struct Content<'a> {
    pub dest: &'a str,
    pub bytes: &'a [u8],
    pub attributes: Attributes,
    /// Shell that checks the new file, `$1`.
    pub check: Option<String>,
}

impl Content<'_> {
    /// Compares by checksum; puts the content in place in one move.
    pub(super) fn script(&self, summary: String) -> Result<Script, ModuleError> {
        let dest = self.dest;
        let sum = super::cksum::cksum(self.bytes);
        let look = Words::of("file_is").word("file").word(dest).option("--sum", Some(sum));
        let put = self.attributes.options(Words::of("file_put").word(dest));
        Ok(Script {
            summary,
            look: Some(self.attributes.options(look).line()?),
            act: self.carry(put.option("--check", self.check.as_ref()))?,
            undo: Some(Words::of("file_back").word(dest).line()?),
            diff: Some(self.carry(Words::of("file_diff").word(dest))?),
            changes: true,
            library: vec![Library::Undo, Library::File],
            ..Script::default()
        })
    }

    /// A text travels as it is, readable in plans; anything else as a `printf` format.
    fn carry(&self, call: Words) -> Result<String, ModuleError> {
        Ok(match std::str::from_utf8(self.bytes) {
            Ok(text) if !text.contains('\0') => call.option("--text", Some(text)),
            _ => call.option("--printf", Some(printf_format(self.bytes))),
        }
        .line()?)
    }
}

/// Any bytes as the format of POSIX `printf`: what is not plain ASCII as `\ooo`.
fn printf_format(bytes: &[u8]) -> String {
    let escape = |&byte: &u8| match byte {
        b'%' => "%%".to_owned(),
        b'\\' => "\\\\".to_owned(),
        b' '..=b'~' => char::from(byte).to_string(),
        _ => format!("\\{byte:03o}"),
    };
    bytes.iter().map(escape).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mode_is_octal_and_compares_with_stat() {
        assert_eq!(octal("0644"), Ok("644".to_owned()));
        assert_eq!(octal("4755"), Ok("4755".to_owned()));
        assert!(octal("u+x").is_err());
        assert!(octal("0888").is_err());
        assert!(octal("77777").is_err());
    }

    #[test]
    fn bytes_survive_printf() {
        assert_eq!(printf_format(b"50%\\\x00\xff1\n"), "50%%\\\\\\000\\3771\\012");
    }
}
