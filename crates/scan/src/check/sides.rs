//! Conditionals whose sides differ: what x86_64 takes, and what it goes without.

use crate::build::Script;
use crate::clike::lex::{Kind, Token};
use crate::clike::preprocess::{Branch, Chain};
use crate::reach::Live;

/// What only a Jetson has, in sources: a conditional with such a word on its ARM side means Jetson by ARM.
pub(crate) const JETSON_WORDS: &[&str] = &[
    "nvbuf",
    "NvBuf",
    "nvmm",
    "NVMM",
    "argus",
    "Argus",
    "tegra",
    "Tegra",
    "TEGRA",
    "jetson",
    "Jetson",
    "JETSON",
    "nvvidconv",
    "nvarguscamerasrc",
    "cudaHostAllocMapped",
    "cudaAllocMapped",
    "EGLImage",
    "IntegratedGPU",
    "NvMedia",
    "l4t",
    "L4T",
];

/// The ARM branch of `chain` that x86_64 does not take, at a place that it compiles.
pub(crate) fn arm_branch(chain: &Chain) -> Option<&Branch> {
    if chain.outer.is_dead() {
        return None;
    }
    chain.branches.iter().find(|branch| branch.x86.is_dead() && branch.arm == Live::Yes)
}

/// The branch that x86_64 takes instead.
pub(crate) fn x86_branch(chain: &Chain) -> Option<&Branch> {
    chain.branches.iter().find(|branch| !branch.x86.is_dead())
}

/// One of [`JETSON_WORDS`] in these bytes, and where. `integrated` is no `tegra`.
pub(crate) fn jetson_word(text: &[u8]) -> Option<(usize, &'static str)> {
    JETSON_WORDS.iter().find_map(|word| {
        let starts_word =
            |at: &usize| at.checked_sub(1).is_none_or(|before| !text[before].is_ascii_lowercase());
        memchr::memmem::find_iter(text, word.as_bytes()).find(starts_word).map(|at| (at, *word))
    })
}

/// Whether the branch holds code other than a faster way: NEON and assembly have a plain way beside them as a rule.
pub(crate) fn does_something_else(source: &[u8], code: &[Token], branch: &Branch) -> bool {
    let mut tokens =
        code.iter().filter(|token| token.start >= branch.body.0 && token.end <= branch.body.1).peekable();
    let is_faster_way = |token: &Token| {
        let word = token.text(source);
        token.kind == Kind::Ident
            && (matches!(word, b"asm" | b"__asm__" | b"__asm" | b"arm_neon" | b"pragma")
                || is_vector_type(word)
                || word.windows(4).any(|part| part.eq_ignore_ascii_case(b"neon"))
                || word.starts_with(b"vld1")
                || word.starts_with(b"vst1")
                || word.starts_with(b"__builtin"))
    };
    tokens.peek().is_some() && !tokens.any(is_faster_way)
}

/// `float32x4_t` and its like.
fn is_vector_type(word: &[u8]) -> bool {
    let Some(rest) = str::from_utf8(word).ok().and_then(|word| word.strip_suffix("_t")) else { return false };
    let base = rest.trim_end_matches(|letter: char| letter.is_ascii_digit() || letter == 'x');
    matches!(base, "float" | "int" | "uint" | "poly" | "bfloat") && rest.contains('x')
}

/// Places where a build file gives up on x86_64 but not on aarch64.
pub(crate) fn refusals(script: &Script) -> Vec<(usize, usize)> {
    const WORDS: &[&[u8]] = &[
        b"message(FATAL_ERROR",
        b"message( FATAL_ERROR",
        b"$(error",
        b"exit 1",
        b"raise ",
        b"sys.exit(",
        b"fail(",
    ];
    let mut found = Vec::new();
    for word in WORDS {
        for at in memchr::memmem::find_iter(&script.text, word) {
            let arm_goes_on = script.arm.at(at).is_dead();
            if arm_goes_on && script.map.at(at) == Live::Yes {
                let rest = &script.text[at..];
                let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len()).min(120);
                found.push((at, at + rest[..end].trim_ascii_end().len()));
            }
        }
    }
    found.sort_unstable();
    found.dedup_by_key(|(start, _)| *start);
    found
}
