//! `cuferry rebuild`: the main job, from sources to an image.

use std::io::ErrorKind;

use camino::{Utf8Path, Utf8PathBuf};
use cuferry_arch::Host;
use cuferry_exec::{CancelFlag, ExecError, Lock, Options, Summary};
use cuferry_plan::{Plan, Settings};

use crate::args::build::{Policies, Wrapping};
use crate::args::{Format, Rebuild};
use crate::build::{self, Job, Own, Work};
use crate::commands::plan;
use crate::context::{Context, jobs};
use crate::failure::{Answer, Failure, Fault};
use crate::image;
use crate::interrupt::Interrupts;
use crate::progress::Display;
use crate::project::{self, Loaded};
use crate::words::print;
use crate::{report, select};

pub(crate) fn run(context: &Context, args: &Rebuild) -> Result<Answer, Failure> {
    let root = project::folder(&context.absolute(&args.selection.dir))?;
    if let Some(own) = project::own_build(context, &root, &args.selection)? {
        return own_build(context, args, root, own);
    }
    if args.policies != Policies::default() {
        let help = "write what you need into `host-flags` and `device-flags` of cuferry.toml, such as `-funsigned-char`";
        let message = "`--arm-semantics`, `--arm-macros`, `--pretend`, `--no-compat`, `--namespace` and `--report` are for \
                       projects that bring their own build";
        return Err(Failure::say(Fault::Usage, "rebuild::policies", message, help));
    }
    let loaded = project::load(root)?;
    let folder = loaded.root.join(build::RESULTS);
    create(&folder)?;
    let _lock = Lock::acquire(&folder).map_err(|error| Failure::new(Fault::Machine, error))?;
    let selected = select::decide(context, &loaded, &args.selection)?;
    let plan = plan::make(&loaded, &selected.settings)?;
    report::heading(context, &loaded, &selected, &plan);
    create(&loaded.root.join(&selected.settings.build_dir))?;
    report::write_compile_commands(&loaded.root, &folder.join("compile_commands.json"), &plan)?;
    let interrupts = Interrupts::watch()?;
    let summary = execute(context, &loaded, &selected.settings, &plan, args, &interrupts.cancel)?;
    if summary.cancelled {
        return Err(interrupted());
    }
    let image = if args.no_image || !summary.is_success() {
        None
    } else {
        image::write_project(context, &loaded, &selected, &plan, args.image.as_deref(), &interrupts)?
    };
    match args.format {
        Format::Text => report::text(&loaded, &plan, &summary, image.as_ref())?,
        Format::Json => {
            let value = report::rebuild_json(&loaded, &selected, &plan, &summary, image.as_ref());
            print(&format!("{value:#}\n"))?;
        }
    }
    if summary.is_success() { Ok(Answer::Good) } else { Err(build_failed(&summary)) }
}

/// A project that brings its own build: that one is run, as `make` and `cmake` of cuferry's run it.
fn own_build(context: &Context, args: &Rebuild, root: Utf8PathBuf, own: Own) -> Result<Answer, Failure> {
    let selection = &args.selection;
    if selection.host != Host::X86_64 || selection.no_ptx || selection.bin_dir.is_some() || args.keep_going {
        let help = "write a cuferry.toml (`cuferry init` writes one from the sources), or build with `make` or `cmake` themselves";
        let message = "`--host`, `--no-ptx`, `--bin-dir` and `--keep-going` are for projects with a cuferry.toml; this one brings its own build";
        return Err(Failure::say(Fault::Usage, "rebuild::own_build", message, help));
    }
    let image = match (&args.image, args.no_image) {
        (_, true) => None,
        (Some(image), false) => Some(image.clone()),
        (None, false) => Some(usual_image(&root)?),
    };
    let wrapping = Wrapping {
        gpu: selection.gpu.clone(),
        policies: args.policies.clone(),
        image,
        program: args.program.clone(),
        toolkit: selection.toolkit,
        compiler: selection.compiler.clone(),
        offline: selection.offline,
        no_check: false,
    };
    let job = Job {
        command: format!("rebuild by {}", own.way.tool()),
        results: Vec::new(),
        makes: true,
        wrapping: &wrapping,
        jobs: args.jobs.unwrap_or_else(jobs),
        format: Some(args.format),
        work: Work::Project(own.way),
        tree: Some(own.tree),
        root,
    };
    build::carry_out(context, &job)
}

/// Where an image goes that nobody named a place for. Told before the build, not after it, where it cannot go there.
fn usual_image(root: &Utf8Path) -> Result<Utf8PathBuf, Failure> {
    let folder = root.join(build::RESULTS);
    if std::fs::create_dir_all(&folder).is_err() || !build::is_writable(&folder) {
        let message = format!("`{root}` cannot be written, and the image would go into it");
        let help = "name another place with `--image PATH.tar`, or say `--no-image`: the build itself goes on in a copy";
        return Err(Failure::say(Fault::Usage, "rebuild::read_only", message, help));
    }
    let name = root.file_name().unwrap_or("project");
    Ok(folder.join(format!("{name}-{}.tar", Host::X86_64)))
}

fn build_failed(summary: &Summary) -> Failure {
    let failed = summary.failed.len();
    let skipped = summary.skipped.len() + summary.unfinished;
    let message = format!(
        "the build failed: {failed} failed, {skipped} not built for that reason, {} done",
        summary.ran + summary.up_to_date
    );
    let help =
        "the compiler's own words stand above; `--keep-going` builds all that does not depend on a failure";
    Failure::say(Fault::Project, "build::failed", message, help)
}

pub(crate) fn interrupted() -> Failure {
    let help = "nothing half-written was left; the next run goes on from here";
    Failure::say(Fault::Interrupted, "build::interrupted", "interrupted", help)
}

/// Creates a folder that a build needs.
pub(crate) fn create(folder: &Utf8Path) -> Result<(), Failure> {
    std::fs::create_dir_all(folder).map_err(|error| {
        let in_the_way = matches!(error.kind(), ErrorKind::AlreadyExists | ErrorKind::NotADirectory);
        let help = if in_the_way {
            "something that is no folder lies in its way: remove it, or name another place"
        } else {
            "check who owns the folder above it, and whether its disk is mounted read-only or full"
        };
        Failure::say(
            Fault::Machine,
            "build::folder",
            format!("cannot create the folder `{folder}`: {error}"),
            help,
        )
    })
}

fn execute(
    context: &Context,
    loaded: &Loaded,
    settings: &Settings,
    plan: &Plan,
    args: &Rebuild,
    cancel: &CancelFlag,
) -> Result<Summary, Failure> {
    let state = loaded.root.join(&settings.build_dir).join("state");
    let options = Options {
        root: &loaded.root,
        state: &state,
        jobs: args.jobs.unwrap_or_else(jobs),
        keep_going: args.keep_going,
        cancel,
    };
    let mut display = Display::new(context.live, plan.graph.len());
    let result = cuferry_exec::run(&plan.graph, &options, &mut |event| display.observe(&plan.graph, &event));
    display.finish();
    // From here on there are no commands to end: an interrupt, while the image is written say, ends the process at once.
    cancel.cancel();
    result.map_err(exec_failure)
}

fn exec_failure(error: ExecError) -> Failure {
    let fault = match &error {
        ExecError::MissingSources { .. } => Fault::Usage,
        ExecError::Graph(_) | ExecError::Shape { .. } => Fault::Cuferry,
        ExecError::Spawn { .. }
        | ExecError::Watch { .. }
        | ExecError::Read { .. }
        | ExecError::Write { .. }
        | ExecError::State { .. }
        | ExecError::Prepare(_) => Fault::Machine,
    };
    Failure::new(fault, error)
}
