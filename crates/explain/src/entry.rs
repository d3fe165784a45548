//! One explanation, and the subjects that explanations are sorted into: the shape of the files in `data/`.

use serde::Deserialize;

/// What is known of one error, or of one thing that cuferry says.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// `cuda-209`, `CF2003`, `install::network`: unique in all files, and stable.
    pub id: String,
    /// What it means, in one line: the deciding fact.
    pub title: String,
    /// Identifiers that mean this error wherever they stand, such as `cudaErrorNoKernelImageForDevice`.
    #[serde(default)]
    pub names: Vec<String>,
    /// Its numbers in CUDA's runtime and driver interfaces, as they are since CUDA 10.1.
    #[serde(default)]
    pub numbers: Vec<u16>,
    /// Its numbers in the runtime interface of CUDA 10.0 and before.
    #[serde(default)]
    pub old: Vec<u16>,
    /// What is printed: letter case, quotes and white space don't matter, `*` stands for any text, `#` for a number.
    #[serde(default)]
    pub texts: Vec<String>,
    /// The same for texts so common that they count only in a line that speaks of CUDA, or when they are the whole
    /// question.
    #[serde(default)]
    pub weak: Vec<String>,
    /// The same for what is asked about and is no error by itself: a flag, a function, a variable. A log is full of them.
    #[serde(default)]
    pub asked: Vec<String>,
    /// Whole lines as users met them; the tests look each up.
    #[serde(default)]
    pub examples: Vec<String>,
    /// Why it happens.
    pub cause: String,
    /// How to see whether that is so: each a command and what it tells.
    #[serde(default)]
    pub check: Vec<String>,
    /// What to do: the first that applies is the one to try first.
    #[serde(default)]
    pub fix: Vec<String>,
    /// Who says so: `owner/repository#number`, or a document.
    #[serde(default)]
    pub sources: Vec<String>,
    /// Whether it only counts where nothing more telling is found: its texts surround those of other entries.
    #[serde(default)]
    pub general: bool,
    /// Ids of entries that are read next.
    #[serde(default)]
    pub see: Vec<String>,
}

/// A file of explanations.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subject {
    /// A word: `cuda`, `loader`.
    pub name: String,
    /// What its entries are about, in one line.
    pub title: String,
    /// The source of every entry that names none.
    pub source: String,
    /// Its explanations, in the order in which they are listed.
    #[serde(default, rename = "entry")]
    pub entries: Vec<Entry>,
}

impl Entry {
    /// Every text that it is known by.
    pub fn all_texts(&self) -> impl Iterator<Item = &str> {
        self.texts.iter().chain(&self.weak).chain(&self.asked).map(String::as_str)
    }
}
