//! A report for programs. `docs/json.md` describes the fields.

use cuferry_inspect::inventory::{Code, CodeKind, Inventory, Module};
use cuferry_inspect::origin::Origin;
use cuferry_inspect::resolve::{Needed, Place};
use cuferry_inspect::verdict::{DriverNeed, Verdict, Way, driver_floor, tegra_needs};
use serde_json::{Value, json};

use super::collect::{ArtifactReport, FileReport, Report, TreeReport};
use super::question::QuestionSource;

/// Raised when a field changes its meaning or goes away.
const SCHEMA: u32 = 1;

/// The report as one value.
pub(crate) fn render(report: &Report) -> Value {
    let questions = &report.questions;
    let asked = questions.asked.iter().map(|asked| {
        json!({
            "gpu": asked.question.gpu.real(),
            "host": asked.question.host.as_str(),
            "products": asked.products,
            "driver": asked.question.driver.map(|driver| driver.to_string()),
        })
    });
    json!({
        "schema": SCHEMA,
        "asked_by": match questions.source {
            QuestionSource::CommandLine => "command line",
            QuestionSource::Machine => "machine",
            QuestionSource::Table => "nobody",
        },
        "gpus": asked.collect::<Vec<_>>(),
        "runs": questions.is_explicit().then(|| report.runs()),
        "artifacts": report.artifacts.iter().map(|artifact| artifact_json(artifact, report)).collect::<Vec<_>>(),
    })
}

fn artifact_json(artifact: &ArtifactReport, report: &Report) -> Value {
    json!({
        "path": artifact.path,
        "kind": artifact.kind.name(),
        "trees": artifact.trees.iter().map(|tree| tree_json(tree, report)).collect::<Vec<_>>(),
        "left_out": artifact.problems,
    })
}

fn tree_json(tree: &TreeReport, report: &Report) -> Value {
    let image = tree.image.as_ref().map(|image| {
        json!({
            "os": image.os,
            "architecture": image.architecture,
            "variant": image.variant,
            "env": image.env,
            "entrypoint": image.entrypoint,
            "cmd": image.cmd,
            "labels": image.labels,
            "layers": image.layers,
        })
    });
    let failures = tree.failures.iter().map(|(path, why)| json!({ "path": path, "why": why }));
    json!({
        "label": tree.label,
        "image": image,
        "origin": tree.origin.as_ref().map(origin_json),
        "files": tree.files.iter().map(|file| file_json(file, report)).collect::<Vec<_>>(),
        "other_files": tree.others,
        "not_read": failures.collect::<Vec<_>>(),
    })
}

fn file_json(file: &FileReport, report: &Report) -> Value {
    let inventory = &file.inventory;
    let verdicts = report.questions.asked.iter().zip(&file.verdicts);
    let verdicts = verdicts.map(|(asked, verdict)| verdict_json(&asked.question.gpu.real(), verdict));
    let toolkits = inventory
        .toolkits
        .iter()
        .map(|mark| json!({ "release": mark.release.to_string(), "cubins": mark.entries }));
    let tegra = tegra_needs(inventory).into_iter().map(|(name, row)| {
        json!({ "library": name, "what": row.what, "nearest": row.answer, "status": row.status.as_str() })
    });
    let problems = inventory
        .problems
        .iter()
        .map(|problem| json!({ "member": problem.member, "offset": problem.offset, "what": problem.what }));
    json!({
        "path": file.path,
        "form": inventory.form.as_str(),
        "size": inventory.size,
        "host": host_json(inventory, file.needed.as_deref()),
        "toolkits": toolkits.collect::<Vec<_>>(),
        "cubins_asked": { "read": inventory.asked.read, "of": inventory.asked.of },
        "driver": driver_floor(inventory).map(need_json),
        "origin": file.origin.as_ref().map(origin_json),
        "tegra_only": tegra.collect::<Vec<_>>(),
        "modules": inventory.modules.iter().map(module_json).collect::<Vec<_>>(),
        "ptx_texts": inventory.ptx_texts.iter().map(|target| target.virtual_()).collect::<Vec<_>>(),
        "problems": problems.collect::<Vec<_>>(),
        "verdicts": verdicts.collect::<Vec<_>>(),
    })
}

fn host_json(inventory: &Inventory, needed: Option<&[Needed]>) -> Value {
    let Some(host) = &inventory.host else { return Value::Null };
    let libraries = host.needed.iter().map(|name| {
        let place = needed.and_then(|needed| needed.iter().find(|needed| needed.name == *name));
        let (state, path) = match place.map(|needed| &needed.place) {
            None => ("not looked for", None),
            Some(Place::At(path)) => ("found", Some(path.as_str())),
            Some(Place::Driver) => ("driver", None),
            Some(Place::System) => ("system", None),
            Some(Place::Missing) => ("missing", None),
        };
        json!({ "name": name, "state": state, "path": path })
    });
    json!({
        "machine": host.machine.to_string(),
        "interpreter": host.interpreter,
        "soname": host.soname,
        "needed": libraries.collect::<Vec<_>>(),
        "glibc": host.glibc.map(|version| version.to_string()),
        "glibcxx": host.glibcxx.map(|version| version.to_string()),
        "cuda_runtime": runtime_json(inventory),
        "compilers": host.compilers,
    })
}

fn runtime_json(inventory: &Inventory) -> Value {
    use cuferry_inspect::inventory::Runtime;
    match inventory.host.as_ref().map(|host| &host.runtime) {
        None | Some(Runtime::None) => Value::Null,
        Some(Runtime::Shared { soname, major }) => {
            json!({ "linked": "shared", "soname": soname, "major": major })
        }
        Some(Runtime::Static { release }) => {
            json!({ "linked": "static", "release": release.map(|release| release.to_string()) })
        }
    }
}

fn module_json(module: &Module) -> Value {
    json!({
        "member": module.member,
        "place": module.place,
        "offset": module.offset,
        "relocatable": module.relocatable,
        "stub": module.stub,
        "entries": module.codes.iter().map(code_json).collect::<Vec<_>>(),
    })
}

fn code_json(code: &Code) -> Value {
    let kind = match code.kind {
        CodeKind::Unknown(kind) => format!("unknown {kind:#x}"),
        kind => kind.as_str().to_owned(),
    };
    let arch = match code.kind {
        CodeKind::Ptx => code.arch.virtual_(),
        _ => code.arch.real(),
    };
    json!({
        "kind": kind,
        "arch": arch,
        "isa": code.isa.map(|isa| isa.to_string()),
        "offset": code.offset,
        "stored": code.stored,
        "size": code.size,
        "compression": code.compression.as_str(),
        "debug": code.debug,
        "identifier": code.identifier,
    })
}

fn verdict_json(gpu: &str, verdict: &Verdict) -> Value {
    let modules = verdict.modules;
    json!({
        "gpu": gpu,
        "outcome": verdict.outcome.as_str(),
        "id": verdict.fact.id(),
        "fact": verdict.fact.to_string(),
        "modules": { "native": modules.native, "jit": modules.jit, "none": modules.none },
        "driver": verdict.driver.map(need_json),
        "hybrid": verdict.hybrid.as_ref().map(way_json),
        "emulate": verdict.emulate.as_ref().map(way_json),
    })
}

fn way_json(way: &Way) -> Value {
    json!({ "works": way.works, "id": way.fact.id(), "fact": way.fact.to_string() })
}

fn need_json(need: DriverNeed) -> Value {
    json!({ "minimum": need.version.to_string(), "because": need.because.to_string() })
}

fn origin_json(origin: &Origin) -> Value {
    json!({
        "l4t": origin.l4t.map(|l4t| l4t.to_string()),
        "jetpack": origin.jetpacks.iter().map(|jetpack| jetpack.jetpack.as_str()).collect::<Vec<_>>(),
        "evidence": origin.evidence.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}
