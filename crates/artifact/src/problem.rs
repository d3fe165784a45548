//! What could not be looked at, counted: none of it stops the rest.

use std::collections::BTreeMap;
use std::fmt;

/// How many places of each kind are named.
const EXAMPLES: usize = 10;

/// Places of one kind that were left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Why.
    pub kind: ProblemKind,
    /// How many.
    pub count: u64,
    /// The first ten of them.
    pub examples: Vec<String>,
}

/// Why something was left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProblemKind {
    /// The user may not read it, or the disk failed.
    Unreadable,
    /// The kernel's own: `/proc`, `/sys`, `/dev` and their like.
    KernelFileSystem,
    /// In a machine's root: a network's file system, or one that shows what lies elsewhere.
    OtherFileSystem,
    /// A socket, a pipe or a device in a folder.
    Special,
    /// A name that climbs out of its archive by `..`.
    Escaping,
    /// A path of more than 4096 bytes or 255 folders.
    TooLong,
    /// A path whose folders are symbolic links that go round in circles.
    LinkLoop,
    /// A hard link to nothing.
    DanglingHardlink,
    /// A tar's file that is kept without its holes.
    Sparse,
    /// A member that needs a password.
    Encrypted,
    /// A member compressed in a way that is not read.
    Method,
    /// An image that an index names and that was not copied along, or not wholly.
    MissingImage,
    /// A manifest that is no image: an attestation, a signature, a list of parts.
    NotAnImage,
}

impl ProblemKind {
    /// A name that stays: it is part of what machines read.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::KernelFileSystem => "kernel-file-system",
            Self::OtherFileSystem => "other-file-system",
            Self::Special => "special-file",
            Self::Escaping => "escaping-path",
            Self::TooLong => "too-long-path",
            Self::LinkLoop => "link-loop",
            Self::DanglingHardlink => "dangling-hard-link",
            Self::Sparse => "sparse-file",
            Self::Encrypted => "encrypted-member",
            Self::Method => "unknown-compression",
            Self::MissingImage => "missing-image",
            Self::NotAnImage => "not-an-image",
        }
    }
}

impl fmt::Display for ProblemKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Unreadable => "can't be read",
            Self::KernelFileSystem => "the kernel's own file system",
            Self::OtherFileSystem => "another machine's or container's file system",
            Self::Special => "a socket, pipe or device",
            Self::Escaping => "a path that leads out of its archive",
            Self::TooLong => "a path that is too long",
            Self::LinkLoop => "a path through links that go round in circles",
            Self::DanglingHardlink => "a hard link to a file that is not there",
            Self::Sparse => "a sparse file, whose holes the archive leaves out",
            Self::Encrypted => "encrypted",
            Self::Method => "compressed in a way that is not read",
            Self::MissingImage => "an image that the index names and that is not here",
            Self::NotAnImage => "a manifest that is no image",
        })
    }
}

/// Collects problems.
#[derive(Debug, Default)]
pub(crate) struct Problems(BTreeMap<ProblemKind, (u64, Vec<String>)>);

impl Problems {
    pub(crate) fn add(&mut self, kind: ProblemKind, place: impl Into<String>) {
        let (count, examples) = self.0.entry(kind).or_default();
        *count += 1;
        if examples.len() < EXAMPLES {
            examples.push(place.into());
        }
    }

    pub(crate) fn append(&mut self, other: Self) {
        for (kind, (count, examples)) in other.0 {
            let entry = self.0.entry(kind).or_default();
            entry.0 += count;
            let room = EXAMPLES - entry.1.len();
            entry.1.extend(examples.into_iter().take(room));
        }
    }

    pub(crate) fn finish(self) -> Vec<Problem> {
        let problems = self.0.into_iter();
        problems.map(|(kind, (count, examples))| Problem { kind, count, examples }).collect()
    }
}
