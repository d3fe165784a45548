//! The expression of an `#if`, evaluated with what is known: true, false, or unknown.

use super::lex::{Kind, Token};
use super::macros::Macro;

/// A truth value, where known.
pub(crate) type Truth = Option<bool>;

/// Nesting deeper than this is taken as unknown.
const DEPTH: u32 = 64;

/// What `tokens` (those after `#if`) say, given the macros.
pub(crate) fn evaluate(source: &[u8], tokens: &[Token], lookup: &dyn Fn(&[u8]) -> Macro) -> Truth {
    let mut parser = Parser { source, tokens, at: 0, lookup };
    let value = parser.binary(0, DEPTH);
    // What is left over belongs to something that this grammar does not know.
    if parser.at < tokens.len() { None } else { truth(value) }
}

fn truth(value: Option<i64>) -> Truth {
    value.map(|value| value != 0)
}

struct Parser<'a> {
    source: &'a [u8],
    tokens: &'a [Token],
    at: usize,
    lookup: &'a dyn Fn(&[u8]) -> Macro,
}

/// Binary operators by precedence, loosest first. Longer spellings stand before their beginnings.
const LEVELS: &[&[&[u8]]] = &[
    &[b"||"],
    &[b"&&"],
    &[b"|"],
    &[b"^"],
    &[b"&"],
    &[b"==", b"!="],
    &[b"<=", b">=", b"<", b">"],
    &[b"<<", b">>"],
    &[b"+", b"-"],
    &[b"*", b"/", b"%"],
];

impl Parser<'_> {
    fn binary(&mut self, level: usize, depth: u32) -> Option<i64> {
        let Some(operators) = LEVELS.get(level) else { return self.unary(depth) };
        let mut left = self.binary(level + 1, depth);
        while let Some(operator) = operators.iter().find(|operator| self.sees(operator)) {
            self.at += operator.len();
            let right = self.binary(level + 1, depth);
            left = apply(operator, left, right);
        }
        if level == 0 && self.takes(b"?") {
            let yes = self.binary(0, depth.saturating_sub(1));
            let no = if self.takes(b":") { self.binary(0, depth.saturating_sub(1)) } else { None };
            left = match truth(left) {
                Some(true) => yes,
                Some(false) => no,
                None => yes.filter(|_| yes == no),
            };
        }
        left
    }

    fn unary(&mut self, depth: u32) -> Option<i64> {
        let Some(depth) = depth.checked_sub(1) else {
            self.at = self.tokens.len();
            return None;
        };
        if self.takes(b"!") {
            return self.unary(depth).map(|value| i64::from(value == 0));
        }
        if self.takes(b"-") {
            return self.unary(depth).and_then(i64::checked_neg);
        }
        if self.takes(b"+") {
            return self.unary(depth);
        }
        if self.takes(b"~") {
            return self.unary(depth).map(|value| !value);
        }
        if self.takes(b"(") {
            let value = self.binary(0, depth);
            self.takes(b")");
            return value;
        }
        self.primary()
    }

    fn primary(&mut self) -> Option<i64> {
        let token = *self.tokens.get(self.at)?;
        self.at += 1;
        let text = token.text(self.source);
        match token.kind {
            Kind::Number => number(text),
            Kind::Ident if text == b"defined" => self.defined(),
            Kind::Ident if text == b"true" => Some(1),
            Kind::Ident if text == b"false" => Some(0),
            Kind::Ident if self.sees(b"(") => self.function(text),
            Kind::Ident => match (self.lookup)(text) {
                Macro::Undefined => Some(0),
                Macro::Defined(value) => value,
                Macro::Unknown => None,
            },
            _ => None,
        }
    }

    fn defined(&mut self) -> Option<i64> {
        let open = self.takes(b"(");
        let name = self.tokens.get(self.at).filter(|token| token.kind == Kind::Ident)?;
        self.at += 1;
        if open {
            self.takes(b")");
        }
        match (self.lookup)(name.text(self.source)) {
            Macro::Undefined => Some(0),
            Macro::Defined(_) => Some(1),
            Macro::Unknown => None,
        }
    }

    /// A macro with arguments. Only the headers that x86_64 certainly lacks are known.
    fn function(&mut self, name: &[u8]) -> Option<i64> {
        let from = self.at;
        let mut depth = 0_usize;
        while let Some(token) = self.tokens.get(self.at) {
            self.at += 1;
            if token.is(self.source, b"(") {
                depth += 1;
            } else if token.is(self.source, b")") {
                depth -= 1;
                if depth == 0 {
                    break;
                }
            }
        }
        let asks_for_arm = name == b"__has_include"
            && self.tokens[from..self.at].iter().any(|token| {
                let text = token.text(self.source);
                text.starts_with(b"arm_") || text.starts_with(b"\"arm_")
            });
        (asks_for_arm && (self.lookup)(b"__aarch64__") == Macro::Undefined).then_some(0)
    }

    /// Whether the tokens from here spell `operator`, with nothing between.
    fn sees(&self, operator: &[u8]) -> bool {
        let Some(first) = self.tokens.get(self.at) else { return false };
        let Some(last) = self.tokens.get(self.at + operator.len() - 1) else { return false };
        let spelt =
            last.end == first.start + operator.len() && &self.source[first.start..last.end] == operator;
        // `|` is not the beginning of `||`, nor `<` that of `<<`.
        let doubled = operator.len() == 1
            && matches!(operator[0], b'|' | b'&' | b'<' | b'>')
            && self.source.get(last.end) == Some(&operator[0]);
        spelt && !doubled
    }

    fn takes(&mut self, operator: &[u8]) -> bool {
        let seen = self.sees(operator);
        if seen {
            self.at += operator.len();
        }
        seen
    }
}

fn apply(operator: &[u8], left: Option<i64>, right: Option<i64>) -> Option<i64> {
    match operator {
        b"||" => match (truth(left), truth(right)) {
            (Some(true), _) | (_, Some(true)) => Some(1),
            (Some(false), Some(false)) => Some(0),
            _ => None,
        },
        b"&&" => match (truth(left), truth(right)) {
            (Some(false), _) | (_, Some(false)) => Some(0),
            (Some(true), Some(true)) => Some(1),
            _ => None,
        },
        _ => arithmetic(operator, left?, right?),
    }
}

fn arithmetic(operator: &[u8], left: i64, right: i64) -> Option<i64> {
    match operator {
        b"|" => Some(left | right),
        b"^" => Some(left ^ right),
        b"&" => Some(left & right),
        b"==" => Some(i64::from(left == right)),
        b"!=" => Some(i64::from(left != right)),
        b"<" => Some(i64::from(left < right)),
        b"<=" => Some(i64::from(left <= right)),
        b">" => Some(i64::from(left > right)),
        b">=" => Some(i64::from(left >= right)),
        b"<<" => left.checked_shl(u32::try_from(right).ok()?),
        b">>" => left.checked_shr(u32::try_from(right).ok()?),
        b"+" => left.checked_add(right),
        b"-" => left.checked_sub(right),
        b"*" => left.checked_mul(right),
        b"/" => left.checked_div(right),
        b"%" => left.checked_rem(right),
        _ => None,
    }
}

/// An integer literal of C.
pub(crate) fn number(text: &[u8]) -> Option<i64> {
    let text: String = str::from_utf8(text).ok()?.to_ascii_lowercase().replace('\'', "");
    let digits = text.trim_end_matches(['u', 'l', 'z']);
    if let Some(hexadecimal) = digits.strip_prefix("0x") {
        return i64::from_str_radix(hexadecimal, 16).ok();
    }
    if let Some(binary) = digits.strip_prefix("0b") {
        return i64::from_str_radix(binary, 2).ok();
    }
    if digits.len() > 1 && digits.starts_with('0') {
        return i64::from_str_radix(digits, 8).ok();
    }
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::super::lex::lex;
    use super::super::macros::{Cpu, predefined};
    use super::*;

    #[track_caller]
    fn check(text: &str, x86: Truth, arm: Truth) {
        let source = text.as_bytes();
        let tokens = lex(source);
        for (cpu, expected) in [(Cpu::X86, x86), (Cpu::Arm, arm)] {
            let found = evaluate(source, &tokens, &|name| predefined(name, cpu, true));
            assert_eq!(found, expected, "`{text}` on {cpu:?}");
        }
    }

    #[test]
    fn expressions_are_evaluated_three_valued() {
        let (yes, no) = (Some(true), Some(false));
        check("0", no, no);
        check("defined(__aarch64__)", no, yes);
        check("defined __aarch64__ || defined __arm__", no, yes);
        check("!defined(__x86_64__)", no, yes);
        check("defined(__ARM_NEON) && USE_NEON", no, None);
        check("defined(__ARM_NEON) || USE_NEON", None, yes);
        check("__ARM_ARCH >= 8", no, yes);
        check("(__ARM_ARCH + 1) * 2 == 18", no, yes);
        check("__GNUC__ > 5", None, None);
        check("HAS(x, (y)) && 0", no, no);
        check("__has_include(<arm_neon.h>)", no, None);
        check("1 ? defined(__x86_64__) : 0", yes, no);
        check("1 << 3 == 8 && 0x10 == 020", yes, yes);
        check("A &&", None, None);
        check("1 2", None, None);
        check(&"(".repeat(10_000), None, None);
        check(&"!".repeat(10_000), None, None);
    }
}
