//! The parts of the search that are code, since a pattern cannot say them.

pub(crate) mod gpu_arch;
pub(crate) mod neon;
pub(crate) mod removed;
pub(crate) mod sides;

use crate::Language;
use crate::matcher::Bounds;
use crate::pattern::Check;

const WORD: Bounds = Bounds::Word { start: true, end: true };

/// The words of which one is in every file that a check finds anything in.
pub(crate) fn triggers(check: Check, language: Language) -> Vec<(String, Bounds)> {
    let list =
        |words: &[&str], bounds: Bounds| words.iter().map(|word| ((*word).to_owned(), bounds)).collect();
    match check {
        Check::Neon => neon::triggers(neon::is_available),
        Check::NeonMissing => neon::triggers(neon::is_missing),
        Check::Sve => list(&["sv"], Bounds::Identifier(neon::is_sve)),
        Check::ArmAssembly => list(&["asm", "__asm__", "__asm"], WORD),
        Check::ArmAssemblyFile => {
            list(&["ldr", "str", "stp", "ldp", "ld1", "fmla", "orr", "ret", "LDR", "STR", "STP", "LDP"], WORD)
        }
        Check::ArmSide => list(sides::JETSON_WORDS, Bounds::None),
        Check::NoX86Side => list(&["__aarch64__", "__ARM_ARCH", "__arm__", "__arm64__"], WORD),
        Check::X86Refused if language.is_c_like() => list(&["error"], WORD),
        Check::X86Refused => list(&["aarch64", "arm64"], Bounds::None),
        Check::GpuArchJetson | Check::GpuArchDropped => list(gpu_arch::TRIGGERS, Bounds::None),
        Check::RemovedApi => removed::triggers(),
        Check::CharSign => vec![],
    }
}
