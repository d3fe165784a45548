//! Where registers lie in a warp's register file: one after another, each aligned for the widest load.

use crate::code::Width;

#[derive(Debug, Default)]
pub(super) struct Layout {
    size: u32,
    /// Room for predicates in a row that has been begun.
    row: Option<(u32, u32)>,
}

/// Predicates share rows of this many bytes.
const ROW: u32 = 64;

impl Layout {
    pub(super) fn size(&self) -> u32 {
        self.size
    }

    pub(super) fn place(&mut self, width: Width) -> u32 {
        if width == Width::Pred {
            let (start, used) = self.row.take().unwrap_or_else(|| (self.extend(ROW), 0));
            if used + 4 < ROW {
                self.row = Some((start, used + 4));
            }
            return start + used;
        }
        self.extend(width.slot())
    }

    /// A row of 32-bit registers that follow one another.
    pub(super) fn words(&mut self, count: u32) -> u32 {
        self.extend(count * Width::W32.slot())
    }

    fn extend(&mut self, bytes: u32) -> u32 {
        let start = self.size;
        self.size += bytes.next_multiple_of(64);
        start
    }
}
