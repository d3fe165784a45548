//! What earlier builds left: which content each action read and wrote, and which stamp stands for which content.
//!
//! Knows no graph; an action is known by its first output.

use std::collections::HashMap;
use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use cuferry_digest::Digest;

use crate::error::ExecError;
use crate::files::{Content, Stamp, file_system_time};
use crate::log::{self, HEADER, Item, PathNumber, VersionNumber};

/// A log shorter than this is never worth rewriting.
const SMALL: usize = 64 * 1024;

/// The tables of a log, kept in memory, and the file that they are appended to.
#[derive(Debug)]
pub(crate) struct State {
    path: Utf8PathBuf,
    file: File,
    draft: Draft,
}

/// Tables, and the bytes of those items that are not in the file yet.
#[derive(Debug, Default)]
struct Draft {
    tables: Tables,
    unwritten: Vec<u8>,
}

#[derive(Debug, Default)]
struct Tables {
    paths: Vec<Known>,
    numbers: HashMap<Arc<str>, PathNumber>,
    versions: Vec<Version>,
    /// Bytes of items that later ones replaced.
    dead: usize,
}

/// All about one path.
#[derive(Debug)]
struct Known {
    text: Arc<str>,
    latest: Option<VersionNumber>,
    remembered: Option<(Stamp, VersionNumber)>,
    entry: Option<Entry>,
    milliseconds: Option<u32>,
}

#[derive(Clone, Copy, Debug)]
struct Version {
    path: PathNumber,
    digest: Option<Digest>,
}

/// What an action read and wrote when it last succeeded.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) action: Digest,
    pub(crate) inputs: Arc<[VersionNumber]>,
    pub(crate) outputs: Arc<[VersionNumber]>,
}

impl State {
    /// Reads the log at `path`, drops what is damaged, and rewrites it if most of it is out of date.
    pub(crate) fn open(path: &Utf8Path) -> Result<Self, ExecError> {
        Self::open_file(path).map_err(|source| ExecError::State { path: path.to_owned(), source })
    }

    fn open_file(path: &Utf8Path) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let log = match std::fs::read(path) {
            Ok(log) => log,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error),
        };
        let (tables, sound) = Tables::load(&log).unwrap_or_default();
        let draft = Draft { tables, unwritten: Vec::new() };
        if sound > SMALL && sound > 3 * sound.saturating_sub(draft.tables.dead) {
            return draft.tables.compacted().written_aside(path);
        }
        let mut file = OpenOptions::new().append(true).create(true).open(path)?;
        if sound < log.len() {
            file.set_len(sound as u64)?;
        }
        if sound == 0 {
            file.write_all(HEADER)?;
        }
        Ok(Self { path: path.to_owned(), file, draft })
    }

    /// Appends what is not in the file yet, in one frame.
    pub(crate) fn commit(&mut self) -> Result<(), ExecError> {
        if !self.draft.unwritten.is_empty() {
            let frame = log::frame(&self.draft.unwritten);
            self.file.write_all(&frame).map_err(|source| self.failed(source))?;
            self.draft.unwritten.clear();
        }
        Ok(())
    }

    /// What the file system would note as the time of a change made now.
    pub(crate) fn now(&self) -> Result<i64, ExecError> {
        file_system_time(&self.file).map_err(|source| self.failed(source))
    }

    fn failed(&self, source: io::Error) -> ExecError {
        ExecError::State { path: self.path.clone(), source }
    }

    /// The number of a path, a new one if need be.
    pub(crate) fn number(&mut self, path: &str) -> PathNumber {
        self.draft.number(path)
    }

    /// How many paths have numbers.
    pub(crate) fn paths(&self) -> usize {
        self.draft.tables.paths.len()
    }

    pub(crate) fn text(&self, path: PathNumber) -> Arc<str> {
        Arc::clone(&self.draft.tables.known(path).text)
    }

    pub(crate) fn entry(&self, key: PathNumber) -> Option<&Entry> {
        self.draft.tables.known(key).entry.as_ref()
    }

    /// How long the action took when it last succeeded.
    pub(crate) fn milliseconds(&self, key: PathNumber) -> Option<u32> {
        self.draft.tables.known(key).milliseconds
    }

    /// The path that a version is of.
    pub(crate) fn path(&self, version: VersionNumber) -> PathNumber {
        self.draft.tables.version(version).path
    }

    /// Whether two versions of one path have the same, known content.
    pub(crate) fn same_content(&self, one: VersionNumber, other: VersionNumber) -> bool {
        let (one, other) = (self.draft.tables.version(one), self.draft.tables.version(other));
        one.digest.is_some() && one.digest == other.digest
    }

    /// The content that this stamp of `path` is known to stand for.
    pub(crate) fn recall(&self, path: PathNumber, stamp: Stamp) -> Option<VersionNumber> {
        let remembered = self.draft.tables.known(path).remembered;
        remembered.filter(|(known, _)| *known == stamp).map(|(_, version)| version)
    }

    /// The version number of `path` with this content; `None` is content that nobody can tell.
    pub(crate) fn version(&mut self, path: PathNumber, digest: Option<Digest>) -> VersionNumber {
        self.draft.version(path, digest)
    }

    /// From now on `content.stamp` stands for `content.digest`.
    pub(crate) fn remember(&mut self, path: PathNumber, content: Content) -> VersionNumber {
        let version = self.draft.version(path, Some(content.digest));
        self.draft.push(Item::Remember { version, stamp: content.stamp });
        version
    }

    /// Forgets the action's entry, in the file as well, before its outputs are touched.
    pub(crate) fn start(&mut self, key: PathNumber) -> Result<(), ExecError> {
        if self.entry(key).is_none() {
            return Ok(());
        }
        self.draft.push(Item::Started { key });
        self.commit()
    }

    /// Notes a success, in the file as well.
    pub(crate) fn done(&mut self, key: PathNumber, milliseconds: u32, entry: Entry) -> Result<(), ExecError> {
        self.draft.done(key, milliseconds, entry);
        self.commit()
    }
}

impl Draft {
    /// The one way to change the tables: what is in memory is what the file will say.
    fn push(&mut self, item: Item<'_>) {
        item.write(&mut self.unwritten);
        let applied = self.tables.apply(item);
        debug_assert!(applied.is_some(), "numbers come from these tables");
    }

    fn number(&mut self, path: &str) -> PathNumber {
        if let Some(number) = self.tables.numbers.get(path) {
            return *number;
        }
        self.push(Item::Path(path));
        PathNumber(count(self.tables.paths.len()) - 1)
    }

    fn version(&mut self, path: PathNumber, digest: Option<Digest>) -> VersionNumber {
        if let Some(latest) = self.tables.known(path).latest
            && self.tables.version(latest).digest == digest
        {
            return latest;
        }
        self.push(Item::Version { path, digest });
        VersionNumber(count(self.tables.versions.len()) - 1)
    }

    fn done(&mut self, key: PathNumber, milliseconds: u32, entry: Entry) {
        let Entry { action, inputs, outputs } = entry;
        let (inputs, outputs) = (inputs.to_vec(), outputs.to_vec());
        self.push(Item::Done { key, action, milliseconds, inputs, outputs });
    }

    /// Replaces the log at `path` by these tables alone.
    fn written_aside(mut self, path: &Utf8Path) -> io::Result<State> {
        let folder = path.parent().filter(|folder| !folder.as_str().is_empty()).unwrap_or(Utf8Path::new("."));
        // As for any new file; a temporary one would be for this user's eyes only.
        let permissions = Permissions::from_mode(0o666);
        let mut aside =
            tempfile::Builder::new().prefix(".state-").permissions(permissions).tempfile_in(folder)?;
        aside.write_all(HEADER)?;
        if !self.unwritten.is_empty() {
            aside.write_all(&log::frame(&self.unwritten))?;
        }
        aside.as_file().sync_all()?;
        aside.persist(path)?;
        self.unwritten.clear();
        let file = OpenOptions::new().append(true).open(path)?;
        Ok(State { path: path.to_owned(), file, draft: self })
    }
}

impl Tables {
    /// The tables of a log's sound part and its length; none if it contradicts itself or is no log of this version.
    fn load(log: &[u8]) -> Option<(Self, usize)> {
        let mut tables = Self::default();
        let mut sound = if log.starts_with(HEADER) { HEADER.len() } else { 0 };
        for (items, end) in log::frames(log) {
            for item in items {
                tables.apply(item)?;
            }
            sound = end;
        }
        Some((tables, sound))
    }

    /// None if the item speaks of a number that was not given out.
    fn apply(&mut self, item: Item<'_>) -> Option<()> {
        match item {
            Item::Path(text) => {
                let text: Arc<str> = text.into();
                self.numbers.insert(Arc::clone(&text), PathNumber(count(self.paths.len())));
                self.paths.push(Known {
                    text,
                    latest: None,
                    remembered: None,
                    entry: None,
                    milliseconds: None,
                });
            }
            Item::Version { path, digest } => {
                let number = VersionNumber(count(self.versions.len()));
                self.paths.get_mut(path.0 as usize)?.latest = Some(number);
                self.versions.push(Version { path, digest });
            }
            Item::Remember { version, stamp } => {
                const LENGTH: usize = 1 + 4 + 5 * 8;
                let path = self.versions.get(version.0 as usize)?.path;
                let replaced = self.paths.get_mut(path.0 as usize)?.remembered.replace((stamp, version));
                self.dead += replaced.map_or(0, |_| LENGTH);
            }
            Item::Started { key } => {
                const LENGTH: usize = log::FRAME_LENGTH + 1 + 4;
                let entry = self.paths.get_mut(key.0 as usize)?.entry.take();
                self.dead += LENGTH + entry.as_ref().map_or(0, length);
            }
            Item::Done { key, action, milliseconds, inputs, outputs } => {
                let given_out = |version: &VersionNumber| (version.0 as usize) < self.versions.len();
                if !inputs.iter().chain(&outputs).all(given_out) {
                    return None;
                }
                let known = self.paths.get_mut(key.0 as usize)?;
                known.milliseconds = Some(milliseconds);
                let entry = Entry { action, inputs: inputs.into(), outputs: outputs.into() };
                let replaced = known.entry.replace(entry);
                self.dead += replaced.as_ref().map_or(0, length);
            }
        }
        Some(())
    }

    fn known(&self, path: PathNumber) -> &Known {
        &self.paths[path.0 as usize]
    }

    fn version(&self, version: VersionNumber) -> Version {
        self.versions[version.0 as usize]
    }

    /// The entries in force, with the stamps of their files, numbered anew.
    fn compacted(&self) -> Draft {
        let mut draft = Draft::default();
        let mut renumbered = vec![None; self.versions.len()];
        let mut again = |version: &VersionNumber| {
            *renumbered[version.0 as usize].get_or_insert_with(|| {
                let Version { path, digest } = self.version(*version);
                let known = self.known(path);
                let path = draft.number(&known.text);
                let number = draft.version(path, digest);
                if let Some((stamp, remembered)) = known.remembered
                    && remembered == *version
                {
                    draft.push(Item::Remember { version: number, stamp });
                }
                number
            })
        };
        let mut entries = Vec::new();
        for known in &self.paths {
            if let (Some(entry), Some(milliseconds)) = (&known.entry, known.milliseconds) {
                let inputs = entry.inputs.iter().map(&mut again).collect();
                let outputs = entry.outputs.iter().map(&mut again).collect();
                entries.push((&known.text, milliseconds, Entry { action: entry.action, inputs, outputs }));
            }
        }
        for (text, milliseconds, entry) in entries {
            let key = draft.number(text);
            draft.done(key, milliseconds, entry);
        }
        draft
    }
}

/// How many bytes an entry takes in the log, in a frame of its own.
fn length(entry: &Entry) -> usize {
    log::FRAME_LENGTH + 1 + 4 + 32 + 4 + 4 + 4 + 4 * (entry.inputs.len() + entry.outputs.len())
}

fn count(length: usize) -> u32 {
    u32::try_from(length)
        .expect("each number takes bytes of a log that fits memory, and no build has 4 billion files")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(number: u64) -> Stamp {
        Stamp { device: 1, inode: number, size: 1, modified: 1, changed: 1 }
    }

    /// One success of an action that reads `input` and writes `output`.
    fn build(state: &mut State, input: &str, output: &str, content: &str) {
        let (input, key) = (state.number(input), state.number(output));
        state.start(key).unwrap();
        let digest = Digest::of(content);
        let inputs =
            Arc::new([state.remember(input, Content { stamp: stamp(digest.as_bytes()[0].into()), digest })]);
        let outputs = Arc::new([state.version(key, Some(digest))]);
        state.done(key, 7, Entry { action: Digest::of("action"), inputs, outputs }).unwrap();
    }

    fn digests(state: &mut State, output: &str) -> Option<Vec<Option<Digest>>> {
        let key = state.number(output);
        let entry = state.entry(key)?;
        let versions = entry.inputs.iter().chain(entry.outputs.iter());
        Some(versions.map(|version| state.draft.tables.version(*version).digest).collect())
    }

    fn place() -> (tempfile::TempDir, Utf8PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(folder.path()).unwrap().join("below/state");
        (folder, path)
    }

    #[test]
    fn a_success_outlives_the_process_until_the_next_start() {
        let (_folder, path) = place();
        let mut state = State::open(&path).unwrap();
        build(&mut state, "a.c", "a.o", "one");
        let mut state = State::open(&path).unwrap();
        assert_eq!(digests(&mut state, "a.o"), Some(vec![Some(Digest::of("one")); 2]));
        let (source, key) = (state.number("a.c"), state.number("a.o"));
        assert_eq!(state.milliseconds(key), Some(7));
        let known = stamp(Digest::of("one").as_bytes()[0].into());
        assert!(state.recall(source, known).is_some());
        assert!(state.recall(source, Stamp { size: 2, ..known }).is_none());
        state.start(key).unwrap();
        let mut state = State::open(&path).unwrap();
        assert_eq!(digests(&mut state, "a.o"), None);
        assert_eq!(state.milliseconds(key), Some(7), "durations are kept for the order of the next build");
    }

    #[test]
    fn unknown_content_equals_nothing() {
        let (_folder, path) = place();
        let mut state = State::open(&path).unwrap();
        let file = state.number("a.h");
        let unknown = state.version(file, None);
        assert!(!state.same_content(unknown, unknown));
        let (one, again) =
            (state.version(file, Some(Digest::of("1"))), state.version(file, Some(Digest::of("1"))));
        assert!(state.same_content(one, again));
    }

    #[test]
    fn another_version_starts_afresh() {
        let (_folder, path) = place();
        build(&mut State::open(&path).unwrap(), "a.c", "a.o", "one");
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[14] = b'2';
        std::fs::write(&path, bytes).unwrap();
        assert_eq!(digests(&mut State::open(&path).unwrap(), "a.o"), None);
        assert_eq!(std::fs::read(&path).unwrap(), HEADER);
    }

    #[test]
    fn numbers_that_were_not_given_out_start_afresh() {
        let (_folder, path) = place();
        let mut state = State::open(&path).unwrap();
        state.draft.unwritten.clear();
        Item::Started { key: PathNumber(9) }.write(&mut state.draft.unwritten);
        state.commit().unwrap();
        State::open(&path).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), HEADER);
    }

    #[test]
    fn a_log_of_the_past_is_compacted() {
        let (_folder, path) = place();
        for round in 0..40 {
            let mut state = State::open(&path).unwrap();
            for file in 0..50 {
                build(&mut state, &format!("{file}.c"), &format!("{file}.o"), &format!("{}", round / 39));
            }
            // One action more in the first round only: it must survive, with what `0.c` held then.
            if round == 0 {
                build(&mut state, "0.c", "once.o", "once");
            }
        }
        let grown = std::fs::metadata(&path).unwrap().len();
        assert!(grown < 2 * SMALL as u64, "{grown} bytes");
        let state = State::open(&path).unwrap();
        // Once more for certain, now that `0.c` has two versions in force.
        state.draft.tables.compacted().written_aside(&path).unwrap();
        let mut state = State::open(&path).unwrap();
        assert_eq!(digests(&mut state, "once.o"), Some(vec![Some(Digest::of("once")); 2]));
        for file in 0..50 {
            let digests = digests(&mut state, &format!("{file}.o"));
            assert_eq!(digests, Some(vec![Some(Digest::of("1")); 2]));
        }
        let (source, stamp) = (state.number("0.c"), stamp(Digest::of("1").as_bytes()[0].into()));
        let recalled = state.recall(source, stamp).map(|version| state.draft.tables.version(version).digest);
        assert_eq!(recalled, Some(Some(Digest::of("1"))), "the stamp stands for what the file held last");
        build(&mut state, "0.c", "0.o", "2");
        let mut state = State::open(&path).unwrap();
        assert_eq!(digests(&mut state, "0.o"), Some(vec![Some(Digest::of("2")); 2]));
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "nothing is left aside");
    }
}
