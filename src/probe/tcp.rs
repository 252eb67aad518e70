//! A TCP connection, closed at once. It proves that a kernel accepts, not that a process answers.

use std::time::Instant;

use super::{Outcome, answered, bare, failed};

pub(super) async fn ask(host: &str, port: u16) -> Outcome {
    let started = Instant::now();
    match tokio::net::TcpStream::connect((bare(host), port)).await {
        Ok(_) => answered(format!("{host}:{port} accepts"), started),
        Err(error) => failed(&error),
    }
}
