//! What an instruction works on.

/// One operand.
#[derive(Clone, Debug, PartialEq)]
pub enum Operand<'text> {
    /// `%r1`, `%laneid`, `foo`, `$L__BB0_3`: a register, variable, function or label; what it is, its declaration says.
    Name(&'text str),
    /// `%tid.x`, `v.y`, `%r1.b0`: part of a register.
    Part {
        /// The register.
        name: &'text str,
        /// What follows the dot.
        part: &'text str,
    },
    /// `table+8`: an address that is not followed.
    Offset {
        /// The variable.
        name: &'text str,
        /// In bytes.
        offset: i64,
    },
    /// `table[2]`, `table[%r1]`: an element of an array. As an address it counts elements, not bytes.
    Element {
        /// The array.
        name: &'text str,
        /// A number or a register.
        index: Box<Self>,
    },
    /// A number.
    Immediate(Immediate),
    /// `[%rd1+16]`: memory at an address.
    Address(Box<Address<'text>>),
    /// `{%f1, %f2, _}`: a vector.
    Vector(Vec<Self>),
    /// `(param0, param1)`: what a call passes or gets.
    List(Vec<Self>),
    /// `%p1|%p2`: two destinations.
    Pair(Box<(Self, Self)>),
    /// `!%p1`: a predicate, negated.
    Not(&'text str),
    /// `-%r1`: a register, negated (video instructions).
    Minus(Box<Self>),
    /// `_`: a destination that isn't wanted.
    Sink,
}

/// Memory that an instruction reaches: what stands between `[` and `]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Address<'text> {
    /// A register, a variable, or an absolute address.
    pub base: Operand<'text>,
    /// In bytes.
    pub offset: i64,
    /// What follows the base after commas: a sampler, coordinates (a vector), offsets.
    pub more: Vec<Operand<'text>>,
    /// Behind the bracket: `.unified`.
    pub unified: bool,
}

/// A number. A constant expression is kept as its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Immediate {
    /// A signed integer (`.s64`).
    Signed(i64),
    /// An unsigned one (`.u64`): written with `U`, or too large for the signed one.
    Unsigned(u64),
    /// `0f3f800000`: the bits of an `f32`.
    F32(u32),
    /// `0d3ff0000000000000` or `1.0`: the bits of an `f64`.
    F64(u64),
}

impl Immediate {
    /// The bits of an integer; `None` for a floating-point number.
    pub const fn integer(self) -> Option<u64> {
        match self {
            Self::Signed(value) => Some(value.cast_unsigned()),
            Self::Unsigned(value) => Some(value),
            Self::F32(_) | Self::F64(_) => None,
        }
    }

    /// The value as `f64`; of an integer, the nearest one.
    #[expect(clippy::cast_precision_loss, reason = "the nearest f64 is what is asked for")]
    pub fn float(self) -> f64 {
        match self {
            Self::Signed(value) => value as f64,
            Self::Unsigned(value) => value as f64,
            Self::F32(bits) => f32::from_bits(bits).into(),
            Self::F64(bits) => f64::from_bits(bits),
        }
    }
}
