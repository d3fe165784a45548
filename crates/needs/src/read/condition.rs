//! The conditions that surround a place: `#if` in C, `if()` in CMake, `ifeq` in make, and what each means for a build on
//! x86_64 Linux.

use std::sync::LazyLock;

use cuferry_arch::CudaRelease;
use regex::bytes::Regex;

use super::expression::{Truth, evaluate, evaluate_name};
use super::file_kind::Kind;
use crate::pattern::bytes;
use crate::place::When;

/// How deep conditions may lie in one another; what is deeper counts as unknown.
const DEEPEST: usize = 200;

/// Pieces of a text and when each is part of the build.
#[derive(Debug, Default)]
pub(crate) struct Conditions {
    /// Where each piece starts, in order.
    pieces: Vec<(usize, Option<When>)>,
}

impl Conditions {
    /// None where nothing ever is.
    pub(crate) fn at(&self, offset: usize) -> Option<When> {
        let index = self.pieces.partition_point(|(start, _)| *start <= offset);
        index.checked_sub(1).map_or(Some(When::Always), |index| self.pieces[index].1)
    }
}

/// One open condition: the branch that is being read, and what the earlier ones leave.
struct Frame {
    now: Truth,
    rest: Truth,
}

#[derive(Default)]
struct Stack {
    frames: Vec<Frame>,
    /// Conditions that were opened beyond [`DEEPEST`].
    beyond: usize,
    conditions: Conditions,
}

impl Stack {
    fn open(&mut self, offset: usize, truth: Truth) {
        if self.frames.len() >= DEEPEST {
            self.beyond += 1;
        } else {
            self.frames.push(Frame { now: truth, rest: truth.not() });
            self.mark(offset);
        }
    }

    fn branch(&mut self, offset: usize, truth: Truth) {
        if self.beyond == 0
            && let Some(frame) = self.frames.last_mut()
        {
            frame.now = frame.rest.and(truth);
            frame.rest = frame.rest.and(truth.not());
            self.mark(offset);
        }
    }

    fn close(&mut self, offset: usize) {
        if self.beyond > 0 {
            self.beyond -= 1;
        } else {
            self.frames.pop();
            self.mark(offset);
        }
    }

    fn mark(&mut self, offset: usize) {
        let truth = self.frames.iter().fold(Truth::True, |all, frame| all.and(frame.now));
        self.conditions.pieces.push((offset, truth.when()));
    }
}

impl Truth {
    fn when(self) -> Option<When> {
        match self {
            Self::True => Some(When::Always),
            Self::False => None,
            Self::Arm => Some(When::Arm),
            Self::Cuda { from, before } => Some(When::Cuda { from, before }),
            Self::Unknown => Some(When::Sometimes),
        }
    }
}

/// The conditions of a text without comments.
pub(crate) fn conditions(kind: Kind, code: &[u8]) -> Conditions {
    match kind {
        Kind::Source(_) => preprocessor(code),
        Kind::CMake => cmake(code),
        Kind::Make => make(code),
        _ => Conditions::default(),
    }
}

fn lines(code: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut start = 0;
    code.split(|byte| *byte == b'\n').map(move |line| {
        let at = start;
        start += line.len() + 1;
        (at, line)
    })
}

fn preprocessor(code: &[u8]) -> Conditions {
    let mut stack = Stack::default();
    // The name of an `#ifndef` that no directive has followed yet: a `#define` of it makes the pair an include guard.
    let mut guard: Option<Vec<u8>> = None;
    for (at, line) in lines(code) {
        let Some(rest) = line.trim_ascii_start().strip_prefix(b"#") else { continue };
        let rest = rest.trim_ascii_start();
        let name_end = rest.iter().position(|byte| !byte.is_ascii_alphabetic()).unwrap_or(rest.len());
        let (directive, rest) = (&rest[..name_end], rest[name_end..].trim_ascii());
        let end = at + line.len();
        let opened = guard.take();
        match directive {
            b"if" => stack.open(end, evaluate(rest)),
            b"ifdef" => stack.open(end, evaluate_name(rest)),
            b"ifndef" => {
                stack.open(end, evaluate_name(rest).not());
                guard = Some(rest.to_vec());
            }
            b"elif" => stack.branch(end, evaluate(rest)),
            b"else" => stack.branch(end, Truth::True),
            b"endif" => stack.close(end),
            b"define"
                if opened.as_deref().is_some_and(|name| !name.is_empty() && first_word(rest) == name) =>
            {
                if let Some(frame) = stack.frames.last_mut() {
                    *frame = Frame { now: Truth::True, rest: Truth::False };
                    stack.mark(end);
                }
            }
            _ => {}
        }
    }
    stack.conditions
}

fn first_word(text: &[u8]) -> &[u8] {
    let end =
        text.iter().position(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_').unwrap_or(text.len());
    &text[..end]
}

static CMAKE: LazyLock<Regex> = LazyLock::new(|| bytes(r"(?im)^[ \t]*(if|elseif|else|endif)[ \t]*\("));

static CMAKE_ARM: LazyLock<Regex> =
    LazyLock::new(|| bytes(r"(?i)\b(aarch64|arm64|armv[78]\w*|jetson|tegra)\b"));
static CMAKE_NEVER: LazyLock<Regex> =
    LazyLock::new(|| bytes(r"(?i)^\W*(WIN32|MSVC|APPLE|MINGW|IOS|ANDROID|CYGWIN|BORLAND)\W*$"));
static CMAKE_EVER: LazyLock<Regex> = LazyLock::new(|| bytes(r"(?i)^\W*(UNIX|LINUX|UNIX AND NOT APPLE)\W*$"));

fn cmake(code: &[u8]) -> Conditions {
    let mut stack = Stack::default();
    for captures in CMAKE.captures_iter(code) {
        let (whole, word) = (captures.get(0).expect("group 0 is the match"), &captures[1]);
        let inside = arguments(code, whole.end());
        let truth = cmake_truth(&code[inside.clone()]);
        match word.to_ascii_lowercase().as_slice() {
            b"if" => stack.open(inside.end, truth),
            b"elseif" => stack.branch(inside.end, truth),
            b"else" => stack.branch(inside.end, Truth::True),
            _ => stack.close(inside.end),
        }
    }
    stack.conditions
}

/// What stands between an open parenthesis, which ends at `start`, and its counterpart. No command is longer than a page.
pub(crate) fn arguments(code: &[u8], start: usize) -> std::ops::Range<usize> {
    const LONGEST: usize = 64 << 10;
    let mut depth = 1_usize;
    let rest = &code[start..code.len().min(start + LONGEST)];
    let end = rest.iter().position(|byte| {
        depth = depth + usize::from(*byte == b'(') - usize::from(*byte == b')');
        depth == 0
    });
    start..start + end.unwrap_or(rest.len())
}

fn cmake_truth(condition: &[u8]) -> Truth {
    let condition = condition.trim_ascii();
    if let Some(rest) = condition.strip_prefix(b"NOT ").or_else(|| condition.strip_prefix(b"not ")) {
        return cmake_truth(rest).not();
    }
    if CMAKE_NEVER.is_match(condition) {
        Truth::False
    } else if CMAKE_EVER.is_match(condition) {
        Truth::True
    } else if CMAKE_ARM.is_match(condition) && !contains(condition, b"NOT") && !contains(condition, b" OR ") {
        Truth::Arm
    } else {
        Truth::Unknown
    }
}

fn contains(text: &[u8], what: &[u8]) -> bool {
    memchr::memmem::find(text, what).is_some()
}

fn make(code: &[u8]) -> Conditions {
    let mut stack = Stack::default();
    for (at, line) in lines(code) {
        let text = line.trim_ascii();
        let end = at + line.len();
        let (is_else, text) = match text.strip_prefix(b"else") {
            Some(rest) if rest.is_empty() || rest[0].is_ascii_whitespace() => (true, rest.trim_ascii_start()),
            _ => (false, text),
        };
        let truth = ["ifeq", "ifneq", "ifdef", "ifndef"].iter().find_map(|word| {
            let rest = text.strip_prefix(word.as_bytes())?;
            rest.first().is_some_and(|byte| byte.is_ascii_whitespace() || *byte == b'(').then(|| {
                let truth = make_truth(word, rest);
                if word.starts_with("ifn") { truth.not() } else { truth }
            })
        });
        match (is_else, truth) {
            (false, Some(truth)) => stack.open(end, truth),
            (true, truth) => stack.branch(end, truth.unwrap_or(Truth::True)),
            (false, None) if text.starts_with(b"endif") => stack.close(end),
            (false, None) => {}
        }
    }
    stack.conditions
}

/// Of the words of `ifeq` or `ifdef`, before `ifneq` turns it round.
fn make_truth(word: &str, words: &[u8]) -> Truth {
    if !word.ends_with("eq") {
        return Truth::Unknown;
    }
    if contains(words, b"aarch64") || contains(words, b"arm64") || contains(words, b"armv7") {
        Truth::Arm
    } else if contains(words, b"x86_64") {
        Truth::True
    } else if [
        "Windows_NT",
        "Darwin",
        "DARWIN",
        "darwin",
        "windows",
        "qnx",
        "QNX",
        "android",
        "MINGW",
        "MSYS",
        "ppc64le",
    ]
    .iter()
    .any(|name| contains(words, name.as_bytes()))
    {
        Truth::False
    } else {
        Truth::Unknown
    }
}

/// A release out of the number that a macro compares with: `12000` is 12.0, `11` is 11.0.
pub(crate) fn release_of_number(number: u32) -> Option<CudaRelease> {
    let (major, minor) = if number < 100 { (number, 0) } else { (number / 1000, number % 1000 / 10) };
    let release = CudaRelease::new(u16::try_from(major).ok()?, u16::try_from(minor).ok()?);
    (1..100).contains(&release.major).then_some(release)
}

#[cfg(test)]
mod tests {
    use super::super::file_kind::Language;
    use super::*;

    #[track_caller]
    fn check(kind: Kind, text: &str, expected: Option<When>) {
        let at = text.find('@').expect("the place is marked");
        assert_eq!(conditions(kind, text.as_bytes()).at(at), expected, "{text}");
    }

    const C: Kind = Kind::Source(Language::C);

    #[test]
    fn branches_of_the_preprocessor() {
        check(C, "@", Some(When::Always));
        check(C, "#ifndef A_H\n#define A_H\n@\n#endif", Some(When::Always));
        check(C, "#ifndef A_H\n#define A_H\n#ifdef USE_X\n@\n#endif\n#endif", Some(When::Sometimes));
        check(C, "#if 0\n@\n#endif", None);
        check(C, "#if 0\n#else\n@\n#endif", Some(When::Always));
        check(C, "#ifdef __aarch64__\n@\n#endif", Some(When::Arm));
        check(C, "#ifdef __aarch64__\n#else\n@\n#endif", Some(When::Always));
        check(C, "#ifdef _WIN32\n@\n#endif", None);
        check(C, "#ifdef X\n#endif\n@", Some(When::Always));
        let (from, before) = (Some(CudaRelease::new(12, 0)), None);
        check(C, "#if CUDART_VERSION >= 12000\n@\n#endif", Some(When::Cuda { from, before }));
        check(
            C,
            "#if CUDART_VERSION >= 12000\n#else\n@\n#endif",
            Some(When::Cuda { from: before, before: from }),
        );
        check(C, "#if CUDART_VERSION < 12000\n#elif X\n@\n#endif", Some(When::Sometimes));
        check(C, "#endif\n#else\n@", Some(When::Always));
    }

    #[test]
    fn branches_of_build_files() {
        check(Kind::CMake, "if(USE_X)\n@\nendif()", Some(When::Sometimes));
        check(Kind::CMake, "if(CMAKE_SYSTEM_PROCESSOR MATCHES \"aarch64\")\n@\nendif()", Some(When::Arm));
        check(Kind::CMake, "IF (WIN32)\nelse()\n@\nendif ()", Some(When::Always));
        check(Kind::CMake, "if(A)\nendif()\n@", Some(When::Always));
        check(Kind::CMake, "if(A AND\n   B)\n@\nendif()\n", Some(When::Sometimes));
        check(Kind::Make, "ifeq ($(ARCH),aarch64)\n@\nendif", Some(When::Arm));
        check(Kind::Make, "ifneq ($(ARCH),aarch64)\n@\nendif", Some(When::Always));
        check(Kind::Make, "ifeq ($(GPU), 1)\n@\nendif", Some(When::Sometimes));
        check(Kind::Make, "ifeq ($(OS),Windows_NT)\nelse ifeq ($(GPU),1)\n@\nendif", Some(When::Sometimes));
        check(Kind::Make, "ifdef A\nendif\n@", Some(When::Always));
    }

    #[test]
    fn depth_is_bounded() {
        let deep = "#ifdef A\n".repeat(5000) + "@" + &"\n#endif".repeat(5000);
        check(C, &deep, Some(When::Sometimes));
        let after = "#ifdef A\n".repeat(5000) + &"\n#endif".repeat(5000) + "\n@";
        check(C, &after, Some(When::Always));
    }

    proptest::proptest! {
        #[test]
        fn any_text_has_conditions(lines in proptest::collection::vec("(#if|#else|#elif|#endif|if\\(|else\\(|endif\\(|ifeq |else|endif)[ A-Z0-9()<>=&|!]{0,20}", 0..20)) {
            let text = lines.join("\n");
            for kind in [C, Kind::CMake, Kind::Make] {
                let _ = conditions(kind, text.as_bytes()).at(text.len() / 2);
            }
        }
    }
}
