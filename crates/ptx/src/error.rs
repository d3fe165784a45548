//! What can be wrong with PTX text, and where.

use miette::Diagnostic;
use thiserror::Error;

use crate::span::Span;

/// Text that is not PTX. It derives miette's `Diagnostic`, with a label, for whoever has the text to underline.
#[derive(Clone, Debug, PartialEq, Eq, Error, Diagnostic)]
#[error("{kind} in line {line}, column {column}")]
#[diagnostic(code(ptx::syntax))]
pub struct ParseError {
    /// What is wrong.
    pub kind: ParseErrorKind,
    /// The bytes to underline.
    #[label("{kind}")]
    pub span: Span,
    /// From 1.
    pub line: u32,
    /// From 1, in bytes.
    pub column: u32,
}

/// What is wrong with PTX text.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ParseErrorKind {
    /// Something else should stand here.
    #[error("expected {expected}, found {found}")]
    Expected {
        /// What, in words.
        expected: &'static str,
        /// What stands there, shortened, in backticks; or `the end`.
        found: String,
    },
    /// A directive that this crate doesn't know.
    #[error("unknown directive `{name}`")]
    UnknownDirective {
        /// With its dot.
        name: String,
    },
    /// A number that is none, or has too many digits.
    #[error("`{text}` is not a number of PTX")]
    BadNumber {
        /// As written, shortened.
        text: String,
    },
    /// A number that is right, but not here.
    #[error("the number is out of range: {expected}")]
    OutOfRange {
        /// What fits.
        expected: &'static str,
    },
    /// A constant expression that has no value.
    #[error("the constant expression has no value: {reason}")]
    BadExpression {
        /// Why.
        reason: &'static str,
    },
    /// Parentheses, braces or operators deeper than any real file has them.
    #[error("nested too deeply")]
    TooDeep,
    /// A comment without an end.
    #[error("the comment has no end")]
    OpenComment,
    /// A string without an end.
    #[error("the string has no end")]
    OpenString,
    /// The body of a function or a section without its `}`.
    #[error("`{{` without its `}}`")]
    OpenBrace,
    /// Text of 4 GiB or more.
    #[error("the text is longer than 4 GiB")]
    TooLong,
    /// There are more errors; they are not kept.
    #[error("too many errors; the rest is not listed")]
    TooMany,
}

impl ParseErrorKind {
    /// `text` in a form that fits into an error, however long it is.
    pub(crate) fn shorten(text: &str) -> String {
        const MOST: usize = 40;
        match text.char_indices().nth(MOST) {
            Some((end, _)) => format!("{}…", &text[..end]),
            None => text.to_owned(),
        }
    }
}
