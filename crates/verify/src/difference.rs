//! What is different, and where: values from which a report is made.

use std::{fmt, io};

use thiserror::Error;

use crate::tolerance::Deviation;

/// One of the two runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// Of the rebuilt program.
    Rebuilt,
    /// Of the original.
    Original,
}

impl fmt::Display for Side {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Rebuilt => "rebuilt",
            Self::Original => "original",
        })
    }
}

/// One of the two could not be read.
#[derive(Debug, Error)]
#[error("cannot read what the {side} program gave")]
pub struct ReadError {
    /// Which.
    pub side: Side,
    /// What the system said.
    #[source]
    pub source: io::Error,
}

/// The first difference of two streams.
#[derive(Clone, Debug, PartialEq)]
pub enum Difference {
    /// In text.
    Text {
        /// The line, from 1: the same in both, since all before it is the same.
        line: u64,
        /// What is different there.
        cause: Cause,
        /// The rebuilt program's line.
        rebuilt: Excerpt,
        /// The original's.
        original: Excerpt,
    },
    /// In what is no text.
    Binary {
        /// How many bytes before it are the same.
        offset: u64,
        /// The rebuilt program's byte there; none: it has ended.
        rebuilt: Option<u8>,
        /// The original's.
        original: Option<u8>,
    },
    /// In an array of floats.
    Element {
        /// Its number, from 0.
        index: u64,
        /// Both values. Of floats that have to be the same bit for bit the distance may be nothing.
        values: Deviation,
    },
    /// One array of floats has more elements, or more bytes at its end, and is the same up to there.
    Length {
        /// How many elements they share.
        elements: u64,
        /// Whose is the longer one; none: both end within an element, and differ there.
        longer: Option<Side>,
    },
}

/// What is different on a line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cause {
    /// The text.
    Text,
    /// A number, by more than is allowed.
    Number(Deviation),
    /// This one ends there, and the other does not.
    Ends(Side),
}

/// A line, or that part of it that a difference is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excerpt {
    /// Its bytes, whatever encoding they are in.
    pub text: Vec<u8>,
    /// At which of them the difference is.
    pub mark: usize,
    /// Whether the line has more before.
    pub cut_before: bool,
    /// Whether it has more behind.
    pub cut_after: bool,
    /// The place of the difference in the whole line, in bytes, from 1.
    pub column: u64,
}

/// The place of two numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spot {
    /// A line of text, from 1.
    Line(u64),
    /// An element of an array, from 0.
    Element(u64),
}
