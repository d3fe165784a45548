//! `cuferry plan`: what `rebuild` would do; and the planning that both share.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};

use camino::Utf8Path;
use cuferry_digest::Hasher;
use cuferry_graph::dump;
use cuferry_plan::{Plan, Settings, prepare};
use serde_json::json;

use crate::args::{self, PlanFormat};
use crate::build::{Layout, RESULTS, Step, Way};
use crate::context::{Context, jobs};
use crate::failure::{Failure, Fault};
use crate::project::{self, Loaded};
use crate::report;
use crate::select::{self, plan_failure};
use crate::words::print;

pub(crate) fn run(context: &Context, args: &args::Plan) -> Result<(), Failure> {
    let root = project::folder(&context.absolute(&args.selection.dir))?;
    if let Some(own) = project::own_build(context, &root, &args.selection)? {
        return own_build(args, &root, &own.way);
    }
    let loaded = project::load(root)?;
    let selected = select::decide(context, &loaded, &args.selection)?;
    let plan = make(&loaded, &selected.settings)?;
    match args.format {
        PlanFormat::Text => {
            report::heading(context, &loaded, &selected, &plan);
            print(&dump::text(&plan.graph))?;
        }
        PlanFormat::Json => print(&format!("{:#}\n", report::plan_json(&loaded, &selected, &plan)))?,
        PlanFormat::Dot => print(&dump::graphviz(&plan.graph))?,
    }
    Ok(())
}

/// A project's own build plans by itself: there are only the commands to show that `rebuild` would start.
fn own_build(args: &args::Plan, root: &Utf8Path, way: &Way) -> Result<(), Failure> {
    let commands = commands(way, root);
    match args.format {
        PlanFormat::Text => {
            eprintln!(
                "the project brings its own build: {} decides what is compiled, call by call",
                way.tool()
            );
            print(&(commands.join("\n") + "\n"))
        }
        PlanFormat::Json => {
            let value = json!({ "schema": 1, "project": { "folder": root }, "own_build": way.tool(), "commands": commands });
            print(&format!("{value:#}\n"))
        }
        PlanFormat::Dot => {
            let help = "build it, or write a cuferry.toml: `cuferry init` infers one from the sources";
            let message = format!("no graph: the project is built by its own {}", way.tool());
            Err(Failure::say(Fault::Usage, "plan::own_build", message, help))
        }
    }
}

/// What `rebuild` would start.
fn commands(way: &Way, root: &Utf8Path) -> Vec<String> {
    let results = root.join(RESULTS);
    if let Way::Database(compiles) = way {
        return compiles.commands(&results.join("objects"));
    }
    let layout = Layout {
        build: results.join("cmake"),
        stage: results.join("stage"),
        staged: true,
        jobs: jobs().get(),
        anew: false,
    };
    let line =
        |step: &Step| format!("cd {} && {}", shell_words::quote(step.folder.as_str()), step.command_line());
    way.steps(&layout).iter().map(line).collect()
}

/// The plan, with nvcc asked for its steps where that was not done before.
pub(crate) fn make(loaded: &Loaded, settings: &Settings) -> Result<Plan, Failure> {
    let prepared = prepare(&loaded.project, settings).map_err(plan_failure)?;
    let mut answers = BTreeMap::new();
    for args in prepared.dry_runs() {
        let answer = dry_run(loaded, settings, &args)?;
        answers.insert(args, answer);
    }
    prepared.plan(&answers).map_err(plan_failure)
}

/// What `nvcc --dryrun` prints for these flags; kept beside the build, since it depends on nothing else.
fn dry_run(loaded: &Loaded, settings: &Settings, args: &[String]) -> Result<String, Failure> {
    let toolchain = &settings.toolchain;
    let mut key = Hasher::default();
    key.field("dry-run-1");
    key.field(toolchain.toolkit.root.as_str());
    key.field(&toolchain.toolkit.identity);
    key.field(toolchain.compiler.version.to_string());
    args.iter().for_each(|arg| key.field(arg));
    let kept =
        loaded.root.join(&settings.build_dir).join("dry-runs").join(format!("{}.txt", key.finish().short()));
    if let Ok(text) = std::fs::read_to_string(&kept) {
        return Ok(text);
    }
    let nvcc = toolchain.toolkit.nvcc();
    let output = Command::new(&nvcc)
        .args(args)
        .current_dir(&loaded.root)
        .env_clear()
        .envs(&settings.env)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| {
            let help = "reinstall the toolkit, or name another with `CUDA_HOME`";
            Failure::say(Fault::Machine, "toolchain::nvcc", format!("cannot run `{nvcc}`: {error}"), help)
        })?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    if !output.status.success() {
        let help = "correct `device-flags`, `host-flags` or `std` in cuferry.toml";
        let words = text.lines().filter(|line| !line.starts_with("#$")).collect::<Vec<_>>().join("\n");
        return Err(Failure::say(
            Fault::Usage,
            "plan::nvcc",
            format!("nvcc refuses the project's flags: {words}"),
            help,
        ));
    }
    // Only a shortcut: where it cannot be kept, it is asked for again.
    let _ = keep(&kept, &text);
    Ok(text)
}

fn keep(path: &Utf8Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let aside = path.with_extension(format!("{}.tmp", std::process::id()));
    std::fs::write(&aside, text)?;
    std::fs::rename(&aside, path)
}
