//! reveille: wakes a service's sleeping copy on another host, over SSH.

pub mod cli;
pub mod doctor;
pub mod drill;
pub mod engine;
pub mod fence;
pub mod import;
pub mod lab;
pub mod module;
pub mod monitor;
pub mod notice;
pub mod page;
pub mod plan;
pub mod probe;
pub mod report;
pub mod sim;
pub mod site;
pub mod store;
pub mod template;
pub mod transport;
pub mod watch;
pub mod web;
