//! `cuferry cmake`: the project's own CMakeLists.txt, unedited: configured, built or installed.

use crate::args::build::Cmake;
use crate::build::{Job, Work, carry_out, of_cmake};
use crate::context::{Context, jobs};
use crate::failure::{Answer, Failure};
use crate::project;

pub(crate) fn run(context: &Context, args: &Cmake) -> Result<Answer, Failure> {
    let intent = of_cmake(&args.args);
    let root = project::folder(&context.absolute(&intent.source))?;
    let build = intent.build.map(|build| context.absolute(&build));
    carry_out(
        context,
        &Job {
            root,
            tree: None,
            command: "cmake".to_owned(),
            results: build.clone().into_iter().chain([context.folder.clone()]).collect(),
            makes: intent.makes,
            wrapping: &args.wrapping,
            jobs: jobs(),
            format: None,
            work: Work::Cmake {
                args: &args.args,
                folder: context.folder.clone(),
                build: build.unwrap_or_else(|| context.folder.clone()),
                fresh: args.fresh,
            },
        },
    )
}
