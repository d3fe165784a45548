//! `cuferry verify`: the rebuilt program and the original on the same input, and whether they do the same.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, IsTerminal as _, Read, Seek as _, SeekFrom};
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use cuferry_exec::CancelFlag;
use cuferry_run::Device;
use cuferry_run::attended::{Attended, End, attend};
use cuferry_run::gather::gather;
use cuferry_verify::{How, ReadError, Side, compare, compare_trees};

use crate::args::Format;
use crate::args::verify::Verify;
use crate::commands::run::find;
use crate::context::Context;
use crate::failure::{Answer, Failure, Fault};
use crate::interrupt;
use crate::run::note;
use crate::verify::folder::{self, FolderError, Look};
use crate::verify::{Compared, Outcome, Ran, What, json, text};
use crate::words::{print, visible, width};

/// How long standard input may be silent before it is said that it is waited for.
const PATIENCE: Duration = Duration::from_secs(3);

pub(crate) fn run(context: &Context, args: &Verify) -> Result<Answer, Failure> {
    let programs =
        [find(context, None, &args.rebuilt)?, find(context, args.root.as_deref(), &args.original)?];
    let cancel = interrupt::flag()?;
    let mut workshop = Workshop::open(context, args)?;
    gather_input(&workshop, &cancel)?;
    let bench = Bench { context, args, workshop: &workshop, cancel: &cancel };
    let [rebuilt, original] = &programs;
    let rebuilt = match bench.run(Side::Rebuilt, rebuilt)? {
        Tried::Ran(finished) => finished,
        Tried::Refused(answer) => return Ok(answer),
    };
    let original = match bench.run(Side::Original, original)? {
        Tried::Ran(finished) => finished,
        Tried::Refused(answer) => return Ok(answer),
    };
    let outcome = bench.compare(*rebuilt, *original)?;
    workshop.stays = workshop.named;
    match args.format {
        Format::Text => print(&text::text(&outcome, width()))?,
        Format::Json => print(&format!("{:#}\n", json::json(&outcome)))?,
    }
    Ok(if outcome.is_same() { Answer::Good } else { Answer::No })
}

/// Where the two runs take place, and what is left of them.
///
/// ```text
/// stdin                    what both read
/// work/                    the folder of the run at work: one path for both, since programs print where they are
/// note                     what `cuferry run` says of its start
/// rebuilt/  original/      each with stdout, stderr and files/, which was work/
/// ```
struct Workshop {
    folder: Utf8PathBuf,
    /// Whether the user named it: then what is left there is to stay, once all went well.
    named: bool,
    stays: bool,
}

impl Workshop {
    fn open(context: &Context, args: &Verify) -> Result<Self, Failure> {
        if let Some(input) = args.input.as_ref().map(|input| context.absolute(input))
            && !input.is_dir()
        {
            let help = "name the folder with the files that the programs read";
            let message = format!("`{input}` is no folder");
            return Err(Failure::say(Fault::Usage, "verify::input", message, help));
        }
        let Some(keep) = &args.keep else { return Self::temporary(context) };
        let folder = context.absolute(keep);
        std::fs::create_dir_all(&folder).map_err(|source| failed("create", &folder, source))?;
        let folder = folder.canonicalize_utf8().map_err(|source| failed("read", &folder, source))?;
        let mut entries = folder.read_dir_utf8().map_err(|source| failed("read", &folder, source))?;
        let inside = args
            .input
            .as_ref()
            .and_then(|input| context.absolute(input).canonicalize_utf8().ok())
            .is_some_and(|input| folder.starts_with(input));
        if entries.next().is_some() || inside {
            let why = if inside { "lies in the folder that is copied" } else { "is not empty" };
            let help = "name a new folder outside of the one that `--in` names";
            return Err(Failure::say(Fault::Usage, "verify::keep", format!("`{folder}` {why}"), help));
        }
        Ok(Self { folder, named: true, stays: false })
    }

    fn temporary(context: &Context) -> Result<Self, Failure> {
        let base = context.temporary_dir().unwrap_or_else(|| "/tmp".into());
        let made = tempfile::Builder::new().prefix("cuferry-verify-").tempdir_in(&base);
        let made = made.map_err(|source| failed("create a folder in", &base, source))?.keep();
        let path = made.canonicalize().ok().and_then(|path| Utf8PathBuf::from_path_buf(path).ok());
        match path {
            Some(folder) => Ok(Self { folder, named: false, stays: false }),
            // The path is not UTF-8, and cuferry's words are.
            None => Err(failed("read", &base, io::ErrorKind::InvalidFilename.into())),
        }
    }

    fn at(&self, side: Side, name: &str) -> Utf8PathBuf {
        self.folder.join(side.to_string()).join(name)
    }
}

impl Drop for Workshop {
    fn drop(&mut self) {
        if self.stays {
            return;
        }
        let mut own = vec![self.folder.clone()];
        if self.named {
            own = ["stdin", "work", "note", "rebuilt", "original"].map(|name| self.folder.join(name)).into();
        }
        for path in own {
            match folder::remove(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    eprintln!("cuferry: cannot take `{path}` away: {error}");
                }
                Ok(()) | Err(_) => {}
            }
        }
    }
}

/// All of standard input into a file, from which both programs read. A terminal is nobody's input.
fn gather_input(workshop: &Workshop, cancel: &CancelFlag) -> Result<(), Failure> {
    let path = workshop.folder.join("stdin");
    let mut file = File::create(&path).map_err(|source| failed("create", &path, source))?;
    let input = io::stdin();
    if input.is_terminal() {
        return Ok(());
    }
    let waiting = || eprintln!("cuferry: waiting for the end of standard input; `< /dev/null` gives none");
    match gather(input.lock(), &mut file, cancel.as_fd(), PATIENCE, waiting) {
        Ok(true) => Ok(()),
        Ok(false) => Err(interrupted()),
        Err(source) => Err(failed("copy standard input to", &path, source)),
    }
}

/// What both runs share.
struct Bench<'a> {
    context: &'a Context,
    args: &'a Verify,
    workshop: &'a Workshop,
    cancel: &'a CancelFlag,
}

/// What became of one.
enum Tried {
    Ran(Box<Finished>),
    /// `cuferry run` did not start it, and has said why.
    Refused(Answer),
}

/// A run, with what it left.
struct Finished {
    ran: Ran,
    before: Look,
    after: Look,
    /// Where in its standard error its own words begin, in bytes.
    words_from: u64,
}

impl Bench<'_> {
    fn run(&self, side: Side, program: &Utf8Path) -> Result<Tried, Failure> {
        let work = self.workshop.folder.join("work");
        match &self.args.input {
            Some(input) => folder::copy(&self.context.absolute(input), &work, self.cancel)?,
            None => std::fs::create_dir(&work).map_err(|source| failed("create", &work, source))?,
        }
        let before = Look::at(&work, self.cancel)?;
        let place = self.workshop.folder.join(side.to_string());
        std::fs::create_dir(&place).map_err(|source| failed("create", &place, source))?;
        let note_at = self.workshop.folder.join("note");
        let end = self.attend(side, program, &work, &note_at)?;
        if end == End::CalledOff {
            return Err(interrupted());
        }
        let note = note::read(&note_at);
        // It is there where a program was started, and nowhere else.
        let _ = std::fs::remove_file(&note_at);
        let Some(note) = note else { return self.refused(side, program, end).map(Tried::Refused) };
        let after = Look::at(&work, self.cancel)?;
        let files = self.workshop.at(side, "files");
        std::fs::rename(&work, &files).map_err(|source| failed("move", &work, source))?;
        let changes = after.changes_since(&before);
        let named = match side {
            Side::Rebuilt => &self.args.rebuilt,
            Side::Original => &self.args.original,
        };
        let ran = Ran { program: visible(&named.to_string_lossy()), way: note.way, end, changes };
        Ok(Tried::Ran(Box::new(Finished { ran, before, after, words_from: note.own_words })))
    }

    /// This very cuferry runs it.
    fn attend(
        &self,
        side: Side,
        program: &Utf8Path,
        work: &Utf8Path,
        note: &Utf8Path,
    ) -> Result<End, Failure> {
        let file = |name: &str| {
            let path = self.workshop.at(side, name);
            File::create(&path).map_err(|source| failed("create", &path, source))
        };
        let input = self.workshop.folder.join("stdin");
        let cuferry = own_executable()?;
        let words = self.words(side, program, note);
        let attended = Attended {
            program: &cuferry,
            args: &words,
            environment: &[("PWD".to_owned(), work.to_string())],
            folder: work,
            input: File::open(&input).map_err(|source| failed("open", &input, source))?,
            output: file("stdout")?,
            error: file("stderr")?,
            limit: self.args.timeout,
        };
        attend(attended, self.cancel.as_fd()).map_err(|error| {
            let message = format!("cannot run `{program}` to its end: {error}");
            Failure::say(Fault::Machine, "verify::attend", message, "`cuferry doctor` looks at this machine")
        })
    }

    /// `run --quiet … -- PROGRAM ARGS`.
    fn words(&self, side: Side, program: &Utf8Path, note: &Utf8Path) -> Vec<OsString> {
        let mut words: Vec<OsString> = vec!["run".into(), "--quiet".into(), "--note".into(), note.into()];
        if let Some(device) = self.args.device {
            let device = match device {
                Device::Gpu => "gpu",
                Device::Soft => "soft",
            };
            words.extend(["--device".into(), device.into()]);
        }
        if self.args.offline {
            words.push("--offline".into());
        }
        if let (Side::Original, Some(root)) = (side, &self.args.root) {
            words.extend(["--root".into(), self.context.absolute(root).into()]);
        }
        words.extend(["--".into(), program.into()]);
        words.extend(self.args.args.iter().cloned());
        words
    }

    /// Hands on what `cuferry run` said, and how it ended.
    fn refused(&self, side: Side, program: &Utf8Path, end: End) -> Result<Answer, Failure> {
        let path = self.workshop.at(side, "stderr");
        let mut file = File::open(&path).map_err(|source| failed("open", &path, source))?;
        io::copy(&mut file, &mut io::stderr()).map_err(|source| failed("read", &path, source))?;
        let (fault, how) = match end {
            End::Code(code) => match u8::try_from(code) {
                Ok(code) if code != 0 => return Ok(Answer::Code(code)),
                _ => (Fault::Cuferry, "nothing was started, and nothing was said"),
            },
            End::OutOfTime => (Fault::Project, "the time was over before it was started"),
            End::Signal(_) | End::CalledOff => {
                (Fault::Machine, "something ended cuferry before it was started")
            }
        };
        let help = "`cuferry run` starts it by hand; building and fetching take of `--timeout`, too";
        Err(Failure::say(fault, "verify::not_started", format!("`{program}`: {how}"), help))
    }

    fn compare(&self, rebuilt: Finished, original: Finished) -> Result<Outcome, Failure> {
        let usual = self.args.usual();
        let mut compared = Vec::new();
        let mut streams = vec![(What::Output, "stdout", 0, 0)];
        if self.args.stderr {
            streams.push((What::Error, "stderr", rebuilt.words_from, original.words_from));
        }
        for (what, name, left_from, right_from) in streams {
            let left = open_from(&self.workshop.at(Side::Rebuilt, name), left_from)?;
            let right = open_from(&self.workshop.at(Side::Original, name), right_from)?;
            compared.push(self.compared(what, left, right, usual)?);
        }
        let (trees, files) = compare_trees(&rebuilt.after.tree, &original.after.tree);
        if let Some((path, _)) = self.args.floats.iter().find(|(path, _)| !files.contains(path)) {
            let message = format!("the two runs do not both leave a file `{}`", path.display());
            let help = "`--floats` names a file as it lies below the folder that the programs work in";
            return Err(Failure::say(Fault::Usage, "verify::floats", message, help));
        }
        for path in files {
            let same = |run: &Finished| run.after.left_untouched(&run.before, &path);
            if same(&rebuilt) && same(&original) {
                continue;
            }
            let left = self.open_file(Side::Rebuilt, &path)?;
            let right = self.open_file(Side::Original, &path)?;
            let floats = self.args.floats.iter().find(|(named, _)| *named == path);
            let how = floats.map_or(usual, |(_, format)| How::Floats(*format, self.args.tolerance()));
            compared.push(self.compared(What::File(path), left, right, how)?);
        }
        Ok(Outcome {
            rebuilt: rebuilt.ran,
            original: original.ran,
            tolerance: self.args.tolerance(),
            compared,
            trees,
        })
    }

    fn compared(
        &self,
        what: What,
        rebuilt: impl Read,
        original: impl Read,
        how: How,
    ) -> Result<Compared, Failure> {
        let rebuilt = Heeding { reader: rebuilt, cancel: self.cancel };
        let original = Heeding { reader: original, cancel: self.cancel };
        match compare(rebuilt, original, how) {
            Ok(comparison) => Ok(Compared { what, how, comparison }),
            Err(_) if self.cancel.is_cancelled() => Err(interrupted()),
            Err(ReadError { side, source }) => {
                let path = match &what {
                    What::Output => self.workshop.at(side, "stdout"),
                    What::Error => self.workshop.at(side, "stderr"),
                    What::File(path) => self.workshop.at(side, "files").join(&*path.to_string_lossy()),
                };
                Err(failed("read", &path, source))
            }
        }
    }

    fn open_file(&self, side: Side, path: &Path) -> Result<File, Failure> {
        let at: PathBuf = self.workshop.at(side, "files").as_std_path().join(path);
        let shown = Utf8PathBuf::from(at.to_string_lossy().into_owned());
        File::open(&at).map_err(|source| failed("open", &shown, source))
    }
}

fn open_from(path: &Utf8Path, from: u64) -> Result<File, Failure> {
    let mut file = File::open(path).map_err(|source| failed("open", path, source))?;
    file.seek(SeekFrom::Start(from)).map_err(|source| failed("read", path, source))?;
    Ok(file)
}

/// Reads until it is called off.
struct Heeding<'a, R> {
    reader: R,
    cancel: &'a CancelFlag,
}

impl<R: Read> Read for Heeding<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.cancel.is_cancelled() {
            return Err(io::Error::other("called off"));
        }
        self.reader.read(buffer)
    }
}

fn own_executable() -> Result<Utf8PathBuf, Failure> {
    let path = std::env::current_exe()
        .and_then(|path| Utf8PathBuf::from_path_buf(path).map_err(|_| io::ErrorKind::InvalidFilename.into()));
    path.map_err(|error| {
        let message = format!("cannot tell where cuferry itself lies: {error}");
        Failure::say(Fault::Machine, "verify::attend", message, "start it by its full path")
    })
}

fn failed(action: &'static str, path: &Utf8Path, source: io::Error) -> Failure {
    FolderError::Io { action, path: path.to_owned(), source }.into()
}

fn interrupted() -> Failure {
    FolderError::Interrupted.into()
}

impl From<FolderError> for Failure {
    fn from(error: FolderError) -> Self {
        let fault = match &error {
            FolderError::Special { .. } => Fault::Usage,
            FolderError::Io { .. } => Fault::Machine,
            FolderError::Interrupted => Fault::Interrupted,
        };
        Self::new(fault, error)
    }
}
