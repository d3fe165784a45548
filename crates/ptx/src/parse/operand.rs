//! Operands (6).

use super::{Parser, Result};
use crate::lexer::Kind;
use crate::operand::{Address, Operand};

impl<'text> Parser<'text> {
    /// One operand; `call` says that parentheses are a list and no expression.
    pub(super) fn operand(&mut self, call: bool) -> Result<Operand<'text>> {
        let first = self.single(call)?;
        if !self.at(b'|') {
            return Ok(first);
        }
        self.bump();
        let second = self.single(call)?;
        Ok(Operand::Pair(Box::new((first, second))))
    }

    fn single(&mut self, call: bool) -> Result<Operand<'text>> {
        match self.token.kind {
            Kind::Word => self.named(),
            Kind::Punct(b'[') => self.address(),
            Kind::Punct(b'{') => self.list(b'}', call).map(Operand::Vector),
            Kind::Punct(b'(') if call => self.list(b')', call).map(Operand::List),
            Kind::Punct(sign @ (b'!' | b'-')) => self.signed(sign),
            Kind::Number | Kind::Punct(b'(' | b'+' | b'~') => self.expression().map(Operand::Immediate),
            _ => Err(self.expected("an operand")),
        }
    }

    /// `!%p1`, `-%r1`, or a number with a sign.
    fn signed(&mut self, sign: u8) -> Result<Operand<'text>> {
        if self.lexer.before_word() && !self.lexer.before("WARP_SZ") {
            self.bump();
            return if sign == b'!' {
                Ok(Operand::Not(self.expect_word("a predicate")?))
            } else {
                Ok(Operand::Minus(Box::new(self.named()?)))
            };
        }
        self.expression().map(Operand::Immediate)
    }

    /// What starts with a name.
    fn named(&mut self) -> Result<Operand<'text>> {
        let name = self.text();
        if name == "WARP_SZ" {
            return self.expression().map(Operand::Immediate);
        }
        self.bump();
        Ok(match self.token.kind {
            Kind::Punct(b',' | b';' | b']' | b'}' | b')' | b'|') if name != "_" => Operand::Name(name),
            Kind::Dot => {
                let part = &self.text()[1..];
                self.bump();
                Operand::Part { name, part }
            }
            Kind::Punct(b'+' | b'-') => Operand::Offset { name, offset: self.expect_offset()?, index: false },
            Kind::Punct(b'[') => {
                self.bump();
                let offset = self.expect_offset()?;
                self.expect(b']', "`]`")?;
                Operand::Offset { name, offset, index: true }
            }
            _ if name == "_" => Operand::Sink,
            _ => Operand::Name(name),
        })
    }

    /// `[base+offset, …]`
    fn address(&mut self) -> Result<Operand<'text>> {
        self.bump();
        let (base, offset) = match self.token.kind {
            Kind::Word if self.text() != "WARP_SZ" => self.base()?,
            _ => (Operand::Immediate(self.expression()?), 0),
        };
        let mut more = Vec::new();
        while self.take(b',') {
            more.push(self.deeper(|parser| parser.operand(false))?);
        }
        self.expect(b']', "`]`")?;
        let unified = self.token.kind == Kind::Dot && self.text() == ".unified";
        if unified {
            self.bump();
        }
        Ok(Operand::Address(Box::new(Address { base, offset, more, unified })))
    }

    /// A register or variable and its offset.
    fn base(&mut self) -> Result<(Operand<'text>, i64)> {
        let name = self.expect_word("an address")?;
        let base = match self.token.kind {
            Kind::Dot => {
                let part = &self.text()[1..];
                self.bump();
                Operand::Part { name, part }
            }
            Kind::Punct(b'[') => {
                self.bump();
                let offset = self.expect_offset()?;
                self.expect(b']', "`]`")?;
                Operand::Offset { name, offset, index: true }
            }
            _ => Operand::Name(name),
        };
        let offset = if self.at(b'+') || self.at(b'-') { self.expect_offset()? } else { 0 };
        Ok((base, offset))
    }

    /// Operands between brackets, separated by commas; there may be none.
    fn list(&mut self, close: u8, call: bool) -> Result<Vec<Operand<'text>>> {
        self.deeper(|parser| {
            parser.bump();
            let mut operands = Vec::new();
            if parser.take(close) {
                return Ok(operands);
            }
            loop {
                operands.push(parser.operand(call)?);
                if parser.take(close) {
                    return Ok(operands);
                }
                parser.expect(b',', if close == b'}' { "`,` or `}`" } else { "`,` or `)`" })?;
            }
        })
    }
}
