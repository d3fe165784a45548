//! Each form of an operand, as a line of text and as a value.

use cuferry_ptx::{Address, Immediate, Instruction, Operand, Parsed, parse};

use Operand::{Immediate as Number, List, Name, Not, Pair, Sink, Vector};

/// The only instruction of a function that holds `text` alone.
fn instruction(text: &str) -> Instruction<'_> {
    let Parsed { module, errors } = parse(text);
    assert_eq!(errors, [], "parsing {text}");
    let body = module
        .functions()
        .next()
        .and_then(|function| function.body.as_ref())
        .expect("a function with a body");
    let mut instructions = body.instructions().cloned();
    let first = instructions.next().expect("an instruction");
    assert_eq!(instructions.next(), None);
    first
}

#[track_caller]
fn check(text: &str, expected: &[Operand<'_>]) {
    let module = format!(".version 8.0 .target sm_90 .func f() {{ {text} }}");
    assert_eq!(instruction(&module).operands, expected, "{text}");
}

fn address<'text>(base: Operand<'text>, offset: i64, more: Vec<Operand<'text>>) -> Operand<'text> {
    Operand::Address(Box::new(Address { base, offset, more, unified: false }))
}

fn signed(value: i64) -> Operand<'static> {
    Number(Immediate::Signed(value))
}

#[test]
fn names_and_numbers() {
    check("ret;", &[]);
    check("mov.u32 %r1, %tid.x;", &[Name("%r1"), Operand::Part { name: "%tid", part: "x" }]);
    check("add.s32 %r1, %r2, -1;", &[Name("%r1"), Name("%r2"), signed(-1)]);
    check("mov.u64 %rd1, 0xffffffffffffffff;", &[Name("%rd1"), Number(Immediate::Unsigned(u64::MAX))]);
    check("mov.u32 %r1, 017;", &[Name("%r1"), signed(15)]);
    check("mov.u32 %r1, 0b101;", &[Name("%r1"), signed(5)]);
    check("mov.u32 %r1, 5U;", &[Name("%r1"), Number(Immediate::Unsigned(5))]);
    check("mov.f32 %f1, 0f3f800000;", &[Name("%f1"), Number(Immediate::F32(0x3f80_0000))]);
    check("mov.f64 %f1, 0d3FF0000000000000;", &[Name("%f1"), Number(Immediate::F64(0x3ff0_0000_0000_0000))]);
    check("mov.f32 %f1, 1.5e-3;", &[Name("%f1"), Number(Immediate::F64(1.5e-3f64.to_bits()))]);
    check("mov.u32 %r1, WARP_SZ;", &[Name("%r1"), signed(32)]);
    check("mov.u32 %r1, (1 + 2) * 3 << 1;", &[Name("%r1"), signed(18)]);
    check("mov.u64 %rd1, a+8;", &[Name("%rd1"), Operand::Offset { name: "a", offset: 8 }]);
    check("mov.u64 %rd1, a[2];", &[Name("%rd1"), Operand::Element { name: "a", index: Box::new(signed(2)) }]);
}

#[test]
fn addresses() {
    check("ld.u32 %r1, [%rd1+-2048];", &[Name("%r1"), address(Name("%rd1"), -2048, vec![])]);
    check("ld.u32 %r1, [16];", &[Name("%r1"), address(signed(16), 0, vec![])]);
    let coordinates = Vector(vec![Name("%f1"), Name("%f2")]);
    check(
        "tex.2d.v4.f32.f32 {%f1, _, _, _}, [t, s, {%f1, %f2}];",
        &[Vector(vec![Name("%f1"), Sink, Sink, Sink]), address(Name("t"), 0, vec![Name("s"), coordinates])],
    );
}

#[test]
fn predicates() {
    check(
        "setp.lt.and.s32 %p1|%p2, 1, 2, !%p3;",
        &[Pair(Box::new((Name("%p1"), Name("%p2")))), signed(1), signed(2), Not("%p3")],
    );
    check("elect.sync _|%p1, -1;", &[Pair(Box::new((Sink, Name("%p1")))), signed(-1)]);
}

#[test]
fn calls() {
    let module =
        ".version 8.0 .target sm_90 .func f() { @!%p1 call.uni (retval0), g, (param0, param1), prototype; }";
    let call = instruction(module);
    assert_eq!(call.guard.map(|guard| (guard.register, guard.negated)), Some(("%p1", true)));
    let parts = call.call().expect("a call");
    assert_eq!((parts.target, parts.prototype), ("g", Some("prototype")));
    assert_eq!(
        (parts.returns, parts.arguments),
        (&[Name("retval0")][..], &[Name("param0"), Name("param1")][..])
    );
    check("call (%r1), g, ();", &[List(vec![Name("%r1")]), Name("g"), List(vec![])]);
}
