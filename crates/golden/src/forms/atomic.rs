//! Atomic operations on a word of the thread's own: what is returned, and what is left in memory (PTX manual, 9.7.13).

use crate::form::{Form, Output};
use crate::kind::Kind::{self, Bf16, Bf16x2, F16, F16x2, F32, F64, I16, I32, I64};
use crate::kind::Width::{self, B32};

const OPERATIONS: [(&str, &str, Kind); 33] = [
    ("add", "u32", I32),
    ("add", "s32", I32),
    ("add", "u64", I64),
    ("add", "f32", F32),
    ("add", "f64", F64),
    ("add.noftz", "f16", F16),
    ("add.noftz", "f16x2", F16x2),
    ("add.noftz", "bf16", Bf16),
    ("add.noftz", "bf16x2", Bf16x2),
    ("min", "u32", I32),
    ("min", "s32", I32),
    ("min", "u64", I64),
    ("min", "s64", I64),
    ("max", "u32", I32),
    ("max", "s32", I32),
    ("max", "u64", I64),
    ("max", "s64", I64),
    ("and", "b32", I32),
    ("and", "b64", I64),
    ("or", "b32", I32),
    ("or", "b64", I64),
    ("xor", "b32", I32),
    ("xor", "b64", I64),
    ("inc", "u32", I32),
    ("dec", "u32", I32),
    ("exch", "b16", I16),
    ("exch", "b32", I32),
    ("exch", "b64", I64),
    ("exch", "u32", I32),
    ("exch", "f32", F32),
    ("exch", "s32", I32),
    ("add", "s64", I64),
    ("exch", "u64", I64),
];

pub(super) fn add(forms: &mut Vec<Form>) {
    vectors(forms);
    for (op, name, kind) in OPERATIONS {
        let width = kind.width();
        for space in [".global", "", ".shared"] {
            for order in ["", ".relaxed.cta", ".acq_rel.gpu", ".release.sys"] {
                if !order.is_empty() && space == ".shared" {
                    continue;
                }
                forms.push(on_word(
                    &format!("atom{order}{space}.{op}.{name} d, [SLOT], b;"),
                    &[kind, kind],
                    width,
                    space,
                ));
                let text = format!("mov.{} d, a; red{order}{space}.{op}.{name} [SLOT], b;", width.ptx());
                forms.push(on_word(&text, &[kind, kind], width, space));
            }
        }
    }
    for (name, kind, few) in [
        ("b16", I16, false),
        ("b32", I32, false),
        ("b32", Kind::Few, true),
        ("b64", I64, false),
        ("u32", I32, false),
    ] {
        let width = kind.width();
        for space in [".global", "", ".shared"] {
            let note = if few { " // few" } else { "" };
            let text = format!("atom{space}.cas.{name} d, [SLOT], b, c;{note}");
            forms.push(on_word(&text, &[kind, kind, kind], width, space));
            // What is expected is there.
            let text = format!("atom{space}.cas.{name} d, [SLOT], a, c;{note}");
            forms.push(on_word(&text, &[kind, kind, kind], width, space));
        }
    }
}

/// Vectors of floats: each element is an operation of its own.
fn vectors(forms: &mut Vec<Form>) {
    for (op, count, name, kind) in [
        ("add", 2, "f32", F32),
        ("add", 4, "f32", F32),
        ("add.noftz", 2, "f16", F16),
        ("add.noftz", 4, "f16", F16),
        ("add.noftz", 8, "f16", F16),
        ("min.noftz", 4, "f16", F16),
        ("max.noftz", 8, "f16", F16),
        ("add.noftz", 4, "f16x2", F16x2),
        ("add.noftz", 2, "bf16", Bf16),
        ("min.noftz", 2, "bf16", Bf16),
        ("max.noftz", 4, "bf16", Bf16),
        ("add.noftz", 2, "bf16x2", Bf16x2),
        ("max.noftz", 2, "f16x2", F16x2),
    ] {
        let list = |name: &str| {
            format!("{{{}}}", (0..count).map(|index| format!("{name}{index}")).collect::<Vec<_>>().join(", "))
        };
        let bits = kind.width().ptx();
        let stores: String = (0..count)
            .map(|index| format!("st.global.{bits} [pe+{}], a{index};", index * kind.width().bytes()))
            .collect::<Vec<_>>()
            .join(" ");
        for spelling in [format!("v{count}.{name}.{op}"), format!("{op}.v{count}.{name}")] {
            let text = format!("{stores}\natom.global.{spelling} {}, [pe], {};", list("d"), list("b"));
            let mut form = Form::new("atom", text, &[kind, kind], kind.width())
                .registers(&[count, count], count)
                .cases(256);
            form.outputs.push((Output::Memory(kind.width()), count));
            forms.push(form);
            let text = format!("{stores}\nred.global.{spelling} [pe], {};", list("b"));
            let mut form =
                Form::new("red", text, &[kind, kind], B32).registers(&[count, count], 1).cases(256);
            form.text = format!("mov.b32 d, 0; {}", form.text);
            form.outputs.push((Output::Memory(kind.width()), count));
            forms.push(form);
        }
    }
}

/// The word starts as the first source, and is the second output.
fn on_word(text: &str, sources: &[Kind], width: Width, space: &str) -> Form {
    let outputs = [Output::Register(width), Output::Memory(width)];
    let bits = width.ptx();
    let family = if text.contains("red") && !text.starts_with("atom") { "red" } else { "atom" };
    if space == ".shared" {
        let text = text.replace("SLOT", "w0");
        let text = format!(
            "mul.wide.u32 w0, tid, 8; mov.u64 w1, shared; add.u64 w0, w0, w1; st.shared.{bits} [w0], a;\n{text}\nld.shared.{bits} e, [w0];"
        );
        let outputs = [Output::Register(width), Output::Register(width)];
        return Form::new(family, text, sources, width).outputs(&outputs).shared(1024).cases(512);
    }
    let text = text.replace("SLOT", "pe");
    Form::new(family, format!("st.global.{bits} [pe], a;\n{text}"), sources, width)
        .outputs(&outputs)
        .cases(512)
}
