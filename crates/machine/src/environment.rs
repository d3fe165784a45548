//! The environment variables that matter here, as values.

use std::collections::BTreeMap;
use std::ffi::OsString;

use camino::{Utf8Path, Utf8PathBuf};

/// A snapshot of environment variables. Those that are not UTF-8 are left out: no compiler flag or path here can be.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    variables: BTreeMap<String, String>,
}

impl Environment {
    /// From an iterator such as `std::env::vars_os`.
    pub fn new(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let text =
            |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value.into_string().ok()?));
        Self { variables: variables.into_iter().filter_map(text).collect() }
    }

    /// A variable that is set and not empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The absolute folders of `PATH`, in order. A relative one would make the answer depend on the working folder.
    pub fn path(&self) -> impl Iterator<Item = &Utf8Path> {
        let folders = self.get("PATH").unwrap_or_default().split(':');
        folders.map(Utf8Path::new).filter(|folder| folder.is_absolute())
    }

    /// The first executable file of that name on `PATH`; an absolute name stands for itself.
    pub fn find(&self, name: &str) -> Option<Utf8PathBuf> {
        let path: Vec<&str> = self.path().map(Utf8Path::as_str).collect();
        let found = which::which_in(name, Some(path.join(":")), "/").ok()?;
        Utf8PathBuf::from_path_buf(found).ok()
    }
}
