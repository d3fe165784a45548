//! Build files, scripts and package lists: their text without comments, in logical lines, and which of it x86_64 uses.

mod blocks;
mod branches;
mod machine;
mod mask;

use crate::Language;
use crate::reach::ReachMap;

/// A file as the patterns see it.
pub(crate) struct Script {
    /// The source, byte for byte in place: comments are blank, and so are line feeds within a logical line.
    pub(crate) text: Vec<u8>,
    /// What x86_64 uses.
    pub(crate) map: ReachMap,
    /// What aarch64 uses.
    pub(crate) arm: ReachMap,
    /// Conditionals that only aarch64 enters.
    pub(crate) arm_only: Vec<(usize, usize)>,
}

/// Reads a file of any language but C, C++, CUDA and assembly.
pub(crate) fn read(language: Language, source: &[u8]) -> Script {
    let text = mask::mask(language, source);
    let blocks = branches::branches(language, &text);
    Script { text, map: blocks.map, arm: blocks.arm_map, arm_only: blocks.arm_only }
}
