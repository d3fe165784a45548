//! Response files in the place of the words that name them, and back: a file none of whose words changed stays named.

use crate::options::Role;
use crate::{Family, TranslateError, options, words};

/// gcc refuses more files than this (libiberty, `expandargv`); the bound on words is ours, above what any system takes.
const MAX_FILES: usize = 2000;
const MAX_WORDS: usize = 1_000_000;
const MAX_BYTES: usize = 64 << 20;

/// Words with response files in place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Expanded {
    words: Vec<String>,
    /// For each word the index into `units`.
    unit_of: Vec<usize>,
    units: Vec<Unit>,
}

/// Words of the command that stand for words of `Expanded`: one for itself, or `@FILE` for many or none.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Unit {
    given: Vec<String>,
}

/// What becomes of each word: nothing where it stays.
pub(crate) type Fates = Vec<Option<Vec<String>>>;

impl Expanded {
    pub(crate) fn words(&self) -> &[String] {
        &self.words
    }

    /// The command's words after a translation. Only a response file whose words changed is written out.
    pub(crate) fn apply(&self, fates: &Fates) -> Vec<String> {
        let mut dirty = vec![false; self.units.len()];
        for (unit, fate) in self.unit_of.iter().zip(fates) {
            dirty[*unit] |= fate.is_some();
        }
        let mut out = Vec::new();
        let mut at = 0;
        for (index, unit) in self.units.iter().enumerate() {
            let count = self.unit_of[at..].iter().take_while(|of| **of == index).count();
            if dirty[index] {
                for (word, fate) in self.words[at..at + count].iter().zip(&fates[at..at + count]) {
                    match fate {
                        Some(now) => out.extend(now.iter().cloned()),
                        None => out.push(word.clone()),
                    }
                }
            } else {
                out.extend(unit.given.iter().cloned());
            }
            at += count;
        }
        out
    }

    fn push(&mut self, given: Vec<String>, words: Option<Vec<String>>) {
        let unit = self.units.len();
        let words = words.unwrap_or_else(|| given.clone());
        self.unit_of.extend(std::iter::repeat_n(unit, words.len()));
        self.words.extend(words);
        self.units.push(Unit { given });
    }
}

/// Puts response files in place, as the tool itself does.
pub(crate) fn expand(
    family: Family,
    args: &[String],
    read: &dyn Fn(&str) -> Option<String>,
) -> Result<Expanded, TranslateError> {
    let mut expanded = Expanded::default();
    let mut reader = Reader { read, files: 0, words: args.len(), bytes: 0 };
    let mut at = 0;
    while at < args.len() {
        let (count, words) = match family {
            Family::Nvcc => reader.nvcc(args, at)?,
            Family::Other => (1, None),
            _ => (1, reader.gnu(&args[at])?),
        };
        expanded.push(args[at..at + count].to_vec(), words);
        at += count;
    }
    Ok(expanded)
}

/// How many words the option took, and what the files hold, if all could be read.
type OptionsFile = (usize, Option<Vec<String>>);

struct Reader<'a> {
    read: &'a dyn Fn(&str) -> Option<String>,
    files: usize,
    words: usize,
    bytes: usize,
}

impl Reader<'_> {
    /// `@FILE`, with the files that it names in turn.
    fn gnu(&mut self, word: &str) -> Result<Option<Vec<String>>, TranslateError> {
        let Some(first) = self.words_of(word, words::gnu_response)? else { return Ok(None) };
        let mut out = Vec::new();
        let mut waiting: Vec<_> = first.into_iter().rev().collect();
        while let Some(word) = waiting.pop() {
            match self.words_of(&word, words::gnu_response)? {
                Some(inner) => waiting.extend(inner.into_iter().rev()),
                None => out.push(word),
            }
        }
        Ok(Some(out))
    }

    fn words_of(
        &mut self,
        word: &str,
        split: fn(&str) -> Vec<String>,
    ) -> Result<Option<Vec<String>>, TranslateError> {
        let Some(file) = word.strip_prefix('@').filter(|file| !file.is_empty()) else { return Ok(None) };
        self.take(file, split)
    }

    fn take(
        &mut self,
        file: &str,
        split: fn(&str) -> Vec<String>,
    ) -> Result<Option<Vec<String>>, TranslateError> {
        let Some(text) = (self.read)(file) else { return Ok(None) };
        let too_many = |limit| TranslateError::ResponseFiles { file: file.to_owned(), limit };
        self.files += 1;
        self.bytes = self.bytes.saturating_add(text.len());
        if self.files > MAX_FILES {
            return Err(too_many(MAX_FILES));
        }
        if self.bytes > MAX_BYTES {
            return Err(too_many(MAX_WORDS));
        }
        let words = split(&text);
        self.words += words.len();
        if self.words > MAX_WORDS { Err(too_many(MAX_WORDS)) } else { Ok(Some(words)) }
    }

    /// nvcc's `-optf FILE,FILE` at `at`, with the files that these name in turn; how many words that took.
    fn nvcc(&mut self, args: &[String], at: usize) -> Result<OptionsFile, TranslateError> {
        let Some((count, first)) = self.options_file(&args[at..args.len().min(at + 2)])? else {
            return Ok((1, None));
        };
        let Some(first) = first else { return Ok((count, None)) };
        let mut out = Vec::new();
        let mut waiting: Vec<_> = first.into_iter().rev().collect();
        while let Some(word) = waiting.pop() {
            let mut pair = vec![word];
            pair.extend(waiting.last().cloned());
            match self.options_file(&pair)? {
                Some((count, inner)) => {
                    if count == 2 {
                        waiting.pop();
                    }
                    pair.truncate(count);
                    waiting.extend(inner.iter().flatten().rev().cloned());
                    if inner.is_none() {
                        out.extend(pair);
                    }
                }
                None => out.push(pair.swap_remove(0)),
            }
        }
        Ok((count, Some(out)))
    }

    /// Whether these words begin with the option for options files: how many words it takes, and what the files hold, if
    /// all can be read.
    fn options_file(&mut self, pair: &[String]) -> Result<Option<OptionsFile>, TranslateError> {
        let option = |word: &String| word.starts_with("-optf") || word.starts_with("--options-file");
        if !pair.first().is_some_and(option) {
            return Ok(None);
        }
        let argument = options::read(Family::Nvcc, pair).swap_remove(0);
        if argument.role != Role::OptionsFile {
            return Ok(None);
        }
        let mut all = Vec::new();
        for file in words::nvcc_list(argument.value()).unwrap_or_default() {
            let Some(words) = self.take(&file, words::nvcc_options)? else {
                return Ok(Some((argument.count, None)));
            };
            all.extend(words);
        }
        Ok(Some((argument.count, Some(all))))
    }
}
