//! The one integration binary: whole-system tests, one module per topic.

mod check;
mod inventory;
mod lab;
mod language;
mod process;
mod schema;
mod transport;
