//! `cuferry`: arguments in, words and exit codes out. Everything else is done by the crates below.
#![expect(
    clippy::print_stderr,
    reason = "the command line is where cuferry speaks; results go through `words::print`"
)]

mod args;
mod commands;
mod context;
mod doctor;
mod explain;
mod failure;
mod image;
mod inspect;
mod interrupt;
mod progress;
mod project;
mod report;
mod select;
mod words;

use std::process::ExitCode;

use clap::Parser as _;

use crate::args::{Cli, Command};
use crate::context::Context;
use crate::failure::Answer;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let context = Context::from_process();
    let result = match &cli.command {
        Command::Rebuild(args) => commands::rebuild::run(&context, args).map(|()| Answer::Good),
        Command::Plan(args) => commands::plan::run(&context, args).map(|()| Answer::Good),
        Command::Inspect(args) => commands::inspect::run(&context, args),
        Command::Explain(args) => commands::explain::run(args),
        Command::Doctor(args) => commands::doctor::run(&context, args),
        Command::Init(args) => commands::init::run(&context, args).map(|()| Answer::Good),
        Command::Toolchain(args) => commands::toolchain::run(&context, args).map(|()| Answer::Good),
        Command::Completions { shell } => {
            clap_complete::generate(
                *shell,
                &mut <Cli as clap::CommandFactory>::command(),
                "cuferry",
                &mut std::io::stdout(),
            );
            Ok(Answer::Good)
        }
    };
    match result {
        Ok(answer) => ExitCode::from(answer.exit_code()),
        Err(failure) => {
            failure.print(context.colour);
            ExitCode::from(failure.fault.exit_code())
        }
    }
}
