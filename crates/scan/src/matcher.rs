//! The patterns of one language as tables, and the automaton that tells which files hold any of them.

use std::collections::HashMap;

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, MatchKind};

use crate::Language;
use crate::check;
use crate::clike::lex::is_word;
use crate::pattern::{Area, Check, Find, Name, Pattern};

/// The part that an identifier plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Any,
    Call,
    Member,
}

/// A `text` pattern's place in the tables.
pub(crate) struct TextEntry {
    pub(crate) find: usize,
    pub(crate) open: bool,
    pub(crate) area: Area,
}

/// What decides whether an occurrence of a trigger counts.
#[derive(Clone, Copy)]
pub(crate) enum Bounds {
    /// Any.
    None,
    /// No word goes on before it, or after it.
    Word { start: bool, end: bool },
    /// The identifier around it passes this test.
    Identifier(fn(&[u8]) -> bool),
}

/// All of one language.
pub(crate) struct Matcher {
    idents: HashMap<Vec<u8>, Vec<(Role, usize)>>,
    prefixes: Vec<(Vec<u8>, Role, usize)>,
    pub(crate) includes: Vec<(Name, usize)>,
    pub(crate) asms: Vec<usize>,
    text: Option<AhoCorasick>,
    entries: Vec<TextEntry>,
    pub(crate) regexes: Vec<usize>,
    pub(crate) checks: Vec<(Check, usize)>,
    /// The find of [`Check::CharSign`].
    pub(crate) char_sign: Option<usize>,
    triggers: Option<AhoCorasick>,
    bounds: Vec<Bounds>,
    words: Vec<String>,
}

impl Matcher {
    pub(crate) fn new(finds: &[Find], language: Language) -> Self {
        let mut tables = Tables::default();
        for (index, find) in finds.iter().enumerate() {
            if find.languages.contains(&language) {
                tables.add(index, find, language);
            }
        }
        tables.build()
    }

    /// Whether a file holds anything worth reading it for.
    pub(crate) fn triggers(&self, source: &[u8]) -> bool {
        let Some(automaton) = &self.triggers else { return false };
        automaton
            .find_overlapping_iter(source)
            .any(|found| self.bounds[found.pattern()].hold(source, found.start(), found.end()))
    }

    /// The words of the automaton that chooses files.
    pub(crate) fn words(&self) -> &[String] {
        &self.words
    }

    /// The finds that mean this identifier.
    pub(crate) fn idents(&self, word: &[u8]) -> impl Iterator<Item = (Role, usize)> {
        let exact = self.idents.get(word).into_iter().flatten().copied();
        let open = self.prefixes.iter().filter(move |(prefix, ..)| word.starts_with(prefix));
        exact.chain(open.map(|(_, role, find)| (*role, *find)))
    }

    /// Every `text` pattern's places: entry, start, end.
    pub(crate) fn texts<'a>(
        &'a self,
        text: &'a [u8],
        area: Option<Area>,
    ) -> impl Iterator<Item = (&'a TextEntry, usize, usize)> {
        self.text.iter().flat_map(move |automaton| automaton.find_overlapping_iter(text)).filter_map(
            move |found| {
                let entry = &self.entries[found.pattern()];
                let here = area.is_none_or(|area| area == entry.area);
                let bounds = Bounds::Word { start: true, end: !entry.open };
                (here && bounds.hold(text, found.start(), found.end())).then(|| {
                    let rest = if entry.open { &text[found.end()..] } else { &[] };
                    let more = rest
                        .iter()
                        .take_while(|byte| is_word(**byte) || matches!(byte, b'.' | b'-' | b'/' | b'+'));
                    (entry, found.start(), found.end() + more.count())
                })
            },
        )
    }
}

impl Bounds {
    fn hold(self, source: &[u8], start: usize, end: usize) -> bool {
        let before = start.checked_sub(1).is_some_and(|at| is_word(source[at]));
        let after = source.get(end).is_some_and(|byte| is_word(*byte));
        match self {
            Self::None => true,
            Self::Word { start: at_start, end: at_end } => {
                let joined_before = at_start && before && is_word(source[start]);
                let joined_after = at_end && after && is_word(source[end - 1]);
                !joined_before && !joined_after
            }
            Self::Identifier(test) => {
                // Longer identifiers are nobody's intrinsics.
                let window = &source[start.saturating_sub(64)..start];
                let head = window.iter().rev().take_while(|byte| is_word(**byte)).count();
                let tail = source[end..].iter().take(64).take_while(|byte| is_word(**byte)).count();
                test(&source[start - head..end + tail])
            }
        }
    }
}

/// Beginnings of headers that are looked for in `#include`s.
pub(crate) struct Headers {
    starts: Vec<String>,
    /// Each beginning after a quote, and after an angle bracket.
    automaton: Option<AhoCorasick>,
}

impl Headers {
    pub(crate) fn new<'a>(starts: impl Iterator<Item = &'a String>) -> Self {
        let mut starts: Vec<String> = starts.cloned().collect();
        starts.sort_unstable();
        starts.dedup();
        let words: Vec<String> =
            starts.iter().flat_map(|start| [format!("<{start}"), format!("\"{start}")]).collect();
        Self { automaton: automaton(words.iter().map(String::as_bytes)), starts }
    }

    /// Those of which `source` includes one.
    pub(crate) fn included(&self, source: &[u8]) -> Vec<String> {
        let mut found = vec![false; self.starts.len()];
        for place in self.automaton.iter().flat_map(|automaton| automaton.find_overlapping_iter(source)) {
            let line = memchr::memrchr(b'\n', &source[..place.start()]).map_or(0, |end| end + 1);
            let before = source[line..place.start()].trim_ascii();
            found[place.pattern().as_usize() / 2] |=
                before.strip_prefix(b"#").is_some_and(|word| word.trim_ascii() == b"include");
        }
        let starts = self.starts.iter().zip(found).filter(|(_, found)| *found);
        starts.map(|(start, _)| start.clone()).collect()
    }
}

#[derive(Default)]
struct Tables {
    idents: HashMap<Vec<u8>, Vec<(Role, usize)>>,
    prefixes: Vec<(Vec<u8>, Role, usize)>,
    includes: Vec<(Name, usize)>,
    asms: Vec<usize>,
    texts: Vec<String>,
    entries: Vec<TextEntry>,
    regexes: Vec<usize>,
    checks: Vec<(Check, usize)>,
    char_sign: Option<usize>,
    triggers: Vec<(String, Bounds)>,
}

impl Tables {
    fn add(&mut self, index: usize, find: &Find, language: Language) {
        match &find.pattern {
            Pattern::Ident(names) => self.identifiers(names, Role::Any, index),
            Pattern::Call(names) => self.identifiers(names, Role::Call, index),
            Pattern::Member(names) => self.identifiers(names, Role::Member, index),
            Pattern::Include(names) => {
                for name in names {
                    self.includes.push((name.clone(), index));
                    self.trigger(&name.text, Bounds::Word { start: true, end: false });
                }
            }
            Pattern::Asm(_) => {
                self.asms.push(index);
                for word in ["asm", "__asm__", "__asm"] {
                    self.trigger(word, Bounds::Word { start: true, end: true });
                }
            }
            Pattern::Text(names) => {
                for name in names {
                    self.texts.push(name.text.clone());
                    self.entries.push(TextEntry { find: index, open: name.open, area: find.area });
                    self.trigger(&name.text, Bounds::Word { start: true, end: !name.open });
                }
            }
            Pattern::Regex { triggers, .. } => {
                self.regexes.push(index);
                for word in triggers {
                    self.trigger(word, Bounds::None);
                }
            }
            // `char` is in nearly every source: it is searched for apart, so as not to have all of them read in full.
            Pattern::Check(Check::CharSign) => self.char_sign = Some(index),
            Pattern::Check(check) => {
                self.checks.push((*check, index));
                self.triggers.extend(check::triggers(*check, language));
            }
            Pattern::Path(_) | Pattern::Start(_) => {}
        }
    }

    fn identifiers(&mut self, names: &[Name], role: Role, index: usize) {
        for name in names {
            self.trigger(&name.text, Bounds::Word { start: true, end: !name.open });
            let text = name.text.clone().into_bytes();
            if name.open {
                self.prefixes.push((text, role, index));
            } else {
                self.idents.entry(text).or_default().push((role, index));
            }
        }
    }

    fn trigger(&mut self, text: &str, bounds: Bounds) {
        self.triggers.push((text.to_owned(), bounds));
    }

    fn build(self) -> Matcher {
        let words = self.triggers.iter().map(|(word, _)| word.as_bytes());
        Matcher {
            idents: self.idents,
            prefixes: self.prefixes,
            includes: self.includes,
            asms: self.asms,
            text: automaton(self.texts.iter().map(String::as_bytes)),
            entries: self.entries,
            regexes: self.regexes,
            checks: self.checks,
            char_sign: self.char_sign,
            triggers: automaton(words),
            bounds: self.triggers.iter().map(|(_, bounds)| *bounds).collect(),
            words: self.triggers.into_iter().map(|(word, _)| word).collect(),
        }
    }
}

/// An automaton over `words`; none for no words, since the empty automaton is of no use.
fn automaton<'a>(words: impl Iterator<Item = &'a [u8]>) -> Option<AhoCorasick> {
    let words: Vec<_> = words.collect();
    if words.is_empty() {
        return None;
    }
    // Overlapping search needs the standard kind; a set of words has no limit that rules could reach.
    let built = AhoCorasickBuilder::new()
        .match_kind(MatchKind::Standard)
        .kind(Some(aho_corasick::AhoCorasickKind::DFA))
        .build(words);
    Some(built.expect("rule files are far smaller than the four billion states that an automaton may have"))
}
