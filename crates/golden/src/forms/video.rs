//! Video instructions, scalar and SIMD (PTX manual, 9.7.16): a sample of the selectors, every type and second operation.

use crate::form::Form;
use crate::kind::Kind::{Amount, I32, Packed};
use crate::kind::Width::B32;
use crate::random::Random;

use super::product;

/// Pairs of selectors of the two sources.
const SELECTORS: [(&str, &str); 5] =
    [("", ""), (".b0", ".h1"), (".b3", ".b1"), (".h0", ".b2"), (".h1", ".h0")];
const TYPES: &[&str] = &[".u32", ".s32"];

/// One in this many is kept: there are thousands of spellings, and next to nobody writes them.
const SAMPLE: u64 = 8;

pub(super) fn add(forms: &mut Vec<Form>) {
    let mut all = Vec::new();
    every(&mut all);
    forms.extend(all.into_iter().filter(|form| Random::named(&form.text).bits() >> 32 & (SAMPLE - 1) == 0));
}

fn every(forms: &mut Vec<Form>) {
    for op in ["vadd", "vsub", "vabsdiff", "vmin", "vmax"] {
        for types in product(&[TYPES, TYPES, TYPES]) {
            for sat in ["", ".sat"] {
                for (first, second) in SELECTORS {
                    scalar(forms, op, &format!("{types}{sat}"), first, second, "");
                }
            }
        }
    }
    for op in ["vshl", "vshr"] {
        for types in product(&[TYPES, &[".u32", ".s32"]]) {
            for mode in product(&[&["", ".sat"], &[".clamp", ".wrap"]]) {
                for (first, second) in [("", ""), (".h1", ".b0")] {
                    scalar(forms, op, &format!("{types}.u32{mode}"), first, second, "");
                }
            }
        }
    }
    for types in product(&[TYPES, TYPES, TYPES]) {
        for modifiers in product(&[&["", ".sat"], &["", ".shr7", ".shr15"]]) {
            for (first, second) in [("", ""), (".h1", ".b0")] {
                for (a, b, c) in [("", "", ""), ("-", "", ""), ("", "", "-")] {
                    let text = format!("vmad{types}{modifiers} d, {a}a{first}, {b}b{second}, {c}c;");
                    forms.push(Form::new("vmad", text, &[I32, I32, I32], B32));
                }
            }
            if !modifiers.contains("shr7") {
                forms.push(Form::new(
                    "vmad",
                    format!("vmad{types}.po{modifiers} d, a.h0, b.b1, c;"),
                    &[I32, I32, I32],
                    B32,
                ));
            }
        }
    }
    for types in product(&[TYPES, TYPES]) {
        for comparison in [".eq", ".ne", ".lt", ".le", ".gt", ".ge"] {
            for (first, second) in [("", ""), (".b1", ".h0")] {
                let head = format!("vset{types}{comparison}");
                forms.push(Form::new("vset", format!("{head} d, a{first}, b{second};"), &[I32, I32], B32));
                for then in ["add", "min", "max"] {
                    let text = format!("{head}.{then} d, a{first}, b{second}, c;");
                    forms.push(Form::new("vset", text, &[I32, I32, I32], B32));
                }
            }
        }
        forms.push(Form::new("vset", format!("vset{types}.lt d.b1, a, b.h1, c;"), &[I32, I32, I32], B32));
    }
    simd(forms);
}

fn scalar(forms: &mut Vec<Form>, op: &str, types: &str, first: &str, second: &str, into: &str) {
    let amount = if op.starts_with("vsh") { Amount } else { I32 };
    let operands = format!("a{first}, b{second}");
    forms.push(Form::new(op, format!("{op}{types} d{into}, {operands};"), &[I32, amount], B32).cases(512));
    if first.is_empty() || first == ".h1" {
        for then in ["add", "min", "max"] {
            let text = format!("{op}{types}.{then} d, {operands}, c;");
            forms.push(Form::new(op, text, &[I32, amount, I32], B32).cases(256));
        }
        for into in [".b0", ".b2", ".h0", ".h1"] {
            let text = format!("{op}{types} d{into}, {operands}, c;");
            forms.push(Form::new(op, text, &[I32, amount, I32], B32).cases(256));
        }
    }
}

fn simd(forms: &mut Vec<Form>) {
    for (count, masks, plain, odd) in [
        ("2", ["", ".h0", ".h10"], ["", ""], [".h32", ".h13"]),
        ("4", ["", ".b2", ".b3210"], ["", ""], [".b7206", ".b1357"]),
    ] {
        for op in ["vadd", "vsub", "vavrg", "vabsdiff", "vmin", "vmax"] {
            for types in product(&[TYPES, TYPES, TYPES]) {
                for end in ["", ".sat", ".add"] {
                    for mask in masks {
                        for selectors in [plain, odd] {
                            let text = format!(
                                "{op}{count}{types}{end} d{mask}, a{}, b{}, c;",
                                selectors[0], selectors[1]
                            );
                            forms.push(
                                Form::new(&format!("{op}{count}"), text, &[Packed, Packed, I32], B32)
                                    .cases(256),
                            );
                        }
                    }
                }
            }
        }
        for types in product(&[TYPES, TYPES]) {
            for comparison in [".eq", ".ne", ".lt", ".le", ".gt", ".ge"] {
                for end in ["", ".add"] {
                    for mask in masks {
                        let text = format!("vset{count}{types}{comparison}{end} d{mask}, a, b, c;");
                        forms.push(
                            Form::new(&format!("vset{count}"), text, &[Packed, Packed, I32], B32).cases(256),
                        );
                    }
                }
            }
        }
    }
}
