//! `cuferry`: arguments in, words and exit codes out. Everything else is done by the crates below.
#![expect(
    clippy::print_stderr,
    reason = "the command line is where cuferry speaks; results go through `words::print`"
)]

mod args;
mod build;
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
mod run;
mod scan;
mod select;
mod verify;
mod words;

use std::process::ExitCode;

use clap::Parser as _;

use crate::args::{Cli, Command};
use crate::context::Context;
use crate::failure::Answer;

fn main() -> ExitCode {
    // A build's compiler calls come here under the compilers' names.
    #[expect(
        clippy::disallowed_methods,
        reason = "a shim has no `Context`: it reads three variables, and is gone"
    )]
    let variable = |name: &str| std::env::var_os(name);
    if let Some(code) = cuferry_wrap::shim_main(std::env::args_os(), variable) {
        return code;
    }
    let cli = Cli::parse();
    let context = Context::from_process();
    let result = match &cli.command {
        Command::Rebuild(args) => commands::rebuild::run(&context, args),
        Command::Make(args) => commands::make::run(&context, args),
        Command::Cmake(args) => commands::cmake::run(&context, args),
        Command::Wrap(args) => commands::wrap::run(&context, args),
        Command::Plan(args) => commands::plan::run(&context, args).map(|()| Answer::Good),
        Command::Run(args) => commands::run::run(&context, args),
        Command::Image(args) => commands::image::run(&context, args),
        Command::Verify(args) => commands::verify::run(&context, args),
        Command::Inspect(args) => commands::inspect::run(&context, args),
        Command::Scan(args) => commands::scan::run(&context, args),
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
