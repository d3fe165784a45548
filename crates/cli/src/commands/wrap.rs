//! `cuferry wrap -- CMD`: any build, unedited.

use crate::args::build::Wrap;
use crate::build::{Job, Work, carry_out};
use crate::context::{Context, jobs};
use crate::failure::{Answer, Failure};
use crate::project;

pub(crate) fn run(context: &Context, args: &Wrap) -> Result<Answer, Failure> {
    let root = project::folder(&context.folder)?;
    carry_out(
        context,
        &Job {
            root,
            tree: None,
            command: args.command.first().cloned().unwrap_or_default(),
            results: Vec::new(),
            makes: true,
            wrapping: &args.wrapping,
            jobs: jobs(),
            format: None,
            work: Work::Command(&args.command, context.folder.clone()),
        },
    )
}
