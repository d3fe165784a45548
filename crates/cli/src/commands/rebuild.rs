//! `cuferry rebuild`: the main job, from sources to an image.

use std::io::ErrorKind;

use camino::{Utf8Path, Utf8PathBuf};
use cuferry_arch::Host;
use cuferry_exec::{CancelFlag, ExecError, Lock, Options, Summary};
use cuferry_plan::{Plan, Settings};
use cuferry_project::project::TargetKind;

use crate::args::build::{Policies, Wrapping};
use crate::args::{Format, Rebuild, Selection};
use crate::build::{self, Job, Own, Work};
use crate::commands::plan;
use crate::context::{Context, jobs};
use crate::failure::{Answer, Failure, Fault};
use crate::image;
use crate::interrupt::Interrupts;
use crate::progress::Display;
use crate::project::{self, Loaded};
use crate::select::Selected;
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
    let interrupts = Interrupts::watch()?;
    let build = build_project(context, root, args, &interrupts)?;
    let Build { loaded, selected, plan, summary, _lock } = &build;
    let image = if args.no_image || !summary.is_success() {
        None
    } else {
        image::write_project(context, loaded, selected, plan, args.image.as_deref(), &interrupts)?
    };
    match args.format {
        Format::Text => report::text(loaded, plan, summary, image.as_ref())?,
        Format::Json => {
            let value = report::rebuild_json(loaded, selected, plan, summary, image.as_ref());
            print(&format!("{value:#}\n"))?;
        }
    }
    if summary.is_success() { Ok(Answer::Good) } else { Err(build_failed(summary)) }
}

/// A project that was built, or failed to be.
struct Build {
    loaded: Loaded,
    selected: Selected,
    plan: Plan,
    summary: Summary,
    _lock: Lock,
}

fn build_project(
    context: &Context,
    root: Utf8PathBuf,
    args: &Rebuild,
    interrupts: &Interrupts,
) -> Result<Build, Failure> {
    let loaded = project::load(root)?;
    let folder = loaded.root.join(build::RESULTS);
    create(&folder)?;
    let lock = Lock::acquire(&folder).map_err(|error| Failure::new(Fault::Machine, error))?;
    let selected = select::decide(context, &loaded, &args.selection)?;
    let plan = plan::make(&loaded, &selected.settings)?;
    report::heading(context, &loaded, &selected, &plan);
    create(&loaded.root.join(&selected.settings.build_dir))?;
    report::write_compile_commands(&loaded.root, &folder.join("compile_commands.json"), &plan)?;
    let summary = execute(context, &loaded, &selected.settings, &plan, args, &interrupts.cancel)?;
    if summary.cancelled {
        return Err(interrupted());
    }
    Ok(Build { loaded, selected, plan, summary, _lock: lock })
}

/// What `run` starts.
pub(crate) struct Runnable {
    /// Name and file, in the project's order.
    programs: Vec<(String, Utf8PathBuf)>,
    /// What the project's image starts, where the project says so.
    entrypoint: Option<String>,
    /// Folders of libraries that the programs need, and that the loader would not look into.
    pub(crate) libraries: Vec<Utf8PathBuf>,
}

/// The software device runs PTX alone, and this architecture's is what it does best: its machine code would be compiled for
/// nothing.
const SOFT: &str = "compute_90";

/// Builds a project to be run here at once, without an image: for the GPUs that are here, or for the software device. None
/// for one that brings its own build.
pub(crate) fn for_a_run(
    context: &Context,
    folder: &Utf8Path,
    soft: bool,
) -> Result<Option<Runnable>, Failure> {
    let root = project::folder(folder)?;
    let args = Rebuild {
        selection: Selection {
            dir: root.clone(),
            gpu: soft.then(|| SOFT.parse().expect("an architecture is a policy")),
            no_ptx: false,
            host: Host::X86_64,
            toolkit: None,
            compiler: None,
            offline: false,
            bin_dir: None,
            compile_commands: None,
            soft,
        },
        image: None,
        no_image: true,
        program: None,
        policies: Policies::default(),
        jobs: None,
        keep_going: false,
        format: Format::Text,
    };
    if project::own_build(context, &root, &args.selection)?.is_some() {
        return Ok(None);
    }
    let interrupts = Interrupts::watch()?;
    let build = build_project(context, root, &args, &interrupts)?;
    if !build.summary.is_success() {
        return Err(build_failed(&build.summary));
    }
    let programs = build.plan.products.iter().filter(|product| product.kind == TargetKind::Program);
    let entrypoint = build.loaded.project.image.entrypoint.first().cloned();
    let toolchain = &build.selected.settings.toolchain;
    Ok(Some(Runnable {
        programs: programs
            .map(|product| (product.name.clone(), build.loaded.root.join(&product.path)))
            .collect(),
        entrypoint,
        libraries: std::iter::once(toolchain.toolkit.lib(Host::X86_64))
            .chain(toolchain.library_dirs.iter().cloned())
            .filter(|folder| folder.is_dir())
            .collect(),
    }))
}

impl Runnable {
    /// The program that is named, or that the image would start, or the only one.
    pub(crate) fn program(&self, name: Option<&str>) -> Result<Utf8PathBuf, Failure> {
        let by_name = |name: &str| self.programs.iter().find(|(other, _)| other == name);
        let found = match (name, self.programs.as_slice()) {
            (Some(name), _) => by_name(name),
            (None, [only]) => Some(only),
            (None, _) => self.entrypoint.as_deref().and_then(by_name),
        };
        found.map(|(_, path)| path.clone()).ok_or_else(|| {
            let names: Vec<String> = self.programs.iter().map(|(name, _)| format!("`{name}`")).collect();
            let (message, help) = match name {
                _ if names.is_empty() => (
                    "the project makes no program".to_owned(),
                    "`cuferry plan` shows what it makes".to_owned(),
                ),
                Some(name) => (
                    format!("the project makes no program `{name}`"),
                    format!("it makes {}", names.join(", ")),
                ),
                None => (
                    "the project makes several programs".to_owned(),
                    format!("name one with `--program`: {}", names.join(", ")),
                ),
            };
            Failure::say(Fault::Usage, "run::which", message, help)
        })
    }
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
