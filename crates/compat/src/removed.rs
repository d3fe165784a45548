//! What CUDA 13 removed from CUDA's headers, name by name.

use std::sync::LazyLock;

use serde::Deserialize;

/// What a removed name is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A function.
    Function,
    /// A type.
    Type,
    /// A field of a structure.
    Field,
    /// A constant of an enumeration.
    Enumerator,
    /// A macro.
    Macro,
    /// A header file.
    Header,
}

/// A name that the public headers of CUDA 11.8 or 12.9 have, and those of CUDA 13 lack or give another signature.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Removed {
    /// The identifier, without the structure that a field belongs to; the file's name for a header.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// The structure that a field belongs to (`cudaDeviceProp`).
    pub of: Option<String>,
    /// The header that had it (`cuda_runtime_api.h`).
    pub header: String,
    /// The major version that lacks it, as its first release: `12.0` where 12.9 lacks it, else `13.0`.
    pub removed_in: String,
    /// Whether it is gone, or still there with other parameters.
    pub signature_changed: bool,
    /// Whether the headers of [`crate::cuda13_headers`] give it back.
    pub given_back: bool,
    /// How it is given back, or what to use in its place.
    pub instead: String,
}

/// Everything that was removed, sorted by name, then kind.
pub fn removed() -> &'static [Removed] {
    &TABLE
}

/// The entries with a name, as one identifier can be a field of several structures.
pub fn removed_named(name: &str) -> &'static [Removed] {
    let all = removed();
    let first = all.partition_point(|entry| entry.name.as_str() < name);
    let count = all[first..].partition_point(|entry| entry.name == name);
    &all[first..first + count]
}

/// The file's shape.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    removed: Vec<Removed>,
}

static TABLE: LazyLock<Vec<Removed>> = LazyLock::new(|| {
    let table: Table = toml::from_str(include_str!("../data/cuda13.toml"))
        .expect("the file is compiled in, and tests read it");
    table.removed
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_holds_nothing_twice() {
        let key = |row: &Removed| (row.name.clone(), row.kind, row.of.clone());
        assert!(removed().windows(2).all(|pair| key(&pair[0]) < key(&pair[1])));
    }

    #[test]
    fn fields_alone_have_a_structure_and_every_row_says_what_to_do() {
        for row in removed() {
            assert_eq!(row.of.is_some(), row.kind == Kind::Field, "{row:?}");
            assert!(!row.instead.is_empty(), "{row:?}");
            assert!(["12.0", "13.0"].contains(&row.removed_in.as_str()), "{row:?}");
        }
    }

    #[test]
    fn a_name_is_found_and_a_part_of_it_is_not() {
        assert_eq!(removed_named("cudaThreadSynchronize").len(), 1);
        assert!(removed_named("cudaThreadSync").is_empty());
        assert!(removed_named("").is_empty());
        assert!(removed_named("zzz").is_empty());
    }
}
