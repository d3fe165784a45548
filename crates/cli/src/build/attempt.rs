//! One attempt at a build: its commands, one after another, each in the session; and what there was afterwards.

use std::collections::{BTreeSet, VecDeque};
use std::ffi::OsString;
use std::os::fd::AsFd as _;
use std::time::SystemTime;

use camino::{Utf8Path, Utf8PathBuf};
use cuferry_arch::Host;
use cuferry_translate::{Change, Scope, Tool, translate_cmake_args, translate_make_args};
use cuferry_wrap::{Build, Call, Namespace, NamespaceUse, Run, Starter, WrapError};

use super::database::{self, Compiles, Wish};
use super::folder::{self, Folders};
use super::outcome::{self, Outcome};
use super::prepare::{Prepared, wrap_failure};
use super::step::Step;
use super::way::{Layout, Way, install_after};
use super::{Job, Work, report};
use crate::args::build::When;
use crate::commands::rebuild::create;
use crate::context::Context;
use crate::failure::{Failure, Fault};
use crate::inspect::about;

/// What a build left behind.
pub(super) struct Attempt {
    pub(super) commands: Vec<String>,
    pub(super) changes: Vec<Change>,
    pub(super) calls: Vec<Call>,
    /// What the step that failed said.
    pub(super) output: String,
    pub(super) code: u8,
    pub(super) notes: Vec<String>,
    pub(super) outcome: Option<Outcome>,
    /// The folder into which it was installed.
    pub(super) staged: Option<Utf8PathBuf>,
}

/// Runs the commands until one that is needed fails. `again`: what an earlier attempt made is of no use.
pub(super) fn attempt(
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
        staged: None,
    };
    let mut start = None;
    let mut steps = VecDeque::from(steps(job, prepared, again, &mut attempt.changes)?);
    // A link of a database's objects is known only once they are there.
    let mut database = job.work.database();
    loop {
        let Some(step) = steps.pop_front() else {
            let Some(compiles) = database.take() else { break };
            let (more, notes) = database::linked(compiles, &wish(context, job, prepared)?)?;
            steps.extend(more);
            attempt.notes.extend(notes);
            continue;
        };
        if step.in_need && attempt.outcome.as_ref().is_none_or(|outcome| !outcome.finished().is_empty()) {
            continue;
        }
        let run = match run(context, job, prepared, &step, &mut attempt.changes) {
            Err(WrapError::Namespace { obstacle }) if step.confined => {
                attempt.notes.push(format!(
                    "`{}` is not run: nothing could keep it from writing elsewhere, since {obstacle}",
                    step.command_line()
                ));
                continue;
            }
            run => run.map_err(wrap_failure)?,
        };
        attempt.commands.push(step.command_line());
        attempt.notes.extend(notes(&run));
        let start = *start.get_or_insert(run.started);
        let code = run.exit_code();
        let ends = code != 0 && (step.needed || run.interrupted);
        if ends {
            attempt.output = run.output.text();
            attempt.code = code;
        }
        attempt.calls.extend(run.calls);
        if ends {
            break;
        }
        attempt.settle(&step, code)?;
        // What half of an install step left is nothing that was made.
        if job.makes && !job.wrapping.no_check && code == 0 {
            attempt.outcome = Some(look(job, prepared, &attempt.calls, start));
        }
    }
    Ok(attempt)
}

impl Attempt {
    /// After a step that the build can do without, or that did well.
    fn settle(&mut self, step: &Step, code: u8) -> Result<(), Failure> {
        if code != 0 {
            let confined = if step.confined { "; it could write into its own folder alone" } else { "" };
            self.notes.push(format!("`{}` failed, and was not needed{confined}", step.command_line()));
        }
        let Some(stage) = &step.stage else { return Ok(()) };
        let is_filled = stage.read_dir().is_ok_and(|mut entries| entries.next().is_some());
        if code == 0 && is_filled {
            self.staged = Some(stage.clone());
        } else {
            // A half is worse than nothing.
            folder::remove(stage)?;
        }
        Ok(())
    }
}

fn notes(run: &Run) -> Vec<String> {
    let mut notes = Vec::new();
    if run.torn > 0 {
        notes.push(format!("{} calls could not be recorded: the list of changes is not whole", run.torn));
    }
    if let Namespace::Used { unserved, .. } = &run.namespace {
        notes.extend(unserved.iter().map(|other| format!("{} is not served: it {}", other.path, other.why)));
    }
    notes
}

fn run(
    context: &Context,
    job: &Job<'_>,
    prepared: &Prepared<'_>,
    step: &Step,
    changes: &mut Vec<Change>,
) -> Result<Run, WrapError> {
    let starter = if step.program == "cmake" { Starter::CMake } else { Starter::Other };
    let mut environment = prepared.session.environment(&context.variables, starter);
    for change in std::mem::take(&mut environment.changes) {
        if !changes.contains(&change) {
            changes.push(change);
        }
    }
    environment.variables.extend(step.environment.iter().map(|(name, value)| (name.into(), value.into())));
    let args: Vec<OsString> = step.args.iter().map(OsString::from).collect();
    let writable = step.confined.then(|| writable(context, job, prepared, step));
    let (stdout, stderr) = (std::io::stdout(), std::io::stderr());
    prepared.session.run(&Build {
        program: step.program.as_ref(),
        args: &args,
        folder: step.folder.as_ref(),
        environment: &environment,
        namespace: match job.wrapping.policies.namespace {
            When::Auto => NamespaceUse::Auto,
            When::Always => NamespaceUse::Always,
            When::Never => NamespaceUse::Never,
        },
        writable: writable.as_deref(),
        // Where the report goes to standard output, the build's own words go beside it.
        stdout: if job.format.is_some() { stderr.as_fd() } else { stdout.as_fd() },
        stderr: stderr.as_fd(),
        no_namespace: &|obstacle| {
            report::line(
                "note",
                &format!("absolute paths cannot be served: {obstacle}; {}", obstacle.advice()),
            );
        },
    })
}

/// `("CXX", "/opt/gcc/bin/g++")` of an argument that names a compiler by its path.
pub(super) fn named_compiler(word: &str) -> Option<(&str, &Utf8Path)> {
    let (name, value) = word.split_once('=')?;
    let path = Utf8Path::new(value);
    (path.is_absolute() && path.file_name().and_then(Tool::of).is_some()).then_some((name, path))
}

/// Arguments that name compilers by their paths name these compilers' shims.
fn serve_named(args: &mut [String], prepared: &Prepared<'_>, changes: &mut Vec<Change>) {
    for word in args {
        let Some((name, path)) = named_compiler(word) else { continue };
        let Some(own) = prepared.session.own(path) else { continue };
        let now = format!("{name}={own}");
        let was = std::mem::replace(word, now.clone());
        let why = "names what the build's own session stands for".to_owned();
        changes.push(Change { scope: Scope::Host, rule: "CF2202".to_owned(), was, now, why });
    }
}

/// Where an install step may write: its stage, among the project's files, and where everybody keeps what is soon gone.
fn writable(context: &Context, job: &Job<'_>, prepared: &Prepared<'_>, step: &Step) -> Vec<Utf8PathBuf> {
    let mut folders = vec![prepared.root.clone(), job.root.clone(), step.folder.clone()];
    folders.extend(step.stage.clone());
    folders.extend(["/tmp", "/var/tmp", "/dev/shm"].map(Utf8PathBuf::from));
    folders.extend(context.temporary_dir());
    // `/` as a project's folder would make all of this vain.
    folders.retain(|folder| folder.as_str() != "/");
    folders
}

/// The commands, with their arguments translated.
fn steps(
    job: &Job<'_>,
    prepared: &Prepared<'_>,
    again: bool,
    changes: &mut Vec<Change>,
) -> Result<Vec<Step>, Failure> {
    let staged = job.wrapping.image.is_some() && job.wrapping.policies.namespace != When::Never;
    Ok(match &job.work {
        Work::Make(args, folder) => {
            let mut translated = translate_make_args(args, &prepared.policy);
            changes.append(&mut translated.changes);
            serve_named(&mut translated.args, prepared, changes);
            let install = || {
                let stage = Folders::of(prepared).make_stage;
                let install = install_after(&translated.args, folder, &prepared.tree.needs, &stage);
                install.filter(|_| folder::is_plain(&stage))
            };
            let install = (staged && job.makes).then(install).flatten();
            if let Some(stage) = install.as_ref().and_then(|install| install.stage.as_ref()) {
                folder::remove(stage)?;
                create(stage)?;
            }
            // What another toolkit compiled is not to be mixed in.
            let mut args = translated.args;
            args.extend(again.then(|| "--always-make".to_owned()));
            [Step::new("make", args, folder)].into_iter().chain(install).collect()
        }
        Work::Cmake { args, folder, build, fresh } => {
            folder::check_cache(build, *fresh, prepared)?;
            let mut translated = translate_cmake_args(args, &prepared.policy);
            changes.append(&mut translated.changes);
            serve_named(&mut translated.args, prepared, changes);
            vec![Step::new("cmake", translated.args, folder)]
        }
        Work::Command(words, folder) => match words.split_first() {
            Some((program, args)) => vec![Step::new(program, args.to_vec(), folder)],
            None => Vec::new(),
        },
        Work::Project(way) => project(way, job, prepared, again, staged)?,
    })
}

/// The commands of a way, with the folders that they need made ready.
fn project(
    way: &Way,
    job: &Job<'_>,
    prepared: &Prepared<'_>,
    again: bool,
    staged: bool,
) -> Result<Vec<Step>, Failure> {
    let folders = Folders::of(prepared);
    let (stage, staged) = match way {
        Way::Cmake { .. } => (&folders.stage, staged),
        _ => (&folders.make_stage, staged && folder::is_plain(&folders.make_stage)),
    };
    let layout = Layout {
        build: folders.cmake.clone(),
        stage: stage.clone(),
        staged,
        jobs: job.jobs.get(),
        anew: again,
    };
    folder::remove(stage)?;
    let way = match way {
        Way::Cmake { .. } => {
            if again || folder::is_stale(&folders.cmake, prepared) {
                folder::remove(&folders.cmake)?;
            }
            create(&folders.cmake)?;
            way.clone()
        }
        Way::Make { source, .. } | Way::Configure { source } => {
            way.in_folder(folder::writable(source, prepared)?)
        }
        Way::Database(compiles) => return repeat(compiles, prepared, &folders, layout.jobs),
    };
    let steps = way.steps(&layout);
    if steps.iter().any(|step| step.stage.is_some()) {
        create(stage)?;
    }
    Ok(steps)
}

/// The compiles of a database, by a makefile of their own.
fn repeat(
    compiles: &Compiles,
    prepared: &Prepared<'_>,
    folders: &Folders,
    jobs: usize,
) -> Result<Vec<Step>, Failure> {
    let mut compiles = compiles.clone();
    if let Some(outside) =
        compiles.missing_folders().iter().find(|folder| !folder.starts_with(&prepared.root))
    {
        let message = format!("`{}` compiles in `{outside}`, which is not here", compiles.file);
        let help = "let the build write the database anew";
        return Err(Failure::say(Fault::Usage, "rebuild::compile_commands", message, help));
    }
    if !compiles.missing_folders().is_empty() {
        compiles.rebase(&prepared.root, &folder::writable(&prepared.root, prepared)?);
        for folder in compiles.missing_folders() {
            create(folder)?;
        }
    }
    for folder in [&folders.objects, &folders.made] {
        folder::remove(folder)?;
        create(folder)?;
    }
    let makefile = folders.objects.join("Makefile");
    std::fs::write(&makefile, compiles.makefile(&folders.objects)).map_err(|error| {
        let message = format!("cannot write `{makefile}`: {error}");
        Failure::say(Fault::Machine, "build::folder", message, "check whether the disk is full")
    })?;
    Ok(vec![Step::new("make", vec![format!("-j{jobs}")], &folders.objects)])
}

/// What the objects of a database are linked with.
fn wish<'a>(context: &Context, job: &'a Job<'_>, prepared: &Prepared<'_>) -> Result<Wish<'a>, Failure> {
    let folders = Folders::of(prepared);
    let words = |name: &str| {
        shell_words::split(context.environment.get(name).unwrap_or_default()).map_err(|_| {
            let message = format!("the quotes in `{name}` do not match");
            Failure::say(Fault::Usage, "rebuild::link_flags", message, "it is split as a shell splits it")
        })
    };
    let lib = prepared.toolkit.lib(Host::X86_64);
    let name = job.root.file_name().unwrap_or("project");
    Ok(Wish {
        objects: folders.objects,
        into: folders.made,
        name,
        program: job.wrapping.program.as_deref(),
        libraries: prepared.tree.needs.linked(&shared_libraries(&lib)),
        library_folder: prepared
            .session
            .toolkit()
            .map_or_else(|| lib.clone(), |toolkit| toolkit.join("lib64")),
        flags: words("LDFLAGS")?,
        libs: words("LDLIBS")?,
    })
}

/// Names of the shared libraries in a folder and its `stubs`, as `-l` has them.
fn shared_libraries(folder: &Utf8Path) -> Vec<String> {
    let files = [folder.read_dir_utf8(), folder.join("stubs").read_dir_utf8()];
    let files = files.into_iter().flatten().flatten().flatten();
    let name = |file: &str| Some(file.strip_prefix("lib")?.strip_suffix(".so")?.to_owned());
    files.filter_map(|file| name(file.file_name())).collect()
}

/// What is there now: written by this build, named by its links, or made by an earlier one.
fn look(job: &Job<'_>, prepared: &Prepared<'_>, calls: &[Call], start: SystemTime) -> Outcome {
    let mut folders: BTreeSet<Utf8PathBuf> = job.results.iter().chain([&job.root]).cloned().collect();
    // Where the project cannot be written.
    let Folders { stage, make_stage, cmake, .. } = Folders::of(prepared);
    folders.extend([stage, make_stage, cmake, folder::copy_of(prepared)]);
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
