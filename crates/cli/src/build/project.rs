//! The whole build of a project that brings its own, as `rebuild` does it: which tool, in which folder, in which steps.

use std::os::unix::fs::PermissionsExt as _;

use camino::{Utf8Path, Utf8PathBuf};
use cuferry_needs::{Build, BuildKind, Needs};

use super::prepare::Prepared;
use super::{Job, Step, tree};
use crate::commands::rebuild::create;
use crate::failure::{Failure, Fault};

/// How a project is built.
#[derive(Clone, Debug)]
pub(crate) enum Way {
    /// By CMake, with its sources in this folder.
    Cmake {
        /// The sources.
        source: Utf8PathBuf,
        /// Whether it has rules for `install`.
        installs: bool,
    },
    /// By make, in this folder.
    Make {
        /// Where it is started.
        source: Utf8PathBuf,
        /// Whether there is a target `all` that a bare `make` does not build.
        all: bool,
    },
    /// By `configure` and make.
    Configure {
        /// Where it is started.
        source: Utf8PathBuf,
    },
}

impl Way {
    /// What builds.
    pub(crate) const fn tool(&self) -> &'static str {
        match self {
            Self::Cmake { .. } => "CMake",
            Self::Make { .. } => "make",
            Self::Configure { .. } => "configure and make",
        }
    }
}

impl Way {
    /// What `rebuild` starts, without the settings of one run.
    pub(crate) fn commands(&self) -> Vec<String> {
        match self {
            Self::Cmake { source, installs } => {
                let mut commands = vec![
                    format!("cmake -S {source} -B target/cuferry/cmake -DCMAKE_BUILD_TYPE=Release"),
                    "cmake --build target/cuferry/cmake --parallel".to_owned(),
                ];
                commands.extend(installs.then(|| "cmake --install target/cuferry/cmake".to_owned()));
                commands
            }
            Self::Make { source, .. } => vec![format!("make -C {source} -j")],
            Self::Configure { source } => vec![format!("cd {source} && ./configure && make -j")],
        }
    }
}

/// The way of the project in `root`; none: it has no build of its own, and cuferry plans one.
///
/// # Errors
/// A build that `rebuild` cannot run, with the command that can.
pub(crate) fn way(root: &Utf8Path) -> Result<Option<Way>, Failure> {
    let needs = tree::look(root).needs;
    let Some(build) = needs.builds.first() else { return Ok(None) };
    let source = root.join(&build.folder);
    match &build.kind {
        BuildKind::CMake { installs, .. } => Ok(Some(Way::Cmake { source, installs: *installs })),
        BuildKind::Make { default, targets } => {
            let all = targets.iter().any(|target| target == "all") && default.as_deref() != Some("all");
            Ok(Some(Way::Make { source, all }))
        }
        BuildKind::Autotools { made: true } => Ok(Some(Way::Configure { source })),
        BuildKind::Sources | BuildKind::CompileCommands => Ok(None),
        other => Err(foreign(build, other, &needs)),
    }
}

/// A build that only its own command can start.
fn foreign(build: &Build, kind: &BuildKind, needs: &Needs) -> Failure {
    let example = match kind {
        BuildKind::Autotools { .. } => "autoreconf -i && cuferry rebuild",
        BuildKind::Python => "cuferry wrap -- pip wheel . --no-build-isolation",
        BuildKind::Meson => "cuferry wrap -- sh -c 'meson setup build && meson compile -C build'",
        _ => "cuferry wrap -- bazel build //...",
    };
    let file = build.file.as_ref().map_or(String::new(), |file| format!(" (`{file}`)"));
    let message =
        format!("the project is built by {}{file}, which `rebuild` does not start by itself", kind.as_str());
    let also = if needs.builds.len() > 1 { "; or name another folder of it" } else { "" };
    Failure::say(Fault::Usage, "rebuild::foreign_build", message, format!("for example `{example}`{also}"))
}

/// Where CMake builds, and what it installs into: among the project's files where they can be written, else beside the
/// session.
fn folders(prepared: &Prepared<'_>) -> (Utf8PathBuf, Utf8PathBuf) {
    let inside = prepared.root.join("target/cuferry");
    let base = if std::fs::create_dir_all(&inside).is_ok() && is_writable(&inside) {
        inside
    } else {
        prepared.session.folder().join("build")
    };
    (base.join("cmake"), base.join("stage"))
}

/// Whether a file can be made there: permission bits do not say it of a file system that is mounted read-only.
fn is_writable(folder: &Utf8Path) -> bool {
    let probe = folder.join(format!(".cuferry-{}", std::process::id()));
    std::fs::write(&probe, "").and_then(|()| std::fs::remove_file(&probe)).is_ok()
}

/// What the last install step filled, if anything.
pub(crate) fn staged(prepared: &Prepared<'_>) -> Option<Utf8PathBuf> {
    let (_, stage) = folders(prepared);
    stage.read_dir().ok()?.next().map(|_| stage)
}

/// The commands of a way.
pub(crate) fn steps(
    way: &Way,
    job: &Job<'_>,
    prepared: &Prepared<'_>,
    again: bool,
) -> Result<Vec<Step>, Failure> {
    let jobs = job.jobs.get();
    match way {
        Way::Cmake { source, installs } => cmake(source, *installs, jobs, prepared, again),
        Way::Make { source, all } => {
            let source = writable(source, prepared)?;
            let words = |goal: Option<&str>| -> Vec<String> {
                let always = again.then_some("--always-make");
                let words = [format!("-j{jobs}")].into_iter();
                words.chain(always.into_iter().chain(goal).map(str::to_owned)).collect()
            };
            let mut steps = vec![Step::new("make", words(None), &source)];
            if *all {
                steps.push(Step { in_need: true, ..Step::new("make", words(Some("all")), &source) });
            }
            Ok(steps)
        }
        Way::Configure { source } => {
            let source = writable(source, prepared)?;
            let words = vec![format!("-j{jobs}")];
            Ok(vec![Step::new("./configure", Vec::new(), &source), Step::new("make", words, &source)])
        }
    }
}

fn cmake(
    source: &Utf8Path,
    installs: bool,
    jobs: usize,
    prepared: &Prepared<'_>,
    again: bool,
) -> Result<Vec<Step>, Failure> {
    let (build, stage) = folders(prepared);
    if again || is_stale(&build, prepared) {
        remove(&build)?;
    }
    remove(&stage)?;
    create(&build)?;
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let configure = words(&["-S", source.as_str(), "-B", build.as_str(), "-DCMAKE_BUILD_TYPE=Release"]);
    let make = words(&["--build", build.as_str(), "--parallel", &jobs.to_string()]);
    let mut steps = vec![Step::new("cmake", configure, source), Step::new("cmake", make, source)];
    if installs {
        create(&stage)?;
        let install = Step::new("cmake", words(&["--install", build.as_str()]), source);
        let environment = vec![("DESTDIR".to_owned(), stage.to_string())];
        steps.push(Step { environment, needed: false, ..install });
    }
    Ok(steps)
}

/// Whether a build folder was configured with compilers other than the session's: CMake keeps what it once found.
fn is_stale(build: &Utf8Path, prepared: &Prepared<'_>) -> bool {
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

fn remove(folder: &Utf8Path) -> Result<(), Failure> {
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

/// A folder like `source` that can be written: itself, or a copy beside the session.
fn writable(source: &Utf8Path, prepared: &Prepared<'_>) -> Result<Utf8PathBuf, Failure> {
    if is_writable(source) {
        return Ok(source.to_owned());
    }
    let copy = prepared.session.folder().join("copy");
    remove(&copy)?;
    copy_tree(&prepared.root, &copy).map_err(|error| {
        let message = format!("`{source}` cannot be written, and not be copied to `{copy}`: {error}");
        Failure::say(Fault::Machine, "build::copy", message, "make room on the disk, or the folder writable")
    })?;
    eprintln!("  the folder cannot be written: built in a copy, {copy}");
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
