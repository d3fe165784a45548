//! Which parts of a file an x86_64 build compiles, and the conditions that decide.

use crate::Reach;
use crate::lines::{Lines, excerpt};

/// What is known of a part. The number is that of the condition that decides, in [`ReachMap`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Live {
    Yes,
    If(usize),
    No(usize),
}

impl Live {
    pub(crate) const fn is_dead(self) -> bool {
        matches!(self, Self::No(_))
    }

    /// What a condition numbered `condition` inside this part makes of its branch.
    pub(crate) const fn under(self, value: Option<bool>, condition: usize) -> Self {
        match (self, value) {
            (Self::No(outer), _) => Self::No(outer),
            (_, Some(false)) => Self::No(condition),
            (_, None) => Self::If(condition),
            (outer, Some(true)) => outer,
        }
    }
}

/// A file's parts, in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct ReachMap {
    /// Where each part starts. Before the first, and where there is none, all is compiled.
    parts: Vec<(usize, Live)>,
    /// The bytes of each condition.
    conditions: Vec<(usize, usize)>,
}

impl ReachMap {
    /// A condition at these bytes, by its number.
    pub(crate) fn condition(&mut self, start: usize, end: usize) -> usize {
        self.conditions.push((start, end));
        self.conditions.len() - 1
    }

    /// From `start` on, `live` holds. Starts come in order.
    pub(crate) fn from(&mut self, start: usize, live: Live) {
        if self.parts.last().map_or(Live::Yes, |(_, last)| *last) != live {
            self.parts.push((start, live));
        }
    }

    pub(crate) fn at(&self, offset: usize) -> Live {
        let index = self.parts.partition_point(|(start, _)| *start <= offset);
        index.checked_sub(1).map_or(Live::Yes, |index| self.parts[index].1)
    }

    /// What [`Reach`] says of a part.
    pub(crate) fn reach(&self, live: Live, source: &[u8], lines: &Lines) -> Reach {
        let of = |number: usize| {
            let (start, end) = self.conditions[number];
            (lines.line(start), excerpt(&source[start..end]))
        };
        match live {
            Live::Yes => Reach::Compiled,
            Live::If(number) => {
                let (at, condition) = of(number);
                Reach::Conditional { line: at, condition }
            }
            Live::No(number) => {
                let (at, condition) = of(number);
                Reach::Dead { line: at, condition }
            }
        }
    }
}
