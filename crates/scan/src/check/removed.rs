//! CUDA API that later toolkits dropped: names from the table that the compatibility headers come with.

use std::collections::{BTreeSet, HashSet};
use std::sync::LazyLock;

use cuferry_arch::CudaRelease;
use cuferry_compat::{Kind, Removed, is_npp_removed, removed, removed_named};

use crate::matcher::Bounds;

/// The warp functions without a mask have a rule of their own.
fn is_wanted(entry: &Removed) -> bool {
    entry.kind != Kind::Header && !entry.name.starts_with("__")
}

/// Whether any entry has this name, told fast: most words are none.
pub(crate) fn is_name(word: &[u8]) -> bool {
    static NAMES: LazyLock<HashSet<&[u8]>> = LazyLock::new(|| {
        removed().iter().filter(|entry| is_wanted(entry)).map(|entry| entry.name.as_bytes()).collect()
    });
    NAMES.contains(word)
}

/// What to say of a function of NPP's that CUDA 13 took away, where `release` is no older.
pub(crate) fn npp(name: &[u8], release: CudaRelease) -> Option<String> {
    let name = str::from_utf8(name).ok().filter(|name| is_npp_removed(name))?;
    (release >= CudaRelease::new(13, 0)).then(|| {
        format!(
            "`{name}` was removed in CUDA 13.0; cuferry's compatibility header gives it back: by `{name}_Ctx`, which takes an \
             NppStreamContext"
        )
    })
}

fn is_npp(name: &[u8]) -> bool {
    str::from_utf8(name).is_ok_and(is_npp_removed)
}

/// Names, and for fields their structures, as words of which one is in every file that uses the API.
pub(crate) fn triggers() -> Vec<(String, Bounds)> {
    let words: BTreeSet<&str> = removed()
        .iter()
        .filter(|entry| is_wanted(entry))
        .map(|entry| entry.of.as_deref().unwrap_or(&entry.name))
        .collect();
    let whole = words.into_iter().map(|word| (word.to_owned(), Bounds::Word { start: true, end: true }));
    whole.chain([("npp".to_owned(), Bounds::Identifier(is_npp))]).collect()
}

/// The entry that a use of `name` means: as a field after `.` or `->`, else as anything but a field. `release` is the
/// toolkit that will compile; `mentions` tells whether the file mentions a structure.
pub(crate) fn entry(
    name: &str,
    is_member: bool,
    release: CudaRelease,
    mentions: impl Fn(&str) -> bool,
) -> Option<&'static Removed> {
    removed_named(name).iter().find(|entry| {
        let gone = entry.removed_in.parse::<CudaRelease>().is_ok_and(|removed| removed <= release);
        let fits = match (entry.kind, &entry.of) {
            _ if !is_wanted(entry) => false,
            (Kind::Field, Some(of)) => is_member && mentions(of),
            (Kind::Field, None) => false,
            _ => !is_member,
        };
        gone && fits
    })
}

/// The arguments of functions whose parameters changed, as CUDA 13 takes them: by name without `cu` or `cuda`. Where the
/// number is the old one too, the new type tells.
const NEW_FORMS: &[(&str, usize)] = &[
    ("CtxCreate", 4),
    ("GraphAddDependencies", 5),
    ("GraphAddNode", 6),
    ("GraphGetEdges", 5),
    ("GraphNodeGetDependencies", 4),
    ("GraphNodeGetDependentNodes", 4),
    ("GraphRemoveDependencies", 5),
    ("MemPrefetchAsync", 5),
    ("Memcpy3DBatchAsync", 4),
    ("MemcpyBatchAsync", 8),
    ("StreamGetCaptureInfo", 7),
    ("StreamUpdateCaptureDependencies", 5),
];

/// Whether a call with so many arguments is in the new form already.
pub(crate) fn is_new_form(entry: &Removed, arguments: usize, mentions: impl Fn(&str) -> bool) -> bool {
    let stem =
        entry.name.strip_prefix("cuda").or_else(|| entry.name.strip_prefix("cu")).unwrap_or(&entry.name);
    let by_number = NEW_FORMS.iter().any(|(name, new)| *name == stem && *new == arguments);
    let by_type = matches!(stem, "MemAdvise" | "MemPrefetchAsync")
        && (mentions("cudaMemLocation") || mentions("CUmemLocation"));
    entry.signature_changed && (by_number || by_type)
}

/// The sentence for a use.
pub(crate) fn message(entry: &Removed) -> String {
    let what = match (&entry.of, entry.signature_changed) {
        (Some(of), _) => format!("`{}` of `{of}` was removed in CUDA {}", entry.name, entry.removed_in),
        (None, true) => format!("`{}` takes other arguments since CUDA {}", entry.name, entry.removed_in),
        (None, false) => format!("`{}` was removed in CUDA {}", entry.name, entry.removed_in),
    };
    let instead = entry.instead.trim_end_matches('.');
    match (instead.is_empty(), entry.given_back) {
        (true, true) => format!("{what}; cuferry's compatibility header gives it back"),
        (true, false) => what,
        (false, true) => format!("{what}; cuferry's compatibility header gives it back: {instead}"),
        (false, false) => format!("{what}: {instead}"),
    }
}
