//! Tokens to a tree. One token is looked ahead; an error skips one statement; nothing recurses deeper than [`MAX_DEPTH`].

mod expression;
mod function;
mod instruction;
mod module;
mod operand;
pub(crate) mod section;
mod statement;
mod variable;

use std::collections::HashMap;
use std::sync::Arc;

use crate::error::{ParseError, ParseErrorKind};
use crate::lexer::{Kind, Lexer, Token};
use crate::opcode::Opcode;
use crate::operand::{Immediate, Operand};
use crate::span::Span;
use crate::tree::Module;

/// How many errors are kept.
pub const MAX_ERRORS: usize = 100;
/// How deep parentheses and braces may be nested.
const MAX_DEPTH: u32 = 64;

type Result<T> = std::result::Result<T, ParseError>;

/// What [`parse`] made of a text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parsed<'text> {
    /// What was understood; the rest is `Unknown` in it.
    pub module: Module<'text>,
    /// What was wrong, in the order of the text; at most [`MAX_ERRORS`], and then `TooMany`. An instruction that isn't known
    /// is no error.
    pub errors: Vec<ParseError>,
}

/// Parses PTX text. A zero byte ends it, as it does for the driver.
pub fn parse(text: &str) -> Parsed<'_> {
    let text = memchr::memchr(0, text.as_bytes()).map_or(text, |end| &text[..end]);
    if u32::try_from(text.len()).is_err() {
        let error = ParseError { kind: ParseErrorKind::TooLong, span: Span::default(), line: 1, column: 1 };
        return Parsed { module: Module::default(), errors: vec![error] };
    }
    let mut parser = Parser::new(text, 0, 1);
    let module = parser.module();
    Parsed { module, errors: parser.errors }
}

/// What the parts of the grammar share.
pub(crate) struct Parser<'text> {
    lexer: Lexer<'text>,
    /// The token that is looked at.
    token: Token,
    /// Where the token before it ended.
    end: u32,
    opcodes: HashMap<&'text str, Arc<Opcode<'text>>>,
    errors: Vec<ParseError>,
    depth: u32,
    /// An empty list, kept for its memory.
    operands: Vec<Operand<'text>>,
}

impl<'text> Parser<'text> {
    fn new(text: &'text str, start: usize, line: u32) -> Self {
        let mut lexer = Lexer::new(text, start, line);
        let token = lexer.next();
        Self {
            lexer,
            token,
            end: 0,
            opcodes: HashMap::new(),
            errors: Vec::new(),
            depth: 0,
            operands: Vec::new(),
        }
    }

    fn slice(&self, span: Span) -> &'text str {
        span.of(self.lexer.text())
    }

    /// The text of the token that is looked at.
    fn text(&self) -> &'text str {
        self.slice(self.token.span)
    }

    fn bump(&mut self) {
        self.end = self.token.span.end;
        self.token = self.lexer.next();
    }

    fn at(&self, byte: u8) -> bool {
        self.token.kind == Kind::Punct(byte)
    }

    /// Takes the byte if it is there.
    fn take(&mut self, byte: u8) -> bool {
        let found = self.at(byte);
        if found {
            self.bump();
        }
        found
    }

    fn expect(&mut self, byte: u8, expected: &'static str) -> Result<()> {
        if self.take(byte) { Ok(()) } else { Err(self.expected(expected)) }
    }

    fn expect_word(&mut self, expected: &'static str) -> Result<&'text str> {
        if self.token.kind != Kind::Word {
            return Err(self.expected(expected));
        }
        let text = self.text();
        self.bump();
        Ok(text)
    }

    /// A string, without its quotes.
    fn expect_string(&mut self) -> Result<&'text str> {
        if self.token.kind != Kind::String {
            return Err(self.expected("a string"));
        }
        let text = self.text();
        self.bump();
        Ok(&text[1..text.len() - 1])
    }

    /// A constant expression that is an integer.
    fn expect_integer(&mut self) -> Result<u64> {
        let span = self.token;
        let value = self.expression()?;
        value
            .integer()
            .ok_or_else(|| self.error_at(span, ParseErrorKind::OutOfRange { expected: "an integer" }))
    }

    /// An integer, and no expression: what follows belongs to something else.
    fn plain_u64(&mut self) -> Result<u64> {
        if self.token.kind == Kind::Word && self.text() == "WARP_SZ" {
            return self.expect_integer();
        }
        if self.token.kind != Kind::Number {
            return Err(self.expected("a number"));
        }
        let token = self.token;
        let value = self.literal()?.integer();
        value.ok_or_else(|| self.error_at(token, ParseErrorKind::OutOfRange { expected: "an integer" }))
    }

    /// The same, of 32 bits.
    fn plain_u32(&mut self) -> Result<u32> {
        let token = self.token;
        let value = u32::try_from(self.plain_u64()?);
        value.map_err(|_| self.error_at(token, ParseErrorKind::OutOfRange { expected: "0 to 4294967295" }))
    }

    /// A constant expression, as a signed number of bytes.
    fn expect_offset(&mut self) -> Result<i64> {
        Ok(self.expect_integer()?.cast_signed())
    }

    /// The literal that is looked at.
    fn literal(&mut self) -> Result<Immediate> {
        let text = self.text();
        let Some(value) = crate::number::parse(text) else {
            return Err(self.error(ParseErrorKind::BadNumber { text: ParseErrorKind::shorten(text) }));
        };
        self.bump();
        Ok(value)
    }

    /// The opcode of this text, made once.
    fn opcode(&mut self, text: &'text str) -> Arc<Opcode<'text>> {
        self.opcodes.entry(text).or_insert_with(|| Arc::new(Opcode::parse(text))).clone()
    }

    /// Runs `inner` one level deeper.
    fn deeper<T>(&mut self, inner: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.depth == MAX_DEPTH {
            return Err(self.error(ParseErrorKind::TooDeep));
        }
        self.depth += 1;
        let result = inner(self);
        self.depth -= 1;
        result
    }

    fn expected(&self, expected: &'static str) -> ParseError {
        let found = match self.token.kind {
            Kind::OpenComment => return self.error(ParseErrorKind::OpenComment),
            Kind::OpenString => return self.error(ParseErrorKind::OpenString),
            Kind::End => "the end".to_owned(),
            _ => format!("`{}`", ParseErrorKind::shorten(self.text())),
        };
        self.error(ParseErrorKind::Expected { expected, found })
    }

    fn error(&self, kind: ParseErrorKind) -> ParseError {
        self.error_at(self.token, kind)
    }

    fn error_at(&self, token: Token, kind: ParseErrorKind) -> ParseError {
        if self.errors.len() > MAX_ERRORS {
            return ParseError { kind, span: token.span, line: token.line, column: 0 }; // it will not be kept
        }
        let before = &self.lexer.text().as_bytes()[..token.span.start as usize];
        let line_start = memchr::memrchr(b'\n', before).map_or(0, |newline| newline + 1);
        let column = u32::try_from(before.len() - line_start).unwrap_or(u32::MAX).saturating_add(1);
        ParseError { kind, span: token.span, line: token.line, column }
    }

    fn report(&mut self, error: ParseError) {
        match self.errors.len() {
            ..MAX_ERRORS => self.errors.push(error),
            MAX_ERRORS => self.errors.push(ParseError { kind: ParseErrorKind::TooMany, ..error }),
            _ => {}
        }
    }

    /// Skips the rest of what couldn't be read: up to its `;`, or to a brace or directive that opens a line.
    fn skip_statement(&mut self, stops: impl Fn(&str) -> bool) {
        loop {
            match self.token.kind {
                Kind::Punct(b';') => {
                    self.bump();
                    return;
                }
                Kind::Punct(b'}') | Kind::Dot if self.lexer.opens_line(self.token) && stops(self.text()) => {
                    return;
                }
                Kind::End => return,
                _ => self.bump(),
            }
        }
    }
}
