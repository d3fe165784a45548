//! What a C, C++ or CUDA source says: the headers of others that it includes, and names that not every CUDA release has.

use memchr::memmem;

use super::collector::Collector;
use super::text::Text;
use crate::api::{self, Meaning};
use crate::needs::{Hint, HintKind};

/// One file names no more than this that is worth keeping.
const MOST: usize = 2000;

pub(crate) fn read(text: &Text<'_>, collector: &mut Collector) {
    includes(text, collector);
    names(text, collector);
    fields(text, collector);
}

fn includes(text: &Text<'_>, collector: &mut Collector) {
    for at in memmem::find_iter(text.raw, b"include") {
        let Some(hash) = text.raw[..at].iter().rposition(|byte| !matches!(byte, b' ' | b'\t')) else {
            continue;
        };
        if text.raw[hash] != b'#' {
            continue;
        }
        let Some(header) = header(&text.raw[at + b"include".len()..]) else { continue };
        let told = Told::of(header);
        if !told.is_any() || text.code().get(hash) != Some(&b'#') {
            continue;
        }
        if let Some(used) = Collector::used(text, hash, header.to_owned()) {
            for kind in told.kinds {
                let (place, words, when) = (used.place.clone(), header.to_owned(), used.when);
                collector.needs.hints.push(Hint { place, kind, words, when });
            }
            collector.include(header, used);
        }
    }
}

/// `<a/b.h>` or `"a/b.h"`, without what surrounds it.
fn header(rest: &[u8]) -> Option<&str> {
    let rest = rest.trim_ascii_start();
    let close = match rest.first()? {
        b'<' => b'>',
        b'"' => b'"',
        _ => return None,
    };
    let rest = &rest[1..rest.len().min(256)];
    let end =
        rest.iter().position(|byte| *byte == close || *byte == b'\n').filter(|end| rest[*end] == close)?;
    std::str::from_utf8(&rest[..end]).ok().filter(|name| !name.is_empty())
}

/// What a header says by its name.
struct Told {
    kinds: Vec<HintKind>,
    owned: bool,
}

impl Told {
    fn of(header: &str) -> Self {
        let new = api::new_names();
        let came = new.headers.contains(header).then_some(HintKind::NotYetIn(new.lacks));
        let went = api::gone_header(header).and_then(|row| {
            Some(HintKind::Removed { since: api::removed_in(row)?, given_back: row.given_back })
        });
        let owned = super::collector::Owner::of_header(header).is_some();
        Self { kinds: came.into_iter().chain(went).collect(), owned }
    }

    fn is_any(&self) -> bool {
        self.owned || !self.kinds.is_empty()
    }
}

fn names(text: &Text<'_>, collector: &mut Collector) {
    let finder = api::finder();
    let found = finder.automaton.find_iter(text.raw).filter(|found| is_identifier(text.raw, found.range()));
    for found in found.take(MOST) {
        let range = found.range();
        // A name in a comment or a message is no use of it.
        if text.code()[range.clone()] != text.raw[range.clone()] {
            continue;
        }
        match role(text.code(), range.clone()) {
            Role::Use => {}
            Role::Test => continue,
            Role::Definition => {
                collector.defined.insert(text.words(range));
                continue;
            }
        }
        let kind = match finder.meanings[found.pattern().as_usize()] {
            Meaning::New { lacks } => HintKind::NotYetIn(lacks),
            Meaning::Gone(row) => {
                let Some(since) = api::removed_in(row) else { continue };
                HintKind::Removed { since, given_back: row.given_back }
            }
            Meaning::Template { since } => {
                if text.code().get(range.end) != Some(&b'<') {
                    continue;
                }
                HintKind::Removed { since, given_back: false }
            }
        };
        let words = text.words(range.clone());
        if let Some(used) = Collector::used(text, range.start, words) {
            collector.needs.hints.push(Hint { place: used.place, kind, words: used.words, when: used.when });
        }
    }
}

/// Fields that went, such as `clockRate`, in files that name the structure.
fn fields(text: &Text<'_>, collector: &mut Collector) {
    for (structure, finder, rows) in api::fields() {
        if memmem::find(text.raw, structure.as_bytes()).is_none() {
            continue;
        }
        for found in finder.find_iter(text.raw).take(MOST) {
            let range = found.range();
            let row = rows[found.pattern().as_usize()];
            let accessed =
                text.raw[..range.start].ends_with(b".") || text.raw[..range.start].ends_with(b"->");
            if !accessed
                || !is_identifier(text.raw, range.clone())
                || text.code()[range.start] != text.raw[range.start]
            {
                continue;
            }
            let Some(since) = api::removed_in(row) else { continue };
            let words = format!("{structure}::{}", row.name);
            if let Some(used) = Collector::used(text, range.start, words) {
                let kind = HintKind::Removed { since, given_back: row.given_back };
                collector.needs.hints.push(Hint {
                    place: used.place,
                    kind,
                    words: used.words,
                    when: used.when,
                });
            }
        }
    }
}

fn is_identifier(text: &[u8], range: std::ops::Range<usize>) -> bool {
    let word = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    let before = range.start.checked_sub(1).map(|at| &text[at]);
    !word(before) && !word(text.get(range.end))
}

/// What a name is for at a place.
enum Role {
    Use,
    /// A directive asks whether it is defined.
    Test,
    /// The project defines it itself: as a macro, or as an enumerator.
    Definition,
}

fn role(code: &[u8], name: std::ops::Range<usize>) -> Role {
    let start = memchr::memrchr(b'\n', &code[..name.start]).map_or(0, |end| end + 1);
    let before = code[start..name.start].trim_ascii();
    let after = code[name.end..].trim_ascii_start();
    if let Some(directive) = before.strip_prefix(b"#") {
        let directive = directive.trim_ascii_start();
        let is = |words: &[&[u8]]| words.iter().any(|word| directive.starts_with(word));
        // What follows the macro's own name is its text, where other names are used.
        if directive == b"define" {
            return Role::Definition;
        }
        return if is(&[b"undef", b"if", b"elif"]) { Role::Test } else { Role::Use };
    }
    let enumerator = before.is_empty() && after.starts_with(b"=") && !after.starts_with(b"==");
    if enumerator { Role::Definition } else { Role::Use }
}
