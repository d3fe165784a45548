//! The rows of `matrix.toml`.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use cuferry_arch::{CudaRelease, DeviceCode, GpuArch, Host};
use cuferry_translate::{ArchPolicy, Policy, Semantics};
use serde::Deserialize;

use super::tools::Tools;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Matrix {
    pub host: Vec<HostRow>,
    pub command: Vec<Command>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HostRow {
    pub rule: String,
    pub flag: String,
    #[serde(default)]
    pub policy: PolicyRow,
    pub gcc: Status,
    pub clang: Status,
    pub like: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Command {
    pub rules: Vec<String>,
    #[serde(default)]
    pub policy: PolicyRow,
    pub args: String,
    pub before: Expected,
    pub after: Expected,
}

/// How a tool took a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Status {
    Refused,
    Warned,
    Accepted,
    /// Depends on what else the machine has.
    Any,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(crate) struct Expected {
    pub status: Option<Status>,
    /// Words added to the command, to see more.
    pub probe: Option<String>,
    pub shows: Vec<String>,
    pub hides: Vec<String>,
    /// The machine in the header of what was made.
    pub elf: Option<String>,
    pub readelf: Vec<String>,
    pub lacks: Vec<String>,
    /// What the file that was made holds, as text.
    pub text: Vec<String>,
    /// What the program that was made prints.
    pub run_shows: Vec<String>,
    pub run_hides: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of a policy")]
pub(crate) struct PolicyRow {
    portable: bool,
    exactly: Vec<String>,
    fitting: Vec<String>,
    ccbin: Option<Utf8PathBuf>,
    cuda_root: bool,
    shared_instead: BTreeMap<String, String>,
    versions_instead: BTreeMap<String, String>,
    raise: Option<u32>,
    include_first: bool,
    include_last: bool,
    unsigned_char: bool,
    fused_multiply_add: bool,
    unsigned_wchar: bool,
    conversions: bool,
    checked_division: bool,
    checked_overflow: bool,
    checked_shifts: bool,
}

impl Matrix {
    pub(crate) fn read() -> Self {
        toml::from_str(include_str!("../matrix.toml")).expect("matrix.toml is a matrix")
    }
}

impl Command {
    /// The tool and its words, with the sources in place.
    pub(crate) fn words(&self, tools: &Tools) -> (String, Vec<String>) {
        let mut words: Vec<_> = self.args.split_whitespace().map(str::to_owned).collect();
        let tool = words.remove(0);
        (tool, tools.filled(&words))
    }
}

impl PolicyRow {
    pub(crate) fn policy(&self, tools: &Tools) -> Policy {
        let archs = if self.exactly.is_empty() {
            let archs: Vec<GpuArch> = self.fitting.iter().map(|name| name.parse().expect("a GPU")).collect();
            ArchPolicy::Fitting(archs)
        } else {
            let mut code = DeviceCode::default();
            for name in &self.exactly {
                match name.strip_prefix("compute_") {
                    Some(number) => code.ptx.insert(number.parse().expect("a number")),
                    None => code.real.insert(name.parse().expect("a GPU")),
                };
            }
            ArchPolicy::Exactly(code)
        };
        let headers = |wanted: bool| if wanted { vec![tools.folder.join("first")] } else { Vec::new() };
        Policy {
            host: Host::X86_64,
            release: CudaRelease::new(13, 0),
            archs,
            portable: self.portable,
            ccbin: self.ccbin.clone(),
            cuda_root: self.cuda_root.then(|| tools.toolkit.clone()),
            shared_instead: self.shared_instead.clone(),
            versions_instead: self
                .versions_instead
                .iter()
                .map(|(absent, here)| (absent.clone(), here.replace("{toolkit}", tools.toolkit.as_str())))
                .collect(),
            raise_standard: self.raise,
            include_first: headers(self.include_first),
            include_last: headers(self.include_last),
            include_files: Vec::new(),
            semantics: Semantics {
                unsigned_char: self.unsigned_char,
                fused_multiply_add: self.fused_multiply_add,
                unsigned_wchar: self.unsigned_wchar,
                conversions: self.conversions,
                checked_division: self.checked_division,
                checked_overflow: self.checked_overflow,
                checked_shifts: self.checked_shifts,
            },
        }
    }
}
