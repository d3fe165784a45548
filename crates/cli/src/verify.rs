//! Two runs and their comparison, as `cuferry verify` reports them.

pub(crate) mod folder;
pub(crate) mod json;
pub(crate) mod text;

use std::path::PathBuf;

use cuferry_run::attended::End;
use cuferry_verify::{Comparison, How, Tolerance, TreeDifference};

use crate::verify::folder::Changes;

/// All that came out.
pub(crate) struct Outcome {
    pub(crate) rebuilt: Ran,
    pub(crate) original: Ran,
    pub(crate) tolerance: Option<Tolerance>,
    /// The streams, then the files that both left, by path.
    pub(crate) compared: Vec<Compared>,
    /// Where what both left is not the same even in kind.
    pub(crate) trees: Vec<TreeDifference>,
}

/// One of the two runs.
pub(crate) struct Ran {
    /// As it was named.
    pub(crate) program: String,
    /// How it ran, and why so, in one sentence.
    pub(crate) way: String,
    pub(crate) end: End,
    /// What it did to its folder.
    pub(crate) changes: Changes,
}

/// A stream or a file of both.
pub(crate) struct Compared {
    pub(crate) what: What,
    pub(crate) how: How,
    pub(crate) comparison: Comparison,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Output,
    Error,
    /// Its path below the folder.
    File(PathBuf),
}

impl Outcome {
    pub(crate) fn is_same(&self) -> bool {
        self.ends_the_same()
            && self.trees.is_empty()
            && self.compared.iter().all(|compared| compared.comparison.difference.is_none())
    }

    /// Of what was ended after its time nobody knows how it would have ended.
    pub(crate) fn ends_the_same(&self) -> bool {
        self.rebuilt.end == self.original.end && self.rebuilt.end != End::OutOfTime
    }
}
