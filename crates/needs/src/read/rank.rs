//! Which of a project's builds to start.

use camino::{Utf8Path, Utf8PathBuf};
use std::collections::BTreeSet;

use super::collector::{Candidate, Collector};
use crate::build::{Build, BuildKind};

impl Collector {
    /// The builds, best first: those in the project's own folder before those below, those that compile CUDA before others,
    /// CMake before make, since it leaves the sources alone.
    pub(crate) fn rank_builds(&mut self) {
        let mut candidates = std::mem::take(&mut self.builds);
        candidates.retain(|candidate| candidate.useful);
        for candidate in &mut candidates {
            let below = match candidate.build.kind {
                BuildKind::CMake { .. } => &self.cuda_cmake,
                _ => &self.cuda_make,
            };
            candidate.build.cuda |= candidate.descends && has_below(below, &candidate.build.folder);
        }
        let cuda_anywhere = candidates.iter().any(|candidate| candidate.build.cuda);
        candidates.sort_by(|left, right| key(left).cmp(&key(right)));
        candidates.dedup_by(|later, earlier| same(&later.build, &earlier.build));
        if candidates.is_empty() {
            self.needs.builds = self.plain().into_iter().collect();
            return;
        }
        let all: Vec<Build> = candidates.into_iter().map(|candidate| candidate.build).collect();
        self.needs.builds = all.iter().map(|build| explained(build, &all, cuda_anywhere)).collect();
    }

    /// Sources that no build file goes with.
    fn plain(&self) -> Option<Build> {
        let mut folders = self.cuda_folders.iter();
        let first = folders.next()?.clone();
        let common = folders.fold(first, |common, folder| {
            common
                .ancestors()
                .find(|ancestor| folder.starts_with(ancestor))
                .unwrap_or(Utf8Path::new(""))
                .to_owned()
        });
        let reasons = vec!["there is no build file".to_owned()];
        Some(Build { kind: BuildKind::Sources, folder: common, file: None, cuda: true, reasons })
    }
}

fn has_below(folders: &BTreeSet<Utf8PathBuf>, folder: &Utf8Path) -> bool {
    folders.range(folder.to_owned()..).take_while(|other| other.starts_with(folder)).next().is_some()
}

fn depth(folder: &Utf8Path) -> usize {
    folder.components().count()
}

fn rank(kind: &BuildKind) -> u8 {
    match kind {
        BuildKind::CMake { .. } => 0,
        BuildKind::Make { .. } => 1,
        BuildKind::Autotools { made: true } => 2,
        BuildKind::Autotools { made: false } => 3,
        BuildKind::Meson => 4,
        BuildKind::Bazel => 5,
        BuildKind::Python => 6,
        BuildKind::CompileCommands => 7,
        BuildKind::Sources => 8,
    }
}

/// Examples and tests are not what a project is for.
fn is_aside(folder: &Utf8Path) -> bool {
    const ASIDE: &[&str] = &[
        "third_party",
        "thirdparty",
        "3rdparty",
        "external",
        "extern",
        "deps",
        "vendor",
        "submodules",
        "docs",
        "doc",
        "cmake",
        "scripts",
        "tools",
        "test",
        "tests",
        "benchmark",
        "python",
        "docker",
    ];
    folder.components().any(|part| ASIDE.contains(&part.as_str()))
}

fn key(candidate: &Candidate) -> (bool, bool, usize, bool, u8, &Utf8Path) {
    let build = &candidate.build;
    let aside = is_aside(&build.folder);
    // A build without CUDA comes after all with it, unless it stands above them and may well lead there.
    let leads = candidate.descends && build.folder.as_str().is_empty();
    let unrelated = !build.cuda && !leads;
    (aside, unrelated, depth(&build.folder), !build.cuda, rank(&build.kind), &build.folder)
}

/// Two files of one way to build: `configure` and what it is made of.
fn same(left: &Build, right: &Build) -> bool {
    let autotools = |build: &Build| matches!(build.kind, BuildKind::Autotools { .. });
    left.folder == right.folder && (left.kind == right.kind || autotools(left) && autotools(right))
}

fn explained(build: &Build, all: &[Build], cuda_anywhere: bool) -> Build {
    let mut build = build.clone();
    let place =
        if build.folder.as_str().is_empty() { "lies in the project's own folder" } else { "lies below it" };
    build.reasons.push(place.to_owned());
    if cuda_anywhere {
        let cuda = if build.cuda { "compiles CUDA" } else { "says nothing of CUDA" };
        build.reasons.push(cuda.to_owned());
    }
    let beside = all.iter().filter(|other| other.folder == build.folder && other.kind != build.kind);
    match build.kind {
        BuildKind::CMake { .. } if beside.clone().next().is_some() => {
            build.reasons.push("builds outside the sources".to_owned());
        }
        BuildKind::Make { .. }
            if beside.clone().any(|other| matches!(other.kind, BuildKind::CMake { .. })) =>
        {
            build.reasons.push("builds among the sources".to_owned());
        }
        BuildKind::CompileCommands => build.reasons.push("repeats what another build did".to_owned()),
        _ => {}
    }
    build
}
