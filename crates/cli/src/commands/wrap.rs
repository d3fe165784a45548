//! `cuferry wrap -- CMD`: any build, unedited.

use crate::args::build::Wrap;
use crate::build::{Job, Work, carry_out, home_of};
use crate::context::{Context, jobs};
use crate::failure::{Answer, Failure};
use crate::project;

pub(crate) fn run(context: &Context, args: &Wrap) -> Result<Answer, Failure> {
    // In a folder that CMake wrote, the project is what it wrote it for.
    let home = home_of(&context.folder).unwrap_or_else(|| context.folder.clone());
    let root = project::folder(&home)?;
    carry_out(
        context,
        &Job {
            root,
            tree: None,
            command: args.command.first().cloned().unwrap_or_default(),
            results: vec![context.folder.clone()],
            makes: true,
            wrapping: &args.wrapping,
            jobs: jobs(),
            format: None,
            work: Work::Command(&args.command, context.folder.clone()),
        },
    )
}
