//! Conversions (PTX manual, 9.7.9: `cvt`, `cvt.pack`, `cvta`, `isspacep`).

use crate::form::{Form, Output};
use crate::kind::Kind::{self, Bf16, Bf16x2, F16, F16x2, F32, F64, Fp8x2, I8, I16, I32, I64, NarrowedF32};
use crate::kind::Width::{B16, B32, B64};

use super::product;

const INTEGERS: [(&str, Kind); 8] = [
    ("u8", I8),
    ("s8", I8),
    ("u16", I16),
    ("s16", I16),
    ("u32", I32),
    ("s32", I32),
    ("u64", I64),
    ("s64", I64),
];
const FLOATS: [(&str, Kind); 4] = [("f16", F16), ("bf16", Bf16), ("f32", F32), ("f64", F64)];
const FTZ: &[&str] = &["", ".ftz"];
const SAT: &[&str] = &["", ".sat"];

pub(super) fn add(forms: &mut Vec<Form>) {
    for (to, to_kind) in INTEGERS {
        for (from, from_kind) in INTEGERS {
            for sat in SAT {
                let text = format!("cvt{sat}.{to}.{from} d, a;");
                forms.push(Form::new("cvt", text.clone(), &[from_kind], to_kind.width()));
            }
            // Into a wider register: the value is extended by its sign or with zeros.
            if to_kind != I64 {
                let (wide, width) = if to_kind == I32 { ("b64", B64) } else { ("b32", B32) };
                for sat in SAT {
                    let text = format!(".reg .{wide} y; cvt{sat}.{to}.{from} y, a; mov.{wide} d, y;");
                    forms.push(Form::new("cvt", text, &[from_kind], width));
                }
            }
        }
        for (from, from_kind) in FLOATS {
            for modifiers in product(&[&["", ".rni", ".rzi", ".rmi", ".rpi", ".rn"], FTZ, SAT]) {
                let text = format!("cvt{modifiers}.{to}.{from} d, a;");
                forms.push(Form::new("cvt", text, &[from_kind], to_kind.width()));
            }
            let text = format!(".reg .b64 y; cvt.rzi.{to}.{from} y, a; mov.b64 d, y;");
            forms.push(Form::new("cvt", text, &[from_kind], B64));
        }
    }
    for (to, to_kind) in FLOATS {
        for (from, from_kind) in INTEGERS {
            for modifiers in product(&[&["", ".rn", ".rz", ".rm", ".rp"], FTZ, SAT]) {
                let text = format!("cvt{modifiers}.{to}.{from} d, a;");
                forms.push(Form::new("cvt", text, &[from_kind], to_kind.width()));
            }
        }
        for (from, from_kind) in FLOATS {
            let roundings: &[&str] =
                &["", ".rn", ".rz", ".rm", ".rp", ".rna", ".rni", ".rzi", ".rmi", ".rpi"];
            for modifiers in
                product(&[roundings, FTZ, &["", ".sat", ".relu", ".satfinite", ".relu.satfinite"]])
            {
                let text = format!("cvt{modifiers}.{to}.{from} d, a;");
                forms.push(Form::new("cvt", text, &[from_kind], to_kind.width()));
            }
        }
    }
    packed(forms);
    addresses(forms);
}

fn packed(forms: &mut Vec<Form>) {
    for modifiers in product(&[&[".rn", ".rz", ".rna"], &["", ".relu"], &["", ".satfinite"]]) {
        let scaled = [modifiers.clone(), modifiers.replace(".relu.satfinite", ".satfinite.relu")];
        for modifiers in scaled {
            forms.push(Form::new("cvt", format!("cvt{modifiers}.tf32.f32 d, a;"), &[F32], B32));
            for to in ["f16x2", "bf16x2"] {
                forms.push(
                    Form::new("cvt", format!("cvt{modifiers}.{to}.f32 d, a, b;"), &[NarrowedF32; 2], B32)
                        .cases(768),
                );
            }
            for narrow in ["e4m3x2", "e5m2x2"] {
                forms.push(
                    Form::new("cvt", format!("cvt{modifiers}.{narrow}.f32 d, a, b;"), &[NarrowedF32; 2], B16)
                        .cases(768),
                );
                forms.push(
                    Form::new("cvt", format!("cvt{modifiers}.{narrow}.f16x2 d, a;"), &[F16x2], B16)
                        .cases(1024),
                );
                forms.push(
                    Form::new("cvt", format!("cvt{modifiers}.{narrow}.bf16x2 d, a;"), &[Bf16x2], B16)
                        .cases(1024),
                );
                forms.push(
                    Form::new("cvt", format!("cvt{modifiers}.f16x2.{narrow} d, a;"), &[Fp8x2], B32)
                        .cases(1024),
                );
                forms.push(
                    Form::new("cvt", format!("cvt{modifiers}.bf16x2.{narrow} d, a;"), &[Fp8x2], B32)
                        .cases(1024),
                );
            }
        }
    }
    for (to, from) in
        [("s16", "s32"), ("u16", "s32"), ("s8", "s32"), ("u8", "s32"), ("u16", "u32"), ("s16", "u32")]
    {
        forms.push(Form::new("cvt.pack", format!("cvt.pack.sat.{to}.{from} d, a, b;"), &[I32, I32], B32));
    }
    for to in ["s8", "u8", "s4", "u4", "s2", "u2"] {
        forms.push(Form::new(
            "cvt.pack",
            format!("cvt.pack.sat.{to}.s32.b32 d, a, b, c;"),
            &[I32, I32, I32],
            B32,
        ));
    }
}

/// Which window an address lies in, and that there and back again is the same address.
fn addresses(forms: &mut Vec<Form>) {
    for space in ["global", "shared", "local", "const", "param::entry", "shared::cta", "shared::cluster"] {
        let form = Form::new("isspacep", format!("isspacep.{space} d, pa;"), &[I32], B32);
        forms.push(form.outputs(&[Output::Predicate]));
        let text = format!("mov.u64 w0, shared; cvta.shared.u64 w0, w0; isspacep.{space} d, w0;");
        let form = Form::new("isspacep", text, &[I32], B32);
        forms.push(form.outputs(&[Output::Predicate]).shared(16));
        let text =
            format!(".local .b32 here; mov.u64 w0, here; cvta.local.u64 w0, w0; isspacep.{space} d, w0;");
        let form = Form::new("isspacep", text, &[I32], B32);
        forms.push(form.outputs(&[Output::Predicate]));
    }
    let text = "mov.u64 w0, shared; cvta.shared.u64 w1, w0; cvta.to.shared.u64 w2, w1; st.shared.u32 [w2], tid; bar.sync 0; ld.u32 d, [w1]; sub.u64 e, w2, w0;";
    let outputs = [Output::Memory(B32), Output::Register(B64)];
    let text = text.replace(
        "ld.u32 d, [w1];",
        "ld.u32 t0, [w1]; setp.lt.u32 p, t0, 128; selp.u32 t0, 1, 0, p; st.global.u32 [pd], t0;",
    );
    forms.push(Form::new("cvta", text, &[I32], B16).outputs(&outputs).shared(16));
    let text = "cvta.to.global.u64 w0, pa; cvta.global.u64 w1, w0; ld.u32 d, [w1]; ld.global.u32 e, [w0];";
    forms.push(Form::new("cvta", text, &[I32], B32).outputs(&[Output::Register(B32); 2]));
}
