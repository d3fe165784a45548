//! Instructions (9.7), known or not: a guard, an opcode, operands.

use super::{Parser, Result};
use crate::lexer::Kind;
use crate::opcode::Mnemonic;
use crate::span::Span;
use crate::tree::{Guard, Instruction, LocId};

impl<'text> Parser<'text> {
    /// An instruction and its `;`.
    pub(super) fn instruction(&mut self, loc: Option<LocId>) -> Result<Instruction<'text>> {
        let (start, line) = (self.token.span.start, self.token.line);
        let guard = if self.at(b'@') { Some(self.guard()?) } else { None };
        if self.token.kind != Kind::Word {
            return Err(self.expected("an instruction"));
        }
        let end = self.lexer.extend_opcode();
        let text = self.slice(Span::new(self.token.span.start, end));
        self.bump();
        let opcode = self.opcode(text);
        let call = opcode.mnemonic == Some(Mnemonic::Call);
        let mut operands = Vec::new();
        if !self.at(b';') {
            operands.reserve(4);
            operands.push(self.operand(call)?);
            while self.take(b',') {
                operands.push(self.operand(call)?);
            }
        }
        let span = Span::new(start, self.end);
        self.expect(b';', "`,` or `;`")?;
        Ok(Instruction { guard, opcode, operands, span, line, loc })
    }

    fn guard(&mut self) -> Result<Guard<'text>> {
        self.bump();
        let negated = self.take(b'!');
        Ok(Guard { register: self.expect_word("a predicate")?, negated })
    }
}
