//! Tokens of C, C++ and CUDA, directives included. Any bytes give tokens: what is malformed ends at its line.

use memchr::{memchr, memchr2, memmem};

/// A token's sort.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Ident,
    Number,
    /// A string literal with its quotes and prefix, or the `<…>` of an `#include`.
    Str,
    Char,
    /// One byte of punctuation.
    Punct,
    /// The `#` at the start of a directive.
    Hash,
    /// The end of a directive's line.
    EndDirective,
}

/// A token and its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

impl Token {
    pub(crate) fn text<'a>(&self, source: &'a [u8]) -> &'a [u8] {
        &source[self.start..self.end]
    }

    pub(crate) fn is(&self, source: &[u8], text: &[u8]) -> bool {
        self.text(source) == text
    }

    /// What stands between the quotes of a string literal, as written.
    pub(crate) fn inside(&self, source: &[u8]) -> (usize, usize) {
        let text = self.text(source);
        let open = text.iter().position(|byte| matches!(byte, b'"' | b'<' | b'\''));
        let start = open.map_or(self.end, |open| self.start + open + 1);
        let closed = matches!(text.last(), Some(b'"' | b'>' | b'\''));
        (start, if closed { (self.end - 1).max(start) } else { self.end })
    }
}

pub(crate) const fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

/// All tokens of `source`, without comments and blanks.
pub(crate) fn lex(source: &[u8]) -> Vec<Token> {
    let mut lexer =
        Lexer { source, at: 0, tokens: Vec::with_capacity(source.len() / 6), fresh: true, directive: false };
    lexer.run();
    lexer.tokens
}

struct Lexer<'a> {
    source: &'a [u8],
    at: usize,
    tokens: Vec<Token>,
    /// No token on this line yet.
    fresh: bool,
    /// Within a directive.
    directive: bool,
}

impl Lexer<'_> {
    fn run(&mut self) {
        while let Some(&byte) = self.source.get(self.at) {
            match byte {
                b'\n' => self.end_line(),
                b' ' | b'\t' | b'\r' | 0x0b | 0x0c => self.at += 1,
                b'\\' if self.continuation() => {}
                b'/' if self.peek(1) == Some(b'/') => self.line_comment(),
                b'/' if self.peek(1) == Some(b'*') => self.block_comment(),
                b'#' if self.fresh => {
                    self.directive = true;
                    self.push(Kind::Hash, 1);
                }
                b'"' => self.string(self.at),
                b'\'' => self.quoted(self.at, b'\'', Kind::Char),
                b'0'..=b'9' => self.number(),
                b'.' if self.peek(1).is_some_and(|next| next.is_ascii_digit()) => self.number(),
                b'<' if self.after_include() => self.angle(),
                _ if is_word(byte) => self.word(),
                _ => self.push(Kind::Punct, 1),
            }
        }
        self.end_line();
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.source.get(self.at + ahead).copied()
    }

    fn push(&mut self, kind: Kind, length: usize) {
        self.add(kind, self.at, self.at + length);
    }

    fn add(&mut self, kind: Kind, start: usize, end: usize) {
        self.tokens.push(Token { kind, start, end });
        self.at = end;
        self.fresh = false;
    }

    fn end_line(&mut self) {
        let at = self.at.min(self.source.len());
        if std::mem::take(&mut self.directive) {
            self.tokens.push(Token { kind: Kind::EndDirective, start: at, end: at });
        }
        self.at += 1;
        self.fresh = true;
    }

    /// A backslash at the end of a line joins the next one.
    fn continuation(&mut self) -> bool {
        let length = match (self.peek(1), self.peek(2)) {
            (Some(b'\n'), _) => 2,
            (Some(b'\r'), Some(b'\n')) => 3,
            _ => return false,
        };
        self.at += length;
        true
    }

    fn line_comment(&mut self) {
        loop {
            let Some(length) = memchr(b'\n', &self.source[self.at..]) else {
                self.at = self.source.len();
                return;
            };
            self.at += length;
            let before = self.source[..self.at].strip_suffix(b"\r").unwrap_or(&self.source[..self.at]);
            if !before.ends_with(b"\\") {
                return;
            }
            self.at += 1;
        }
    }

    fn block_comment(&mut self) {
        let rest = &self.source[self.at + 2..];
        self.at = memmem::find(rest, b"*/").map_or(self.source.len(), |end| self.at + 2 + end + 2);
    }

    fn word(&mut self) {
        let start = self.at;
        let length = self.source[start..].iter().take_while(|byte| is_word(**byte)).count();
        let word = &self.source[start..start + length];
        let next = self.source.get(start + length).copied();
        match next {
            Some(b'"') if matches!(word, b"L" | b"u" | b"u8" | b"U") => {
                self.at = start + length;
                self.string(start);
            }
            Some(b'"') if matches!(word, b"R" | b"LR" | b"uR" | b"u8R" | b"UR") => {
                self.raw_string(start, length);
            }
            Some(b'\'') if matches!(word, b"L" | b"u" | b"u8" | b"U") => {
                self.at = start + length;
                self.quoted(start, b'\'', Kind::Char);
            }
            _ => self.add(Kind::Ident, start, start + length),
        }
    }

    fn string(&mut self, start: usize) {
        self.quoted(start, b'"', Kind::Str);
    }

    /// From the quote at `self.at` to the next one that no backslash hides, or to the end of the line.
    fn quoted(&mut self, start: usize, quote: u8, kind: Kind) {
        let mut at = self.at + 1;
        loop {
            match self.source.get(at) {
                None | Some(b'\n') => break,
                Some(b'\\') => {
                    let crlf = self.source[at + 1..].starts_with(b"\r\n");
                    at = (at + if crlf { 3 } else { 2 }).min(self.source.len());
                }
                Some(byte) if *byte == quote => {
                    at += 1;
                    break;
                }
                Some(_) => at += 1,
            }
        }
        self.add(kind, start, at);
    }

    fn raw_string(&mut self, start: usize, prefix: usize) {
        let open = start + prefix;
        let rest = &self.source[open + 1..];
        // The standard allows 16 characters before the parenthesis.
        let delimiter = memchr2(b'(', b'"', &rest[..rest.len().min(17)]).filter(|at| rest[*at] == b'(');
        let Some(delimiter) = delimiter else {
            self.at = open;
            return self.string(start);
        };
        let mut close = Vec::with_capacity(delimiter + 2);
        close.push(b')');
        close.extend_from_slice(&rest[..delimiter]);
        close.push(b'"');
        let body = &rest[delimiter..];
        let end = memmem::find(body, &close).map_or(body.len(), |at| at + close.len());
        self.add(Kind::Str, start, open + 1 + delimiter + end);
    }

    fn number(&mut self) {
        let mut at = self.at;
        while let Some(&byte) = self.source.get(at) {
            let sign =
                matches!(byte, b'+' | b'-') && matches!(self.source[at - 1], b'e' | b'E' | b'p' | b'P');
            let hexadecimal = self.source[self.at..at].starts_with(b"0x");
            let separator = byte == b'\'' && self.source.get(at + 1).is_some_and(u8::is_ascii_alphanumeric);
            let exponent =
                sign && at > self.at && !(hexadecimal && matches!(self.source[at - 1], b'e' | b'E'));
            if is_word(byte) || byte == b'.' || separator || exponent {
                at += 1;
            } else {
                break;
            }
        }
        self.add(Kind::Number, self.at, at);
    }

    fn after_include(&self) -> bool {
        if !self.directive {
            return false;
        }
        let [.., hash, word] = self.tokens.as_slice() else { return false };
        hash.kind == Kind::Hash && matches!(word.text(self.source), b"include" | b"include_next" | b"import")
    }

    fn angle(&mut self) {
        let rest = &self.source[self.at..];
        match memchr2(b'>', b'\n', rest) {
            Some(end) if rest[end] == b'>' => self.push(Kind::Str, end + 1),
            _ => self.push(Kind::Punct, 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(source: &str, expected: &[&str]) {
        let tokens = lex(source.as_bytes());
        let found: Vec<_> = tokens
            .iter()
            .map(|token| String::from_utf8_lossy(token.text(source.as_bytes())).into_owned())
            .collect();
        assert_eq!(found, expected, "lexing {source:?}");
    }

    #[test]
    fn comments_and_blanks_are_left_out() {
        check("a /* b\n */ c // d \\\n e\nf", &["a", "c", "f"]);
        check("a /* never closed", &["a"]);
    }

    #[test]
    fn literals_are_one_token() {
        check(
            r#"x = "a\"b" L"c" 'd' 0x1F 1'000u 1.5e-3f;"#,
            &["x", "=", r#""a\"b""#, "L\"c\"", "'d'", "0x1F", "1'000u", "1.5e-3f", ";"],
        );
        check("R\"x(a \" ) y)x\" b", &["R\"x(a \" ) y)x\"", "b"]);
        check("0xe+1", &["0xe", "+", "1"]);
        check("don't\nb", &["don", "'t", "b"]);
    }

    #[test]
    fn directives_have_an_end() {
        check("#include <a/b.h>\nx", &["#", "include", "<a/b.h>", "", "x"]);
        check("#if A \\\n && B\nx # y", &["#", "if", "A", "&", "&", "B", "", "x", "#", "y"]);
    }
}
