//! Numbers in text, as `printf` and C++'s streams write them.

/// The longest text that is taken for a number, in bytes: `%f` of the largest `double` with 100 places has 410.
pub(crate) const LONGEST: usize = 512;

/// A number at the start of `text`, which follows the byte `before`: how many bytes it has, and its value. `text` goes on for
/// more than [`LONGEST`] bytes or to its end.
///
/// What directly follows a letter, a digit or `_` is part of a name (`sm_90`, `float4`), and after `0x` come hexadecimal
/// digits: neither is a number. What directly follows a number (`12.5ms`) is not part of it.
pub(crate) fn at_start(text: &[u8], before: Option<u8>) -> Option<(usize, f64)> {
    if before.is_some_and(is_word) {
        return None;
    }
    let sign = usize::from(matches!(text.first(), Some(b'+' | b'-')));
    let length = sign + digits(&text[sign..]).or_else(|| named(&text[sign..]))?;
    if length > LONGEST {
        return None;
    }
    let text = std::str::from_utf8(&text[..length]).ok()?;
    // Rust reads the same grammar, `nan` and `inf` in any case included, but no payload.
    let value = text.split('(').next()?.parse().ok()?;
    Some((length, value))
}

/// Whether a byte may be part of a name. All of UTF-8 beyond ASCII may.
fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

/// `12`, `12.`, `.5`, `1.5e-3`.
fn digits(text: &[u8]) -> Option<usize> {
    let run = |from: usize| text[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let whole = run(0);
    if whole == 1 && text[0] == b'0' && matches!(text.get(1), Some(b'x' | b'X')) {
        return None;
    }
    let mut length = whole;
    if text.get(length) == Some(&b'.') {
        let places = run(length + 1);
        if whole + places == 0 {
            return None;
        }
        length += 1 + places;
    } else if whole == 0 {
        return None;
    }
    if matches!(text.get(length), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(text.get(length + 1), Some(b'+' | b'-')));
        match run(length + 1 + sign) {
            0 => {}
            exponent => length += 1 + sign + exponent,
        }
    }
    Some(length)
}

/// `inf`, `infinity`, `nan`, `nan(0x1)`, in any case and as words of their own.
fn named(text: &[u8]) -> Option<usize> {
    let word = text.iter().take_while(|byte| is_word(**byte)).count();
    let is = |name: &str| text[..word].eq_ignore_ascii_case(name.as_bytes());
    if is("inf") || is("infinity") {
        return Some(word);
    }
    if !is("nan") {
        return None;
    }
    let payload = text[word..].strip_prefix(b"(").and_then(|rest| {
        let inside = rest.iter().take_while(|byte| is_word(**byte)).count();
        (rest.get(inside) == Some(&b')')).then_some(inside + 2)
    });
    Some(word + payload.unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<(&str, f64)>) {
        let found = at_start(text.as_bytes(), None).map(|(length, value)| (&text[..length], value.to_bits()));
        assert_eq!(found, expected.map(|(text, value)| (text, value.to_bits())), "`{text}`");
    }

    #[test]
    fn numbers_end_where_they_end() {
        check("12", Some(("12", 12.0)));
        check("-1.5e-3,", Some(("-1.5e-3", -0.0015)));
        check("+.5]", Some(("+.5", 0.5)));
        check("7. ", Some(("7.", 7.0)));
        check("12.5ms", Some(("12.5", 12.5)));
        check("3e", Some(("3", 3.0)));
        check("3e+x", Some(("3", 3.0)));
        check("1E5", Some(("1E5", 1e5)));
        check("1.2.3", Some(("1.2", 1.2)));
        check("1e999", Some(("1e999", f64::INFINITY)));
        check("-INF", Some(("-INF", f64::NEG_INFINITY)));
        check("infinity)", Some(("infinity", f64::INFINITY)));
        check("nan", Some(("nan", f64::NAN)));
        check("-nan(0x8)|", Some(("-nan(0x8)", -f64::NAN)));
        check("nan(", Some(("nan", f64::NAN)));
        check("NaN;", Some(("NaN", f64::NAN)));
    }

    #[test]
    fn what_only_looks_like_one() {
        for text in
            ["", "-", ".", "+.", "e5", "0x1f", "0X1p3", "info", "nanny", "inf_", "nan1", "--1", "x1", "é"]
        {
            check(text, None);
        }
        check(&"1".repeat(LONGEST + 1), None);
        for before in [b'a', b'_', b'4', 0xa9] {
            assert_eq!(at_start(b"90", Some(before)), None);
        }
        for before in [b' ', b'[', b'=', b'.', b'-', b'\n'] {
            assert_eq!(at_start(b"90", Some(before)), Some((2, 90.0)));
        }
    }
}
