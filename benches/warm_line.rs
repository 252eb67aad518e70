//! The floor that takeovers are measured against: one shell line over a warm connection, and nothing else. Used by
//! `benches/field.sh` only.
//!
//! `warm_line KEY KNOWN_HOSTS ADDRESS LINE` logs in as root, runs a first command, prints `ready`, waits for a line on
//! standard input, runs LINE, and prints when it was told to and how long it took, in milliseconds.

use std::io::BufRead;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use openssh::{KnownHosts, SessionBuilder};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let [key, known_hosts, address, line] =
        <[String; 4]>::try_from(std::env::args().skip(1).collect::<Vec<_>>())
            .map_err(|_| "usage: warm_line KEY KNOWN_HOSTS ADDRESS LINE")?;
    let mut builder = SessionBuilder::default();
    builder.keyfile(key).user_known_hosts_file(known_hosts).known_hosts_check(KnownHosts::Strict);
    let session = builder.user("root".to_owned()).connect_mux(address).await?;
    session.raw_command("true").status().await?;
    println!("ready");
    std::io::stdin().lock().read_line(&mut String::new())?;
    let told = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let start = Instant::now();
    let status = session.raw_command(line).status().await?;
    let took = start.elapsed();
    println!(
        "{:.1} {:.1} {}",
        told.as_secs_f64() * 1000.0,
        took.as_secs_f64() * 1000.0,
        status.code().unwrap_or(-1)
    );
    session.close().await?;
    Ok(())
}
