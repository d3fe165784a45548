//! Types, state spaces and the other closed sets of words that qualify an instruction or a variable.

use crate::words::words;

words! {
    /// A type (5.2), be it of an instruction, a register or a variable.
    pub enum Type {
        Pred = "pred",
        B1 = "b1", B4 = "b4", B8 = "b8", B16 = "b16", B32 = "b32", B64 = "b64", B128 = "b128", B1024 = "b1024",
        U2 = "u2", U4 = "u4", U8 = "u8", U16 = "u16", U32 = "u32", U64 = "u64", U128 = "u128",
        S2 = "s2", S4 = "s4", S8 = "s8", S16 = "s16", S32 = "s32", S64 = "s64", S128 = "s128",
        F16 = "f16", F16x2 = "f16x2", F16x4 = "f16x4",
        Bf16 = "bf16", Bf16x2 = "bf16x2", Bf16x4 = "bf16x4",
        F32 = "f32", F32x2 = "f32x2", F64 = "f64", Tf32 = "tf32",
        U8x2 = "u8x2", U8x4 = "u8x4", S8x2 = "s8x2", S8x4 = "s8x4", U16x2 = "u16x2", S16x2 = "s16x2", B16x2 = "b16x2",
        B4x16 = "b4x16", B4x16P64 = "b4x16_p64", B6x16P32 = "b6x16_p32", B6p2x16 = "b6p2x16", B8x16 = "b8x16",
        E4m3 = "e4m3", E4m3x2 = "e4m3x2", E4m3x4 = "e4m3x4",
        E5m2 = "e5m2", E5m2x2 = "e5m2x2", E5m2x4 = "e5m2x4",
        E3m2 = "e3m2", E3m2x2 = "e3m2x2", E3m2x4 = "e3m2x4",
        E2m3 = "e2m3", E2m3x2 = "e2m3x2", E2m3x4 = "e2m3x4",
        E2m1 = "e2m1", E2m1x2 = "e2m1x2", E2m1x4 = "e2m1x4",
        E3m4 = "e3m4", Ue4m3 = "ue4m3", Ue8m0 = "ue8m0", Ue8m0x2 = "ue8m0x2", S2f6x2 = "s2f6x2",
        Texref = "texref", Samplerref = "samplerref", Surfref = "surfref",
    }
}

impl Type {
    /// Its size in bits; `None` for the opaque types. A predicate counts as one bit.
    pub const fn bits(self) -> Option<u32> {
        Some(match self {
            Self::Pred | Self::B1 => 1,
            Self::U2 | Self::S2 => 2,
            Self::B4 | Self::U4 | Self::S4 | Self::E2m1 => 4,
            Self::E3m2 | Self::E2m3 => 6,
            Self::B8
            | Self::U8
            | Self::S8
            | Self::E4m3
            | Self::E5m2
            | Self::E3m4
            | Self::Ue4m3
            | Self::Ue8m0
            | Self::E2m1x2 => 8,
            Self::B16
            | Self::U16
            | Self::S16
            | Self::F16
            | Self::Bf16
            | Self::U8x2
            | Self::S8x2
            | Self::E4m3x2
            | Self::E5m2x2
            | Self::E3m2x2
            | Self::E2m3x2
            | Self::Ue8m0x2
            | Self::S2f6x2
            | Self::E2m1x4 => 16,
            Self::B32
            | Self::U32
            | Self::S32
            | Self::F32
            | Self::Tf32
            | Self::F16x2
            | Self::Bf16x2
            | Self::U8x4
            | Self::S8x4
            | Self::U16x2
            | Self::S16x2
            | Self::B16x2
            | Self::E4m3x4
            | Self::E5m2x4
            | Self::E3m2x4
            | Self::E2m3x4 => 32,
            Self::B64
            | Self::U64
            | Self::S64
            | Self::F64
            | Self::F32x2
            | Self::F16x4
            | Self::Bf16x4
            | Self::B4x16 => 64,
            Self::B128
            | Self::U128
            | Self::S128
            | Self::B8x16
            | Self::B4x16P64
            | Self::B6x16P32
            | Self::B6p2x16 => 128,
            Self::B1024 => 1024,
            Self::Texref | Self::Samplerref | Self::Surfref => return None,
        })
    }

    /// Whether values of it are signed integers, packed ones included.
    pub const fn is_signed(self) -> bool {
        matches!(
            self,
            Self::S2
                | Self::S4
                | Self::S8
                | Self::S16
                | Self::S32
                | Self::S64
                | Self::S128
                | Self::S8x2
                | Self::S8x4
                | Self::S16x2
        )
    }
}

words! {
    /// A state space (5.1).
    pub enum Space {
        Reg = "reg", Sreg = "sreg", Const = "const", Global = "global", Local = "local",
        Param = "param", ParamEntry = "param::entry", ParamFunc = "param::func",
        Shared = "shared", SharedCta = "shared::cta", SharedCluster = "shared::cluster", Tex = "tex",
    }
}

words! {
    /// Rounding, to a value or to an integral one.
    pub enum Rounding {
        Rn = "rn", Rz = "rz", Rm = "rm", Rp = "rp", Rna = "rna", Rs = "rs",
        Rni = "rni", Rzi = "rzi", Rmi = "rmi", Rpi = "rpi",
    }
}

words! {
    /// A comparison of `set`, `setp` and `vset`.
    pub enum Compare {
        Eq = "eq", Ne = "ne", Lt = "lt", Le = "le", Gt = "gt", Ge = "ge",
        Lo = "lo", Ls = "ls", Hi = "hi", Hs = "hs",
        Equ = "equ", Neu = "neu", Ltu = "ltu", Leu = "leu", Gtu = "gtu", Geu = "geu", Num = "num", Nan = "nan",
    }
}

words! {
    /// The order that a memory operation keeps (8.4).
    pub enum Semantics {
        Weak = "weak", Volatile = "volatile", Mmio = "mmio", Relaxed = "relaxed",
        Acquire = "acquire", Release = "release", AcqRel = "acq_rel", Sc = "sc",
    }
}

words! {
    /// Who sees a memory operation in its order (8.5).
    pub enum Scope {
        Cta = "cta", Cluster = "cluster", Gpu = "gpu", Sys = "sys",
    }
}

words! {
    /// A cache operator of a load or store (9.7.9.1).
    pub enum Cache {
        Ca = "ca", Cg = "cg", Cs = "cs", Lu = "lu", Cv = "cv", Wb = "wb", Wt = "wt", Nc = "nc",
    }
}

words! {
    /// The geometry of a texture, surface or tensor.
    pub enum Geometry {
        D1 = "1d", D2 = "2d", D3 = "3d", D4 = "4d", D5 = "5d", A1d = "a1d", A2d = "a2d", Cube = "cube", Acube = "acube",
        D2ms = "2dms", A2dms = "a2dms", D1Buffer = "1dbuffer",
    }
}
