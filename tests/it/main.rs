//! The one integration binary: whole-system tests, one module per topic.

mod check;
mod failover;
mod doctor;
mod inventory;
mod language;
mod lab;
mod modules;
mod layers;
mod process;
mod schema;
mod transport;
mod world;
