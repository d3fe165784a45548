//! Random kernels that are valid, end, and touch only their own memory: for holding one build of the machine against another.

use std::fmt::Write as _;

/// Where choices come from: a seed, or a fuzzer's bytes.
pub(crate) trait Choose {
    /// A number below `limit`, which is not 0.
    fn below(&mut self, limit: u32) -> u32;
}

/// Registers of each type.
const REGISTERS: u32 = 6;
/// Types: how their registers are called, and what they are.
const TYPES: [(&str, &str); 5] = [("r", "b32"), ("q", "b64"), ("f", "f32"), ("d", "f64"), ("h", "b16")];
/// Ifs and loops within one another, at most.
const DEPTH: u32 = 3;

/// Instructions: letters stand for registers of a type, `p` for a predicate, `i` for a small number.
const INSTRUCTIONS: &[&str] = &[
    "add.u32 r, r, r",
    "sub.s32 r, r, r",
    "mul.lo.u32 r, r, r",
    "mul.hi.s32 r, r, r",
    "mad.lo.s32 r, r, r, r",
    "div.u32 r, r, r",
    "rem.s32 r, r, r",
    "min.s32 r, r, r",
    "max.u32 r, r, r",
    "abs.s32 r, r",
    "neg.s32 r, r",
    "mul.wide.u32 q, r, r",
    "mad.wide.s32 q, r, r, q",
    "sad.u32 r, r, r, r",
    "mul24.lo.s32 r, r, r",
    "add.u64 q, q, q",
    "sub.s64 q, q, q",
    "mul.lo.u64 q, q, q",
    "mul.hi.u64 q, q, q",
    "div.s64 q, q, q",
    "add.u16 h, h, h",
    "mul.lo.s16 h, h, h",
    "sub.s16 h, h, h",
    "min.u16 h, h, h",
    "and.b32 r, r, r",
    "or.b64 q, q, q",
    "xor.b16 h, h, h",
    "not.b32 r, r",
    "lop3.b32 r, r, r, r, 0x96",
    "shl.b32 r, r, r",
    "shr.s32 r, r, r",
    "shr.u64 q, q, r",
    "shf.l.wrap.b32 r, r, r, r",
    "prmt.b32 r, r, r, r",
    "popc.b32 r, r",
    "clz.b64 r, q",
    "brev.b32 r, r",
    "bfe.s32 r, r, r, r",
    "bfi.b32 r, r, r, r, r",
    "bfind.u32 r, r",
    "dp4a.s32.u32 r, r, r, r",
    "dp2a.lo.u32.s32 r, r, r, r",
    "add.cc.u32 r, r, r",
    "addc.u32 r, r, r",
    "sub.cc.u32 r, r, r",
    "subc.u32 r, r, r",
    "add.f32 f, f, f",
    "sub.rz.f32 f, f, f",
    "mul.ftz.f32 f, f, f",
    "fma.rn.f32 f, f, f, f",
    "fma.rp.f32 f, f, f, f",
    "div.rn.f32 f, f, f",
    "div.approx.f32 f, f, f",
    "rcp.approx.ftz.f32 f, f",
    "sqrt.rn.f32 f, f",
    "rsqrt.approx.f32 f, f",
    "min.f32 f, f, f",
    "max.NaN.f32 f, f, f",
    "abs.f32 f, f",
    "neg.f32 f, f",
    "add.sat.f32 f, f, f",
    "sin.approx.f32 f, f",
    "cos.approx.f32 f, f",
    "ex2.approx.f32 f, f",
    "lg2.approx.f32 f, f",
    "tanh.approx.f32 f, f",
    "add.f64 d, d, d",
    "mul.rm.f64 d, d, d",
    "fma.rn.f64 d, d, d, d",
    "div.rn.f64 d, d, d",
    "sqrt.rn.f64 d, d",
    "min.f64 d, d, d",
    "copysign.f32 f, f, f",
    "add.f16 h, h, h",
    "fma.rn.f16 h, h, h, h",
    "mul.bf16 h, h, h",
    "add.f16x2 r, r, r",
    "fma.rn.relu.bf16x2 r, r, r, r",
    "min.f16 h, h, h",
    "max.bf16x2 r, r, r",
    "cvt.rn.f32.s32 f, r",
    "cvt.rzi.s32.f32 r, f",
    "cvt.rn.f32.f64 f, d",
    "cvt.f64.f32 d, f",
    "cvt.rn.f16.f32 h, f",
    "cvt.f32.f16 f, h",
    "cvt.rn.f64.u64 d, q",
    "cvt.rpi.u64.f64 q, d",
    "cvt.u64.u32 q, r",
    "cvt.s32.s16 r, h",
    "cvt.u16.u32 h, r",
    "cvt.sat.u8.s32 r, r",
    "cvt.rn.bf16.f32 h, f",
    "cvt.rmi.f32.f32 f, f",
    "setp.lt.s32 p, r, r",
    "setp.geu.f32 p, f, f",
    "setp.ne.u64 p, q, q",
    "setp.gt.f64 p, d, d",
    "setp.lo.u16 p, h, h",
    "selp.b32 r, r, r, p",
    "selp.f32 f, f, f, p",
    "selp.b64 q, q, q, p",
    "slct.f32.s32 f, f, f, r",
    "set.lt.u32.f32 r, f, f",
    "and.pred p, p, p",
    "xor.pred p, p, p",
    "not.pred p, p",
    "testp.finite.f32 p, f",
    "mov.b32 r, r",
    "mov.b64 q, {r, r}",
    "mov.b64 {r, r}, q",
    "mov.b32 r, {h, h}",
    "mov.b32 {h, h}, r",
    "mov.b32 r, f",
    "mov.b32 f, r",
    "mov.b64 d, q",
    "mov.b64 q, d",
    "cvt.pack.sat.u8.s32.b32 r, r, r, r",
    "vabsdiff4.u32.u32.u32 r, r, r, r",
    "mov.u32 r, %laneid",
    "mov.u32 r, %tid.x",
    "mov.u32 r, i",
];

/// Instructions for places that all threads of a block reach together.
const TOGETHER: &[&str] = &[
    "bar.sync 0",
    "shfl.sync.idx.b32 r, r, r, 0x1f, 0xffffffff",
    "shfl.sync.up.b32 r|p, r, i, 0x0, 0xffffffff",
    "shfl.sync.bfly.b32 r, r, i, 0x1f, 0xffffffff",
    "vote.sync.ballot.b32 r, p, 0xffffffff",
    "vote.sync.any.pred p, p, 0xffffffff",
    "match.any.sync.b32 r, r, 0xffffffff",
    "redux.sync.add.s32 r, r, 0xffffffff",
    "redux.sync.xor.b32 r, r, 0xffffffff",
    "bar.red.popc.u32 r, 0, p",
];

/// Instructions on the block's shared memory and the thread's own words; `o` is an offset within them.
const MEMORY: &[&str] = &[
    "and.b32 %o, r, 252; add.u32 %o, %o, %s; ld.shared.u32 r, [%o]",
    "and.b32 %o, r, 252; add.u32 %o, %o, %s; st.shared.u32 [%o], r",
    "and.b32 %o, r, 248; add.u32 %o, %o, %s; ld.shared.v2.f32 {f, f}, [%o]",
    "and.b32 %o, r, 240; add.u32 %o, %o, %s; st.shared.v4.u32 [%o], {r, r, r, r}",
    "and.b32 %o, r, 255; add.u32 %o, %o, %s; ld.shared.s8 h, [%o]",
    "and.b32 %o, r, 252; add.u32 %o, %o, %s; atom.shared.add.u32 r, [%o], r",
    "and.b32 %o, r, 252; add.u32 %o, %o, %s; atom.shared.max.s32 r, [%o], r",
    "and.b32 %o, r, 252; add.u32 %o, %o, %s; red.shared.add.f32 [%o], f",
    "and.b32 %o, r, 248; add.u32 %o, %o, %s; atom.shared.cas.b64 q, [%o], q, q",
    "and.b32 %o, r, 56; add.u32 %o, %o, %l; st.local.f64 [%o], d",
    "and.b32 %o, r, 60; add.u32 %o, %o, %l; ld.local.u32 r, [%o]",
    "ld.global.u64 q, [%mine]",
    "st.global.f32 [%mine+4], f",
];

/// Bytes that each thread of a kernel leaves in its memory.
pub(crate) const BYTES: usize = 256;

struct Writer<'c, C> {
    choose: &'c mut C,
    text: String,
    labels: u32,
    /// Instructions that may still be written.
    left: u32,
}

/// The text of a kernel `k` with one parameter: the address of [`BYTES`] for each thread of the grid, zeros or anything.
pub(crate) fn kernel(choose: &mut impl Choose) -> String {
    let mut text =
        ".version 8.6\n.target sm_90\n.address_size 64\n.visible .entry k(.param .u64 data) {\n".to_owned();
    text.push_str(".reg .pred %p<6>; .reg .b32 %o, %n<8>, %id, %s, %l; .reg .b64 %mine, %w; .shared .align 16 .b8 shared[272]; .local .align 16 .b8 own[64];\n");
    for (name, ty) in TYPES {
        writeln!(text, ".reg .{ty} %{name}<{REGISTERS}>;").expect("writing to a string");
    }
    text.push_str("ld.param.u64 %mine, [data]; mov.u32 %o, %ctaid.x; mov.u32 %n0, %ntid.x; mov.u32 %id, %tid.x; mad.lo.u32 %id, %o, %n0, %id;\n");
    writeln!(text, "mul.wide.u32 %w, %id, {BYTES}; add.u64 %mine, %mine, %w;").expect("writing to a string");
    for index in 0..REGISTERS {
        let scale = 2_654_435_761_u32.wrapping_mul(index + 1);
        writeln!(text, "mad.lo.u32 %r{index}, %id, {scale}, {index}; cvt.u64.u32 %q{index}, %r{index}; cvt.rn.f32.s32 %f{index}, %r{index}; cvt.rn.f64.s32 %d{index}, %r{index}; cvt.u16.u32 %h{index}, %r{index}; setp.lt.s32 %p{index}, %r{index}, {index};").expect("writing to a string");
    }
    // Shared memory starts as zeros, written by as few threads as there may be.
    text.push_str("mov.u32 %s, shared; mov.u32 %l, own; mov.u32 %n1, 0; $zero: add.u32 %o, %n1, %s; st.shared.u32 [%o], 0; add.u32 %n1, %n1, 4; setp.lt.u32 %p0, %n1, 272; @%p0 bra $zero;\nst.local.v2.u64 [own], {0, 0}; st.local.v2.u64 [own+16], {0, 0}; st.local.v2.u64 [own+32], {0, 0}; st.local.v2.u64 [own+48], {0, 0}; bar.sync 0;\n");
    let left = 20 + choose.below(100);
    let mut writer = Writer { choose, text, labels: 0, left };
    while writer.left > 0 {
        writer.statement(0);
    }
    let mut text = writer.text;
    text.push_str("bar.sync 0;\n");
    let mut at = 8;
    for (name, ty) in TYPES {
        for index in 0..REGISTERS {
            writeln!(text, "st.global.{ty} [%mine+{at}], %{name}{index};").expect("writing to a string");
            at += 8;
        }
    }
    text.push_str("ret; }\n");
    text
}

impl<C: Choose> Writer<'_, C> {
    fn of(&mut self, list: &[&'static str]) -> &'static str {
        let count = u32::try_from(list.len()).expect("a list of instructions is short");
        list[self.choose.below(count) as usize]
    }

    fn statement(&mut self, depth: u32) {
        self.left = self.left.saturating_sub(1);
        match self.choose.below(24) {
            0 | 1 if depth < DEPTH => self.branch(depth),
            2 if depth < DEPTH => self.repeat(depth),
            3..=6 => {
                let line = self.of(MEMORY);
                self.line(line, None);
            }
            7..=9 if depth == 0 => {
                let line = self.of(TOGETHER);
                self.line(line, None);
            }
            10..=12 => {
                let guard = (self.choose.below(2), self.choose.below(REGISTERS));
                let line = self.of(INSTRUCTIONS);
                self.line(line, Some(guard));
            }
            _ => {
                let line = self.of(INSTRUCTIONS);
                self.line(line, None);
            }
        }
    }

    /// Writes a line with registers for its letters.
    fn line(&mut self, line: &str, guard: Option<(u32, u32)>) {
        if let Some((not, number)) = guard {
            write!(self.text, "@{}%p{number} ", if not == 1 { "!" } else { "" })
                .expect("writing to a string");
        }
        // Two destinations of one instruction are two registers.
        let mut last = None;
        let bytes = line.as_bytes();
        for (at, &byte) in bytes.iter().enumerate() {
            let word = |byte: Option<&u8>| {
                byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || b"._%".contains(byte))
            };
            let alone = !word(at.checked_sub(1).and_then(|at| bytes.get(at))) && !word(bytes.get(at + 1));
            if !alone || !b"rqfdhpi".contains(&byte) {
                self.text.push(byte.into());
                continue;
            }
            let mut number = self.choose.below(if byte == b'i' { 32 } else { REGISTERS });
            if byte == b'i' {
                write!(self.text, "{number}").expect("writing to a string");
                continue;
            }
            if last == Some((byte, number)) {
                number = (number + 1) % REGISTERS;
            }
            last = Some((byte, number));
            write!(self.text, "%{}{number}", char::from(byte)).expect("writing to a string");
        }
        self.text.push_str(";\n");
    }

    fn block(&mut self, depth: u32) {
        for _ in 0..=self.choose.below(4) {
            self.statement(depth);
        }
    }

    fn branch(&mut self, depth: u32) {
        let label = self.labels;
        self.labels += 1;
        let predicate = self.choose.below(REGISTERS);
        writeln!(self.text, "@%p{predicate} bra $else{label};").expect("writing to a string");
        self.block(depth + 1);
        writeln!(self.text, "bra $end{label};\n$else{label}:").expect("writing to a string");
        if self.choose.below(2) == 1 {
            self.block(depth + 1);
        }
        writeln!(self.text, "$end{label}:").expect("writing to a string");
    }

    /// A loop whose threads leave it after different numbers of rounds.
    fn repeat(&mut self, depth: u32) {
        let label = self.labels;
        self.labels += 1;
        let counter = depth + 2;
        let register = self.choose.below(REGISTERS);
        writeln!(self.text, "and.b32 %n{counter}, %r{register}, 3;\n$again{label}:")
            .expect("writing to a string");
        self.block(depth + 1);
        writeln!(
            self.text,
            "sub.u32 %n{counter}, %n{counter}, 1; setp.lt.s32 %p5, %n{counter}, 0; @!%p5 bra $again{label};"
        )
        .expect("writing to a string");
    }
}
