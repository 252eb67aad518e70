//! The command line: one file per command. Inputs in, a reporter out; no decisions.

mod args;
mod audit;
mod become_password;
mod check;
mod confirm_dead;
mod connect;
mod depose;
mod diff;
mod doctor;
mod doctor_fences;
mod drill;
mod drill_args;
mod drill_report;
mod drill_wake;
mod exit;
mod explain;
mod explain_past;
mod facts;
mod failure;
mod fencer;
mod help;
mod help_examples;
mod history;
mod import;
mod init;
mod inventory;
mod next;
mod operation;
mod output;
mod pause;
mod plan;
mod prober;
mod recover;
mod replay;
mod report;
mod run;
mod saved;
mod schema;
mod session;
mod shell;
mod signals;
mod sim;
mod site;
mod status;
mod watch;
mod watch_reports;
mod whatif;

use std::process::ExitCode;

use clap::FromArgMatches;
use clap::error::ErrorKind;

pub use args::Cli;
use args::{AuditCommand, Command};
pub use exit::Exit;
use failure::Failure;
pub use help::{GROUPS, command};
pub use help_examples::EXAMPLES;

/// Parses the arguments, runs the command, prints what went wrong once.
pub fn main() -> ExitCode {
    let parsed = help::command().try_get_matches().and_then(|matches| Cli::from_arg_matches(&matches));
    let mut cli = match parsed {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    match become_password::ask(&cli.common) {
        Ok(password) => cli.common.become_password = password,
        Err(failure) => return failure.report(&cli.common),
    }
    output::start_log(cli.common.verbose);
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return Failure::internal(error).report(&cli.common),
    };
    let common = cli.common.clone();
    let ended = runtime.block_on(dispatch(cli));
    // A connection attempt that hangs in the kernel must not keep the program from ending.
    runtime.shutdown_background();
    match ended {
        Ok(exit) => ExitCode::from(exit.code()),
        Err(failure) => failure.report(&common),
    }
}

/// clap's message, with the exit code of a usage error (sysexits' `EX_USAGE`) instead of clap's own.
fn usage(error: &clap::Error) -> ExitCode {
    let _ = error.print();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => ExitCode::SUCCESS,
        _ => ExitCode::from(Exit::Usage.code()),
    }
}

async fn dispatch(cli: Cli) -> Result<Exit, Failure> {
    let common = &cli.common;
    let Some(command) = cli.command else { return next::run(common).await };
    match command {
        Command::Init(args) => init::run(common, &args),
        Command::Import(args) => import::run(common, &args),
        Command::Check => check::run(common),
        Command::Inventory(args) => inventory::run(common, &args),
        Command::Schema(args) => schema::run(&args),
        Command::Audit(AuditCommand::Verify(args)) => audit::verify(common, &args).await,
        Command::Audit(AuditCommand::Rotate(args)) => audit::rotate(common, &args).await,
        Command::Completions(args) => Ok(shell::completions(&args)),
        Command::Man(args) => shell::man(&args),
        Command::Deploy(args) => operation::run(common, crate::plan::Operation::Deploy, &args).await,
        Command::Failover(args) => operation::run(common, crate::plan::Operation::Failover, &args).await,
        Command::Switchover(args) => operation::run(common, crate::plan::Operation::Switchover, &args).await,
        Command::Reprotect(args) => operation::run(common, crate::plan::Operation::Reprotect, &args).await,
        Command::Teardown(args) => operation::run(common, crate::plan::Operation::Teardown, &args).await,
        Command::Plan(args) => plan::run(common, &args).await,
        Command::Show(args) => saved::show(common, &args),
        Command::Apply(args) => saved::apply(common, &args).await,
        Command::Status => status::run(common).await,
        Command::Facts(args) => facts::run(common, &args).await,
        Command::Whatif(args) => whatif::run(common, &args).await,
        Command::Watch(args) => watch::run(common, &args).await,
        Command::Explain(args) if args.at.is_some() || args.run.is_some() => explain_past::run(common, &args),
        Command::Explain(args) => explain::run(common, &args).await,
        Command::Replay(args) => replay::run(common, &args),
        Command::Drill(args) => drill::run(common, *args).await,
        Command::History(args) => history::run(common, &args),
        Command::Report(args) => report::run(common, &args),
        Command::Diff(args) => diff::run(common, &args),
        Command::Recover(args) => recover::run(common, &args).await,
        Command::ConfirmDead(args) => confirm_dead::run(common, &args).await,
        Command::Pause(args) => pause::pause(common, &args).await,
        Command::Resume(args) => pause::resume(common, &args).await,
        Command::Ack(args) => pause::ack(common, &args).await,
        Command::Depose(args) => depose::run(common, &args).await,
        Command::Doctor(args) => doctor::run(common, &args).await,
        Command::Sim(args) => sim::run(common, &args).await,
        Command::Lab(args) => {
            let root = site::root(common).unwrap_or_else(|_| std::path::PathBuf::from("."));
            Ok(Exit::Passed(crate::lab::cli::run(args, &root).await?))
        }
    }
}
