//! Every explanation, read once from `data/*.toml`, and the indexes by which they are found.

use std::collections::{BTreeMap, HashMap};
use std::sync::{LazyLock, OnceLock};

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use thiserror::Error;

use crate::entry::{Entry, Subject};
use crate::near::Vocabulary;
use crate::pattern::Pattern;

/// The files, in the order in which subjects are listed.
const FILES: &[(&str, &str)] = &[
    ("cuda", include_str!("../data/cuda.toml")),
    ("library", include_str!("../data/library.toml")),
    ("loader", include_str!("../data/loader.toml")),
    ("compiler", include_str!("../data/compiler.toml")),
    ("container", include_str!("../data/container.toml")),
    ("emulation", include_str!("../data/emulation.toml")),
    ("abi", include_str!("../data/abi.toml")),
    ("jetson", include_str!("../data/jetson.toml")),
    ("python", include_str!("../data/python.toml")),
    ("inspect", include_str!("../data/inspect.toml")),
    ("scan", include_str!("../data/scan.toml")),
    ("flags", include_str!("../data/flags.toml")),
    ("guesses", include_str!("../data/guesses.toml")),
    ("needs", include_str!("../data/needs.toml")),
    ("cuferry", include_str!("../data/cuferry.toml")),
];

static CATALOGUE: LazyLock<Catalogue> =
    LazyLock::new(|| Catalogue::parse(FILES).expect("data/*.toml are checked by a test"));

/// The explanations that are compiled in.
pub fn catalogue() -> &'static Catalogue {
    &CATALOGUE
}

/// Explanations, and how to find them.
#[derive(Debug)]
pub struct Catalogue {
    subjects: Vec<Subject>,
    /// Each entry as its subject and its place there, in the order of the files.
    places: Vec<(usize, usize)>,
    /// By id, in lower case.
    by_id: HashMap<String, usize>,
    /// By name, in lower case. Several entries may share one.
    pub(crate) by_name: HashMap<String, Vec<usize>>,
    pub(crate) by_number: BTreeMap<u16, Vec<usize>>,
    pub(crate) by_old_number: BTreeMap<u16, Vec<usize>>,
    pub(crate) phrases: Vec<Phrase>,
    /// Finds the anchors of all phrases at once; a pattern's number is its index in `anchored`.
    pub(crate) anchors: AhoCorasick,
    /// The phrases of each anchor.
    pub(crate) anchored: Vec<Vec<usize>>,
    /// Made when a question finds nothing.
    vocabulary: OnceLock<Vocabulary>,
}

/// One text of one entry.
#[derive(Debug)]
pub(crate) struct Phrase {
    pub(crate) entry: usize,
    pub(crate) pattern: Pattern,
    pub(crate) counts: Counts,
    /// As the data file has it.
    pub(crate) text: String,
}

/// Where a phrase counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counts {
    /// Everywhere.
    Always,
    /// In a line that speaks of CUDA, and as the whole question.
    WithCuda,
    /// In a question.
    Asked,
}

/// What is wrong with a file of explanations.
#[derive(Debug, Error)]
pub enum CatalogueError {
    /// It is no such file.
    #[error("{file}.toml: {source}")]
    Syntax {
        /// Which.
        file: String,
        /// What the parser says.
        source: Box<toml::de::Error>,
    },
    /// An id is used twice.
    #[error("{file}.toml: a second entry has the id `{id}`")]
    DuplicateId {
        /// Where the second one is.
        file: String,
        /// The id.
        id: String,
    },
    /// A text says too little to be looked for.
    #[error("{file}.toml: `{text}` of `{id}` holds no word to look for")]
    EmptyText {
        /// Where.
        file: String,
        /// The entry.
        id: String,
        /// The text.
        text: String,
    },
    /// All texts together are too much for the search.
    #[error("the texts cannot be indexed: {0}")]
    Index(#[from] Box<aho_corasick::BuildError>),
}

impl Catalogue {
    /// Reads files, each given with its name.
    pub fn parse(files: &[(&str, &str)]) -> Result<Self, CatalogueError> {
        let mut subjects = Vec::new();
        for (file, text) in files {
            let subject: Subject = toml::from_str(text).map_err(|source| CatalogueError::Syntax {
                file: (*file).to_owned(),
                source: Box::new(source),
            })?;
            subjects.push(subject);
        }
        let mut places = Vec::new();
        let mut by_id = HashMap::new();
        let mut by_name: HashMap<String, Vec<usize>> = HashMap::new();
        let mut by_number: BTreeMap<u16, Vec<usize>> = BTreeMap::new();
        let mut by_old_number: BTreeMap<u16, Vec<usize>> = BTreeMap::new();
        let mut phrases = Vec::new();
        for (subject_index, (subject, (file, _))) in subjects.iter_mut().zip(files).enumerate() {
            let default = subject.source.clone();
            for (entry_index, entry) in subject.entries.iter_mut().enumerate() {
                if entry.sources.is_empty() {
                    entry.sources.push(default.clone());
                }
                let index = places.len();
                places.push((subject_index, entry_index));
                if by_id.insert(entry.id.to_lowercase(), index).is_some() {
                    return Err(CatalogueError::DuplicateId {
                        file: (*file).to_owned(),
                        id: entry.id.clone(),
                    });
                }
                for name in &entry.names {
                    by_name.entry(name.to_lowercase()).or_default().push(index);
                }
                for number in &entry.numbers {
                    by_number.entry(*number).or_default().push(index);
                }
                for number in &entry.old {
                    by_old_number.entry(*number).or_default().push(index);
                }
                let kinds = [
                    (&entry.texts, Counts::Always),
                    (&entry.weak, Counts::WithCuda),
                    (&entry.asked, Counts::Asked),
                ];
                for (text, counts) in
                    kinds.iter().flat_map(|(texts, counts)| texts.iter().map(|text| (text, *counts)))
                {
                    let Some(pattern) = Pattern::parse(text) else {
                        let (file, id, text) = ((*file).to_owned(), entry.id.clone(), text.clone());
                        return Err(CatalogueError::EmptyText { file, id, text });
                    };
                    phrases.push(Phrase { entry: index, pattern, counts, text: text.clone() });
                }
            }
        }
        let mut by_anchor: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (index, phrase) in phrases.iter().enumerate() {
            by_anchor.entry(phrase.pattern.anchor()).or_default().push(index);
        }
        // The kind that is built fastest: most questions are one line.
        let anchors = AhoCorasick::builder()
            .kind(Some(AhoCorasickKind::NoncontiguousNFA))
            .build(by_anchor.keys())
            .map_err(Box::new)?;
        let anchored = by_anchor.into_values().collect();
        Ok(Self {
            subjects,
            places,
            by_id,
            by_name,
            by_number,
            by_old_number,
            phrases,
            anchors,
            anchored,
            vocabulary: OnceLock::new(),
        })
    }

    /// Every subject, with its entries.
    pub fn subjects(&self) -> &[Subject] {
        &self.subjects
    }

    /// Every entry, subject by subject.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.subjects.iter().flat_map(|subject| &subject.entries)
    }

    /// The entry of that id, whatever its letter case.
    pub fn entry(&self, id: &str) -> Option<&Entry> {
        self.by_id.get(&id.to_lowercase()).map(|index| self.at(*index))
    }

    /// The subject that an entry belongs to.
    pub fn subject_of(&self, entry: &Entry) -> Option<&Subject> {
        let index = self.by_id.get(&entry.id.to_lowercase())?;
        Some(&self.subjects[self.places[*index].0])
    }

    pub(crate) fn at(&self, index: usize) -> &Entry {
        let (subject, entry) = self.places[index];
        &self.subjects[subject].entries[entry]
    }

    pub(crate) fn index_of(&self, id: &str) -> Option<usize> {
        self.by_id.get(&id.to_lowercase()).copied()
    }

    pub(crate) fn vocabulary(&self) -> &Vocabulary {
        self.vocabulary.get_or_init(|| Vocabulary::of(self.entries()))
    }
}
