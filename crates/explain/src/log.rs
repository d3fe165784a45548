//! A build's or a program's log, read line by line: every known error in it, each once, in order.

use std::collections::HashMap;

use crate::catalogue::Catalogue;
use crate::entry::Entry;
use crate::find::{By, clip};
use crate::text::normalize;

/// How much of a line is looked at, in bytes. A longer one is a minified file or data.
const LONGEST: usize = 16 << 10;
/// How much of the line before is looked at together with a line: tools wrap their messages.
const CARRIED: usize = 256;
/// How much of a line is kept to be shown.
const SHOWN: usize = 400;

/// A log as it comes.
#[derive(Debug)]
pub struct Log<'a> {
    catalogue: &'a Catalogue,
    lines: usize,
    /// The end of the line before, normalised, as far as nothing was found in it.
    carried: String,
    hits: Vec<Hit<'a>>,
    /// Each entry's place in `hits`.
    seen: HashMap<usize, usize>,
}

/// A known error in a log.
#[derive(Clone, Debug)]
pub struct Hit<'a> {
    /// Which.
    pub entry: &'a Entry,
    /// What it was found by.
    pub by: By,
    /// The line where it stands first, from 1.
    pub line: usize,
    /// That line, or its beginning.
    pub text: String,
    /// On how many lines it stands.
    pub times: usize,
}

impl<'a> Log<'a> {
    /// Nothing read yet.
    pub fn new(catalogue: &'a Catalogue) -> Self {
        Self { catalogue, lines: 0, carried: String::new(), hits: Vec::new(), seen: HashMap::new() }
    }

    /// The next line, without its end.
    pub fn line(&mut self, line: &str) {
        self.lines += 1;
        let text = normalize(clip(line, LONGEST));
        let mut sightings = self.catalogue.sightings(&text, false);
        if sightings.is_empty() && !self.carried.is_empty() && !text.is_empty() {
            // A message that began on the line before. One that lies wholly in either was found there, or is none.
            sightings = self.catalogue.sightings(&format!("{} {text}", self.carried), false);
            sightings.retain(|sighting| {
                sighting.place.start < self.carried.len() && sighting.place.end > self.carried.len()
            });
        }
        sightings.sort_by_key(|sighting| sighting.place.start);
        let found = !sightings.is_empty();
        for sighting in sightings {
            if let Some(known) = self.seen.get(&sighting.entry) {
                self.hits[*known].times += 1;
                continue;
            }
            self.seen.insert(sighting.entry, self.hits.len());
            self.hits.push(Hit {
                entry: self.catalogue.at(sighting.entry),
                by: sighting.by,
                line: self.lines,
                text: clip(line.trim(), SHOWN).to_owned(),
                times: 1,
            });
        }
        let start = text.len().saturating_sub(CARRIED);
        self.carried = if found { String::new() } else { text[text.ceil_char_boundary(start)..].to_owned() };
    }

    /// How many lines were read.
    pub fn lines(&self) -> usize {
        self.lines
    }

    /// What was found, in the order of the log.
    pub fn hits(&self) -> &[Hit<'a>] {
        &self.hits
    }
}
