//! The `reveille` program. Everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    reveille::cli::main()
}
