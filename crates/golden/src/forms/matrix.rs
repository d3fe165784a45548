//! Matrix instructions (PTX manual, 9.7.14): with small whole numbers, whose sums are exact in any order, and with plain
//! ones, whose sums are compared with a bound.

use crate::form::{Bound, Float, Form, Output, Source};
use crate::kind::Kind::{
    self, I32, Packed, PlainBf16x2, PlainF16x2, PlainF32, PlainF64, WholeBf16x2, WholeE4m3, WholeE5m2,
    WholeF16x2, WholeF32, WholeF64,
};
use crate::kind::Width::{B32, B64};

use super::product;

pub(super) fn add(forms: &mut Vec<Form>) {
    // Shape, types, and registers of a, b, c: whole and plain kinds of the factors, the kind of the sums.
    let half = [WholeF16x2, PlainF16x2];
    let brain = [WholeBf16x2, PlainBf16x2];
    let single = [WholeF32, PlainF32];
    let double = [WholeF64, PlainF64];
    for (shape, types, factors, sums, count) in [
        ("m16n8k16.row.col", "f32.f16.f16.f32", half, single, [4, 2, 4]),
        ("m16n8k8.row.col", "f32.f16.f16.f32", half, single, [2, 1, 4]),
        ("m16n8k16.row.col", "f16.f16.f16.f16", half, half, [4, 2, 2]),
        ("m16n8k8.row.col", "f16.f16.f16.f16", half, half, [2, 1, 2]),
        ("m16n8k16.row.col", "f32.bf16.bf16.f32", brain, single, [4, 2, 4]),
        ("m16n8k8.row.col", "f32.bf16.bf16.f32", brain, single, [2, 1, 4]),
        ("m16n8k4.row.col", "f32.tf32.tf32.f32", single, single, [2, 1, 4]),
        ("m16n8k8.row.col", "f32.tf32.tf32.f32", single, single, [4, 2, 4]),
        ("m8n8k4.row.col", "f32.f16.f16.f32", half, single, [2, 2, 8]),
        ("m8n8k4.col.row", "f16.f16.f16.f16", half, half, [2, 2, 4]),
        ("m8n8k4.row.col", "f64.f64.f64.f64", double, double, [1, 1, 2]),
        ("m16n8k4.row.col", "f64.f64.f64.f64", double, double, [2, 1, 4]),
        ("m16n8k8.row.col", "f64.f64.f64.f64", double, double, [4, 2, 4]),
        ("m16n8k16.row.col", "f64.f64.f64.f64", double, double, [8, 4, 4]),
        ("m16n8k32.row.col", "f32.e4m3.e4m3.f32", [WholeE4m3; 2], single, [4, 2, 4]),
        ("m16n8k32.row.col", "f32.e5m2.e5m2.f32", [WholeE5m2; 2], single, [4, 2, 4]),
        ("m16n8k16.row.col", "f32.e4m3.e4m3.f32", [WholeE4m3; 2], single, [2, 1, 4]),
        ("m16n8k32.row.col", "f16.e4m3.e4m3.f16", [WholeE4m3; 2], half, [4, 2, 2]),
    ] {
        for plain in [0, 1] {
            if factors[0] == factors[1] && plain == 1 {
                continue;
            }
            let float = match sums[0] {
                WholeF16x2 => Float::F16x2,
                WholeF64 => Float::F64,
                _ => Float::F32,
            };
            let note = if plain == 1 { " // plain" } else { "" };
            let form = multiply(
                &format!("mma.sync.aligned.{shape}.{types}"),
                note,
                [factors[plain], factors[plain], sums[plain]],
                count,
            );
            // Sums of up to 16 products of size 16, of which none may be kept better than the accumulator's width.
            let bound = match float {
                Float::F16x2 => Bound::absolute(-3.0),
                Float::F64 => Bound::absolute(-44.0),
                _ => Bound::absolute(-12.0),
            };
            forms.push(if plain == 1 { form.near(float, bound) } else { form });
        }
    }
    integers(forms);
    through_memory(forms);
    wmma(forms);
    wmma_others(forms);
}

fn multiply(head: &str, note: &str, kinds: [Kind; 3], count: [usize; 3]) -> Form {
    let list = |name: &str, count: usize| match count {
        1 => format!("{{{name}}}"),
        _ => {
            format!("{{{}}}", (0..count).map(|index| format!("{name}{index}")).collect::<Vec<_>>().join(", "))
        }
    };
    let text = format!(
        "{head} {}, {}, {}, {};{note}",
        list("d", count[2]),
        list("a", count[0]),
        list("b", count[1]),
        list("c", count[2])
    );
    Form::new("mma", text, &kinds, kinds[2].width()).registers(&count, count[2]).cases(256)
}

fn integers(forms: &mut Vec<Form>) {
    for (shape, width, count) in [
        ("m8n8k16", 8, [1, 1, 2]),
        ("m16n8k16", 8, [2, 1, 4]),
        ("m16n8k32", 8, [4, 2, 4]),
        ("m8n8k32", 4, [1, 1, 2]),
        ("m16n8k32", 4, [2, 1, 4]),
        ("m16n8k64", 4, [4, 2, 4]),
    ] {
        for signs in product(&[&["s", "u"], &["s", "u"]]) {
            for satfinite in ["", ".satfinite"] {
                let (first, second) = signs.split_at(1);
                let head = format!(
                    "mma.sync.aligned.{shape}.row.col{satfinite}.s32.{first}{width}.{second}{width}.s32"
                );
                forms.push(multiply(&head, "", [Packed, Packed, I32], count));
            }
        }
    }
    for (shape, count) in [("m8n8k128", [1, 1, 2]), ("m16n8k128", [2, 1, 4]), ("m16n8k256", [4, 2, 4])] {
        for op in ["xor", "and"] {
            let head = format!("mma.sync.aligned.{shape}.row.col.s32.b1.b1.s32.{op}.popc");
            forms.push(multiply(&head, "", [Packed, Packed, I32], count));
        }
    }
}

/// `ldmatrix`, `stmatrix` and `movmatrix`: each warp has 512 bytes of shared memory, filled by its lanes.
fn through_memory(forms: &mut Vec<Form>) {
    let place = "mov.u64 w0, shared; shr.u32 t0, tid, 5; mul.wide.u32 w1, t0, 512; add.u64 w0, w0, w1; mul.wide.u32 w1, lane, 16; add.u64 w1, w0, w1;";
    for (count, list) in [(1, "{d}"), (2, "{d0, d1}"), (4, "{d0, d1, d2, d3}")] {
        for trans in ["", ".trans"] {
            let text = format!(
                "{place}\nst.shared.v4.b32 [w1], {{a0, a1, a2, a3}}; bar.warp.sync 0xffffffff;\nldmatrix.sync.aligned.m8n8.x{count}{trans}.shared.b16 {list}, [w1];"
            );
            let mut form =
                Form::new("ldmatrix", text, &[I32], B32).registers(&[4], count).shared(2048).cases(256);
            form.sources[0].registers = 4;
            forms.push(form);
            let list = list.replace('d', "a");
            let text = format!(
                "{place}\nmov.u32 t1, 0; st.shared.v4.b32 [w1], {{t1, t1, t1, t1}}; bar.warp.sync 0xffffffff;\nstmatrix.sync.aligned.m8n8.x{count}{trans}.shared.b16 [w1], {list}; bar.warp.sync 0xffffffff; ld.shared.v4.b32 {{d0, d1, d2, d3}}, [w1];"
            );
            forms.push(
                Form::new("stmatrix", text, &[I32], B32).registers(&[count], 4).shared(2048).cases(256),
            );
        }
    }
    forms.push(Form::new("movmatrix", "movmatrix.sync.aligned.m8n8.trans.b16 d, a;", &[I32], B32));
}

/// The older spelling for other types than half: shape, types, bytes a lane of a and b, registers of a, b and the sums.
fn wmma_others(forms: &mut Vec<Form>) {
    let whole_bytes = Packed;
    for (shape, types, kind, sums, sizes, count) in [
        ("m16n16k16", ["bf16", "f32"], WholeBf16x2, WholeF32, [4, 4, 8], [4, 4, 8]),
        ("m32n8k16", ["bf16", "f32"], WholeBf16x2, WholeF32, [8, 2, 8], [8, 2, 8]),
        ("m16n16k8", ["tf32", "f32"], WholeF32, WholeF32, [4, 4, 8], [4, 4, 8]),
        ("m16n16k16", ["s8", "s32"], whole_bytes, I32, [2, 2, 8], [2, 2, 8]),
        ("m16n16k16", ["u8", "s32"], whole_bytes, I32, [2, 2, 8], [2, 2, 8]),
        ("m8n32k16", ["s8", "s32"], whole_bytes, I32, [1, 4, 8], [1, 4, 8]),
        ("m8n8k32", ["s4", "s32"], whole_bytes, I32, [1, 1, 2], [1, 1, 2]),
        ("m8n8k32", ["u4", "s32"], whole_bytes, I32, [1, 1, 2], [1, 1, 2]),
        ("m8n8k128", ["b1", "s32"], whole_bytes, I32, [1, 1, 2], [1, 1, 2]),
        ("m8n8k4", ["f64", "f64"], WholeF64, WholeF64, [1, 1, 2], [1, 1, 2]),
    ] {
        let [factor, sum] = types;
        let list = |name: &str, count: usize| match count {
            1 => format!("{{{name}0}}"),
            _ => format!(
                "{{{}}}",
                (0..count).map(|index| format!("{name}{index}")).collect::<Vec<_>>().join(", ")
            ),
        };
        let (width, bits) = if sum == "f64" { ("b64", B64) } else { ("b32", B32) };
        let head = format!(
            ".reg .{width} m<8>, o<8>, s<8>;\n{}\n{}\n{}\n{}",
            base("a", "w0"),
            base("b", "w1"),
            base("c", "w2"),
            base("d", "w3")
        );
        let ops: &[&str] = if factor == "b1" { &[".xor.popc", ".and.popc"] } else { &[""] };
        let ends: &[&str] =
            if matches!(factor, "s8" | "u8" | "s4" | "u4") { &["", ".satfinite"] } else { &[""] };
        for op in ops {
            for end in ends {
                let name = if matches!(factor, "f64" | "bf16" | "tf32" | "s8" | "u8" | "s4" | "u4" | "b1") {
                    format!("{sum}.{factor}.{factor}.{sum}")
                } else {
                    format!("{sum}.{sum}")
                };
                let text = format!(
                    "{head}\nwmma.load.a.sync.aligned.row.{shape}.global.{factor} {}, [w0];\nwmma.load.b.sync.aligned.col.{shape}.global.{factor} {}, [w1];\nwmma.load.c.sync.aligned.row.{shape}.global.{sum} {}, [w2];\nwmma.mma{op}.sync.aligned.row.col.{shape}.{name}{end} {}, {}, {}, {};\nwmma.store.d.sync.aligned.row.{shape}.global.{sum} [w3], {};",
                    list("m", count[0]),
                    list("o", count[1]),
                    list("s", count[2]),
                    list("s", count[2]),
                    list("m", count[0]),
                    list("o", count[1]),
                    list("s", count[2]),
                    list("s", count[2]),
                );
                let mut form = Form::new("wmma", text, &[kind, kind, sums], bits).cases(128);
                for (source, size) in form.sources.iter_mut().zip(sizes) {
                    source.registers = size;
                }
                form.outputs = vec![(Output::Memory(bits), sizes[2])];
                forms.push(form);
            }
        }
    }
}

/// A warp's elements lie side by side: its first lane's address is where they start.
fn base(name: &str, register: &str) -> String {
    format!(
        "mov.b64 {{t0, t1}}, p{name}; shfl.sync.idx.b32 t0, t0, 0, 0x1f, 0xffffffff; shfl.sync.idx.b32 t1, t1, 0, 0x1f, 0xffffffff; mov.b64 {register}, {{t0, t1}};"
    )
}

/// The older spelling: fragments are loaded, multiplied and stored, all through global memory of the warp's own.
fn wmma(forms: &mut Vec<Form>) {
    for (shape, a_bytes, b_bytes) in
        [("m16n16k16", 512, 512), ("m32n8k16", 1024, 256), ("m8n32k16", 256, 1024)]
    {
        let (m, n, k) = match shape {
            "m16n16k16" => (16, 16, 16),
            "m32n8k16" => (32, 8, 16),
            _ => (8, 32, 16),
        };
        for layouts in [["row", "col"], ["col", "row"], ["row", "row"]] {
            for (sum, registers) in [("f32", 8), ("f16", 4)] {
                let list = |name: &str, count: usize| {
                    (0..count).map(|index| format!("{name}{index}")).collect::<Vec<_>>().join(", ")
                };
                let stride_a = if layouts[0] == "row" { k } else { m };
                let stride_b = if layouts[1] == "row" { n } else { k };
                let text = format!(
                    ".reg .b32 m<8>, o<8>, s<8>; {}\n{}\n{}\nwmma.load.a.sync.aligned.{}.{shape}.global.f16 {{{}}}, [w0], {stride_a};\nwmma.load.b.sync.aligned.{}.{shape}.global.f16 {{{}}}, [w1], {stride_b};\nwmma.load.c.sync.aligned.row.{shape}.global.{sum} {{{}}}, [w2], {n};\nwmma.mma.sync.aligned.{}.{}.{shape}.{sum}.{sum} {{{}}}, {{{}}}, {{{}}}, {{{}}};\n{}\nwmma.store.d.sync.aligned.row.{shape}.global.{sum} [w3], {{{}}}, {n};",
                    base("a", "w0"),
                    base("b", "w1"),
                    base("c", "w2"),
                    layouts[0],
                    list("m", 8),
                    layouts[1],
                    list("o", 8),
                    list("s", registers),
                    layouts[0],
                    layouts[1],
                    list("s", registers),
                    list("m", 8),
                    list("o", 8),
                    list("s", registers),
                    base("d", "w3"),
                    list("s", registers),
                );
                let kind = if sum == "f32" { WholeF32 } else { WholeF16x2 };
                let mut form = Form::new("wmma", text, &[WholeF16x2, WholeF16x2, kind], B32).cases(128);
                form.sources = vec![
                    Source { kind: WholeF16x2, registers: a_bytes / 128 },
                    Source { kind: WholeF16x2, registers: b_bytes / 128 },
                    Source { kind, registers },
                ];
                form.outputs = vec![(Output::Memory(B32), registers)];
                forms.push(form);
            }
        }
    }
}
