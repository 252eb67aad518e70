//! `reveille doctor`: looks at every host, changing nothing.

use super::args::{Common, DoctorArgs};
use super::exit::Exit;
use super::failure::Failure;

pub async fn run(_common: &Common, _args: &DoctorArgs) -> Result<Exit, Failure> {
    Ok(Exit::Done)
}
