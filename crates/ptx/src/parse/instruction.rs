//! Instructions (9.7), known or not: a guard, an opcode, operands.

use super::{Parser, Result};
use crate::error::ParseErrorKind;
use crate::lexer::Kind;
use crate::opcode::Mnemonic;
use crate::operand::Operand;
use crate::span::Span;
use crate::tree::{Guard, Instruction, LocId};

type Read<'text> = fn(&mut Parser<'text>) -> Result<Operand<'text>>;

impl<'text> Parser<'text> {
    /// An instruction and its `;`.
    pub(super) fn instruction(&mut self, loc: Option<LocId>) -> Result<Instruction<'text>> {
        let (start, line) = (self.token.span.start, self.token.line);
        let guard = if self.at(b'@') { Some(self.guard()?) } else { None };
        if self.token.kind != Kind::Word {
            return Err(self.expected("an instruction"));
        }
        let named = self.token;
        let end = self.lexer.extend_opcode();
        let text = self.slice(Span::new(self.token.span.start, end));
        self.bump();
        let opcode = self.opcode(text);
        let operands = match opcode.mnemonic {
            _ if self.at(b';') => Vec::new(),
            Some(Mnemonic::Call) => self.operands(Self::call_operand, Self::call_operand)?,
            _ => self.operands(Self::first_operand, Self::operand)?,
        };
        let span = Span::new(start, self.end);
        self.expect(b';', "`,` or `;`")?;
        let instruction = Instruction { guard, opcode, operands, span, line, loc };
        if instruction.opcode.mnemonic == Some(Mnemonic::Call) && instruction.call().is_none() {
            let expected = "`call (returned), function, (passed), prototype`";
            return Err(self
                .error_at(named, ParseErrorKind::Expected { expected, found: "another order".to_owned() }));
        }
        Ok(instruction)
    }

    fn operands(&mut self, first: Read<'text>, more: Read<'text>) -> Result<Vec<Operand<'text>>> {
        let mut operands = std::mem::take(&mut self.operands);
        operands.clear();
        operands.push(first(self)?);
        while self.take(b',') {
            operands.push(more(self)?);
        }
        #[expect(
            clippy::drain_collect,
            reason = "the new list takes no more memory than it needs; there are millions"
        )]
        let exact = operands.drain(..).collect();
        self.operands = operands;
        Ok(exact)
    }

    fn guard(&mut self) -> Result<Guard<'text>> {
        self.bump();
        let negated = self.take(b'!');
        Ok(Guard { register: self.expect_word("a predicate")?, negated })
    }
}
