//! The test kernels, compiled from `kernels/*.cu`: how each is started, what it reads, and how its results are compared.

use crate::form::{Accuracy, Bound, Float};
use crate::kind::Kind::{self, F16, F16x2, F32, F64, I32, Packed, PlainF32};
use crate::random::Random;

/// One kernel of `kernels/FILE.cu`. It takes two pointers: what it reads, and what it writes, which starts as zeros.
#[derive(Clone, Debug)]
pub struct Kernel {
    /// The source, without its ending.
    pub file: &'static str,
    /// The kernel.
    pub name: String,
    /// Blocks.
    pub grid: [usize; 2],
    /// Threads of a block.
    pub block: [usize; 2],
    /// Bytes of dynamic shared memory.
    pub shared: usize,
    /// Started so that all blocks may wait for one another.
    pub cooperative: bool,
    /// What is read: a kind and a count.
    pub input: (Kind, usize),
    /// Bytes written.
    pub output: usize,
    /// How results are compared.
    pub accuracy: Accuracy,
}

/// Files of kernels, each a module of its own.
pub const FILES: [&str; 5] = ["control", "blocks", "memory", "half", "maths"];

impl Kernel {
    /// What its answer is kept under.
    pub fn title(&self) -> String {
        format!("{}/{}", self.file, self.name)
    }

    /// Bytes of one value of the output.
    pub fn element(&self) -> usize {
        match self.accuracy {
            Accuracy::Near(float, _) => float.bytes(),
            Accuracy::Exact => 4,
        }
    }

    /// The input: edges first, then random values.
    pub fn input(&self) -> Vec<u8> {
        let (kind, count) = self.input;
        let mut random = Random::named(&self.name);
        let edges = kind.edges().into_iter().take(count / 2);
        let mut values: Vec<u64> = edges.collect();
        while values.len() < count {
            values.push(kind.random(&mut random));
        }
        values.iter().flat_map(|value| value.to_le_bytes()[..kind.width().bytes()].to_vec()).collect()
    }
}

/// All kernels.
pub fn kernels() -> Vec<Kernel> {
    let mut kernels = Vec::new();
    let words = |file, name: &str, blocks, threads| Kernel {
        file,
        name: name.to_owned(),
        grid: [blocks, 1],
        block: [threads, 1],
        shared: 0,
        cooperative: false,
        input: (I32, blocks * threads),
        output: blocks * threads * 4,
        accuracy: Accuracy::Exact,
    };
    for name in ["collatz", "nested", "table", "recursion", "indirect", "virtual_call", "prints"] {
        kernels.push(words("control", name, 4, 128));
    }
    for name in ["reduce_tree", "scan", "histogram", "contended", "last_block", "block_votes", "groups"] {
        kernels.push(words("blocks", name, 4, 256));
    }
    kernels.push(Kernel { input: (PlainF32, 1024), shared: 1024, ..words("blocks", "reduce_float", 4, 256) });
    kernels.push(Kernel {
        grid: [3, 2],
        block: [32, 8],
        input: (I32, 6144),
        output: 6144 * 4,
        ..words("blocks", "transpose", 1, 1)
    });
    kernels.push(words("blocks", "spin_lock", 2, 64));
    kernels.push(words("blocks", "spin_plain", 2, 64));
    kernels.push(Kernel {
        output: 2 * 256 * 4,
        input: (I32, 256),
        ..words("blocks", "named_barriers", 2, 128)
    });
    kernels.push(Kernel { cooperative: true, ..words("blocks", "grid_sync", 8, 64) });
    kernels.push(words("blocks", "cluster", 8, 64));
    for name in ["constants", "local_sort", "structures", "heap", "barrier_phases"] {
        kernels.push(words("memory", name, 4, 128));
    }
    kernels.push(Kernel { input: (Packed, 2048), output: 2048 * 4, ..words("memory", "vectors", 4, 128) });
    kernels.push(Kernel { input: (Packed, 512), output: 512 * 4, ..words("memory", "bytes", 4, 128) });
    kernels.push(Kernel { input: (I32, 2048), output: 512 * 4, ..words("memory", "async_copy", 4, 128) });
    for name in ["halves", "brains"] {
        kernels.push(Kernel { input: (F16x2, 512), ..words("half", name, 4, 128) });
    }
    kernels.push(Kernel {
        input: (F16, 1024),
        output: 512 * 32,
        accuracy: Accuracy::Near(Float::F32, Bound::relative(-9.0).or(Bound::absolute(-15.0))),
        ..words("half", "half_maths", 4, 128)
    });
    kernels.push(Kernel { output: 512 * 16, ..words("half", "half_integers", 4, 128) });
    kernels.push(Kernel { input: (F32, 512), output: 512 * 8, ..words("half", "eights", 4, 128) });
    maths(&mut kernels);
    kernels
}

/// Steps such as `ex2.approx` differ in the last bits, and some functions enlarge that: hence the bounds.
fn maths(kernels: &mut Vec<Kernel>) {
    let near32 = Accuracy::Near(Float::F32, Bound::relative(-18.0).or(Bound::absolute(-18.0)));
    let near64 = Accuracy::Near(Float::F64, Bound::relative(-44.0).or(Bound::absolute(-44.0)));
    let mut push = |name: &str, kind, sources, results, accuracy| {
        let count: usize = 512;
        let (count, size) = (count, if kind == F64 { 8 } else { 4 });
        // A large exponent multiplies the error of the logarithm; near a pole that of the cosine has no bound.
        let accuracy = match name {
            "__powf" => Accuracy::Near(Float::F32, Bound::relative(-14.0)),
            "__tanf" => Accuracy::Near(Float::F32, Bound::relative(-8.0).or(Bound::absolute(-8.0))),
            _ => accuracy,
        };
        kernels.push(Kernel {
            file: "maths",
            name: format!("m_{name}"),
            grid: [count / 128, 1],
            block: [128, 1],
            shared: 0,
            cooperative: false,
            input: (kind, count * sources),
            output: count * results * size,
            accuracy,
        });
    };
    for name in ONE_F32 {
        push(name, F32, 1, 1, near32);
    }
    for name in ONE_F64 {
        push(name, F64, 1, 1, near64);
    }
    for name in TWO_F32 {
        push(name, F32, 2, 1, near32);
    }
    for name in TWO_F64 {
        push(name, F64, 2, 1, near64);
    }
    push("split", F32, 1, 8, near32);
    push("split64", F64, 1, 8, near64);
}

const ONE_F32: &[&str] = &[
    "sinf",
    "cosf",
    "tanf",
    "asinf",
    "acosf",
    "atanf",
    "sinhf",
    "coshf",
    "tanhf",
    "asinhf",
    "acoshf",
    "atanhf",
    "expf",
    "exp2f",
    "exp10f",
    "expm1f",
    "logf",
    "log2f",
    "log10f",
    "log1pf",
    "sqrtf",
    "rsqrtf",
    "cbrtf",
    "rcbrtf",
    "erff",
    "erfcf",
    "erfinvf",
    "erfcinvf",
    "erfcxf",
    "normcdff",
    "normcdfinvf",
    "tgammaf",
    "lgammaf",
    "j0f",
    "j1f",
    "y0f",
    "y1f",
    "ceilf",
    "floorf",
    "truncf",
    "roundf",
    "rintf",
    "nearbyintf",
    "fabsf",
    "logbf",
    "sinpif",
    "cospif",
    "__sinf",
    "__cosf",
    "__tanf",
    "__expf",
    "__exp10f",
    "__logf",
    "__log2f",
    "__log10f",
    "__saturatef",
    "__frcp_rn",
    "__fsqrt_rn",
    "__frsqrt_rn",
];
const ONE_F64: &[&str] = &[
    "sin",
    "cos",
    "tan",
    "asin",
    "acos",
    "atan",
    "sinh",
    "cosh",
    "tanh",
    "asinh",
    "acosh",
    "atanh",
    "exp",
    "exp2",
    "exp10",
    "expm1",
    "log",
    "log2",
    "log10",
    "log1p",
    "sqrt",
    "rsqrt",
    "cbrt",
    "rcbrt",
    "erf",
    "erfc",
    "erfinv",
    "erfcinv",
    "erfcx",
    "normcdf",
    "normcdfinv",
    "tgamma",
    "lgamma",
    "j0",
    "j1",
    "y0",
    "y1",
    "ceil",
    "floor",
    "trunc",
    "round",
    "rint",
    "nearbyint",
    "fabs",
    "logb",
    "sinpi",
    "cospi",
];
const TWO_F32: &[&str] = &[
    "powf",
    "atan2f",
    "fmodf",
    "remainderf",
    "hypotf",
    "fdimf",
    "nextafterf",
    "fmaxf",
    "fminf",
    "copysignf",
    "fdividef",
    "__powf",
    "__fdividef",
    "__fdiv_rn",
    "__fadd_rz",
    "__fmul_ru",
];
const TWO_F64: &[&str] =
    &["pow", "atan2", "fmod", "remainder", "hypot", "fdim", "nextafter", "fmax", "fmin", "copysign"];
