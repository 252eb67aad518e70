//! What a browser, a scraper or a load balancer sees of a monitor: a small HTTP/1.1 server that only shows. `cli` starts
//! it beside the monitor; it reads what [`Publish`] leaves and can change nothing.

mod documents;
mod health;
mod listen;
mod page;
mod server;
mod shown;
#[cfg(test)]
mod tests;

pub use listen::Listen;
pub use server::serve;
pub use shown::{Publish, Shown};
