//! What a build tool's own arguments say: the folder it works in, and whether it is to make anything.

use camino::{Utf8Path, Utf8PathBuf};

/// What is about to run, as far as its arguments tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Intent {
    /// The project's folder, as the arguments name it.
    pub(crate) source: Utf8PathBuf,
    /// Where results go, if that is another folder.
    pub(crate) build: Option<Utf8PathBuf>,
    /// Whether programs or libraries are expected of it.
    pub(crate) makes: bool,
}

/// Goals of make that are not there to make programs.
const OTHER_GOALS: [&str; 16] = [
    "clean",
    "distclean",
    "mrproper",
    "clobber",
    "realclean",
    "mostlyclean",
    "maintainer-clean",
    "help",
    "install",
    "uninstall",
    "check",
    "test",
    "format",
    "tags",
    "depend",
    "config",
];

/// What `make ARGS` is about.
pub(crate) fn of_make(args: &[String]) -> Intent {
    let words = read_make(args);
    let other =
        |goal: &&str| OTHER_GOALS.contains(goal) || goal.starts_with("clean") || goal.starts_with("print-");
    let goals: Vec<&str> = words.goals.iter().map(|at| args[*at].as_str()).collect();
    let makes = words.makes && (goals.is_empty() || !goals.iter().all(other));
    let folder = plain(words.source);
    // Where CMake wrote the makefiles, the project is what it wrote them for: what that needs is in other files.
    match home_of(&folder) {
        Some(source) => Intent { source, build: Some(folder), makes },
        None => Intent { source: folder, build: None, makes },
    }
}

/// The same arguments without the goals: for another goal with the same settings.
pub(crate) fn without_goals(args: &[String]) -> Vec<String> {
    let goals = read_make(args).goals;
    args.iter().enumerate().filter(|(at, _)| !goals.contains(at)).map(|(_, word)| word.clone()).collect()
}

/// Arguments of make, read.
struct MakeWords {
    source: Utf8PathBuf,
    /// Whether anything is to be made.
    makes: bool,
    /// Where the goals stand.
    goals: Vec<usize>,
}

fn read_make(args: &[String]) -> MakeWords {
    let mut read = MakeWords { source: Utf8PathBuf::from("."), makes: true, goals: Vec::new() };
    let mut words = args.iter().map(String::as_str).enumerate().peekable();
    while let Some((at, word)) = words.next() {
        match word {
            // Several add up, as make has it.
            "-C" | "--directory" => read.source.push(words.next().map(|(_, word)| word).unwrap_or_default()),
            "-f" | "--file" | "--makefile" | "-I" | "--include-dir" | "-o" | "--old-file" | "-W"
            | "--what-if" => {
                words.next();
            }
            // Their number may stand by itself.
            "-j" | "--jobs" | "-l" | "--load-average" | "--max-load" => {
                words.next_if(|(_, next)| next.parse::<f32>().is_ok());
            }
            "-n" | "--just-print" | "--dry-run" | "--recon" | "-q" | "--question" | "-p"
            | "--print-data-base" | "-t" | "--touch" | "-v" | "--version" | "-h" | "--help" => {
                read.makes = false;
            }
            _ => {
                let folder = word
                    .strip_prefix("--directory=")
                    .or_else(|| word.strip_prefix("-C").filter(|_| !word.starts_with("--")));
                match folder {
                    Some(folder) => read.source.push(folder),
                    None if !word.starts_with('-') && !word.contains('=') => read.goals.push(at),
                    None => {}
                }
            }
        }
    }
    read
}

/// What `cmake ARGS` is about: configuring makes nothing yet.
pub(crate) fn of_cmake(args: &[String]) -> Intent {
    let after = |names: &[&str]| {
        let position = args.iter().position(|word| names.contains(&word.as_str()))?;
        args.get(position + 1).map(Utf8PathBuf::from)
    };
    let joined = |name: &str| {
        let word =
            args.iter().find(|word| word.len() > 2 && word.starts_with(name) && !word.starts_with("--"))?;
        Some(Utf8PathBuf::from(&word[name.len()..]))
    };
    if let Some(build) = after(&["--build"]) {
        let makes = !args.iter().any(|word| word == "clean" || word == "help");
        let source = home_of(&build).unwrap_or_else(|| build.clone());
        return Intent { source, build: Some(build), makes };
    }
    if let Some(build) = after(&["--install", "--open"]) {
        let source = home_of(&build).unwrap_or_else(|| build.clone());
        return Intent { source, build: Some(build), makes: false };
    }
    let build = after(&["-B"]).or_else(|| joined("-B"));
    let named = after(&["-S", "-H"]).or_else(|| joined("-S")).or_else(|| joined("-H"));
    let source = named.or_else(|| {
        // The last word that is a folder: of its sources, or an earlier build's.
        let folder = args.iter().rev().map(Utf8Path::new).find(|word| word.is_dir())?;
        home_of(folder).or_else(|| Some(folder.to_owned()))
    });
    Intent { source: source.unwrap_or_else(|| ".".into()), build, makes: false }
}

/// The sources of a build folder, as its cache says.
pub(crate) fn home_of(build: &Utf8Path) -> Option<Utf8PathBuf> {
    let cache = std::fs::read_to_string(build.join("CMakeCache.txt")).ok()?;
    let home = cache.lines().find_map(|line| line.strip_prefix("CMAKE_HOME_DIRECTORY:INTERNAL="));
    home.map(Utf8PathBuf::from).filter(|home| home.is_dir())
}

/// Without the `.` that it began with.
fn plain(path: Utf8PathBuf) -> Utf8PathBuf {
    match path.strip_prefix(".") {
        Ok(rest) if !rest.as_str().is_empty() => rest.to_owned(),
        _ => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[track_caller]
    fn check_make(args: &str, source: &str, makes: bool) {
        let expected = Intent { source: source.into(), build: None, makes };
        assert_eq!(of_make(&words(args)), expected, "make {args}");
    }

    #[test]
    fn makes_folder_and_goals() {
        check_make("", ".", true);
        check_make("-j4 TARGET_ARCH=aarch64 all", ".", true);
        check_make("-C src -C lib V=1", "src/lib", true);
        check_make("-Csrc", "src", true);
        check_make("--directory=/a/b clean", "/a/b", false);
        check_make("clean all", ".", true);
        check_make("-n", ".", false);
        check_make("-f clean.mk", ".", true);
        check_make("cleanobj distclean", ".", false);
        check_make("--version", ".", false);
    }

    #[test]
    fn goals_are_left_out() {
        let rest = without_goals(&words("-j 4 -C src -f x.mk V=1 all -k clean"));
        assert_eq!(rest, words("-j 4 -C src -f x.mk V=1 -k"));
    }

    #[test]
    fn cmakes_folders() {
        let intent = of_cmake(&words("-S /src -B build -DX=1"));
        assert_eq!(intent, Intent { source: "/src".into(), build: Some("build".into()), makes: false });
        let intent = of_cmake(&words("--build out --target all"));
        assert_eq!(intent, Intent { source: "out".into(), build: Some("out".into()), makes: true });
        assert!(!of_cmake(&words("--build out --target clean")).makes);
        assert_eq!(of_cmake(&words("-Bout -S/src")).source, "/src");
        assert_eq!(of_cmake(&words("--version")).source, ".");
    }
}
