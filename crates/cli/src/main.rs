//! `cuferry`: arguments in, words and exit codes out. Everything else is done by the crates below.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the command line is where cuferry speaks")]

mod args;
mod commands;
mod context;
mod failure;
mod image;
mod interrupt;
mod progress;
mod project;
mod report;
mod select;

use std::process::ExitCode;

use clap::Parser as _;

use crate::args::{Cli, Command};
use crate::context::Context;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let context = Context::from_process();
    let result = match &cli.command {
        Command::Rebuild(args) => commands::rebuild::run(&context, args),
        Command::Plan(args) => commands::plan::run(&context, args),
        Command::Init(args) => commands::init::run(&context, args),
        Command::Toolchain(args) => commands::toolchain::run(&context, args),
        Command::Completions { shell } => {
            clap_complete::generate(
                *shell,
                &mut <Cli as clap::CommandFactory>::command(),
                "cuferry",
                &mut std::io::stdout(),
            );
            Ok(())
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.print(context.colour);
            ExitCode::from(failure.fault.exit_code())
        }
    }
}
