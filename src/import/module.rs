//! The modules that both have: Ansible's arguments as ours. An argument without a counterpart refuses the task, unless it
//! changes nothing here.

use serde_json::{Map, Value as Json, json};

use super::args;
use crate::site::source::Sources;
use crate::site::yaml::{Node, Value};

/// A module call of ours.
pub(super) struct Call {
    pub module: &'static str,
    pub args: Json,
    /// A limit that Ansible's arguments hold.
    pub timeout: Option<String>,
    /// It has no result to register, and is its own `until`.
    pub is_probe: bool,
}

impl Call {
    fn new(module: &'static str, args: Map<String, Json>) -> Self {
        Self { module, args: args.into(), timeout: None, is_probe: false }
    }
}

/// What may be left out: Ansible's own housekeeping.
const HARMLESS: [&str; 12] = [
    "backup",
    "force",
    "follow",
    "warn",
    "expand_argument_vars",
    "unsafe_writes",
    "dump",
    "passno",
    "reload",
    "sysctl_file",
    "sysctl_set",
    "return_content",
];

const COLLECTIONS: [&str; 4] =
    ["ansible.builtin.", "ansible.legacy.", "ansible.posix.", "community.general."];

/// `ansible.builtin.copy` is `copy`.
pub(super) fn short_name(name: &str) -> &str {
    COLLECTIONS.iter().find_map(|collection| name.strip_prefix(collection)).unwrap_or(name)
}

/// The call; `None` for a module that only Ansible has.
pub(super) fn call(
    sources: &Sources,
    module: &str,
    written: &Node,
    more: Option<&Node>,
) -> Option<Result<Call, String>> {
    let make = match module {
        "command" => command,
        "shell" => shell,
        "copy" => copy,
        "template" => template,
        "file" => file,
        "mount" => mount,
        "sysctl" => sysctl,
        "wait_for" => wait_for,
        "service" | "systemd" | "systemd_service" => unit,
        "uri" => uri,
        _ => return None,
    };
    let call = Arguments::read(sources, module, written, more).and_then(|mut arguments| {
        let call = make(&mut arguments)?;
        arguments.nothing_left()?;
        Ok(call)
    });
    Some(call)
}

/// Arguments that were not used yet, as values and as they are written.
struct Arguments(Vec<(String, Json, String)>);

impl Arguments {
    fn read(sources: &Sources, module: &str, written: &Node, more: Option<&Node>) -> Result<Self, String> {
        let mut all = match &written.value {
            Value::Map(_) => Self::of(sources, written),
            Value::Null => Self(Vec::new()),
            Value::String(text) if ["command", "shell"].contains(&module) => Self::line(text),
            Value::String(text) => {
                let pairs = args::pairs(text).ok_or("its arguments are no list of `key=value`")?;
                Self(pairs.into_iter().map(|(key, value)| (key, value.clone(), text_of(&value))).collect())
            }
            other => return Err(format!("its arguments are {}", other.kind())),
        };
        all.0.extend(more.map(|more| Self::of(sources, more).0).unwrap_or_default());
        Ok(all)
    }

    fn of(sources: &Sources, node: &Node) -> Self {
        let Value::Map(pairs) = &node.value else { return Self(Vec::new()) };
        let text =
            |node: &Node| sources.text(node.span.file).get(node.span.start..node.span.end).unwrap_or("");
        Self(
            pairs
                .iter()
                .map(|(key, node)| (key.text.clone(), node.to_json(), text(node).to_owned()))
                .collect(),
        )
    }

    /// A command line with Ansible's own words behind it.
    fn line(text: &str) -> Self {
        let (line, own) = args::own_words(text);
        let own = own.into_iter().map(|(key, value)| (key, value.clone().into(), value));
        Self(std::iter::once(("cmd".to_owned(), line.clone().into(), line)).chain(own).collect())
    }

    fn take(&mut self, key: &str) -> Option<Json> {
        let at = self.0.iter().position(|(name, ..)| name == key)?;
        Some(self.0.remove(at).1)
    }

    fn text(&mut self, key: &str) -> Option<String> {
        self.take(key).map(|value| text_of(&value))
    }

    fn any(&mut self, keys: &[&str]) -> Result<String, String> {
        keys.iter().find_map(|key| self.text(key)).ok_or_else(|| format!("it has no `{}`", keys[0]))
    }

    fn is_true(&mut self, key: &str) -> bool {
        matches!(self.text(key).as_deref(), Some("true" | "yes"))
    }

    /// Octal as text. A number without a leading nought is decimal to Ansible, which nobody means.
    fn mode(&mut self) -> Result<Option<String>, String> {
        let Some(at) = self.0.iter().position(|(name, ..)| name == "mode") else { return Ok(None) };
        let (_, value, written) = self.0.remove(at);
        let octal = |text: &str| {
            !text.is_empty() && text.len() <= 5 && text.bytes().all(|c| matches!(c, b'0'..=b'7'))
        };
        match value {
            // What it is for each item, or by a variable, is seen by `check`.
            Json::String(text) if text.contains("{{") => Ok(Some(text)),
            Json::String(text) if octal(&text) => Ok(Some(format!("{text:0>4}"))),
            Json::Number(_) if written.starts_with('0') => {
                Ok(Some(format!("{:0>4}", written.trim_start_matches("0o").trim_start_matches('0'))))
            }
            _ => Err(format!("its mode is `{written}`: write it in octal digits, as in \"0644\"")),
        }
    }

    /// `mode`, `owner` and `group`, which mean the same.
    fn attributes(&mut self, into: &mut Map<String, Json>) -> Result<(), String> {
        if let Some(mode) = self.mode()? {
            into.insert("mode".into(), mode.into());
        }
        self.carry(&["owner", "group"], into);
        Ok(())
    }

    fn carry(&mut self, keys: &[&str], into: &mut Map<String, Json>) {
        for key in keys {
            if let Some(text) = self.text(key) {
                into.insert((*key).to_owned(), text.into());
            }
        }
    }

    fn nothing_left(&self) -> Result<(), String> {
        let left = self.0.iter().map(|(key, ..)| key.as_str()).find(|key| !HARMLESS.contains(key));
        left.map_or(Ok(()), |key| Err(format!("its argument `{key}` has no counterpart")))
    }
}

fn text_of(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn command(args: &mut Arguments) -> Result<Call, String> {
    let words: Vec<String> = match args.take("argv") {
        Some(Json::Array(items)) => items.iter().map(text_of).collect(),
        Some(_) => return Err("its `argv` is no list".to_owned()),
        None => {
            let line = args.any(&["cmd"])?;
            args::split(&line).ok_or("its command line has a quote that is not closed")?
        }
    };
    let mut guard = Map::new();
    args.carry(&["chdir", "creates", "removes"], &mut guard);
    if words.is_empty() {
        return Err("its command line is empty".to_owned());
    }
    if guard.is_empty() {
        return Ok(Call { module: "command", args: words.into(), timeout: None, is_probe: false });
    }
    let mut mapping = Map::from_iter([("argv".to_owned(), words.into())]);
    mapping.extend(guard);
    Ok(Call::new("command", mapping))
}

fn shell(args: &mut Arguments) -> Result<Call, String> {
    let cmd = args.any(&["cmd"])?;
    if args.text("executable").is_some_and(|shell| shell != "/bin/sh") {
        return Err(
            "a `shell` step is read by the host's POSIX sh; run another one by `command: [bash, -c, …]`"
                .into(),
        );
    }
    crate::template::check_shell(&cmd).map_err(|error| {
        let hint = error.hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
        format!("{error}{hint}")
    })?;
    let mut guard = Map::new();
    args.carry(&["chdir", "creates", "removes"], &mut guard);
    if guard.is_empty() {
        return Ok(Call { module: "shell", args: cmd.into(), timeout: None, is_probe: false });
    }
    let mut mapping = Map::from_iter([("cmd".to_owned(), cmd.into())]);
    mapping.extend(guard);
    Ok(Call::new("shell", mapping))
}

/// A file of the site: what Ansible looks for beside the playbook.
fn source(src: &str, folder: &str) -> Result<String, String> {
    let inside = src.trim_start_matches("./");
    let inside = inside.strip_prefix(folder).and_then(|rest| rest.strip_prefix('/')).unwrap_or(inside);
    if inside.starts_with('/') || inside.split('/').any(|part| part == "..") {
        return Err(format!("its `src` lies outside: put {src} below the site's {folder}/"));
    }
    if inside.ends_with('/') {
        return Err("its `src` is a folder: write a step for each file".to_owned());
    }
    Ok(inside.to_owned())
}

/// A folder as `dest` means the file of the same name in it.
fn destination(dest: String, src: &str) -> String {
    match dest.strip_suffix('/') {
        Some(folder) => format!("{folder}/{}", src.rsplit('/').next().unwrap_or(src)),
        None => dest,
    }
}

fn copy(args: &mut Arguments) -> Result<Call, String> {
    if args.is_true("remote_src") {
        return Err("it copies on the host: a `command: [cp, …]` with `creates`".to_owned());
    }
    let dest = args.any(&["dest"])?;
    let mut made = Map::new();
    match args.take("content") {
        Some(Json::String(content)) => {
            made.insert("content".into(), content.into());
            made.insert("dest".into(), dest.into());
        }
        Some(_) => return Err("its `content` is no text: write it with `to_json`".to_owned()),
        None => {
            let src = source(&args.any(&["src"])?, "files")?;
            let dest = destination(dest, &src);
            made.extend([("src".to_owned(), src.into()), ("dest".to_owned(), dest.into())]);
        }
    }
    args.attributes(&mut made)?;
    Ok(Call::new("copy", made))
}

fn template(args: &mut Arguments) -> Result<Call, String> {
    let src = source(&args.any(&["src"])?, "templates")?;
    let dest = destination(args.any(&["dest"])?, &src);
    let mut made = Map::from_iter([("src".to_owned(), src.into()), ("dest".to_owned(), dest.into())]);
    args.carry(&["validate"], &mut made);
    args.attributes(&mut made)?;
    Ok(Call::new("template", made))
}

fn file(args: &mut Arguments) -> Result<Call, String> {
    let path = args.any(&["path", "dest", "name"])?;
    let mut made = Map::from_iter([("path".to_owned(), path.into())]);
    if args.is_true("recurse") {
        return Err("`recurse` changes files that no step names: a `command: [chown, -R, …]`".to_owned());
    }
    match args.text("state").as_deref() {
        None => {}
        Some(state @ ("directory" | "link" | "absent" | "touch" | "file")) => {
            made.insert("state".into(), state.into());
        }
        Some(state) => return Err(format!("its state `{state}` has no counterpart")),
    }
    args.carry(&["src"], &mut made);
    args.attributes(&mut made)?;
    Ok(Call::new("file", made))
}

fn mount(args: &mut Arguments) -> Result<Call, String> {
    let path = args.any(&["path", "name"])?;
    let mut made = Map::from_iter([("path".to_owned(), path.into())]);
    match args.any(&["state"])?.as_str() {
        "mounted" | "ephemeral" => {
            args.carry(&["src", "fstype", "opts"], &mut made);
        }
        "unmounted" => {
            made.insert("state".into(), "unmounted".into());
            let _ = (args.take("src"), args.take("fstype"), args.take("opts"));
        }
        state => return Err(format!("its state `{state}` is about /etc/fstab, which reveille leaves alone")),
    }
    Ok(Call::new("mount", made))
}

fn sysctl(args: &mut Arguments) -> Result<Call, String> {
    if args.text("state").is_some_and(|state| state != "present") {
        return Err("a kernel parameter has always a value: write the one that it is to have".to_owned());
    }
    let (name, value) = (args.any(&["name"])?, args.any(&["value"])?);
    Ok(Call::new("sysctl", Map::from_iter([("name".into(), name.into()), ("value".into(), value.into())])))
}

fn wait_for(args: &mut Arguments) -> Result<Call, String> {
    let host = args.text("host").unwrap_or_else(|| "127.0.0.1".to_owned());
    let state = args.text("state").unwrap_or_else(|| "started".to_owned());
    let present = ["started", "present"].contains(&state.as_str());
    let condition = match (args.text("port"), args.text("path")) {
        (Some(_), _) if !["127.0.0.1", "localhost", "0.0.0.0"].contains(&host.as_str()) => {
            return Err(
                "it waits for another host: use a `probe`, which is made from this machine".to_owned()
            );
        }
        (Some(port), None) if present => {
            json!({ "tcp": port.parse::<u16>().map_err(|_| "its port is no plain number".to_owned())? })
        }
        (None, Some(path)) if present => json!({ "file": path }),
        (None, Some(path)) if state == "absent" => json!({ "absent": path }),
        (None, None) => return Err("it only waits: say what for, or leave it out".to_owned()),
        _ => return Err(format!("its state `{state}` has no counterpart: `wait_for: {{ command: […] }}`")),
    };
    let seconds = args.text("timeout").unwrap_or_else(|| "300".to_owned());
    seconds.parse::<u32>().map_err(|_| "its timeout is no plain number".to_owned())?;
    Ok(Call { module: "wait_for", args: condition, timeout: Some(format!("{seconds}s")), is_probe: false })
}

fn unit(args: &mut Arguments) -> Result<Call, String> {
    let name = args.any(&["name"])?;
    if args.is_true("daemon_reload") {
        return Err(
            "`daemon_reload`: a `command: [systemctl, daemon-reload]` before the unit's own step".to_owned()
        );
    }
    let _ = args.take("daemon_reload");
    let state = match args.text("state").as_deref() {
        Some("started") => "awake",
        Some("stopped") => "stopped",
        Some(other) => {
            return Err(format!(
                "`{other}` is an act, and a phase says what must be: `command: [systemctl, {}, {name}]`",
                other.trim_end_matches("ed")
            ));
        }
        None => return Err("it has no `state`, and `unit` needs one: awake, asleep or stopped".to_owned()),
    };
    let mut made =
        Map::from_iter([("name".to_owned(), Json::from(name)), ("state".to_owned(), Json::from(state))]);
    match args.take("enabled") {
        Some(Json::Bool(enabled)) => {
            made.insert("enabled".into(), enabled.into());
        }
        Some(_) => return Err("its `enabled` is neither yes nor no".to_owned()),
        None => {}
    }
    Ok(Call::new("unit", made))
}

/// A request as a probe, if that is all it is.
fn uri(args: &mut Arguments) -> Result<Call, String> {
    let mut http = Map::from_iter([("url".to_owned(), Json::from(args.any(&["url"])?))]);
    if args.text("method").is_some_and(|method| method != "GET") {
        return Err("a probe only asks; use `command: [curl, …]`".to_owned());
    }
    let status = args.take("status_code").map(|status| match status {
        Json::Array(mut some) if some.len() == 1 => some.remove(0),
        other => other,
    });
    match status.map(|status| text_of(&status).parse::<u16>()) {
        Some(Ok(status)) => {
            http.insert("status".into(), status.into());
        }
        Some(Err(_)) => return Err("a probe expects one status".to_owned()),
        None => {}
    }
    if args.text("validate_certs").is_some_and(|wanted| ["false", "no"].contains(&wanted.as_str())) {
        http.insert("insecure".into(), true.into());
    }
    if let Some(seconds) = args.text("timeout") {
        http.insert("timeout".into(), format!("{seconds}s").into());
    }
    Ok(Call { module: "probe", args: json!({ "http": http }), timeout: None, is_probe: true })
}
