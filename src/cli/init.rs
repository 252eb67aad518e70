//! `reveille init`: writes a small site that works in a lab as it is. The files are those of `examples/hello`, which tests
//! deploy; the schemas beside them are made by the code. Overwrites nothing.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::args::{Common, InitArgs};
use super::exit::Exit;
use super::failure::Failure;
use super::output;
use crate::site::id::ServiceName;
use crate::site::{schema, yaml};

/// The service of the example; its name stands for the user's.
const EXAMPLE: &str = "hello";
/// Where the example's files find the schemas, in part, and where a new site's do.
const SCHEMAS: (&str, &str) = ("../../book/src/schema/", "schema/");

const FILES: [(&str, &str); 6] = [
    ("reveille.yml", include_str!("../../examples/hello/reveille.yml")),
    ("inventory/hosts.yml", include_str!("../../examples/hello/inventory/hosts.yml")),
    ("playbooks/hello.yml", include_str!("../../examples/hello/playbooks/hello.yml")),
    ("templates/hello/server.pl.j2", include_str!("../../examples/hello/templates/hello/server.pl.j2")),
    ("README.md", include_str!("../../examples/hello/README.md")),
    (".gitignore", include_str!("../../examples/hello/.gitignore")),
];

pub fn run(common: &Common, args: &InitArgs) -> Result<Exit, Failure> {
    let service = args.service.as_ref().map_or(EXAMPLE, ServiceName::as_str);
    readable(service)?;
    let files = files(service)?;
    refuse_to_overwrite(&args.folder, &files)?;
    for (name, text) in &files {
        write(&args.folder.join(name), text).map_err(Failure::internal)?;
    }
    if !common.quiet {
        output::note(&next(&args.folder, service, files.len()));
    }
    Ok(Exit::Done)
}

/// A name that a playbook may hold without quotes.
fn readable(service: &str) -> Result<(), Failure> {
    match yaml::to_json(Path::new("--service"), service) {
        Ok(serde_json::Value::String(_)) => Ok(()),
        _ => Err(Failure::words(Exit::Usage, format!("`{service}` is a value of YAML, and no good name"))
            .hint("choose a name that begins with a letter, such as `wiki`")),
    }
}

/// Every file by its path in the site.
fn files(service: &str) -> Result<Vec<(String, String)>, Failure> {
    let named = |text: &str| text.replace(SCHEMAS.0, SCHEMAS.1).replace(EXAMPLE, service);
    let mut files: Vec<_> = FILES.iter().map(|(name, text)| (named(name), named(text))).collect();
    for (name, schema) in [
        ("playbook", schema::playbook_schema()),
        ("inventory", schema::inventory_schema()),
        ("settings", schema::settings_schema()),
    ] {
        let text = serde_json::to_string_pretty(&schema).map_err(Failure::internal)? + "\n";
        files.push((format!("schema/{name}.json"), text));
    }
    Ok(files)
}

fn refuse_to_overwrite(folder: &Path, files: &[(String, String)]) -> Result<(), Failure> {
    let there: Vec<String> = files
        .iter()
        .map(|(name, _)| folder.join(name))
        .filter(|path| path.symlink_metadata().is_ok())
        .map(|path| path.display().to_string())
        .collect();
    if there.is_empty() {
        return Ok(());
    }
    let words = format!("{} there already; nothing was written", is_or_are(&there));
    Err(Failure::words(Exit::Usage, words).hint("name an empty folder: `reveille init DIR`"))
}

fn is_or_are(names: &[String]) -> String {
    format!("{} {}", names.join(", "), if names.len() == 1 { "is" } else { "are" })
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let folder: PathBuf = path.parent().map(Path::to_owned).unwrap_or_default();
    fs::create_dir_all(&folder).with_context(|| format!("failed to make {}", folder.display()))?;
    fs::write(path, text).with_context(|| format!("failed to write {}", path.display()))
}

fn next(folder: &Path, service: &str, count: usize) -> String {
    let here = folder == Path::new(".");
    let enter = if here { String::new() } else { format!("\n  cd {}", folder.display()) };
    format!(
        "wrote {count} files in {}; README.md says what each is for\n\
         next:{enter}\n\
         \x20 reveille check                  every mistake in them, without a connection\n\
         \x20 reveille lab up --hosts 3       hosts to rehearse on, on this machine (root)\n\
         \x20 reveille deploy {service}\n\
         \x20 grep -rn 'CHANGE ME' .          what makes it your own service",
        folder.display(),
    )
}
