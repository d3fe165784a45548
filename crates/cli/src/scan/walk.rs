//! Walks through the files that a scan is about, and scans them: several at once, in no order; the result is sorted.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use cuferry_scan::{FileReport, Language, Options, Trouble, answered, scan_file};
use ignore::overrides::{Override, OverrideBuilder};
use ignore::{DirEntry, WalkBuilder, WalkState};

use super::filter::Filter;
use super::source::{Detail, details};
use super::tree::Tree;
use crate::failure::{Failure, Fault};

/// How much of a file is read to see what it is.
const HEAD: usize = 8 * 1024;

/// Folders in which version control keeps what is its own.
const VERSION_CONTROL: &[&str] = &[".git", ".hg", ".svn", ".bzr", ".jj"];

/// What makes a folder one that a build wrote: a file or folder in it, and whose it is.
const BUILD_MARKS: &[(&str, &str)] = &[
    ("CMakeCache.txt", "CMake"),
    ("CACHEDIR.TAG", "a build or a cache"),
    ("meson-private", "Meson"),
    (".ninja_log", "Ninja"),
    ("pyvenv.cfg", "a Python environment"),
];

/// Folders that tools write under one name.
const BUILD_NAMES: &[(&str, &str)] =
    &[("node_modules", "npm"), ("__pycache__", "Python"), (".tox", "tox"), (".ccache", "ccache")];

/// What is looked for, and where.
pub(crate) struct Settings<'a> {
    pub(crate) filter: &'a Filter,
    pub(crate) options: &'a Options,
    /// Globs of what is left out.
    pub(crate) exclude: &'a [String],
    /// Read what `.gitignore` names, and build folders.
    pub(crate) no_ignore: bool,
    /// Keep the contents of files with safe fixes.
    pub(crate) keep: bool,
}

/// All that was found, sorted by path.
#[derive(Debug, Default)]
pub(crate) struct Scanned {
    pub(crate) files: Vec<ScannedFile>,
    /// What could not be read.
    pub(crate) unread: Vec<Remark>,
    /// Build folders that were passed over.
    pub(crate) skipped: Vec<Remark>,
}

/// One file that was read.
#[derive(Debug)]
pub(crate) struct ScannedFile {
    /// Where it is.
    pub(crate) location: PathBuf,
    pub(crate) report: FileReport,
    /// For each finding, in their order.
    pub(crate) details: Vec<Detail>,
    /// As it was read, where it has a safe fix and the settings ask for it.
    pub(crate) contents: Option<Vec<u8>>,
}

/// Something to say of a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Remark {
    pub(crate) location: PathBuf,
    pub(crate) why: String,
}

/// Scans a tree. `progress` is called once a file.
pub(crate) fn scan(
    tree: &Tree,
    settings: &Settings<'_>,
    progress: &(dyn Fn() + Sync),
) -> Result<Scanned, Failure> {
    let overrides = overrides(&tree.base, settings.exclude)?;
    let scanned = Mutex::new(Scanned::default());
    for root in &tree.roots {
        walk(root, overrides.clone(), settings, &scanned, &|path| {
            progress();
            match read_and_scan(tree, path, settings) {
                Ok(file) => lock(&scanned).files.push(file),
                Err(error) => {
                    let why = error.to_string();
                    lock(&scanned).unread.push(Remark { location: path.to_owned(), why });
                }
            }
        });
    }
    let mut scanned = scanned.into_inner().unwrap_or_else(PoisonError::into_inner);
    scanned.files.sort_by(|one, other| one.location.cmp(&other.location));
    settle(&mut scanned.files, settings);
    scanned.unread.sort();
    scanned.skipped.sort();
    Ok(scanned)
}

/// Takes out the findings that other files of the project answer.
pub(crate) fn settle(files: &mut [ScannedFile], settings: &Settings<'_>) {
    let reports: Vec<&FileReport> = files.iter().map(|file| &file.report).collect();
    // A file that is gone meanwhile answers nothing.
    let read = |at: usize| std::fs::read(&files[at].location).ok();
    for (file, at) in answered(&reports, settings.options, &read).into_iter().rev() {
        files[file].report.findings.remove(at);
        files[file].details.remove(at);
    }
}

/// Scans one file. Of one in no known language only the beginning is read.
pub(crate) fn read_and_scan(tree: &Tree, path: &Path, settings: &Settings<'_>) -> io::Result<ScannedFile> {
    let inner = tree.inner_name(path);
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    // Whatever length it claims: files of the kernel have none.
    let mut bytes = vec![0; HEAD];
    let read = read_up_to(&mut file, &mut bytes)?;
    bytes.truncate(read);
    let limit = settings.options.max_bytes;
    let is_text = Language::of(&inner, &bytes[..read.min(512)]).is_some();
    if is_text && length <= limit {
        // A file that grows while it is read does not get past the limit.
        file.take(limit.saturating_sub(read as u64)).read_to_end(&mut bytes)?;
    }
    let mut report = scan_file(&inner, &bytes, settings.options);
    if is_text && length > limit {
        // Of what its beginning holds only that counts which is said of the whole file.
        report.findings.retain(|finding| finding.place.end == 0);
        report.lines = 0;
        report.trouble = Some(Trouble::TooLarge { bytes: length, limit });
    }
    report.findings.retain(|finding| settings.filter.keeps(finding));
    report.path = tree.name(path);
    report.findings.iter_mut().for_each(|finding| finding.place.path.clone_from(&report.path));
    let details = details(&bytes, &report.findings);
    let fixable = report.findings.iter().any(|finding| finding.fix.as_ref().is_some_and(|fix| fix.safe));
    let contents = (settings.keep && fixable).then_some(bytes);
    Ok(ScannedFile { location: path.to_owned(), report, details, contents })
}

fn read_up_to(file: &mut File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// Calls `visit` with each regular file, from several threads.
fn walk(
    root: &Path,
    overrides: Override,
    settings: &Settings<'_>,
    scanned: &Mutex<Scanned>,
    visit: &(dyn Fn(&Path) + Sync),
) {
    let heed = !settings.no_ignore;
    // Outside a repository a `.gitignore` above the tree is none of its: in a home folder it may name everything.
    let repository = root.ancestors().any(|folder| folder.join(".git").exists());
    let folders = std::sync::Arc::new(Mutex::new(Vec::new()));
    let passed_over = folders.clone();
    let walker = WalkBuilder::new(root)
        .hidden(false) // `.bazelrc`, `.gitlab-ci.yml`, `.devcontainer/Dockerfile`
        .ignore(heed)
        .git_ignore(heed)
        .git_exclude(heed)
        .git_global(false) // the same tree gives the same findings to every user
        .parents(heed && repository)
        .require_git(repository)
        .overrides(overrides)
        .filter_entry(move |entry| {
            if entry.depth() == 0 || !entry.file_type().is_some_and(|kind| kind.is_dir()) {
                return true;
            }
            let name = entry.file_name().to_string_lossy();
            if VERSION_CONTROL.contains(&name.as_ref()) {
                return false;
            }
            let Some(whose) = heed.then(|| built_by(entry.path(), &name)).flatten() else { return true };
            let why = format!("a folder that {whose} writes");
            lock(&passed_over).push(Remark { location: entry.path().to_owned(), why });
            false
        })
        .build_parallel();
    walker.run(|| {
        Box::new(|entry| {
            match entry {
                Ok(entry) if is_file(&entry) => visit(entry.path()),
                Ok(_) => {}
                Err(error) => lock(scanned).unread.extend(unread(root, &error)),
            }
            WalkState::Continue
        })
    });
    lock(scanned).skipped.append(&mut lock(&folders));
}

/// A regular file; of links only one that was named itself.
fn is_file(entry: &DirEntry) -> bool {
    let kind = entry.file_type();
    kind.is_some_and(|kind| kind.is_file())
        || entry.depth() == 0 && kind.is_some_and(|kind| kind.is_symlink()) && entry.path().is_file()
}

fn built_by(folder: &Path, name: &str) -> Option<&'static str> {
    let named = BUILD_NAMES.iter().find(|(known, _)| *known == name);
    let marked = || BUILD_MARKS.iter().find(|(mark, _)| folder.join(mark).exists());
    named.or_else(marked).map(|(_, whose)| *whose)
}

/// What a walk could not read. What is wrong with a line of an ignore file leaves nothing out.
fn unread(root: &Path, error: &ignore::Error) -> Option<Remark> {
    let why = error.io_error()?.to_string();
    Some(Remark { location: place(error).unwrap_or(root).to_owned(), why })
}

fn place(error: &ignore::Error) -> Option<&Path> {
    match error {
        ignore::Error::WithPath { path, .. } => Some(path),
        ignore::Error::WithDepth { err, .. } | ignore::Error::WithLineNumber { err, .. } => place(err),
        _ => None,
    }
}

fn overrides(base: &Path, exclude: &[String]) -> Result<Override, Failure> {
    let wrong = |glob: &str, error: &dyn std::fmt::Display| {
        let help = "write it as a line of .gitignore, such as `third_party/` or `*.min.js`";
        Failure::say(Fault::Usage, "scan::exclude", format!("`{glob}` is no pattern: {error}"), help)
    };
    let mut builder = OverrideBuilder::new(base);
    for glob in exclude {
        // To an override `!` means to leave out: a second one would be part of the name.
        if glob.starts_with('!') {
            return Err(wrong(glob, &"what is left out cannot be taken in again"));
        }
        builder.add(&format!("!{glob}")).map_err(|error| wrong(glob, &error))?;
    }
    builder.build().map_err(|error| wrong(&exclude.join(","), &error))
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
