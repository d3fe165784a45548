//! Names of CUDA's that not every release has: those that came after 11.8, and those that went (a table of `compat`).

use std::collections::HashSet;
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, MatchKind};
use cuferry_arch::CudaRelease;
use cuferry_compat::{Kind, Removed, removed};
use serde::Deserialize;

/// `data/api.toml`: what one release lacks and a later one has.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct NewNames {
    /// The release that lacks them.
    pub(crate) lacks: CudaRelease,
    /// A release that has them.
    pub(crate) has: CudaRelease,
    /// Class templates that are gone.
    pub(crate) templates: Vec<String>,
    /// Since when.
    pub(crate) templates_gone: CudaRelease,
    /// Long options of nvcc, without dashes.
    pub(crate) options: Vec<String>,
    /// Identifiers.
    pub(crate) names: Vec<String>,
    /// Headers.
    pub(crate) headers: HashSet<String>,
}

static NEW: LazyLock<NewNames> = LazyLock::new(|| {
    toml::from_str(include_str!("../data/api.toml")).expect("data/api.toml is checked by a test")
});

/// What an identifier in a source says.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Meaning {
    /// It came after this release.
    New {
        /// The newest release known to lack it.
        lacks: CudaRelease,
    },
    /// It went.
    Gone(&'static Removed),
    /// It went, and was a class template: only before `<` is it CUDA's.
    Template {
        /// The first release without it.
        since: CudaRelease,
    },
}

/// Finds names of both kinds in sources.
#[derive(Debug)]
pub(crate) struct Finder {
    /// All names, at any place: whether a whole identifier stands there is for the caller to see.
    pub(crate) automaton: AhoCorasick,
    /// By the automaton's pattern.
    pub(crate) meanings: Vec<Meaning>,
}

static FINDER: LazyLock<Finder> = LazyLock::new(|| {
    let lacks = NEW.lacks;
    let new = NEW.names.iter().map(|name| (name.as_str(), Meaning::New { lacks }));
    let since = NEW.templates_gone;
    let templates = NEW.templates.iter().map(|name| (name.as_str(), Meaning::Template { since }));
    // A field's name alone says nothing (`clockRate`), a header is found by its `#include`, and a call is not told from
    // its like with other parameters.
    let told = |row: &&Removed| {
        !matches!(row.kind, Kind::Field | Kind::Header) && !row.signature_changed && !is_intrinsic(&row.name)
    };
    let gone = removed().iter().filter(told).map(|row| (row.name.as_str(), Meaning::Gone(row)));
    let rows: Vec<(&str, Meaning)> = gone.chain(new).chain(templates).collect();
    let automaton = AhoCorasick::builder()
        .match_kind(MatchKind::LeftmostLongest)
        .build(rows.iter().map(|(name, _)| name))
        .expect("a few thousand short names are no large automaton");
    Finder { automaton, meanings: rows.into_iter().map(|(_, meaning)| meaning).collect() }
});

/// Device functions without a mask, such as `__shfl`: no release has them for GPUs since 7.0, so that another toolkit does
/// not help. (CUDA 11.8's `sm_30_intrinsics.h` has them where `__CUDA_ARCH__ < 700`.)
pub(crate) fn is_intrinsic(name: &str) -> bool {
    name.starts_with("__")
}

/// The finder of all names.
pub(crate) fn finder() -> &'static Finder {
    &FINDER
}

/// The names that came.
pub(crate) fn new_names() -> &'static NewNames {
    &NEW
}

/// When a row of `compat`'s went.
pub(crate) fn removed_in(row: &Removed) -> Option<CudaRelease> {
    row.removed_in.parse().ok()
}

/// The row of a header that went.
pub(crate) fn gone_header(header: &str) -> Option<&'static Removed> {
    cuferry_compat::removed_named(header).iter().find(|row| row.kind == Kind::Header)
}

/// A structure, a finder of its fields that went, and their rows by the finder's pattern.
type Fields = (&'static str, AhoCorasick, Vec<&'static Removed>);

static FIELDS: LazyLock<Vec<Fields>> = LazyLock::new(|| {
    let fields = || removed().iter().filter(|row| row.kind == Kind::Field && !row.signature_changed);
    let structures: std::collections::BTreeSet<&str> = fields().filter_map(|row| row.of.as_deref()).collect();
    let of = |structure: &'static str| {
        let rows: Vec<_> = fields().filter(|row| row.of.as_deref() == Some(structure)).collect();
        let finder = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .build(rows.iter().map(|row| &row.name))
            .expect("a few names are no large automaton");
        (structure, finder, rows)
    };
    structures.into_iter().map(of).collect()
});

/// The fields that went, by structure.
pub(crate) fn fields() -> &'static [Fields] {
    &FIELDS
}
