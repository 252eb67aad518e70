//! The one integration binary: real hosts, real programs.

mod lab;
