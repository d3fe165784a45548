//! The functions of the library, in the order of their entries.

use std::collections::HashMap;
use std::sync::LazyLock;

use cuferry_driver::{FUNCTIONS, Function};

/// Bytes from one entry to the next.
pub const STRIDE: u64 = 8;
/// How many functions of private tables there is room for.
pub const TABLE_SLOTS: usize = 512;

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A function of the driver API.
    Function {
        /// Which.
        function: &'static Function,
        /// The exported name: the function's symbol, or that for the calling thread's default stream.
        symbol: &'static str,
    },
    /// The library has been loaded; the arguments are a [`Start`](crate::Start).
    Start,
    /// A thread that waits for the host's upcalls. It takes one argument, which it does not use, as a thread's function.
    Worker,
    /// Nothing at all. A thread that calls it makes a system call, behind which qemu delivers signals.
    Nothing,
    /// A function of a private table: the host gives its address away, and knows what for.
    Table(usize),
}

struct Entries {
    functions: Vec<(&'static Function, &'static str)>,
    indices: HashMap<&'static str, usize>,
}

static ENTRIES: LazyLock<Entries> = LazyLock::new(|| {
    let functions: Vec<_> = FUNCTIONS
        .iter()
        .flat_map(|function| [Some(function.symbol), function.per_thread].map(|symbol| (function, symbol)))
        .filter_map(|(function, symbol)| Some((function, symbol?)))
        .collect();
    let indices = functions.iter().enumerate().map(|(index, (_, symbol))| (*symbol, index)).collect();
    Entries { functions, indices }
});

/// How many entries there are.
pub fn count() -> usize {
    exported() + 3 + TABLE_SLOTS
}

/// How many of them are exported: the first ones.
pub(crate) fn exported() -> usize {
    ENTRIES.functions.len()
}

/// The entry with that index; none behind the last.
pub fn entry(index: usize) -> Option<Entry> {
    if let Some(&(function, symbol)) = ENTRIES.functions.get(index) {
        return Some(Entry::Function { function, symbol });
    }
    match index - exported() {
        0 => Some(Entry::Start),
        1 => Some(Entry::Worker),
        2 => Some(Entry::Nothing),
        slot => (slot - 3 < TABLE_SLOTS).then_some(Entry::Table(slot - 3)),
    }
}

/// The index of an entry; none for a function that the driver API has not.
pub fn index_of(entry: Entry) -> Option<usize> {
    match entry {
        Entry::Function { symbol, .. } => ENTRIES.indices.get(symbol).copied(),
        Entry::Start => Some(exported()),
        Entry::Worker => Some(exported() + 1),
        Entry::Nothing => Some(exported() + 2),
        Entry::Table(slot) => (slot < TABLE_SLOTS).then(|| exported() + 3 + slot),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_and_indices_are_one_to_one() {
        for index in 0..count() {
            assert_eq!(index_of(entry(index).unwrap()), Some(index));
        }
        assert_eq!(entry(count()), None);
        assert_eq!(index_of(Entry::Table(TABLE_SLOTS)), None);
    }
}
