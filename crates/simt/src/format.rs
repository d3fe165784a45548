//! `printf` of kernels: what C's formats make of arguments. Knows no memory: who calls fetches the arguments.

use std::fmt::Write as _;

/// What a conversion takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Argument {
    /// 32 bits.
    Word,
    /// 64 bits: integers, pointers, `double`.
    Long,
    /// The address of a string.
    Text,
}

impl Argument {
    /// Bytes in the list of arguments, which is also their alignment.
    pub(crate) fn size(self) -> u64 {
        if self == Argument::Word { 4 } else { 8 }
    }
}

/// A conversion's flags, width and precision.
#[derive(Clone, Copy, Debug, Default)]
struct Spec {
    left: bool,
    plus: bool,
    space: bool,
    alternate: bool,
    zero: bool,
    width: usize,
    precision: Option<usize>,
}

/// Widths and precisions beyond this are cut: nobody's output needs them, and a kernel must not fill the memory.
const WIDEST: usize = 4096;

/// Makes the text. `argument` fetches the next one: its bits, and its text if it is a string; `None` ends it all.
pub(crate) fn format(
    text: &[u8],
    mut argument: impl FnMut(Argument) -> Option<(u64, Vec<u8>)>,
) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut rest = text.iter().copied().peekable();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let mut spec = Spec::default();
        let mut seen = vec![b'%'];
        while let Some(&flag) = rest.peek() {
            match flag {
                b'-' => spec.left = true,
                b'+' => spec.plus = true,
                b' ' => spec.space = true,
                b'#' => spec.alternate = true,
                b'0' => spec.zero = true,
                _ => break,
            }
            seen.push(flag);
            rest.next();
        }
        let mut number = |rest: &mut std::iter::Peekable<_>, seen: &mut Vec<u8>| -> Option<i64> {
            if rest.peek() == Some(&b'*') {
                seen.extend(rest.next());
                return Some(i64::from(argument(Argument::Word)?.0 as i32));
            }
            let mut value = 0_i64;
            while let Some(&digit) = rest.peek().filter(|digit: &&u8| digit.is_ascii_digit()) {
                value = value.saturating_mul(10).saturating_add(i64::from(digit - b'0'));
                seen.extend(rest.next());
            }
            Some(value)
        };
        let width = number(&mut rest, &mut seen)?;
        spec.left |= width < 0;
        spec.width = usize::try_from(width.unsigned_abs()).unwrap_or(WIDEST).min(WIDEST);
        if rest.peek() == Some(&b'.') {
            seen.extend(rest.next());
            let precision = number(&mut rest, &mut seen)?;
            spec.precision = usize::try_from(precision).ok().map(|precision| precision.min(WIDEST));
        }
        let (mut long, mut short) = (false, 0);
        while let Some(&length) = rest.peek() {
            match length {
                b'l' | b'j' | b'z' | b't' | b'L' => long = true,
                b'h' => short += 1,
                _ => break,
            }
            seen.push(length);
            rest.next();
        }
        let Some(conversion) = rest.next() else {
            out.extend(seen);
            break;
        };
        let integer = if long { Argument::Long } else { Argument::Word };
        match conversion {
            b'%' => out.push(b'%'),
            b'd' | b'i' => {
                let bits = argument(integer)?.0;
                let value = match (long, short) {
                    (true, _) => bits.cast_signed(),
                    (_, 0) => (bits as i32).into(),
                    (_, 1) => (bits as i16).into(),
                    _ => (bits as i8).into(),
                };
                let sign = sign(value < 0, spec);
                pad_number(
                    &mut out,
                    spec,
                    sign,
                    digits(value.unsigned_abs().to_string(), spec),
                    spec.precision.is_none(),
                );
            }
            b'u' | b'x' | b'X' | b'o' => {
                let bits = argument(integer)?.0;
                let value = match (long, short) {
                    (true, _) => bits,
                    (_, 0) => bits & 0xffff_ffff,
                    (_, 1) => bits & 0xffff,
                    _ => bits & 0xff,
                };
                let (prefix, text) = match conversion {
                    b'u' => ("", value.to_string()),
                    b'x' => (if spec.alternate && value != 0 { "0x" } else { "" }, format!("{value:x}")),
                    b'X' => (if spec.alternate && value != 0 { "0X" } else { "" }, format!("{value:X}")),
                    _ => (if spec.alternate && value != 0 { "0" } else { "" }, format!("{value:o}")),
                };
                pad_number(&mut out, spec, prefix, digits(text, spec), spec.precision.is_none());
            }
            b'c' => {
                let value = argument(Argument::Word)?.0 as u8;
                pad(&mut out, spec, &[value]);
            }
            b's' => {
                let text = argument(Argument::Text)?.1;
                let end = spec.precision.unwrap_or(text.len()).min(text.len());
                pad(&mut out, spec, &text[..end]);
            }
            b'p' => {
                let bits = argument(Argument::Long)?.0;
                let text = if bits == 0 { "(nil)".to_owned() } else { format!("{bits:#x}") };
                pad(&mut out, spec, text.as_bytes());
            }
            b'f' | b'F' | b'e' | b'E' | b'g' | b'G' | b'a' | b'A' => {
                let value = f64::from_bits(argument(Argument::Long)?.0);
                float(&mut out, spec, conversion, value);
            }
            // What is no conversion is printed as it stands.
            other => {
                out.extend(seen);
                out.push(other);
            }
        }
    }
    Some(out)
}

fn sign(negative: bool, spec: Spec) -> &'static str {
    match (negative, spec.plus, spec.space) {
        (true, ..) => "-",
        (_, true, _) => "+",
        (_, _, true) => " ",
        _ => "",
    }
}

/// At least as many digits as the precision says; none for a zero of precision zero.
fn digits(text: String, spec: Spec) -> String {
    match spec.precision {
        Some(0) if text == "0" => String::new(),
        Some(precision) if text.len() < precision => "0".repeat(precision - text.len()) + &text,
        _ => text,
    }
}

fn pad(out: &mut Vec<u8>, spec: Spec, text: &[u8]) {
    let blanks = vec![b' '; spec.width.saturating_sub(text.len())];
    if spec.left {
        out.extend_from_slice(text);
        out.extend(blanks);
    } else {
        out.extend(blanks);
        out.extend_from_slice(text);
    }
}

fn pad_number(out: &mut Vec<u8>, spec: Spec, prefix: &str, digits: String, zeros: bool) {
    if spec.zero && zeros && !spec.left {
        let missing = spec.width.saturating_sub(prefix.len() + digits.len());
        out.extend_from_slice(prefix.as_bytes());
        out.extend(vec![b'0'; missing]);
        out.extend(digits.into_bytes());
    } else {
        pad(out, spec, format!("{prefix}{digits}").as_bytes());
    }
}

fn float(out: &mut Vec<u8>, spec: Spec, conversion: u8, value: f64) {
    let upper = conversion.is_ascii_uppercase();
    let magnitude = value.abs();
    let sign = sign(value.is_sign_negative(), spec);
    let text = if value.is_nan() {
        "nan".to_owned()
    } else if value.is_infinite() {
        "inf".to_owned()
    } else {
        let precision = spec.precision.unwrap_or(6);
        match conversion.to_ascii_lowercase() {
            b'f' => fixed(magnitude, precision, spec.alternate),
            b'e' => exponential(magnitude, precision, spec.alternate),
            b'g' => general(magnitude, precision, spec.alternate),
            _ => hexadecimal(magnitude, spec.precision),
        }
    };
    let text = if upper { text.to_uppercase() } else { text };
    pad_number(out, spec, sign, text, value.is_finite());
}

fn fixed(value: f64, precision: usize, point: bool) -> String {
    let mut text = format!("{value:.precision$}");
    if precision == 0 && point {
        text.push('.');
    }
    text
}

fn exponential(value: f64, precision: usize, point: bool) -> String {
    let text = format!("{value:.precision$e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let point = if precision == 0 && point { "." } else { "" };
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}{point}e{sign}{:02}", exponent.unsigned_abs())
}

fn general(value: f64, precision: usize, keep: bool) -> String {
    let precision = precision.max(1);
    let scientific = exponential(value, precision - 1, keep);
    let exponent: i32 =
        scientific.split_once('e').and_then(|(_, exponent)| exponent.parse().ok()).unwrap_or(0);
    let trim = |text: &str| {
        if keep || !text.contains('.') {
            return text.to_owned();
        }
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    };
    if exponent < -4 || exponent >= i32::try_from(precision).unwrap_or(i32::MAX) {
        let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "+00"));
        return format!("{}e{exponent}", trim(mantissa));
    }
    let decimals =
        usize::try_from(i64::try_from(precision).unwrap_or(0) - 1 - i64::from(exponent)).unwrap_or(0);
    trim(&fixed(value, decimals, keep))
}

fn hexadecimal(value: f64, precision: Option<usize>) -> String {
    let bits = value.to_bits();
    let (mut mantissa, biased) = (bits & 0x000f_ffff_ffff_ffff, (bits >> 52) & 0x7ff);
    let (mut lead, exponent) = match (biased, mantissa) {
        (0, 0) => (0, 0),
        (0, _) => (0, -1022),
        _ => (1, biased as i32 - 1023),
    };
    let mut text = String::new();
    let digits = match precision {
        Some(precision) if precision < 13 => {
            let shift = 52 - 4 * precision as u32;
            let whole = (u128::from(lead) << 52) | u128::from(mantissa);
            let rest = whole & ((1 << shift) - 1);
            let half = 1_u128 << (shift - 1);
            let mut kept = whole >> shift;
            if rest > half || rest == half && kept & 1 == 1 {
                kept += 1;
            }
            lead = (kept >> (4 * precision)) as u64;
            mantissa = (kept & ((1 << (4 * precision)) - 1)) as u64;
            format!("{mantissa:0precision$x}").chars().take(precision).collect()
        }
        Some(precision) => format!("{mantissa:013x}") + &"0".repeat(precision - 13),
        None => format!("{mantissa:013x}").trim_end_matches('0').to_owned(),
    };
    let point = if digits.is_empty() { "" } else { "." };
    // Writing to a string can't fail.
    let _ = write!(text, "0x{lead}{point}{digits}p{exponent:+}");
    text
}
