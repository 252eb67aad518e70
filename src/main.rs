use std::process::ExitCode;

use clap::Parser;
use reveille::lab::cli::{LabArgs, run};

#[derive(Parser)]
enum Cli {
    Lab(LabArgs),
}

#[tokio::main]
async fn main() -> ExitCode {
    let Cli::Lab(args) = Cli::parse();
    match run(args, std::path::Path::new(".")).await {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
