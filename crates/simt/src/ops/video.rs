//! Video instructions (9.7.18): arithmetic on bytes and halves chosen from words, one pair or several at once, with a
//! second operation behind it.

use cuferry_ptx::{Compare, Mnemonic, Operand, Type, Word};

use crate::code::{Op, Width};
use crate::decode::{Decoder, Form, Refused, fields};
use crate::lanes::{Work, lanes_in, plain};
use crate::warp::Warp;

/// What is done with each pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Add,
    Sub,
    AbsDiff,
    Min,
    Max,
    Average,
    ShiftLeft { wrap: bool },
    ShiftRight { wrap: bool },
    Compare(Compare),
    Mad { plus_one: bool, negate_product: bool, negate_addend: bool },
}

/// What is done with the result and `c`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Second {
    /// The result takes the place of `c`, or of part of it.
    Merge,
    Add,
    Min,
    Max,
}

/// Part of a word: where it starts, and how wide it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Part {
    shift: u32,
    bits: u32,
}

impl Part {
    const WHOLE: Part = Part { shift: 0, bits: 32 };

    /// `b0` to `b3`, `h0`, `h1`.
    fn named(name: &str) -> Option<Part> {
        let (kind, number) = name.split_at_checked(1)?;
        let number: u32 = number.parse().ok()?;
        match (kind, number) {
            ("b", 0..4) => Some(Part { shift: 8 * number, bits: 8 }),
            ("h", 0..2) => Some(Part { shift: 16 * number, bits: 16 }),
            _ => None,
        }
    }

    fn of(self, word: u64, signed: bool) -> i64 {
        let up = 64 - self.bits;
        let word = word >> self.shift << up;
        if signed { word.cast_signed() >> up } else { (word >> up).cast_signed() }
    }

    fn mask(self) -> u32 {
        (u32::MAX >> (32 - self.bits)) << self.shift
    }
}

/// One element of the result: where it comes from and goes. Sources of an instruction on several lie in `b` and `a` joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Element {
    a: Part,
    b: Part,
    to: Part,
}

/// An instruction.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Video {
    action: Action,
    second: Second,
    /// Of the result, `a`, `b`.
    signed: [bool; 3],
    saturate: bool,
    /// Sources may lie in either register.
    joined: bool,
    elements: Vec<Element>,
}

impl Video {
    fn result(&self, a: u32, b: u32, c: u32) -> u32 {
        let (a, b) = if self.joined {
            let both = u64::from(a) | u64::from(b) << 32;
            (both, both)
        } else {
            (a.into(), b.into())
        };
        let mut word = c;
        let mut total = 0_i64;
        for element in &self.elements {
            let (x, y) = (element.a.of(a, self.signed[1]), element.b.of(b, self.signed[2]));
            let value = self.limited(self.apply(x, y, c), element.to);
            if self.second == Second::Merge {
                let mask = element.to.mask();
                word = (word & !mask) | ((value as u32) << element.to.shift & mask);
            } else {
                total += value;
            }
        }
        let addend = if self.signed[0] { i64::from(c.cast_signed()) } else { i64::from(c) };
        match self.second {
            Second::Merge => word,
            Second::Add => (total + addend) as u32,
            Second::Min => total.min(addend) as u32,
            Second::Max => total.max(addend) as u32,
        }
    }

    fn apply(&self, x: i64, y: i64, c: u32) -> i64 {
        match self.action {
            Action::Add => x + y,
            Action::Sub => x - y,
            Action::AbsDiff => (x - y).abs(),
            Action::Min => x.min(y),
            Action::Max => x.max(y),
            Action::Average => (x + y + i64::from(x + y >= 0)) >> 1,
            Action::ShiftLeft { wrap } => x << shift(y, wrap),
            Action::ShiftRight { wrap } => x >> shift(y, wrap),
            Action::Compare(compare) => i64::from(match compare {
                Compare::Eq => x == y,
                Compare::Ne => x != y,
                Compare::Lt => x < y,
                Compare::Le => x <= y,
                Compare::Gt => x > y,
                _ => x >= y,
            }),
            // Of which only the low 32 bits are kept.
            Action::Mad { plus_one, negate_product, negate_addend } => {
                let product = x.wrapping_mul(y);
                (if negate_product { product.wrapping_neg() } else { product })
                    .wrapping_add(if negate_addend { -i64::from(c) } else { c.into() })
                    .wrapping_add(plus_one.into())
            }
        }
    }

    /// A value within what its place holds, if it is to be.
    fn limited(&self, value: i64, place: Part) -> i64 {
        if !self.saturate {
            return value;
        }
        if self.signed[0] {
            let top = (1 << (place.bits - 1)) - 1;
            value.clamp(-top - 1, top)
        } else {
            value.clamp(0, (1 << place.bits) - 1)
        }
    }
}

fn shift(by: i64, wrap: bool) -> i64 {
    if wrap { by & 31 } else { by.clamp(0, 32) }
}

/// `aux` the instruction, `a`, `b`, `c` its sources.
struct Run;
impl Work for Run {
    fn work(warp: &mut Warp, op: &Op) -> bool {
        let (a, b, c) = (warp.get::<u32>(op.a), warp.get::<u32>(op.b), warp.get::<u32>(op.c));
        let video = &warp.code().videos[op.aux as usize];
        let mut r = [0; 32];
        for lane in lanes_in(warp.mask) {
            r[lane] = video.result(a[lane], b[lane], c[lane]);
        }
        warp.put(op.dst, r);
        true
    }
}

pub(super) fn decode<'p>(
    decoder: &mut Decoder<'p>,
    mnemonic: Mnemonic,
    mut form: Form<'p>,
) -> Result<(), Refused> {
    use Mnemonic as M;
    let compare = form.compare();
    let wrap = form.one_of(&[Word::Clamp, Word::Wrap]) == Some(Word::Wrap);
    let scaled = form.one_of(&[Word::Shr7, Word::Shr15]).is_some();
    let plus_one = form.has(Word::Po);
    let saturate = form.has(Word::Sat);
    let second = match form.one_of(&[Word::Add, Word::Min, Word::Max]) {
        None => Second::Merge,
        Some(Word::Add) => Second::Add,
        Some(Word::Min) => Second::Min,
        Some(_) => Second::Max,
    };
    let several = match mnemonic {
        M::Vadd2 | M::Vsub2 | M::Vavrg2 | M::Vabsdiff2 | M::Vmin2 | M::Vmax2 | M::Vset2 => Some(2),
        M::Vadd4 | M::Vsub4 | M::Vavrg4 | M::Vabsdiff4 | M::Vmin4 | M::Vmax4 | M::Vset4 => Some(4),
        _ => None,
    };
    // Comparisons have no type of their own: they give 1 or 0.
    let sets = matches!(mnemonic, M::Vset | M::Vset2 | M::Vset4);
    let mut types = Vec::new();
    while let Some(ty) = form.maybe_type() {
        types.push(match ty {
            Type::U32 => false,
            Type::S32 => true,
            _ => return Err(format!("`.{ty}` is not supported here")),
        });
    }
    form.words_done()?;
    let signed = match *types.as_slice() {
        [a, b] if sets => [false, a, b],
        [d, a, b] if !sets => [d, a, b],
        // A multiplication's sum is as its factors are.
        [a, b] if mnemonic == M::Vmad => [a || b, a, b],
        _ => return Err(format!("it has {} types", types.len())),
    };
    let operands = form.operands;
    let [to, a, b, rest @ ..] = operands else { return Err("it has too few operands".to_owned()) };
    let mut third = match rest {
        [] => None,
        [c] => Some(c),
        _ => return Err(format!("it has {} operands", operands.len())),
    };
    let (negated_a, a) = sign(a);
    let (negated_b, b) = sign(b);
    let mut negate_addend = false;
    if let Some(c) = third {
        let (negated, c) = sign(c);
        (negate_addend, third) = (negated, Some(c));
    }
    let action = match mnemonic {
        M::Vadd | M::Vadd2 | M::Vadd4 => Action::Add,
        M::Vsub | M::Vsub2 | M::Vsub4 => Action::Sub,
        M::Vabsdiff | M::Vabsdiff2 | M::Vabsdiff4 => Action::AbsDiff,
        M::Vmin | M::Vmin2 | M::Vmin4 => Action::Min,
        M::Vmax | M::Vmax2 | M::Vmax4 => Action::Max,
        M::Vavrg2 | M::Vavrg4 => Action::Average,
        M::Vshl => Action::ShiftLeft { wrap },
        M::Vshr => Action::ShiftRight { wrap },
        M::Vmad => Action::Mad { plus_one, negate_product: negated_a != negated_b, negate_addend },
        _ => Action::Compare(compare.ok_or("it has no comparison")?),
    };
    if several.is_none() && (scaled || !as_the_manual_says(action, second, signed, saturate, to)) {
        return Err("an H200 does not do with these words what the manual says".to_owned());
    }
    let elements = match several {
        None => vec![Element { a: part(a)?, b: part(b)?, to: part(to)? }],
        Some(count) => elements(to, a, b, count)?,
    };
    let c = match third {
        Some(c) => word(decoder, c)?,
        None => decoder.constant(Width::W32, 0),
    };
    let (a, b) = (word(decoder, a)?, word(decoder, b)?);
    let aux = decoder.videos.len() as u32;
    decoder.videos.push(Video { action, second, signed, saturate, joined: several.is_some(), elements });
    let op = Op { run: plain::<Run>(), a, b, c, aux, ..fields() };
    if let Operand::Part { .. } = to {
        let dst = word(decoder, to)?;
        decoder.push(Op { dst, ..op });
        return Ok(());
    }
    let dst = decoder.destination(to, Type::B32)?;
    decoder.push(Op { dst: dst.place, ..op });
    decoder.settle(dst, Type::B32)
}

/// Whether an H200 gives what the manual says: it goes round these instructions by others, and not all the way where a sum is
/// wider than 32 bits or goes to the upper half.
fn as_the_manual_says(
    action: Action,
    second: Second,
    signed: [bool; 3],
    saturate: bool,
    to: &Operand<'_>,
) -> bool {
    let part = match to {
        Operand::Part { part, .. } => Some(*part),
        _ => None,
    };
    let alike = signed[0] == signed[1] && signed[1] == signed[2];
    let plain = matches!(second, Second::Merge | Second::Add);
    let sums = matches!(action, Action::Add | Action::Sub | Action::AbsDiff | Action::Min | Action::Max);
    let compares = match action {
        Action::Min | Action::Max => alike,
        Action::Compare(_) => !signed[1],
        _ => false,
    };
    part != Some("h1") && (plain || compares) && (!saturate || alike && plain && sums && part.is_none())
}

/// Whether an operand is negated, and what is.
fn sign<'p>(operand: &'p Operand<'p>) -> (bool, &'p Operand<'p>) {
    match operand {
        Operand::Minus(inner) => (true, inner),
        other => (false, other),
    }
}

/// The register of an operand, of which it may name a part.
fn word<'p>(decoder: &mut Decoder<'p>, operand: &'p Operand<'p>) -> Result<u32, Refused> {
    let Operand::Part { name, .. } = operand else { return decoder.source(operand, Type::B32) };
    match decoder.register(name) {
        Some((Width::W32, place)) => Ok(place),
        _ => Err(format!("`{name}` is not a register of 32 bits")),
    }
}

/// The part of a word that an operand names.
fn part(operand: &Operand<'_>) -> Result<Part, Refused> {
    match operand {
        Operand::Part { part, .. } => Part::named(part).ok_or_else(|| unknown(part)),
        _ => Ok(Part::WHOLE),
    }
}

fn unknown(part: &str) -> Refused {
    format!("`.{part}` is not supported here")
}

/// The elements of an instruction on two halves or four bytes.
fn elements(to: &Operand<'_>, a: &Operand<'_>, b: &Operand<'_>, count: u32) -> Result<Vec<Element>, Refused> {
    let bits = 32 / count;
    let at = |number: u32| Part { shift: number * bits, bits };
    let of_a = selected(a, count, 0)?;
    let of_b = selected(b, count, count)?;
    let into = match to {
        Operand::Part { part, .. } => numbers(part, count)?,
        _ => (0..count).collect(),
    };
    into.into_iter()
        .map(|number| {
            let from = |list: &[u32]| list.get(number as usize).copied().map(at);
            match (from(&of_a), from(&of_b)) {
                (Some(a), Some(b)) if number < count => Ok(Element { a, b, to: at(number) }),
                _ => Err("its parts are not those of a word".to_owned()),
            }
        })
        .collect()
}

/// Which parts of the joined sources an operand takes, the lowest first.
fn selected(operand: &Operand<'_>, count: u32, first: u32) -> Result<Vec<u32>, Refused> {
    match operand {
        Operand::Part { part, .. } => {
            let numbers = numbers(part, count)?;
            if numbers.len() == count as usize { Ok(numbers) } else { Err(unknown(part)) }
        }
        _ => Ok((first..first + count).collect()),
    }
}

/// `b7206`: numbers of parts, the lowest digit first.
fn numbers(part: &str, count: u32) -> Result<Vec<u32>, Refused> {
    let digits = part.strip_prefix(if count == 2 { 'h' } else { 'b' }).ok_or_else(|| unknown(part))?;
    let number = |digit: char| digit.to_digit(10).filter(|&number| number < 2 * count);
    digits.chars().rev().map(|digit| number(digit).ok_or_else(|| unknown(part))).collect()
}
