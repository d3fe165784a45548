//! Text that wants to break the parser: it has to end, soon, and without a panic.

use cuferry_ptx::{ParseErrorKind, Parsed, Statement, parse};
use proptest::prelude::*;

const HEAD: &str = ".version 8.0\n.target sm_90\n.address_size 64\n";

/// Parses, prints, and looks at everything that has a place.
fn walk(text: &str) -> Parsed<'_> {
    let parsed = parse(text);
    for error in &parsed.errors {
        assert!(text.get(error.span.range()).is_some(), "{error:?}");
    }
    for function in parsed.module.functions() {
        assert!(text.get(function.span.range()).is_some());
        let Some(body) = &function.body else { continue };
        let mut depth = 0i64;
        for statement in &body.statements {
            depth += i64::from(matches!(statement, Statement::Open))
                - i64::from(matches!(statement, Statement::Close));
            assert!(depth >= 0, "braces are balanced");
        }
        assert_eq!(depth, 0, "braces are balanced");
        for instruction in body.instructions() {
            assert!(text.get(instruction.span.range()).is_some());
            let _ = instruction.call();
        }
    }
    let _ = parsed.module.to_string();
    let _ = parsed.module.debug_string("a", 0);
    parsed
}

#[test]
fn depth_is_bounded() {
    for (open, close) in [("(", ")"), ("-", ""), ("~", ""), ("1+(", ")"), ("1?", ""), ("(.u64)", "")] {
        let text = format!("{HEAD}.global .b64 x = {}1{};", open.repeat(100_000), close.repeat(100_000));
        let errors = walk(&text).errors;
        assert_eq!(errors.first().map(|error| &error.kind), Some(&ParseErrorKind::TooDeep), "{open}");
    }
    let text = format!("{HEAD}.global .b64 x = {}1{};", "{".repeat(100_000), "}".repeat(100_000));
    assert_eq!(walk(&text).errors[0].kind, ParseErrorKind::TooDeep);
    let text = format!("{HEAD}.entry k() {{ {} {} }}", "{".repeat(100_000), "}".repeat(100_000));
    assert_eq!(walk(&text).errors, []);
    let text = format!("{HEAD}.entry k() {{ {}", "{".repeat(100_000));
    assert_eq!(walk(&text).errors[0].kind, ParseErrorKind::OpenBrace);
}

#[test]
fn length_costs_no_more_than_length() {
    let long = 100_000;
    for text in [
        format!(".global .b64 x = 1{};", "+1".repeat(long)),
        format!(".global .attribute(.a(1,1,1,1,1,1)) .b8 a{};", ",a".repeat(long)),
        format!(".entry k() {{ {} }}", "}\n".repeat(long)),
        format!(".entry k() {{ {} }}", "a /* */ /* */".repeat(long)),
        format!(".entry k() {{ {} }}", "@".repeat(long)),
        format!(".entry k() {{ mov.b32 %r1, {} }}", "-\n".repeat(long)),
        format!(".entry k() {{ a{} }}", " .b".repeat(long)),
        format!(".entry k() {{ call ({}); }}", "_,".repeat(long)),
        ".visible ".repeat(long),
        "/*".repeat(long),
        "\"".repeat(long),
        format!(".section .debug_x {{ {} }}", "a: .b8 1".repeat(long)),
        format!(".reg .b32 %r<4294967295>; .global .b8 x[18446744073709551615];{}", ";".repeat(long)),
    ] {
        walk(&format!("{HEAD}{text}"));
    }
}

#[test]
fn a_zero_byte_ends_the_text() {
    let text = format!("{HEAD}.entry k() {{ ret; }}\n\0 garbage {{");
    assert_eq!(walk(&text).errors, []);
}

/// Pieces of PTX, so that what is tried gets past the first token.
const PIECES: &[&str] = &[
    ".version 8.0",
    ".target sm_90",
    ".entry",
    ".func",
    ".global",
    ".shared",
    ".reg",
    ".param",
    ".const",
    ".b32",
    ".f32",
    ".v4",
    ".align",
    "8",
    "k",
    "%r1",
    "%p1",
    "%",
    "<",
    ">",
    "(",
    ")",
    "{",
    "}",
    "[",
    "]",
    ";",
    ",",
    "=",
    "+",
    "-",
    "!",
    "~",
    "|",
    "@",
    ":",
    "?",
    "::",
    ".",
    "0x",
    "0f3f800000",
    "1e",
    "1.5e-3",
    "5U",
    "WARP_SZ",
    "generic",
    "_",
    "mov.b32",
    "ld.global.v4.f32",
    "call",
    "ret;",
    "\n",
    "\"",
    "//",
    "/*",
    "*/",
    ".loc 1 2 3",
    "function_name",
    "inlined_at",
    ".section",
    ".debug_str",
    ".b8",
    ".branchtargets",
    ".callprototype",
    ".pragma",
    ".alias",
    ".file",
    "\"a\"",
    ".attribute",
    ".ptr",
    ".maxntid",
    ".unified",
    "é",
    "\0",
    "&&",
    "<<",
    "%tid.x",
    ".x",
    "L:",
    ".extern",
];

proptest! {
    #[test]
    fn any_text_is_parsed(text in any::<String>()) {
        walk(&text);
    }

    #[test]
    fn any_pieces_are_parsed(pieces in prop::collection::vec(prop::sample::select(PIECES), 0..60)) {
        walk(&pieces.join(" "));
        walk(&pieces.concat());
        walk(&format!("{HEAD}.entry k() {{ {} }}", pieces.join(" ")));
    }

    /// What was printed is understood as it was meant.
    #[test]
    fn printing_is_stable(pieces in prop::collection::vec(prop::sample::select(PIECES), 0..25)) {
        let text = format!("{HEAD}.entry k() {{ mov.b32 {}; }}", pieces.join(" "));
        if walk(&text).errors.is_empty() {
            crate::round_trip::assert_round_trip(&text);
        }
    }
}
