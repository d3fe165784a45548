//! From a question to the entries that answer it, the most telling one first.

use std::ops::Range;

use crate::catalogue::{Catalogue, Counts};
use crate::entry::Entry;
use crate::text::{is_word, normalize, speaks_of_cuda, words};
use crate::{near, numbers};

/// How long a question may be, in bytes; what is beyond is not read. An error with its stack trace is shorter.
const LONGEST: usize = 64 << 10;

/// A shorter part of a text could be of any.
const SHORTEST: usize = 8;
/// A part of more entries' texts than these means none of them.
const VAGUE: usize = 5;

/// An answer.
#[derive(Debug)]
pub struct Found<'a> {
    /// What the question names or quotes, the most telling first.
    pub matches: Vec<Match<'a>>,
    /// Where there is no such entry: those that speak of the same things, the nearest first, at most five.
    pub near: Vec<&'a Entry>,
}

/// One entry of an answer.
#[derive(Clone, Debug)]
pub struct Match<'a> {
    /// The entry.
    pub entry: &'a Entry,
    /// What it was found by.
    pub by: By,
}

/// What an entry was found by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum By {
    /// Its id.
    Id,
    /// One of its names.
    Name(String),
    /// A number, as CUDA numbers errors since 10.1.
    Number(u16),
    /// A number, as CUDA's runtime numbered errors until 10.0.
    OldNumber(u16),
    /// One of its texts.
    Text(String),
}

/// An entry that a line names or quotes.
#[derive(Clone, Debug)]
pub(crate) struct Sighting {
    pub(crate) entry: usize,
    pub(crate) by: By,
    /// How much of the line it accounts for.
    pub(crate) weight: usize,
    /// Where it stands in the normalised line.
    pub(crate) place: Range<usize>,
}

impl Catalogue {
    /// Looks up an id, a name, a number or a text that something printed.
    pub fn find(&self, question: &str) -> Found<'_> {
        let question = clip(question, LONGEST);
        let exact = |by, entry| Found { matches: vec![Match { entry, by }], near: Vec::new() };
        if let Some(entry) = self.entry(question.trim()) {
            return exact(By::Id, entry);
        }
        let text = normalize(question);
        let mut sightings = match numbers::alone(&text) {
            Some(number) => self.numbered(number, 0),
            None => best_first(self.sightings(&text, true)),
        };
        if sightings.is_empty() {
            sightings = self.quoted_in_part(&text);
        }
        let to_match = |sighting: Sighting| Match { entry: self.at(sighting.entry), by: sighting.by };
        let matches: Vec<Match<'_>> = sightings.into_iter().map(to_match).collect();
        let near = if matches.is_empty() { near::nearest(self, &text) } else { Vec::new() };
        Found { matches, near }
    }

    /// Everything that a normalised text names or quotes, each entry once. A `question` is all there is: a text so common
    /// that it needs a word about CUDA beside it may stand alone.
    pub(crate) fn sightings(&self, text: &str, question: bool) -> Vec<Sighting> {
        let mut found = Vec::new();
        for (place, word) in words(text) {
            // Ids with dashes and colons are more than one word.
            let longer = text.as_bytes()[place..]
                .iter()
                .take_while(|byte| is_word(**byte) || b"-:".contains(byte))
                .count();
            let long = text[place..place + longer].trim_end_matches(['-', ':']);
            if let Some(entry) = Some(long)
                .filter(|long| long.contains("::") || long.starts_with("cf"))
                .and_then(|id| self.index_of(id))
            {
                found.push(Sighting {
                    entry,
                    by: By::Id,
                    weight: 4 * long.len(),
                    place: place..place + long.len(),
                });
            }
            for entry in self.by_name.get(word).into_iter().flatten() {
                let name = self.at(*entry).names.iter().find(|name| name.to_lowercase() == word);
                let by = By::Name(name.cloned().unwrap_or_default());
                found.push(Sighting {
                    entry: *entry,
                    by,
                    weight: word.len(),
                    place: place..place + word.len(),
                });
            }
        }
        let about_cuda = speaks_of_cuda(text);
        for anchor in self.anchors.find_overlapping_iter(text) {
            for index in &self.anchored[anchor.pattern().as_usize()] {
                let phrase = &self.phrases[*index];
                let Some(place) = phrase.pattern.around(text, anchor.start()) else { continue };
                let whole = || text.len() - place.len() <= ".!:".len();
                let counts = match phrase.counts {
                    Counts::Always => true,
                    Counts::WithCuda => about_cuda || question && whole(),
                    Counts::Asked => question,
                };
                if !counts {
                    continue;
                }
                let weight = phrase.pattern.weight();
                found.push(Sighting {
                    entry: phrase.entry,
                    by: By::Text(phrase.text.clone()),
                    weight,
                    place,
                });
            }
        }
        for (place, number) in numbers::inside(text) {
            found.extend(self.numbered(number, place));
        }
        let mut found = distinct(found);
        if found.iter().any(|sighting| !self.at(sighting.entry).general) {
            found.retain(|sighting| !self.at(sighting.entry).general);
        }
        found
    }

    /// Where the question is a part of known texts: their entries, unless it is a part of too many to mean one.
    fn quoted_in_part(&self, question: &str) -> Vec<Sighting> {
        let wanted = skeleton(question);
        if wanted.len() < SHORTEST {
            return Vec::new();
        }
        let mut found: Vec<Sighting> = Vec::new();
        for phrase in &self.phrases {
            let text = skeleton(&normalize(&phrase.text));
            if !text.contains(&wanted) || found.iter().any(|other| other.entry == phrase.entry) {
                continue;
            }
            // The less the text says beside the question, the more it is meant.
            let weight = 1000_usize.saturating_sub(text.len());
            let by = By::Text(phrase.text.clone());
            found.push(Sighting { entry: phrase.entry, by, weight, place: 0..question.len() });
        }
        if found.iter().any(|sighting| !self.at(sighting.entry).general) {
            found.retain(|sighting| !self.at(sighting.entry).general);
        }
        if found.len() > VAGUE { Vec::new() } else { best_first(found) }
    }

    /// Today's meaning of a number before its old one.
    fn numbered(&self, number: u16, at: usize) -> Vec<Sighting> {
        let sighting = |entry: &usize, by, weight| Sighting { entry: *entry, by, weight, place: at..at + 1 };
        let today = self.by_number.get(&number).into_iter().flatten();
        let old = self.by_old_number.get(&number).into_iter().flatten();
        let today = today.map(|entry| sighting(entry, By::Number(number), 2));
        today.chain(old.map(|entry| sighting(entry, By::OldNumber(number), 1))).collect()
    }
}

/// The heaviest sighting of each entry; and none that lies inside a heavier one of another entry, which says more.
fn distinct(mut found: Vec<Sighting>) -> Vec<Sighting> {
    found
        .sort_by(|left, right| right.weight.cmp(&left.weight).then(left.place.start.cmp(&right.place.start)));
    let mut kept: Vec<Sighting> = Vec::new();
    for sighting in found {
        let inside = |other: &Sighting| {
            other.place.start <= sighting.place.start
                && sighting.place.end <= other.place.end
                && other.weight > sighting.weight
        };
        if !kept.iter().any(|other| other.entry == sighting.entry || inside(other)) {
            kept.push(sighting);
        }
    }
    // A name or a text says which meaning of a number is meant.
    let is_number = |sighting: &Sighting| matches!(sighting.by, By::Number(_) | By::OldNumber(_));
    if kept.iter().any(|sighting| !is_number(sighting)) {
        kept.retain(|sighting| !is_number(sighting));
    }
    kept
}

/// A text without its quotes, and with `#` for each number, as the data files have it.
fn skeleton(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut number = false;
    for char in text.chars().filter(|char| *char != '\'') {
        let digit = char.is_ascii_digit() || number && char == '.';
        if !digit {
            out.push(char);
        } else if !number {
            out.push('#');
        }
        number = digit;
    }
    out
}

fn best_first(mut found: Vec<Sighting>) -> Vec<Sighting> {
    found.sort_by_key(|sighting| (std::cmp::Reverse(sighting.weight), sighting.place.start, sighting.entry));
    found
}

/// At most `length` bytes of it.
pub(crate) fn clip(text: &str, length: usize) -> &str {
    &text[..text.floor_char_boundary(length)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn skeletons_have_no_numbers_and_quotes() {
        for (text, expected) in [
            ("version 'glibc_2.38' not found", "version glibc_# not found"),
            ("a.b 1.2.3", "a.b #"),
            ("", ""),
            ("sm_90a", "sm_#a"),
        ] {
            assert_eq!(skeleton(text), expected);
        }
    }
}
