//! What a build does beyond compiling, and how it tells machines apart.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::LazyLock;

use regex::bytes::Regex;

use super::collector::Collector;
use super::file_kind::Kind;
use super::makefile::{Makefile, Rule};
use super::text::{Text, words};
use crate::note::{Note, NoteKind};
use crate::pattern::bytes;
use crate::place::When;

static RULES: LazyLock<Vec<(NoteKind, Regex)>> = LazyLock::new(|| {
    let rule = |kind, pattern| (kind, bytes(pattern));
    vec![
        rule(NoteKind::ChangesSystem, r"\bsudo[ \t]+\S"),
        rule(NoteKind::ChangesSystem, r"\bapt(?:-get)?[ \t]+(?:-\S+[ \t]+)*install\b"),
        rule(NoteKind::Fetches, r"\bgit[ \t]+(?:clone|submodule[ \t]+update|fetch|pull|lfs[ \t]+pull)\b"),
        rule(
            NoteKind::Fetches,
            r"(?i)\b(?:FetchContent_(?:Declare|MakeAvailable|Populate)|ExternalProject_Add|CPMAddPackage)[ \t]*\(",
        ),
        rule(NoteKind::Fetches, r"(?i)\bfile[ \t]*\([ \t]*DOWNLOAD\b"),
        rule(NoteKind::Fetches, r"(?:^|[\s;&|@(`])(?:wget|curl)[ \t]+\S*[^\n]*(?:http|ftp)"),
        rule(NoteKind::Fetches, r"\bpip3?[ \t]+install\b"),
        rule(NoteKind::AsksGpu, r"\bnvidia-smi\b"),
        rule(NoteKind::AsksGpu, r"\bdeviceQuery\b"),
        rule(NoteKind::AsksGpu, r"(?i)\bcuda_select_nvcc_arch_flags\b"),
        rule(NoteKind::TestsMachine, r"\buname[ \t]+-(?:[a-z]*[mpia][a-z]*)\b"),
        rule(NoteKind::TestsMachine, r"\$\(shell[ \t]+arch\)"),
        rule(NoteKind::TestsMachine, r"\bdpkg[ \t]+--print-architecture\b"),
        rule(NoteKind::TestsMachine, r"\bCMAKE_(?:HOST_)?SYSTEM_PROCESSOR\b"),
        rule(NoteKind::TestsMachine, r"\bplatform\.machine\(\)"),
        rule(NoteKind::TestsMachine, r"/etc/nv_tegra_release\b"),
        rule(
            NoteKind::RefusesOthers,
            r"(?i)\bif[ \t]*\([ \t]*NOT[ \t]+[^)\n]*CMAKE_SYSTEM_PROCESSOR[^)\n]*(?:aarch64|arm64)[^)\n]*\)\s*message[ \t]*\([ \t]*FATAL_ERROR[^\n]*",
        ),
        rule(
            NoteKind::RefusesOthers,
            r"(?m)^[ \t]*ifneq[ \t]*\([^\n]*(?:aarch64|arm64)[^\n]*\)\s*\n[ \t]*\$\(error[^\n]*",
        ),
        rule(
            NoteKind::RefusesOthers,
            r#"(?:!=|-ne)[ \t]*["']?(?:aarch64|arm64)["']?[ \t]*\]{1,2}[^\n]*(?:\n[^\n]*){0,3}?\bexit[ \t]+[1-9]"#,
        ),
    ]
});

/// Targets that someone asks for by name, so that a program they run is no surprise.
const ASKED: &[&str] =
    &["run", "test", "check", "bench", "benchmark", "profile", "clean", "validate", "demo", "debug"];

pub(crate) fn read(text: &Text<'_>, collector: &mut Collector) {
    // A script may be started by hand for quite another purpose, and `configure` asks for the machine always.
    if !matches!(text.kind, Kind::CMake | Kind::Make | Kind::Python | Kind::Meson | Kind::Bazel | Kind::QMake)
    {
        return;
    }
    let unasked = if text.kind == Kind::Make { unreached(text) } else { BTreeSet::new() };
    for (kind, pattern) in RULES.iter() {
        for found in pattern.find_iter(text.code()) {
            let start =
                found.start() + found.as_bytes().iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            if let Some(when) = text.when(start) {
                let line = line(text.code(), start);
                // A refusal stands inside the very condition that it names; a recipe of a target that nobody asked for may
                // never run.
                let when = match kind {
                    NoteKind::RefusesOthers => when.min(When::Sometimes),
                    _ if unasked.contains(&line.start) => when.max(When::Sometimes),
                    _ => when,
                };
                let words = words(&text.code()[line]);
                collector.needs.notes.push(Note { place: text.place(start), kind: *kind, words, when });
            }
        }
    }
    if text.kind == Kind::Make {
        runs(text, collector);
    }
}

/// The line around an offset.
fn line(code: &[u8], offset: usize) -> Range<usize> {
    let start = memchr::memrchr(b'\n', &code[..offset]).map_or(0, |end| end + 1);
    start..memchr::memchr(b'\n', &code[offset..]).map_or(code.len(), |end| offset + end)
}

/// Where the lines of recipes start that a bare `make` does not run.
fn unreached(text: &Text<'_>) -> BTreeSet<usize> {
    let makefile = Makefile::parse(text.code());
    let reached = makefile.reached();
    // A target with a variable in its name may be any.
    let runs = |target: &String| reached.contains(target.as_str()) || target.contains(['$', '%']);
    let rules = makefile.rules.iter().filter(|rule| !rule.targets.iter().any(runs));
    rules.flat_map(|rule| &rule.recipe).map(|(offset, _)| *offset).collect()
}

/// Programs that the default target builds and then runs.
fn runs(text: &Text<'_>, collector: &mut Collector) {
    let makefile = Makefile::parse(text.code());
    let reached = makefile.reached();
    let counts = |rule: &&Rule| {
        let asked = |target: &String| ASKED.iter().any(|word| target.contains(word));
        let needed = |target: &String| reached.contains(target.as_str());
        rule.targets.iter().any(needed) && !rule.targets.iter().any(asked)
    };
    for (offset, line) in makefile.rules.iter().filter(counts).flat_map(|rule| &rule.recipe) {
        let command = line.trim_start_matches(['@', '-', '+', ' ']);
        let command = command.strip_prefix("$(EXEC) ").unwrap_or(command);
        let program = command.split_whitespace().next().unwrap_or_default();
        let is_script = [".sh", ".py", ".pl", "configure"].iter().any(|ending| program.ends_with(ending));
        if !program.starts_with("./") || is_script {
            continue;
        }
        if let Some(when) = text.when(*offset) {
            let (place, words) = (text.place(*offset), words(command.as_bytes()));
            collector.needs.notes.push(Note { place, kind: NoteKind::RunsItself, words, when });
        }
    }
}
