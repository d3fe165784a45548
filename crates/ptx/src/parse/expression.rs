//! Constant expressions (4.6), computed as they are read.

use super::{Parser, Result};
use crate::error::ParseErrorKind;
use crate::lexer::Kind;
use crate::operand::Immediate;

/// The width that `WARP_SZ` stands for (4.5.?: predefined constants).
const WARP_SIZE: i64 = 32;

impl Parser<'_> {
    /// Whether an expression, and no name, starts here.
    pub(super) fn at_expression(&self) -> bool {
        match self.token.kind {
            Kind::Number | Kind::Punct(b'-' | b'+' | b'~' | b'(' | b'!') => true,
            Kind::Word => self.text() == "WARP_SZ",
            _ => false,
        }
    }

    /// An expression, with all of C's operators.
    pub(super) fn expression(&mut self) -> Result<Immediate> {
        if self.token.kind == Kind::Number {
            let value = self.literal()?;
            return if matches!(self.token.kind, Kind::Punct(b',' | b';' | b']' | b'}')) {
                Ok(value)
            } else {
                self.binary(value, 0)
            };
        }
        let left = self.unary()?;
        self.binary(left, 0)
    }

    /// What follows `left`, as long as it binds at least as strongly as `least`.
    fn binary(&mut self, mut left: Immediate, least: u8) -> Result<Immediate> {
        loop {
            let token = self.token;
            if least == 0 && self.at(b'?') {
                left = self.choice(left)?;
                continue;
            }
            let Some((operator, strength)) = operator(token.kind).filter(|(_, strength)| *strength >= least)
            else {
                return Ok(left);
            };
            self.bump();
            let right = self.deeper(|parser| {
                let right = parser.unary()?;
                parser.binary(right, strength + 1)
            })?;
            left = apply(operator, left, right)
                .map_err(|reason| self.error_at(token, ParseErrorKind::BadExpression { reason }))?;
        }
    }

    fn choice(&mut self, condition: Immediate) -> Result<Immediate> {
        self.bump();
        let yes = self.deeper(Self::expression)?;
        self.expect(b':', "`:`")?;
        let no = self.deeper(Self::expression)?;
        Ok(if truth(condition) { yes } else { no })
    }

    fn unary(&mut self) -> Result<Immediate> {
        self.deeper(|parser| {
            let token = parser.token;
            match token.kind {
                Kind::Number => parser.literal(),
                Kind::Word if parser.text() == "WARP_SZ" => {
                    parser.bump();
                    Ok(Immediate::Signed(WARP_SIZE))
                }
                Kind::Punct(b'(') => {
                    parser.bump();
                    if let Some(cast) = parser.cast()? {
                        return Ok(cast);
                    }
                    let value = parser.expression()?;
                    parser.expect(b')', "`)`")?;
                    Ok(value)
                }
                Kind::Punct(sign @ (b'-' | b'+' | b'~' | b'!')) => {
                    parser.bump();
                    if parser.token.kind == Kind::Number && parser.exact_float() {
                        return Err(parser.expected("a number that may have a sign"));
                    }
                    let value = parser.unary()?;
                    negate(sign, value)
                        .map_err(|reason| parser.error_at(token, ParseErrorKind::BadExpression { reason }))
                }
                _ => Err(parser.expected("a number")),
            }
        })
    }

    /// Whether the number gives the bits of an `f32`: ptxas lets it have no sign.
    fn exact_float(&self) -> bool {
        matches!(self.text().as_bytes(), [b'0', b'f' | b'F', ..])
    }

    /// `.s64)` or `.u64)`, and what is cast.
    fn cast(&mut self) -> Result<Option<Immediate>> {
        let signed = match (self.token.kind, self.text()) {
            (Kind::Dot, ".s64") => true,
            (Kind::Dot, ".u64") => false,
            _ => return Ok(None),
        };
        self.bump();
        self.expect(b')', "`)`")?;
        let token = self.token;
        let value = self.unary()?;
        let Some(bits) = value.integer() else {
            return Err(
                self.error_at(token, ParseErrorKind::BadExpression { reason: "only integers can be cast" })
            );
        };
        Ok(Some(if signed { Immediate::Signed(bits.cast_signed()) } else { Immediate::Unsigned(bits) }))
    }
}

/// An operator, as its two bytes, and how strongly it binds.
fn operator(kind: Kind) -> Option<([u8; 2], u8)> {
    let bytes = match kind {
        Kind::Punct(byte) => [byte, 0],
        Kind::Operator(first, second) => [first, second],
        _ => return None,
    };
    let strength = match &bytes {
        b"||" => 1,
        b"&&" => 2,
        b"|\0" => 3,
        b"^\0" => 4,
        b"&\0" => 5,
        b"==" | b"!=" => 6,
        b"<\0" | b">\0" | b"<=" | b">=" => 7,
        b"<<" | b">>" => 8,
        b"+\0" | b"-\0" => 9,
        b"*\0" | b"/\0" | b"%\0" => 10,
        _ => return None,
    };
    Some((bytes, strength))
}

fn truth(value: Immediate) -> bool {
    value.integer().map_or_else(|| value.float() != 0.0, |bits| bits != 0)
}

const fn flag(value: bool) -> Immediate {
    Immediate::Signed(value as i64)
}

fn negate(sign: u8, value: Immediate) -> std::result::Result<Immediate, &'static str> {
    Ok(match (sign, value) {
        (b'+', value) => value,
        (b'-', Immediate::Signed(value)) => Immediate::Signed(value.wrapping_neg()),
        (b'-', Immediate::Unsigned(value)) => Immediate::Unsigned(value.wrapping_neg()),
        (b'-', Immediate::F32(bits)) => Immediate::F32(bits ^ 1 << 31),
        (b'-', Immediate::F64(bits)) => Immediate::F64(bits ^ 1 << 63),
        (b'!', value) => flag(!truth(value)),
        (_, value) => Immediate::Unsigned(!value.integer().ok_or("`~` takes integers")?),
    })
}

fn apply(
    operator: [u8; 2],
    left: Immediate,
    right: Immediate,
) -> std::result::Result<Immediate, &'static str> {
    match &operator {
        b"&&" => return Ok(flag(truth(left) && truth(right))),
        b"||" => return Ok(flag(truth(left) || truth(right))),
        _ => {}
    }
    match (left, right) {
        (Immediate::Signed(left), Immediate::Signed(right)) => signed(operator, left, right),
        (left, right) => match (left.integer(), right.integer()) {
            (Some(a), Some(b))
                if matches!(&operator, b"<<" | b">>") && matches!(left, Immediate::Signed(_)) =>
            {
                signed(operator, a.cast_signed(), b.cast_signed())
            }
            (Some(left), Some(right)) => unsigned(operator, left, right),
            _ => float(operator, left.float(), right.float()),
        },
    }
}

fn signed(operator: [u8; 2], left: i64, right: i64) -> std::result::Result<Immediate, &'static str> {
    let value = match &operator {
        b"+\0" => left.wrapping_add(right),
        b"-\0" => left.wrapping_sub(right),
        b"*\0" => left.wrapping_mul(right),
        b"/\0" | b"%\0" if right == 0 => return Err("it divides by zero"),
        b"/\0" => left.wrapping_div(right),
        b"%\0" => left.wrapping_rem(right),
        b"<\0" => i64::from(left < right),
        b">\0" => i64::from(left > right),
        b"<=" => i64::from(left <= right),
        b">=" => i64::from(left >= right),
        b">>" => left >> right.clamp(0, 63),
        _ => {
            return unsigned(operator, left.cast_unsigned(), right.cast_unsigned()).map(
                |value| match value {
                    Immediate::Unsigned(bits) if &operator == b"<<" => Immediate::Signed(bits.cast_signed()),
                    value => value,
                },
            );
        }
    };
    Ok(Immediate::Signed(value))
}

fn unsigned(operator: [u8; 2], left: u64, right: u64) -> std::result::Result<Immediate, &'static str> {
    let shift = u32::try_from(right).unwrap_or(u32::MAX);
    let value = match &operator {
        b"+\0" => left.wrapping_add(right),
        b"-\0" => left.wrapping_sub(right),
        b"*\0" => left.wrapping_mul(right),
        b"/\0" => left.checked_div(right).ok_or("it divides by zero")?,
        b"%\0" => left.checked_rem(right).ok_or("it divides by zero")?,
        b"<\0" => return Ok(flag(left < right)),
        b">\0" => return Ok(flag(left > right)),
        b"<=" => return Ok(flag(left <= right)),
        b">=" => return Ok(flag(left >= right)),
        b"==" => return Ok(flag(left == right)),
        b"!=" => return Ok(flag(left != right)),
        b"<<" => left.checked_shl(shift).unwrap_or(0),
        b">>" => left.checked_shr(shift).unwrap_or(0),
        b"&\0" => left & right,
        b"^\0" => left ^ right,
        _ => left | right,
    };
    Ok(Immediate::Unsigned(value))
}

#[expect(clippy::float_cmp, reason = "the operator asks for equality")]
fn float(operator: [u8; 2], left: f64, right: f64) -> std::result::Result<Immediate, &'static str> {
    let value = match &operator {
        b"+\0" => left + right,
        b"-\0" => left - right,
        b"*\0" => left * right,
        b"/\0" => left / right,
        b"<\0" => return Ok(flag(left < right)),
        b">\0" => return Ok(flag(left > right)),
        b"<=" => return Ok(flag(left <= right)),
        b">=" => return Ok(flag(left >= right)),
        b"==" => return Ok(flag(left == right)),
        b"!=" => return Ok(flag(left != right)),
        _ => return Err("the operator takes integers"),
    };
    Ok(Immediate::F64(value.to_bits()))
}
