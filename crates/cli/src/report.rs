//! What a run has to say for itself: a heading on standard error, the result on standard output as text or JSON.

use camino::Utf8Path;
use cuferry_exec::Summary;
use cuferry_graph::dump;
use cuferry_plan::{Note, Plan, Product};
use cuferry_project::project::TargetKind;
use cuferry_translate::Change;
use serde_json::{Value, json};

use crate::context::Context;
use crate::failure::{Failure, Fault};
use crate::image::Image;
use crate::project::Loaded;
use crate::select::{self, Selected};
use crate::words::print;

/// Raised when a field of a report changes its meaning or goes away. `docs/json.md` describes the fields.
const SCHEMA: u32 = 1;

/// What was decided and why, before the work begins.
pub(crate) fn heading(context: &Context, loaded: &Loaded, selected: &Selected, plan: &Plan) {
    let settings = &selected.settings;
    let toolkit = &settings.toolchain.toolkit;
    let compiler = &settings.toolchain.compiler;
    eprintln!("{} for {}", loaded.project.name, settings.host);
    line(
        "project",
        if loaded.inferred {
            "inferred from its sources (`cuferry init` writes it down)"
        } else {
            "cuferry.toml"
        },
    );
    line("GPU", &format!("{} ({})", selected.gpu.code, select::source(selected)));
    line("toolkit", &format!("CUDA {} in {}: {}", toolkit.release, toolkit.root, selected.toolkit_reason));
    line("compiler", &format!("{} {} ({})", compiler.family, compiler.version, compiler.path));
    for guess in &loaded.guesses {
        line("guess", guess);
    }
    for note in &selected.gpu.notes {
        line("GPU", &select::note(note));
    }
    for change in &plan.changes {
        line("changed", &change_text(change));
    }
    for note in &plan.notes {
        line("note", &plan_note(note));
    }
    for name in context.unheeded() {
        line(
            "note",
            &format!(
                "{name} is set, and not heeded: a build depends on cuferry.toml and the command line only"
            ),
        );
    }
    if let (Some(trouble), true) = (&selected.gpus.trouble, selected.gpus.gpus.is_empty()) {
        line("note", &format!("a driver is here but reports no GPU: {trouble}"));
    }
}

fn line(word: &str, text: &str) {
    eprintln!("  {word:<9} {text}");
}

fn change_text(change: &Change) -> String {
    let now = if change.now.is_empty() { "left out" } else { &change.now };
    format!("{} -> {now}: it {} ({})", change.was, change.why, change.rule)
}

fn plan_note(note: &Note) -> String {
    match note {
        Note::Nvcc { target, warning } => format!("{target}: {warning}"),
        Note::LineTable { target, flag } => format!(
            "{target}: {flag} makes ptxas write the sources' modification times into the device code, so two checkouts give two digests"
        ),
        Note::WholeFile { target, line } => format!(
            "{target}: nvcc's steps were not understood (`{line}`), so nvcc compiles each file as one step, and the objects may differ between checkouts"
        ),
    }
}

/// The result, for people.
pub(crate) fn text(
    loaded: &Loaded,
    plan: &Plan,
    summary: &Summary,
    image: Option<&Image>,
) -> Result<(), Failure> {
    if !summary.is_success() {
        return Ok(());
    }
    if summary.ran == 0 {
        eprintln!("nothing to do: all {} actions are up to date", summary.up_to_date);
    } else {
        eprintln!("built: {} actions run, {} up to date", summary.ran, summary.up_to_date);
    }
    for product in &plan.products {
        print(&format!("{:<8} {}\n", kind(product.kind), absolute(loaded, product)))?;
    }
    if let Some(image) = image {
        print(&format!("{:<8} {} ({})\n", "image", image.path(), image.summary()))?;
        for note in &image.notes {
            eprintln!("  note      {note}");
        }
        for step in image.next_steps() {
            eprintln!("  {step}");
        }
    }
    Ok(())
}

fn absolute(loaded: &Loaded, product: &Product) -> String {
    loaded.root.join(&product.path).to_string()
}

fn kind(kind: TargetKind) -> &'static str {
    match kind {
        TargetKind::Program => "program",
        TargetKind::StaticLibrary | TargetKind::SharedLibrary => "library",
    }
}

fn decisions(loaded: &Loaded, selected: &Selected, plan: &Plan) -> Value {
    let settings = &selected.settings;
    let toolkit = &settings.toolchain.toolkit;
    let compiler = &settings.toolchain.compiler;
    let names = |archs: &std::collections::BTreeSet<cuferry_arch::GpuArch>,
                 form: fn(cuferry_arch::GpuArch) -> String| {
        archs.iter().copied().map(form).collect::<Vec<_>>()
    };
    let changes = plan.changes.iter().map(
        |change| json!({ "rule": change.rule, "was": change.was, "now": change.now, "why": change.why }),
    );
    json!({
        "schema": SCHEMA,
        "project": { "name": loaded.project.name, "folder": loaded.root, "inferred": loaded.inferred, "guesses": loaded.guesses },
        "host": settings.host.as_str(),
        "gpu": {
            "real": names(&settings.code.real, cuferry_arch::GpuArch::real),
            "ptx": names(&settings.code.ptx, cuferry_arch::GpuArch::virtual_),
            "source": select::source(selected),
            "notes": selected.gpu.notes.iter().map(select::note).collect::<Vec<_>>(),
        },
        "toolkit": { "release": toolkit.release.to_string(), "identity": toolkit.identity, "root": toolkit.root, "reason": selected.toolkit_reason },
        "compiler": { "family": compiler.family.to_string(), "version": compiler.version.to_string(), "path": compiler.path },
        "changes": changes.collect::<Vec<_>>(),
        "notes": plan.notes.iter().map(plan_note).collect::<Vec<_>>(),
    })
}

/// The plan and its reasons, for programs.
pub(crate) fn plan_json(loaded: &Loaded, selected: &Selected, plan: &Plan) -> Value {
    let mut value = decisions(loaded, selected, plan);
    value["plan"] = dump::json(&plan.graph);
    value
}

/// The result, for programs.
pub(crate) fn rebuild_json(
    loaded: &Loaded,
    selected: &Selected,
    plan: &Plan,
    summary: &Summary,
    image: Option<&Image>,
) -> Value {
    let labels = |ids: &[cuferry_graph::ActionId]| {
        ids.iter().map(|id| plan.graph.action(*id).label.clone()).collect::<Vec<_>>()
    };
    let mut value = decisions(loaded, selected, plan);
    value["actions"] = json!({
        "ran": summary.ran,
        "up_to_date": summary.up_to_date,
        "failed": labels(&summary.failed),
        "skipped": labels(&summary.skipped),
        "unfinished": summary.unfinished,
    });
    let products = plan.products.iter().map(|product| {
        json!({ "name": product.name, "kind": kind(product.kind), "path": absolute(loaded, product) })
    });
    value["products"] = if summary.is_success() { products.collect() } else { json!([]) };
    value["image"] = image.map_or(Value::Null, Image::json);
    value
}

/// `compile_commands.json`, for editors and analysers (clang's JSON compilation database).
pub(crate) fn write_compile_commands(root: &Utf8Path, path: &Utf8Path, plan: &Plan) -> Result<(), Failure> {
    let entries = plan.compile_commands.iter().map(|command| {
        json!({ "directory": root, "file": command.file, "output": command.output, "arguments": command.arguments })
    });
    let text = format!("{:#}\n", Value::Array(entries.collect()));
    if std::fs::read_to_string(path).is_ok_and(|old| old == text) {
        return Ok(());
    }
    let aside = path.with_extension("json.tmp");
    std::fs::write(&aside, text).and_then(|()| std::fs::rename(&aside, path)).map_err(|error| {
        let help = "check that the folder is writable and the disk not full";
        Failure::say(
            Fault::Machine,
            "build::compile_commands",
            format!("cannot write `{path}`: {error}"),
            help,
        )
    })
}
