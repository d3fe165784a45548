//! `cuferry make`: the project's own Makefile, unedited.

use crate::args::build::Make;
use crate::build::{Job, Work, carry_out, of_make};
use crate::context::{Context, jobs};
use crate::failure::{Answer, Failure};
use crate::project;

pub(crate) fn run(context: &Context, args: &Make) -> Result<Answer, Failure> {
    let intent = of_make(&args.args);
    let root = project::folder(&context.absolute(&intent.source))?;
    carry_out(
        context,
        &Job {
            root,
            tree: None,
            command: "make".to_owned(),
            results: intent
                .build
                .map(|build| context.absolute(&build))
                .into_iter()
                .chain([context.folder.clone()])
                .collect(),
            makes: intent.makes,
            wrapping: &args.wrapping,
            jobs: jobs(),
            format: None,
            work: Work::Make(&args.args, context.folder.clone()),
        },
    )
}
