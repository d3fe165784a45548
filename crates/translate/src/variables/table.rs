//! What each variable carries, from `data/variables.toml`.

use std::sync::LazyLock;

use serde::Deserialize;

/// What a variable carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Kind {
    Arch,
    Gpus,
    Gpu,
    CmakeGpus,
    TorchGpus,
    PtxGpus,
    DeviceFlags,
    HostFlags,
    Compiler,
    HostCompiler,
    Prefix,
    Folders,
    Folder,
    Root,
    System,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    variable: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    names: Vec<String>,
    kind: Kind,
}

static FILE: LazyLock<File> = LazyLock::new(|| {
    toml::from_str(include_str!("../../data/variables.toml"))
        .expect("data/variables.toml is checked by a test")
});

/// What the variable of this name carries.
pub(super) fn kind(name: &str) -> Option<Kind> {
    FILE.variable.iter().find(|row| row.names.iter().any(|pattern| fits(pattern, name))).map(|row| row.kind)
}

fn fits(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        Some((before, after)) => {
            name.len() >= before.len() + after.len() && name.starts_with(before) && name.ends_with(after)
        }
        None => pattern == name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told() {
        assert_eq!(kind("CMAKE_CUDA_ARCHITECTURES"), Some(Kind::CmakeGpus));
        assert_eq!(kind("CMAKE_CUDA_FLAGS_RELEASE"), Some(Kind::DeviceFlags));
        assert_eq!(kind("CMAKE_CXX_FLAGS"), Some(Kind::HostFlags));
        assert_eq!(kind("GENCODE_FLAGS"), Some(Kind::DeviceFlags));
        assert_eq!(kind("HOME"), None);
        for row in &FILE.variable {
            for name in &row.names {
                assert_eq!(
                    kind(&name.replace('*', "")),
                    Some(row.kind),
                    "`{name}` is hidden by an earlier row"
                );
            }
        }
    }
}
