//! Logic, shifts, permutations, selection of bytes (PTX manual, 9.7.8, `prmt`, `mov` of packs).

use crate::form::{Form, Output};
use crate::kind::Kind::{self, Amount, I16, I32, I64, Packed, Predicate};
use crate::kind::Width::{B16, B32, B64};

/// Truth tables: constants, one operand, majority, choice, xor, and odd ones.
const TABLES: [u8; 16] =
    [0x00, 0xff, 0xf0, 0xcc, 0xaa, 0x80, 0xfe, 0xe8, 0xca, 0x96, 0x69, 0x1e, 0x27, 0xd8, 0x01, 0x7f];

pub(super) fn add(forms: &mut Vec<Form>) {
    for (name, kind) in [("b16", I16), ("b32", I32), ("b64", I64)] {
        let width = kind.width();
        for op in ["and", "or", "xor"] {
            forms.push(Form::new(op, format!("{op}.{name} d, a, b;"), &[kind, kind], width));
        }
        for op in ["not", "cnot"] {
            forms.push(Form::new(op, format!("{op}.{name} d, a;"), &[kind], width));
        }
        forms.push(Form::new("shl", format!("shl.{name} d, a, b;"), &[kind, Amount], width));
    }
    let predicate = [Output::Predicate];
    for op in ["and", "or", "xor"] {
        let form = Form::new(op, format!("{op}.pred d, a, b;"), &[Predicate, Predicate], B32);
        forms.push(form.outputs(&predicate));
    }
    forms.push(Form::new("not", "not.pred d, a;", &[Predicate], B32).outputs(&predicate));
    for (name, kind) in [
        ("b16", I16),
        ("b32", I32),
        ("b64", I64),
        ("u16", I16),
        ("u32", I32),
        ("u64", I64),
        ("s16", I16),
        ("s32", I32),
        ("s64", I64),
    ] {
        forms.push(Form::new("shr", format!("shr.{name} d, a, b;"), &[kind, Amount], kind.width()));
    }
    for direction in ["l", "r"] {
        for mode in ["clamp", "wrap"] {
            forms.push(Form::new(
                "shf",
                format!("shf.{direction}.{mode}.b32 d, a, b, c;"),
                &[I32, I32, Amount],
                B32,
            ));
        }
    }
    for table in TABLES {
        forms.push(Form::new("lop3", format!("lop3.b32 d, a, b, c, {table:#04x};"), &[I32, I32, I32], B32));
    }
    for op in ["or", "and"] {
        for (table, with) in [(0x96, "x"), (0x80, "!x"), (0x00, "x")] {
            let text = format!("lop3.{op}.b32 d|e, a, b, c, {table:#04x}, {with};");
            let form = Form::new("lop3", text, &[I32, I32, I32, Predicate], B32);
            forms.push(form.outputs(&[Output::Register(B32), Output::Predicate]));
        }
    }
    for mode in ["", ".f4e", ".b4e", ".rc8", ".ecl", ".ecr", ".rc16"] {
        forms.push(Form::new("prmt", format!("prmt.b32{mode} d, a, b, c;"), &[Packed, Packed, I32], B32));
    }
    moves(forms);
}

fn moves(forms: &mut Vec<Form>) {
    let half = Output::Register(B16);
    let word = Output::Register(B32);
    let scalars: [(&str, Kind); 11] = [
        ("b16", I16),
        ("u16", I16),
        ("s16", I16),
        ("b32", I32),
        ("u32", I32),
        ("s32", I32),
        ("f32", Kind::F32),
        ("b64", I64),
        ("u64", I64),
        ("s64", I64),
        ("f64", Kind::F64),
    ];
    for (name, kind) in scalars {
        forms.push(Form::new("mov", format!("mov.{name} d, a;"), &[kind], kind.width()));
    }
    forms.push(Form::new("mov", "mov.pred d, a;", &[Predicate], B32).outputs(&[Output::Predicate]));
    forms.push(Form::new("mov", "mov.b32 d, {a, b};", &[I16, I16], B32));
    forms.push(Form::new("mov", "mov.b32 {d, e}, a;", &[I32], B32).outputs(&[half, half]));
    forms.push(Form::new("mov", "mov.b32 {_, e}, a; mov.b16 d, 7;", &[I32], B32).outputs(&[half, half]));
    forms.push(Form::new("mov", "mov.b64 d, {a, b};", &[I32, I32], B64));
    forms.push(Form::new("mov", "mov.b64 {d, e}, a;", &[I64], B32).outputs(&[word, word]));
    forms.push(Form::new("mov", "mov.b64 d, {a, b, c, x};", &[I16, I16, I16, I16], B64));
    forms.push(Form::new("mov", "mov.b64 {d, e, f, g}, a;", &[I64], B16).outputs(&[half; 4]));
    forms.push(Form::new(
        "mov",
        ".reg .b8 y<4>; mov.b32 {y0, y1, y2, y3}, a; mov.b32 d, {y3, y1, y0, y2};",
        &[I32],
        B32,
    ));
    forms.push(
        Form::new("mov", ".reg .b128 y; mov.b128 y, {a, b}; mov.b128 {e, d}, y;", &[I64, I64], B64)
            .outputs(&[Output::Register(B64), Output::Register(B64)]),
    );
}
