//! The entries of a file in the order and under the names that `cuobjdump -lelf -lptx` gives them, and `-xelf all` writes.
//!
//! Measured with cuobjdump 13.5. Two things differ on purpose: it cuts names with blanks short from the second entry on,
//! and it passes over containers outside `.nv_fatbin` and `__nv_relfatbin`, which [`Scope::All`] names too.

use std::collections::{BTreeMap, BTreeSet};

use cuferry_arch::{Flavor, GpuArch};
use cuferry_binfmt::device::{FATBIN_SECTION, Place, RELOCATABLE_SECTION};

use crate::inventory::CodeKind;
use crate::source::{Body, Item, Source};

/// How much is listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// What `cuobjdump` lists.
    Cuobjdump,
    /// What `cuobjdump -res-usage` goes through: in the same containers also what it lists under no name.
    CuobjdumpBlocks,
    /// What `cuobjdump -all` lists, and what it passes over.
    All,
}

/// A line of the list.
#[derive(Clone, Debug)]
pub enum Line<'data> {
    /// An archive's member begins.
    Member(String),
    /// An entry.
    Entry(Box<Listed<'data>>),
}

/// An entry under its name.
#[derive(Clone, Debug)]
pub struct Listed<'data> {
    /// `ELF`, `PTX`, or what cuobjdump has no word for: `LTO`, `TILE`, `???`.
    pub label: &'static str,
    /// Counts the entries of this label, from 1.
    pub number: usize,
    /// `k.1.sm_80.cubin`. Names repeat where sources left theirs in the entries: see [`file_names`].
    pub name: String,
    /// Where the bytes are.
    pub item: Item<'data>,
}

/// A file's list.
#[derive(Clone, Debug)]
pub struct Listing<'data> {
    /// In cuobjdump's order.
    pub lines: Vec<Line<'data>>,
    /// How many entries the scope left out.
    pub left_out: usize,
}

/// The list of a file that is called `file_name`.
pub fn list<'data>(file_name: &str, sources: &[Source<'data>], scope: Scope) -> Listing<'data> {
    let mut namer = Namer { stem: stem(file_name).replace(' ', "-"), counts: Vec::new() };
    let mut listing = Listing { lines: Vec::new(), left_out: 0 };
    for source in sources {
        if let Some(member) = &source.member {
            listing.lines.push(Line::Member(member.clone()));
        }
        let (seen, unseen) = split(source, scope);
        listing.left_out += unseen;
        for item in seen {
            let listed = namer.name(item);
            if scope != Scope::Cuobjdump || matches!(listed.label, "ELF" | "PTX") {
                listing.lines.push(Line::Entry(Box::new(listed)));
            } else {
                listing.left_out += 1;
            }
        }
    }
    listing
}

/// The items that the scope covers, in its order, and how many it does not.
fn split<'a, 'data>(source: &'a Source<'data>, scope: Scope) -> (Vec<&'a Item<'data>>, usize) {
    let of = |wanted: Class| source.items.iter().filter(move |item| class(item) == wanted);
    let any = |wanted: Class| of(wanted).next().is_some();
    let seen: Vec<_> = match scope {
        Scope::All => of(Class::Linked).chain(of(Class::Relocatable)).chain(of(Class::Elsewhere)).collect(),
        _ if any(Class::Linked) => of(Class::Linked).collect(),
        _ if any(Class::Relocatable) => of(Class::Relocatable).collect(),
        // With neither section, cuobjdump follows the wrappers, too.
        _ => of(Class::Elsewhere).filter(|item| item.wrapped).collect(),
    };
    let left_out = source.items.len() - seen.len();
    (seen, left_out)
}

/// By what decides whether cuobjdump sees it.
#[derive(PartialEq, Eq)]
enum Class {
    /// In `.nv_fatbin`, or the file itself.
    Linked,
    /// In `__nv_relfatbin`.
    Relocatable,
    /// Anywhere else.
    Elsewhere,
}

fn class(item: &Item<'_>) -> Class {
    match item.place {
        Place::File | Place::Section { name: FATBIN_SECTION, .. } => Class::Linked,
        Place::Section { name: RELOCATABLE_SECTION, .. } => Class::Relocatable,
        Place::Section { .. } | Place::Segment { .. } => Class::Elsewhere,
    }
}

struct Namer {
    stem: String,
    counts: Vec<(&'static str, usize)>,
}

impl Namer {
    fn name<'data>(&mut self, item: &Item<'data>) -> Listed<'data> {
        let (label, extension) = match item.kind() {
            CodeKind::Ptx => ("PTX", "ptx"),
            CodeKind::Sass => ("ELF", "cubin"),
            CodeKind::LtoIr => ("LTO", "ltoir"),
            CodeKind::TileIr => ("TILE", "tileir"),
            CodeKind::Unknown(_) => ("???", "bin"),
        };
        let number = self.count(label);
        let arch = item.arch().map_or_else(|| "sm_0".to_owned(), |arch| spell(arch, item.kind()));
        let identifier = match &item.body {
            Body::Entry(entry) => entry.identifier.map(String::from_utf8_lossy),
            Body::Image(_) => None,
        };
        let name = match identifier {
            _ if item.is_file() => format!("{}.{arch}.{extension}", self.stem),
            Some(identifier) if !identifier.is_empty() => {
                let base = identifier.rsplit('/').next().unwrap_or_default();
                format!("{}.{arch}.{extension}", stem(base).replace(' ', "-"))
            }
            _ => format!("{}.{number}.{arch}.{extension}", self.stem),
        };
        Listed { label, number, name, item: item.clone() }
    }

    /// The next number of a label.
    fn count(&mut self, label: &'static str) -> usize {
        if let Some((_, count)) = self.counts.iter_mut().find(|(known, _)| *known == label) {
            *count += 1;
            return *count;
        }
        self.counts.push((label, 1));
        1
    }
}

/// `sm_90a`. Of a family, cuobjdump shows the `f` on PTX only.
fn spell(arch: GpuArch, kind: CodeKind) -> String {
    match (arch.flavor(), kind) {
        (Flavor::Family, kind) if kind != CodeKind::Ptx => GpuArch::base(arch.number()).real(),
        _ => arch.real(),
    }
}

/// Without the last extension: `libz.so.1.2` of `libz.so.1.2.3`.
fn stem(name: &str) -> &str {
    match name.rsplit_once('.') {
        Some((stem, _)) if !stem.is_empty() => stem,
        _ => name,
    }
}

/// File names for a list, in its order, each different: the first of a name keeps it, later ones get a number before the
/// extension. (cuobjdump lets the last one overwrite the others.)
pub fn file_names<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut taken = BTreeSet::new();
    // Where to go on counting for each name that repeats: a hostile file has one a hundred thousand times.
    let mut next: BTreeMap<String, usize> = BTreeMap::new();
    let mut unique = move |name: &str| {
        // Names come from inside the file: nothing in them may lead out of the folder.
        let name = name.replace(['/', '\0'], "-");
        if taken.insert(name.clone()) {
            return name;
        }
        let (stem, extension) = name.rsplit_once('.').unwrap_or((&name, ""));
        let number = next.entry(name.clone()).or_insert(2);
        loop {
            let choice = format!("{stem}.{number}.{extension}");
            *number += 1;
            if taken.insert(choice.clone()) {
                return choice;
            }
        }
    };
    names.into_iter().map(&mut unique).collect()
}

impl std::fmt::Display for Listed<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} file {:4}: {}", self.label, self.number, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stems_lose_the_last_extension_only() {
        for (name, expected) in
            [("libz.so.1.2.3", "libz.so.1.2"), ("noext", "noext"), (".hid.o", ".hid"), (".hid", ".hid")]
        {
            assert_eq!(stem(name), expected, "{name}");
        }
    }

    #[test]
    fn names_that_repeat_are_numbered() {
        let names =
            file_names(["k.sm_90.cubin", "k.sm_90.cubin", "k.sm_90.2.cubin", "k.sm_90.cubin", "../x"]);
        assert_eq!(
            names,
            ["k.sm_90.cubin", "k.sm_90.2.cubin", "k.sm_90.2.2.cubin", "k.sm_90.3.cubin", "..-x"]
        );
    }

    proptest::proptest! {
        #[test]
        fn file_names_are_unique_and_stay_in_their_folder(names in proptest::collection::vec("[a/.]{0,4}", 0..20)) {
            let files = file_names(names.iter().map(String::as_str));
            proptest::prop_assert_eq!(files.iter().collect::<BTreeSet<_>>().len(), names.len());
            proptest::prop_assert!(files.iter().all(|name| !name.contains('/')));
        }
    }
}
