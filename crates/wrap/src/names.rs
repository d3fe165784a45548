//! Which names a build may call a compiler by, and which tools of this machine may serve each: `data/tools.toml`, read once.
//!
//! Does not look at the machine.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use cuferry_arch::Host;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    prefixes: Vec<String>,
    launchers: Vec<String>,
    tool: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    name: String,
    serve: Vec<String>,
    #[serde(default)]
    versions: Vec<u32>,
    #[serde(default = "yes")]
    plain: bool,
    #[serde(default)]
    arm: bool,
}

const fn yes() -> bool {
    true
}

static TABLE: LazyLock<Table> =
    LazyLock::new(|| toml::from_str(include_str!("../data/tools.toml")).expect("a test reads the table"));

/// Every name that gets a shim, with the tools that may serve it, best first. `more` are names that the project's own files
/// call: `/opt/cross/bin/aarch64-poky-linux-g++` is known by its end.
pub(crate) fn names(host: Host, more: &[String]) -> BTreeMap<String, Vec<String>> {
    let mut names = BTreeMap::new();
    for row in &TABLE.tool {
        if row.plain {
            names.insert(row.name.clone(), row.candidates(None));
        }
        for version in &row.versions {
            names.insert(format!("{}-{version}", row.name), row.candidates(Some(*version)));
        }
        for (nth, prefix) in TABLE.prefixes.iter().enumerate().filter(|_| row.arm) {
            names.insert(format!("{prefix}{}", row.name), row.behind(prefix, None, host));
            for version in row.versions.iter().filter(|_| nth == 0) {
                names.insert(
                    format!("{prefix}{}-{version}", row.name),
                    row.behind(prefix, Some(*version), host),
                );
            }
        }
    }
    for name in more {
        if let Some(candidates) = candidates(name, host) {
            names.entry(name.clone()).or_insert(candidates);
        }
    }
    names
}

/// Whether `program`, a file's own name, passes on to the next compiler of the name that it was called by.
pub(crate) fn is_launcher(program: &str) -> bool {
    TABLE.launchers.iter().any(|launcher| launcher == program)
}

/// The tools that may serve any name that ends as one of the table's does.
fn candidates(name: &str, host: Host) -> Option<Vec<String>> {
    let (stem, version) = match name.rsplit_once('-') {
        Some((stem, version)) if !version.is_empty() && version.bytes().all(|byte| byte.is_ascii_digit()) => {
            (stem, version.parse().ok())
        }
        _ => (name, None),
    };
    // The longest name that fits: `gcc-ar` is not an `ar` behind a prefix `gcc-`.
    let fits = |row: &&Row| stem.strip_suffix(row.name.as_str()).is_some_and(|rest| rest.ends_with('-'));
    let plain = TABLE.tool.iter().find(|row| row.name == stem);
    let row = plain.or_else(|| TABLE.tool.iter().filter(fits).max_by_key(|row| row.name.len()))?;
    let prefix = stem.strip_suffix(row.name.as_str())?;
    Some(if prefix.is_empty() { row.candidates(version) } else { row.behind(prefix, version, host) })
}

impl Row {
    fn candidates(&self, version: Option<u32>) -> Vec<String> {
        let name = |pattern: &String| match version {
            Some(version) => Some(pattern.replace("{}", &version.to_string())),
            None => (!pattern.contains("{}")).then(|| pattern.clone()),
        };
        self.serve.iter().filter_map(name).collect()
    }

    /// On an ARM machine the tool of that name is the right one, where it is there.
    fn behind(&self, prefix: &str, version: Option<u32>, host: Host) -> Vec<String> {
        let mut candidates = self.candidates(version);
        if host == Host::Aarch64 {
            let own = candidates.iter().map(|name| format!("{prefix}{name}")).collect::<Vec<_>>();
            candidates.splice(0..0, own);
        }
        candidates
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, host: Host, expected: &[&str]) {
        assert_eq!(
            names(host, &[name.to_owned()]).get(name).cloned().unwrap_or_default(),
            expected,
            "{name}"
        );
    }

    #[test]
    fn each_name_is_served_by_tools_of_its_kind() {
        check("g++", Host::X86_64, &["g++", "c++"]);
        check("g++-9", Host::X86_64, &["g++-9", "g++", "c++"]);
        check("aarch64-linux-gnu-g++", Host::X86_64, &["g++", "c++"]);
        check("aarch64-linux-gnu-gcc-8", Host::X86_64, &["gcc-8", "gcc", "cc"]);
        check("aarch64-linux-gnu-gcc-ar", Host::X86_64, &["gcc-ar", "ar"]);
        check("aarch64-poky-linux-g++", Host::X86_64, &["g++", "c++"]);
        check("aarch64-poky-linux-g++-9", Host::X86_64, &["g++-9", "g++", "c++"]);
        check("aarch64-poky-linux-gcc-ar", Host::X86_64, &["gcc-ar", "ar"]);
        check("g++-4", Host::X86_64, &["g++-4", "g++", "c++"]);
        check("ar", Host::X86_64, &["ar"]);
        check("python3", Host::X86_64, &[]);
        check("-", Host::X86_64, &[]);
    }

    #[test]
    fn on_arm_the_tool_of_that_name_comes_first() {
        check(
            "aarch64-linux-gnu-g++",
            Host::Aarch64,
            &["aarch64-linux-gnu-g++", "aarch64-linux-gnu-c++", "g++", "c++"],
        );
    }

    #[test]
    fn readers_of_files_need_no_shim_under_their_plain_names() {
        let names = names(Host::X86_64, &[]);
        for name in ["ar", "as", "strip", "nm"] {
            assert!(!names.contains_key(name), "{name}");
            assert!(names.contains_key(&format!("aarch64-linux-gnu-{name}")), "{name}");
        }
        assert!(is_launcher("ccache") && !is_launcher("gcc"));
    }

    proptest::proptest! {
        #[test]
        fn no_name_panics(name in "[a-z+.-]{0,12}(-[0-9]{0,12})?") {
            let _ = names(Host::X86_64, &[name]);
        }
    }
}
