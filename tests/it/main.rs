//! The one integration binary: whole-system tests, one module per topic.

mod check;
mod failover;
mod inventory;
mod language;
mod lab;
mod process;
mod schema;
mod transport;
mod world;
