//! `mma` (9.7.15.5), products of small matrices that a warp holds together, and what moves such matrices: `ldmatrix`,
//! `stmatrix`, `movmatrix`.
//!
//! An element of a result is summed as the tensor cores of an H200 do it: all products and the old element are aligned to
//! the largest exponent among them, cut off below its 25th bit, and added exactly; the sum is cut to an `.f32`, or that
//! rounded to an `.f16`.

use std::marker::PhantomData;

use cuferry_ptx::{Mnemonic, Operand, Shape, Space, Type, Word};

use super::half::f16_from;
use super::warp::Together;
use crate::code::{Op, Width};
use crate::decode::{Decoder, Destination, Form, Refused, fields};
use crate::lanes::{Work, plain};
use crate::space::{Flat, Reach, Shared, load, store};
use crate::warp::Warp;
use crate::watch::{Kind, note};

/// What elements are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Element {
    F16,
    Bf16,
    Tf32,
    F32,
    E4m3,
    E5m2,
    S8,
    U8,
    S4,
    U4,
    B1,
    S32,
    F64,
}

const ELEMENTS: [Element; 13] = [
    Element::F16,
    Element::Bf16,
    Element::Tf32,
    Element::F32,
    Element::E4m3,
    Element::E5m2,
    Element::S8,
    Element::U8,
    Element::S4,
    Element::U4,
    Element::B1,
    Element::S32,
    Element::F64,
];

impl Element {
    /// The element of this number, of the low four bits.
    pub(super) fn numbered(number: u64) -> Element {
        ELEMENTS[(number & 0xf) as usize % ELEMENTS.len()]
    }

    pub(super) fn of(ty: Type) -> Option<Element> {
        Some(match ty {
            Type::F16 => Element::F16,
            Type::Bf16 => Element::Bf16,
            Type::Tf32 => Element::Tf32,
            Type::F32 => Element::F32,
            Type::E4m3 => Element::E4m3,
            Type::E5m2 => Element::E5m2,
            Type::S8 => Element::S8,
            Type::U8 => Element::U8,
            Type::S4 => Element::S4,
            Type::U4 => Element::U4,
            Type::B1 => Element::B1,
            Type::S32 => Element::S32,
            Type::F64 => Element::F64,
            _ => return None,
        })
    }

    pub(super) fn bits(self) -> usize {
        match self {
            Element::F64 => 64,
            Element::F32 | Element::Tf32 | Element::S32 => 32,
            Element::F16 | Element::Bf16 => 16,
            Element::E4m3 | Element::E5m2 | Element::S8 | Element::U8 => 8,
            Element::S4 | Element::U4 => 4,
            Element::B1 => 1,
        }
    }

    /// The value of an integer element.
    fn integer(self, bits: u64) -> i64 {
        match self {
            Element::S8 => i64::from(bits as i8),
            Element::S4 => i64::from((bits << 4) as i8 >> 4),
            Element::S32 => i64::from(bits as i32),
            _ => bits.cast_signed(),
        }
    }

    /// A floating-point element: exponent bits, mantissa bits, and what is cut off below them.
    fn number(self, bits: u64) -> Number {
        match self {
            Element::F16 => Number::of(bits, 5, 10, true),
            Element::Bf16 => Number::of(bits, 8, 7, true),
            Element::Tf32 => Number::of(bits & !0x1fff, 8, 23, true),
            Element::E4m3 => Number::of(bits, 4, 3, false),
            Element::E5m2 => Number::of(bits, 5, 2, true),
            _ => Number::of(bits, 8, 23, true),
        }
    }
}

/// A number, or none: `mantissa` times two to the `scale`.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Number {
    Finite {
        mantissa: i64,
        scale: i32,
        /// The exponent that counts for alignment: of the leading bit of a normal number.
        exponent: i32,
    },
    Infinite {
        negative: bool,
    },
    Nan,
}

impl Number {
    fn of(bits: u64, wide: u32, long: u32, ieee: bool) -> Number {
        let negative = (bits >> (wide + long)) & 1 == 1;
        let top = (1_u64 << wide) - 1;
        let exponent = (bits >> long) & top;
        let mantissa = bits & ((1 << long) - 1);
        if exponent == top && (ieee || mantissa == (1 << long) - 1) {
            return if ieee && mantissa == 0 { Number::Infinite { negative } } else { Number::Nan };
        }
        let bias = (1_i32 << (wide - 1)) - 1;
        let whole = if exponent == 0 { mantissa } else { mantissa | (1 << long) }.cast_signed();
        let exponent = (exponent as i32).max(1) - bias;
        let mantissa = if negative { -whole } else { whole };
        Number::Finite { mantissa, scale: exponent - long as i32, exponent }
    }

    fn product(self, other: Number) -> Number {
        match (self, other) {
            (
                Number::Finite { mantissa: a, scale: p, exponent: e },
                Number::Finite { mantissa: b, scale: q, exponent: f },
            ) => Number::Finite { mantissa: a * b, scale: p + q, exponent: e + f },
            (Number::Nan, _) | (_, Number::Nan) => Number::Nan,
            (Number::Infinite { negative }, Number::Infinite { negative: other }) => {
                Number::Infinite { negative: negative != other }
            }
            (Number::Infinite { negative }, Number::Finite { mantissa, .. })
            | (Number::Finite { mantissa, .. }, Number::Infinite { negative }) => match mantissa {
                0 => Number::Nan,
                _ => Number::Infinite { negative: negative != (mantissa < 0) },
            },
        }
    }
}

/// Bits below the largest exponent that count.
const KEPT: i32 = 25;

/// The sum of numbers, as an `.f32`.
fn sum(numbers: &[Number]) -> f32 {
    let (mut least, mut greatest, mut nan) = (false, false, false);
    let mut top = i32::MIN;
    for number in numbers {
        match *number {
            Number::Nan => nan = true,
            Number::Infinite { negative: true } => least = true,
            Number::Infinite { negative: false } => greatest = true,
            Number::Finite { mantissa: 0, .. } => {}
            Number::Finite { exponent, .. } => top = top.max(exponent),
        }
    }
    if nan || least && greatest {
        return f32::from_bits(super::float::NAN32);
    }
    if least || greatest {
        return if least { f32::NEG_INFINITY } else { f32::INFINITY };
    }
    if top == i32::MIN {
        return 0.0;
    }
    let base = top - KEPT;
    let mut total = 0_i64;
    for number in numbers {
        let Number::Finite { mantissa, scale, .. } = *number else { continue };
        if mantissa == 0 {
            continue;
        }
        let magnitude = mantissa.unsigned_abs();
        let up = scale - base;
        let aligned =
            if up >= 0 { magnitude << up } else { magnitude.checked_shr(up.unsigned_abs()).unwrap_or(0) };
        let aligned = aligned.cast_signed();
        total += if mantissa < 0 { -aligned } else { aligned };
    }
    cut(total, base)
}

/// `total` times two to the `scale` as an `.f32`, towards zero; but what is too large is infinite.
fn cut(total: i64, scale: i32) -> f32 {
    if total == 0 {
        return 0.0;
    }
    let magnitude = total.unsigned_abs();
    let highest = 63 - magnitude.leading_zeros() as i32 + scale;
    let unit = (highest - 23).max(-149);
    let kept = if unit >= scale {
        magnitude.checked_shr((unit - scale) as u32).unwrap_or(0)
    } else {
        magnitude << (scale - unit)
    };
    let bits = if highest > 127 {
        0x7f80_0000
    } else if kept >> 23 == 0 {
        kept as u32
    } else {
        (((unit + 149) as u32) << 23) + kept as u32
    };
    f32::from_bits(bits | if total < 0 { 0x8000_0000 } else { 0 })
}

/// What an operation does, as it carries it in `imm`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct How {
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) depth: usize,
    pub(super) a: Element,
    pub(super) b: Element,
    /// Of the old elements and the results.
    pub(super) c: Element,
    pub(super) d: Element,
    pub(super) saturate: bool,
    /// Of `.b1`: whether bits are combined by `and` rather than `xor`.
    pub(super) and: bool,
}

impl How {
    pub(super) fn pack(self) -> u64 {
        let number = |element: Element| element as u64;
        self.rows as u64
            | (self.depth as u64) << 8
            | number(self.a) << 24
            | number(self.b) << 28
            | number(self.c) << 32
            | number(self.d) << 36
            | u64::from(self.saturate) << 40
            | u64::from(self.and) << 41
            | (self.columns as u64) << 42
    }

    pub(super) fn unpack(bits: u64) -> How {
        let element = |at: u32| Element::numbered(bits >> at);
        How {
            rows: (bits & 0xff) as usize,
            depth: ((bits >> 8) & 0xffff) as usize,
            a: element(24),
            b: element(28),
            c: element(32),
            d: element(36),
            saturate: (bits >> 40) & 1 == 1,
            and: (bits >> 41) & 1 == 1,
            columns: ((bits >> 42) & 0xff) as usize,
        }
    }
}

/// Bits of the registers that hold elements.
pub(super) fn register(element: Element) -> usize {
    if element == Element::F64 { 64 } else { 32 }
}

/// Registers that a lane has of a matrix of so many elements.
fn registers(elements: usize, element: Element) -> usize {
    elements * element.bits() / (32 * register(element))
}

/// A register's lanes, as bits.
fn bits(warp: &Warp, place: u32, element: Element) -> [u64; 32] {
    if register(element) == 64 { warp.get::<u64>(place) } else { warp.get::<u32>(place).map(u64::from) }
}

/// Calls `each` with every element that the lanes hold: lane, register, place in the register, and its bits.
pub(super) fn elements(
    warp: &Warp,
    places: &[u32],
    element: Element,
    mut each: impl FnMut(usize, usize, usize, u64),
) {
    let wide = element.bits();
    let mask = u64::MAX >> (64 - wide);
    for (register_number, &place) in places.iter().enumerate() {
        for (lane, word) in bits(warp, place, element).into_iter().enumerate() {
            for index in 0..register(element) / wide {
                each(lane, register_number, index, (word >> (index * wide)) & mask);
            }
        }
    }
}

/// Row and column of an element of the old or new values.
fn result_place(lane: usize, register_number: usize, index: usize, element: Element) -> (usize, usize) {
    let number = register_number * (register(element) / element.bits()) + index;
    (lane / 4 + 8 * (number / 2), lane % 4 * 2 + number % 2)
}

/// `mma`: `imm` says which, `aux` the table of its registers: results, `a`, `b`, old values.
struct Multiply;
impl Work for Multiply {
    fn work(warp: &mut Warp, op: &Op) -> bool {
        let how = How::unpack(op.imm);
        let How { rows, depth, .. } = how;
        let places = warp.code().tables[op.aux as usize].clone();
        let (of_d, rest) = places.split_at(registers(rows * 8, how.d));
        let (of_a, rest) = rest.split_at(registers(rows * depth, how.a));
        let (of_b, of_c) = rest.split_at(registers(depth * 8, how.b));
        let mut a = vec![0; rows * depth];
        let per = 32.max(register(how.a)) / how.a.bits();
        elements(warp, of_a, how.a, |lane, register_number, index, bits| {
            let row = lane / 4 + 8 * (register_number % (rows / 8));
            let column = lane % 4 * per + index + register_number / (rows / 8) * 4 * per;
            a[row * depth + column] = bits;
        });
        let mut b = vec![0; depth * 8];
        elements(warp, of_b, how.b, |lane, register_number, index, bits| {
            b[lane / 4 * depth + lane % 4 * per + index + register_number * 4 * per] = bits;
        });
        let mut c = vec![0; rows * 8];
        elements(warp, of_c, how.c, |lane, register_number, index, bits| {
            let (row, column) = result_place(lane, register_number, index, how.c);
            c[row * 8 + column] = bits;
        });
        let dot = |row: usize, column: usize| {
            dot(how, &a[row * depth..][..depth], &b[column * depth..][..depth], c[row * 8 + column])
        };
        for (register_number, &place) in of_d.iter().enumerate() {
            let words: [u64; 32] = std::array::from_fn(|lane| {
                (0..register(how.d) / how.d.bits()).fold(0, |word, index| {
                    let (row, column) = result_place(lane, register_number, index, how.d);
                    word | dot(row, column) << (index * how.d.bits())
                })
            });
            if register(how.d) == 64 {
                warp.put(place, words);
            } else {
                warp.put(place, words.map(|word| word as u32));
            }
        }
        true
    }
}

/// One element of the result.
pub(super) fn dot(how: How, a: &[u64], b: &[u64], c: u64) -> u64 {
    let pairs = a.iter().copied().zip(b.iter().copied());
    match (how.a, how.d) {
        (Element::F64, _) => {
            let fused = |sum: f64, (a, b): (u64, u64)| f64::from_bits(a).mul_add(f64::from_bits(b), sum);
            pairs.fold(f64::from_bits(c), fused).to_bits()
        }
        (Element::B1, _) => {
            let ones = pairs.filter(|&(a, b)| if how.and { a & b == 1 } else { a != b }).count();
            u64::from((c as u32).wrapping_add(ones as u32))
        }
        (_, Element::S32) => {
            let products = pairs.map(|(a, b)| how.a.integer(a) * how.b.integer(b));
            let total = how.c.integer(c) + products.sum::<i64>();
            let limits = (i64::from(i32::MIN), i64::from(i32::MAX));
            let total = if how.saturate { total.clamp(limits.0, limits.1) } else { total };
            u64::from(total as u32)
        }
        (_, d) => {
            let mut numbers: Vec<Number> =
                pairs.map(|(a, b)| how.a.number(a).product(how.b.number(b))).collect();
            numbers.push(how.c.number(c));
            let sum = sum(&numbers);
            if d == Element::F16 { f16_from(sum).into() } else { sum.to_bits().into() }
        }
    }
}

/// `mma.m8n8k4` of `.f16`: four products, each held by four lanes and the four sixteen further (9.7.15.5.1). `imm` and
/// `aux` as for [`Multiply`]; `b` bit 0: `a` lies by columns, bit 1: `b` does.
struct Quads;

impl Quads {
    /// Row and column, in `a` or the transposed `b`, of a lane's element.
    fn factor(lane: usize, index: usize, by_lanes: bool) -> (usize, usize) {
        if by_lanes { (lane % 4 + lane / 16 * 4, index) } else { (index + lane / 16 * 4, lane % 4) }
    }

    /// Row and column of a lane's element of the sums.
    fn sum(lane: usize, index: usize, element: Element) -> (usize, usize) {
        if element == Element::F16 {
            return (lane % 4 + lane / 16 * 4, index);
        }
        ((lane & 1) + (index & 2) + lane / 16 * 4, (index & 4) + (lane & 2) + (index & 1))
    }
}

impl Work for Quads {
    fn work(warp: &mut Warp, op: &Op) -> bool {
        let how = How::unpack(op.imm);
        let places = warp.code().tables[op.aux as usize].clone();
        let of_sums = |element: Element| 8 * element.bits() / 32;
        let (of_d, rest) = places.split_at(of_sums(how.d));
        let (of_a, rest) = rest.split_at(2);
        let (of_b, of_c) = rest.split_at(2);
        let quad = |lane: usize| lane / 4 % 4;
        let (mut a, mut b, mut c) = ([[0; 32]; 4], [[0; 32]; 4], [[0; 64]; 4]);
        elements(warp, of_a, how.a, |lane, register_number, index, bits| {
            let (row, at) = Self::factor(lane, register_number * 2 + index, op.b & 1 == 0);
            a[quad(lane)][row * 4 + at] = bits;
        });
        elements(warp, of_b, how.b, |lane, register_number, index, bits| {
            let (column, at) = Self::factor(lane, register_number * 2 + index, op.b & 2 == 2);
            b[quad(lane)][column * 4 + at] = bits;
        });
        elements(warp, of_c, how.c, |lane, register_number, index, bits| {
            let beside = 32 / how.c.bits();
            let (row, column) = Self::sum(lane, register_number * beside + index, how.c);
            c[quad(lane)][row * 8 + column] = bits;
        });
        let (beside, wide) = (32 / how.d.bits(), how.d.bits());
        for (register_number, &place) in of_d.iter().enumerate() {
            let words: [u32; 32] = std::array::from_fn(|lane| {
                (0..beside).fold(0, |word, index| {
                    let (row, column) = Self::sum(lane, register_number * beside + index, how.d);
                    let quad = quad(lane);
                    let (a, b) = (&a[quad][row * 4..][..4], &b[quad][column * 4..][..4]);
                    word | (dot(how, a, b, c[quad][row * 8 + column]) as u32) << (index * wide)
                })
            });
            warp.put(place, words);
        }
        true
    }
}

/// Rows of eight 16-bit elements, of matrices that follow one another.
type Rows = [[u16; 8]; 32];

/// What lanes hold of a matrix: each two neighbours of a row, or with `turned` of a column.
fn held(rows: &Rows, matrix: usize, turned: bool) -> [u32; 32] {
    std::array::from_fn(|lane| {
        let (row, column) = (lane / 4, lane % 4 * 2);
        let at = |next: usize| {
            if turned { rows[matrix * 8 + column + next][row] } else { rows[matrix * 8 + row][column + next] }
        };
        u32::from(at(0)) | u32::from(at(1)) << 16
    })
}

/// The reverse of [`held`].
fn put_rows(rows: &mut Rows, matrix: usize, turned: bool, values: [u32; 32]) {
    for (lane, value) in values.into_iter().enumerate() {
        let (row, column) = (lane / 4, lane % 4 * 2);
        for next in 0..2 {
            let element = (value >> (16 * next)) as u16;
            if turned {
                rows[matrix * 8 + column + next][row] = element;
            } else {
                rows[matrix * 8 + row][column + next] = element;
            }
        }
    }
}

/// Addresses of rows: of the first lanes, eight a matrix. The others' need not be any.
fn row_addresses<S: Reach>(warp: &mut Warp, op: &Op, matrices: u32, write: bool) -> Option<[u64; 32]> {
    let mask = warp.mask;
    warp.mask = u32::MAX >> (32 - 8 * matrices);
    let addresses = S::reach(warp, op, 16, write);
    let rows = warp.mask;
    warp.mask = mask;
    let kind = if write { Kind::WRITE } else { Kind::READ };
    addresses.filter(|addresses| note(warp, op, rows, addresses, 16, kind))
}

/// `ldmatrix` (9.7.15.5.15): `b` matrices, `c` the table of registers, `dst` 1 for `.trans`.
struct LoadMatrix<S>(PhantomData<S>);
impl<S: Reach> Work for LoadMatrix<S> {
    fn work(warp: &mut Warp, op: &Op) -> bool {
        let Some(addresses) = row_addresses::<S>(warp, op, op.b, false) else { return false };
        let rows =
            load::<u128>(&addresses).map(|row| std::array::from_fn(|column| (row >> (16 * column)) as u16));
        for matrix in 0..op.b as usize {
            let place = warp.code().tables[op.c as usize][matrix];
            warp.put(place, held(&rows, matrix, op.dst == 1));
        }
        true
    }
}

/// `stmatrix` (9.7.15.5.16), with the fields of [`LoadMatrix`].
struct StoreMatrix<S>(PhantomData<S>);
impl<S: Reach> Work for StoreMatrix<S> {
    fn work(warp: &mut Warp, op: &Op) -> bool {
        let Some(addresses) = row_addresses::<S>(warp, op, op.b, true) else { return false };
        let mut rows: Rows = [[0; 8]; 32];
        for matrix in 0..op.b as usize {
            let place = warp.code().tables[op.c as usize][matrix];
            put_rows(&mut rows, matrix, op.dst == 1, warp.get(place));
        }
        let words =
            rows.map(|row| row.into_iter().rev().fold(0_u128, |word, part| word << 16 | u128::from(part)));
        store::<u128>(u32::MAX >> (32 - 8 * op.b), &addresses, &words);
        true
    }
}

/// `movmatrix` (9.7.15.5.17).
struct Transpose;
impl Work for Transpose {
    fn work(warp: &mut Warp, op: &Op) -> bool {
        let mut rows: Rows = [[0; 8]; 32];
        put_rows(&mut rows, 0, false, warp.get(op.a));
        warp.put(op.dst, held(&rows, 0, true));
        true
    }
}

/// The parts of a vector operand, or the one operand.
fn parts<'p>(operand: &'p Operand<'p>) -> &'p [Operand<'p>] {
    match operand {
        Operand::Vector(parts) => parts,
        one => std::slice::from_ref(one),
    }
}

/// The type of the registers that hold elements.
fn held_in(element: Element) -> Type {
    match element {
        Element::F64 => Type::F64,
        _ => Type::B32,
    }
}

/// The registers of an instruction, those that it writes first.
#[derive(Default)]
pub(super) struct Registers {
    places: Vec<u32>,
    settled: Vec<(Destination, Type)>,
}

impl Registers {
    /// Takes an operand of so many registers.
    pub(super) fn add<'p>(
        &mut self,
        decoder: &mut Decoder<'p>,
        operand: &'p Operand<'p>,
        count: usize,
        element: Element,
        written: bool,
    ) -> Result<(), Refused> {
        let have = parts(operand).len();
        if have != count {
            return Err(format!("an operand has {have} registers instead of {count}"));
        }
        let ty = held_in(element);
        for part in parts(operand) {
            if written {
                let dst = decoder.destination(part, ty)?;
                self.places.push(dst.place);
                self.settled.push((dst, ty));
            } else {
                self.places.push(decoder.source(part, ty)?);
            }
        }
        Ok(())
    }

    /// Pushes the operation, for all lanes of the warp together; it gets the number of the table of registers.
    pub(super) fn push(self, decoder: &mut Decoder<'_>, op: impl FnOnce(u32) -> Op) -> Result<(), Refused> {
        let d = decoder.constant(Width::W32, u64::from(u32::MAX));
        let table = decoder.tables.len() as u32;
        decoder.tables.push(self.places);
        decoder.push(Op { d, ..op(table) });
        for (dst, ty) in self.settled {
            decoder.settle(dst, ty)?;
        }
        Ok(())
    }
}

pub(super) fn decode<'p>(
    decoder: &mut Decoder<'p>,
    mnemonic: Mnemonic,
    mut form: Form<'p>,
) -> Result<(), Refused> {
    form.has(Word::Sync);
    form.has(Word::Aligned);
    let shape = form.shape().ok_or("it has no shape")?;
    match mnemonic {
        Mnemonic::Mma => multiply(decoder, form, shape),
        Mnemonic::Movmatrix => {
            form.has(Word::Trans);
            let ty = form.ty()?;
            form.done(2)?;
            if shape != (Shape { m: 8, n: 8, k: 0 }) || ty != Type::B16 {
                return Err(format!("`.{shape}.{ty}` is not supported"));
            }
            let a = decoder.source(&form.operands[1], Type::B32)?;
            let d = decoder.constant(Width::W32, u64::from(u32::MAX));
            let dst = decoder.destination(&form.operands[0], Type::B32)?;
            decoder.push(Op { run: plain::<Together<Transpose>>(), dst: dst.place, a, d, ..fields() });
            decoder.settle(dst, Type::B32)
        }
        _ => move_rows(decoder, mnemonic, form, shape),
    }
}

fn move_rows<'p>(
    decoder: &mut Decoder<'p>,
    mnemonic: Mnemonic,
    mut form: Form<'p>,
    shape: Shape,
) -> Result<(), Refused> {
    let matrices = form.count().ok_or("it has no count")?;
    let turned = form.has(Word::Trans);
    let space = form.space();
    let ty = form.ty()?;
    form.done(2)?;
    if shape != (Shape { m: 8, n: 8, k: 0 }) || ty != Type::B16 || matrices > 4 {
        return Err(format!("`.{shape}.{ty}` is not supported"));
    }
    let loads = mnemonic == Mnemonic::Ldmatrix;
    let (values, address) =
        if loads { (&form.operands[0], &form.operands[1]) } else { (&form.operands[1], &form.operands[0]) };
    let Operand::Address(address) = address else { return Err("it has no address".to_owned()) };
    let mut registers = Registers::default();
    registers.add(decoder, values, matrices.into(), Element::F16, loads)?;
    let (run, base) = match (space, loads) {
        (None, true) => (plain::<Together<LoadMatrix<Flat>>>(), decoder.flat_base(address)?),
        (None, false) => (plain::<Together<StoreMatrix<Flat>>>(), decoder.flat_base(address)?),
        (Some(Space::Shared | Space::SharedCta), true) => {
            (plain::<Together<LoadMatrix<Shared>>>(), decoder.window_base(address)?)
        }
        (Some(Space::Shared | Space::SharedCta), false) => {
            (plain::<Together<StoreMatrix<Shared>>>(), decoder.window_base(address)?)
        }
        (Some(space), _) => return Err(format!("`.{space}` is not supported here")),
    };
    let aux = decoder.access();
    let (a, imm, b, dst) = (base.place, base.offset, matrices.into(), turned.into());
    registers.push(decoder, |c| Op { run, imm, dst, a, b, c, aux, ..fields() })
}

fn multiply<'p>(decoder: &mut Decoder<'p>, mut form: Form<'p>, shape: Shape) -> Result<(), Refused> {
    let layouts = (
        form.one_of_next(&[Word::Row, Word::Col]).ok_or("it has no layout")?,
        form.one_of_next(&[Word::Row, Word::Col]).ok_or("it has one layout")?,
    );
    let saturate = form.has(Word::Satfinite);
    let and = form.has(Word::And);
    let xor = form.has(Word::Xor);
    let popc = form.has(Word::Popc);
    let mut types = [Element::F16; 4];
    for element in &mut types {
        let ty = form.ty()?;
        *element = Element::of(ty).ok_or_else(|| format!("`.{ty}` is not supported here"))?;
    }
    form.done(4)?;
    let [d, a, b, c] = types;
    let (rows, depth) = (usize::from(shape.m), usize::from(shape.k));
    let wide = a.bits() * depth;
    let quads = shape == (Shape { m: 8, n: 8, k: 4 }) && a == Element::F16;
    if layouts != (Word::Row, Word::Col) && !quads {
        return Err("only `.row.col` is supported".to_owned());
    }
    let whole = matches!(rows, 8 | 16) && shape.n == 8 && wide.is_multiple_of(4 * register(a)) && wide > 0;
    if !(whole || quads) || b.bits() != a.bits() || (a == Element::B1) != popc || popc != (and || xor) {
        return Err(format!("`.{shape}` of these types is not supported"));
    }
    let how = How { rows, columns: 8, depth, a, b, c, d, saturate, and };
    let sizes = if quads {
        [(4 * 64, d), (4 * 32, a), (4 * 32, b), (4 * 64, c)]
    } else {
        [(rows * 8, d), (rows * depth, a), (depth * 8, b), (rows * 8, c)]
    };
    let mut taken = Registers::default();
    for (index, (operand, (count, element))) in form.operands.iter().zip(sizes).enumerate() {
        taken.add(decoder, operand, registers(count, element), element, index == 0)?;
    }
    let run = if quads { plain::<Together<Quads>>() } else { plain::<Together<Multiply>>() };
    let b = u32::from(layouts.0 == Word::Col) | u32::from(layouts.1 == Word::Col) << 1;
    taken.push(decoder, |aux| Op { run, b, imm: how.pack(), aux, ..fields() })
}
