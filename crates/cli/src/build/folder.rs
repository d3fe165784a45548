//! The folders of a build: where it makes what it makes, and a copy of the project where that cannot be written.

use std::os::unix::fs::PermissionsExt as _;

use camino::{Utf8Path, Utf8PathBuf};

use super::prepare::Prepared;
use super::report;
use crate::failure::{Failure, Fault};

/// Where cuferry's own results go: among the project's files where they can be written, else beside the session.
#[derive(Clone, Debug)]
pub(crate) struct Folders {
    /// Where CMake builds.
    pub(crate) cmake: Utf8PathBuf,
    /// What CMake's install step fills.
    pub(crate) stage: Utf8PathBuf,
    /// What make's fills: recipes name it without quotes.
    pub(crate) make_stage: Utf8PathBuf,
    /// Objects of a compilation database.
    pub(crate) objects: Utf8PathBuf,
    /// Programs and libraries made of these.
    pub(crate) made: Utf8PathBuf,
}

impl Folders {
    pub(crate) fn of(prepared: &Prepared<'_>) -> Self {
        let inside = prepared.root.join(RESULTS);
        let beside = prepared.session.folder().join("build");
        let writable = std::fs::create_dir_all(&inside).is_ok() && is_writable(&inside);
        let base = if writable { inside } else { beside.clone() };
        Self {
            cmake: base.join("cmake"),
            stage: base.join("stage"),
            make_stage: if is_plain(&base) { &base } else { &beside }.join("stage"),
            objects: base.join("objects"),
            made: base.join("x86_64"),
        }
    }
}

/// Where all of this lies in a project.
pub(crate) const RESULTS: &str = "target/cuferry";

/// Whether a makefile can name the folder in a recipe without quotes, as they all do with `$(DESTDIR)`.
pub(crate) fn is_plain(folder: &Utf8Path) -> bool {
    folder.as_str().chars().all(|letter| letter.is_alphanumeric() || "/_-.+@,".contains(letter))
}

/// Whether a file can be made there: permission bits do not say it of a file system that is mounted read-only.
pub(crate) fn is_writable(folder: &Utf8Path) -> bool {
    let probe = folder.join(format!(".cuferry-{}", std::process::id()));
    std::fs::write(&probe, "").and_then(|()| std::fs::remove_file(&probe)).is_ok()
}

/// Whether a build folder was configured with compilers other than the session's: CMake keeps what it once found.
pub(crate) fn is_stale(build: &Utf8Path, prepared: &Prepared<'_>) -> bool {
    let Ok(cache) = std::fs::read_to_string(build.join("CMakeCache.txt")) else { return false };
    let session = prepared.session.folder().as_str();
    let compilers = ["CMAKE_C_COMPILER:", "CMAKE_CXX_COMPILER:", "CMAKE_CUDA_COMPILER:"];
    let kept = cache.lines().filter(|line| compilers.iter().any(|name| line.starts_with(name)));
    kept.filter_map(|line| line.split_once('=')).any(|(_, path)| !path.contains(session))
}

/// Refuses a build folder that another machine or toolkit configured, or forgets what it knows.
pub(crate) fn check_cache(build: &Utf8Path, fresh: bool, prepared: &Prepared<'_>) -> Result<(), Failure> {
    if !is_stale(build, prepared) {
        return Ok(());
    }
    if !fresh {
        let message =
            format!("`{build}` was configured with other compilers, and CMake keeps what it once found");
        let help = "configure anew with `cuferry cmake --fresh …`, which forgets its CMakeCache.txt, or in another folder";
        return Err(Failure::say(Fault::Usage, "build::stale_cache", message, help));
    }
    remove(&build.join("CMakeFiles"))?;
    let cache = build.join("CMakeCache.txt");
    std::fs::remove_file(&cache).map_err(|error| {
        let message = format!("cannot remove `{cache}`: {error}");
        Failure::say(Fault::Machine, "build::stale_cache", message, "remove it by hand")
    })
}

pub(crate) fn remove(folder: &Utf8Path) -> Result<(), Failure> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Failure::say(
            Fault::Machine,
            "build::folder",
            format!("cannot remove `{folder}`: {error}"),
            "remove it by hand: it is made anew by each build",
        )),
        _ => Ok(()),
    }
}

/// Where [`writable`] puts its copy.
pub(crate) fn copy_of(prepared: &Prepared<'_>) -> Utf8PathBuf {
    prepared.session.folder().join("copy")
}

/// A folder like `source` that can be written: itself, or a copy beside the session.
pub(crate) fn writable(source: &Utf8Path, prepared: &Prepared<'_>) -> Result<Utf8PathBuf, Failure> {
    if is_writable(source) {
        return Ok(source.to_owned());
    }
    let copy = copy_of(prepared);
    remove(&copy)?;
    copy_tree(&prepared.root, &copy).map_err(|error| {
        let message = format!("`{source}` cannot be written, and not be copied to `{copy}`: {error}");
        Failure::say(Fault::Machine, "build::copy", message, "make room on the disk, or the folder writable")
    })?;
    report::line("note", &format!("the project's folder cannot be written: it is built in a copy, {copy}"));
    Ok(source.strip_prefix(&prepared.root).map_or_else(|_| copy.clone(), |inside| copy.join(inside)))
}

fn copy_tree(from: &Utf8Path, to: &Utf8Path) -> std::io::Result<()> {
    for entry in walkdir::WalkDir::new(from) {
        let entry = entry?;
        let (Some(path), kind) = (Utf8Path::from_path(entry.path()), entry.file_type()) else { continue };
        let Ok(inside) = path.strip_prefix(from) else { continue };
        let target = to.join(inside);
        if kind.is_dir() {
            std::fs::create_dir_all(&target)?;
        } else if kind.is_symlink() {
            std::os::unix::fs::symlink(path.read_link_utf8()?, &target)?;
        } else if kind.is_file() {
            std::fs::copy(path, &target)?;
            // make goes by times.
            let time = entry.metadata()?.modified()?;
            let mut permissions = target.metadata()?.permissions();
            let mode = permissions.mode() | 0o200;
            permissions.set_mode(mode);
            std::fs::set_permissions(&target, permissions)?;
            std::fs::File::options().write(true).open(&target)?.set_modified(time)?;
        }
    }
    Ok(())
}
