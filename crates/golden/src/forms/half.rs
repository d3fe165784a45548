//! Half precision and bfloat16, single and in pairs (PTX manual, 9.7.4).

use crate::form::{Bound, Float, Form};
use crate::kind::Kind::{self, Bf16, Bf16x2, F16, F16x2};

use super::product;

const TYPES: [(&str, Kind, Float); 4] = [
    ("f16", F16, Float::F16),
    ("f16x2", F16x2, Float::F16x2),
    ("bf16", Bf16, Float::Bf16),
    ("bf16x2", Bf16x2, Float::Bf16x2),
];

pub(super) fn add(forms: &mut Vec<Form>) {
    for (name, kind, float) in TYPES {
        let width = kind.width();
        for modifiers in product(&[&["", ".rn", ".rz"], &["", ".ftz"], &["", ".sat"]]) {
            for op in ["add", "sub", "mul"] {
                forms.push(Form::new(op, format!("{op}{modifiers}.{name} d, a, b;"), &[kind, kind], width));
            }
        }
        for modifiers in product(&[&["", ".ftz"], &["", ".sat", ".relu", ".oob", ".oob.relu"]]) {
            forms.push(Form::new(
                "fma",
                format!("fma.rn{modifiers}.{name} d, a, b, c;"),
                &[kind, kind, kind],
                width,
            ));
        }
        for modifiers in product(&[&["", ".ftz"], &["", ".NaN"], &["", ".xorsign.abs"]]) {
            for op in ["min", "max"] {
                forms.push(Form::new(op, format!("{op}{modifiers}.{name} d, a, b;"), &[kind, kind], width));
            }
        }
        for ftz in ["", ".ftz"] {
            for op in ["abs", "neg"] {
                forms.push(Form::new(op, format!("{op}{ftz}.{name} d, a;"), &[kind], width));
            }
        }
        let brain = matches!(float, Float::Bf16 | Float::Bf16x2);
        let tanh = Bound::absolute(if brain { -7.0 } else { -9.987 }).or(Bound::relative(if brain {
            -7.0
        } else {
            -9.987
        }));
        forms.push(Form::new("tanh", format!("tanh.approx.{name} d, a;"), &[kind], width).near(float, tanh));
        for ftz in ["", ".ftz"] {
            let ex2 = Bound::relative(if brain { -6.0 } else { -8.9 });
            forms.push(
                Form::new("ex2", format!("ex2.approx{ftz}.{name} d, a;"), &[kind], width).near(float, ex2),
            );
        }
    }
}
