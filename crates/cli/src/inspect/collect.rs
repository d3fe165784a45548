//! From paths to a report: every file that matters in every artifact, with its inventory and its verdicts.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use cuferry_artifact::{Artifact, ArtifactError, ArtifactKind, ImageInfo, Node, NodeKind, Problem, Tree};
use cuferry_inspect::inventory::{Form, HostPart, Inventory};
use cuferry_inspect::origin::{self, Origin};
use cuferry_inspect::read::{self, Effort};
use cuferry_inspect::resolve::{self, Folders, Needed, Place};
use cuferry_inspect::{Verdict, verdict};
use rayon::prelude::*;

use super::candidate::{Members, is_candidate, path_of};
use super::question::Questions;

/// The longest configuration file of a root that is read, in bytes.
const MAX_TEXT: u64 = 1 << 20;

/// All that was found.
pub(crate) struct Report {
    pub(crate) questions: Questions,
    pub(crate) artifacts: Vec<ArtifactReport>,
}

/// One path of the command line.
pub(crate) struct ArtifactReport {
    pub(crate) path: Utf8PathBuf,
    pub(crate) kind: ArtifactKind,
    pub(crate) trees: Vec<TreeReport>,
    /// What was left out, in words.
    pub(crate) problems: Vec<String>,
}

/// One file system of an artifact.
pub(crate) struct TreeReport {
    pub(crate) label: Option<String>,
    pub(crate) image: Option<ImageInfo>,
    pub(crate) origin: Option<Origin>,
    /// What is a program, a library or device code, by path.
    pub(crate) files: Vec<FileReport>,
    /// How many files are none of these.
    pub(crate) others: usize,
    /// Files that could not be opened: the path and why.
    pub(crate) failures: Vec<(String, String)>,
}

/// One file.
pub(crate) struct FileReport {
    pub(crate) path: String,
    pub(crate) inventory: Inventory,
    /// Where its libraries are; none where there is no place to look.
    pub(crate) needed: Option<Vec<Needed>>,
    pub(crate) origin: Option<Origin>,
    /// One for each question, in their order.
    pub(crate) verdicts: Vec<Verdict>,
}

/// Looks into every artifact.
pub(crate) fn collect(artifacts: &[Artifact], questions: Questions, effort: Effort) -> Report {
    let reports = artifacts.iter().map(|artifact| ArtifactReport {
        path: artifact.path.clone(),
        kind: artifact.kind.clone(),
        trees: artifact.trees.iter().map(|tree| tree_report(artifact, tree, &questions, effort)).collect(),
        problems: artifact.problems().iter().map(problem).collect(),
    });
    let artifacts = reports.collect();
    Report { questions, artifacts }
}

/// What an artifact left out.
fn problem(problem: &Problem) -> String {
    let examples = problem.examples.join(", ");
    let more = problem.count.saturating_sub(problem.examples.len() as u64);
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    format!("{}: {examples}{more}", problem.kind)
}

fn tree_report(artifact: &Artifact, tree: &Tree, questions: &Questions, effort: Effort) -> TreeReport {
    let surroundings = Surroundings::of(artifact, tree);
    let looked: Vec<Looked> = tree
        .nodes()
        .par_iter()
        .filter(|node| matches!(node.kind, NodeKind::File { .. }))
        .map(|node| look(tree, node, &surroundings, questions, effort))
        .collect();
    let mut report = TreeReport {
        label: tree.label.clone(),
        image: tree.image.clone(),
        origin: surroundings.origin.clone(),
        files: Vec::new(),
        others: 0,
        failures: Vec::new(),
    };
    for looked in looked {
        match looked {
            Looked::File(file) => report.files.push(*file),
            Looked::Other => report.others += 1,
            Looked::Failed(path, why) => report.failures.push((path, why)),
        }
    }
    report
}

enum Looked {
    File(Box<FileReport>),
    Other,
    Failed(String, String),
}

fn look(
    tree: &Tree,
    node: &Node,
    surroundings: &Surroundings<'_>,
    questions: &Questions,
    effort: Effort,
) -> Looked {
    let inventory = match inventory(tree, node, surroundings.path, effort) {
        Ok(Some(inventory)) => inventory,
        Ok(None) => return Looked::Other,
        Err(error) => return Looked::Failed(node.path.clone(), error.to_string()),
    };
    let needed = inventory.host.as_ref().and_then(|host| surroundings.needed(tree, &node.path, host));
    let verdicts = questions.asked.iter().map(|asked| verdict(&inventory, &asked.question)).collect();
    let origin = origin::of_file(&inventory);
    Looked::File(Box::new(FileReport { path: node.path.clone(), inventory, needed, origin, verdicts }))
}

fn inventory(
    tree: &Tree,
    node: &Node,
    path: Option<&Utf8Path>,
    effort: Effort,
) -> Result<Option<Inventory>, ArtifactError> {
    if matches!(node.kind, NodeKind::File { size: 0 }) {
        return Ok(read::placeholder(node.name()));
    }
    if !is_candidate(tree, node)? {
        return Ok(None);
    }
    let bytes = tree.bytes(node)?;
    let members = Members::of(tree, node, path, &bytes);
    Ok(read::inventory(&bytes, &members.sources(&bytes), effort))
}

/// What the loader would find around a file.
struct Surroundings<'a> {
    kind: SurroundingsKind,
    origin: Option<Origin>,
    /// On disk, where the file is all of its artifact.
    path: Option<&'a Utf8Path>,
}

enum SurroundingsKind {
    /// A single file: nothing around it is known.
    Nothing,
    /// A whole root: the loader's own rules hold.
    Root(Folders),
    /// A package or a folder: a library counts as found wherever in it it lies.
    Names(BTreeMap<String, String>),
}

impl<'a> Surroundings<'a> {
    fn of(artifact: &'a Artifact, tree: &Tree) -> Self {
        let environment = tree.image.iter().flat_map(|image| image.env.iter().map(String::as_str));
        let release = text_of(tree, "etc/nv_tegra_release");
        let origin = origin::of_root(release.as_deref(), environment);
        let kind = match &artifact.kind {
            ArtifactKind::File => SurroundingsKind::Nothing,
            kind if *kind == ArtifactKind::Root || kind.is_image() => {
                let folders = tree.image.as_ref().and_then(|image| image.variable("LD_LIBRARY_PATH"));
                let folders = folders.into_iter().flat_map(|value| value.split(':'));
                let environment =
                    folders.filter(|folder| folder.starts_with('/')).map(str::to_owned).collect();
                SurroundingsKind::Root(Folders { environment, configured: configured(tree) })
            }
            _ => {
                let files = tree.files().filter(|node| !matches!(node.kind, NodeKind::Directory));
                SurroundingsKind::Names(
                    files.map(|node| (node.name().to_owned(), format!("/{}", node.path))).collect(),
                )
            }
        };
        Self { kind, origin, path: path_of(artifact) }
    }

    fn needed(&self, tree: &Tree, path: &str, host: &HostPart) -> Option<Vec<Needed>> {
        match &self.kind {
            SurroundingsKind::Nothing => None,
            SurroundingsKind::Root(folders) => {
                let is_file = |path: &str| {
                    let node = tree.resolve(path.trim_start_matches('/'));
                    node.is_some_and(|node| matches!(node.kind, NodeKind::File { .. }))
                };
                Some(resolve::resolve(host, &format!("/{path}"), folders, is_file))
            }
            SurroundingsKind::Names(names) => {
                let folders = Folders::default();
                let mut needed = resolve::resolve(host, &format!("/{path}"), &folders, |_| false);
                for library in needed.iter_mut().filter(|library| library.place == Place::Missing) {
                    match names.get(&library.name) {
                        Some(path) => library.place = Place::At(path.clone()),
                        None if resolve::is_system(&library.name) => library.place = Place::System,
                        None => {}
                    }
                }
                Some(needed)
            }
        }
    }
}

/// The folders that `/etc/ld.so.conf` names; the files that it includes are patterns of one folder in all distributions.
pub(crate) fn configured(tree: &Tree) -> Vec<String> {
    let (mut folders, includes) = resolve::ld_so_conf(&text_of(tree, "etc/ld.so.conf").unwrap_or_default());
    for include in includes {
        let pattern = if include.starts_with('/') { include } else { format!("/etc/{include}") };
        let Some((folder, name)) = pattern.rsplit_once('/') else { continue };
        let Some((before, after)) = name.split_once('*') else {
            folders.extend(resolve::ld_so_conf(&text_of(tree, &pattern).unwrap_or_default()).0);
            continue;
        };
        let inside = format!("{}/", folder.trim_start_matches('/'));
        for node in tree.files() {
            let name = node.path.strip_prefix(&inside).filter(|name| !name.contains('/'));
            if name.is_some_and(|name| name.starts_with(before) && name.ends_with(after)) {
                folders.extend(resolve::ld_so_conf(&text_of(tree, &node.path).unwrap_or_default()).0);
            }
        }
    }
    folders
}

/// A small text file of a root.
fn text_of(tree: &Tree, path: &str) -> Option<String> {
    let node = tree.resolve(path.trim_start_matches('/'))?;
    match node.kind {
        NodeKind::File { size } if size <= MAX_TEXT => {
            Some(String::from_utf8_lossy(&tree.bytes(node).ok()?).into_owned())
        }
        _ => None,
    }
}

impl Report {
    /// Whether anything runs on any GPU that was asked about. Files without device code count where there are no others.
    pub(crate) fn runs(&self) -> bool {
        let files = || self.artifacts.iter().flat_map(ArtifactReport::files);
        let counted = files().any(FileReport::counts);
        let mut counting = files().filter(|file| !counted || file.counts());
        counting.any(|file| file.verdicts.iter().any(|verdict| verdict.outcome.runs()))
    }

    /// How many files were inspected.
    pub(crate) fn len(&self) -> usize {
        self.artifacts.iter().flat_map(ArtifactReport::files).count()
    }
}

impl ArtifactReport {
    /// The files of all its trees.
    pub(crate) fn files(&self) -> impl Iterator<Item = &FileReport> {
        self.trees.iter().flat_map(|tree| &tree.files)
    }

    /// Whether it is a single file, and not something that holds files.
    pub(crate) fn is_file(&self) -> bool {
        self.kind == ArtifactKind::File
    }
}

impl FileReport {
    /// Whether the file decides if an artifact runs: what has device code, or is nothing but a placeholder for it.
    pub(crate) fn counts(&self) -> bool {
        self.inventory.has_device_code() || self.inventory.form == Form::Placeholder
    }
}
