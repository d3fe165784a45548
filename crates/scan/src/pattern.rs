//! What a rule looks for: its patterns as the rule file writes them, checked and compiled.

use std::collections::BTreeMap;
use std::sync::Arc;

use regex::bytes::{Regex, RegexBuilder};
use serde::Deserialize;
use serde::de::IntoDeserializer as _;

use crate::rules::RuleProblem;
use crate::{Language, Rule};

/// The keys of which a `find` has one, for messages.
pub(crate) const KEYS: &str =
    "`ident`, `call`, `member`, `include`, `asm`, `text`, `regex`, `check`, `path`, `start`";

/// The checks, for messages.
pub(crate) const CHECKS: &str = "`neon`, `neon-missing`, `sve`, `arm-assembly`, `arm-assembly-file`, `arm-side`, \
     `no-x86-side`, `x86-refused`, `gpu-arch-jetson`, `gpu-arch-dropped`, `removed-api`, `char-sign`";

/// A part of the search that is code, since a pattern cannot say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Check {
    /// NEON and ACLE intrinsics that the headers for x86_64 have.
    Neon,
    /// Those that they lack.
    NeonMissing,
    /// SVE intrinsics and types.
    Sve,
    /// Inline assembly with ARM instructions that no `asm` pattern covers wholly.
    ArmAssembly,
    /// Assembly files.
    ArmAssemblyFile,
    /// A conditional whose ARM side uses what only a Jetson has.
    ArmSide,
    /// A conditional with an ARM side and none for x86_64.
    NoX86Side,
    /// A branch that x86_64 takes and ARM does not, which refuses to build.
    X86Refused,
    /// GPU architectures of Jetson modules.
    GpuArchJetson,
    /// GPU architectures that the toolkit dropped.
    GpuArchDropped,
    /// CUDA API that the toolkit dropped.
    RemovedApi,
    /// Plain `char` used as a number.
    CharSign,
}

/// Where a `text` or `regex` looks in C, C++ and CUDA.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Area {
    /// Inside string literals.
    #[default]
    Strings,
    /// Outside comments and string literals.
    Code,
}

/// Which uses are reported, where a file has several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Once {
    /// All.
    #[default]
    Never,
    /// The first of each text.
    Text,
    /// The first of the rule.
    File,
}

/// `[[rule.find]]` as written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct RawFind {
    #[serde(default)]
    languages: Vec<Language>,
    ident: Option<Vec<String>>,
    call: Option<Vec<String>>,
    member: Option<Vec<String>>,
    include: Option<Vec<String>>,
    asm: Option<Vec<String>>,
    text: Option<Vec<String>>,
    regex: Option<String>,
    check: Option<String>,
    path: Option<Vec<String>>,
    start: Option<Vec<String>>,
    #[serde(default)]
    trigger: Vec<String>,
    #[serde(default, rename = "in")]
    area: Area,
    #[serde(default)]
    with: Vec<String>,
    #[serde(default)]
    without: Vec<String>,
    message: String,
    #[serde(default)]
    once: Once,
    replace: Option<String>,
    #[serde(default)]
    rename: BTreeMap<String, String>,
    #[serde(rename = "do")]
    order: Option<String>,
    #[serde(default)]
    safe: bool,
}

/// A name to find: whole, or its beginning.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Name {
    pub(crate) text: String,
    /// `*` at the end: any rest.
    pub(crate) open: bool,
}

/// What a find looks for.
#[derive(Clone, Debug)]
pub(crate) enum Pattern {
    Ident(Vec<Name>),
    Call(Vec<Name>),
    Member(Vec<Name>),
    Include(Vec<Name>),
    Asm(Vec<Name>),
    Text(Vec<Name>),
    Regex {
        regex: Regex,
        triggers: Vec<String>,
    },
    Check(Check),
    /// Endings of file names, in lower case.
    Path(Vec<String>),
    Start(Vec<String>),
}

/// A compiled `[[rule.find]]`.
#[derive(Clone, Debug)]
pub(crate) struct Find {
    pub(crate) rule: Arc<Rule>,
    pub(crate) languages: Vec<Language>,
    pub(crate) pattern: Pattern,
    pub(crate) area: Area,
    /// The file must hold one of these bytes somewhere; empty: any file will do.
    pub(crate) with: Vec<String>,
    /// The file must hold none of these.
    pub(crate) without: Vec<String>,
    pub(crate) message: String,
    pub(crate) once: Once,
    pub(crate) replace: Option<String>,
    pub(crate) rename: BTreeMap<String, String>,
    pub(crate) order: Option<String>,
    pub(crate) safe: bool,
}

impl RawFind {
    pub(crate) fn compile(self, rule: &Arc<Rule>) -> Result<Find, RuleProblem> {
        let languages =
            if self.languages.is_empty() { rule.languages.clone() } else { self.languages.clone() };
        let pattern = self.pattern(&languages)?;
        Ok(Find {
            rule: rule.clone(),
            languages,
            pattern,
            area: self.area,
            with: self.with,
            without: self.without,
            message: self.message,
            once: self.once,
            replace: self.replace,
            rename: self.rename,
            order: self.order,
            safe: self.safe,
        })
    }

    fn pattern(&self, languages: &[Language]) -> Result<Pattern, RuleProblem> {
        let count = usize::from(self.ident.is_some())
            + usize::from(self.call.is_some())
            + usize::from(self.member.is_some())
            + usize::from(self.include.is_some())
            + usize::from(self.asm.is_some())
            + usize::from(self.text.is_some())
            + usize::from(self.regex.is_some())
            + usize::from(self.check.is_some())
            + usize::from(self.path.is_some())
            + usize::from(self.start.is_some());
        if count != 1 {
            return Err(RuleProblem::Patterns { count });
        }
        let any = languages.iter().any(|language| language.is_c_like());
        let c_like = |key| any.then_some(()).ok_or(RuleProblem::Languages { key });
        if let Some(list) = &self.ident {
            c_like("ident")?;
            return names(list).map(Pattern::Ident);
        }
        if let Some(list) = &self.call {
            c_like("call")?;
            return names(list).map(Pattern::Call);
        }
        if let Some(list) = &self.member {
            c_like("member")?;
            return names(list).map(Pattern::Member);
        }
        if let Some(list) = &self.include {
            c_like("include")?;
            return names(list).map(Pattern::Include);
        }
        if let Some(list) = &self.asm {
            c_like("asm")?;
            return names(list).map(Pattern::Asm);
        }
        if let Some(list) = &self.text {
            if languages.is_empty() {
                return Err(RuleProblem::Pattern { text: list.join(" "), why: "`text` needs `languages`" });
            }
            return names(list).map(Pattern::Text);
        }
        if let Some(list) = &self.path {
            return whole(list).map(Pattern::Path);
        }
        if let Some(list) = &self.start {
            return whole(list).map(Pattern::Start);
        }
        if let Some(name) = &self.check {
            let check: Result<Check, serde::de::value::Error> =
                Check::deserialize(name.as_str().into_deserializer());
            return check.map(Pattern::Check).map_err(|_| RuleProblem::Check { name: name.clone() });
        }
        self.regex(languages)
    }

    fn regex(&self, languages: &[Language]) -> Result<Pattern, RuleProblem> {
        let text = self.regex.as_deref().unwrap_or_default();
        if self.trigger.is_empty() || self.trigger.iter().any(String::is_empty) {
            return Err(RuleProblem::NoTrigger);
        }
        if languages.is_empty() {
            return Err(RuleProblem::Pattern { text: text.to_owned(), why: "`regex` needs `languages`" });
        }
        let regex = RegexBuilder::new(text).multi_line(true).unicode(false).size_limit(1 << 20).build();
        let regex = regex.map_err(|error| RuleProblem::Regex { message: error.to_string() })?;
        if regex.is_match(b"") {
            return Err(RuleProblem::Regex { message: "it matches the empty text".to_owned() });
        }
        Ok(Pattern::Regex { regex, triggers: self.trigger.clone() })
    }
}

/// Texts without a `*` of their own.
fn whole(list: &[String]) -> Result<Vec<String>, RuleProblem> {
    match list.iter().find(|text| text.is_empty() || text.contains('*')) {
        Some(text) => Err(RuleProblem::Pattern { text: text.clone(), why: "it is empty, or holds a `*`" }),
        None => Ok(list.to_vec()),
    }
}

fn names(list: &[String]) -> Result<Vec<Name>, RuleProblem> {
    list.iter().map(|text| name(text)).collect()
}

fn name(text: &str) -> Result<Name, RuleProblem> {
    let (stem, open) = match text.strip_suffix('*') {
        Some(stem) => (stem, true),
        None => (text, false),
    };
    let why = if stem.is_empty() {
        Some("it is empty")
    } else if stem.contains('*') {
        Some("`*` stands at the end only")
    } else if stem.contains('\n') {
        Some("it spans lines")
    } else {
        None
    };
    match why {
        Some(why) => Err(RuleProblem::Pattern { text: text.to_owned(), why }),
        None => Ok(Name { text: stem.to_owned(), open }),
    }
}

impl Name {
    /// Whether `word` is meant.
    pub(crate) fn matches(&self, word: &[u8]) -> bool {
        if self.open { word.starts_with(self.text.as_bytes()) } else { word == self.text.as_bytes() }
    }
}
