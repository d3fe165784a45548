//! What every file holds as far as this build has looked, and what that says of an action: up to date, or what it read.

use std::collections::HashSet;
use std::sync::Arc;

use camino::Utf8Path;
use cuferry_digest::Digest;

use crate::error::ExecError;
use crate::files::{Content, Root, Stamp, Written};
use crate::log::{PathNumber, VersionNumber};
use crate::state::{Entry, State};

/// The state, with a look at each file that this build asked for.
#[derive(Debug)]
pub(crate) struct Contents<'a> {
    root: &'a Root,
    state: State,
    looks: Vec<Option<Look>>,
    /// Counts starts: tells what was looked at before an action began from what was looked at since.
    moment: u64,
}

/// One look at a file.
#[derive(Clone, Copy, Debug)]
struct Look {
    moment: u64,
    /// None: it did not exist.
    found: Option<(Stamp, VersionNumber)>,
}

/// When an action began.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Start {
    moment: u64,
    /// As the file system counts.
    time: i64,
}

impl<'a> Contents<'a> {
    pub(crate) fn new(root: &'a Root, state: State) -> Self {
        let looks = vec![None; state.paths()];
        Self { root, state, looks, moment: 0 }
    }

    pub(crate) fn number(&mut self, path: &Utf8Path) -> PathNumber {
        let number = self.state.number(&self.root.shortest(path));
        self.looks.resize(self.state.paths(), None);
        number
    }

    pub(crate) fn paths(&self) -> usize {
        self.state.paths()
    }

    pub(crate) fn text(&self, path: PathNumber) -> Arc<str> {
        self.state.text(path)
    }

    pub(crate) fn milliseconds(&self, key: PathNumber) -> Option<u32> {
        self.state.milliseconds(key)
    }

    /// Whether the file exists; reads nothing.
    pub(crate) fn exists(&mut self, path: PathNumber) -> Result<bool, ExecError> {
        let Some(stamp) = self.stamp(path)? else { return Ok(false) };
        if let Some(version) = self.state.recall(path, stamp) {
            // Saves most files of an up-to-date build their second `stat`.
            self.looks[path.0 as usize] = Some(Look { moment: self.moment, found: Some((stamp, version)) });
        }
        Ok(true)
    }

    /// Whether the action known by `key` succeeded as exactly this `action`, and every file that it read and wrote holds
    /// what it held then.
    pub(crate) fn is_up_to_date(&mut self, key: PathNumber, action: Digest) -> Result<bool, ExecError> {
        let Some(entry) = self.state.entry(key).filter(|entry| entry.action == action) else {
            return Ok(false);
        };
        for versions in [Arc::clone(&entry.outputs), Arc::clone(&entry.inputs)] {
            for version in versions.iter() {
                let now = self.look(self.state.path(*version))?;
                if !now.is_some_and(|(_, now)| self.state.same_content(now, *version)) {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// Looks at all that the action is known to read, then forgets what is known of its outputs.
    pub(crate) fn start(
        &mut self,
        key: PathNumber,
        inputs: &[PathNumber],
        outputs: &[PathNumber],
    ) -> Result<Start, ExecError> {
        for input in inputs {
            self.look(*input)?;
        }
        // Headers of the last time are most likely read again.
        let before = self.state.entry(key).map(|entry| Arc::clone(&entry.inputs));
        for version in before.iter().flat_map(|inputs| inputs.iter()) {
            self.look(self.state.path(*version))?;
        }
        self.state.start(key)?;
        outputs.iter().for_each(|output| self.looks[output.0 as usize] = None);
        self.moment += 1;
        Ok(Start { moment: self.moment, time: self.state.now()? })
    }

    /// What the action that began at `start` and has just succeeded has read: its inputs and the headers, each once.
    ///
    /// A file that may have changed while the command ran has unknown content: which one the command saw, nobody can tell,
    /// so the action will run again.
    pub(crate) fn read_by(
        &mut self,
        start: &Start,
        inputs: &[PathNumber],
        headers: &[String],
    ) -> Result<Arc<[VersionNumber]>, ExecError> {
        let mut paths = inputs.to_vec();
        paths.extend(headers.iter().map(|header| self.number(Utf8Path::new(header))));
        let mut seen = HashSet::new();
        paths.retain(|path| seen.insert(*path));
        paths.into_iter().map(|path| self.version_read(start, path)).collect()
    }

    fn version_read(&mut self, start: &Start, path: PathNumber) -> Result<VersionNumber, ExecError> {
        let stamp = self.stamp(path)?;
        let look = self.looks[path.0 as usize];
        if look.is_some_and(|look| look.found.map(|(stamp, _)| stamp) != stamp) {
            self.looks[path.0 as usize] = None;
        }
        let found = self.look(path)?;
        let looked_before_the_start =
            self.looks[path.0 as usize].is_some_and(|look| look.moment < start.moment);
        Ok(match found {
            Some((stamp, version)) if looked_before_the_start || stamp.changed < start.time => version,
            _ => self.state.version(path, None),
        })
    }

    /// Takes note of an output that was just written.
    pub(crate) fn wrote(&mut self, path: PathNumber, written: &Written) -> VersionNumber {
        let Content { stamp, digest } = written.content;
        let version = if written.pinned {
            self.state.remember(path, written.content)
        } else {
            self.state.version(path, Some(digest))
        };
        self.looks[path.0 as usize] = Some(Look { moment: self.moment, found: Some((stamp, version)) });
        version
    }

    pub(crate) fn done(&mut self, key: PathNumber, milliseconds: u32, entry: Entry) -> Result<(), ExecError> {
        self.state.done(key, milliseconds, entry)
    }

    pub(crate) fn commit(&mut self) -> Result<(), ExecError> {
        self.state.commit()
    }

    /// What the file holds; none if it does not exist. Looked at once a build unless an action writes it: a `stat`, and a
    /// reading only if the stamp is not known.
    fn look(&mut self, path: PathNumber) -> Result<Option<(Stamp, VersionNumber)>, ExecError> {
        if let Some(look) = self.looks[path.0 as usize] {
            return Ok(look.found);
        }
        let found = match self.stamp(path)? {
            None => None,
            Some(stamp) => match self.state.recall(path, stamp) {
                Some(version) => Some((stamp, version)),
                None => self.read(path)?,
            },
        };
        self.looks[path.0 as usize] = Some(Look { moment: self.moment, found });
        Ok(found)
    }

    /// Reads a file that is not ours, and remembers its stamp if that is old enough to be told from the stamp of a change made
    /// right after the reading. The time of change decides: unlike that of modification it cannot be set back.
    fn read(&mut self, path: PathNumber) -> Result<Option<(Stamp, VersionNumber)>, ExecError> {
        let now = self.state.now()?;
        let content = self.root.read(&self.text(path)).map_err(|source| self.unreadable(path, source))?;
        Ok(content.map(|content| {
            let version = if content.stamp.changed < now {
                self.state.remember(path, content)
            } else {
                self.state.version(path, Some(content.digest))
            };
            (content.stamp, version)
        }))
    }

    fn stamp(&self, path: PathNumber) -> Result<Option<Stamp>, ExecError> {
        self.root.stamp(&self.text(path)).map_err(|source| self.unreadable(path, source))
    }

    fn unreadable(&self, path: PathNumber, source: std::io::Error) -> ExecError {
        ExecError::Read { path: self.root.path().join(&*self.text(path)), source }
    }
}
