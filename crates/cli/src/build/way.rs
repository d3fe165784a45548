//! How a project that brings its own build is built, as `rebuild` does it: which tool, in which folder, by which commands.

use camino::{Utf8Path, Utf8PathBuf};
use cuferry_needs::{Build, BuildKind, Needs, Staging};

use super::command;
use super::database::{self, Compiles};
use super::step::Step;
use super::tree::{self, Tree};
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
        /// How its `install` is led elsewhere.
        staging: Option<Staging>,
    },
    /// By `configure` and make.
    Configure {
        /// Where it is started.
        source: Utf8PathBuf,
    },
    /// As a compilation database says that another build compiled.
    Database(Box<Compiles>),
}

/// A project that brings its own build.
pub(crate) struct Own {
    pub(crate) way: Way,
    /// What its files say.
    pub(crate) tree: Tree,
}

/// What the commands of a way depend on beside the project.
pub(crate) struct Layout {
    /// Where CMake builds.
    pub(crate) build: Utf8PathBuf,
    /// What an install step fills.
    pub(crate) stage: Utf8PathBuf,
    /// Whether it is to be filled: for an image.
    pub(crate) staged: bool,
    /// How many commands run at once.
    pub(crate) jobs: usize,
    /// Whether nothing that is there may be used.
    pub(crate) anew: bool,
}

impl Way {
    /// What builds.
    pub(crate) const fn tool(&self) -> &'static str {
        match self {
            Self::Cmake { .. } => "CMake",
            Self::Make { .. } => "make",
            Self::Configure { .. } => "configure and make",
            Self::Database(_) => "its compilation database",
        }
    }

    /// Names of compilers that no file of the project need mention.
    pub(crate) fn compilers(&self) -> Vec<String> {
        match self {
            Self::Database(compiles) => compiles.list.iter().map(|compile| compile.tool.clone()).collect(),
            _ => Vec::new(),
        }
    }

    /// The same project with its sources in another folder, where it builds among them.
    pub(crate) fn in_folder(&self, folder: Utf8PathBuf) -> Self {
        let mut way = self.clone();
        if let Self::Make { source, .. } | Self::Configure { source } = &mut way {
            *source = folder;
        }
        way
    }

    /// The commands, but those of a database: these begin with a makefile that has to be written.
    pub(crate) fn steps(&self, layout: &Layout) -> Vec<Step> {
        let jobs = format!("-j{}", layout.jobs);
        let make = |source: &Utf8Path, words: &[&str]| {
            Step::new("make", words.iter().map(|word| (*word).to_owned()).collect(), source)
        };
        match self {
            Self::Cmake { source, installs } => cmake(source, *installs, layout),
            Self::Make { source, all, staging } => {
                let always = if layout.anew { "--always-make" } else { "" };
                let goals = |goals: &[&'static str]| {
                    let words = [&[jobs.as_str(), always], goals].concat();
                    make(source, &words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>())
                };
                let mut steps = vec![goals(&[])];
                steps.extend(all.then(|| Step { in_need: true, ..goals(&["all"]) }));
                let install = staging.as_ref().filter(|_| layout.staged);
                steps.extend(install.map(|staging| make_install(&[], source, staging, &layout.stage)));
                steps
            }
            Self::Configure { source } => {
                let mut steps = vec![Step::new("./configure", Vec::new(), source), make(source, &[&jobs])];
                let install = || make_install(&[], source, &Staging::Destdir, &layout.stage);
                steps.extend(layout.staged.then(install));
                steps
            }
            Self::Database(_) => Vec::new(),
        }
    }
}

fn cmake(source: &Utf8Path, installs: bool, layout: &Layout) -> Vec<Step> {
    let Layout { build, stage, jobs, .. } = layout;
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let configure = words(&["-S", source.as_str(), "-B", build.as_str(), "-DCMAKE_BUILD_TYPE=Release"]);
    let make = words(&["--build", build.as_str(), "--parallel", &jobs.to_string()]);
    let mut steps = vec![Step::new("cmake", configure, source), Step::new("cmake", make, source)];
    if installs {
        steps.push(Step {
            environment: vec![("DESTDIR".to_owned(), stage.to_string())],
            needed: false,
            stage: Some(stage.clone()),
            ..Step::new("cmake", words(&["--install", build.as_str()]), source)
        });
    }
    steps
}

/// `make install` into a staging folder: with `args`, which name no goal. That it keeps to the folder nobody promises.
pub(crate) fn make_install(args: &[String], source: &Utf8Path, staging: &Staging, stage: &Utf8Path) -> Step {
    let place = match staging {
        Staging::Destdir => format!("DESTDIR={stage}"),
        // Where the image is to have it.
        Staging::Prefix(variable) => format!("{variable}={}", stage.join("usr/local")),
    };
    let words = args.iter().cloned().chain(["install".to_owned(), place]).collect();
    Step { needed: false, stage: Some(stage.to_owned()), confined: true, ..Step::new("make", words, source) }
}

/// How `make ARGS` is followed by what installs, if its makefile has something of the kind.
pub(crate) fn install_after(
    args: &[String],
    folder: &Utf8Path,
    needs: &Needs,
    stage: &Utf8Path,
) -> Option<Step> {
    let own = needs.builds.iter().find_map(|build| match &build.kind {
        BuildKind::Make { staging, .. } if build.folder.as_str().is_empty() => staging.as_ref(),
        _ => None,
    })?;
    // Another makefile than the one that was read says nothing of itself.
    let named = |word: &String| ["-f", "--file", "--makefile"].iter().any(|option| word.starts_with(option));
    (!args.iter().any(named)).then(|| make_install(&command::without_goals(args), folder, own, stage))
}

/// The way of the project in `root`; none: it has no build of its own, and cuferry plans one. `database` is the one that the
/// user names.
///
/// # Errors
/// A build that `rebuild` cannot run, with the command that can; a database that is none.
pub(crate) fn way(root: &Utf8Path, database: Option<&Utf8Path>) -> Result<Option<Own>, Failure> {
    let tree = tree::look(root);
    let way = match database {
        Some(file) => Some(by_database(file, root)?),
        None => by_build_files(root, &tree.needs)?,
    };
    Ok(way.map(|way| Own { way, tree }))
}

fn by_database(file: &Utf8Path, root: &Utf8Path) -> Result<Way, Failure> {
    database::read(file, root).map(|compiles| Way::Database(Box::new(compiles)))
}

fn by_build_files(root: &Utf8Path, needs: &Needs) -> Result<Option<Way>, Failure> {
    let is_database = |build: &&Build| build.kind == BuildKind::CompileCommands;
    let own = |build: &&Build| {
        let runs = matches!(
            build.kind,
            BuildKind::CMake { .. } | BuildKind::Make { .. } | BuildKind::Autotools { made: true }
        );
        runs && build.folder.as_str().is_empty()
    };
    let Some(first) = needs.builds.first() else { return Ok(None) };
    // Who has a build of its own is built by it: a database is mostly there for editors.
    let build = if is_database(&first) { needs.builds.iter().find(own).unwrap_or(first) } else { first };
    // Joined with nothing, a path ends in a slash.
    let source = if build.folder.as_str().is_empty() { root.to_owned() } else { root.join(&build.folder) };
    match &build.kind {
        BuildKind::CMake { installs, .. } => Ok(Some(Way::Cmake { source, installs: *installs })),
        BuildKind::Make { default, targets, staging } => {
            let all = targets.iter().any(|target| target == "all") && default.as_deref() != Some("all");
            Ok(Some(Way::Make { source, all, staging: staging.clone() }))
        }
        BuildKind::Autotools { made: true } => Ok(Some(Way::Configure { source })),
        BuildKind::Sources => Ok(None),
        other => match needs.builds.iter().find(is_database).and_then(|build| build.file.as_ref()) {
            Some(file) => by_database(&root.join(file), root).map(Some),
            None => Err(foreign(build, other, needs)),
        },
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

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(staged: bool) -> Layout {
        Layout { build: "/r/t/cmake".into(), stage: "/r/t/stage".into(), staged, jobs: 3, anew: false }
    }

    fn lines(way: &Way, layout: &Layout) -> Vec<String> {
        way.steps(layout).iter().map(Step::command_line).collect()
    }

    #[test]
    fn ways_are_commands() {
        let make = |staging| Way::Make { source: "/r".into(), all: true, staging };
        assert_eq!(lines(&make(None), &layout(true)), ["make -j3", "make -j3 all"]);
        let destdir = make(Some(Staging::Destdir));
        assert_eq!(lines(&destdir, &layout(false)).len(), 2, "nobody asked for an image");
        assert_eq!(lines(&destdir, &layout(true))[2], "make install 'DESTDIR=/r/t/stage'");
        let prefix = make(Some(Staging::Prefix("PREFIX".to_owned())));
        let steps = prefix.steps(&Layout { anew: true, ..layout(true) });
        assert_eq!(steps[0].args, ["-j3", "--always-make"]);
        assert_eq!(steps[2].args, ["install", "PREFIX=/r/t/stage/usr/local"]);
        assert!(steps[2].confined && !steps[2].needed);
        let cmake = Way::Cmake { source: "/r".into(), installs: true };
        assert_eq!(
            lines(&cmake, &layout(false)),
            [
                "cmake -S /r -B /r/t/cmake '-DCMAKE_BUILD_TYPE=Release'",
                "cmake --build /r/t/cmake --parallel 3",
                "DESTDIR=/r/t/stage cmake --install /r/t/cmake"
            ]
        );
        let configure = Way::Configure { source: "/r".into() };
        assert_eq!(
            lines(&configure, &layout(true)),
            ["./configure", "make -j3", "make install 'DESTDIR=/r/t/stage'"]
        );
    }
}
