//! A report for people: what is inside in a few lines, then what becomes of it, the deciding fact last.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use cuferry_arch::{GpuArch, tegra};
use cuferry_artifact::ArtifactKind;
use cuferry_inspect::inventory::{CodeKind, Form, Inventory, Machine};
use cuferry_inspect::resolve::{Needed, Place};
use cuferry_inspect::verdict::{self, DriverNeed, Outcome, Verdict, Way};

use super::collect::{ArtifactReport, FileReport, Report, TreeReport};
use super::question::{Asked, Questions};
use crate::progress::bytes;
use crate::words::counted;

/// How wide labels are.
const LABEL: usize = 12;

/// How many missing libraries are named.
const NAMED: usize = 8;

/// The report as text.
pub(crate) fn render(report: &Report, verbose: bool) -> String {
    let mut out = String::new();
    for artifact in &report.artifacts {
        if !out.is_empty() {
            out.push('\n');
        }
        render_artifact(&mut out, artifact, &report.questions, verbose);
    }
    out
}

fn render_artifact(out: &mut String, artifact: &ArtifactReport, questions: &Questions, verbose: bool) {
    if artifact.is_file() {
        for file in artifact.files() {
            render_file(out, artifact.path.as_str(), file, questions);
        }
    } else {
        let _ = writeln!(out, "{}: {}", artifact.path, kind(&artifact.kind));
        for tree in &artifact.trees {
            render_tree(out, tree, questions, verbose);
        }
    }
    for tree in &artifact.trees {
        for (path, why) in &tree.failures {
            line(out, "not read", &format!("{path}: {why}"));
        }
    }
    for problem in &artifact.problems {
        line(out, "left out", problem);
    }
}

/// `Python wheel torch 2.9.0 for manylinux_2_28_aarch64`.
fn kind(kind: &ArtifactKind) -> String {
    match kind {
        ArtifactKind::Wheel(wheel) => {
            format!("Python wheel {} {} for {}", wheel.name, wheel.version, wheel.platforms().join(", "))
        }
        ArtifactKind::Conda(package) => {
            format!("conda package {} {} for {}", package.name, package.version, package.subdir)
        }
        ArtifactKind::Deb(package) => {
            format!("Debian package {} {} for {}", package.package, package.version, package.architecture)
        }
        other => other.name().to_owned(),
    }
}

fn line(out: &mut String, label: &str, text: &str) {
    let _ = writeln!(out, "  {label:<LABEL$}  {text}");
}

fn render_file(out: &mut String, name: &str, file: &FileReport, questions: &Questions) {
    let inventory = &file.inventory;
    let _ = writeln!(out, "{name}: {}, {}", what(inventory), bytes(inventory.size));
    if let Some(code) = device_code(inventory) {
        line(out, "device code", &code);
    }
    if let Some(made) = made_with(inventory) {
        line(out, "made with", &made);
    }
    if let Some(host) = &inventory.host {
        let versions = [("glibc", host.glibc), ("GLIBCXX", host.glibcxx)];
        let versions =
            versions.into_iter().filter_map(|(name, version)| Some(format!("{name} {}", version?)));
        let mut needs: Vec<String> = versions.collect();
        needs.extend(host.needed.iter().map(|name| library(name, file.needed.as_deref())));
        if !needs.is_empty() {
            line(out, "needs", &needs.join(", "));
        }
    }
    if let Some(need) = verdict::driver_floor(inventory) {
        line(out, "driver", &format!("{} or newer, for {}", need.version, need.because));
    }
    if let Some(origin) = &file.origin {
        line(out, "origin", &origin.to_string());
    }
    for problem in &inventory.problems {
        line(out, "problem", &problem.to_string());
    }
    render_verdicts(out, "", file, questions);
}

/// `aarch64 shared library`.
fn what(inventory: &Inventory) -> String {
    match inventory.host.as_ref().map(|host| host.machine) {
        Some(machine) if machine != Machine::None => format!("{machine} {}", inventory.form.as_str()),
        _ => inventory.form.as_str().to_owned(),
    }
}

/// `2 modules: machine code sm_80, sm_90; PTX compute_90 (ISA 9.0)`.
fn device_code(inventory: &Inventory) -> Option<String> {
    if !inventory.has_device_code() {
        return None;
    }
    let modules: Vec<_> = inventory.loadable().collect();
    let mut archs: BTreeMap<CodeKind, BTreeMap<GpuArch, usize>> = BTreeMap::new();
    for module in &modules {
        let mut seen: Vec<(CodeKind, GpuArch)> =
            module.codes.iter().map(|code| (code.kind, code.arch)).collect();
        seen.sort_unstable();
        seen.dedup();
        for (kind, arch) in seen {
            *archs.entry(kind).or_default().entry(arch).or_default() += 1;
        }
    }
    let isas = |arch: GpuArch| {
        let codes = modules.iter().flat_map(|module| &module.codes);
        let isa =
            codes.filter(|code| code.kind == CodeKind::Ptx && code.arch == arch).filter_map(|code| code.isa);
        isa.max().map_or(String::new(), |isa| format!(" (ISA {isa})"))
    };
    let name = |kind: CodeKind, arch: GpuArch, count: usize| {
        let name = match kind {
            CodeKind::Ptx => format!("{}{}", arch.virtual_(), isas(arch)),
            CodeKind::LtoIr => format!("lto_{}", arch.suffix_form()),
            _ => arch.real(),
        };
        // A library's modules may be for different GPUs: say how many are for this one.
        if count == modules.len() { name } else { format!("{name} in {count}") }
    };
    let parts = archs.iter().map(|(kind, archs)| {
        let names: Vec<String> = archs.iter().map(|(arch, count)| name(*kind, *arch, *count)).collect();
        let what = match kind {
            CodeKind::Sass => "machine code".to_owned(),
            CodeKind::Ptx => "PTX".to_owned(),
            CodeKind::LtoIr => "LTO-IR".to_owned(),
            CodeKind::TileIr => "Tile IR".to_owned(),
            CodeKind::Unknown(kind) => format!("kind {kind:#x}, unknown"),
        };
        format!("{what} {}", names.join(", "))
    });
    let parts: Vec<String> = parts.collect();
    let unlinked =
        if modules.iter().any(|module| module.relocatable) { ", not device-linked yet" } else { "" };
    let count = counted(modules.len(), "module", "modules");
    Some(format!("{count}{unlinked}: {}", parts.join("; ")))
}

fn made_with(inventory: &Inventory) -> Option<String> {
    let mut parts = Vec::new();
    if !inventory.toolkits.is_empty() {
        let releases: Vec<String> = inventory.toolkits.iter().map(|mark| mark.release.to_string()).collect();
        let asked = inventory.asked;
        let sample = if asked.read < asked.of {
            format!(" ({} of {} cubins asked; --verbose asks all)", asked.read, asked.of)
        } else {
            String::new()
        };
        parts.push(format!("device code by CUDA {}{sample}", releases.join(", ")));
    }
    if let Some(host) = &inventory.host {
        parts.extend(host.runtime.describe().map(|runtime| format!("CUDA runtime: {runtime}")));
        // Beside the compiler of the program's own code, those of the static libraries in it.
        parts.extend(host.compilers.iter().take(2).cloned());
    }
    (!parts.is_empty()).then(|| parts.join("; "))
}

/// A library that is needed, with what is to be said of it.
fn library(name: &str, needed: Option<&[Needed]>) -> String {
    let place = needed
        .and_then(|needed| needed.iter().find(|needed| needed.name == name))
        .map(|needed| &needed.place);
    let remark = match place {
        _ if tegra::library(name).is_some() => " (Jetson only)",
        Some(Place::Missing) => " (not in it)",
        Some(Place::Driver) => " (comes with the driver)",
        Some(Place::At(_) | Place::System) | None => "",
    };
    format!("{name}{remark}")
}

/// The verdicts of a file: GPUs that share one stand in one line.
fn render_verdicts(out: &mut String, indent: &str, file: &FileReport, questions: &Questions) {
    let floor = verdict::driver_floor(&file.inventory);
    let groups = groups(file, questions, floor);
    let names: Vec<String> = groups.iter().map(|(asked, _)| gpus(asked)).collect();
    let width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0).min(48);
    for (name, (_, verdict)) in names.iter().zip(&groups) {
        let _ = writeln!(
            out,
            "{indent}  {name:<width$}  {:<10}  {} [{}]",
            verdict.outcome.as_str(),
            fact(verdict, floor),
            verdict.fact.id()
        );
        let ways = [("hybrid", &verdict.hybrid), ("emulate", &verdict.emulate)];
        for (way, answer) in ways {
            // What runs as it is needs no other way, and a way that leads nowhere is news only of an ARM file.
            let arm = verdict.hybrid.is_some();
            let Some(answer) = answer.as_ref().filter(|way| !verdict.outcome.runs() && (arm || way.works))
            else {
                continue;
            };
            let _ = writeln!(out, "{indent}  {:width$}  {:<10}  {}", "", "", way_text(way, answer));
        }
    }
}

fn way_text(way: &str, answer: &Way) -> String {
    let can = if answer.works { "can" } else { "cannot" };
    format!("{way} {can}: {} [{}]", answer.fact, answer.fact.id())
}

/// The deciding fact, and what else a user must know of a file that runs.
fn fact(verdict: &Verdict, floor: Option<DriverNeed>) -> String {
    let mut text = verdict.fact.to_string();
    let modules = verdict.modules;
    if verdict.outcome.runs() && modules.none > 0 {
        let all = modules.native + modules.jit + modules.none;
        let _ = write!(text, "; {} of {all} modules have no code for it", modules.none);
    }
    if verdict.outcome == Outcome::Native && modules.jit > 0 {
        let _ = write!(text, "; {} modules only as PTX", modules.jit);
    }
    // The file's own line tells of the floor.
    let need = verdict.driver.filter(|need| verdict.outcome.runs() && Some(*need) != floor);
    if let Some(need) = need {
        let _ = write!(text, "; driver {} or newer", need.version);
    }
    text
}

type Group<'a> = (Vec<&'a Asked>, &'a Verdict);

fn groups<'a>(file: &'a FileReport, questions: &'a Questions, floor: Option<DriverNeed>) -> Vec<Group<'a>> {
    let mut groups: Vec<Group<'a>> = Vec::new();
    for (asked, verdict) in questions.asked.iter().zip(&file.verdicts) {
        let text = |verdict: &Verdict| {
            let way = |way: &Option<Way>| way.as_ref().map(|way| (way.works, way.fact.to_string()));
            (fact(verdict, floor), way(&verdict.hybrid), way(&verdict.emulate))
        };
        let known = groups
            .iter_mut()
            .find(|(_, other)| other.outcome == verdict.outcome && text(other) == text(verdict));
        match known {
            Some((names, _)) => names.push(asked),
            None => groups.push((vec![asked], verdict)),
        }
    }
    groups
}

/// `sm_90 (H100, H200, GH200)`, or several names alone.
fn gpus(asked: &[&Asked]) -> String {
    match asked {
        [one] => format!("{} ({})", one.question.gpu, one.products),
        several => several.iter().map(|asked| asked.question.gpu.real()).collect::<Vec<_>>().join(", "),
    }
}

fn render_tree(out: &mut String, tree: &TreeReport, questions: &Questions, verbose: bool) {
    if let Some(image) = &tree.image {
        let label = tree.label.as_deref().unwrap_or("image");
        let _ = writeln!(out, "{label}: image for {}, {} layers", image.platform(), image.layers);
    } else if let Some(label) = &tree.label {
        let _ = writeln!(out, "{label}:");
    }
    if let Some(origin) = &tree.origin {
        line(out, "origin", &origin.to_string());
    }
    line(out, "files", &counts(tree));
    let missing = missing(tree);
    if !missing.is_empty() {
        let shown = if verbose { missing.len() } else { missing.len().min(NAMED) };
        let more = match missing.len() - shown {
            0 => String::new(),
            more => format!(", and {more} more (--verbose names all)"),
        };
        line(out, "not in it", &format!("{}{more}", missing[..shown].join(", ")));
    }
    for file in tree.files.iter().filter(|file| verbose || file.counts()) {
        if verbose {
            out.push('\n');
            render_file(out, &file.path, file, questions);
        } else {
            let code = device_code(&file.inventory).map_or(String::new(), |code| format!(", {code}"));
            let _ = writeln!(out, "\n  {}: {}{code}", file.path, what(&file.inventory));
            for problem in &file.inventory.problems {
                let _ = writeln!(out, "    problem: {problem}");
            }
            render_verdicts(out, "  ", file, questions);
        }
    }
    if !verbose && !tree.files.iter().any(FileReport::counts) {
        render_hosts(out, tree);
    }
}

/// For a tree without device code: whether its programs run at all.
fn render_hosts(out: &mut String, tree: &TreeReport) {
    let mut kinds: BTreeMap<Machine, Vec<&FileReport>> = BTreeMap::new();
    for file in &tree.files {
        if let Some(host) = &file.inventory.host {
            kinds.entry(host.machine).or_default().push(file);
        }
    }
    for (machine, files) in kinds {
        if let Some(verdict) = files.first().and_then(|file| file.verdicts.first()) {
            let text = format!("{} files: {} [{}]", files.len(), verdict.fact, verdict.fact.id());
            line(out, &machine.to_string(), &format!("{:<10}  {text}", verdict.outcome.as_str()));
        }
    }
}

/// `12 with device code, 230 aarch64 and 4 x86_64 without; 1,204 others`.
fn counts(tree: &TreeReport) -> String {
    let with = tree.files.iter().filter(|file| file.inventory.has_device_code()).count();
    let placeholders = tree.files.iter().filter(|file| file.inventory.form == Form::Placeholder).count();
    let mut machines: BTreeMap<Machine, usize> = BTreeMap::new();
    for file in tree.files.iter().filter(|file| !file.counts()) {
        *machines
            .entry(file.inventory.host.as_ref().map_or(Machine::None, |host| host.machine))
            .or_default() += 1;
    }
    let mut parts = vec![format!("{with} with device code")];
    parts.extend(machines.iter().map(|(machine, count)| format!("{count} for {machine} without")));
    if placeholders > 0 {
        parts.push(counted(placeholders, "empty library", "empty libraries"));
    }
    parts.push(counted(tree.others, "other", "others"));
    parts.join(", ")
}

/// Libraries that no file of the tree offers, each with who wants it.
fn missing(tree: &TreeReport) -> Vec<String> {
    let mut wanted: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for file in &tree.files {
        for needed in file.needed.iter().flatten().filter(|needed| needed.place == Place::Missing) {
            wanted.entry(&needed.name).or_default().push(&file.path);
        }
    }
    let text = wanted.into_iter().map(|(name, files)| match files.as_slice() {
        [one] => format!("{name} (wanted by {one})"),
        [one, rest @ ..] => format!("{name} (wanted by {one} and {} more)", rest.len()),
        [] => name.to_owned(),
    });
    text.collect()
}
