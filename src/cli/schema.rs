//! `reveille schema`: JSON Schemas for editors.

use super::args::{SchemaArgs, SchemaOf};
use super::exit::Exit;
use super::failure::Failure;
use super::output;
use crate::site::schema;

pub fn run(args: &SchemaArgs) -> Result<Exit, Failure> {
    let schema = match args.of {
        SchemaOf::Playbook => schema::playbook_schema(),
        SchemaOf::Inventory => schema::inventory_schema(),
        SchemaOf::Settings => schema::settings_schema(),
    };
    output::say(&serde_json::to_string_pretty(&schema).map_err(Failure::internal)?);
    Ok(Exit::Done)
}
