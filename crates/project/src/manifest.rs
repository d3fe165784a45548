//! `cuferry.toml`: text in, a checked [`Project`] out, or everything that is wrong with it. `docs/manifest.md` is its
//! reference for users.

mod image;
mod mistake;
mod section;
mod target;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use cuferry_arch::GpuPolicy;
use toml::de::{DeTable, DeValue};

pub use mistake::{ManifestError, ManifestErrors, Mistake};

use crate::files::FileTree;
use crate::names;
use crate::project::{ImageSpec, InstallFile, Project, TargetKind};
use section::{Mistakes, Section, Text, wrong_type};
use target::{Defaults, Draft};

/// The manifest's name.
pub const FILE_NAME: &str = "cuferry.toml";

const ROOT_KEYS: &[&str] = &["project", "build", "program", "library", "install", "image"];
const PROJECT_KEYS: &[&str] = &["name", "version"];
const BUILD_KEYS: &[&str] = &[
    "toolkit",
    "host-compiler",
    "gpu",
    "ptx",
    "std",
    "include",
    "defines",
    "host-flags",
    "device-flags",
    "link-flags",
];
const INSTALL_KEYS: &[&str] = &["from", "to"];
const GPU_POLICIES: [&str; 3] = ["native", "all-major", "same-as-arm"];
const STANDARDS: [&str; 6] = ["c++03", "c++11", "c++14", "c++17", "c++20", "c++23"];

/// Reads a manifest. `file_name` is for messages; `tree` holds the files of its folder.
pub fn parse(text: &str, file_name: &str, tree: &FileTree) -> Result<Project, ManifestErrors> {
    let (document, syntax) = DeTable::parse_recoverable(text);
    let mut mistakes = Mistakes::default();
    for error in &syntax {
        let message = error.message().to_owned();
        mistakes.add(error.span().unwrap_or(0..0), Mistake::Syntax { message });
    }
    // What is left of a malformed text would only look like more mistakes.
    let project = mistakes.0.is_empty().then(|| read(document.get_ref(), tree, &mut mistakes)).flatten();
    match project {
        Some(project) if mistakes.0.is_empty() => Ok(project),
        _ => Err(ManifestErrors::new(file_name, text, mistakes.0)),
    }
}

/// The project, as far as it can be read; `None` only where a mistake was noted.
fn read<'t>(document: &'t DeTable<'t>, tree: &FileTree, mistakes: &mut Mistakes) -> Option<Project> {
    let root = Section::new("the manifest", document, 0..0, ROOT_KEYS, mistakes);
    let header = root.table("project", mistakes);
    if !root.has("project") {
        mistakes.add(root.span(), Mistake::NoProject);
    }
    let header = header.map(|(table, span)| Section::new("`[project]`", table, span, PROJECT_KEYS, mistakes));
    let name = header.as_ref().and_then(|header| header.needed_text("name", mistakes));
    let name = name.and_then(|name| plain_name(name, "a project", mistakes));
    let version = header.as_ref().and_then(|header| header.text("version", mistakes));
    let version = version.and_then(|version| plain_name(version, "a version", mistakes));

    let build = root.table("build", mistakes);
    let build = build.map(|(table, span)| Section::new("`[build]`", table, span, BUILD_KEYS, mistakes));
    let build = build.as_ref();
    let toolkit = build.and_then(|build| build.text("toolkit", mistakes));
    let toolkit = toolkit.and_then(|text| mistakes.keep(text.span(), text.get_ref().parse()));
    let host_compiler = build.and_then(|build| build.text("host-compiler", mistakes));
    let host_compiler = host_compiler.and_then(|text| compiler(text, mistakes));
    let gpu = build.and_then(|build| gpu(build, mistakes));
    let embed_ptx = build.and_then(|build| build.boolean("ptx", mistakes)).unwrap_or(true);
    let defaults = build.map(|build| Defaults::read(build, tree, mistakes)).unwrap_or_default();

    let drafts = drafts(&root, &defaults, tree, mistakes);
    let programs: Vec<_> = drafts.iter().filter(|draft| draft.target.kind == TargetKind::Program).collect();
    if programs.is_empty() && !root.has("program") {
        mistakes.add(root.span(), Mistake::NoProgram);
    }
    let second = programs.get(1).map_or(0..0, |draft| draft.name_span.clone());
    let programs: Vec<String> = programs.iter().map(|draft| draft.target.name.clone()).collect();
    let install = install(&root, tree, mistakes);
    let image = if let Some((table, span)) = root.table("image", mistakes) {
        image::read(table, span, &programs, mistakes)
    } else {
        image::check_entrypoint(&[], second, &programs, mistakes);
        ImageSpec::default()
    };
    let targets = target::in_dependency_order(drafts, mistakes);
    let name = name?;
    Some(Project { name, version, toolkit, host_compiler, gpu, embed_ptx, targets, install, image })
}

fn plain_name(text: Text, what: &'static str, mistakes: &mut Mistakes) -> Option<String> {
    let span = text.span();
    let name = text.into_inner();
    if !names::is_name(&name) {
        mistakes.add(span, Mistake::BadName { name, what });
        return None;
    }
    Some(name)
}

fn compiler(text: Text, mistakes: &mut Mistakes) -> Option<String> {
    let span = text.span();
    let text = text.into_inner();
    let plain = if text.contains('/') { text.starts_with('/') } else { names::is_name(&text) };
    if !plain {
        mistakes.add(span, Mistake::HostCompiler { text });
        return None;
    }
    Some(text)
}

/// `gpu`: a word or a list.
fn gpu(build: &Section<'_>, mistakes: &mut Mistakes) -> Option<GpuPolicy> {
    let value = build.value("gpu")?;
    match value.get_ref() {
        DeValue::String(text) => mistakes.keep(value.span(), text.parse()),
        DeValue::Array(entries) if entries.is_empty() => {
            mistakes.add(value.span(), Mistake::EmptyList { key: "gpu" });
            None
        }
        DeValue::Array(_) => {
            let texts = build.texts("gpu", mistakes);
            let requests = texts.iter().map(|text| mistakes.keep(text.span(), text.get_ref().parse()));
            Some(GpuPolicy::List(requests.collect::<Vec<_>>().into_iter().flatten().collect()))
        }
        _ => {
            let written = Some("gpu = [\"sm_86\"]".to_owned());
            mistakes.add(value.span(), wrong_type("gpu", value, "a text or an array of texts", written));
            None
        }
    }
}

/// Programs and libraries, in the order of the text.
fn drafts(root: &Section<'_>, defaults: &Defaults, tree: &FileTree, mistakes: &mut Mistakes) -> Vec<Draft> {
    let mut tables: Vec<_> =
        root.tables("program", mistakes).into_iter().map(|(table, span)| (table, span, true)).collect();
    tables.extend(root.tables("library", mistakes).into_iter().map(|(table, span)| (table, span, false)));
    tables.sort_by_key(|(_, span, _)| span.start);
    let read = |(table, span, is_program)| {
        if is_program {
            Draft::program(table, span, defaults, tree, mistakes)
        } else {
            Draft::library(table, span, defaults, tree, mistakes)
        }
    };
    tables.into_iter().filter_map(read).collect()
}

/// The files of every `[[install]]`, sorted.
fn install(root: &Section<'_>, tree: &FileTree, mistakes: &mut Mistakes) -> Vec<InstallFile> {
    let mut installed: Vec<InstallFile> = Vec::new();
    let mut taken = BTreeMap::new();
    for (table, span) in root.tables("install", mistakes) {
        let section = Section::new("`[[install]]`", table, span.clone(), INSTALL_KEYS, mistakes);
        for file in image::install_files(&section, tree, mistakes) {
            if let Some(first) = taken.insert(file.to.clone(), file.from.clone()) {
                let mistake = Mistake::InstalledTwice { to: file.to, first, second: file.from };
                mistakes.add(span.clone(), mistake);
                break;
            }
            installed.push(file);
        }
    }
    installed.sort();
    installed
}
