//! Every rule against texts in which `«…»` marks what it finds: one that it finds and one that it leaves alone, at least.

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8Path;
use cuferry_scan::{Options, Reach, RuleSet, Severity, Summary, scan_file};

mod cases;

use cases::CASES;

/// The text without its marks, and what they enclose.
fn unmark(marked: &str) -> (String, Vec<(usize, usize)>) {
    let (mut text, mut ranges, mut start) = (String::new(), Vec::new(), 0);
    for letter in marked.chars() {
        match letter {
            '«' => start = text.len(),
            '»' => ranges.push((start, text.len())),
            _ => text.push(letter),
        }
    }
    (text, ranges)
}

/// What is wrong, if anything is.
fn check(rule: &str, path: &str, marked: &str) -> Option<String> {
    let (text, expected) = unmark(marked);
    let report = scan_file(Utf8Path::new(path), text.as_bytes(), &Options::default());
    let found: Vec<_> = report
        .findings
        .iter()
        .filter(|finding| finding.rule.as_str() == rule)
        .map(|finding| (finding.place.start, finding.place.end))
        .collect();
    let show =
        |ranges: &[(usize, usize)]| ranges.iter().map(|(a, b)| text[*a..*b].to_owned()).collect::<Vec<_>>();
    let right = found == expected && report.trouble.is_none();
    let what = (show(&found), show(&expected), report.trouble);
    (!right).then(|| format!("{rule} in {path}: found, expected, trouble: {what:?}\n{text}\n"))
}

/// An intrinsic that the headers lack: which ones those are changes with the headers.
fn missing_intrinsic() -> String {
    let all = cuferry_compat::intrinsics().iter().chain(cuferry_compat::acle());
    let missing = all.filter(|intrinsic| !intrinsic.available).map(|intrinsic| intrinsic.name).next();
    format!(
        "#include <arm_acle.h>\nvoid f() {{ x = «{}»(a); }}",
        missing.expect("the headers lack some intrinsics")
    )
}

#[test]
fn every_case_is_as_marked() {
    let missing = missing_intrinsic();
    let all = CASES.iter().copied().chain([("CF1002", "a.c", missing.as_str())]);
    let wrong: Vec<_> = all.filter_map(|(rule, path, text)| check(rule, path, text)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Findings of whole files have no bytes to mark.
const WHOLE_FILE: &[(&str, &str, &str, bool)] = &[
    ("CF1110", "model/yolo.engine", "\0\x01ftrt", true),
    ("CF1110", "model/yolo.onnx", "\0\x01", false),
    ("CF1111", "model/yolo.onnx", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", true),
    ("CF1111", "README.txt", "Git LFS: version https://git-lfs.github.com/spec/v1\n", false),
];

#[test]
fn whole_files_are_judged_by_name_and_start() {
    for (rule, path, text, expected) in WHOLE_FILE {
        let report = scan_file(Utf8Path::new(path), text.as_bytes(), &Options::default());
        let found = report.findings.iter().any(|finding| finding.rule.as_str() == *rule);
        assert_eq!(found, *expected, "{rule} for {path}");
    }
}

#[test]
fn every_rule_is_shown_to_find_and_to_leave_alone() {
    let mut cases: BTreeMap<&str, (bool, bool)> = BTreeMap::new();
    let marked = CASES.iter().map(|(rule, _, text)| (*rule, text.contains('«')));
    let whole = WHOLE_FILE.iter().map(|(rule, _, _, expected)| (*rule, *expected));
    for (rule, finds) in marked.chain(whole).chain([("CF1002", missing_intrinsic().contains('«'))]) {
        let seen = cases.entry(rule).or_default();
        *(if finds { &mut seen.0 } else { &mut seen.1 }) = true;
    }
    for rule in RuleSet::builtin().iter() {
        let seen = cases.get(rule.id.as_str()).copied().unwrap_or_default();
        assert_eq!(seen, (true, true), "{} ({}): found, left alone", rule.id, rule.name);
    }
}

#[test]
fn rules_are_whole() {
    let rules = RuleSet::builtin();
    let names: BTreeSet<_> = rules.iter().map(|rule| rule.name.as_str()).collect();
    assert_eq!(names.len(), rules.iter().count(), "two rules share a name");
    for rule in rules.iter() {
        assert!(rule.id.as_str().starts_with("CF1") && rule.id.as_str().len() == 6, "{}", rule.id);
        for sentence in [&rule.cause, &rule.fix] {
            assert!(sentence.ends_with('.') && sentence.len() > 10, "{}: {sentence}", rule.id);
        }
        assert!(!rule.title.ends_with('.') && !rule.source.is_empty(), "{}", rule.id);
    }
}

#[test]
fn messages_leave_nothing_unfilled() {
    for (_, path, marked) in CASES {
        let (text, _) = unmark(marked);
        for finding in scan_file(Utf8Path::new(path), text.as_bytes(), &Options::default()).findings {
            let fix = finding.fix.as_ref().map(|fix| fix.description.clone()).unwrap_or_default();
            for sentence in [&finding.message, &fix] {
                let open = sentence.find('{').is_some_and(|at| {
                    sentence[at + 1..].starts_with(|next: char| next.is_ascii_digit() || "tn".contains(next))
                });
                assert!(!open && !sentence.ends_with('.'), "{}: {sentence}", finding.rule);
            }
        }
    }
}

#[test]
fn places_that_x86_64_never_compiles_are_reported_on_demand() {
    let text = b"#ifdef __aarch64__\nasm(\"isb\");\n#endif\n#ifdef MINE\nasm(\"isb\");\n#endif\nvoid f() { asm(\"isb\"); }\n";
    let options = Options { dead: true, ..Options::default() };
    let report = scan_file("a.c".into(), text, &options);
    let found: Vec<_> = report
        .findings
        .iter()
        .filter(|finding| finding.rule.as_str() == "CF1011")
        .map(|finding| (finding.place.line, finding.severity, format!("{:?}", finding.reach)))
        .collect();
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found[0].2.contains("Dead { line: 1") && found[0].2.contains("#ifdef __aarch64__"), "{found:?}");
    assert!(found[1].2.contains("Conditional { line: 4") && found[1].1 == Severity::Warning, "{found:?}");
    assert!(found[2].2 == "Compiled" && found[2].1 == Severity::Error, "{found:?}");
}

#[test]
fn files_for_another_build_count_one_step_less() {
    let of = |path: &str| {
        let report = scan_file(path.into(), b"void f() { asm(\"isb\"); }\n", &Options::default());
        let finding = report.findings.into_iter().next().expect("an instruction of ARM's");
        (finding.severity, finding.reach)
    };
    assert_eq!(of("src/neon/a.c"), (Severity::Warning, Reach::SetApart { word: "neon".to_owned() }));
    assert_eq!(of("src/a.c"), (Severity::Error, Reach::Compiled));
}

#[test]
fn a_flag_for_this_machine_stays_one() {
    let fix = |flag: &str| {
        let text = format!("CFLAGS += {flag}\n");
        let report = scan_file("Makefile".into(), text.as_bytes(), &Options::default());
        report.findings[0].fix.as_ref().map(|fix| fix.edits[0].replacement.clone())
    };
    assert_eq!(fix("-mcpu=native").as_deref(), Some("-march=native"));
    assert_eq!(fix("-mcpu=carmel").as_deref(), Some("-march=x86-64-v3"));
}

#[test]
fn an_empty_source_is_searched_and_a_binary_one_is_not() {
    let searched = |path: &str, bytes: &[u8]| {
        let mut summary = Summary::default();
        summary.add(&scan_file(path.into(), bytes, &Options::default()), &RuleSet::builtin());
        summary.searched
    };
    assert_eq!([searched("a.c", b""), searched("a.c", b"\0"), searched("a.bin", b"")], [1, 0, 0]);
}

#[test]
fn uses_of_one_name_are_one_finding() {
    let text = b"#include <x.h>\n__fp16 a;\n__fp16 b;\nlong double c;\n";
    let report = scan_file("a.c".into(), text, &Options::default());
    let found: Vec<_> = report
        .findings
        .iter()
        .map(|finding| (finding.rule.as_str().to_owned(), finding.uses, finding.place.line))
        .collect();
    assert_eq!(found, [("CF1096".to_owned(), 2, 2), ("CF1095".to_owned(), 1, 4)]);
}

#[test]
fn fixes_replace_exactly_their_place() {
    let apply = |path: &str, text: &str| {
        let report = scan_file(Utf8Path::new(path), text.as_bytes(), &Options::default());
        let mut out = text.to_owned();
        for finding in report.findings.iter().rev() {
            for edit in finding.fix.iter().flat_map(|fix| fix.edits.iter().rev()) {
                out.replace_range(edit.start..edit.end, &edit.replacement);
            }
        }
        out
    };
    assert_eq!(
        apply("a.c", "void f(void) { asm volatile(\"dmb ish\" ::: \"memory\"); }\n"),
        "void f(void) { __sync_synchronize(); }\n"
    );
    assert_eq!(apply("Dockerfile", "FROM arm64v8/ubuntu:22.04\n"), "FROM ubuntu:22.04\n");
    assert_eq!(apply("Makefile", "CFLAGS += -O2 -mcpu=cortex-a57\n"), "CFLAGS += -O2 -march=x86-64-v3\n");
    assert_eq!(apply("x.sh", "apt-get install libfoo-dev:arm64 bar\n"), "apt-get install libfoo-dev bar\n");
    assert_eq!(
        apply("Makefile", "LDFLAGS = -L/usr/lib/aarch64-linux-gnu -lx\n"),
        "LDFLAGS = -L/usr/lib/x86_64-linux-gnu -lx\n"
    );
}
