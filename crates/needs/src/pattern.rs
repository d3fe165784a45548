//! Patterns over bytes.

use regex::bytes::{Regex, RegexBuilder};

/// A pattern that is a constant of this crate. It reads bytes: build files are not always UTF-8, and letters beyond ASCII have
/// no part in what is looked for.
pub(crate) fn bytes(pattern: &str) -> Regex {
    RegexBuilder::new(pattern).unicode(false).build().expect("the tests compile each constant pattern")
}
