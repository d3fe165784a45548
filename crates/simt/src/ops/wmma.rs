//! `wmma` (9.7.15.4): matrices that a warp loads, multiplies and stores as fragments.
//!
//! Which lane holds which element, the manual leaves open. Here they lie as on an H200: a program that looks finds the same.

use cuferry_ptx::{Shape, Word};

use super::matrix::{Element, How, Registers, dot, elements, register};
use super::warp::Together;
use crate::code::{NOWHERE, Op};
use crate::decode::{Decoder, Form, Refused, fields};
use crate::lanes::{Work, plain};
use crate::space::{read_bytes, span, write_bytes};
use crate::warp::Warp;

/// Which matrix of `d = a * b + c`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    A,
    B,
    /// The old values or the new ones.
    Sum,
}

const ROLES: [Role; 3] = [Role::A, Role::B, Role::Sum];

/// A matrix among the lanes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Fragment {
    role: Role,
    shape: Shape,
    element: Element,
}

impl Fragment {
    /// Whether the hardware multiplies the transposed matrices, `a` and `b` in one another's place.
    fn swapped(self) -> bool {
        self.shape.n > 16
    }

    /// Whether lines, along which elements lie side by side in a lane, are columns.
    fn by_columns(self) -> bool {
        match self.role {
            Role::A => false,
            Role::B => true,
            Role::Sum => self.swapped(),
        }
    }

    /// Rows and columns.
    fn size(self) -> (usize, usize) {
        let [m, n, k] = [self.shape.m, self.shape.n, self.shape.k].map(usize::from);
        match self.role {
            Role::A => (m, k),
            Role::B => (k, n),
            Role::Sum => (m, n),
        }
    }

    /// Elements of a line that lie side by side in a lane.
    fn side_by_side(self) -> usize {
        if self.role == Role::Sum { 2 } else { (32 / self.element.bits()).max(1) }
    }

    /// Registers of a lane. Fragments of `.f16` have eight, of smaller matrices with copies (9.7.15.4.1).
    fn registers(self) -> usize {
        if self.element == Element::F16 && self.role != Role::Sum {
            return 8;
        }
        let (rows, columns) = self.size();
        rows * columns * self.element.bits() / (32 * register(self.element))
    }

    /// Row and column of the element that a lane has at `index`.
    fn place(self, lane: usize, index: usize) -> (usize, usize) {
        let (rows, columns) = self.size();
        let (lines, length) = if self.by_columns() { (columns, rows) } else { (rows, columns) };
        let beside = self.side_by_side();
        let further = (4 * beside < length).then_some((0, 4 * beside));
        let below = (lines > 8).then_some((8, 0));
        let lowest = (lines > 16).then_some((16, 0));
        let second = self.role == if self.swapped() { Role::A } else { Role::B };
        let steps = if second { [further, below, lowest] } else { [below, further, lowest] };
        let (mut line, mut along) = (lane / 4, lane % 4 * beside + index % beside);
        let mut group = index / beside;
        for (down, on) in steps.into_iter().flatten() {
            line += down * (group & 1);
            along += on * (group & 1);
            group >>= 1;
        }
        if self.by_columns() { (along, line) } else { (line, along) }
    }

    /// The elements that lanes hold, by rows.
    fn gather(self, warp: &Warp, places: &[u32]) -> Vec<u64> {
        let (rows, columns) = self.size();
        let mut matrix = vec![0; rows * columns];
        let beside = register(self.element) / self.element.bits();
        elements(warp, places, self.element, |lane, register_number, index, bits| {
            let (row, column) = self.place(lane, register_number * beside + index);
            matrix[row * columns + column] = bits;
        });
        matrix
    }

    /// Gives the lanes their elements of a matrix by rows.
    fn scatter(self, warp: &mut Warp, places: &[u32], matrix: &[u64]) {
        let (_, columns) = self.size();
        let bits = self.element.bits();
        let beside = register(self.element) / bits;
        for (register_number, &place) in places.iter().enumerate() {
            let words: [u64; 32] = std::array::from_fn(|lane| {
                (0..beside).fold(0, |word, index| {
                    let (row, column) = self.place(lane, register_number * beside + index);
                    word | matrix[row * columns + column] << (index * bits)
                })
            });
            if register(self.element) == 64 {
                warp.put(place, words);
            } else {
                warp.put(place, words.map(|word| word as u32));
            }
        }
    }

    fn pack(self, columns_first: bool) -> u64 {
        let Shape { m, n, k } = self.shape;
        u64::from(m)
            | u64::from(n) << 8
            | u64::from(k) << 16
            | (self.role as u64) << 32
            | (self.element as u64) << 34
            | u64::from(columns_first) << 38
    }

    fn unpack(bits: u64) -> (Fragment, bool) {
        let shape = Shape { m: (bits & 0xff) as u16, n: (bits >> 8 & 0xff) as u16, k: (bits >> 16) as u16 };
        let role = ROLES[(bits >> 32 & 3) as usize % ROLES.len()];
        (Fragment { role, shape, element: Element::numbered(bits >> 34) }, bits >> 38 & 1 == 1)
    }
}

/// A matrix in memory: lines of elements that lie side by side.
struct Lines {
    fragment: Fragment,
    columns_first: bool,
    /// The first running lane, which stands for all: they give one address.
    lane: usize,
    address: u64,
    /// From line to line, in elements.
    stride: usize,
}

impl Lines {
    fn of(warp: &Warp, op: &Op) -> Lines {
        let (fragment, columns_first) = Fragment::unpack(op.imm);
        let lane = warp.mask.trailing_zeros() as usize & 31;
        let (rows, columns) = fragment.size();
        let stride = match op.b {
            NOWHERE if columns_first => rows,
            NOWHERE => columns,
            place => warp.get::<u32>(place)[lane] as usize,
        };
        Lines { fragment, columns_first, lane, address: warp.get::<u64>(op.a)[lane], stride }
    }

    /// Address and bytes of each line; `None`: the warp stops, since it may not use one.
    fn spans(&self, warp: &mut Warp, op: &Op, write: bool) -> Option<Vec<(u64, usize)>> {
        let (rows, columns) = self.fragment.size();
        let (lines, length) = if self.columns_first { (columns, rows) } else { (rows, columns) };
        let bits = self.fragment.element.bits();
        let bytes = length * bits / 8;
        let mut spans = Vec::new();
        for line in 0..lines {
            let address = self.address.wrapping_add((line * self.stride * bits / 8) as u64);
            if !span(warp, op, self.lane, address, bytes as u32, write) {
                return None;
            }
            spans.push((address, bytes));
        }
        Some(spans)
    }

    /// Row and column of an element of a line.
    fn place(&self, line: usize, index: usize) -> (usize, usize) {
        if self.columns_first { (index, line) } else { (line, index) }
    }
}

/// `a` the address, `b` the stride or nowhere, `imm` the fragment, `aux` its registers.
struct Load;
impl Work for Load {
    fn work(warp: &mut Warp, op: &Op) -> bool {
        let lines = Lines::of(warp, op);
        let Some(spans) = lines.spans(warp, op, false) else { return false };
        let fragment = lines.fragment;
        let ((rows, columns), bits) = (fragment.size(), fragment.element.bits());
        let mut matrix = vec![0; rows * columns];
        for (line, (address, size)) in spans.into_iter().enumerate() {
            let mut bytes = vec![0; size + 8];
            read_bytes(address, &mut bytes[..size]);
            for index in 0..size * 8 / bits {
                let (row, column) = lines.place(line, index);
                matrix[row * columns + column] = element(&bytes, index, bits);
            }
        }
        let places = warp.code().tables[op.aux as usize].clone();
        fragment.scatter(warp, &places, &matrix);
        true
    }
}

/// An element among bytes, of which eight more follow the last.
fn element(bytes: &[u8], index: usize, bits: usize) -> u64 {
    let at = index * bits;
    let word = bytes[at / 8..][..8].iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte));
    word >> (at % 8) & (u64::MAX >> (64 - bits))
}

/// The reverse of [`Load`]; results have whole bytes.
struct Store;
impl Work for Store {
    fn work(warp: &mut Warp, op: &Op) -> bool {
        let lines = Lines::of(warp, op);
        let Some(spans) = lines.spans(warp, op, true) else { return false };
        let fragment = lines.fragment;
        let ((_, columns), bytes) = (fragment.size(), fragment.element.bits() / 8);
        let places = warp.code().tables[op.aux as usize].clone();
        let matrix = fragment.gather(warp, &places);
        for (line, (address, size)) in spans.into_iter().enumerate() {
            let mut text = Vec::with_capacity(size);
            for index in 0..size / bytes {
                let (row, column) = lines.place(line, index);
                text.extend_from_slice(&matrix[row * columns + column].to_le_bytes()[..bytes]);
            }
            write_bytes(address, &text);
        }
        true
    }
}

/// `imm` says which, `aux` the table of registers: results, `a`, `b`, old values.
struct Multiply;
impl Work for Multiply {
    fn work(warp: &mut Warp, op: &Op) -> bool {
        let how = How::unpack(op.imm);
        let places = warp.code().tables[op.aux as usize].clone();
        let [d, a, b, c] = fragments(how);
        let (of_d, rest) = places.split_at(d.registers());
        let (of_a, rest) = rest.split_at(a.registers());
        let (of_b, of_c) = rest.split_at(b.registers());
        let (a, b, c) = (a.gather(warp, of_a), b.gather(warp, of_b), c.gather(warp, of_c));
        let (depth, columns) = (how.depth, how.columns);
        let mut sums = vec![0; how.rows * columns];
        for (at, sum) in sums.iter_mut().enumerate() {
            let (row, column) = (at / columns, at % columns);
            let down: Vec<u64> = (0..depth).map(|index| b[index * columns + column]).collect();
            *sum = dot(how, &a[row * depth..][..depth], &down, c[at]);
        }
        d.scatter(warp, of_d, &sums);
        true
    }
}

/// The results, `a`, `b` and the old values.
fn fragments(how: How) -> [Fragment; 4] {
    let shape = Shape { m: how.rows as u16, n: how.columns as u16, k: how.depth as u16 };
    let of = |role, element| Fragment { role, shape, element };
    [of(Role::Sum, how.d), of(Role::A, how.a), of(Role::B, how.b), of(Role::Sum, how.c)]
}

pub(super) fn decode<'p>(decoder: &mut Decoder<'p>, mut form: Form<'p>) -> Result<(), Refused> {
    let action = form.one_of(&[Word::Load, Word::Store, Word::Mma]).ok_or("it names no action")?;
    form.has(Word::Sync);
    form.has(Word::Aligned);
    let shape = form.shape().ok_or("it has no shape")?;
    if action == Word::Mma { multiply(decoder, form, shape) } else { transfer(decoder, form, shape, action) }
}

/// Whether the machine has matrices of this shape for factors of this type.
fn has(shape: Shape, factor: Element) -> bool {
    let Shape { m, n, k } = shape;
    match factor {
        Element::F16 | Element::Bf16 | Element::S8 | Element::U8 => {
            matches!((m, n, k), (16, 16, 16) | (32, 8, 16) | (8, 32, 16))
        }
        Element::Tf32 => (m, n, k) == (16, 16, 8),
        Element::S4 | Element::U4 => (m, n, k) == (8, 8, 32),
        Element::B1 => (m, n, k) == (8, 8, 128),
        Element::F64 => (m, n, k) == (8, 8, 4),
        _ => false,
    }
}

fn unknown(shape: Shape) -> Refused {
    format!("`.{shape}` of these types is not supported")
}

/// Loads and stores.
fn transfer<'p>(
    decoder: &mut Decoder<'p>,
    mut form: Form<'p>,
    shape: Shape,
    action: Word,
) -> Result<(), Refused> {
    let role = match form.one_of(&[Word::A, Word::B, Word::C, Word::D]) {
        Some(Word::A) => Role::A,
        Some(Word::B) => Role::B,
        Some(_) => Role::Sum,
        None => return Err("it names no matrix".to_owned()),
    };
    let layout = form.one_of(&[Word::Row, Word::Col]).ok_or("it has no layout")?;
    let space = form.space();
    let ty = form.ty()?;
    form.words_done()?;
    let element = Element::of(ty).ok_or_else(|| format!("`.{ty}` is not supported here"))?;
    let sums: &[Element] = match shape.k {
        16 => &[Element::F16, Element::F32, Element::S32],
        8 => &[Element::F32],
        4 => &[Element::F64],
        _ => &[Element::S32],
    };
    let known = match role {
        Role::Sum => {
            sums.contains(&element)
                && [Element::F16, Element::Tf32, Element::S4, Element::B1, Element::F64]
                    .into_iter()
                    .any(|factor| has(shape, factor))
        }
        _ => has(shape, element),
    };
    if !known {
        return Err(unknown(shape));
    }
    let fragment = Fragment { role, shape, element };
    let [first, second, rest @ ..] = form.operands else { return Err("it has too few operands".to_owned()) };
    let (values, address) = if action == Word::Load { (first, second) } else { (second, first) };
    let b = match rest {
        [] => NOWHERE,
        [stride] => decoder.source(stride, cuferry_ptx::Type::U32)?,
        _ => return Err("it has too many operands".to_owned()),
    };
    let a = decoder.generic_address(address, space)?;
    let mut registers = Registers::default();
    registers.add(decoder, values, fragment.registers(), element, action == Word::Load)?;
    let run = if action == Word::Load { plain::<Together<Load>>() } else { plain::<Together<Store>>() };
    let imm = fragment.pack(layout == Word::Col);
    registers.push(decoder, |aux| Op { run, imm, a, b, aux, ..fields() })
}

fn multiply<'p>(decoder: &mut Decoder<'p>, mut form: Form<'p>, shape: Shape) -> Result<(), Refused> {
    // How `a` and `b` lay in memory: in the lanes they lie in one way.
    while form.one_of(&[Word::Row, Word::Col]).is_some() {}
    let saturate = form.has(Word::Satfinite);
    let and = form.has(Word::And);
    form.has(Word::Xor);
    form.has(Word::Popc);
    let mut types = Vec::new();
    while let Some(ty) = form.maybe_type() {
        types.push(Element::of(ty).ok_or_else(|| format!("`.{ty}` is not supported here"))?);
    }
    form.done(4)?;
    let [d, a, b, c] = match *types.as_slice() {
        [d, c] => [d, Element::F16, Element::F16, c],
        [d, a, b, c] => [d, a, b, c],
        _ => return Err(format!("it has {} types", types.len())),
    };
    let sums: &[Element] = match a {
        Element::F16 => &[Element::F16, Element::F32],
        Element::Bf16 | Element::Tf32 => &[Element::F32],
        Element::F64 => &[Element::F64],
        _ => &[Element::S32],
    };
    let integers = sums[0] == Element::S32;
    if !has(shape, a) || a != b || !sums.contains(&c) || !sums.contains(&d) || saturate && !integers {
        return Err(unknown(shape));
    }
    let [rows, columns, depth] = [shape.m, shape.n, shape.k].map(usize::from);
    let how = How { rows, columns, depth, a, b, c, d, saturate, and };
    let mut registers = Registers::default();
    for (index, (operand, fragment)) in form.operands.iter().zip(fragments(how)).enumerate() {
        registers.add(decoder, operand, fragment.registers(), fragment.element, index == 0)?;
    }
    let run = plain::<Together<Multiply>>();
    registers.push(decoder, |aux| Op { run, imm: how.pack(), aux, ..fields() })
}
