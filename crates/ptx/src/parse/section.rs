//! The lines of a `.section`.

use std::collections::VecDeque;

use super::{Parser, Result};
use crate::error::ParseErrorKind;
use crate::lexer::Kind;
use crate::section::{Entry, Value};
use crate::types::Type;

/// Reads the text of a section, entry by entry. Places in errors count from its start.
pub(crate) struct Reader<'text> {
    parser: Parser<'text>,
    ready: VecDeque<Entry<'text>>,
    failed: bool,
}

impl<'text> Reader<'text> {
    pub(crate) fn new(text: &'text str) -> Self {
        Self { parser: Parser::new(text, 0, 1), ready: VecDeque::new(), failed: false }
    }
}

impl<'text> Iterator for Reader<'text> {
    type Item = Result<Entry<'text>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ready.is_empty() && !self.failed && self.parser.token.kind != Kind::End {
            let ready = &mut self.ready;
            if let Err(error) = self.parser.section_line(&mut |entry| ready.push_back(entry)) {
                self.failed = true;
                return Some(Err(error));
            }
        }
        self.ready.pop_front().map(Ok)
    }
}

impl<'text> Parser<'text> {
    /// A label, or `.b8` and its values.
    pub(super) fn section_line(&mut self, push: &mut impl FnMut(Entry<'text>)) -> Result<()> {
        match self.token.kind {
            Kind::Word if self.lexer.before_colon() => {
                push(Entry::Label(self.text()));
                self.bump();
                self.bump();
            }
            Kind::Dot => {
                let data = |ty: &Type| matches!(ty, Type::B8 | Type::B16 | Type::B32 | Type::B64);
                let Some(ty) = Type::parse(&self.text()[1..]).filter(data) else {
                    let name = ParseErrorKind::shorten(self.text());
                    return Err(self.error(ParseErrorKind::UnknownDirective { name }));
                };
                self.bump();
                push(Entry::Value(ty, self.section_value()?));
                while self.take(b',') {
                    push(Entry::Value(ty, self.section_value()?));
                }
            }
            _ => return Err(self.expected("a label or a type")),
        }
        Ok(())
    }

    fn section_value(&mut self) -> Result<Value<'text>> {
        if !matches!(self.token.kind, Kind::Word | Kind::Dot) {
            return self.expression().map(Value::Number);
        }
        let name = self.text();
        self.bump();
        if self.at(b'-') && self.lexer.before_word() {
            self.bump();
            return Ok(Value::Difference(name, self.expect_word("a label")?));
        }
        Ok(Value::Symbol(name, self.addend()?))
    }
}
