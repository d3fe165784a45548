//! Kernels and functions (11.3), and what stands between their parameters and their bodies (11.4).

use super::{Parser, Result};
use crate::lexer::Kind;
use crate::span::Span;
use crate::tree::{Attribute, Directive, Function, Linkage};

impl<'text> Parser<'text> {
    /// From `.entry` or `.func` to the `;` or `}`. `first` is the first token of the declaration.
    pub(super) fn function(
        &mut self,
        first: crate::lexer::Token,
        linkage: Linkage,
        mut attributes: Vec<Attribute<'text>>,
    ) -> Result<Function<'text>> {
        let entry = self.text() == ".entry";
        self.bump();
        while self.token.kind == Kind::Dot && self.text() == ".attribute" {
            self.attribute(&mut attributes)?;
        }
        let returns = if self.at(b'(') { self.parameters()? } else { Vec::new() };
        let name = self.expect_word("a name")?;
        let parameters = if self.at(b'(') { self.parameters()? } else { Vec::new() };
        let directives = self.function_directives()?;
        let span = Span::new(first.span.start, self.end);
        let open = self.token;
        let body = if self.take(b'{') {
            Some(self.body(open))
        } else {
            self.expect(b';', "`{` or `;`")?;
            None
        };
        Ok(Function {
            linkage,
            entry,
            attributes,
            returns,
            name,
            parameters,
            directives,
            body,
            span,
            line: first.line,
        })
    }

    pub(super) fn function_directives(&mut self) -> Result<Vec<Directive<'text>>> {
        let mut directives = Vec::new();
        while self.token.kind == Kind::Dot {
            directives.push(self.function_directive()?);
        }
        Ok(directives)
    }

    fn function_directive(&mut self) -> Result<Directive<'text>> {
        let name = &self.text()[1..];
        if name == "pragma" {
            let pragmas = self.pragma_strings()?;
            self.expect(b';', "`;`")?;
            return Ok(Directive::Pragma(pragmas));
        }
        self.bump();
        Ok(match name {
            "maxntid" => Directive::Maxntid(self.triple()?),
            "reqntid" => Directive::Reqntid(self.triple()?),
            "reqnctapercluster" => Directive::Reqnctapercluster(self.triple()?),
            "minnctapersm" => Directive::Minnctapersm(self.plain_u32()?),
            "maxnctapersm" => Directive::Maxnctapersm(self.plain_u32()?),
            "maxnreg" => Directive::Maxnreg(self.plain_u32()?),
            "maxclusterrank" => Directive::Maxclusterrank(self.plain_u32()?),
            "explicitcluster" => Directive::Explicitcluster,
            "blocksareclusters" => Directive::Blocksareclusters,
            "noreturn" => Directive::Noreturn,
            name => Directive::Other { name, values: self.values()? },
        })
    }

    /// One to three numbers; those left out are 1.
    fn triple(&mut self) -> Result<[u32; 3]> {
        let mut triple = [self.plain_u32()?, 1, 1];
        for value in &mut triple[1..] {
            if !self.take(b',') {
                break;
            }
            *value = self.plain_u32()?;
        }
        Ok(triple)
    }

    /// The numbers behind a directive; there may be none.
    pub(super) fn values(&mut self) -> Result<Vec<crate::operand::Immediate>> {
        let mut values = Vec::new();
        if self.at_expression() {
            values.push(self.expression()?);
            while self.take(b',') {
                values.push(self.expression()?);
            }
        }
        Ok(values)
    }
}
