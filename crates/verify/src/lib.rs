//! Whether two runs gave the same: what they printed and what they wrote, exactly or with a tolerance for numbers.
//!
//! Readers and listings come in, [`Comparison`]s and [`TreeDifference`]s go out. Starts nothing, opens nothing, and keeps a
//! few kilobytes of what it reads, however much that is.
//!
//! ```
//! use cuferry_verify::{How, Tolerance, compare};
//!
//! let rebuilt = &b"mean 0.4999999, 16 frames\n"[..];
//! let original = &b"mean 0.5, 16 frames\n"[..];
//! assert!(compare(rebuilt, original, How::Exact)?.difference.is_some());
//! let tolerance = Tolerance::new(1e-6, 0.0).expect("it is no less than nothing");
//! assert!(compare(rebuilt, original, How::Numbers(tolerance))?.difference.is_none());
//! # Ok::<(), cuferry_verify::ReadError>(())
//! ```

mod compare;
mod difference;
mod floats;
mod lane;
mod number;
mod tolerance;
mod tree;

pub use compare::{Comparison, How, compare};
pub use difference::{Cause, Difference, Excerpt, ReadError, Side, Spot};
pub use floats::FloatFormat;
pub use tolerance::{Deviation, Tolerance};
pub use tree::{Entry, Tree, TreeDifference, compare_trees};
