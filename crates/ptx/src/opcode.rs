//! The name of an instruction: its mnemonic and the words behind it.

use crate::modifier::{Modifier, Word};
use crate::types::{Compare, Rounding, Scope, Semantics, Space, Type};
use crate::words::words;

words! {
    /// The first word of an instruction (9.7), up to its first dot.
    pub enum Mnemonic {
        Abs = "abs", Activemask = "activemask", Add = "add", Addc = "addc", Alloca = "alloca", And = "and",
        Applypriority = "applypriority", Atom = "atom", Bar = "bar", Barrier = "barrier", Bfe = "bfe", Bfi = "bfi",
        Bfind = "bfind", Bmsk = "bmsk", Bra = "bra", Brev = "brev", Brkpt = "brkpt", Brx = "brx", Call = "call",
        Clusterlaunchcontrol = "clusterlaunchcontrol", Clz = "clz", Cnot = "cnot", Copysign = "copysign", Cos = "cos",
        Cp = "cp", Createpolicy = "createpolicy", Cvt = "cvt", Cvta = "cvta", Discard = "discard", Div = "div",
        Dp2a = "dp2a", Dp4a = "dp4a", Elect = "elect", Ex2 = "ex2", Exit = "exit", Fabric = "fabric", Fence = "fence", Fma = "fma",
        Fns = "fns", Getctarank = "getctarank", Griddepcontrol = "griddepcontrol", Isspacep = "isspacep",
        Istypep = "istypep", Ld = "ld", Ldmatrix = "ldmatrix", Ldu = "ldu", Lg2 = "lg2", Lop3 = "lop3", Mad = "mad",
        Mad24 = "mad24", Madc = "madc", Mapa = "mapa", Match = "match", Max = "max", Mbarrier = "mbarrier",
        Membar = "membar", Min = "min", Mma = "mma", Mov = "mov", Movmatrix = "movmatrix", Mul = "mul", Mul24 = "mul24",
        Multimem = "multimem", Nanosleep = "nanosleep", Neg = "neg", Not = "not", Or = "or", Pmevent = "pmevent",
        Popc = "popc", Prefetch = "prefetch", Prefetchu = "prefetchu", Prmt = "prmt", Rcp = "rcp", Red = "red",
        Redux = "redux", Rem = "rem", Ret = "ret", Rsqrt = "rsqrt", Sad = "sad", Selp = "selp", Set = "set",
        Setmaxnreg = "setmaxnreg", Setp = "setp", Shf = "shf", Shfl = "shfl", Shl = "shl", Shr = "shr", Sin = "sin",
        Slct = "slct", Spdecompress = "spdecompress", Sqrt = "sqrt", St = "st", Stackrestore = "stackrestore", Stacksave = "stacksave",
        Stmatrix = "stmatrix", Sub = "sub", Subc = "subc", Suld = "suld", Suq = "suq", Sured = "sured", Sust = "sust",
        Szext = "szext", Tanh = "tanh", Tcgen05 = "tcgen05", Tensormap = "tensormap", Testp = "testp", Tex = "tex",
        Tld4 = "tld4", Trap = "trap", Txq = "txq", Vabsdiff = "vabsdiff", Vabsdiff2 = "vabsdiff2",
        Vabsdiff4 = "vabsdiff4", Vadd = "vadd", Vadd2 = "vadd2", Vadd4 = "vadd4", Vavrg2 = "vavrg2", Vavrg4 = "vavrg4",
        Vmad = "vmad", Vmax = "vmax", Vmax2 = "vmax2", Vmax4 = "vmax4", Vmin = "vmin", Vmin2 = "vmin2", Vmin4 = "vmin4",
        Vote = "vote", Vset = "vset", Vset2 = "vset2", Vset4 = "vset4", Vshl = "vshl", Vshr = "vshr", Vsub = "vsub",
        Vsub2 = "vsub2", Vsub4 = "vsub4", Wgmma = "wgmma", Wmma = "wmma", Xor = "xor",
    }
}

impl Mnemonic {
    const fn compares(self) -> bool {
        matches!(self, Self::Set | Self::Setp | Self::Vset | Self::Vset2 | Self::Vset4)
    }
}

/// An instruction's name. One value serves all instructions of a module that are spelled alike.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Opcode<'text> {
    /// As written: `ld.global.v4.f32`.
    pub text: &'text str,
    /// The first word; `None` for an instruction that this crate doesn't know.
    pub mnemonic: Option<Mnemonic>,
    /// The words behind it, in the order of the text.
    pub modifiers: Vec<Modifier<'text>>,
}

impl<'text> Opcode<'text> {
    /// Takes the text of an opcode apart. White space before a dot is allowed, as ptxas allows it.
    pub fn parse(text: &'text str) -> Self {
        let mut words = text.split('.').map(uncommented);
        let mnemonic = words.next().and_then(Mnemonic::parse);
        let compares = mnemonic.is_some_and(Mnemonic::compares);
        Self { text, mnemonic, modifiers: words.map(|word| Modifier::parse(word, compares)).collect() }
    }

    /// Whether this word is among the modifiers.
    pub fn has(&self, word: Word) -> bool {
        self.modifiers.contains(&Modifier::Word(word))
    }

    /// The types among the modifiers, in order: of `cvt.rzi.s32.f32` `s32` and `f32`.
    pub fn types(&self) -> impl Iterator<Item = Type> {
        self.modifiers.iter().filter_map(|modifier| match modifier {
            Modifier::Type(found) => Some(*found),
            _ => None,
        })
    }

    /// The first state space among the modifiers; without one an address is generic.
    pub fn space(&self) -> Option<Space> {
        self.find(|modifier| if let Modifier::Space(space) = modifier { Some(space) } else { None })
    }

    /// The first rounding among the modifiers.
    pub fn rounding(&self) -> Option<Rounding> {
        self.find(|modifier| if let Modifier::Rounding(rounding) = modifier { Some(rounding) } else { None })
    }

    /// The first comparison among the modifiers.
    pub fn compare(&self) -> Option<Compare> {
        self.find(|modifier| if let Modifier::Compare(compare) = modifier { Some(compare) } else { None })
    }

    /// The first memory order among the modifiers.
    pub fn semantics(&self) -> Option<Semantics> {
        self.find(
            |modifier| if let Modifier::Semantics(semantics) = modifier { Some(semantics) } else { None },
        )
    }

    /// The first scope among the modifiers.
    pub fn scope(&self) -> Option<Scope> {
        self.find(|modifier| if let Modifier::Scope(scope) = modifier { Some(scope) } else { None })
    }

    /// How many elements `.v2`, `.v4` or `.v8` says.
    pub fn vector(&self) -> Option<u8> {
        self.find(|modifier| if let Modifier::Vector(width) = modifier { Some(width) } else { None })
    }

    /// The modifiers that no part of this crate has a name for.
    pub fn unknown(&self) -> impl Iterator<Item = &'text str> {
        self.modifiers.iter().filter_map(|modifier| match modifier {
            Modifier::Other(text) => Some(*text),
            _ => None,
        })
    }

    fn find<T>(&self, pick: impl Fn(Modifier<'text>) -> Option<T>) -> Option<T> {
        self.modifiers.iter().copied().find_map(pick)
    }
}

/// A word without the comments and the white space around it.
fn uncommented(mut word: &str) -> &str {
    loop {
        word = word.trim_ascii();
        let rest = match word.as_bytes() {
            [b'/', b'*', ..] => word.split_once("*/"),
            [b'/', b'/', ..] => word.split_once('\n'),
            _ => break,
        };
        word = rest.map_or("", |(_, rest)| rest);
    }
    word.find(['/', ' ', '\t', '\n', '\r', '\x0b', '\x0c']).map_or(word, |end| &word[..end])
}
