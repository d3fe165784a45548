//! Operands (6). None holds one of its own kind, so that nothing here recurses.

use super::{Parser, Result};
use crate::lexer::Kind;
use crate::operand::{Address, Operand};

impl<'text> Parser<'text> {
    /// The first operand: it alone may be two destinations.
    pub(super) fn first_operand(&mut self) -> Result<Operand<'text>> {
        let first = self.operand()?;
        if !self.take(b'|') {
            return Ok(first);
        }
        let second = self.operand()?;
        Ok(Operand::Pair(Box::new((first, second))))
    }

    /// One operand of anything but a call.
    pub(super) fn operand(&mut self) -> Result<Operand<'text>> {
        match self.token.kind {
            Kind::Word => self.named(),
            Kind::Punct(b'[') => self.address(),
            Kind::Punct(b'{') => self.vector(),
            Kind::Punct(sign @ (b'!' | b'-')) => self.signed(sign),
            _ if self.at_expression() => self.expression().map(Operand::Immediate),
            _ => Err(self.expected("an operand")),
        }
    }

    /// One operand of a call: a list, a name or a number.
    pub(super) fn call_operand(&mut self) -> Result<Operand<'text>> {
        match self.token.kind {
            Kind::Punct(b'(') => self.list(b')', "`,` or `)`", Self::argument).map(Operand::List),
            _ => self.argument(),
        }
    }

    fn argument(&mut self) -> Result<Operand<'text>> {
        match self.token.kind {
            Kind::Word if self.text() != "WARP_SZ" => Ok(match self.expect_word("a name")? {
                "_" => Operand::Sink,
                name => Operand::Name(name),
            }),
            _ => self.expression().map(Operand::Immediate),
        }
    }

    /// `!%p1`, `-%r1`, or a number with a sign.
    fn signed(&mut self, sign: u8) -> Result<Operand<'text>> {
        if self.lexer.before_word() && !self.lexer.before("WARP_SZ") {
            self.bump();
            return if sign == b'!' {
                Ok(Operand::Not(self.expect_word("a predicate")?))
            } else {
                let name = self.expect_word("a register")?;
                Ok(Operand::Minus(Box::new(self.part(name))))
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
            Kind::Punct(b'+') => Operand::Offset { name, offset: self.addend()? },
            Kind::Punct(b'[') => {
                self.bump();
                let index = Box::new(self.element()?);
                self.expect(b']', "`]`")?;
                Operand::Element { name, index }
            }
            _ if name == "_" => Operand::Sink,
            _ => self.part(name),
        })
    }

    /// `name` or `name.part`.
    fn part(&mut self, name: &'text str) -> Operand<'text> {
        if self.token.kind != Kind::Dot {
            return Operand::Name(name);
        }
        let part = &self.text()[1..];
        self.bump();
        Operand::Part { name, part }
    }

    /// `+8` behind a name, or nothing.
    pub(super) fn addend(&mut self) -> Result<i64> {
        if self.take(b'+') { self.expect_offset() } else { Ok(0) }
    }

    /// `[base+offset, …]`
    fn address(&mut self) -> Result<Operand<'text>> {
        self.bump();
        let (base, offset) = match self.token.kind {
            Kind::Word if self.text() != "WARP_SZ" => {
                let base = Operand::Name(self.expect_word("an address")?);
                (base, self.addend()?)
            }
            _ => (Operand::Immediate(self.expression()?), 0),
        };
        let mut more = Vec::new();
        while self.take(b',') {
            more.push(match self.token.kind {
                Kind::Punct(b'{') => self.vector()?,
                _ => self.element()?,
            });
        }
        self.expect(b']', "`,` or `]`")?;
        let unified = self.token.kind == Kind::Dot && self.text() == ".unified";
        if unified {
            self.bump();
        }
        Ok(Operand::Address(Box::new(Address { base, offset, more, unified })))
    }

    fn vector(&mut self) -> Result<Operand<'text>> {
        self.list(b'}', "`,` or `}`", Self::element).map(Operand::Vector)
    }

    /// What may stand in a vector.
    fn element(&mut self) -> Result<Operand<'text>> {
        match self.token.kind {
            Kind::Word if self.text() != "WARP_SZ" => {
                let name = self.expect_word("an operand")?;
                Ok(if name == "_" { Operand::Sink } else { self.part(name) })
            }
            _ if self.at_expression() => self.expression().map(Operand::Immediate),
            _ => Err(self.expected("a register or a number")),
        }
    }

    /// Operands between brackets, separated by commas; parentheses may be empty.
    fn list(
        &mut self,
        close: u8,
        expected: &'static str,
        operand: fn(&mut Self) -> Result<Operand<'text>>,
    ) -> Result<Vec<Operand<'text>>> {
        self.bump();
        let mut operands = Vec::with_capacity(4);
        if close == b')' && self.take(close) {
            return Ok(operands);
        }
        loop {
            operands.push(operand(self)?);
            if self.take(close) {
                return Ok(operands);
            }
            self.expect(b',', expected)?;
        }
    }
}
