//! `cuferry inspect`: what is inside, and what becomes of it.

use camino::Utf8Path;
use cuferry_artifact::{Artifact, ArtifactError, Limits};
use cuferry_inspect::read::Effort;

use crate::args::{Format, Inspect};
use crate::context::Context;
use crate::failure::{Answer, Failure, Fault};
use crate::inspect::{collect, dump, print_json, print_text, questions};

pub(crate) fn run(context: &Context, args: &Inspect) -> Result<Answer, Failure> {
    let artifacts = args.paths.iter().map(|path| open(context, path)).collect::<Result<Vec<_>, _>>()?;
    if args.list || args.resources || args.extract.is_some() {
        let any = dump(context, args, &artifacts)?;
        return Ok(if any { Answer::Good } else { Answer::No });
    }
    let effort = if args.verbose { Effort::All } else { Effort::Sample };
    let report = collect(&artifacts, questions(args)?, effort);
    match args.format {
        Format::Json => print_json(&report)?,
        Format::Text if report.len() == 0 => {
            return Err(Failure::say(
                Fault::Project,
                "inspect::nothing",
                "no program, library or device code here",
                "inspect reads ELF files, archives, fatbins, cubins, PTX, and the packages, folders and images that hold them",
            ));
        }
        Format::Text => print_text(&report, args.verbose)?,
    }
    let good = !report.questions.is_explicit() || report.runs();
    Ok(if good { Answer::Good } else { Answer::No })
}

fn open(context: &Context, path: &Utf8Path) -> Result<Artifact, Failure> {
    let limits = Limits { temporary: context.temporary_dir(), ..Limits::default() };
    let opened = match path.as_str() {
        "-" => cuferry_artifact::open_reader("stdin", std::io::stdin().lock(), &limits),
        _ => cuferry_artifact::open(path, &limits),
    };
    opened.map_err(|error| {
        let fault = match &error {
            ArtifactError::NotFound { .. } => Fault::Usage,
            _ => Fault::Machine,
        };
        Failure::new(fault, error)
    })
}
