//! Variables and parameters (5.4), and what they start with.

use super::statement::{declared_space, declared_type, vector_width};
use super::{Parser, Result};
use crate::error::ParseErrorKind;
use crate::lexer::Kind;
use crate::span::Span;
use crate::tree::{Attribute, Initial, Linkage, Pointer, Symbol, Variable};
use crate::types::{Space, Type};

/// How many attributes a declaration may have, and values each of them; each name of a declaration gets a copy.
const MAX_ATTRIBUTES: usize = 8;

/// What several variables of one declaration share.
#[derive(Clone, Default)]
pub(super) struct Head<'text> {
    pub(super) linkage: Linkage,
    pub(super) attributes: Vec<Attribute<'text>>,
    space: Option<Space>,
    align: Option<u32>,
    vector: Option<u8>,
    pointer: Option<Pointer>,
}

impl<'text> Parser<'text> {
    /// A declaration in a function.
    pub(super) fn variables(&mut self, push: impl FnMut(Variable<'text>)) -> Result<()> {
        let start = self.token.span.start;
        let mut head = Head::default();
        if let Some(linkage) = self.linkage() {
            head.linkage = linkage;
        }
        self.declaration(start, head, push)
    }

    /// `.visible` and its like.
    pub(super) fn linkage(&mut self) -> Option<Linkage> {
        if self.token.kind != Kind::Dot {
            return None;
        }
        let linkage = match self.text() {
            ".visible" => Linkage::Visible,
            ".extern" => Linkage::Extern,
            ".weak" => Linkage::Weak,
            ".common" => Linkage::Common,
            _ => return None,
        };
        self.bump();
        Some(linkage)
    }

    /// From the space to the `;`; one variable for each name.
    pub(super) fn declaration(
        &mut self,
        start: u32,
        mut head: Head<'text>,
        mut push: impl FnMut(Variable<'text>),
    ) -> Result<()> {
        let ty = self.type_of(&mut head)?;
        loop {
            push(self.declarator(start, &head, ty, true)?);
            if self.take(b';') {
                return Ok(());
            }
            self.expect(b',', "`,` or `;`")?;
        }
    }

    /// `(.param .u64 a, .param .align 8 .b8 b[16])`
    pub(super) fn parameters(&mut self) -> Result<Vec<Variable<'text>>> {
        self.expect(b'(', "`(`")?;
        let mut parameters = Vec::new();
        if self.take(b')') {
            return Ok(parameters);
        }
        loop {
            let start = self.token.span.start;
            let mut head = Head::default();
            let ty = self.type_of(&mut head)?;
            parameters.push(self.declarator(start, &head, ty, false)?);
            if self.take(b')') {
                return Ok(parameters);
            }
            self.expect(b',', "`,` or `)`")?;
        }
    }

    /// Space, alignment, vector width and attributes in any order, up to the type; and `.ptr` behind it.
    fn type_of(&mut self, head: &mut Head<'text>) -> Result<Type> {
        let mut found = None;
        while self.token.kind == Kind::Dot {
            let word = &self.text()[1..];
            if word == "align" && found.is_none() {
                self.bump();
                head.align = Some(self.plain_u32()?);
            } else if word == "attribute" {
                self.attribute(&mut head.attributes)?;
            } else if word == "ptr" {
                self.bump();
                head.pointer = Some(self.pointer()?);
            } else if let (None, Some(space)) = (head.space, declared_space(word)) {
                self.bump();
                head.space = Some(space);
                if self.take(b'[') {
                    self.plain_u32()?; // `.const[2]`: banks, deprecated since PTX 2.2
                    self.expect(b']', "`]`")?;
                }
            } else if let (None, Some(ty)) = (found, declared_type(word)) {
                self.bump();
                found = Some(ty);
            } else if let (None, Some(width)) = (found, vector_width(word)) {
                self.bump();
                head.vector = Some(width);
            } else if found.is_none() && head.space.is_none() {
                return Err(self
                    .error(ParseErrorKind::UnknownDirective { name: ParseErrorKind::shorten(self.text()) }));
            } else {
                return Err(self.expected("a type or a name"));
            }
        }
        match found {
            Some(ty) if head.space.is_some() => Ok(ty),
            Some(_) => Err(self.expected("a state space before the type")),
            None => Err(self.expected("a type")),
        }
    }

    /// `.global .align 8` behind `.ptr`.
    fn pointer(&mut self) -> Result<Pointer> {
        let mut pointer = Pointer { space: None, align: None };
        while self.token.kind == Kind::Dot {
            match &self.text()[1..] {
                "align" => {
                    self.bump();
                    pointer.align = Some(self.plain_u32()?);
                }
                word => {
                    pointer.space = Some(declared_space(word).ok_or_else(|| self.expected("a state space"))?);
                    self.bump();
                }
            }
        }
        Ok(pointer)
    }

    /// `.attribute(.managed, .unified(1, 2))`
    pub(super) fn attribute(&mut self, attributes: &mut Vec<Attribute<'text>>) -> Result<()> {
        self.bump();
        self.expect(b'(', "`(`")?;
        loop {
            if self.token.kind != Kind::Dot || attributes.len() == MAX_ATTRIBUTES {
                return Err(self.expected("at most 8 attributes"));
            }
            let name = &self.text()[1..];
            self.bump();
            let mut values = Vec::new();
            if self.take(b'(') {
                values.push(self.expression()?);
                while values.len() < MAX_ATTRIBUTES && self.take(b',') {
                    values.push(self.expression()?);
                }
                self.expect(b')', "`)`")?;
            }
            attributes.push(Attribute { name, values });
            if !self.take(b',') {
                return self.expect(b')', "`,` or `)`");
            }
        }
    }

    /// A name, its array, its row and what it starts with.
    fn declarator(
        &mut self,
        start: u32,
        head: &Head<'text>,
        ty: Type,
        initial: bool,
    ) -> Result<Variable<'text>> {
        let line = self.token.line;
        let name = self.expect_word("a name")?;
        let count = self.row()?;
        let mut dimensions = Vec::new();
        while self.take(b'[') {
            dimensions.push(if self.at(b']') { None } else { Some(self.plain_u64()?) });
            self.expect(b']', "`]`")?;
        }
        let initial = if initial && self.take(b'=') { Some(self.initial()?) } else { None };
        Ok(Variable {
            linkage: head.linkage,
            space: head.space.unwrap_or(Space::Param),
            attributes: head.attributes.clone(),
            align: head.align,
            vector: head.vector,
            ty,
            pointer: head.pointer,
            name,
            count,
            dimensions,
            initial,
            span: Span::new(start, self.end),
            line,
        })
    }

    fn initial(&mut self) -> Result<Initial<'text>> {
        match self.token.kind {
            Kind::Number => self.number_or_mask(),
            Kind::Punct(b'{') => self.deeper(Self::initial_list),
            Kind::Word if !self.at_expression() => Ok(Initial::Symbol(Box::new(self.symbol(None)?))),
            _ => self.expression().map(Initial::Number),
        }
    }

    fn initial_list(&mut self) -> Result<Initial<'text>> {
        self.bump();
        let mut values = Vec::new();
        if self.take(b'}') {
            return Ok(Initial::List(values));
        }
        loop {
            values.push(self.initial()?);
            if self.take(b'}') {
                return Ok(Initial::List(values));
            }
            self.expect(b',', "`,` or `}`")?;
        }
    }

    /// A number, or `0xFF00(name)`.
    fn number_or_mask(&mut self) -> Result<Initial<'text>> {
        let value = self.expression()?;
        if !self.at(b'(') {
            return Ok(Initial::Number(value));
        }
        let Some(mask) = value.integer() else { return Err(self.expected("`,` or `;`")) };
        self.bump();
        let symbol = self.symbol(Some(mask))?;
        self.expect(b')', "`)`")?;
        Ok(Initial::Symbol(Box::new(symbol)))
    }

    /// `name+8`, `generic(name)+8`
    fn symbol(&mut self, mask: Option<u64>) -> Result<Symbol<'text>> {
        let mut name = self.expect_word("a name")?;
        let generic = name == "generic" && self.take(b'(');
        if generic {
            name = self.expect_word("a name")?;
            self.expect(b')', "`)`")?;
        }
        Ok(Symbol { name, generic, offset: self.addend()?, mask })
    }
}
