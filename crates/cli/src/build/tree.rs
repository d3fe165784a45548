//! A project's folder, read once before its build: what it needs, and which of cuferry's headers it will look for.

use std::fs::File;
use std::io::Read as _;
use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use camino::{Utf8Path, Utf8PathBuf};
use cuferry_compat::removed;
use cuferry_needs::{Needs, Wanted, is_skipped_folder, read, wanted};
use ignore::WalkBuilder;

use super::folder::RESULTS;

/// Where only a file's beginning is wanted: this much, in bytes.
const HEAD: u64 = 1 << 10;

/// What a project's own files say.
#[expect(clippy::struct_excessive_bools, reason = "each is an answer of its own")]
pub(crate) struct Tree {
    pub(crate) needs: Needs,
    /// Includes of CCCL (thrust, cub, libcu++), cooperative groups among them: in CUDA 13 they need C++17.
    pub(crate) uses_cccl: bool,
    /// Includes of ARM's own headers.
    pub(crate) uses_arm_headers: bool,
    /// Includes of NPP: its functions without a stream context go, release by release.
    pub(crate) uses_npp: bool,
    /// `__fp16` and `__bf16`, which gcc has on ARM alone.
    pub(crate) uses_arm_types: bool,
    /// Names that CUDA 13 removed, and headers of cuferry's give back: fields of structures among them, which no other
    /// place tells from fields of the same name.
    pub(crate) uses_removed_names: bool,
}

/// What makes [`Tree::uses_cccl`] true.
const CCCL: [&str; 5] = ["<thrust/", "<cub/", "<cuda/", "cooperative_groups", "<nv/target>"];
/// What makes [`Tree::uses_arm_headers`] true.
const ARM_HEADERS: [&str; 5] = ["arm_neon.h", "arm_acle.h", "arm_fp16.h", "arm_bf16.h", "arm_sve.h"];

/// What makes [`Tree::uses_npp`] true.
const NPP: [&str; 2] = ["<npp", "\"npp"];
/// What makes [`Tree::uses_arm_types`] true.
const ARM_TYPES: [&str; 2] = ["__fp16", "__bf16"];
/// The names of [`Tree::uses_removed_names`].
static REMOVED: LazyLock<AhoCorasick> = LazyLock::new(|| {
    let given_back = removed().iter().filter(|removed| removed.given_back);
    AhoCorasick::new(given_back.map(|removed| removed.name.as_str()))
        .expect("some hundred names are no large automaton")
});

/// Reads `root`. What cannot be read is left out: the build itself will say so if it matters.
pub(crate) fn look(root: &Utf8Path) -> Tree {
    let mut uses_cccl = false;
    let mut uses_arm_headers = false;
    let mut uses_arm_types = false;
    let mut uses_npp = false;
    let mut uses_removed_names = false;
    let files = files(root).into_iter().filter_map(|(path, whole)| {
        let bytes = contents(&root.join(&path), whole)?;
        let holds =
            |words: &[&str]| words.iter().any(|word| memchr::memmem::find(&bytes, word.as_bytes()).is_some());
        if whole {
            uses_cccl = uses_cccl || holds(&CCCL);
            uses_arm_headers = uses_arm_headers || holds(&ARM_HEADERS);
            uses_npp = uses_npp || holds(&NPP);
            uses_arm_types = uses_arm_types || holds(&ARM_TYPES);
            uses_removed_names = uses_removed_names || REMOVED.is_match(&bytes);
        }
        Some((path, bytes))
    });
    let needs = read(files);
    Tree { needs, uses_cccl, uses_arm_headers, uses_npp, uses_arm_types, uses_removed_names }
}

/// The files that say something, sorted, and whether they are read whole.
fn files(root: &Utf8Path) -> Vec<(Utf8PathBuf, bool)> {
    // What cuferry made itself: among it a database of compiles that it planned.
    let results = root.join(RESULTS);
    let walk = WalkBuilder::new(root)
        .standard_filters(false)
        .follow_links(false)
        .filter_entry(move |entry| {
            let folder = entry.file_type().is_some_and(|kind| kind.is_dir());
            entry.depth() == 0
                || !folder
                || entry.file_name().to_str().is_some_and(|name| !is_skipped_folder(name))
                    && entry.path() != results
        })
        .build();
    let mut files = Vec::new();
    for entry in walk.flatten() {
        if !entry.file_type().is_some_and(|kind| kind.is_file()) {
            continue;
        }
        let Some(path) = Utf8Path::from_path(entry.path()).and_then(|path| path.strip_prefix(root).ok())
        else {
            continue;
        };
        let Ok(metadata) = entry.metadata() else { continue };
        match wanted(path, metadata.len()) {
            Wanted::No => {}
            Wanted::Head => files.push((path.to_owned(), false)),
            Wanted::Whole => files.push((path.to_owned(), true)),
        }
    }
    files.sort_unstable();
    files
}

fn contents(path: &Utf8Path, whole: bool) -> Option<Vec<u8>> {
    if whole {
        return std::fs::read(path).ok();
    }
    let mut start = Vec::new();
    File::open(path).ok()?.take(HEAD).read_to_end(&mut start).ok()?;
    Some(start)
}
