//! Where things stand, errors first of all.

use cuferry_ptx::{Item, ParseErrorKind, Parsed, Statement, parse};

const HEAD: &str = ".version 8.0\n.target sm_90\n.address_size 64\n";

/// The first error of a module as `line:column: underlined: message`.
#[track_caller]
fn check(text: &str, expected: &str) {
    let text = format!("{HEAD}{text}");
    let errors = parse(&text).errors;
    let first = errors.first().expect("an error");
    let underlined = first.span.of(&text);
    assert_eq!(format!("{}:{}: {underlined}: {}", first.line, first.column, first.kind), expected);
}

#[test]
fn errors_name_their_place() {
    check(".entry k() {\n  add.s32 %r1, %r2 %r3;\n}", "5:20: %r3: expected `,` or `;`, found `%r3`");
    check(".entry k() {\n  ld.u32 %r1, [%rd1-4];\n}", "5:20: -: expected `,` or `]`, found `-`");
    check(".entry k() {\n  ret;", "4:12: {: `{` without its `}`");
    check(".global .b32 x = 0xfg;", "4:18: 0xfg: `0xfg` is not a number of PTX");
    check(".global .b32 x = 1/0;", "4:19: /: the constant expression has no value: it divides by zero");
    check(".foo bar;", "4:1: .foo: unknown directive `.foo`");
    check("/* no end\n\n", "4:1: /* no end\n\n: the comment has no end");
    check(".file 1 \"no end\n", "4:9: \"no end\n: the string has no end");
    check(
        ".global .b32 x[9999999999999999999999];",
        "4:16: 9999999999999999999999: `9999999999999999999999` is not a number of PTX",
    );
    check("é", "4:1: é: expected a directive, found `é`");
}

#[test]
fn the_rest_is_read_after_an_error() {
    let text = format!(
        "{HEAD}.global .b32 = 5;\n.entry k() {{\n\tmov.u32 %r1, ;\n\tadd.s32 %r1, %r1, 1;\n\t@%p1 @%p2 ret;\n\tret;\n}}\n.foo\n.entry l() {{ exit; }}\n"
    );
    let Parsed { module, errors } = parse(&text);
    assert_eq!(errors.iter().map(|error| error.line).collect::<Vec<_>>(), [4, 6, 8, 11]);
    assert_eq!(module.functions().map(|function| function.name).collect::<Vec<_>>(), ["k", "l"]);
    let body = module.functions().next().and_then(|function| function.body.as_ref()).unwrap();
    assert_eq!(
        body.instructions().map(|instruction| instruction.opcode.text).collect::<Vec<_>>(),
        ["add.s32", "ret"]
    );
    let lost = body.statements.iter().filter_map(|statement| match statement {
        Statement::Unknown(unknown) => Some((unknown.text, unknown.line)),
        _ => None,
    });
    assert_eq!(lost.collect::<Vec<_>>(), [("mov.u32 %r1, ;", 6), ("@%p1 @%p2 ret;", 8)]);
    assert!(module.items.iter().any(|item| matches!(item, Item::Unknown(unknown) if unknown.text == ".foo")));
}

#[test]
fn unknown_instructions_are_no_errors() {
    let text = format!("{HEAD}.entry k() {{ frobnicate.f32.sideways {{%f1, _}}, [%rd1], 5; ret; }}");
    let Parsed { module, errors } = parse(&text);
    assert_eq!(errors, []);
    let body = module.functions().next().and_then(|function| function.body.as_ref()).unwrap();
    let first = body.instructions().next().unwrap();
    assert_eq!((first.opcode.mnemonic, first.opcode.text), (None, "frobnicate.f32.sideways"));
    assert_eq!(first.opcode.unknown().collect::<Vec<_>>(), ["sideways"]);
    assert_eq!(first.operands.len(), 3);
}

#[test]
fn instructions_know_their_place() {
    let text = format!(
        "{HEAD}.entry k() {{\n\t.loc 1 7 3\n\t@!%p1 mov.u32 \t%r1,\n\t\t5;\n\t.loc 1 8 0\n\tret;\n}}"
    );
    let module = parse(&text).module;
    let body = module.functions().next().and_then(|function| function.body.as_ref()).unwrap();
    let seen = body.instructions().map(|instruction| {
        let loc = body.loc(instruction.loc.unwrap()).unwrap();
        (instruction.span.of(&text), instruction.line, loc.line)
    });
    assert_eq!(seen.collect::<Vec<_>>(), [("@!%p1 mov.u32 \t%r1,\n\t\t5", 6, 7), ("ret", 9, 8)]);
}

#[test]
fn errors_are_not_listed_without_end() {
    let text = format!("{HEAD}.entry k() {{ {} }}", "mov, ;".repeat(100_000));
    let errors = parse(&text).errors;
    assert_eq!(errors.len(), cuferry_ptx::MAX_ERRORS + 1);
    assert_eq!(errors.last().unwrap().kind, ParseErrorKind::TooMany);
}

#[test]
fn a_missing_version_is_an_error() {
    let Parsed { module, errors } = parse(".entry k() { ret; }");
    assert_eq!(errors.len(), 1);
    assert_eq!(module.functions().count(), 1);
    assert_eq!(parse("").errors.len(), 1);
}
