//! The documents keep what they promise: their tables are those of the code, their playbooks pass `check`, their sessions
//! give the output that is printed, their links lead somewhere.
//!
//! | fence or comment | what is done with it |
//! |---|---|
//! | `yaml,playbook` | checked as a playbook of a site with the hosts `h1` to `h4` |
//! | `yaml,settings`, `yaml,inventory` | checked as such a file of that site |
//! | `console,lab` | run as root in a lab, all of one page as one session; every line printed must be said |
//! | `console,site` | run in a copy of the shipped site, without hosts |
//! | `…,file=PATH`, `…,add=PATH` | written there for the session, or put at its end |
//! | `<!-- table … -->`, `<!-- command … -->`, `<!-- verdicts … -->`, `<!-- file … -->`, `<!-- results … -->` | held against the schemas, the command line, the monitor's core, the files that are shipped, the rounds of drills |
//!
//! After a change of the language or the command line, `REVEILLE_UPDATE=1 cargo nextest run docs::` writes the tables anew.
//! `REVEILLE_PAGE=tutorial` plays the sessions of that page alone.

#![expect(clippy::unwrap_used, reason = "a failed preparation is a failed test")]

mod built;
mod examples;
mod formats;
mod help;
mod links;
mod lists;
mod page;
mod results;
mod session;
mod tables;
mod watch;

pub use examples::copy;
