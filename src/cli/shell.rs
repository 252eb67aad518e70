//! `reveille completions` and `reveille man`: the command line as shells and `man` want it, from its one definition.

use std::fs;

use anyhow::Context;

use super::args::{CompletionsArgs, ManArgs};
use super::exit::Exit;
use super::failure::Failure;
use super::help::command;
use super::output;

const NAME: &str = "reveille";

pub fn completions(args: &CompletionsArgs) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command(), NAME, &mut script);
    output::print(&String::from_utf8_lossy(&script));
    Exit::Done
}

pub fn man(args: &ManArgs) -> Result<Exit, Failure> {
    let command = command();
    if let Some(folder) = &args.folder {
        let write = || {
            fs::create_dir_all(folder)?;
            clap_mangen::generate_to(command, folder)
        };
        write()
            .with_context(|| format!("failed to write {}", folder.display()))
            .map_err(Failure::internal)?;
        return Ok(Exit::Done);
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(command).render(&mut page).map_err(Failure::internal)?;
    output::print(&String::from_utf8_lossy(&page));
    Ok(Exit::Done)
}
