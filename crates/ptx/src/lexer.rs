//! Text to tokens, one at a time. Words behind dots are tokens of their own, so that `.16x64b` isn't a number.

use memchr::{memchr, memchr_iter, memmem};

use crate::span::Span;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `%r1`, `$L__BB0_1`, `mov`.
    Word,
    /// `.u32`, `.shared::cta`, its dot included.
    Dot,
    /// `12`, `0xffU`, `0f3f800000`, `1.5e-3`.
    Number,
    /// `"…"`, its quotes included.
    String,
    /// A single byte of punctuation.
    Punct(u8),
    /// `&&`, `||`, `==`, `!=`, `<=`, `>=`, `<<`, `>>`: the first byte, and the second.
    Operator(u8, u8),
    /// The end of the text.
    End,
    /// A stray character.
    Bad,
    /// A comment without an end.
    OpenComment,
    /// A string without an end.
    OpenString,
}

/// A token, without its text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) span: Span,
    pub(crate) line: u32,
}

/// Where in the text we are.
#[derive(Clone, Debug)]
pub(crate) struct Lexer<'text> {
    text: &'text str,
    position: usize,
    line: u32,
}

const WORD: u8 = 1;
const DIGIT: u8 = 2;
const START: u8 = 4;
const BLANK: u8 = 8;

const CLASSES: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut classes = [0; 256];
    let mut byte = 0u8;
    loop {
        classes[byte as usize] = match byte {
            b'0'..=b'9' => WORD | DIGIT,
            b'a'..=b'z' | b'A'..=b'Z' | b'_' | b'$' => WORD | START,
            b'%' => START,
            b' ' | b'\t' | b'\r' | b'\x0b' | b'\x0c' => BLANK,
            _ => 0,
        };
        if byte == 255 {
            return classes;
        }
        byte += 1;
    }
}

const fn is(byte: u8, class: u8) -> bool {
    CLASSES[byte as usize] & class != 0
}

impl<'text> Lexer<'text> {
    /// From `start` on, which is in line `line`. The text is shorter than 4 GiB.
    pub(crate) const fn new(text: &'text str, start: usize, line: u32) -> Self {
        Self { text, position: start, line }
    }

    pub(crate) const fn text(&self) -> &'text str {
        self.text
    }

    fn byte(&self, ahead: usize) -> u8 {
        self.text.as_bytes().get(self.position + ahead).copied().unwrap_or(0)
    }

    /// The next token.
    pub(crate) fn next(&mut self) -> Token {
        let blank = self.skip_blank();
        let (start, line) = (self.position, self.line);
        let kind = match blank {
            Ok(()) => self.kind(),
            Err(begin) => return self.token(Kind::OpenComment, begin, line),
        };
        self.token(kind, start, line)
    }

    #[expect(clippy::cast_possible_truncation, reason = "the text is shorter than 4 GiB")]
    fn token(&self, kind: Kind, start: usize, line: u32) -> Token {
        Token { kind, span: Span::new(start as u32, self.position as u32), line }
    }

    /// White space and comments; the start of a comment that has no end.
    fn skip_blank(&mut self) -> Result<(), usize> {
        let bytes = self.text.as_bytes();
        loop {
            match self.byte(0) {
                b'\n' => {
                    self.line += 1;
                    self.position += 1;
                }
                byte if is(byte, BLANK) => self.position += 1,
                b'/' if self.byte(1) == b'/' => {
                    let rest = &bytes[self.position..];
                    self.position += memchr(b'\n', rest).unwrap_or(rest.len());
                }
                b'/' if self.byte(1) == b'*' => {
                    let start = self.position;
                    let rest = &bytes[start + 2..];
                    let length = memmem::find(rest, b"*/");
                    let comment = &rest[..length.unwrap_or(rest.len())];
                    self.position = length.map_or(bytes.len(), |length| start + length + 4);
                    if length.is_none() {
                        return Err(start);
                    }
                    self.line += count_lines(comment);
                }
                _ => return Ok(()),
            }
        }
    }

    fn kind(&mut self) -> Kind {
        let byte = self.byte(0);
        if is(byte, START) && (byte != b'%' || is(self.byte(1), WORD)) {
            self.position += 1;
            self.skip_word();
            return Kind::Word;
        }
        if is(byte, DIGIT) {
            self.skip_number();
            return Kind::Number;
        }
        match byte {
            b'.' if is(self.byte(1), WORD) => {
                if is(self.byte(1), DIGIT) {
                    self.skip_number();
                    return Kind::Number;
                }
                self.skip_dots(false);
                Kind::Dot
            }
            b'"' => self.string(),
            0 if self.position >= self.text.len() => Kind::End,
            b',' | b';' | b'{' | b'}' | b'[' | b']' | b'(' | b')' | b'+' | b'-' | b'*' | b'/' | b'%'
            | b'~' | b'^' | b'?' | b':' | b'@' => self.punct(),
            b'<' | b'>' | b'=' | b'!' | b'&' | b'|' => {
                let second = self.byte(1);
                let twin = second == byte && matches!(byte, b'<' | b'>' | b'=' | b'&' | b'|');
                if twin || (second == b'=' && matches!(byte, b'<' | b'>' | b'!')) {
                    self.position += 2;
                    return Kind::Operator(byte, second);
                }
                self.punct()
            }
            _ => {
                let character = self.text.get(self.position..).and_then(|rest| rest.chars().next());
                self.position += character.map_or(1, char::len_utf8);
                Kind::Bad
            }
        }
    }

    fn punct(&mut self) -> Kind {
        let byte = self.byte(0);
        self.position += 1;
        Kind::Punct(byte)
    }

    fn skip_word(&mut self) {
        while is(self.byte(0), WORD) {
            self.position += 1;
        }
    }

    /// Digits, letters, a dot, and the sign of an exponent.
    fn skip_number(&mut self) {
        let decimal = !(self.byte(0) == b'0' && matches!(self.byte(1) | 0x20, b'x' | b'f' | b'd' | b'b'));
        loop {
            let byte = self.byte(0);
            if is(byte, WORD) || (byte == b'.' && decimal) {
                self.position += 1;
                let signed = decimal && byte | 0x20 == b'e' && matches!(self.byte(0), b'+' | b'-');
                self.position += usize::from(signed);
            } else {
                return;
            }
        }
    }

    /// `.word::word`, and more of them if `many`.
    fn skip_dots(&mut self, many: bool) {
        while self.byte(0) == b'.' && is(self.byte(1), WORD) {
            self.position += 1;
            self.skip_word();
            while self.byte(0) == b':' && self.byte(1) == b':' && is(self.byte(2), WORD) {
                self.position += 2;
                self.skip_word();
            }
            if !many {
                return;
            }
        }
    }

    fn string(&mut self) -> Kind {
        let rest = &self.text.as_bytes()[self.position + 1..];
        let length = memchr(b'"', rest);
        self.line += count_lines(&rest[..length.unwrap_or(rest.len())]);
        self.position += length.map_or(rest.len() + 1, |length| length + 2);
        if length.is_none() {
            return Kind::OpenString;
        }
        Kind::String
    }

    /// Behind a word: takes the dotted words that belong to it, white space before a dot allowed; and where they end.
    #[expect(clippy::cast_possible_truncation, reason = "the text is shorter than 4 GiB")]
    pub(crate) fn extend_opcode(&mut self) -> u32 {
        self.skip_dots(true);
        loop {
            let before = (self.position, self.line);
            if self.skip_blank().is_ok() && self.byte(0) == b'.' && is(self.byte(1), WORD) {
                self.skip_dots(true);
                continue;
            }
            (self.position, self.line) = before;
            return self.position as u32;
        }
    }

    /// Whether a single colon comes next: the word before it is a label.
    pub(crate) fn before_colon(&self) -> bool {
        match self.byte(0) {
            b':' => true,
            byte if is(byte, BLANK) || byte == b'\n' || byte == b'/' => {
                let mut ahead = self.clone();
                ahead.skip_blank().is_ok() && ahead.byte(0) == b':'
            }
            _ => false,
        }
    }

    /// Whether a word comes next.
    pub(crate) fn before_word(&self) -> bool {
        let mut ahead = self.clone();
        ahead.skip_blank().is_ok() && is(ahead.byte(0), START)
    }

    /// Whether exactly this word comes next.
    pub(crate) fn before(&self, word: &str) -> bool {
        let mut ahead = self.clone();
        let token = ahead.next();
        token.kind == Kind::Word && token.span.of(self.text) == word
    }

    /// Whether `token` is the first of its line.
    pub(crate) fn opens_line(&self, token: Token) -> bool {
        let before = &self.text.as_bytes()[..token.span.start as usize];
        before.iter().rev().find(|byte| !is(**byte, BLANK)).is_none_or(|byte| *byte == b'\n')
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the text is shorter than 4 GiB")]
fn count_lines(bytes: &[u8]) -> u32 {
    memchr_iter(b'\n', bytes).count() as u32
}
