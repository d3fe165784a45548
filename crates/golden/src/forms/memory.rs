//! Loads and stores: extension into wider registers, vectors, spaces, address offsets (PTX manual, 9.7.9).

use crate::form::{Form, Output};
use crate::kind::Kind::{I16, I32, I64, Packed};
use crate::kind::Width::{B16, B32, B64};

pub(super) fn add(forms: &mut Vec<Form>) {
    for (name, bytes) in [
        ("u8", 1),
        ("s8", 1),
        ("b8", 1),
        ("u16", 2),
        ("s16", 2),
        ("b16", 2),
        ("u32", 4),
        ("s32", 4),
        ("b32", 4),
    ] {
        for space in [".global", "", ".volatile.global", ".acquire.sys.global", ".global.nc"] {
            for offset in [0, 3, 2] {
                if offset % bytes != 0 {
                    continue;
                }
                let text = format!("ld{space}.{name} d, [pa+{offset}];");
                forms.push(Form::new("ld", text.clone(), &[Packed], B32));
                let text = format!("ld{space}.{name} d, [pa+{offset}]; // 64");
                forms.push(Form::new("ld", text, &[Packed], B64));
                if bytes < 4 {
                    let text = format!("ld{space}.{name} d, [pa+{offset}]; // 16");
                    forms.push(Form::new("ld", text, &[Packed], B16));
                }
            }
        }
        // A store of a wider register keeps the low part, and touches nothing beside it.
        let text = format!("st.global.b32 [pd], b; st.global.{name} [pd], a;");
        forms.push(Form::new("st", text, &[I32, I32], B32).outputs(&[Output::Memory(B32)]));
        let text = format!(
            "mul.lo.u32 t0, tid, 8; mov.u32 t1, shared; add.u32 t0, t0, t1; st.shared.b32 [t0], b; st.shared.{name} [t0], a; ld.shared.b32 d, [t0];"
        );
        forms.push(Form::new("st", text, &[I32, I32], B32).shared(1024));
        let text = format!(
            ".local .align 8 .b8 here[16]; st.local.b32 [here+8], b; st.local.{name} [here+8], a; ld.local.b32 d, [here+8];"
        );
        forms.push(Form::new("st", text, &[I32, I32], B32));
    }
    let words = [Output::Register(B32); 4];
    forms.push(Form::new("ld", "ld.global.v4.u8 {d, e, f, g}, [pa];", &[Packed], B32).outputs(&words));
    forms.push(Form::new("ld", "ld.global.v4.s8 {d, e, f, g}, [pa];", &[Packed], B32).outputs(&words));
    forms.push(Form::new("ld", "ld.global.v2.s16 {d, e}, [pa];", &[Packed], B32).outputs(&words[..2]));
    forms.push(Form::new("ld", "ld.global.v2.u32 {d, e}, [pa];", &[I64], B32).outputs(&words[..2]));
    forms.push(Form::new("ld", "ld.global.nc.v2.f32 {d, e}, [pa];", &[I64], B32).outputs(&words[..2]));
    let halves = [Output::Register(B16); 4];
    forms.push(Form::new("ld", "ld.global.v4.b16 {d, e, f, g}, [pa];", &[I64], B16).outputs(&halves));
    forms.push(
        Form::new("st", "st.global.v2.b32 [pd], {a, b};", &[I32, I32], B64).outputs(&[Output::Memory(B64)]),
    );
    forms.push(
        Form::new("st", "st.global.v4.b16 [pd], {a, b, c, x};", &[I16; 4], B64)
            .outputs(&[Output::Memory(B64)]),
    );
    forms.push(
        Form::new("st", "st.global.v4.u8 [pd], {a, b, c, x};", &[I32; 4], B32)
            .outputs(&[Output::Memory(B32)]),
    );
}
