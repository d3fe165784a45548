//! `[[program]]` and `[[library]]`: what each is made of, and the order in which they can be built.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use camino::{Utf8Path, Utf8PathBuf};
use toml::de::DeTable;

use super::mistake::Mistake;
use super::section::{Mistakes, Section, Text};
use super::{STANDARDS, plain_name};
use crate::files::FileTree;
use crate::glob::{self, Pattern, PatternError};
use crate::names;
use crate::project::{BuildTarget, Language, Source, TargetKind};

const PROGRAM_KEYS: &[&str] = &[
    "name",
    "sources",
    "exclude",
    "include",
    "defines",
    "std",
    "host-flags",
    "device-flags",
    "link-flags",
    "relocatable-device-code",
    "uses",
    "cuda-libraries",
    "pkg-config",
    "link",
    "link-dirs",
];
pub(super) const LIBRARY_KEYS: &[&str] = &[
    "name",
    "kind",
    "sources",
    "exclude",
    "include",
    "defines",
    "std",
    "host-flags",
    "device-flags",
    "link-flags",
    "relocatable-device-code",
    "uses",
    "cuda-libraries",
    "pkg-config",
    "link",
    "link-dirs",
];
const KINDS: [&str; 2] = ["static", "shared"];

/// What `[build]` and each target may both say: a target's list goes behind the one of `[build]`, its standard instead.
#[derive(Clone, Default)]
pub(super) struct Defaults {
    std: Option<String>,
    include: Vec<Utf8PathBuf>,
    defines: Vec<String>,
    host_flags: Vec<String>,
    device_flags: Vec<String>,
    link_flags: Vec<String>,
}

/// A target whose `uses` are not yet resolved.
pub(super) struct Draft {
    pub(super) target: BuildTarget,
    pub(super) name_span: Range<usize>,
    uses: Vec<Text>,
}

impl Defaults {
    pub(super) fn read(section: &Section<'_>, tree: &FileTree, mistakes: &mut Mistakes) -> Self {
        let std = section.text("std", mistakes);
        Self {
            std: std.and_then(|std| standard(std, mistakes)),
            include: folders(section, "include", tree, mistakes),
            defines: defines(section, mistakes),
            host_flags: flags(section, "host-flags", mistakes),
            device_flags: flags(section, "device-flags", mistakes),
            link_flags: flags(section, "link-flags", mistakes),
        }
    }

    fn with(&self, own: Self) -> Self {
        fn joined<T: Clone>(first: &[T], second: Vec<T>) -> Vec<T> {
            first.iter().cloned().chain(second).collect()
        }
        Self {
            std: own.std.or_else(|| self.std.clone()),
            include: joined(&self.include, own.include),
            defines: joined(&self.defines, own.defines),
            host_flags: joined(&self.host_flags, own.host_flags),
            device_flags: joined(&self.device_flags, own.device_flags),
            link_flags: joined(&self.link_flags, own.link_flags),
        }
    }
}

impl Draft {
    /// A `[[program]]`; `None` where it has no usable name.
    pub(super) fn program<'t>(
        table: &'t DeTable<'t>,
        span: Range<usize>,
        defaults: &Defaults,
        tree: &FileTree,
        mistakes: &mut Mistakes,
    ) -> Option<Self> {
        let section = Section::new("`[[program]]`", table, span, PROGRAM_KEYS, mistakes);
        Self::read(&section, TargetKind::Program, defaults, tree, mistakes)
    }

    /// A `[[library]]`; static unless it says otherwise.
    pub(super) fn library<'t>(
        table: &'t DeTable<'t>,
        span: Range<usize>,
        defaults: &Defaults,
        tree: &FileTree,
        mistakes: &mut Mistakes,
    ) -> Option<Self> {
        let section = Section::new("`[[library]]`", table, span, LIBRARY_KEYS, mistakes);
        let kind = match section.text("kind", mistakes) {
            Some(kind) if kind.get_ref() == "shared" => TargetKind::SharedLibrary,
            Some(kind) if kind.get_ref() != "static" => {
                let span = kind.span();
                let mistake =
                    Mistake::UnknownChoice { key: "kind", text: kind.into_inner(), choices: &KINDS };
                mistakes.add(span, mistake);
                TargetKind::StaticLibrary
            }
            _ => TargetKind::StaticLibrary,
        };
        Self::read(&section, kind, defaults, tree, mistakes)
    }

    fn read(
        section: &Section<'_>,
        kind: TargetKind,
        defaults: &Defaults,
        tree: &FileTree,
        mistakes: &mut Mistakes,
    ) -> Option<Self> {
        let name = section.needed_text("name", mistakes);
        let name_span = name.as_ref().map_or(0..0, Text::span);
        let name = name.and_then(|name| plain_name(name, "a target", mistakes));
        let reserved = name.clone().and_then(|name| Some((names::reserved(&name)?, name)));
        if let Some((reason, name)) = reserved {
            mistakes.add(name_span.clone(), Mistake::ReservedName { name, reason });
        }
        let sources = sources(section, name.as_deref(), tree, mistakes);
        let common = defaults.with(Defaults::read(section, tree, mistakes));
        let mut uses = section.texts("uses", mistakes);
        let mut seen = BTreeSet::new();
        uses.retain(|name| seen.insert(name.get_ref().clone()));
        let target = BuildTarget {
            name: name.clone().unwrap_or_default(),
            kind,
            sources,
            include: common.include,
            defines: common.defines,
            std: common.std,
            host_flags: common.host_flags,
            device_flags: common.device_flags,
            link_flags: common.link_flags,
            relocatable_device_code: section.boolean("relocatable-device-code", mistakes).unwrap_or(false),
            uses: uses.iter().map(|name| name.get_ref().clone()).collect(),
            cuda_libraries: libraries(section, "cuda-libraries", mistakes),
            pkg_config: libraries(section, "pkg-config", mistakes),
            link: libraries(section, "link", mistakes),
            link_dirs: folders(section, "link-dirs", tree, mistakes),
        };
        name.map(|_| Self { target, name_span, uses })
    }
}

fn standard(text: Text, mistakes: &mut Mistakes) -> Option<String> {
    if STANDARDS.contains(&text.get_ref().as_str()) {
        return Some(text.into_inner());
    }
    mistakes.add(text.span(), Mistake::Standard { text: text.get_ref().clone() });
    None
}

fn folders(section: &Section<'_>, key: &str, tree: &FileTree, mistakes: &mut Mistakes) -> Vec<Utf8PathBuf> {
    let mut folders = Vec::new();
    for text in section.texts(key, mistakes) {
        let path = text.get_ref().clone();
        match glob::relative(&path) {
            None => mistakes.add(text.span(), Mistake::Outside { path }),
            Some(folder) if !tree.has_folder(&folder) => {
                let known: BTreeSet<_> =
                    tree.paths().iter().flat_map(|path| path.ancestors().skip(1)).collect();
                let near =
                    names::nearest(&path, known.iter().map(|folder| folder.as_str())).map(str::to_owned);
                mistakes.add(text.span(), Mistake::NoFolder { path, near });
            }
            Some(folder) => folders.push(folder),
        }
    }
    folders
}

fn defines(section: &Section<'_>, mistakes: &mut Mistakes) -> Vec<String> {
    let mut defines = Vec::new();
    for text in section.texts("defines", mistakes) {
        let name = text.get_ref().split('=').next().unwrap_or_default();
        let reason = if text.get_ref().contains(char::is_whitespace) {
            Some("it has a space in it")
        } else if !names::is_identifier(name) {
            Some("what stands before `=` is no identifier")
        } else {
            None
        };
        match reason {
            Some(reason) => {
                let mistake = Mistake::Define { text: text.get_ref().clone(), reason };
                mistakes.add(text.span(), mistake);
            }
            None => defines.push(text.into_inner()),
        }
    }
    defines
}

fn flags(section: &Section<'_>, key: &str, mistakes: &mut Mistakes) -> Vec<String> {
    let texts = section.texts(key, mistakes);
    for text in &texts {
        let mut words = text.get_ref().split_whitespace();
        let several =
            words.next().is_some_and(|word| word.starts_with('-')) && words.any(|word| word.starts_with('-'));
        if several {
            mistakes.add(text.span(), Mistake::SeveralFlags { text: text.get_ref().clone() });
        }
    }
    texts.into_iter().map(Text::into_inner).collect()
}

fn libraries(section: &Section<'_>, key: &str, mistakes: &mut Mistakes) -> Vec<String> {
    let texts = section.texts(key, mistakes);
    for text in texts.iter().filter(|text| !names::is_library_name(text.get_ref())) {
        mistakes.add(text.span(), Mistake::LibraryName { text: text.get_ref().clone() });
    }
    texts.into_iter().map(Text::into_inner).collect()
}

/// The pattern that `text` is.
pub(super) fn pattern(text: &Text, tree: &FileTree, mistakes: &mut Mistakes) -> Option<Pattern> {
    let mistake = |error| {
        let text = text.get_ref().clone();
        match error {
            PatternError::Outside => Mistake::Outside { path: text },
            PatternError::Malformed(reason) => Mistake::Pattern { pattern: text, reason },
        }
    };
    mistakes.keep(text.span(), Pattern::parse(text.get_ref(), tree).map_err(mistake))
}

/// The files that a pattern means; none is a mistake.
pub(super) fn matching<'t>(
    pattern: &Pattern,
    text: &Text,
    tree: &'t FileTree,
    mistakes: &mut Mistakes,
) -> Vec<&'t Utf8Path> {
    let files = pattern.files(tree);
    if files.is_empty() {
        let (folder, near) = (pattern.is_folder(tree), pattern.near(tree));
        mistakes.add(text.span(), Mistake::NoMatch { pattern: text.get_ref().clone(), folder, near });
    }
    files
}

/// The files of `sources` without those of `exclude`, each once, sorted.
fn sources(
    section: &Section<'_>,
    target: Option<&str>,
    tree: &FileTree,
    mistakes: &mut Mistakes,
) -> Vec<Source> {
    if !section.has("sources") {
        section.missing("sources", mistakes);
    }
    let before = mistakes.0.len();
    let texts = section.texts("sources", mistakes);
    let mut found: BTreeMap<&Utf8Path, &Text> = BTreeMap::new();
    for text in &texts {
        let Some(pattern) = pattern(text, tree, mistakes) else { continue };
        for file in matching(&pattern, text, tree, mistakes) {
            found.entry(file).or_insert(text);
        }
    }
    let readable = mistakes.0.len() == before;
    for text in section.texts("exclude", mistakes) {
        let Some(pattern) = pattern(&text, tree, mistakes) else { continue };
        let count = found.len();
        found.retain(|file, _| !pattern.matches(file));
        // A pattern of `sources` that means nothing is mistake enough.
        if found.len() == count && readable {
            let pattern = text.get_ref().clone();
            mistakes.add(text.span(), Mistake::ExcludesNothing { pattern });
        }
    }
    if let (true, true, Some(value)) = (found.is_empty(), readable, section.value("sources")) {
        let mistake = if texts.is_empty() {
            Mistake::EmptyList { key: "sources" }
        } else {
            Mistake::NoSources { target: target.unwrap_or_default().to_owned() }
        };
        mistakes.add(value.span(), mistake);
    }
    let mut sources = Vec::new();
    let mut others: Vec<(&Text, Vec<&Utf8Path>)> = Vec::new();
    for (path, text) in found {
        match (Language::of(path), others.iter_mut().find(|(other, _)| std::ptr::eq(*other, text))) {
            (Some(language), _) => sources.push(Source { path: path.to_owned(), language }),
            (None, Some((_, paths))) => paths.push(path),
            (None, None) => others.push((text, vec![path])),
        }
    }
    for (text, paths) in others {
        let (path, pattern) = (paths[0].to_owned(), text.get_ref().clone());
        mistakes.add(text.span(), Mistake::NotASource { path, pattern, others: paths.len() - 1 });
    }
    sources
}

/// Checks names and `uses`, and puts each library before what uses it; apart from that the order of the text stays.
pub(super) fn in_dependency_order(drafts: Vec<Draft>, mistakes: &mut Mistakes) -> Vec<BuildTarget> {
    let mut index_of: BTreeMap<&str, usize> = BTreeMap::new();
    for (index, draft) in drafts.iter().enumerate() {
        let name = draft.target.name.as_str();
        match index_of.get(name) {
            Some(first) => {
                let mistake = Mistake::DuplicateName { name: name.to_owned() };
                mistakes.add_second(drafts[*first].name_span.clone(), draft.name_span.clone(), mistake);
            }
            None => drop(index_of.insert(name, index)),
        }
    }
    let mut uses: Vec<Vec<(usize, Range<usize>)>> = Vec::new();
    for draft in &drafts {
        let mut resolved = Vec::new();
        for text in &draft.uses {
            let name = text.get_ref();
            match index_of.get(name.as_str()) {
                Some(index) if drafts[*index].target.kind == TargetKind::Program => {
                    mistakes.add(text.span(), Mistake::UsesProgram { name: name.clone() });
                }
                Some(index) => resolved.push((*index, text.span())),
                None => {
                    let libraries = drafts.iter().filter(|draft| draft.target.kind != TargetKind::Program);
                    let near = names::nearest(name, libraries.map(|draft| draft.target.name.as_str()));
                    let near = near.map(str::to_owned);
                    mistakes.add(text.span(), Mistake::UnknownLibrary { name: name.clone(), near });
                }
            }
        }
        uses.push(resolved);
    }
    let order = order(&uses);
    if order.len() < drafts.len() {
        report_cycle(&drafts, &uses, &order, mistakes);
    }
    let mut targets: Vec<_> = drafts.into_iter().map(|draft| Some(draft.target)).collect();
    order.into_iter().filter_map(|index| targets[index].take()).collect()
}

/// Kahn's algorithm, always taking the first that is ready; what is left out lies on a circle or needs one that does.
fn order(uses: &[Vec<(usize, Range<usize>)>]) -> Vec<usize> {
    let mut waiting: Vec<usize> = uses.iter().map(Vec::len).collect();
    let mut needed_by = vec![Vec::new(); uses.len()];
    for (index, used) in uses.iter().enumerate() {
        for (library, _) in used {
            needed_by[*library].push(index);
        }
    }
    let mut ready: BTreeSet<usize> = (0..uses.len()).filter(|index| waiting[*index] == 0).collect();
    let mut order = Vec::new();
    while let Some(index) = ready.pop_first() {
        order.push(index);
        for user in &needed_by[index] {
            waiting[*user] -= 1;
            if waiting[*user] == 0 {
                ready.insert(*user);
            }
        }
    }
    order
}

/// Walks from the first target that could not be ordered until one comes a second time.
fn report_cycle(
    drafts: &[Draft],
    uses: &[Vec<(usize, Range<usize>)>],
    order: &[usize],
    mistakes: &mut Mistakes,
) {
    let ordered: BTreeSet<usize> = order.iter().copied().collect();
    let mut path: Vec<(usize, Range<usize>)> = Vec::new();
    let mut next = (0..drafts.len()).find(|index| !ordered.contains(index));
    while let Some(index) = next {
        if let Some(start) = path.iter().position(|(seen, _)| *seen == index) {
            let circle = path[start..].iter().map(|(index, _)| *index).chain([index]);
            let names = circle.map(|index| drafts[index].target.name.clone()).collect();
            let span = path.last().map_or(0..0, |(_, span)| span.clone());
            mistakes.add(span, Mistake::Cycle { names });
            return;
        }
        let step = uses[index].iter().find(|(used, _)| !ordered.contains(used));
        next = step.map(|(used, span)| {
            path.push((index, span.clone()));
            *used
        });
    }
}
