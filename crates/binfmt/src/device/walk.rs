//! The two ways through bytes: from header to header where containers follow one another, and from magic to magic.

use std::collections::btree_map::Entry;
use std::ops::Range;

use memchr::memmem::Finder as Pattern;

use crate::cursor::slice;
use crate::device::{Finder, Found, Place, Source};
use crate::fatbin::{Container, FatbinErrorKind, PATTERN};

/// How much is searched at once, in bytes: then the caller may give the pages back.
const CHUNK: u64 = 4 << 20;

impl<'data> Finder<'data, '_> {
    /// Containers that follow one another, with zeros between them. Whatever else is there is a problem, behind which
    /// the next magic is looked for.
    pub(super) fn walk(&mut self, range: Range<u64>, place: Place<'data>, source: Source) {
        let (mut at, mut passed) = (range.start, range.start);
        while let Some(start) = self.next_nonzero(at, range.end) {
            if start - passed >= CHUNK {
                self.searched(passed..start);
                passed = start;
            }
            let next = match Container::parse_within(self.bytes, start, range.end) {
                Ok(container) => {
                    self.insert(container, place, source);
                    self.behind(&container, range.end)
                }
                Err(error) => {
                    self.code.problems.push(error.into());
                    Err(start + 1)
                }
            };
            at = match next {
                Ok(next) => next,
                Err(unsound) => match self.next_magic(unsound..range.end) {
                    Some(next) => next,
                    None => break,
                },
            };
        }
        self.searched(passed..range.end);
    }

    /// Where to go on behind a container, or from where to look for the next one. Its size is right if another
    /// container, or nothing, follows it there; then its entries need not be read.
    fn behind(&self, container: &Container<'_>, end: u64) -> Result<u64, u64> {
        let after = container.range().end;
        let next = self.next_nonzero(after, end);
        let sound = next.is_none_or(|next| {
            slice(self.bytes, next, PATTERN.len() as u64).is_some_and(|start| start == PATTERN)
        });
        if sound && !container.is_truncated() { Ok(after) } else { end_of(container) }
    }

    /// Containers anywhere in these bytes.
    pub(super) fn search(&mut self, range: Range<u64>, place: Place<'data>) {
        let mut at = range.start;
        while at < range.end {
            // A magic may lie across two chunks.
            let end = at.saturating_add(CHUNK).min(range.end);
            let reach = end.saturating_add(PATTERN.len() as u64 - 1).min(range.end);
            let Some(hit) = self.next_magic(at..reach) else {
                self.searched(at..end);
                at = end;
                continue;
            };
            self.searched(at..hit);
            let found = self.found.get(&hit).map(|known| known.container);
            at = match found {
                Some(known) => end_of(&known).unwrap_or_else(|unsound| unsound),
                None => match Container::parse_within(self.bytes, hit, range.end) {
                    Ok(container) if container.is_plausible() => {
                        self.insert(container, place, Source::Search);
                        let end = end_of(&container).unwrap_or_else(|unsound| unsound);
                        self.searched(hit..end);
                        end
                    }
                    // Programs that deal in fatbins hold their magic as a constant.
                    _ => hit + 1,
                },
            };
        }
    }

    pub(super) fn insert(&mut self, container: Container<'data>, place: Place<'data>, source: Source) {
        let Entry::Vacant(entry) = self.found.entry(container.offset) else { return };
        let wrapper = self.wrapped.get(&container.offset).copied();
        let found = entry.insert(Found { container, place, source, wrapper });
        (self.visit)(found);
    }

    fn searched(&mut self, range: Range<u64>) {
        if let (Ok(start), Ok(end)) = (usize::try_from(range.start), usize::try_from(range.end)) {
            (self.done)(start..end);
        }
    }

    fn next_nonzero(&self, at: u64, end: u64) -> Option<u64> {
        let rest = slice(self.bytes, at, end.checked_sub(at)?)?;
        rest.iter().position(|byte| *byte != 0).map(|distance| at + distance as u64)
    }

    fn next_magic(&self, range: Range<u64>) -> Option<u64> {
        let bytes = slice(self.bytes, range.start, range.end.checked_sub(range.start)?)?;
        Pattern::new(PATTERN).find(bytes).map(|distance| range.start + distance as u64)
    }
}

/// Where a container ends. One whose entries break off may have swallowed its neighbours by a wrong size: then where
/// they break off.
fn end_of(container: &Container<'_>) -> Result<u64, u64> {
    let mut entries = container.entries();
    let mut sound = container.offset + 16;
    while let Some(entry) = entries.next() {
        match (entry, entries.place()) {
            (_, Some(next)) => sound = next,
            (Err(error), None) if !matches!(error.kind, FatbinErrorKind::Truncated { .. }) => {
                return Err(sound);
            }
            (_, None) => {}
        }
    }
    Ok(container.range().end)
}
