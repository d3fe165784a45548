//! What stands in functions.

use super::{Parser, Result};
use crate::error::ParseErrorKind;
use crate::lexer::Kind;
use crate::span::Span;
use crate::tree::{Body, Inlined, Loc, LocId, Prototype, Register, Statement, Targets, Unknown};
use crate::types::{Space, Type};

impl<'text> Parser<'text> {
    /// What stands between the braces of a function, the last one included; the first one is gone.
    pub(super) fn body(&mut self, open: crate::lexer::Token) -> Body<'text> {
        let mut body = Body::default();
        let mut depth = 0u32;
        loop {
            match self.token.kind {
                Kind::Punct(b'{') => {
                    self.bump();
                    body.statements.push(Statement::Open);
                    depth += 1;
                }
                Kind::Punct(b'}') if depth == 0 => {
                    self.bump();
                    return body;
                }
                Kind::Punct(b'}') => {
                    self.bump();
                    body.statements.push(Statement::Close);
                    depth -= 1;
                }
                Kind::End => {
                    let error = self.error_at(open, ParseErrorKind::OpenBrace);
                    self.report(error);
                    body.statements.extend((0..depth).map(|_| Statement::Close));
                    return body;
                }
                _ => self.statement_or_skip(&mut body),
            }
        }
    }

    fn statement_or_skip(&mut self, body: &mut Body<'text>) {
        let token = self.token;
        if let Err(error) = self.statement(body) {
            self.report(error);
            self.skip_statement(|text| matches!(text, "}" | ".loc"));
            let span = Span::new(token.span.start, self.end.max(token.span.end));
            let text = self.slice(span).trim_ascii_end();
            body.statements.push(Statement::Unknown(Unknown { text, span, line: token.line }));
        }
    }

    fn statement(&mut self, body: &mut Body<'text>) -> Result<()> {
        match self.token.kind {
            Kind::Word if self.lexer.before_colon() => {
                let label = self.text();
                self.bump();
                self.bump();
                let statement = self.labelled(label)?;
                body.statements.push(statement);
            }
            Kind::Dot => self.directive(body)?,
            _ => {
                let loc = body.locs.len().checked_sub(1).and_then(|last| u32::try_from(last).ok()).map(LocId);
                let instruction = self.instruction(loc)?;
                body.statements.push(Statement::Instruction(instruction));
            }
        }
        Ok(())
    }

    /// A label, and the directive that only makes sense with one.
    fn labelled(&mut self, label: &'text str) -> Result<Statement<'text>> {
        Ok(match (self.token.kind, self.text()) {
            (Kind::Dot, ".branchtargets") => Statement::BranchTargets(self.targets(label)?),
            (Kind::Dot, ".calltargets") => Statement::CallTargets(self.targets(label)?),
            (Kind::Dot, ".callprototype") => Statement::CallPrototype(Box::new(self.prototype(label)?)),
            _ => Statement::Label(label),
        })
    }

    fn targets(&mut self, label: &'text str) -> Result<Targets<'text>> {
        self.bump();
        let mut targets = vec![self.expect_word("a name")?];
        while self.take(b',') {
            targets.push(self.expect_word("a name")?);
        }
        self.expect(b';', "`,` or `;`")?;
        Ok(Targets { label, targets })
    }

    fn prototype(&mut self, label: &'text str) -> Result<Prototype<'text>> {
        self.bump();
        let returns = if self.at(b'(') { self.parameters()? } else { Vec::new() };
        self.expect_word("`_`")?;
        let parameters = if self.at(b'(') { self.parameters()? } else { Vec::new() };
        let directives = self.function_directives()?;
        self.expect(b';', "`;`")?;
        Ok(Prototype { label, returns, parameters, directives })
    }

    fn directive(&mut self, body: &mut Body<'text>) -> Result<()> {
        match self.text() {
            ".loc" => {
                let id = LocId(u32::try_from(body.locs.len()).unwrap_or(u32::MAX));
                let loc = self.loc()?;
                body.locs.push(loc);
                body.statements.push(Statement::Loc(id));
            }
            ".reg" => self.registers(body)?,
            ".pragma" => {
                let pragmas = self.pragma()?;
                body.statements.push(Statement::Pragma(pragmas));
            }
            _ => self.variables(|variable| body.statements.push(Statement::Variable(Box::new(variable))))?,
        }
        Ok(())
    }

    /// `.pragma "a", "b";`
    pub(super) fn pragma(&mut self) -> Result<Vec<&'text str>> {
        let pragmas = self.pragma_strings()?;
        self.expect(b';', "`;`")?;
        Ok(pragmas)
    }

    pub(super) fn pragma_strings(&mut self) -> Result<Vec<&'text str>> {
        self.bump();
        let mut pragmas = vec![self.expect_string()?];
        while self.take(b',') {
            pragmas.push(self.expect_string()?);
        }
        Ok(pragmas)
    }

    fn loc(&mut self) -> Result<Loc<'text>> {
        self.bump();
        let (file, line, column) = self.place()?;
        let inlined = if self.take(b',') { Some(self.inlined()?) } else { None };
        Ok(Loc { file, line, column, inlined })
    }

    fn place(&mut self) -> Result<(u32, u32, u32)> {
        Ok((self.plain_u32()?, self.plain_u32()?, self.plain_u32()?))
    }

    fn inlined(&mut self) -> Result<Inlined<'text>> {
        self.keyword("function_name", "`function_name`")?;
        let function = self.expect_word("a label")?;
        let offset = if self.take(b'+') { self.plain_u32()? } else { 0 };
        self.expect(b',', "`,`")?;
        self.keyword("inlined_at", "`inlined_at`")?;
        let (file, line, column) = self.place()?;
        Ok(Inlined { function, offset, file, line, column })
    }

    fn keyword(&mut self, word: &str, expected: &'static str) -> Result<()> {
        if self.token.kind != Kind::Word || self.text() != word {
            return Err(self.expected(expected));
        }
        self.bump();
        Ok(())
    }

    /// `.reg .v2 .f32 %a, %f<3>;`
    fn registers(&mut self, body: &mut Body<'text>) -> Result<()> {
        self.bump();
        let mut vector = None;
        let ty = loop {
            if self.token.kind != Kind::Dot {
                return Err(self.expected("a type"));
            }
            let text = &self.text()[1..];
            if let Some(ty) = declared_type(text) {
                break ty;
            }
            if text == "align" {
                self.bump();
                self.plain_u32()?; // ptxas takes it; a register has no address
                continue;
            }
            vector = Some(vector_width(text).ok_or_else(|| self.expected("a type"))?);
            self.bump();
        };
        self.bump();
        loop {
            let name = self.expect_word("a name")?;
            let count = self.row()?;
            body.statements.push(Statement::Register(Register { ty, vector, name, count }));
            if self.take(b';') {
                return Ok(());
            }
            self.expect(b',', "`,` or `;`")?;
        }
    }

    /// `<12>` behind a name.
    pub(super) fn row(&mut self) -> Result<Option<u32>> {
        if !self.take(b'<') {
            return Ok(None);
        }
        let count = self.plain_u32()?;
        self.expect(b'>', "`>`")?;
        Ok(Some(count))
    }
}

/// The type that registers and variables of this word have.
pub(super) fn declared_type(text: &str) -> Option<Type> {
    Type::parse(text).filter(|ty| {
        matches!(
            ty,
            Type::Pred
                | Type::F16
                | Type::F16x2
                | Type::F32
                | Type::F64
                | Type::Texref
                | Type::Samplerref
                | Type::Surfref
                | Type::B8
                | Type::B16
                | Type::B32
                | Type::B64
                | Type::B128
                | Type::U8
                | Type::U16
                | Type::U32
                | Type::U64
                | Type::S8
                | Type::S16
                | Type::S32
                | Type::S64
        )
    })
}

pub(super) fn vector_width(text: &str) -> Option<u8> {
    match text {
        "v2" => Some(2),
        "v4" => Some(4),
        "v8" => Some(8),
        _ => None,
    }
}

/// The space that a declaration of this word makes.
pub(super) fn declared_space(text: &str) -> Option<Space> {
    match text {
        "reg" | "sreg" | "const" | "global" | "local" | "param" | "shared" | "tex" => Space::parse(text),
        _ => None,
    }
}
