//! What can be wrong in a manifest: each mistake with its place, its sentence, and the next move.

use std::fmt;
use std::ops::Range;

use camino::Utf8PathBuf;
use cuferry_arch::{ParseGpuArchError, ParseReleaseError};
use miette::{Diagnostic, LabeledSpan, NamedSource, SourceCode};
use thiserror::Error;

/// Everything that is wrong in one manifest, in the order of the text.
#[derive(Debug, Error)]
#[error("{}", self.summary())]
pub struct ManifestErrors {
    source_text: Box<NamedSource<String>>,
    mistakes: Vec<ManifestError>,
}

/// One mistake and where it is.
#[derive(Clone, Debug, Error)]
#[error("{mistake}")]
pub struct ManifestError {
    /// What is wrong.
    pub mistake: Mistake,
    /// Where, in bytes of the text.
    pub span: Range<usize>,
    /// Another place that the mistake is about, such as the first use of a name.
    pub other: Option<Range<usize>>,
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[expect(missing_docs, reason = "each variant's message says what it and its fields are")]
pub enum Mistake {
    #[error("{message}")]
    Syntax { message: String },
    #[error("unknown key `{key}` in {section}")]
    UnknownKey { key: String, section: String, known: &'static [&'static str] },
    #[error("`{key}` is {found}, and {expected} was expected")]
    WrongType { key: String, expected: &'static str, found: &'static str, written: Option<String> },
    #[error("{section} has no `{key}`")]
    Missing { key: &'static str, section: String },
    #[error("the manifest has no `[project]`")]
    NoProject,
    #[error("the project has no program")]
    NoProgram,
    #[error("`{key}` holds an empty text")]
    Empty { key: String },
    #[error("`{key}` holds a NUL character, which no command line or path can carry")]
    Nul { key: String },
    #[error("`{name}` is no name for {what}")]
    BadName { name: String, what: &'static str },
    #[error("the name `{name}` is taken: {reason}")]
    ReservedName { name: String, reason: &'static str },
    #[error("two targets are named `{name}`")]
    DuplicateName { name: String },
    #[error("`{text}` is not one of the values of `{key}`")]
    UnknownChoice { key: &'static str, text: String, choices: &'static [&'static str] },
    #[error(transparent)]
    Gpu(#[from] ParseGpuArchError),
    #[error("`{key}` is an empty list")]
    EmptyList { key: &'static str },
    #[error(transparent)]
    Release(#[from] ParseReleaseError),
    #[error("`{text}` is no compiler: a name on `PATH` or an absolute path expected")]
    HostCompiler { text: String },
    #[error("`{text}` is not a C++ standard that nvcc takes")]
    Standard { text: String },
    #[error("`{text}` is no definition: {reason}")]
    Define { text: String, reason: &'static str },
    #[error("`{text}` holds several flags")]
    SeveralFlags { text: String },
    #[error("`{text}` is not the plain name of a library")]
    LibraryName { text: String },
    #[error("`{pattern}` is no pattern: {reason}")]
    Pattern { pattern: String, reason: String },
    #[error("no file matches `{pattern}`")]
    NoMatch { pattern: String, folder: bool, near: Vec<Utf8PathBuf> },
    #[error("`{pattern}` excludes none of the sources")]
    ExcludesNothing { pattern: String },
    #[error("`{path}` is not a source that can be compiled")]
    NotASource { path: Utf8PathBuf, pattern: String, others: usize },
    #[error("every source of `{target}` is excluded")]
    NoSources { target: String },
    #[error("`{path}` leads out of the project")]
    Outside { path: String },
    #[error("the project has no folder `{path}` with files in it")]
    NoFolder { path: String, near: Option<String> },
    #[error("no library of this project is named `{name}`")]
    UnknownLibrary { name: String, near: Option<String> },
    #[error("`{name}` is a program, and only libraries can be used")]
    UsesProgram { name: String },
    #[error("libraries use one another in a circle: {}", Circle(names))]
    Cycle { names: Vec<String> },
    #[error("`{text}` is no user: `UID:GID` in numbers expected")]
    User { text: String },
    #[error("`{text}` is no name for an image: {reason}")]
    ImageName { text: String, reason: &'static str },
    #[error("`{path}` is not an absolute path of the image")]
    NotAbsolute { path: String },
    #[error("{count} files match `{pattern}`, and `{to}` names one")]
    ManyToOne { pattern: String, count: usize, to: String },
    #[error("`{to}` would be written twice: from `{first}` and from `{second}`")]
    InstalledTwice { to: Utf8PathBuf, first: Utf8PathBuf, second: Utf8PathBuf },
    #[error("`{word}` is neither a program of this project nor an absolute path")]
    UnknownEntrypoint { word: String, programs: Vec<String> },
    #[error("the project has several programs, and nothing says which one the image starts")]
    NoEntrypoint { programs: Vec<String> },
    #[error("`{name}` is no name for an environment variable")]
    Variable { name: String },
}

struct Circle<'a>(&'a [String]);

impl fmt::Display for Circle<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.0.iter().map(|name| format!("`{name}`")).collect();
        formatter.write_str(&names.join(" → "))
    }
}

impl Mistake {
    /// The next move.
    pub fn help(&self) -> Option<String> {
        use crate::names::nearest;
        let meant = |near: Option<&str>| near.map(|near| format!("did you mean `{near}`?"));
        Some(match self {
            Self::UnknownKey { key, known, .. } => {
                return meant(nearest(key, known.iter().copied()))
                    .or_else(|| Some(format!("known here: {}", list(known))));
            }
            Self::WrongType { written, .. } => return written.as_ref().map(|text| format!("write `{text}`")),
            Self::Missing { key, .. } => format!("add `{key} = …`"),
            Self::NoProject => "add `[project]` with its `name`".to_owned(),
            Self::NoProgram => {
                "add a `[[program]]` with its `name` and `sources`, or let `cuferry init` write one".to_owned()
            }
            Self::Empty { .. } => "fill it in, or leave it out".to_owned(),
            Self::BadName { .. } => {
                "a name starts with a letter, a digit or `_`, and goes on with those, `.`, `+` and `-`; 128 bytes at most"
                    .to_owned()
            }
            Self::ReservedName { .. } | Self::DuplicateName { .. } => "choose another name".to_owned(),
            Self::UnknownChoice { text, choices, .. } => {
                return meant(nearest(text, choices.iter().copied()))
                    .or_else(|| Some(format!("known: {}", list(choices))));
            }
            Self::Gpu(error) => {
                return meant(nearest(&error.text, super::GPU_POLICIES))
                    .or_else(|| Some(format!("or one of {}", list(&super::GPU_POLICIES))));
            }
            Self::EmptyList { key } => format!("name something in `{key}`, or leave it out"),
            Self::Standard { text } if text.starts_with("gnu++") => {
                format!("nvcc takes no GNU standards: `{}`", text.replacen("gnu", "c", 1))
            }
            Self::Standard { .. } => format!("known: {}", list(&super::STANDARDS)),
            Self::Define { text, .. } => match text.trim_start().strip_prefix("-D") {
                Some(rest) => format!("write it without `-D`: `{}`", rest.trim()),
                None => "write `NAME` or `NAME=VALUE`".to_owned(),
            },
            Self::SeveralFlags { text } => {
                let flags: Vec<_> = text.split_whitespace().map(|flag| format!("{flag:?}")).collect();
                format!("each text is one flag: {}", flags.join(", "))
            }
            Self::LibraryName { text } => {
                let name = text.strip_prefix("-l").unwrap_or(text);
                let name = name.strip_prefix("lib").filter(|name| name.contains('.')).unwrap_or(name);
                let name = name.split(".so").next().unwrap_or(name).trim_end_matches(".a");
                if !crate::names::is_name(name) || name == text {
                    return None;
                }
                format!("write `{name}`")
            }
            Self::NoMatch { pattern, folder: true, .. } => {
                format!("it is a folder: `{}/**/*` matches all files in it", pattern.trim_end_matches('/'))
            }
            Self::NoMatch { near, .. } if !near.is_empty() => {
                let near: Vec<_> = near.iter().map(|path| format!("`{path}`")).collect();
                format!("near it: {}", near.join(", "))
            }
            Self::NoMatch { .. } => {
                "paths are relative to the folder of the manifest; `*` stays in one folder, `**` crosses folders".to_owned()
            }
            Self::ExcludesNothing { .. } => "take it out, or correct it".to_owned(),
            Self::NotASource { pattern, others, .. } => {
                let others = match others {
                    0 => String::new(),
                    1 => format!("`{pattern}` also matches another such file; "),
                    others => format!("`{pattern}` also matches {others} other such files; "),
                };
                format!("{others}sources end in `.cu`, `.cpp`, `.cc`, `.cxx`, `.C` or `.c`; headers are found by `include`")
            }
            Self::NoSources { .. } => "loosen `exclude`".to_owned(),
            Self::Outside { .. } => {
                "paths are relative to the folder of the manifest and stay inside; for libraries of the system use \
                 `pkg-config`, or a flag in `host-flags`"
                    .to_owned()
            }
            Self::NoFolder { near, .. } => return meant(near.as_deref()),
            Self::UnknownLibrary { near, .. } => {
                return meant(near.as_deref()).or_else(|| {
                    Some("CUDA's own go into `cuda-libraries`, the system's into `link` or `pkg-config`".to_owned())
                });
            }
            Self::UsesProgram { .. } => "move what both need into a `[[library]]`".to_owned(),
            Self::Cycle { .. } => "join them, or move what both need into a third".to_owned(),
            Self::User { .. } => {
                "such as `65532:65532`: an image need not hold names of users, and without a group Docker takes root's"
                    .to_owned()
            }
            Self::ImageName { .. } => "such as `acme/edge-camera:1.0`".to_owned(),
            Self::NotAbsolute { .. } => "it starts with `/` and has no `..`".to_owned(),
            Self::ManyToOne { to, .. } => format!("end it in `/` to name a folder: `{to}/`"),
            Self::InstalledTwice { .. } => "give one of them another `to`".to_owned(),
            Self::UnknownEntrypoint { word, programs } => {
                return meant(nearest(word, programs.iter().map(String::as_str)))
                    .or_else(|| (!programs.is_empty()).then(|| format!("programs: {}", list(programs))));
            }
            Self::NoEntrypoint { programs } => match programs.first() {
                Some(first) => format!("add `entrypoint = [\"{first}\"]` to `[image]`"),
                None => return None,
            },
            Self::Variable { .. } => "letters, digits and `_`, not starting with a digit".to_owned(),
            Self::Syntax { .. } | Self::Nul { .. } | Self::Release(_) | Self::HostCompiler { .. } | Self::Pattern { .. } => {
                return None;
            }
        })
    }
}

fn list(words: &[impl fmt::Display]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

impl ManifestErrors {
    pub(super) fn new(file_name: &str, text: &str, mut mistakes: Vec<ManifestError>) -> Self {
        mistakes.sort_by_key(|mistake| (mistake.span.start, mistake.span.end));
        Self { source_text: Box::new(NamedSource::new(file_name, text.to_owned())), mistakes }
    }

    /// Each mistake, in the order of the text; never empty.
    pub fn mistakes(&self) -> &[ManifestError] {
        &self.mistakes
    }

    fn summary(&self) -> String {
        let file = self.source_text.name();
        match self.mistakes.len() {
            1 => format!("`{file}` has a mistake"),
            count => format!("`{file}` has {count} mistakes"),
        }
    }
}

impl Diagnostic for ManifestErrors {
    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&*self.source_text)
    }

    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn Diagnostic> + 'a>> {
        Some(Box::new(self.mistakes.iter().map(|mistake| mistake as &dyn Diagnostic)))
    }
}

/// Its text is its parent's: a renderer shows related diagnostics on the source of the one that they belong to.
impl Diagnostic for ManifestError {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(self.mistake.help()?))
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let first =
            self.other.clone().map(|span| LabeledSpan::new_with_span(Some("first here".to_owned()), span));
        let here = LabeledSpan::new_primary_with_span(
            self.other.is_some().then(|| "again here".to_owned()),
            self.span.clone(),
        );
        Some(Box::new([first, Some(here)].into_iter().flatten()))
    }
}
