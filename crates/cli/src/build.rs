//! A project's own build, unedited, taken to x86_64: prepared, run with every compiler call translated, and judged by what it
//! made.

mod command;
mod outcome;
mod prepare;
mod project;
mod report;
mod ship;
mod tree;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::os::fd::AsFd as _;
use std::time::SystemTime;

use camino::{Utf8Path, Utf8PathBuf};
use cuferry_arch::{CudaRelease, Host};
use cuferry_needs::{Advice, diagnose};
use cuferry_translate::{Change, translate_cmake_args, translate_make_args};
use cuferry_wrap::{Build, Call, Namespace, NamespaceUse, Run, Starter};

pub(crate) use self::command::{of_cmake, of_make};
use self::outcome::Outcome;
use self::prepare::{Prepared, prepare, wrap_failure};
pub(crate) use self::project::{Way, way};
use self::report::{Changes, Report};
use self::tree::Tree;
use crate::args::Format;
use crate::args::build::{ToolkitChoice, When, Wrapping};
use crate::context::Context;
use crate::failure::{Answer, Failure, Fault};
use crate::image::Image;
use crate::inspect::about;
use crate::interrupt::Interrupts;
use crate::words::print;

/// What is to be run.
pub(crate) struct Job<'a> {
    /// The project's folder, absolute.
    pub(crate) root: Utf8PathBuf,
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

/// One command of a build.
pub(crate) struct Step {
    pub(crate) program: String,
    pub(crate) args: Vec<String>,
    pub(crate) folder: Utf8PathBuf,
    pub(crate) environment: Vec<(String, String)>,
    /// Whether the build is worth nothing without it.
    pub(crate) needed: bool,
    /// Whether it is run only where those before it made nothing.
    pub(crate) in_need: bool,
}

impl Step {
    /// A command that the build is worth nothing without.
    fn new(program: &str, args: Vec<String>, folder: &Utf8Path) -> Self {
        Self {
            program: program.to_owned(),
            args,
            folder: folder.to_owned(),
            environment: Vec::new(),
            needed: true,
            in_need: false,
        }
    }
}

/// What a build left behind.
struct Attempt {
    commands: Vec<String>,
    changes: Vec<Change>,
    calls: Vec<Call>,
    /// What the step that failed said.
    output: String,
    code: u8,
    notes: Vec<String>,
    outcome: Option<Outcome>,
}

/// Runs the job, tells what was changed and made, and ends with the build's own exit code where it failed by itself.
pub(crate) fn carry_out(context: &Context, job: &Job<'_>) -> Result<Answer, Failure> {
    let tree = tree::look(&job.root);
    let mut wanted = job.wrapping.toolkit.and_then(ToolkitChoice::release);
    let mut tried: Vec<CudaRelease> = Vec::new();
    loop {
        let prepared = prepare(context, &job.root, &tree, job.wrapping, wanted)?;
        report::heading(&prepared, &job.command);
        let attempt = attempt(context, job, &prepared, !tried.is_empty())?;
        let advice = if attempt.code == 0 { Vec::new() } else { advice(&prepared, &tree, &attempt) };
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

fn advice(prepared: &Prepared<'_>, tree: &Tree, attempt: &Attempt) -> Vec<Advice> {
    let context = cuferry_needs::Context {
        release: Some(prepared.toolkit.release),
        toolkits: &prepared.other_toolkits,
        gpus: &prepared.gpu.wanted,
    };
    diagnose(attempt.output.as_bytes(), &tree.needs, &context)
}

fn attempt(
    context: &Context,
    job: &Job<'_>,
    prepared: &Prepared<'_>,
    again: bool,
) -> Result<Attempt, Failure> {
    let mut attempt = Attempt {
        commands: Vec::new(),
        changes: Vec::new(),
        calls: Vec::new(),
        output: String::new(),
        code: 0,
        notes: Vec::new(),
        outcome: None,
    };
    let mut start = None;
    for step in steps(job, prepared, again, &mut attempt.changes)? {
        if step.in_need && attempt.outcome.as_ref().is_none_or(|outcome| !outcome.finished().is_empty()) {
            continue;
        }
        attempt.commands.push(command_line(&step));
        let run = run(context, job, prepared, &step, &mut attempt.changes)?;
        let code = run.exit_code();
        let start = *start.get_or_insert(run.started);
        if run.torn > 0 {
            attempt
                .notes
                .push(format!("{} calls could not be recorded: the list of changes is not whole", run.torn));
        }
        if let Namespace::Used { unserved, .. } = &run.namespace {
            attempt.notes.extend(
                unserved.iter().map(|other| format!("{} is not served: it {}", other.path, other.why)),
            );
        }
        if code != 0 && step.needed {
            attempt.output = run.output.text();
            attempt.calls.extend(run.calls);
            attempt.code = code;
            break;
        }
        attempt.calls.extend(run.calls);
        if code != 0 {
            attempt.notes.push(format!("`{}` failed, and was not needed", command_line(&step)));
        }
        if job.makes && !job.wrapping.no_check {
            attempt.outcome = Some(look(job, prepared, &attempt.calls, start));
        }
    }
    Ok(attempt)
}

fn run(
    context: &Context,
    job: &Job<'_>,
    prepared: &Prepared<'_>,
    step: &Step,
    changes: &mut Vec<Change>,
) -> Result<Run, Failure> {
    let starter = if step.program == "cmake" { Starter::CMake } else { Starter::Other };
    let mut environment = prepared.session.environment(&context.variables, starter);
    for change in std::mem::take(&mut environment.changes) {
        if !changes.contains(&change) {
            changes.push(change);
        }
    }
    environment.variables.extend(step.environment.iter().map(|(name, value)| (name.into(), value.into())));
    let args: Vec<OsString> = step.args.iter().map(OsString::from).collect();
    let (stdout, stderr) = (std::io::stdout(), std::io::stderr());
    let run = prepared.session.run(&Build {
        program: step.program.as_ref(),
        args: &args,
        folder: step.folder.as_ref(),
        environment: &environment,
        namespace: match job.wrapping.policies.namespace {
            When::Auto => NamespaceUse::Auto,
            When::Always => NamespaceUse::Always,
            When::Never => NamespaceUse::Never,
        },
        // Where the report goes to standard output, the build's own words go beside it.
        stdout: if job.format.is_some() { stderr.as_fd() } else { stdout.as_fd() },
        stderr: stderr.as_fd(),
        no_namespace: &|obstacle| {
            report::line(
                "note",
                &format!("absolute paths cannot be served: {obstacle}; {}", obstacle.advice()),
            );
        },
    });
    run.map_err(wrap_failure)
}

fn command_line(step: &Step) -> String {
    let words = std::iter::once(&step.program).chain(&step.args);
    shell_words::join(words)
}

/// The commands, with their arguments translated.
fn steps(
    job: &Job<'_>,
    prepared: &Prepared<'_>,
    again: bool,
    changes: &mut Vec<Change>,
) -> Result<Vec<Step>, Failure> {
    Ok(match &job.work {
        Work::Make(args, folder) => {
            let mut translated = translate_make_args(args, &prepared.policy);
            changes.append(&mut translated.changes);
            // What another toolkit compiled is not to be mixed in.
            translated.args.extend(again.then(|| "--always-make".to_owned()));
            vec![Step::new("make", translated.args, folder)]
        }
        Work::Cmake { args, folder, build, fresh } => {
            project::check_cache(build, *fresh, prepared)?;
            let mut translated = translate_cmake_args(args, &prepared.policy);
            changes.append(&mut translated.changes);
            vec![Step::new("cmake", translated.args, folder)]
        }
        Work::Command(words, folder) => match words.split_first() {
            Some((program, args)) => vec![Step::new(program, args.to_vec(), folder)],
            None => Vec::new(),
        },
        Work::Project(way) => project::steps(way, job, prepared, again)?,
    })
}

/// What is there now: written by this build, named by its links, or made by an earlier one.
fn look(job: &Job<'_>, prepared: &Prepared<'_>, calls: &[Call], start: SystemTime) -> Outcome {
    let folders: BTreeSet<Utf8PathBuf> = job.results.iter().chain([&job.root]).cloned().collect();
    let mut paths = outcome::written_since(&folders, start);
    let outputs = calls.iter().flat_map(|call| &call.outputs);
    let linked = outputs.filter_map(|path| Utf8PathBuf::from_path_buf(path.clone()).ok());
    paths.extend(outcome::existing(linked));
    let kept = prepared.session.folder().join("made.json");
    let before: Vec<Utf8PathBuf> =
        std::fs::read(&kept).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default();
    paths.extend(outcome::existing(before.into_iter()));
    let outcome = outcome::judge(&paths, Host::X86_64, about(&prepared.gpu.wanted));
    let made: Vec<&Utf8Path> =
        outcome.finished().into_iter().map(|artefact| artefact.path.as_path()).collect();
    // Only what a later call with nothing to do is judged by: without it such a call is judged by nothing.
    if let Ok(text) = serde_json::to_vec(&made) {
        let _ = std::fs::write(&kept, text);
    }
    outcome
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
            image = write_image(context, job, prepared, outcome)?;
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
    Failure::say(Fault::Project, "build::not_usable", message, help)
}

fn write_image(
    context: &Context,
    job: &Job<'_>,
    prepared: &Prepared<'_>,
    outcome: &Outcome,
) -> Result<Option<Image>, Failure> {
    let Some(path) = &job.wrapping.image else { return Ok(None) };
    let staged = project::staged(prepared);
    let shipment = ship::Shipment {
        name: job.root.file_name().unwrap_or("project"),
        path: context.absolute(path),
        program: job.wrapping.program.as_deref(),
        outcome,
        staged: staged.as_deref(),
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
