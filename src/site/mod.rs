//! A site: the files a user writes, read once into types that cannot be wrong. The only reader of those files.

pub mod action;
pub mod address;
pub mod diagnostic;
pub mod id;
pub mod inventory;
pub mod playbook;
pub mod quantity;
pub mod secret;
pub mod settings;
pub mod source;
pub mod yaml;
mod yaml11;
