//! Bytes that no one means: nothing panics, and the work stays in proportion.

use std::time::Duration;

use camino::Utf8Path;
use cuferry_scan::{FileReport, Options, Trouble, scan_file};
use proptest::prelude::*;

const NAMES: &[&str] = &[
    "a.c",
    "a.cpp",
    "a.cu",
    "a.S",
    "CMakeLists.txt",
    "Makefile",
    "BUILD",
    "a.py",
    "requirements.txt",
    "a.sh",
    "Dockerfile",
    "a.bin",
];

/// Words that lead into the depths of the search.
const WORDS: &[&str] = &[
    "#if ",
    "#ifdef __aarch64__",
    "#elif",
    "#else",
    "#endif",
    "#define X ",
    "#error no",
    "#include <arm_neon.h>",
    "\n",
    "\\\n",
    "(",
    ")",
    "{",
    "}",
    "[",
    "]",
    "\"",
    "'",
    "/*",
    "*/",
    "//",
    "R\"x(",
    "asm(\"dmb ish\")",
    "asm(",
    "char c",
    "c < 0",
    "t[c]",
    "sm_87",
    "CMAKE_CUDA_ARCHITECTURES ",
    "87 ",
    "if(",
    "endif()",
    "else()",
    "if [ ",
    "then",
    "fi",
    "case x in",
    ";;",
    "esac",
    "if x:",
    "elif y:",
    "else:",
    "    ",
    "ifeq ($(A),aarch64)",
    "endif",
    "FROM --platform=linux/arm64 ",
    "\"\"\"",
    "#[[",
    "]]",
    "select({\"aarch64\": [",
    "nvvidconv",
    "/dev/nvhost-",
    "-mcpu=",
    "\u{e9}",
    "«",
    "\r\n",
    "\t",
    "0x",
    "1'000",
    "texture<",
    "__fp16 ",
    "; platform_machine == 'x'",
];

fn scan(name: &str, bytes: &[u8]) -> FileReport {
    let report = scan_file(Utf8Path::new(name), bytes, &Options { dead: true, ..Options::default() });
    for finding in &report.findings {
        let place = &finding.place;
        assert!(place.start <= place.end && place.end <= bytes.len(), "{finding:?}");
        assert!(place.line >= 1 && place.column >= 1 && place.end_line >= place.line, "{finding:?}");
        for edit in finding.fix.iter().flat_map(|fix| &fix.edits) {
            assert!(edit.start <= edit.end && edit.end <= bytes.len(), "{finding:?}");
        }
    }
    report
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_searched(name in prop::sample::select(NAMES), bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        scan(name, &bytes);
    }

    #[test]
    fn any_words_are_searched(
        name in prop::sample::select(NAMES),
        words in prop::collection::vec(prop::sample::select(WORDS), 0..80),
    ) {
        let text = words.concat();
        let first = scan(name, text.as_bytes());
        prop_assert_eq!(first, scan(name, text.as_bytes()));
    }
}

#[track_caller]
fn in_time(what: &str, name: &str, text: &[u8]) {
    let time = cuferry_testkit::cpu_time(|| drop(scan(name, text)));
    // An unoptimised build needs seconds for the largest; what grows by the square needs minutes.
    assert!(time < Duration::from_secs(30), "{what} in {name} takes {time:?}");
}

#[test]
fn depth_and_length_cost_no_more_than_their_size() {
    let repeat = |text: &str, times: usize| text.repeat(times).into_bytes();
    let start =
        b"char c; int f() { return c < 0; } asm(\"dmb ish\"); // sm_87 -mcpu=x aarch64 nvvidconv\n".to_vec();
    for name in NAMES {
        for (what, body) in [
            ("parentheses", repeat("(", 20_000)),
            ("braces", repeat("{", 20_000)),
            ("templates", repeat("a<", 5_000)),
            ("conditionals", repeat("#if X\n", 10_000)),
            ("conditions", [b"#if ".to_vec(), repeat("!(", 20_000)].concat()),
            ("make's", repeat("ifeq ($(A),aarch64)\n", 10_000)),
            ("the shell's", repeat("if [ $A = aarch64 ]; then ", 20_000)),
            ("cases", repeat("case x in aarch64) ", 20_000)),
            (
                "Python's",
                (0..600).flat_map(|depth| format!("{}if x:\n", " ".repeat(depth)).into_bytes()).collect(),
            ),
            ("CMake's", repeat("if(A STREQUAL aarch64)\n", 20_000)),
            ("one line", repeat("sm_87 nvvidconv ", 20_000)),
            ("continued lines", repeat("x \\\n", 20_000)),
            ("open asm", repeat("asm(\"dmb\" ", 20_000)),
            ("quotes", repeat("\"", 20_001)),
            ("lists", repeat("CUDA_ARCH_BIN=8.7,8.7,", 10_000)),
        ] {
            in_time(what, name, &[start.clone(), body].concat());
        }
    }
}

#[test]
fn what_is_no_text_is_named() {
    assert_eq!(scan("a.c", b"int x;\0\n").trouble, Some(Trouble::Binary { offset: 6 }));
    let small = Options { max_bytes: 4, max_findings: 1, ..Options::default() };
    let report = scan_file("a.c".into(), b"int x;", &small);
    assert_eq!(report.trouble, Some(Trouble::TooLarge { bytes: 6, limit: 4 }));
    let few = Options { max_findings: 1, ..Options::default() };
    let report = scan_file("x.sh".into(), b"tegrastats\nnvpmodel\n", &few);
    assert_eq!((report.findings.len(), report.trouble), (1, Some(Trouble::TooMany { limit: 1 })));
    let report = scan("a.c", b"// \xff\xfe\n__fp16 x; // \xff");
    assert_eq!(report.findings.len(), 1);
}
