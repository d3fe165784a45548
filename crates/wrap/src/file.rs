//! `session.json`: all that a shim has to know, written by the build that prepares a session and read by every call.

use std::collections::BTreeMap;
use std::io::{self, Write as _};

use camino::{Utf8Path, Utf8PathBuf};
use cuferry_translate::Policy;
use serde::{Deserialize, Serialize};

use crate::error::{At as _, WrapError};
use crate::request::{Gpu, Places, Pretence};

/// Raised whenever the file's meaning changes.
const VERSION: u32 = 1;

/// The file's name, in a session's folder and in that of each run.
pub(crate) const NAME: &str = "session.json";

/// Lies beside shims, and says whose they are.
pub(crate) const MARKER: &str = ".cuferry-session";

/// The shim that enters the namespace, and then becomes the build's own program.
pub(crate) const ENTER: &str = ".cuferry-enter";

/// What a session consists of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SessionFile {
    version: u32,
    pub(crate) policy: Policy,
    /// Where the toolkit is found, inside a namespace and outside.
    pub(crate) toolkit: Option<Utf8PathBuf>,
    pub(crate) tools: BTreeMap<String, Served>,
    pub(crate) pretence: Pretence,
    pub(crate) gpus: Vec<Gpu>,
    pub(crate) places: Places,
    /// Folders that stay reachable below `under/` when something else is laid over them.
    pub(crate) under: Vec<Utf8PathBuf>,
    /// Files at absolute paths: path to the file in the session.
    pub(crate) files: BTreeMap<Utf8PathBuf, Utf8PathBuf>,
    /// Where alone a run may write; none: wherever its user may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) writable: Option<Vec<Utf8PathBuf>>,
    /// Where calls are recorded that name no run: the folder of the run that started last.
    pub(crate) run: Option<Utf8PathBuf>,
}

/// The tool that serves a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Served {
    /// As PATH leads to it: `/usr/bin/g++`.
    pub(crate) found: Utf8PathBuf,
    /// What is executed, which can be reached when the session's shims lie over `found`.
    pub(crate) program: Utf8PathBuf,
    /// What is executed for a tool that already runs for the session, where that is another: `program` may be a
    /// compiler cache, which then asks for the compiler by the same name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) compiler: Option<Utf8PathBuf>,
}

impl SessionFile {
    pub(crate) fn new(policy: Policy, places: Places) -> Self {
        Self {
            version: VERSION,
            policy,
            toolkit: None,
            tools: BTreeMap::new(),
            pretence: Pretence::None,
            gpus: Vec::new(),
            places,
            under: Vec::new(),
            files: BTreeMap::new(),
            writable: None,
            run: None,
        }
    }

    /// Reads the file in `folder`.
    pub(crate) fn read(folder: &Utf8Path) -> Result<Self, WrapError> {
        let path = folder.join(NAME);
        let bytes = std::fs::read(&path).at("read", &path)?;
        let invalid = |cause: String| WrapError::Session { path: path.clone(), cause };
        let file: Self = serde_json::from_slice(&bytes).map_err(|error| invalid(error.to_string()))?;
        if file.version == VERSION {
            Ok(file)
        } else {
            Err(invalid(format!("its version is {}", file.version)))
        }
    }

    /// Writes the file in `folder`, whole or not at all.
    pub(crate) fn write(&self, folder: &Utf8Path) -> Result<(), WrapError> {
        let path = folder.join(NAME);
        let bytes = serde_json::to_vec(self).map_err(io::Error::from).at("write", &path)?;
        replace(&path, &bytes)
    }

    /// What decides what a compile results in, as text.
    pub(crate) fn decisive(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(&(&self.policy, &self.toolkit, &self.tools))
    }
}

/// The session whose shims lie in `folder`, if any do.
pub(crate) fn marked(folder: &Utf8Path) -> Option<Utf8PathBuf> {
    let path = std::fs::read_to_string(folder.join(MARKER)).ok()?;
    Some(Utf8PathBuf::from(path)).filter(|session| session.is_absolute())
}

/// Writes a file unless it holds just that; readers see the old one or the new one.
pub(crate) fn replace(path: &Utf8Path, bytes: &[u8]) -> Result<(), WrapError> {
    if std::fs::read(path).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    let folder = path.parent().unwrap_or(Utf8Path::new("/"));
    std::fs::create_dir_all(folder).at("create", folder)?;
    let mut file = tempfile::Builder::new().prefix(".new-").tempfile_in(folder).at("write", path)?;
    file.write_all(bytes).at("write", path)?;
    file.persist(path).map_err(|error| error.error).at("write", path)?;
    Ok(())
}
