//! `sysctl`: a kernel parameter of the running host. No file below `/etc` changes; the undo writes the former value.

use super::words::Words;
use super::{Context, Library, ModuleError, Script};
use crate::site::action::SysctlArgs;

/// Compares first, blanks apart.
pub fn compile(args: &SysctlArgs, cx: &Context) -> Result<Script, ModuleError> {
    let name = cx.text(&args.name)?;
    let path = path(&name).ok_or_else(|| {
        ModuleError::at(
            &args.name,
            format!("`{name}` is not a kernel parameter such as `net.ipv4.ip_forward`"),
        )
    })?;
    let value = (cx.render)(&args.value.0).map_err(|message| ModuleError::at(&args.value, message))?;
    Ok(Script {
        summary: format!("sysctl {name} = {value}"),
        look: Some(Words::of("sysctl_is").word(&path).word(&value).line()?),
        act: Words::of("sysctl_set").word(&path).word(&value).line()?,
        undo: Some(Words::of("sysctl_back").word(&path).line()?),
        changes: true,
        library: vec![Library::Undo, Library::Sysctl],
        ..Script::default()
    })
}

/// Below `/proc/sys`. As sysctl(8): with a `/` before any `.`, slashes separate and dots belong to names
/// (`net/ipv4/conf/eth0.5/forwarding`).
fn path(name: &str) -> Option<String> {
    let slashes = name.find(['/', '.']).is_some_and(|at| name.as_bytes()[at] == b'/');
    let swap = |c| match c {
        '.' => '/',
        '/' => '.',
        other => other,
    };
    let path: String = if slashes { name.to_owned() } else { name.chars().map(swap).collect() };
    path.split('/').all(|part| !matches!(part, "" | "." | "..")).then_some(path)
}

#[cfg(test)]
mod tests {
    use super::path;

    #[test]
    fn dots_or_slashes_separate() {
        assert_eq!(path("net.ipv4.ip_forward").unwrap(), "net/ipv4/ip_forward");
        assert_eq!(path("net/ipv4/conf/eth0.5/forwarding").unwrap(), "net/ipv4/conf/eth0.5/forwarding");
        assert_eq!(path("net.ipv4.conf.eth0/5.forwarding").unwrap(), "net/ipv4/conf/eth0.5/forwarding");
        assert_eq!(path("net/../../etc/passwd"), None);
        assert_eq!(path(""), None);
    }
}
