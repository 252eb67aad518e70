//! The one integration binary: whole-system tests, one module per topic.

mod check;
mod docs;
mod inventory;
mod lab;
mod layers;
mod process;
mod schema;
mod transport;
