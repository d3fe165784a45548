//! What one file alone does not tell: whether the project itself gives a name its meaning, or has what a rule is about.

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};

use crate::clike::lex::{Kind, lex};
use crate::clike::preprocess::preprocess;
use crate::{FileReport, Language, Options, Rule};

/// The findings that the rest of the project answers, as places in `reports` and in [`FileReport::findings`]:
///
/// - a name that a header defines for x86_64 which the file includes, directly or not ([`FileReport::own_names`]);
/// - a Python module that is part of the project ([`Rule::module`]);
/// - a build file beside which no source includes what the rule is about ([`Rule::near`]).
///
/// `reports` are all files of one scan. `read` gives the bytes of the file at a place in it again: few are asked for, those
/// whose includes matter.
pub fn answered(
    reports: &[&FileReport],
    options: &Options,
    read: &dyn Fn(usize) -> Option<Vec<u8>>,
) -> BTreeSet<(usize, usize)> {
    let project = Project::new(reports, options, read);
    let mut answered = BTreeSet::new();
    let mut folders = None;
    for (file, report) in reports.iter().enumerate() {
        for (at, finding) in report.findings.iter().enumerate() {
            let Some(rule) = options.rules.get(&finding.rule) else { continue };
            let far = !rule.near.is_empty()
                && !folders.get_or_insert_with(|| Folders::new(reports)).are_near(&report.path, rule);
            if far || rule.module && project.has_module(&finding.text) || project.defines(file, &finding.text)
            {
                answered.insert((file, at));
            }
        }
    }
    answered
}

struct Project<'a> {
    reports: &'a [&'a FileReport],
    options: &'a Options,
    read: &'a dyn Fn(usize) -> Option<Vec<u8>>,
    /// The files that define a name which rules know.
    givers: BTreeMap<&'a str, BTreeSet<usize>>,
    /// Sources by the last part of their paths; filled where some file is a giver.
    named: BTreeMap<&'a str, Vec<usize>>,
    /// What a file includes, itself or through others.
    reached: RefCell<BTreeMap<usize, BTreeSet<usize>>>,
    includes: RefCell<BTreeMap<usize, Vec<usize>>>,
    /// The Python modules that are here; filled where a finding asks.
    modules: OnceCell<BTreeMap<String, Vec<Utf8PathBuf>>>,
}

impl<'a> Project<'a> {
    fn new(
        reports: &'a [&'a FileReport],
        options: &'a Options,
        read: &'a dyn Fn(usize) -> Option<Vec<u8>>,
    ) -> Self {
        let mut givers: BTreeMap<&str, BTreeSet<usize>> = BTreeMap::new();
        for (file, report) in reports.iter().enumerate() {
            for name in &report.own_names {
                givers.entry(name).or_default().insert(file);
            }
        }
        let mut named: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        if !givers.is_empty() {
            for (file, report) in reports.iter().enumerate().filter(|(_, report)| is_source(report)) {
                named.entry(report.path.file_name().unwrap_or_default()).or_default().push(file);
            }
        }
        Self {
            reports,
            options,
            read,
            givers,
            named,
            reached: RefCell::default(),
            includes: RefCell::default(),
            modules: OnceCell::new(),
        }
    }

    fn defines(&self, file: usize, name: &str) -> bool {
        let Some(givers) = self.givers.get(name).filter(|_| is_source(self.reports[file])) else {
            return false;
        };
        let mut reached = self.reached.borrow_mut();
        !reached.entry(file).or_insert_with(|| self.reach(file)).is_disjoint(givers)
    }

    fn reach(&self, file: usize) -> BTreeSet<usize> {
        let mut reached = BTreeSet::new();
        let mut open = vec![file];
        while let Some(next) = open.pop() {
            let mut includes = self.includes.borrow_mut();
            let found = includes.entry(next).or_insert_with(|| self.included(next));
            open.extend(found.iter().copied().filter(|file| reached.insert(*file)));
        }
        reached
    }

    /// The files of the project that an x86_64 build includes, or may include, at `file`'s directives.
    fn included(&self, file: usize) -> Vec<usize> {
        let report = self.reports[file];
        let Some(source) = (self.read)(file).filter(|source| source.len() as u64 <= self.options.max_bytes)
        else {
            return Vec::new();
        };
        let tokens = lex(&source);
        let cplusplus = report.language != Some(Language::C);
        let preprocessed = preprocess(&source, &tokens, cplusplus, self.options.toolkit);
        let live = preprocessed
            .includes
            .iter()
            .filter(|include| include.kind == Kind::Str && !preprocessed.map.at(include.start).is_dead());
        let paths = live.filter_map(|include| {
            let (start, end) = include.inside(&source);
            str::from_utf8(&source[start..end]).ok()
        });
        paths.flat_map(|path| self.resolve(&report.path, Utf8Path::new(path))).collect()
    }

    /// The file beside `from`, else all those to which some include folder may lead.
    fn resolve(&self, from: &Utf8Path, include: &Utf8Path) -> Vec<usize> {
        let same_name = self.named.get(include.file_name().unwrap_or_default());
        let same_name = same_name.map_or(&[][..], Vec::as_slice);
        let beside = plain(&from.parent().unwrap_or(Utf8Path::new("")).join(include));
        if let Some(file) = same_name.iter().find(|file| plain(&self.reports[**file].path) == beside) {
            return vec![*file];
        }
        let up = |part: &camino::Utf8Component<'_>| part.as_str() == ".." || part.as_str() == ".";
        let tail: Utf8PathBuf = include.components().skip_while(up).collect();
        same_name.iter().copied().filter(|file| self.reports[*file].path.ends_with(&tail)).collect()
    }

    fn has_module(&self, module: &str) -> bool {
        let path = Utf8PathBuf::from(module.replace('.', "/"));
        let modules = self.modules.get_or_init(|| modules(self.reports));
        let same_name = modules.get(path.file_name().unwrap_or_default());
        same_name.is_some_and(|modules| modules.iter().any(|module| module.ends_with(&path)))
    }
}

/// The modules that the files of a project are, by the last parts of their names: `a/b` of `a/b.py` and `a/b/__init__.py`.
fn modules(reports: &[&FileReport]) -> BTreeMap<String, Vec<Utf8PathBuf>> {
    let mut modules: BTreeMap<String, Vec<Utf8PathBuf>> = BTreeMap::new();
    for path in reports.iter().map(|report| &report.path).filter(|path| path.extension() == Some("py")) {
        let module = match path.file_name() {
            Some("__init__.py") => path.parent().map(Utf8Path::to_owned),
            _ => Some(path.with_extension("")),
        };
        let Some(module) = module else { continue };
        modules.entry(module.file_name().unwrap_or_default().to_owned()).or_default().push(module);
    }
    modules
}

fn is_source(report: &FileReport) -> bool {
    report.language.is_some_and(Language::is_c_like)
}

/// Without `.` and `..`.
fn plain(path: &Utf8Path) -> Utf8PathBuf {
    let mut plain = Utf8PathBuf::new();
    for part in path.components() {
        match part.as_str() {
            "." => {}
            ".." if plain.file_name().is_some() => {
                plain.pop();
            }
            part => plain.push(part),
        }
    }
    plain
}

/// What the sources in and below each folder include, of the headers that rules ask for.
struct Folders<'a>(BTreeMap<&'a Utf8Path, BTreeSet<&'a str>>);

impl<'a> Folders<'a> {
    fn new(reports: &[&'a FileReport]) -> Self {
        let mut folders: BTreeMap<&Utf8Path, BTreeSet<&str>> = BTreeMap::new();
        for report in reports.iter().filter(|report| is_source(report)) {
            for folder in report.path.ancestors().skip(1) {
                folders.entry(folder).or_default().extend(report.headers.iter().map(String::as_str));
            }
        }
        Self(folders)
    }

    /// Whether a source includes one of the rule's headers: in the innermost folder around `path` that has sources. Where
    /// there are none at all it is not known, and taken for true.
    fn are_near(&self, path: &Utf8Path, rule: &Rule) -> bool {
        let around = path.ancestors().skip(1).find_map(|folder| self.0.get(folder));
        around.is_none_or(|headers| rule.near.iter().any(|header| headers.contains(header.as_str())))
    }
}
