//! Floating point of single and double precision (PTX manual, 9.7.3).

use crate::form::{Bound, Float, Form, Output};
use crate::kind::Kind::{Angle, F32, F64};
use crate::kind::Width::{B32, B64};

use super::product;

const ROUNDINGS: &[&str] = &["", ".rn", ".rz", ".rm", ".rp"];
const FTZ: &[&str] = &["", ".ftz"];
const SAT: &[&str] = &["", ".sat"];

pub(super) fn add(forms: &mut Vec<Form>) {
    for modifiers in product(&[ROUNDINGS, FTZ, SAT]) {
        for op in ["add", "sub", "mul"] {
            forms.push(Form::new(op, format!("{op}{modifiers}.f32 d, a, b;"), &[F32, F32], B32));
            forms.push(Form::new(op, format!("{op}{modifiers}.f64 d, a, b;"), &[F64, F64], B64));
        }
        for op in ["fma", "mad"] {
            forms.push(Form::new(op, format!("{op}{modifiers}.f32 d, a, b, c;"), &[F32, F32, F32], B32));
            forms.push(Form::new(op, format!("{op}{modifiers}.f64 d, a, b, c;"), &[F64, F64, F64], B64));
        }
        forms.push(Form::new("div", format!("div{modifiers}.f32 d, a, b;"), &[F32, F32], B32));
        forms.push(Form::new("div", format!("div{modifiers}.f64 d, a, b;"), &[F64, F64], B64));
        for op in ["rcp", "sqrt"] {
            forms.push(Form::new(op, format!("{op}{modifiers}.f32 d, a;"), &[F32], B32));
            forms.push(Form::new(op, format!("{op}{modifiers}.f64 d, a;"), &[F64], B64));
        }
    }
    for modifiers in product(&[FTZ, &["", ".NaN"], &["", ".xorsign.abs"]]) {
        for op in ["min", "max"] {
            forms.push(Form::new(op, format!("{op}{modifiers}.f32 d, a, b;"), &[F32, F32], B32));
            forms.push(Form::new(op, format!("{op}{modifiers}.f64 d, a, b;"), &[F64, F64], B64));
        }
    }
    for ftz in FTZ {
        for op in ["abs", "neg"] {
            forms.push(Form::new(op, format!("{op}{ftz}.f32 d, a;"), &[F32], B32));
            forms.push(Form::new(op, format!("{op}{ftz}.f64 d, a;"), &[F64], B64));
        }
    }
    forms.push(Form::new("copysign", "copysign.f32 d, a, b;", &[F32, F32], B32));
    forms.push(Form::new("copysign", "copysign.f64 d, a, b;", &[F64, F64], B64));
    for class in ["finite", "infinite", "number", "notanumber", "normal", "subnormal"] {
        let predicate = [Output::Predicate];
        forms.push(Form::new("testp", format!("testp.{class}.f32 d, a;"), &[F32], B32).outputs(&predicate));
        forms.push(Form::new("testp", format!("testp.{class}.f64 d, a;"), &[F64], B32).outputs(&predicate));
    }
    approximate(forms);
}

/// The bounds are the manual's, doubled: both answers may miss the truth by as much.
fn approximate(forms: &mut Vec<Form>) {
    let ulps = |count: f64| Bound::relative((2.0 * count).log2() - 23.0);
    for ftz in FTZ {
        forms.push(
            Form::new("div", format!("div.approx{ftz}.f32 d, a, b;"), &[F32, F32], B32)
                .near(Float::F32, ulps(2.0)),
        );
        forms.push(
            Form::new("div", format!("div.full{ftz}.f32 d, a, b;"), &[F32, F32], B32)
                .near(Float::F32, ulps(2.0)),
        );
        let mut unary = |family: &str, op: &str, kind, bound: Bound| {
            forms.push(
                Form::new(family, format!("{op}.approx{ftz}.f32 d, a;"), &[kind], B32)
                    .near(Float::F32, bound),
            );
        };
        unary("rcp", "rcp", F32, ulps(1.0));
        unary("sqrt", "sqrt", F32, ulps(1.0));
        unary("rsqrt", "rsqrt", F32, Bound::relative(-21.9));
        // Beyond [-2π, 2π] the manual promises nothing. The GPU multiplies by 1/2π in single precision, towards zero, and
        // takes what is behind the point: with that, the bound holds everywhere.
        let reduced = Bound::absolute(-19.5);
        unary("sin", "sin", Angle, reduced);
        unary("cos", "cos", Angle, reduced);
        unary("lg2", "lg2", F32, Bound::relative(-21.6).or(Bound::absolute(-21.6)));
        unary("ex2", "ex2", F32, ulps(2.0));
        unary("tanh", "tanh", F32, Bound::relative(-10.0));
    }
    let quarter = Bound::relative(-19.0);
    for op in ["rcp", "rsqrt"] {
        forms
            .push(Form::new(op, format!("{op}.approx.ftz.f64 d, a;"), &[F64], B64).near(Float::F64, quarter));
        forms.push(Form::new(op, format!("{op}.approx.f64 d, a;"), &[F64], B64).near(Float::F64, quarter));
    }
}
