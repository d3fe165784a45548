//! Hints about managed memory: advice, and where it was last to be brought. They change nothing here, for memory is
//! everywhere at once; but programs may ask for what they said.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

/// The hints of one allocation.
#[derive(Debug, Default)]
pub(crate) struct Hints {
    /// In the order in which they came: the last one that covers a byte holds. None is hidden by later ones alone.
    said: Mutex<Vec<(Range<u64>, Hint)>>,
}

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hint {
    ReadMostly(bool),
    /// Where it is to lie.
    Preferred(Option<Place>),
    /// Whether the device is to reach it where it lies.
    Reached(bool),
    /// Where it was last to be brought.
    Brought(Option<Place>),
}

/// A place that memory can lie at: a `CUmemLocation`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) kind: u32,
    pub(crate) id: i32,
}

impl Hints {
    pub(crate) fn say(&self, range: Range<u64>, hint: Hint) {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        said.retain(|(old, other)| {
            !(hint.answers(*other) && range.start <= old.start && old.end <= range.end)
        });
        said.push((range, hint));
    }

    /// What holds for all of a range: `otherwise`, which says of what kind, where nothing was said or not the same
    /// everywhere.
    pub(crate) fn over(&self, range: Range<u64>, otherwise: Hint) -> Hint {
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let of_kind = || said.iter().filter(|(_, hint)| hint.answers(otherwise));
        let at = |byte: u64| of_kind().rfind(|(range, _)| range.contains(&byte)).map(|(_, hint)| *hint);
        // Hints change at their ranges' ends alone.
        let ends = of_kind().flat_map(|(range, _)| [range.start, range.end]);
        let mut pieces = ends.filter(|byte| range.contains(byte)).map(at);
        let first = at(range.start);
        first.filter(|_| pieces.all(|piece| piece == first)).unwrap_or(otherwise)
    }
}

impl Hint {
    /// Whether both are about the same.
    fn answers(self, other: Self) -> bool {
        std::mem::discriminant(&self) == std::mem::discriminant(&other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_hint_holds_and_only_where_it_was_given() {
        let hints = Hints::default();
        let is_read =
            |range: Range<u64>| hints.over(range, Hint::ReadMostly(false)) == Hint::ReadMostly(true);
        assert!(!is_read(0..10));
        hints.say(0..10, Hint::ReadMostly(true));
        hints.say(0..20, Hint::Reached(true));
        assert!(is_read(0..10) && is_read(9..10) && !is_read(9..11) && !is_read(10..20));
        hints.say(4..6, Hint::ReadMostly(false));
        assert!(is_read(0..4) && !is_read(0..5) && !is_read(4..6) && is_read(6..10) && !is_read(0..10));
        hints.say(0..20, Hint::ReadMostly(true));
        assert!(is_read(0..20));
        // What was said before is not kept for ever.
        assert_eq!(hints.said.lock().expect("nobody holds it").len(), 2);
    }
}
