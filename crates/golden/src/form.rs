//! One form of an instruction: its text, its operands, and the kernel that runs it once a thread.

use std::fmt::Write as _;

use crate::kind::{Kind, Width};
use crate::texture::Texture;

/// The threads of a block. A grid has as many blocks as the cases need.
pub const BLOCK: usize = 128;

/// Names of the source registers, in order. A source of several registers is numbered: `a0`, `a1`.
const SOURCES: [&str; 4] = ["a", "b", "c", "x"];
/// Names of the result registers, in order.
const RESULTS: [&str; 4] = ["d", "e", "f", "g"];

/// How near to the GPU's answer another one has to be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Accuracy {
    /// Bit for bit.
    Exact,
    /// Floats of this layout: the same class and sign, and no further than `bound` allows.
    Near(Float, Bound),
}

/// The layout of a result that is compared with a bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Float {
    /// One half in 16 bits.
    F16,
    /// Two halves in 32 bits.
    F16x2,
    /// One bfloat16.
    Bf16,
    /// Two bfloat16.
    Bf16x2,
    /// A single.
    F32,
    /// A double.
    F64,
}

/// How far two answers may be apart: each of them as far from the truth as the PTX manual allows, so twice that.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bound {
    /// A share of the larger magnitude, as a power of two.
    pub relative: f64,
    /// A distance, as a power of two.
    pub absolute: f64,
}

impl Bound {
    /// A share of the magnitude, 2 to the `power`.
    pub fn relative(power: f64) -> Self {
        Self { relative: power.exp2(), absolute: 0.0 }
    }

    /// A distance, 2 to the `power`.
    pub fn absolute(power: f64) -> Self {
        Self { relative: 0.0, absolute: power.exp2() }
    }

    /// Either of two.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self { relative: self.relative.max(other.relative), absolute: self.absolute.max(other.absolute) }
    }
}

/// What a form writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// A register, stored by the kernel.
    Register(Width),
    /// A predicate, stored as a 32-bit 0 or 1.
    Predicate,
    /// A place in memory that the form itself writes, through `pd`, `pe`, …
    Memory(Width),
}

impl Output {
    /// The width in memory.
    pub fn width(self) -> Width {
        match self {
            Self::Register(width) | Self::Memory(width) => width,
            Self::Predicate => Width::B32,
        }
    }
}

/// A source: its kind, and how many registers of it a thread has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Source {
    /// What its values are.
    pub kind: Kind,
    /// How many registers; they lie side by side in memory.
    pub registers: usize,
}

/// One form of an instruction, with what it takes to run it.
#[derive(Clone, Debug)]
pub struct Form {
    /// The group it is listed and kept under: most often the mnemonic.
    pub family: String,
    /// The instructions, over the registers `a b c x` (sources), `d e f g` (results), `pa … pg` (addresses of a thread's elements),
    /// `tid`, `lane`, and scratch `t0 … t7` (32 bits), `w0 … w3` (64 bits), `h0 … h3` (16 bits), `p q r` (predicates). It is also the form's name.
    pub text: String,
    /// What is read.
    pub sources: Vec<Source>,
    /// What is written, each with its count of registers.
    pub outputs: Vec<(Output, usize)>,
    /// How a result is compared.
    pub accuracy: Accuracy,
    /// Bytes of shared memory, named `shared`.
    pub shared: usize,
    /// The texture that `tex` is bound to.
    pub texture: Option<Texture>,
    /// How many cases are run; 0: decided by the sources.
    pub cases: usize,
}

impl Form {
    /// A form with one result, compared bit for bit.
    pub fn new(family: &str, text: impl Into<String>, sources: &[Kind], result: Width) -> Self {
        Self {
            family: family.to_owned(),
            text: text.into(),
            sources: sources.iter().map(|kind| Source { kind: *kind, registers: 1 }).collect(),
            outputs: vec![(Output::Register(result), 1)],
            accuracy: Accuracy::Exact,
            shared: 0,
            texture: None,
            cases: 0,
        }
    }

    /// With these outputs instead.
    #[must_use]
    pub fn outputs(mut self, outputs: &[Output]) -> Self {
        self.outputs = outputs.iter().map(|output| (*output, 1)).collect();
        self
    }

    /// With sources and one result of several registers.
    #[must_use]
    pub fn registers(mut self, sources: &[usize], result: usize) -> Self {
        for (source, registers) in self.sources.iter_mut().zip(sources) {
            source.registers = *registers;
        }
        self.outputs[0].1 = result;
        self
    }

    /// Compared with a bound.
    #[must_use]
    pub fn near(mut self, float: Float, bound: Bound) -> Self {
        self.accuracy = Accuracy::Near(float, bound);
        self
    }

    /// With shared memory.
    #[must_use]
    pub fn shared(mut self, bytes: usize) -> Self {
        self.shared = bytes;
        self
    }

    /// With this many cases.
    #[must_use]
    pub fn cases(mut self, cases: usize) -> Self {
        self.cases = cases;
        self
    }

    /// What it is called in lists: its text, in one line.
    pub fn name(&self) -> String {
        let mut name = self.text.replace('\n', " ");
        if let Some(texture) = &self.texture {
            write!(name, " // {texture}").expect("writing to a string");
        }
        name
    }

    /// The bytes of each output that one case has.
    pub fn output_bytes(&self) -> impl Iterator<Item = usize> {
        self.outputs.iter().map(|(output, registers)| output.width().bytes() * registers)
    }

    /// The kernel, named `name`: each thread loads its sources, runs the form once, and stores its results.
    pub fn kernel(&self, name: &str) -> String {
        let mut ptx = String::new();
        let sources = self.sources.iter().zip(SOURCES);
        let outputs = self.outputs.iter().zip(RESULTS);
        let names = sources.clone().map(|(_, name)| name).chain(outputs.clone().map(|(_, name)| name));
        let mut parameters: Vec<String> = names.map(|name| format!(".param .u64 _{name}")).collect();
        if self.texture.is_some() {
            parameters.push(".param .u64 _tex".to_owned());
        }
        let mut line = |text: String| {
            ptx.push_str(&text);
            ptx.push('\n');
        };
        line(format!(".visible .entry {name}({})", parameters.join(", ")));
        line("{".to_owned());
        line(".reg .b32 tid, lane, i, t<8>; .reg .b64 w<4>; .reg .b16 h<4>; .reg .pred p, q, r; .reg .b64 tex, z;".into());
        if self.shared > 0 {
            line(format!(".shared .align 16 .b8 shared[{}];", self.shared));
        }
        line("mov.u32 tid, %tid.x; mov.u32 lane, %laneid; mov.u32 i, %ctaid.x;".into());
        line(format!("mad.lo.u32 i, i, {BLOCK}, tid;"));
        if self.texture.is_some() {
            line("ld.param.u64 tex, [_tex];".into());
        }
        for (source, name) in sources {
            let width = source.kind.width();
            line(address(name, width.bytes() * source.registers));
            for register in 0..source.registers {
                let full = numbered(name, register, source.registers);
                let offset = register * width.bytes();
                let ptx = width.ptx();
                if source.kind == Kind::Predicate {
                    line(format!(
                        ".reg .pred {full}; ld.global.{ptx} t0, [p{name}+{offset}]; setp.ne.u32 {full}, t0, 0;"
                    ));
                } else {
                    line(format!(".reg .{ptx} {full}; ld.global.{ptx} {full}, [p{name}+{offset}];"));
                }
            }
        }
        for ((output, registers), name) in outputs.clone() {
            line(address(name, output.width().bytes() * registers));
            for register in 0..*registers {
                let full = numbered(name, register, *registers);
                match output {
                    Output::Register(width) => line(format!(".reg .{} {full};", width.ptx())),
                    Output::Predicate => line(format!(".reg .pred {full};")),
                    Output::Memory(_) => {}
                }
            }
        }
        line(self.text.clone());
        for ((output, registers), name) in outputs {
            for register in 0..*registers {
                let full = numbered(name, register, *registers);
                let offset = register * output.width().bytes();
                match output {
                    Output::Register(width) => {
                        line(format!("st.global.{} [p{name}+{offset}], {full};", width.ptx()));
                    }
                    Output::Predicate => {
                        line(format!("selp.u32 t0, 1, 0, {full}; st.global.b32 [p{name}+{offset}], t0;"));
                    }
                    Output::Memory(_) => {}
                }
            }
        }
        line("ret;".to_owned());
        line("}".to_owned());
        ptx
    }
}

/// The address of a thread's element.
fn address(name: &str, bytes: usize) -> String {
    format!(
        ".reg .b64 p{name}; ld.param.u64 p{name}, [_{name}]; mul.wide.u32 z, i, {bytes}; add.s64 p{name}, p{name}, z;"
    )
}

fn numbered(name: &str, register: usize, registers: usize) -> String {
    let mut text = name.to_owned();
    if registers > 1 {
        write!(text, "{register}").expect("writing to a string");
    }
    text
}

/// The head of a module of such kernels.
pub const HEAD: &str = ".version 9.0\n.target sm_90\n.address_size 64\n";
