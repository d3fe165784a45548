//! Integer arithmetic (PTX manual, 9.7.1 and 9.7.2).

use crate::form::{Form, Output};
use crate::kind::Kind::{self, Amount, I16, I32, I64, Packed};
use crate::kind::Width::{B32, B64};

use super::product;

const TYPES: [(&str, Kind); 6] =
    [("u16", I16), ("s16", I16), ("u32", I32), ("s32", I32), ("u64", I64), ("s64", I64)];

pub(super) fn add(forms: &mut Vec<Form>) {
    for (name, kind) in TYPES {
        let width = kind.width();
        for op in ["add", "sub", "mul.lo", "mul.hi", "div", "rem", "min", "max", "add.sat", "sub.sat"] {
            forms.push(binary(op, name, kind));
        }
        for op in ["min.relu", "max.relu"] {
            forms.push(binary(op, name, kind));
        }
        for op in ["abs", "neg"] {
            forms.push(Form::new(op, format!("{op}.{name} d, a;"), &[kind], width));
        }
        for op in ["mad.lo", "mad.hi", "mad.hi.sat", "sad"] {
            forms.push(Form::new(family(op), format!("{op}.{name} d, a, b, c;"), &[kind, kind, kind], width));
        }
        for op in ["mul24.lo", "mul24.hi"] {
            forms.push(binary(op, name, kind));
        }
        for op in ["mad24.lo", "mad24.hi", "mad24.hi.sat"] {
            forms.push(Form::new("mad24", format!("{op}.{name} d, a, b, c;"), &[kind, kind, kind], width));
        }
        extended(forms, name, kind);
    }
    for (name, kind, wide, result) in
        [("u16", I16, I32, B32), ("s16", I16, I32, B32), ("u32", I32, I64, B64), ("s32", I32, I64, B64)]
    {
        forms.push(Form::new("mul", format!("mul.wide.{name} d, a, b;"), &[kind, kind], result));
        forms.push(Form::new("mad", format!("mad.wide.{name} d, a, b, c;"), &[kind, kind, wide], result));
    }
    for name in ["u16x2", "s16x2"] {
        for op in ["add", "min", "max", "min.relu", "max.relu", "sub"] {
            forms.push(Form::new(family(op), format!("{op}.{name} d, a, b;"), &[Packed, Packed], B32));
        }
    }
    for types in product(&[&[".u32", ".s32"], &[".u32", ".s32"]]) {
        forms.push(Form::new("dp4a", format!("dp4a{types} d, a, b, c;"), &[Packed, Packed, I32], B32));
        for half in [".lo", ".hi"] {
            forms.push(Form::new(
                "dp2a",
                format!("dp2a{half}{types} d, a, b, c;"),
                &[Packed, Packed, I32],
                B32,
            ));
        }
    }
    for (name, kind) in [("b32", I32), ("b64", I64)] {
        for op in ["popc", "clz"] {
            forms.push(Form::new(op, format!("{op}.{name} d, a;"), &[kind], B32));
        }
        forms.push(Form::new("brev", format!("brev.{name} d, a;"), &[kind], kind.width()));
    }
    for (name, kind) in [("u32", I32), ("s32", I32), ("u64", I64), ("s64", I64)] {
        for op in ["bfind", "bfind.shiftamt"] {
            forms.push(Form::new("bfind", format!("{op}.{name} d, a;"), &[kind], B32));
        }
        forms.push(Form::new(
            "bfe",
            format!("bfe.{name} d, a, b, c;"),
            &[kind, Amount, Amount],
            kind.width(),
        ));
    }
    for (name, kind) in [("b32", I32), ("b64", I64)] {
        let sources = [kind, kind, Amount, Amount];
        forms.push(Form::new("bfi", format!("bfi.{name} d, a, b, c, x;"), &sources, kind.width()));
    }
    forms.push(Form::new("fns", "fns.b32 d, a, b, c;", &[I32, Kind::Lane, Kind::TexelIndex], B32));
    for mode in ["wrap", "clamp"] {
        forms.push(Form::new("bmsk", format!("bmsk.{mode}.b32 d, a, b;"), &[Amount, Amount], B32));
        for name in ["u32", "s32"] {
            forms.push(Form::new("szext", format!("szext.{mode}.{name} d, a, b;"), &[I32, Amount], B32));
        }
    }
}

fn family(op: &str) -> &str {
    op.split('.').next().unwrap_or(op)
}

fn binary(op: &str, name: &str, kind: Kind) -> Form {
    Form::new(family(op), format!("{op}.{name} d, a, b;"), &[kind, kind], kind.width())
}

/// Carry chains: what the carry does is seen in the second result, and in the last one as a word.
fn extended(forms: &mut Vec<Form>, name: &str, kind: Kind) {
    let two = [Output::Register(kind.width()); 2];
    let three = [Output::Register(kind.width()); 3];
    for op in ["add", "sub"] {
        let carry = format!("{op}c");
        forms.push(
            Form::new(
                &carry,
                format!("{op}.cc.{name} d, a, b; {carry}.{name} e, b, c;"),
                &[kind, kind, kind],
                kind.width(),
            )
            .outputs(&two),
        );
        forms.push(
            Form::new(
                &carry,
                format!("{op}.cc.{name} d, a, b; {carry}.cc.{name} e, c, b; {carry}.{name} f, 0, 0;"),
                &[kind, kind, kind],
                kind.width(),
            )
            .outputs(&three),
        );
    }
    for half in ["lo", "hi"] {
        forms.push(
            Form::new(
                "madc",
                format!(
                    "mad.{half}.cc.{name} d, a, b, c; madc.{half}.cc.{name} e, b, c, a; addc.{name} f, 0, 0;"
                ),
                &[kind, kind, kind],
                kind.width(),
            )
            .outputs(&three),
        );
        forms.push(
            Form::new(
                "madc",
                format!("mad.lo.cc.{name} d, a, b, c; madc.{half}.{name} e, a, b, c;"),
                &[kind, kind, kind],
                kind.width(),
            )
            .outputs(&two),
        );
        // The borrow that `sub.cc` leaves is what `madc` and `addc` then read: the flag is one and the same.
        forms.push(
            Form::new(
                "madc",
                format!("sub.cc.{name} d, a, b; madc.{half}.{name} e, a, b, c;"),
                &[kind, kind, kind],
                kind.width(),
            )
            .outputs(&two),
        );
    }
    forms.push(
        Form::new(
            "addc",
            format!("sub.cc.{name} d, a, b; addc.{name} e, c, c;"),
            &[kind, kind, kind],
            kind.width(),
        )
        .outputs(&two),
    );
    forms.push(
        Form::new(
            "subc",
            format!("add.cc.{name} d, a, b; subc.{name} e, c, a;"),
            &[kind, kind, kind],
            kind.width(),
        )
        .outputs(&two),
    );
}
