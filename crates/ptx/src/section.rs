//! `.section`: debug information. Its text is checked when a module is parsed, and read again when it is asked for, because
//! few ask, and values would take many times the memory of their digits.

use crate::error::ParseError;
use crate::operand::Immediate;
use crate::parse::section::Reader;
use crate::span::Span;
use crate::types::Type;

/// `.section` (11.5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Section<'text> {
    /// `.debug_info`, its dot included.
    pub name: &'text str,
    /// What stands between the braces.
    pub body: &'text str,
    /// Where `body` is.
    pub span: Span,
    /// The line in which `body` starts, from 1.
    pub line: u32,
}

/// A piece of a section.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Entry<'text> {
    /// `name:`
    Label(&'text str),
    /// One value; its type says how many bytes it takes.
    Value(Type, Value<'text>),
}

/// A value in a section.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'text> {
    /// A number.
    Number(Immediate),
    /// `label+8`, `.debug_loc+8`: a label or section, and bytes behind it.
    Symbol(&'text str, i64),
    /// `end-start`: how far two labels are from one another.
    Difference(&'text str, &'text str),
}

impl<'text> Section<'text> {
    /// What is in it, read anew.
    pub fn entries(&self) -> impl Iterator<Item = Result<Entry<'text>, ParseError>> {
        Reader::new(self.body)
    }

    /// The bytes up to a zero that stand `offset` bytes behind a label.
    pub fn string(&self, label: &str, offset: usize) -> Option<Vec<u8>> {
        let mut bytes =
            self.entries().map_while(Result::ok).skip_while(|entry| *entry != Entry::Label(label));
        bytes.next()?;
        bytes
            .filter_map(|entry| match entry {
                Entry::Value(Type::B8 | Type::U8 | Type::S8, Value::Number(number)) => number.integer(),
                _ => None,
            })
            .skip(offset)
            .map_while(|byte| u8::try_from(byte).ok().filter(|byte| *byte != 0))
            .collect::<Vec<_>>()
            .into()
    }
}
