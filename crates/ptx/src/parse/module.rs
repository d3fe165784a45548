//! What stands outside of functions.

use super::variable::Head;
use super::{Parser, Result};
use crate::error::ParseErrorKind;
use crate::lexer::{Kind, Token};
use crate::span::Span;
use crate::tree::{File, Item, Module, Unknown};

impl<'text> Parser<'text> {
    /// The whole text.
    pub(super) fn module(&mut self) -> Module<'text> {
        let mut module = Module::default();
        if self.token.kind != Kind::Dot || self.text() != ".version" {
            let error = self.expected("`.version`");
            self.report(error);
        }
        while self.token.kind != Kind::End {
            let token = self.token;
            if let Err(error) = self.item(&mut module) {
                self.report(error);
                if self.token.span.start == token.span.start {
                    self.bump(); // or the same token is met again and again
                }
                self.skip_statement(|text| text != "}" && known(text));
                let span = Span::new(token.span.start, self.end.max(token.span.end));
                let text = self.slice(span).trim_ascii_end();
                module.items.push(Item::Unknown(Unknown { text, span, line: token.line }));
            }
        }
        module
    }

    fn item(&mut self, module: &mut Module<'text>) -> Result<()> {
        let first = self.token;
        match self.token.kind {
            Kind::Dot => match self.text() {
                ".version" if module.version.is_none() => {
                    self.bump();
                    module.version = Some(self.version()?);
                }
                ".target" if module.target.is_empty() => {
                    self.bump();
                    module.target = self.target()?;
                }
                ".address_size" => {
                    self.bump();
                    module.address_size = Some(self.plain_u32()?);
                }
                ".file" => {
                    self.bump();
                    let file = self.file()?;
                    module.items.push(Item::File(file));
                }
                ".section" => {
                    let section = self.section()?;
                    module.items.push(Item::Section(section));
                }
                ".pragma" => {
                    let pragmas = self.pragma()?;
                    module.items.push(Item::Pragma(pragmas));
                }
                ".alias" => {
                    self.bump();
                    let name = self.expect_word("a name")?;
                    self.expect(b',', "`,`")?;
                    let aliasee = self.expect_word("a name")?;
                    self.expect(b';', "`;`")?;
                    module.items.push(Item::Alias { name, aliasee });
                }
                _ => self.declared(first, module)?,
            },
            _ => return Err(self.expected("a directive")),
        }
        Ok(())
    }

    /// A function or variable.
    fn declared(&mut self, first: Token, module: &mut Module<'text>) -> Result<()> {
        let mut head = Head::default();
        if let Some(linkage) = self.linkage() {
            head.linkage = linkage;
        }
        while self.token.kind == Kind::Dot && self.text() == ".attribute" {
            self.attribute(&mut head.attributes)?;
        }
        if self.token.kind == Kind::Dot && matches!(self.text(), ".entry" | ".func") {
            let function = self.function(first, head.linkage, head.attributes)?;
            module.items.push(Item::Function(Box::new(function)));
            return Ok(());
        }
        self.declaration(first.span.start, head, |variable| {
            module.items.push(Item::Variable(Box::new(variable)));
        })
    }

    fn version(&mut self) -> Result<(u32, u32)> {
        let text = self.text();
        let parts = match (self.token.kind, text.split_once('.')) {
            (Kind::Number, Some((major, minor))) => major.parse().ok().zip(minor.parse().ok()),
            _ => None,
        };
        let Some(version) = parts else { return Err(self.expected("a version such as 8.0")) };
        self.bump();
        Ok(version)
    }

    fn target(&mut self) -> Result<Vec<&'text str>> {
        let mut words = vec![self.expect_word("an architecture")?];
        while self.take(b',') {
            words.push(self.expect_word("an option")?);
        }
        Ok(words)
    }

    fn file(&mut self) -> Result<File<'text>> {
        let index = self.plain_u32()?;
        let name = self.expect_string()?;
        let mut stamp = None;
        if self.take(b',') {
            let time = self.plain_u64()?;
            self.expect(b',', "`,`")?;
            stamp = Some((time, self.plain_u64()?));
        }
        Ok(File { index, name, stamp })
    }

    fn section(&mut self) -> Result<crate::section::Section<'text>> {
        self.bump();
        let start = self.token.span.start;
        if !matches!(self.token.kind, Kind::Dot | Kind::Word) {
            return Err(self.expected("the name of a section"));
        }
        while matches!(self.token.kind, Kind::Dot | Kind::Word) {
            self.bump();
        }
        let name = self.slice(Span::new(start, self.end));
        let open = self.token;
        self.expect(b'{', "`{`")?;
        loop {
            if self.at(b'}') {
                let span = Span::new(open.span.end, self.token.span.start);
                self.bump();
                return Ok(crate::section::Section { name, body: self.slice(span), span, line: open.line });
            }
            if self.token.kind == Kind::End {
                return Err(self.error_at(open, ParseErrorKind::OpenBrace));
            }
            self.section_line(&mut |_| {})?;
        }
    }
}

/// Whether reading goes on at this directive after an error.
fn known(text: &str) -> bool {
    matches!(
        text,
        ".version"
            | ".target"
            | ".address_size"
            | ".file"
            | ".section"
            | ".pragma"
            | ".alias"
            | ".visible"
            | ".extern"
            | ".weak"
            | ".common"
            | ".entry"
            | ".func"
            | ".global"
            | ".const"
            | ".shared"
            | ".local"
            | ".tex"
    )
}
