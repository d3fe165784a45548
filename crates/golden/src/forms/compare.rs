//! Comparison and selection (PTX manual, 9.7.6 and 9.7.7).

use crate::form::{Form, Output};
use crate::kind::Kind::{self, Bf16, Bf16x2, F16, F16x2, F32, F64, I16, I32, I64, Predicate};
use crate::kind::Width::{self, B16, B32};

const COMPARISONS: [&str; 18] = [
    "eq", "ne", "lt", "le", "gt", "ge", "lo", "ls", "hi", "hs", "equ", "neu", "ltu", "leu", "gtu", "geu",
    "num", "nan",
];

const TYPES: [(&str, Kind); 15] = [
    ("b16", I16),
    ("b32", I32),
    ("b64", I64),
    ("u16", I16),
    ("u32", I32),
    ("u64", I64),
    ("s16", I16),
    ("s32", I32),
    ("s64", I64),
    ("f16", F16),
    ("f16x2", F16x2),
    ("bf16", Bf16),
    ("bf16x2", Bf16x2),
    ("f32", F32),
    ("f64", F64),
];

pub(super) fn add(forms: &mut Vec<Form>) {
    for comparison in COMPARISONS {
        for (name, kind) in TYPES {
            for ftz in ["", ".ftz"] {
                setp(forms, comparison, ftz, name, kind);
                set(forms, comparison, ftz, name, kind);
            }
        }
    }
    for (name, kind) in TYPES {
        forms.push(Form::new(
            "selp",
            format!("selp.{name} d, a, b, c;"),
            &[kind, kind, Predicate],
            kind.width(),
        ));
        for ftz in ["", ".ftz"] {
            forms.push(Form::new(
                "slct",
                format!("slct{ftz}.{name}.s32 d, a, b, c;"),
                &[kind, kind, I32],
                kind.width(),
            ));
            forms.push(Form::new(
                "slct",
                format!("slct{ftz}.{name}.f32 d, a, b, c;"),
                &[kind, kind, F32],
                kind.width(),
            ));
        }
    }
}

fn setp(forms: &mut Vec<Form>, comparison: &str, ftz: &str, name: &str, kind: Kind) {
    let one = [Output::Predicate];
    let two = [Output::Predicate; 2];
    if name.ends_with("x2") {
        let text = format!("setp.{comparison}{ftz}.{name} d|e, a, b;");
        forms.push(Form::new("setp", text, &[kind, kind], B32).outputs(&two));
    } else {
        forms.push(
            Form::new("setp", format!("setp.{comparison}{ftz}.{name} d, a, b;"), &[kind, kind], B32)
                .outputs(&one),
        );
    }
    // Every comparison with a Boolean operation for two types, one comparison for the others.
    if matches!(name, "s32" | "f32" | "f16x2") || comparison == "lt" {
        for (op, with) in [("and", "c"), ("or", "c"), ("xor", "c"), ("and", "!c")] {
            let text = format!("setp.{comparison}.{op}{ftz}.{name} d|e, a, b, {with};");
            forms.push(Form::new("setp", text, &[kind, kind, Predicate], B32).outputs(&two));
        }
    }
}

fn set(forms: &mut Vec<Form>, comparison: &str, ftz: &str, name: &str, kind: Kind) {
    let results: &[(&str, Width)] = match kind {
        F16 | Bf16 => &[("f16", B16), ("bf16", B16), ("u16", B16), ("s16", B16), ("u32", B32), ("s32", B32)],
        F16x2 | Bf16x2 => &[("f16x2", B32), ("bf16x2", B32), ("u32", B32), ("s32", B32)],
        _ => &[("u32", B32), ("s32", B32), ("f32", B32)],
    };
    for (result, width) in results {
        forms.push(Form::new(
            "set",
            format!("set.{comparison}{ftz}.{result}.{name} d, a, b;"),
            &[kind, kind],
            *width,
        ));
        if matches!(name, "u32" | "f32" | "f16") && matches!(comparison, "lt" | "ne" | "geu") {
            for op in ["and", "or", "xor"] {
                let text = format!("set.{comparison}.{op}{ftz}.{result}.{name} d, a, b, c;");
                forms.push(Form::new("set", text, &[kind, kind, Predicate], *width));
            }
        }
    }
}
