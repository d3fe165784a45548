//! The conditionals of each language: where their branches start and end.

use std::sync::LazyLock;

use regex::bytes::Regex;

use super::blocks::Blocks;
use super::machine::{self, Values};
use crate::Language;

/// Deeper nesting than this is not followed.
const DEPTH: usize = 256;

/// The conditionals of a text without comments.
pub(crate) fn branches(language: Language, text: &[u8]) -> Blocks {
    match language {
        Language::Cmake => cmake(text),
        Language::Make => make(text),
        Language::Shell | Language::Dockerfile => shell(text),
        Language::Python => python(text),
        Language::Bazel => bazel(text),
        Language::Requirements => requirements(text),
        Language::C | Language::Cpp | Language::Cuda | Language::Assembly => Blocks::default(),
    }
}

const TAKEN: Values = [Some(true); 2];

fn lossy(text: &[u8]) -> String {
    // A longer condition is no test of the machine.
    String::from_utf8_lossy(&text[..text.len().min(2000)]).into_owned()
}

/// Logical lines with their offsets.
fn lines(text: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut at = 0;
    text.split(|byte| *byte == b'\n').map(move |line| {
        let start = at;
        at += line.len() + 1;
        (start, line)
    })
}

fn cmake(text: &[u8]) -> Blocks {
    static COMMAND: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"(?mi-u)^[ \t]*(if|elseif|else|endif)[ \t]*\((.*)\)[ \t\r]*$")
            .expect("a fixed expression")
    });
    let mut blocks = Blocks::default();
    for found in COMMAND.captures_iter(text) {
        let (whole, command, condition) = (found.get_match(), &found[1], &found[2]);
        match command.to_ascii_lowercase().as_slice() {
            b"if" => blocks.open(whole.start(), whole.end(), machine::evaluate(&lossy(condition))),
            b"elseif" => blocks.branch(whole.start(), whole.end(), machine::evaluate(&lossy(condition))),
            b"else" => blocks.branch(whole.start(), whole.end(), TAKEN),
            _ => blocks.close(whole.start()),
        }
    }
    blocks
}

fn make(text: &[u8]) -> Blocks {
    let mut blocks = Blocks::default();
    for (start, line) in lines(text) {
        let end = start + line.len();
        let line = lossy(line);
        let line = line.trim();
        let (word, rest) =
            line.split_once(|letter: char| letter.is_whitespace() || letter == '(').unwrap_or((line, ""));
        match word {
            "ifeq" | "ifneq" | "ifdef" | "ifndef" => blocks.open(start, end, make_condition(word, rest)),
            "else" => {
                let rest = rest.trim();
                let (word, condition) = rest
                    .split_once(|letter: char| letter.is_whitespace() || letter == '(')
                    .unwrap_or((rest, ""));
                let values = if word.is_empty() { TAKEN } else { make_condition(word, condition) };
                blocks.branch(start, end, values);
            }
            "endif" => blocks.close(start),
            _ => {}
        }
    }
    blocks
}

fn make_condition(word: &str, rest: &str) -> Values {
    let values = match word {
        "ifeq" | "ifneq" => machine::names(rest),
        _ => [None; 2],
    };
    // `ifeq ($(filter aarch64,$(ARCH)),)` asks whether the filter leaves nothing.
    let bare: String = rest.chars().filter(|letter| !letter.is_whitespace()).collect();
    let against_nothing = (bare.contains("filter") || bare.contains("findstring"))
        && (bare.ends_with(",)")
            || bare.starts_with(",$")
            || bare.starts_with("(,")
            || bare.ends_with("\"\""));
    if (word == "ifneq") == against_nothing { values } else { values.map(|value| value.map(|value| !value)) }
}

fn shell(text: &[u8]) -> Blocks {
    static WORD: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"(?m-u)(?:^|[;&|({]|\bRUN\b|\bthen\b|\belse\b|\bdo\b|\))[ \t]*(if|elif|else|fi|case|esac)\b|;;&?|\bthen\b|\bin\b")
            .expect("a fixed expression")
    });
    let mut blocks = Blocks::default();
    // What is open: an `if` waits for its `then`; a `case` for its patterns.
    let mut open: Vec<ShellBlock> = Vec::new();
    let mut pending: Option<(usize, bool)> = None;
    let mut at = 0;
    while let Some(found) = WORD.captures_at(text, at) {
        let whole = found.get_match();
        let word = found.get(1).map_or(whole.as_bytes(), |word| word.as_bytes());
        let word_start = whole.end() - word.len();
        // The separator before a word may serve as the one after the last word, so step one byte at least.
        at = whole.end().max(at + 1);
        match word {
            b"if" if open.len() < DEPTH => pending = Some((word_start, true)),
            b"elif" => pending = Some((word_start, false)),
            b"then" => {
                let Some((start, opens)) = pending.take() else { continue };
                let condition = lossy(&text[start..whole.start()]);
                let condition = condition.trim_start_matches("elif").trim_start_matches("if").trim();
                let values = machine::evaluate(condition.trim_end_matches(';'));
                if opens {
                    open.push(ShellBlock::If);
                    blocks.open(start, whole.start(), values);
                } else if open.last() == Some(&ShellBlock::If) {
                    blocks.branch(start, whole.start(), values);
                }
                // `then` may itself be what the next word follows.
                at = whole.start() + 1;
            }
            b"else" if open.last() == Some(&ShellBlock::If) => {
                blocks.branch(word_start, whole.end(), TAKEN);
                at = word_start + 1;
            }
            b"fi" if open.last() == Some(&ShellBlock::If) => {
                open.pop();
                blocks.close(word_start);
            }
            b"case" if open.len() < DEPTH => open.push(ShellBlock::CaseHead),
            b"in" if open.last() == Some(&ShellBlock::CaseHead) => {
                open.pop();
                open.push(ShellBlock::Case);
                let (start, end) = case_pattern(text, whole.end());
                blocks.open(start, end, machine::names(&lossy(&text[start..end])));
                at = end.max(at);
            }
            b";;" | b";;&" if open.last() == Some(&ShellBlock::Case) => {
                let (start, end) = case_pattern(text, whole.end());
                let pattern = lossy(&text[start..end]);
                if pattern.trim().starts_with("esac") {
                    continue;
                }
                let values = if pattern.trim().trim_matches(['(', ')']).trim() == "*" {
                    TAKEN
                } else {
                    machine::names(&pattern)
                };
                blocks.branch(start, end, values);
                at = end.max(at);
            }
            b"esac" if open.last() == Some(&ShellBlock::Case) => {
                open.pop();
                blocks.close(word_start);
            }
            _ => {}
        }
    }
    while blocks.depth() > 0 {
        blocks.close(text.len());
    }
    blocks
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum ShellBlock {
    If,
    CaseHead,
    Case,
}

/// From the first word after `at` to its `)`; `esac` has none.
fn case_pattern(text: &[u8], at: usize) -> (usize, usize) {
    let rest = &text[at..];
    let start = at + rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    let rest = &text[start..text.len().min(start + 300)];
    if rest.starts_with(b"esac") {
        return (start, start);
    }
    (start, start + memchr::memchr(b')', rest).map_or(0, |end| end + 1))
}

fn python(text: &[u8]) -> Blocks {
    let mut blocks = Blocks::default();
    let mut indents: Vec<usize> = Vec::new();
    for (start, line) in lines(text) {
        let indent = line.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        let body = line[indent..].trim_ascii_end();
        if body.is_empty() {
            continue;
        }
        let continues = body.starts_with(b"elif") || body.starts_with(b"else");
        while indents.last().is_some_and(|last| *last > indent || (*last == indent && !continues)) {
            indents.pop();
            blocks.close(start);
        }
        let end = start + line.len();
        let Some(head) = body.strip_suffix(b":") else { continue };
        if let Some(condition) = head.strip_prefix(b"if ") {
            if indents.len() < DEPTH {
                indents.push(indent);
                blocks.open(start + indent, end, machine::evaluate(&lossy(condition)));
            }
        } else if indents.last() == Some(&indent) {
            if let Some(condition) = head.strip_prefix(b"elif ") {
                blocks.branch(start + indent, end, machine::evaluate(&lossy(condition)));
            } else if head.trim_ascii_end() == b"else" {
                blocks.branch(start + indent, end, TAKEN);
            }
        }
    }
    blocks
}

/// `select({"@platforms//cpu:aarch64": […], …})`: a key with a machine's name rules its list.
fn bazel(text: &[u8]) -> Blocks {
    static KEY: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r#"(?-u)"([^"\n]*)"[ \t]*:[ \t]*\["#).expect("a fixed expression"));
    let mut blocks = Blocks::default();
    for found in KEY.captures_iter(text) {
        let (whole, key) = (found.get_match(), lossy(&found[1]));
        let values = machine::names(&key);
        let jetson = key.contains("jetson") || key.contains("tegra") || key.contains("l4t");
        let values = if jetson { [Some(false), Some(true)] } else { values };
        if values == [None; 2] {
            continue;
        }
        let end = memchr::memchr(b']', &text[whole.end()..]).map_or(text.len(), |end| whole.end() + end);
        blocks.open(whole.start(), whole.end(), values);
        blocks.close(end);
    }
    blocks
}

/// `name ; platform_machine == "aarch64"`: the marker rules the line.
fn requirements(text: &[u8]) -> Blocks {
    let mut blocks = Blocks::default();
    for (start, line) in lines(text) {
        let Some(at) = memchr::memmem::find(line, b"platform_machine") else { continue };
        let marker = memchr::memrchr(b';', &line[..at]).map_or(at, |semicolon| semicolon + 1);
        let values = machine::evaluate(&lossy(&line[marker..]));
        blocks.open(start, start, values);
        blocks.close(start + line.len());
    }
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reach::Live;

    /// Words `Y…` are used on x86_64, `N…` are not, `M…` may be.
    #[track_caller]
    fn check(language: Language, text: &str) {
        let blocks = branches(language, text.as_bytes());
        for (at, _) in text.match_indices(|letter: char| letter.is_ascii_digit()) {
            let live = blocks.map.at(at);
            let right = match text.as_bytes()[at - 1] {
                b'Y' => live == Live::Yes,
                b'N' => live.is_dead(),
                b'M' => matches!(live, Live::If(_)),
                _ => true,
            };
            assert!(right, "`{}` is {live:?} in\n{text}", &text[at - 1..=at]);
        }
    }

    #[test]
    fn each_language_has_its_conditionals() {
        check(
            Language::Cmake,
            "if(CMAKE_SYSTEM_PROCESSOR STREQUAL \"aarch64\")\n N1\nelse()\n Y1\nendif()\nY2",
        );
        check(Language::Cmake, "IF(X)\n M1\nELSEIF(P MATCHES \"aarch64\")\n N1\nENDIF()\nY2");
        check(
            Language::Make,
            "ifeq ($(TARGET_ARCH),aarch64)\nN1\nelse ifeq ($(TARGET_ARCH),x86_64)\nY1\nelse\nN2\nendif\nY2",
        );
        check(
            Language::Make,
            "ifneq ($(filter aarch64,$(A)),)\nN1\nendif\nifeq (,$(findstring arm,$(A)))\nY1\nendif\nY2",
        );
        check(Language::Make, "ifneq ($(A),x86_64)\nN1\nendif\nifdef X\nM1\nendif\nY2");
        check(Language::Shell, "if [ $(uname -m) = aarch64 ]; then\n N1\nelse\n Y1\nfi\nY2");
        check(Language::Shell, "if [ -f x ]; then M1; elif test $A = arm64; then N1; fi; Y1");
        check(
            Language::Shell,
            "case $(uname -m) in\n aarch64|arm64) N1 ;;\n x86_64) Y1;;\n *) N2 ;;\nesac\nY2",
        );
        check(Language::Dockerfile, "RUN if [ \"$TARGETARCH\" = \"arm64\" ]; then N1; else Y1; fi; Y2");
        check(
            Language::Python,
            "if platform.machine() == 'aarch64':\n    N1\n    if x:\n        N2\nelif y:\n    M1\nelse:\n    M2\nY2",
        );
        check(Language::Bazel, "a = select({ \":linux_aarch64\": [ N1 ], \":k8\": [ Y1 ] }), Y2");
        check(
            Language::Requirements,
            "N1 ; platform_machine == 'aarch64'\nY1 ; platform_machine == 'x86_64'\nY2",
        );
    }
}
