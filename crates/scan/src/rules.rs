//! The rules: cuferry's own, read from `rules/*.toml`, and those that a user adds in files of the same form.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, LazyLock, OnceLock};

use miette::{Diagnostic, NamedSource, SourceSpan};
use serde::Deserialize;
use serde_spanned::Spanned;
use thiserror::Error;

use crate::matcher::{Headers, Matcher};
use crate::pattern::{self, Find, RawFind};
use crate::{Effort, Kind, Language, Rule, RuleId, Severity};

const BUILTIN: &[(&str, &str)] = &[
    ("intrinsics.toml", include_str!("../rules/intrinsics.toml")),
    ("assembly.toml", include_str!("../rules/assembly.toml")),
    ("conditionals.toml", include_str!("../rules/conditionals.toml")),
    ("flags.toml", include_str!("../rules/flags.toml")),
    ("gpu-archs.toml", include_str!("../rules/gpu-archs.toml")),
    ("tegra.toml", include_str!("../rules/tegra.toml")),
    ("memory.toml", include_str!("../rules/memory.toml")),
    ("containers.toml", include_str!("../rules/containers.toml")),
    ("semantics.toml", include_str!("../rules/semantics.toml")),
    ("cuda.toml", include_str!("../rules/cuda.toml")),
    ("artefacts.toml", include_str!("../rules/artefacts.toml")),
];

/// Rules, ready to search with. Cheap to clone.
#[derive(Clone)]
pub struct RuleSet {
    rules: BTreeMap<RuleId, Arc<Rule>>,
    finds: Arc<Vec<Find>>,
    matchers: Arc<[OnceLock<Matcher>; Language::ALL.len()]>,
    headers: Arc<OnceLock<Headers>>,
}

/// A rule file that cannot be used: which, where, and why.
#[derive(Clone, Debug, Error, Diagnostic)]
#[error("`{}` line {line}: {problem}", source_code.name())]
#[diagnostic(code(scan::rule_file), help("`docs/scan.md` describes rule files"))]
pub struct RuleError {
    /// What is wrong.
    pub problem: RuleProblem,
    /// The line, counted from 1.
    pub line: usize,
    /// The file's name and text.
    #[source_code]
    pub source_code: Arc<NamedSource<Arc<str>>>,
    /// Where.
    #[label("here")]
    pub span: SourceSpan,
}

/// What can be wrong in a rule file.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RuleProblem {
    /// It is no TOML, or lacks a key, or has one too many.
    #[error("{message}")]
    Syntax {
        /// The parser's words.
        message: String,
    },
    /// The id is no word of letters and digits that begins with a letter.
    #[error("`{id}` is not an id: letters and digits such as `ACME001` expected")]
    Id {
        /// What was given.
        id: String,
    },
    /// The id belongs to cuferry.
    #[error("`{id}`: ids that begin with `CF` are cuferry's own; choose another beginning")]
    Reserved {
        /// What was given.
        id: String,
    },
    /// Two rules share an id.
    #[error("`{id}` is the id of another rule already")]
    Duplicate {
        /// Which.
        id: String,
    },
    /// A rule without a pattern.
    #[error("`{id}` finds nothing: it has no `[[rule.find]]`")]
    NoFind {
        /// Which.
        id: String,
    },
    /// A `[[rule.find]]` with no pattern or with several.
    #[error("a `find` has exactly one of {}; this one has {count}", pattern::KEYS)]
    Patterns {
        /// How many it has.
        count: usize,
    },
    /// A pattern that the languages do not have.
    #[error("`{key}` needs a rule for C, C++ or CUDA")]
    Languages {
        /// The pattern's key.
        key: &'static str,
    },
    /// An empty or misplaced pattern.
    #[error("`{text}` is no pattern: {why}")]
    Pattern {
        /// What was given.
        text: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A regular expression that cannot be used.
    #[error("the regular expression cannot be used: {message}")]
    Regex {
        /// Why.
        message: String,
    },
    /// A regular expression without a word that tells which files are worth reading.
    #[error(
        "`regex` needs `trigger`: texts of which one is in every match, so that other files need not be read"
    )]
    NoTrigger,
    /// A check that does not exist.
    #[error("there is no check `{name}`; there are: {}", pattern::CHECKS)]
    Check {
        /// What was asked for.
        name: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    rule: Vec<Spanned<RawRule>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRule {
    id: Spanned<String>,
    name: String,
    kind: Kind,
    severity: Severity,
    effort: Effort,
    #[serde(default)]
    languages: Vec<Language>,
    title: String,
    cause: String,
    fix: String,
    #[serde(default)]
    source: String,
    #[serde(default)]
    near: Vec<String>,
    #[serde(default)]
    module: bool,
    #[serde(default)]
    find: Vec<Spanned<RawFind>>,
}

static BUILTIN_RULES: LazyLock<RuleSet> = LazyLock::new(|| {
    let mut set = RuleSet::empty();
    for (name, text) in BUILTIN {
        set = set.extended(name, text, Owner::Cuferry).expect("the rules compiled in are checked by a test");
    }
    set
});

#[derive(Clone, Copy, PartialEq, Eq)]
enum Owner {
    Cuferry,
    User,
}

impl RuleSet {
    /// cuferry's own rules.
    pub fn builtin() -> Self {
        BUILTIN_RULES.clone()
    }

    /// No rules at all: to search for a user's own only.
    pub fn empty() -> Self {
        Self {
            rules: BTreeMap::new(),
            finds: Arc::default(),
            matchers: Arc::default(),
            headers: Arc::default(),
        }
    }

    /// These rules and those of `text`; `file_name` is for messages.
    pub fn with_file(&self, file_name: &str, text: &str) -> Result<Self, RuleError> {
        self.extended(file_name, text, Owner::User)
    }

    /// Only the rules that `keep` says.
    #[must_use]
    pub fn filtered(&self, keep: impl Fn(&Rule) -> bool) -> Self {
        let rules: BTreeMap<_, _> = self
            .rules
            .iter()
            .filter(|(_, rule)| keep(rule))
            .map(|(id, rule)| (id.clone(), rule.clone()))
            .collect();
        let finds = self.finds.iter().filter(|find| rules.contains_key(&find.rule.id)).cloned().collect();
        Self { rules, finds: Arc::new(finds), matchers: Arc::default(), headers: Arc::default() }
    }

    /// The rule with this id.
    pub fn get(&self, id: &RuleId) -> Option<&Rule> {
        self.rules.get(id).map(AsRef::as_ref)
    }

    /// The rule whose id reads so.
    pub fn named(&self, id: &str) -> Option<&Rule> {
        self.get(&RuleId(id.to_owned()))
    }

    /// Every rule, by id.
    pub fn iter(&self) -> impl Iterator<Item = &Rule> {
        self.rules.values().map(AsRef::as_ref)
    }

    /// The words of which one is in every file that any rule finds something in, but for the sign of `char`: what a plain
    /// text search has to look for to do the same choice of files.
    pub fn words(&self) -> BTreeSet<String> {
        Language::ALL.iter().flat_map(|language| self.matcher(*language).words().iter().cloned()).collect()
    }

    pub(crate) fn finds(&self) -> &[Find] {
        &self.finds
    }

    /// The patterns of one language, compiled when first needed.
    pub(crate) fn matcher(&self, language: Language) -> &Matcher {
        self.matchers[language as usize].get_or_init(|| Matcher::new(&self.finds, language))
    }

    /// The headers that [`Rule::near`] asks for.
    pub(crate) fn headers(&self) -> &Headers {
        self.headers.get_or_init(|| Headers::new(self.iter().flat_map(|rule| &rule.near)))
    }

    fn extended(&self, file_name: &str, text: &str, owner: Owner) -> Result<Self, RuleError> {
        let fail = |span: Range<usize>, problem| rule_error(file_name, text, &span, problem);
        let file: RawFile = toml::from_str(text).map_err(|error| {
            let message = error.message().to_owned();
            fail(error.span().unwrap_or(0..0), RuleProblem::Syntax { message })
        })?;
        let mut rules = self.rules.clone();
        let mut finds = self.finds.to_vec();
        for raw in file.rule {
            let raw = raw.into_inner();
            let id_span = raw.id.span();
            let id = raw.id.into_inner();
            check_id(&id, owner).map_err(|problem| fail(id_span.clone(), problem))?;
            if raw.find.is_empty() {
                return Err(fail(id_span, RuleProblem::NoFind { id }));
            }
            let mut languages = raw.languages;
            languages.sort_unstable();
            languages.dedup();
            let rule = Arc::new(Rule {
                id: RuleId(id.clone()),
                name: raw.name,
                kind: raw.kind,
                severity: raw.severity,
                effort: raw.effort,
                languages,
                title: raw.title,
                cause: raw.cause,
                fix: raw.fix,
                source: raw.source,
                near: raw.near,
                module: raw.module,
            });
            if rules.insert(rule.id.clone(), rule.clone()).is_some() {
                return Err(fail(id_span, RuleProblem::Duplicate { id }));
            }
            for find in raw.find {
                let span = find.span();
                let find = find.into_inner().compile(&rule).map_err(|problem| fail(span.clone(), problem))?;
                finds.push(find);
            }
        }
        Ok(Self { rules, finds: Arc::new(finds), matchers: Arc::default(), headers: Arc::default() })
    }
}

impl fmt::Debug for RuleSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.rules.keys()).finish()
    }
}

fn check_id(id: &str, owner: Owner) -> Result<(), RuleProblem> {
    let good = id.starts_with(|first: char| first.is_ascii_alphabetic())
        && id.chars().all(|letter| letter.is_ascii_alphanumeric());
    if !good {
        return Err(RuleProblem::Id { id: id.to_owned() });
    }
    if owner == Owner::User && id.starts_with("CF") {
        return Err(RuleProblem::Reserved { id: id.to_owned() });
    }
    Ok(())
}

fn rule_error(file_name: &str, text: &str, span: &Range<usize>, problem: RuleProblem) -> RuleError {
    let start = span.start.min(text.len());
    RuleError {
        problem,
        line: text[..start].matches('\n').count() + 1,
        source_code: Arc::new(NamedSource::new(file_name, Arc::from(text))),
        span: (start, span.end.saturating_sub(start)).into(),
    }
}
