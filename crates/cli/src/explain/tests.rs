//! Every id and code that cuferry itself can print has an explanation: the sources are searched for them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use camino::Utf8PathBuf;
use cuferry_arch::run::Obstacle;
use cuferry_arch::{DriverVersion, GpuArch, Host, PtxIsa};
use cuferry_explain::catalogue;
use cuferry_inspect::Fact;
use cuferry_inspect::fact::DriverCause;
use cuferry_inspect::inventory::Machine;
use cuferry_project::infer::{Note, Place};

use super::*;

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in folder.read_dir().expect("the crates are readable").flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs" || extension == "toml") {
            found.push(path);
        }
    }
}

/// Each id in the crates' sources, with a file that has it: miette's codes, `Failure::say`, and `CF` numbers.
fn printed_ids() -> BTreeMap<String, PathBuf> {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files = Vec::new();
    for folder in crates.read_dir().expect("it is there").flatten() {
        let name = folder.file_name();
        for part in ["src", "data"] {
            let path = folder.path().join(part);
            // Modifiers of PTX (`fence::before_thread_sync`) look like codes.
            if path.is_dir() && !["explain", "ptx", "golden"].iter().any(|other| name == *other) {
                sources(&path, &mut files);
            }
        }
    }
    let mut found = BTreeMap::new();
    for path in files {
        let text = std::fs::read_to_string(&path).expect("sources are text");
        // Tests make up ids of their own.
        let text = text.split("#[cfg(test)]").next().unwrap_or_default();
        if path.ends_with("tests.rs") {
            continue;
        }
        let printed = |line: &&str| {
            let comment = line.starts_with("//") || line.starts_with("# ");
            // A function's path, in quotes as a code is.
            !comment && !line.contains("_with = ")
        };
        for line in text.lines().map(str::trim).filter(printed) {
            for id in codes(line).into_iter().chain(numbers(line)) {
                found.entry(id).or_insert_with(|| path.clone());
            }
        }
    }
    found
}

/// `code(install::io)` in a derive, `"build::failed"` as an argument.
fn codes(line: &str) -> Vec<String> {
    let derived = line.split("code(").skip(1).filter_map(|rest| rest.split_once(')')).map(|(code, _)| code);
    let said = line.split('"').skip(1).step_by(2);
    let is_code = |text: &&str| {
        let mut parts = text.split("::");
        let plain = |part: Option<&str>| {
            part.is_some_and(|part| {
                !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
            })
        };
        plain(parts.next()) && plain(parts.next()) && parts.next().is_none()
    };
    derived.chain(said).filter(is_code).map(str::to_owned).collect()
}

/// `CF2001` in quotes.
fn numbers(line: &str) -> Vec<String> {
    let quoted = line.split('"').skip(1).step_by(2);
    let is_id = |text: &&str| {
        text.len() == 6 && text.starts_with("CF") && text[2..].bytes().all(|byte| byte.is_ascii_digit())
    };
    quoted.filter(is_id).map(str::to_owned).collect()
}

#[test]
fn everything_that_cuferry_prints_is_explained() {
    let ids = printed_ids();
    for expected in [
        "CF2001",
        "CF2017",
        "CF3012",
        "scan::exclude",
        "install::network",
        "build::failed",
        "gpu::none",
        "explain::unknown",
    ] {
        assert!(ids.contains_key(expected), "the search misses `{expected}`");
    }
    let missing: Vec<String> = ids
        .iter()
        .filter(|(id, _)| catalogue().entry(id).is_none())
        .map(|(id, path)| format!("`{id}` of {} has no entry in crates/explain/data", path.display()))
        .collect();
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

/// A flag that a rule changes leads to that rule.
#[test]
fn every_flag_of_a_rule_finds_the_rule() {
    let text =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../translate/data/rules.toml"))
            .expect("the rules are there");
    let value = |line: &str, key: &str| {
        line.strip_prefix(key)?
            .trim()
            .strip_prefix('=')?
            .trim()
            .strip_prefix('"')?
            .strip_suffix('"')
            .map(str::to_owned)
    };
    let mut id = String::new();
    let mut count = 0;
    for line in text.lines() {
        id = value(line, "id").unwrap_or(id);
        let Some(flag) = value(line, "flag") else { continue };
        let flag = flag.replace('*', "x");
        let found = catalogue().find(&flag);
        assert_eq!(found.matches.first().map(|found| found.entry.id.as_str()), Some(id.as_str()), "`{flag}`");
        count += 1;
    }
    assert!(count > 30, "the rules are read: {count}");
}

/// Each rule of a scan has its entry, under the same title, and its row in the reference.
#[test]
fn every_rule_of_a_scan_is_explained() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/scan.md");
    let reference = std::fs::read_to_string(path).expect("the reference is there");
    let mut ids = Vec::new();
    for rule in cuferry_scan::RuleSet::builtin().iter() {
        let id = rule.id.as_str();
        let entry = catalogue().entry(id);
        assert_eq!(entry.map(|entry| entry.title.as_str()), Some(rule.title.as_str()), "{id}");
        let row = format!(
            "| {id} | `{}` | {} | {} | {} | {} |",
            rule.name,
            rule.title,
            rule.kind.name(),
            rule.severity.name(),
            rule.effort.name()
        );
        assert!(reference.contains(&row), "docs/scan.md lacks the row\n{row}");
        ids.push(id.to_owned());
    }
    let subject = catalogue().subjects().iter().find(|subject| subject.name == "scan").expect("it is there");
    let explained = subject.entries.iter().map(|entry| &entry.id).filter(|id| id.starts_with("CF"));
    assert_eq!(explained.collect::<Vec<_>>(), ids.iter().collect::<Vec<_>>(), "no entry without a rule");
}

/// Each guess about a project, as a report words it, leads to its entry.
#[test]
fn every_guess_is_explained() {
    let path = || Utf8PathBuf::from("src/a.cu");
    let place = || Place { path: path(), line: 3 };
    let text = || "name".to_owned();
    let notes = [
        Note::Main { place: place() },
        Note::SideFolder { path: path(), folder: text() },
        Note::ArmVariant { path: path(), instead: path() },
        Note::IncludedSource { path: path(), place: place() },
        Note::OtherMain { place: place() },
        Note::GuardedMain { place: place(), guard: "if TEST".to_owned() },
        Note::IncludeFolder { folder: path(), header: text(), place: place() },
        Note::MissingHeader { header: text(), place: place() },
        Note::Standard { standard: "c++20".to_owned(), place: place() },
        Note::OldStandard { standard: "c++11".to_owned(), place: place() },
        Note::DeviceLink { name: text(), declared: place(), defined: Some(place()) },
        Note::DeviceLink { name: text(), declared: place(), defined: None },
        Note::DeviceLinkFlag { place: place() },
        Note::CudaLibrary { name: text(), place: place() },
        Note::Library { name: text(), place: place() },
        Note::PkgConfig { module: text(), place: place() },
        Note::ArmArchitecture { arch: "sm_87".to_owned(), place: place() },
        Note::UnknownArchitecture { text: text(), place: place() },
        Note::Optimised,
    ];
    for note in notes {
        // A new kind of guess stops here until it has its line above, and its entry.
        let expected = match &note {
            Note::Main { .. } => "guess-main",
            Note::SideFolder { .. } => "guess-side-folder",
            Note::ArmVariant { .. } => "guess-arm-variant",
            Note::IncludedSource { .. } => "guess-included-source",
            Note::OtherMain { .. } => "guess-other-main",
            Note::GuardedMain { .. } => "guess-guarded-main",
            Note::IncludeFolder { .. } => "guess-include-folder",
            Note::MissingHeader { .. } => "guess-missing-header",
            Note::Standard { .. } => "guess-standard",
            Note::OldStandard { .. } => "guess-old-standard",
            Note::DeviceLink { .. } | Note::DeviceLinkFlag { .. } => "guess-device-link",
            Note::CudaLibrary { .. } | Note::Library { .. } | Note::PkgConfig { .. } => "guess-library",
            Note::ArmArchitecture { .. } => "guess-arm-architecture",
            Note::UnknownArchitecture { .. } => "guess-unknown-architecture",
            Note::Optimised => "guess-optimised",
        };
        let words = note.to_string();
        let found = catalogue().find(&words);
        let ids: Vec<_> = found.matches.iter().map(|found| found.entry.id.as_str()).collect();
        assert_eq!(ids.first(), Some(&expected), "`{words}` finds {ids:?}");
    }
}

/// Each fact that decides a verdict, as `inspect` words it, leads to its entry.
#[test]
fn every_fact_of_a_verdict_is_explained() {
    let arch = GpuArch::base;
    let machine = Machine::Host(Host::Aarch64);
    let text = || "x".to_owned();
    let isa = PtxIsa { major: 8, minor: 7 };
    let (needs, has) = (DriverVersion::new(570, 26, 0), DriverVersion::new(535, 54, 0));
    let because = DriverCause::Runtime(13);
    let jetson = Obstacle::TegraIsland { code: arch(87), gpu: arch(86), tegra: arch(87) };
    let older = Obstacle::OlderGpu { code: arch(87), gpu: arch(80) };
    let generation = Obstacle::OtherGeneration { code: arch(80), gpu: arch(90) };
    for fact in [
        Fact::MachineCode { code: arch(86) },
        Fact::Ptx { target: arch(86), isa: Some(isa) },
        Fact::Ptx { target: arch(86), isa: None },
        Fact::Emulated { target: arch(86) },
        Fact::HostOnly,
        Fact::PtxText { targets: vec![arch(75)] },
        Fact::OtherHost { machine, host: Host::X86_64 },
        Fact::OwnLibrary { machine, component: text(), from: text() },
        Fact::NoPtx { code: arch(87), obstacle: jetson },
        Fact::NoPtx { code: arch(80), obstacle: generation },
        Fact::NoFit { target: arch(87), obstacle: older },
        Fact::OnlyIr,
        Fact::PtxNewerThanDriver { isa, needs: Some(needs), has },
        Fact::PtxNewerThanDriver { isa, needs: None, has },
        Fact::OldDriver { because, needs, has },
        Fact::DriverEnded { because, needs, last: 470 },
        Fact::Tegra { library: text(), what: text(), answer: text() },
        Fact::Placeholder,
        Fact::ForeignMachine { machine: Machine::Arm32 },
        Fact::Unreadable { problem: text() },
        Fact::NothingToEmulate { archs: vec![arch(87)], modules: 1, of: 1 },
        Fact::NothingToEmulate { archs: vec![arch(87)], modules: 1, of: 3 },
    ] {
        for words in [fact.to_string(), format!("{fact} [{}]", fact.id())] {
            let found = catalogue().find(&words);
            let ids: Vec<_> = found.matches.iter().map(|found| found.entry.id.as_str()).collect();
            assert_eq!(ids.first(), Some(&fact.id()), "`{words}` finds {ids:?}");
        }
    }
}

#[test]
fn a_log_is_clipped_and_its_control_characters_are_dropped() {
    assert_eq!(clip("abc", 3), "abc");
    assert_eq!(clip("abcd", 3), "ab…");
    assert_eq!(clip("a\u{1b}[2Jb", 9), "a[2Jb");
}
