//! A project's own build, unedited, taken to x86_64: prepared, run with every compiler call translated, and judged by what it
//! made.

mod attempt;
mod command;
mod database;
mod folder;
mod gpu;
mod headers;
mod outcome;
mod prepare;
mod release;
mod report;
mod ship;
mod step;
mod tree;
mod way;

use std::num::NonZeroUsize;

use camino::{Utf8Path, Utf8PathBuf};
use cuferry_arch::CudaRelease;
use cuferry_inspect::inventory::Form;
use cuferry_needs::{Advice, Remedy, diagnose};

use self::attempt::{Attempt, attempt};
pub(crate) use self::command::{home_of, of_cmake, of_make};
use self::database::Compiles;
pub(crate) use self::folder::{RESULTS, is_writable};
use self::outcome::Outcome;
use self::prepare::{Prepared, prepare};
use self::report::{Changes, Report};
pub(crate) use self::step::Step;
use self::tree::Tree;
pub(crate) use self::way::{Layout, Own, Way, way};
use crate::args::Format;
use crate::args::build::{ToolkitChoice, Wrapping};
use crate::context::Context;
use crate::failure::{Answer, Failure, Fault};
use crate::image::Image;
use crate::interrupt::Interrupts;
use crate::words::print;

/// What is to be run.
pub(crate) struct Job<'a> {
    /// The project's folder, absolute.
    pub(crate) root: Utf8PathBuf,
    /// What its files say, where that is known already.
    pub(crate) tree: Option<Tree>,
    /// As people call it: `make`.
    pub(crate) command: String,
    /// Where results are looked for, beside `root`.
    pub(crate) results: Vec<Utf8PathBuf>,
    /// Whether programs or libraries are expected of it.
    pub(crate) makes: bool,
    pub(crate) wrapping: &'a Wrapping,
    /// How many commands run at once, where cuferry says it.
    pub(crate) jobs: NonZeroUsize,
    /// How the report is printed on standard output, where that is not the build's own.
    pub(crate) format: Option<Format>,
    pub(crate) work: Work<'a>,
}

/// What is run.
pub(crate) enum Work<'a> {
    /// make, with these arguments, in this folder.
    Make(&'a [String], Utf8PathBuf),
    /// cmake, with these arguments, in this folder.
    Cmake {
        args: &'a [String],
        folder: Utf8PathBuf,
        /// Where results go.
        build: Utf8PathBuf,
        /// Whether an earlier configuration for another machine is to be forgotten.
        fresh: bool,
    },
    /// Any command, in this folder.
    Command(&'a [String], Utf8PathBuf),
    /// All of a project's build, as `rebuild` does it.
    Project(Way),
}

impl Work<'_> {
    /// The compilation database that is the build.
    fn database(&self) -> Option<&Compiles> {
        match self {
            Self::Project(Way::Database(compiles)) => Some(compiles),
            _ => None,
        }
    }

    /// Compilers that arguments name by their paths: `CXX=/opt/gcc/bin/g++`, `-DCMAKE_CXX_COMPILER=/opt/gcc/bin/g++`.
    fn named_compilers(&self) -> Vec<Utf8PathBuf> {
        let args = match self {
            Self::Make(args, _) | Self::Cmake { args, .. } => args,
            Self::Command(..) | Self::Project(_) => &[][..],
        };
        args.iter().filter_map(|word| Some(attempt::named_compiler(word)?.1.to_owned())).collect()
    }

    /// Names of compilers that no file of the project need mention.
    fn compilers(&self) -> Vec<String> {
        match self {
            Self::Project(way) => way.compilers(),
            _ => Vec::new(),
        }
    }
}

/// Runs the job, tells what was changed and made, and ends with the build's own exit code where it failed by itself.
pub(crate) fn carry_out(context: &Context, job: &Job<'_>) -> Result<Answer, Failure> {
    let looked;
    let tree = if let Some(tree) = &job.tree {
        tree
    } else {
        looked = tree::look(&job.root);
        &looked
    };
    let mut wanted = job.wrapping.toolkit.and_then(ToolkitChoice::release);
    let mut tried: Vec<CudaRelease> = Vec::new();
    let mut held = release::held_back(&tree.needs, &job.wrapping.policies.with);
    loop {
        let prepared = prepare(context, job, tree, wanted, std::mem::take(&mut held))?;
        report::heading(&prepared, &job.command);
        if let (Some(compiles), true) = (job.work.database(), tried.is_empty()) {
            compiles.notes.iter().for_each(|note| report::line("note", note));
        }
        let attempt = attempt(context, job, &prepared, !tried.is_empty())?;
        let mut advice = if attempt.code == 0 { Vec::new() } else { advice(&prepared, tree, &attempt) };
        if lacks_only_held(&prepared.held, &mut advice) {
            eprintln!("\ncuferry: again with {}, which the link does ask for\n", prepared.held.join(", "));
            continue;
        }
        tried.push(prepared.toolkit.release);
        let other =
            advice.iter().find_map(|advice| advice.other_toolkit).filter(|other| !tried.contains(other));
        if let (Some(ToolkitChoice::Auto), Some(other)) = (job.wrapping.toolkit, other) {
            report::advice(&advice);
            eprintln!("\ncuferry: again with CUDA {other} (--toolkit auto)\n");
            wanted = Some(other);
            continue;
        }
        return finish(context, job, &prepared, &attempt, &advice);
    }
}

/// Whether a build stopped for want of a library that was held back. Where it also stopped at what made that library wait, the
/// library is no cause worth telling.
fn lacks_only_held(held: &[&str], advice: &mut Vec<Advice>) -> bool {
    let is_held = |advice: &Advice| match advice.remedy {
        Remedy::CudaLibrary(library) => held.contains(&library.name.as_str()),
        _ => false,
    };
    let is_unlinkable = |advice: &Advice| matches!(advice.id, "CF4013" | "CF4014");
    let lacks = advice.iter().any(is_held);
    let is_hopeless = advice.iter().any(is_unlinkable);
    if is_hopeless {
        advice.retain(|advice| !is_held(advice));
    }
    lacks && !is_hopeless
}

fn advice(prepared: &Prepared<'_>, tree: &Tree, attempt: &Attempt) -> Vec<Advice> {
    let context = cuferry_needs::Context {
        release: Some(prepared.toolkit.release),
        toolkits: &prepared.other_toolkits,
        gpus: &prepared.gpu.wanted,
    };
    diagnose(attempt.output.as_bytes(), &tree.needs, &context)
}

/// Tells, writes the image, and decides how the command ends.
fn finish(
    context: &Context,
    job: &Job<'_>,
    prepared: &Prepared<'_>,
    attempt: &Attempt,
    advice: &[Advice],
) -> Result<Answer, Failure> {
    let changes = Changes::of(&attempt.changes, &attempt.calls);
    changes.print();
    for note in &attempt.notes {
        report::line("note", note);
    }
    let good =
        attempt.code == 0 && attempt.outcome.as_ref().is_none_or(|outcome| outcome.troubles.is_empty());
    let mut image = None;
    if let Some(outcome) = attempt.outcome.as_ref().filter(|_| attempt.code == 0) {
        report::outcome(outcome, &job.root);
        if good {
            image = write_image(context, job, prepared, attempt, outcome)?;
        }
    }
    report::advice(advice);
    let report = Report {
        prepared,
        commands: &attempt.commands,
        exit_code: attempt.code,
        changes: &changes,
        outcome: attempt.outcome.as_ref(),
        advice,
        image: image.as_ref(),
    };
    write_report(context, job, prepared, &report)?;
    if attempt.code != 0 {
        return Ok(Answer::Code(attempt.code));
    }
    match &attempt.outcome {
        Some(outcome) if !outcome.troubles.is_empty() => Err(not_usable(job, outcome, attempt)),
        _ => Ok(Answer::Good),
    }
}

fn not_usable(job: &Job<'_>, outcome: &Outcome, attempt: &Attempt) -> Failure {
    let sentences: Vec<String> =
        outcome.troubles.iter().map(|trouble| report::trouble(trouble, &job.root)).collect();
    let message = format!("the build ended well, but is not usable: {}", sentences.join("; "));
    let help = if outcome.finished().is_empty() && attempt.calls.is_empty() {
        "no compiler was called: the build's default goal may be another one, or waived on this machine; name the goal that \
         makes the program, or say `--no-check` where nothing was to be made"
    } else if outcome.finished().is_empty() {
        "compilers were called, but nothing was linked: name the goal that makes the program, or say `--no-check`"
    } else {
        "clean the build first (`cuferry make clean`) where an earlier one left files; `cuferry explain ID` says more of each \
         fact"
    };
    let help = match goals(job).filter(|_| outcome.finished().is_empty()) {
        Some(goals) => format!("{help} (the makefile has {goals})"),
        None => help.to_owned(),
    };
    Failure::say(Fault::Project, "build::not_usable", message, help)
}

fn holds_program(outcome: &Outcome, folder: &Utf8Path) -> bool {
    outcome
        .artefacts
        .iter()
        .any(|artefact| artefact.form() == Form::Program && artefact.path.starts_with(folder))
}

/// The goals that the job's makefile offers, in words.
fn goals(job: &Job<'_>) -> Option<String> {
    let Work::Make(args, folder) = &job.work else { return None };
    // Which makefile these name would have to be read as make reads them.
    if args.iter().any(|arg| arg.starts_with("-f") || arg.starts_with("-C") || arg.starts_with("--")) {
        return None;
    }
    let makefile = ["GNUmakefile", "makefile", "Makefile"].map(|name| folder.join(name));
    let text = std::fs::read(makefile.iter().find(|path| path.is_file())?).ok()?;
    let text = String::from_utf8_lossy(&text);
    let goals = cuferry_needs::goals(&text);
    (!goals.is_empty()).then(|| goals.iter().map(|goal| format!("`{goal}`")).collect::<Vec<_>>().join(", "))
}

fn write_image(
    context: &Context,
    job: &Job<'_>,
    prepared: &Prepared<'_>,
    attempt: &Attempt,
    outcome: &Outcome,
) -> Result<Option<Image>, Failure> {
    let Some(path) = &job.wrapping.image else { return Ok(None) };
    let staged = attempt.staged.as_deref().filter(|stage| holds_program(outcome, stage));
    if let (Some(stage), None) = (&attempt.staged, staged) {
        let linked = "no program is among what the build installs: the image is of what it linked";
        report::line("note", &format!("{linked} ({stage})"));
    }
    let shipment = ship::Shipment {
        name: job.root.file_name().unwrap_or("project"),
        path: context.absolute(path),
        program: job.wrapping.program.as_deref(),
        outcome,
        staged,
        toolkit: &prepared.toolkit,
        library_folders: &prepared.library_folders,
    };
    let (image, note) = ship::write(context, &shipment, &Interrupts::watch()?)?;
    let line = format!("{:<8} {} ({})\n", "image", image.path(), image.summary());
    if job.format == Some(Format::Json) {
        eprint!("{line}");
    } else {
        print(&line)?;
    }
    for note in image.notes.iter().chain(&note) {
        report::line("note", note);
    }
    for step in image.next_steps() {
        eprintln!("  {step}");
    }
    Ok(Some(image))
}

/// Beside the session, and where the user asks.
fn write_report(
    context: &Context,
    job: &Job<'_>,
    prepared: &Prepared<'_>,
    report: &Report<'_>,
) -> Result<(), Failure> {
    let text = format!("{:#}\n", report.json());
    let usual = prepared.session.folder().join("report.json");
    let asked = job.wrapping.policies.report.as_ref().map(|path| context.absolute(path));
    for path in [&usual].into_iter().chain(&asked) {
        let aside = path.with_extension(format!("{}.tmp", std::process::id()));
        std::fs::write(&aside, &text).and_then(|()| std::fs::rename(&aside, path)).map_err(|error| {
            let help = "name another file with `--report`, in a folder that is there and writable";
            Failure::say(Fault::Machine, "build::report", format!("cannot write `{path}`: {error}"), help)
        })?;
    }
    report::line("report", asked.as_ref().unwrap_or(&usual).as_str());
    if job.format == Some(Format::Json) {
        print(&text)?;
    }
    Ok(())
}
