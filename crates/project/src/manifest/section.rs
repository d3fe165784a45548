//! One table of the manifest, read key by key: what has the wrong type or an unknown name is noted, and reading goes on.

use std::ops::Range;

use serde_spanned::Spanned;
use toml::de::{DeTable, DeValue};

use super::mistake::{ManifestError, Mistake};

/// A text with its place.
pub(super) type Text = Spanned<String>;

/// The mistakes found so far.
#[derive(Default)]
pub(super) struct Mistakes(pub(super) Vec<ManifestError>);

impl Mistakes {
    pub(super) fn add(&mut self, span: Range<usize>, mistake: Mistake) {
        self.0.push(ManifestError { mistake, span, other: None });
    }

    pub(super) fn add_second(&mut self, first: Range<usize>, span: Range<usize>, mistake: Mistake) {
        self.0.push(ManifestError { mistake, span, other: Some(first) });
    }

    /// The value, or nothing and the mistake.
    pub(super) fn keep<T>(&mut self, span: Range<usize>, result: Result<T, impl Into<Mistake>>) -> Option<T> {
        result.map_err(|mistake| self.add(span, mistake.into())).ok()
    }
}

/// A table whose keys are known.
pub(super) struct Section<'t> {
    /// `[build]`, for messages.
    name: String,
    table: &'t DeTable<'t>,
    span: Range<usize>,
}

impl<'t> Section<'t> {
    pub(super) fn new(
        name: &str,
        table: &'t DeTable<'t>,
        span: Range<usize>,
        known: &'static [&'static str],
        mistakes: &mut Mistakes,
    ) -> Self {
        let name = name.to_owned();
        for key in table.keys().filter(|key| !known.contains(&&**key.get_ref())) {
            let (key, span) = (key.get_ref().to_string(), key.span());
            mistakes.add(span, Mistake::UnknownKey { key, section: name.clone(), known });
        }
        Self { name, table, span }
    }

    /// The place of its header.
    pub(super) fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// Notes that `key` is needed.
    pub(super) fn missing(&self, key: &'static str, mistakes: &mut Mistakes) {
        mistakes.add(self.span(), Mistake::Missing { key, section: self.name.clone() });
    }

    /// A text that is not empty.
    pub(super) fn text(&self, key: &str, mistakes: &mut Mistakes) -> Option<Text> {
        let text = any_text(key, self.table.get(key)?, mistakes)?;
        not_empty(key, text, mistakes)
    }

    /// A text that is not empty; its absence is a mistake.
    pub(super) fn needed_text(&self, key: &'static str, mistakes: &mut Mistakes) -> Option<Text> {
        if !self.has(key) {
            self.missing(key, mistakes);
        }
        self.text(key, mistakes)
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// The value as it is, for a key with several shapes.
    pub(super) fn value(&self, key: &str) -> Option<&'t Spanned<DeValue<'t>>> {
        self.table.get(key)
    }

    /// Texts, none of them empty; none at all where the key is absent.
    pub(super) fn texts(&self, key: &str, mistakes: &mut Mistakes) -> Vec<Text> {
        let texts = self.any_texts(key, mistakes);
        texts.into_iter().filter_map(|text| not_empty(key, text, mistakes)).collect()
    }

    /// Texts.
    pub(super) fn any_texts(&self, key: &str, mistakes: &mut Mistakes) -> Vec<Text> {
        let Some(value) = self.table.get(key) else { return Vec::new() };
        let Some(array) = value.get_ref().as_array() else {
            let written = value.get_ref().as_str().map(|text| format!("{key} = [{text:?}]"));
            mistakes.add(value.span(), wrong_type(key, value, "an array of texts", written));
            return Vec::new();
        };
        array.iter().filter_map(|value| any_text(key, value, mistakes)).collect()
    }

    pub(super) fn boolean(&self, key: &str, mistakes: &mut Mistakes) -> Option<bool> {
        let value = self.table.get(key)?;
        let boolean = value.get_ref().as_bool();
        if boolean.is_none() {
            let written = value.get_ref().as_str().filter(|text| matches!(*text, "true" | "false"));
            let written = written.map(|text| format!("{key} = {text}"));
            mistakes.add(value.span(), wrong_type(key, value, "`true` or `false`", written));
        }
        boolean
    }

    /// A table of texts, in the order of its keys.
    pub(super) fn texts_by_name(&self, key: &str, mistakes: &mut Mistakes) -> Vec<(Text, Text)> {
        let Some(value) = self.table.get(key) else { return Vec::new() };
        let Some(table) = value.get_ref().as_table() else {
            let written = Some(format!("{key} = {{ NAME = \"value\" }}"));
            mistakes.add(value.span(), wrong_type(key, value, "a table of texts", written));
            return Vec::new();
        };
        let pairs = table.iter().filter_map(|(name, value)| {
            let name = Spanned::new(name.span(), name.get_ref().to_string());
            let name = without_nul(key, not_empty(key, name, mistakes)?, mistakes)?;
            let value = any_text(name.get_ref(), value, mistakes)?;
            Some((name, value))
        });
        pairs.collect()
    }

    /// The table `[key]`.
    pub(super) fn table(
        &self,
        key: &str,
        mistakes: &mut Mistakes,
    ) -> Option<(&'t DeTable<'t>, Range<usize>)> {
        let value = self.table.get(key)?;
        let table = value.get_ref().as_table();
        if table.is_none() {
            mistakes.add(value.span(), wrong_type(key, value, "a table", Some(format!("[{key}]"))));
        }
        Some((table?, value.span()))
    }

    /// The tables `[[key]]`.
    pub(super) fn tables(&self, key: &str, mistakes: &mut Mistakes) -> Vec<(&'t DeTable<'t>, Range<usize>)> {
        let Some(value) = self.table.get(key) else { return Vec::new() };
        let expected = "an array of tables";
        let written = || Some(format!("[[{key}]]"));
        let Some(array) = value.get_ref().as_array() else {
            mistakes.add(value.span(), wrong_type(key, value, expected, written()));
            return Vec::new();
        };
        let tables = array.iter().filter_map(|value| {
            let table = value.get_ref().as_table();
            if table.is_none() {
                mistakes.add(value.span(), wrong_type(key, value, expected, written()));
            }
            Some((table?, value.span()))
        });
        tables.collect()
    }
}

fn any_text(key: &str, value: &Spanned<DeValue<'_>>, mistakes: &mut Mistakes) -> Option<Text> {
    let Some(text) = value.get_ref().as_str() else {
        let written = match (key, value.get_ref()) {
            ("std", DeValue::Integer(number)) => Some(format!("\"c++{}\"", number.as_str())),
            ("user", DeValue::Integer(number)) => Some(format!("\"{0}:{0}\"", number.as_str())),
            (_, DeValue::Integer(number)) => Some(format!("\"{number}\"")),
            (_, DeValue::Float(number)) => Some(format!("\"{number}\"")),
            _ => None,
        };
        mistakes.add(value.span(), wrong_type(key, value, "a text in quotes", written));
        return None;
    };
    without_nul(key, Spanned::new(value.span(), text.to_owned()), mistakes)
}

fn without_nul(key: &str, text: Text, mistakes: &mut Mistakes) -> Option<Text> {
    if text.get_ref().contains('\0') {
        mistakes.add(text.span(), Mistake::Nul { key: key.to_owned() });
        return None;
    }
    Some(text)
}

fn not_empty(key: &str, text: Text, mistakes: &mut Mistakes) -> Option<Text> {
    if text.get_ref().is_empty() {
        mistakes.add(text.span(), Mistake::Empty { key: key.to_owned() });
        return None;
    }
    Some(text)
}

pub(super) fn wrong_type(
    key: &str,
    value: &Spanned<DeValue<'_>>,
    expected: &'static str,
    written: Option<String>,
) -> Mistake {
    let found = match value.get_ref() {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    };
    Mistake::WrongType { key: key.to_owned(), expected, found, written }
}
