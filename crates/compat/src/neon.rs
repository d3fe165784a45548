//! Which of ARM's intrinsics the headers give on x86_64, and which they lack.

use std::sync::LazyLock;

/// An intrinsic of ARM's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Intrinsic {
    /// As C spells it: `vaddq_f32`, `__crc32cw`.
    pub name: &'static str,
    /// Whether a call of it compiles on x86_64.
    pub available: bool,
}

/// Every function of the `arm_neon.h` of gcc 12 and clang 14, sorted by name.
pub fn intrinsics() -> &'static [Intrinsic] {
    static NEON: LazyLock<Vec<Intrinsic>> = LazyLock::new(|| parse(include_str!("../data/neon.txt")));
    &NEON
}

/// Every function of the `arm_acle.h` of gcc 12 and clang 14 that 64-bit ARM has, sorted by name.
pub fn acle() -> &'static [Intrinsic] {
    static ACLE: LazyLock<Vec<Intrinsic>> = LazyLock::new(|| parse(include_str!("../data/acle.txt")));
    &ACLE
}

/// What is known of an intrinsic of either header; none where the name is no intrinsic of ARM's.
pub fn intrinsic(name: &str) -> Option<Intrinsic> {
    [intrinsics(), acle()]
        .into_iter()
        .find_map(|table| table.binary_search_by(|entry| entry.name.cmp(name)).ok().map(|index| table[index]))
}

/// One name a line; `-` before a name says that it is missing, `#` begins a line of words.
fn parse(text: &'static str) -> Vec<Intrinsic> {
    text.lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| match line.strip_prefix('-') {
            Some(name) => Intrinsic { name, available: false },
            None => Intrinsic { name: line, available: true },
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_and_stand_once() {
        for table in [intrinsics(), acle()] {
            assert!(table.windows(2).all(|pair| pair[0].name < pair[1].name));
        }
    }

    #[test]
    fn a_name_is_found() {
        assert_eq!(intrinsic("vfmaq_f32"), Some(Intrinsic { name: "vfmaq_f32", available: true }));
        assert_eq!(intrinsic("__crc32cw").map(|entry| entry.available), Some(true));
        assert_eq!(intrinsic("vcmla_f64").map(|entry| entry.available), Some(false));
        assert_eq!(intrinsic("vector"), None);
    }
}
