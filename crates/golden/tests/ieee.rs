//! What the GPU answered to plain arithmetic is what IEEE 754 says, computed here by the CPU: so the vectors, their inputs
//! and their order fit one another.

use cuferry_golden::form::Form;
use cuferry_golden::inputs::inputs;
use cuferry_golden::vectors::{FILE, Vectors, digest};

/// A form's cases: sources, as bits, and the first result.
fn cases(vectors: &Vectors, text: &str) -> Vec<(Vec<u64>, u64)> {
    let forms = cuferry_golden::legal();
    let form = forms.iter().find(|form| form.text == text).unwrap_or_else(|| panic!("no form `{text}`"));
    let (count, columns) = inputs(form);
    let answer = &vectors.answers[&form.name()];
    assert_eq!((answer.error, answer.inputs), (0, digest(&columns)), "{text}");
    let word = |bytes: &[u8]| bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
    let sources = |form: &Form, case: usize| {
        let columns = form.sources.iter().zip(&columns);
        let word = |bytes: usize, column: &[u8]| word(&column[case * bytes..][..bytes]);
        columns.map(|(source, column)| word(source.kind.width().bytes(), column)).collect()
    };
    let (element, results) = &answer.outputs[0];
    (0..count).map(|case| (sources(form, case), word(&results[case * element..][..*element]))).collect()
}

#[track_caller]
fn check(vectors: &Vectors, text: &str, expected: impl Fn(&[u64]) -> u64) {
    let cases = cases(vectors, text);
    assert!(cases.len() >= 256, "{text}: {} cases", cases.len());
    for (sources, got) in cases {
        assert_eq!(got, expected(&sources), "{text} of {sources:x?}");
    }
}

/// The one NaN that the GPU's arithmetic gives.
fn single(value: f32) -> u64 {
    u64::from(if value.is_nan() { 0x7fff_ffff } else { value.to_bits() })
}

fn double(value: f64, nan: u64) -> u64 {
    if value.is_nan() { nan } else { value.to_bits() }
}

#[test]
#[expect(clippy::cast_possible_truncation, reason = "sources are words of their operand's width")]
fn plain_arithmetic_is_ieee() {
    let vectors = Vectors::read(&std::fs::read(FILE).unwrap()).unwrap();
    let f32 = |bits: u64| f32::from_bits(bits as u32);
    check(&vectors, "add.rn.f32 d, a, b;", |s| single(f32(s[0]) + f32(s[1])));
    check(&vectors, "mul.rn.f32 d, a, b;", |s| single(f32(s[0]) * f32(s[1])));
    check(&vectors, "div.rn.f32 d, a, b;", |s| single(f32(s[0]) / f32(s[1])));
    check(&vectors, "fma.rn.f32 d, a, b, c;", |s| single(f32(s[0]).mul_add(f32(s[1]), f32(s[2]))));
    check(&vectors, "sqrt.rn.f32 d, a;", |s| single(f32(s[0]).sqrt()));
    check(&vectors, "cvt.rzi.s32.f32 d, a;", |s| u64::from((f32(s[0]) as i32).cast_unsigned()));
    check(&vectors, "mul.hi.u64 d, a, b;", |s| ((u128::from(s[0]) * u128::from(s[1])) >> 64) as u64);
    check(&vectors, "add.u32 d, a, b;", |s| u64::from((s[0] as u32).wrapping_add(s[1] as u32)));
    check(&vectors, "popc.b64 d, a;", |s| u64::from(s[0].count_ones()));
    // A double's NaN keeps the payload of a source: only that it is one is checked here.
    let f64 = f64::from_bits;
    for (text, expected) in [
        ("add.rn.f64 d, a, b;", (|s| f64::from_bits(s[0]) + f64::from_bits(s[1])) as fn(&[u64]) -> f64),
        ("mul.rn.f64 d, a, b;", |s| f64::from_bits(s[0]) * f64::from_bits(s[1])),
        ("div.rn.f64 d, a, b;", |s| f64::from_bits(s[0]) / f64::from_bits(s[1])),
    ] {
        for (sources, got) in cases(&vectors, text) {
            let got = double(f64(got), 1);
            assert_eq!(got, double(expected(&sources), 1), "{text} of {sources:x?}");
        }
    }
}
