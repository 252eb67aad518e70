//! The one integration binary: whole-system tests, one module per topic.

mod check;
mod process;
mod transport;
