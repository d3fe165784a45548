//! What a build file says of the CUDA release that it wants.

use std::sync::LazyLock;

use cuferry_arch::{CudaRelease, jetpack};
use regex::bytes::{Captures, Regex};

use super::collector::{Collector, at_most};
use super::text::Text;
use crate::api;
use crate::needs::{Hint, HintKind};
use crate::pattern::bytes;
use crate::place::When;

/// How words of a build file are read.
struct Rule {
    pattern: Regex,
    hint: fn(&Captures<'_>) -> Option<HintKind>,
    /// The rarest that such words can be.
    limit: When,
}

static RULES: LazyLock<Vec<Rule>> = LazyLock::new(|| {
    let rule = |pattern: &str, hint, limit| Rule { pattern: bytes(pattern), hint, limit };
    vec![
        rule(r"/cuda-(\d{1,2})(?:\.(\d{1,2}))?(?:[^\w.]|$|\.[^\w])", named, When::Always),
        rule(
            r#"(?im)\bCUDA_?VER(?:SION)?[ \t]*[?:+]?=[ \t]*["']?v?(\d{1,2})(?:\.(\d{1,2}))?(?:[^\d.]|$|\.\d{1,3}[^\d.])"#,
            named,
            When::Always,
        ),
        rule(
            r#"(?i)\bset[ \t]*\([ \t]*CUDA_VER(?:SION)?[ \t]+"?(\d{1,2})(?:\.(\d{1,2}))?[ \t".)]"#,
            named,
            When::Always,
        ),
        rule(r"(?i)\bnvidia/cuda:(\d{1,2})\.(\d{1,2})", named, When::Always),
        rule(r"(?i)\bl4t-[a-z0-9-]+:(?:[a-z0-9._-]*-)?r(\d{2}(?:\.\d+){0,2})", by_l4t, When::Always),
        rule(r"(?i)\bL4T_(?:VERSION|RELEASE)[ \t]*[?:]?=[ \t]*r?(\d{2}(?:\.\d+){0,2})", by_l4t, When::Always),
        rule(
            r"(?i)\bjetpack[_-]?(?:version)?[ \t]*[?:]?=?[ \t]*v?(\d\.\d(?:\.\d)?)",
            by_jetpack,
            When::Always,
        ),
        rule(
            r"(?i)\bfind_package[ \t]*\(\s*CUDA(?:Toolkit)?\s+(\d{1,2})(?:\.(\d{1,2}))?([^)]*)\)",
            found,
            When::Always,
        ),
        rule(r"(?i)\bCUDA_STANDARD[ \t]+(2[0-9])\b", standard, When::Always),
        rule(r"(?i)\bcuda_std_(2[0-9])\b", standard, When::Always),
        rule(r"(?i)(?:nvcc|cuda|\bcu)[^\n]{0,200}-std[= ](?:c|gnu)\+\+(2[0-9a-d])", standard, When::Always),
        rule(r"(?:^|[\s=,;])-{1,2}([a-zA-Z][a-zA-Z-]{5,31})\b", option, When::Always),
    ]
});

pub(crate) fn read(text: &Text<'_>, collector: &mut Collector) {
    for rule in RULES.iter() {
        for captures in rule.pattern.captures_iter(text.code()) {
            let (whole, first) = (captures.get(0).expect("group 0 is the match"), captures.get(1));
            let offset = first.map_or(whole.start(), |first| first.start());
            let (Some(kind), Some(when)) = ((rule.hint)(&captures), text.when(offset)) else { continue };
            let words = text.words(whole.range());
            let words = words.trim_end_matches(['"', '\'', ',', ';', ':', '/', '.']);
            let words = if words.contains('(') { words } else { words.trim_end_matches(')') }.to_owned();
            let place = text.place(offset);
            collector.needs.hints.push(Hint { place, kind, words, when: at_most(when, rule.limit) });
        }
    }
}

fn number(captures: &Captures<'_>, group: usize) -> Option<u16> {
    std::str::from_utf8(captures.get(group)?.as_bytes()).ok()?.parse().ok()
}

fn string<'a>(captures: &'a Captures<'_>, group: usize) -> Option<&'a str> {
    std::str::from_utf8(captures.get(group)?.as_bytes()).ok()
}

fn named(captures: &Captures<'_>) -> Option<HintKind> {
    let major = number(captures, 1).filter(|major| (5..40).contains(major))?;
    Some(HintKind::Named { major, minor: number(captures, 2) })
}

fn of_release(release: CudaRelease) -> HintKind {
    HintKind::Named { major: release.major, minor: Some(release.minor) }
}

fn by_l4t(captures: &Captures<'_>) -> Option<HintKind> {
    Some(of_release(jetpack::by_l4t(string(captures, 1)?.parse().ok()?)?.cuda))
}

fn by_jetpack(captures: &Captures<'_>) -> Option<HintKind> {
    let version = string(captures, 1)?;
    let row = jetpack::jetpacks().iter().find(|row| row.jetpack == version);
    Some(of_release(row?.cuda))
}

/// `find_package(CUDA 10.2 EXACT REQUIRED)`: CMake stops unless it is that one; without `EXACT`, unless it is as new.
fn found(captures: &Captures<'_>) -> Option<HintKind> {
    let (major, minor) = (number(captures, 1)?, number(captures, 2));
    let rest = string(captures, 3)?.to_ascii_uppercase();
    let has = |word: &str| rest.split_whitespace().any(|other| other == word);
    if has("EXACT") {
        return Some(HintKind::Demanded { major, minor });
    }
    Some(HintKind::AtLeast(CudaRelease::new(major, minor.unwrap_or(0))))
}

#[expect(clippy::unnecessary_wraps, reason = "every rule has a function of one shape")]
/// nvcc takes C++20 since CUDA 12.0; 11.8 is the last that does not.
fn standard(_: &Captures<'_>) -> Option<HintKind> {
    Some(HintKind::NotYetIn(api::new_names().lacks))
}

/// Options of nvcc that 11.8 does not have.
fn option(captures: &Captures<'_>) -> Option<HintKind> {
    let known = api::new_names().options.iter().any(|option| Some(option.as_str()) == string(captures, 1));
    known.then_some(HintKind::NotYetIn(api::new_names().lacks))
}
