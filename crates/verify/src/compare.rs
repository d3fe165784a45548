//! Two streams, compared as they are read.

use std::io::Read;

use crate::difference::{Cause, Difference, ReadError, Side, Spot};
use crate::floats::{self, FloatFormat};
use crate::lane::Lane;
use crate::number::{self, LONGEST};
use crate::tolerance::{Deviation, Tolerance};

/// How much of the beginning tells text from what is none, in bytes.
const LOOKED_AT: usize = 8 * 1024;

/// By what two streams are the same.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum How {
    /// Each byte.
    Exact,
    /// In text each number within the tolerance, and each byte else. Blanks that fill up to a width beside a number may be as
    /// many as it takes. What is no text: each byte.
    Numbers(Tolerance),
    /// As arrays of floats: each element within the tolerance; bit for bit where there is none.
    Floats(FloatFormat, Option<Tolerance>),
}

/// Two streams, compared to their ends or to their first difference.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Comparison {
    /// How many bytes of the rebuilt program's were compared.
    pub rebuilt_bytes: u64,
    /// And of the original's.
    pub original_bytes: u64,
    /// How many pairs of numbers among them.
    pub numbers: u64,
    /// Of those that are allowed and not equal the pair that takes most of what is allowed.
    pub largest: Option<(Deviation, Spot)>,
    /// None: they are the same.
    pub difference: Option<Difference>,
}

/// Compares two streams. Memory is bounded, whatever they hold.
pub fn compare(rebuilt: impl Read, original: impl Read, how: How) -> Result<Comparison, ReadError> {
    let mut rebuilt = Lane::new(rebuilt, Side::Rebuilt);
    let mut original = Lane::new(original, Side::Original);
    let mut found = Comparison::default();
    match how {
        How::Floats(format, tolerance) => {
            floats::compare(&mut rebuilt, &mut original, format, tolerance, &mut found)?;
        }
        How::Exact => {
            let text = is_text(rebuilt.next(LOOKED_AT)?) && is_text(original.next(LOOKED_AT)?);
            found.difference = exact(&mut rebuilt, &mut original, text)?;
        }
        How::Numbers(tolerance) => {
            let text = is_text(rebuilt.next(LOOKED_AT)?) && is_text(original.next(LOOKED_AT)?);
            found.difference = if text {
                numbers(&mut rebuilt, &mut original, tolerance, &mut found)?
            } else {
                exact(&mut rebuilt, &mut original, false)?
            };
        }
    }
    (found.rebuilt_bytes, found.original_bytes) = (rebuilt.offset, original.offset);
    Ok(found)
}

/// As most tools tell it: text has no zero byte.
fn is_text(beginning: &[u8]) -> bool {
    memchr::memchr(0, &beginning[..beginning.len().min(LOOKED_AT)]).is_none()
}

fn exact<A: Read, B: Read>(
    rebuilt: &mut Lane<A>,
    original: &mut Lane<B>,
    text: bool,
) -> Result<Option<Difference>, ReadError> {
    loop {
        let (left, right) = (rebuilt.next(1)?, original.next(1)?);
        let shared = left.len().min(right.len());
        if shared == 0 && left.len() == right.len() {
            return Ok(None);
        }
        let same = same_prefix(&left[..shared], &right[..shared]);
        rebuilt.consume(same);
        original.consume(same);
        if same < shared || shared == 0 {
            return difference(rebuilt, original, text, None).map(Some);
        }
    }
}

fn same_prefix(left: &[u8], right: &[u8]) -> usize {
    if left == right {
        return left.len();
    }
    left.iter().zip(right).take_while(|(left, right)| left == right).count()
}

/// What stands at the place where both are, and is not the same.
fn difference<A: Read, B: Read>(
    rebuilt: &mut Lane<A>,
    original: &mut Lane<B>,
    text: bool,
    number: Option<Deviation>,
) -> Result<Difference, ReadError> {
    let (left, right) = (rebuilt.next(1)?.first().copied(), original.next(1)?.first().copied());
    if !text {
        return Ok(Difference::Binary { offset: rebuilt.offset, rebuilt: left, original: right });
    }
    let cause = match (number, left, right) {
        (Some(deviation), ..) => Cause::Number(deviation),
        (None, None, _) => Cause::Ends(Side::Rebuilt),
        (None, _, None) => Cause::Ends(Side::Original),
        (None, ..) => Cause::Text,
    };
    let line = rebuilt.line;
    Ok(Difference::Text { line, cause, rebuilt: rebuilt.excerpt()?, original: original.excerpt()? })
}

/// What a stream has next.
enum Token {
    Byte(u8),
    Number { length: usize, value: f64 },
    End,
}

fn token<R: Read>(lane: &mut Lane<R>) -> Result<Token, ReadError> {
    let before = lane.last;
    let next = lane.next(LONGEST + 1)?;
    Ok(match (number::at_start(next, before), next.first()) {
        (Some((length, value)), _) => Token::Number { length, value },
        (None, Some(byte)) => Token::Byte(*byte),
        (None, None) => Token::End,
    })
}

/// How wide what stands since the last text is on one side: a number, with the blanks beside it.
#[derive(Clone, Copy, Default)]
struct Field {
    /// Bytes, blanks included.
    width: u64,
    /// Whether a blank is next to where we are, since the last number or text.
    blank: bool,
}

impl Field {
    fn blanks(&mut self, count: u64) {
        self.width += count;
        self.blank |= count > 0;
    }
}

fn numbers<A: Read, B: Read>(
    rebuilt: &mut Lane<A>,
    original: &mut Lane<B>,
    tolerance: Tolerance,
    found: &mut Comparison,
) -> Result<Option<Difference>, ReadError> {
    // Whether a number was the last that was no blank.
    let mut behind_number = false;
    let (mut left_field, mut right_field) = (Field::default(), Field::default());
    loop {
        match (token(rebuilt)?, token(original)?) {
            (Token::End, Token::End) => return Ok(None),
            (Token::Number { length: left, value }, Token::Number { length: right, value: other }) => {
                let deviation = Deviation::of(value, other);
                if !tolerance.allows(value, other) {
                    return difference(rebuilt, original, true, deviation).map(Some);
                }
                found.numbers += 1;
                if let Some(deviation) = deviation {
                    note(found, tolerance, deviation, Spot::Line(rebuilt.line));
                }
                rebuilt.consume(left);
                original.consume(right);
                (left_field, right_field) =
                    (after_number(left_field, left), after_number(right_field, right));
                behind_number = true;
            }
            (Token::Byte(left), Token::Byte(right)) if left == right => {
                rebuilt.consume(1);
                original.consume(1);
                if is_blank(left) {
                    left_field.blanks(1);
                    right_field.blanks(1);
                } else {
                    behind_number = false;
                    (left_field, right_field) = (Field::default(), Field::default());
                }
            }
            (left, right) => {
                if !starts_blank(&left) && !starts_blank(&right) {
                    return difference(rebuilt, original, true, None).map(Some);
                }
                // Were they no padding, the report is to point here.
                let here = difference(rebuilt, original, true, None)?;
                left_field.blanks(skip_blanks(rebuilt)?);
                right_field.blanks(skip_blanks(original)?);
                let next = (token(rebuilt)?, token(original)?);
                let padding = match next {
                    (Token::Number { length: left, .. }, Token::Number { length: right, .. }) => {
                        (left_field.blank && right_field.blank)
                            || left_field.width + left as u64 == right_field.width + right as u64
                    }
                    _ => {
                        behind_number
                            && ((left_field.blank && right_field.blank)
                                || left_field.width == right_field.width)
                    }
                };
                if !padding {
                    return Ok(Some(here));
                }
            }
        }
    }
}

/// A number directly behind another number or blank belongs to the same field: `  9.5` and ` 10.5` are as wide.
fn after_number(field: Field, length: usize) -> Field {
    Field { width: field.width + length as u64, blank: false }
}

/// Keeps the pair that takes most of what is allowed.
pub(crate) fn note(found: &mut Comparison, tolerance: Tolerance, deviation: Deviation, spot: Spot) {
    let larger = |(largest, _): &(Deviation, Spot)| tolerance.share(&deviation) > tolerance.share(largest);
    if found.largest.as_ref().is_none_or(larger) {
        found.largest = Some((deviation, spot));
    }
}

const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

fn starts_blank(token: &Token) -> bool {
    matches!(token, Token::Byte(byte) if is_blank(*byte))
}

fn skip_blanks<R: Read>(lane: &mut Lane<R>) -> Result<u64, ReadError> {
    let mut skipped = 0;
    loop {
        let next = lane.next(1)?;
        let count = next.iter().take_while(|byte| is_blank(**byte)).count();
        if count == 0 {
            return Ok(skipped);
        }
        lane.consume(count);
        skipped += count as u64;
    }
}
