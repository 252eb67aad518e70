//! The one integration binary: whole-system tests, one module per topic.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod audit;
mod check;
mod contact;
mod dns;
mod docs;
mod doctor;
mod drill;
mod evidence;
mod examples;
mod failover;
mod import;
mod inventory;
mod lab;
mod language;
mod layers;
mod leases;
mod mail;
mod metrics;
mod modules;
mod monitor_service;
mod monitors;
mod ocf;
mod package;
mod pages;
mod planning;
mod plugin;
mod process;
mod reach;
mod saved;
mod schema;
mod secrets;
mod shipped;
mod transport;
mod watch;
mod web;
mod whatif;
mod world;
