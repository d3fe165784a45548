//! A build of which only the compiles are known, by a compilation database: they are repeated, as make would start them, into
//! a folder of cuferry's own; `link` then makes of their objects what can be known.

mod link;
mod moved;

use std::fmt::Write as _;

use camino::{Utf8Path, Utf8PathBuf};
use cuferry_project::database::{self, Entry};
use cuferry_translate::{Family, Invocation, LinkWords, Tool};

pub(crate) use self::link::{Wish, linked};
use self::moved::{Moved, moved};
use crate::failure::{Failure, Fault};

/// The largest database that is read, in bytes.
const LIMIT: u64 = 1 << 30;
/// The largest response file that is read, in bytes.
const WORDS_LIMIT: u64 = 64 << 20;

/// What a database holds, ready to be repeated.
#[derive(Clone, Debug)]
pub(crate) struct Compiles {
    /// Where it lies.
    pub(crate) file: Utf8PathBuf,
    pub(crate) list: Vec<Compile>,
    /// What was left out or taken otherwise than it stands there, in sentences.
    pub(crate) notes: Vec<String>,
}

/// One compile.
#[derive(Clone, Debug)]
pub(crate) struct Compile {
    number: usize,
    /// The compiler's name, without its folder: a shim serves it.
    pub(crate) tool: String,
    family: Family,
    /// Its words, but for the two that say where the result goes.
    words: Vec<String>,
    folder: Utf8PathBuf,
    source: Utf8PathBuf,
    /// The result's name, unlike all others'.
    product: String,
    link: LinkWords,
    /// CMake's name of what its object belongs to.
    target: Option<String>,
}

/// Reads a database that was made in, or for, the project in `root`.
///
/// # Errors
/// What is wrong with it, with the entry.
pub(crate) fn read(file: &Utf8Path, root: &Utf8Path) -> Result<Compiles, Failure> {
    let bytes = contents(file, LIMIT).map_err(|error| {
        let help = "name a compile_commands.json with `--compile-commands`";
        wrong(format!("cannot read `{file}`: {error}"), help)
    })?;
    let entries = database::parse(&bytes).map_err(|error| {
        let help = miette::Diagnostic::help(&error).map(|help| help.to_string()).unwrap_or_default();
        wrong(format!("`{file}`: {error}"), help)
    })?;
    let moved = moved(&entries, root, &|path| path.is_file()).map_err(|missing| {
        let message =
            format!("`{file}`: entry {} names `{}`, which is not here", missing.number, missing.source());
        wrong(
            message,
            format!("the database is to be of the project in `{root}`: let the build write it anew"),
        )
    })?;
    let mut compiles = Compiles { file: file.to_owned(), list: Vec::new(), notes: Vec::new() };
    compiles.notes.extend(moved.iter().map(|moved| {
        format!(
            "the database was written elsewhere: what it has in {} is taken from {}",
            moved.from, moved.to
        )
    }));
    for mut entry in entries {
        if let Some(moved) = &moved {
            moved.entry(&mut entry);
        }
        compiles.add(&entry).map_err(|(number, file_name, what)| {
            let help = "mend the entry, or leave it out of a copy that `--compile-commands` names";
            wrong(format!("`{file}`: entry {number} (`{file_name}`) {what}"), help)
        })?;
    }
    if compiles.list.is_empty() {
        return Err(wrong(format!("`{file}` holds no compile"), "let the build write it anew"));
    }
    Ok(compiles)
}

fn wrong(message: String, help: impl Into<String>) -> Failure {
    Failure::say(Fault::Usage, "rebuild::compile_commands", message, help)
}

fn contents(path: &Utf8Path, limit: u64) -> std::io::Result<Vec<u8>> {
    if path.metadata()?.len() > limit {
        return Err(std::io::Error::other(format!("it is larger than {} MiB", limit >> 20)));
    }
    std::fs::read(path)
}

impl Compiles {
    fn add(&mut self, entry: &Entry) -> Result<(), (usize, Utf8PathBuf, String)> {
        let (number, file, source) = (entry.number, entry.file.clone(), entry.source());
        match compile(entry) {
            Err(what) => Err((number, file, what)),
            Ok(None) => {
                self.notes.push(format!("entry {number} ({file}) makes no object, and is left out"));
                Ok(())
            }
            Ok(Some(new)) => {
                let Some(old) = self.list.iter().find(|old| old.source == source) else {
                    self.list.push(new);
                    return Ok(());
                };
                if (&old.words, &old.folder, &old.tool) == (&new.words, &new.folder, &new.tool) {
                    return Ok(());
                }
                let what = format!(
                    "compiles the same file as entry {}, in another way: which of the two objects goes into the program, it does not say",
                    old.number
                );
                Err((number, file, what))
            }
        }
    }

    /// The same project, copied to another folder.
    pub(crate) fn rebase(&mut self, from: &Utf8Path, to: &Utf8Path) {
        let moved = Moved { from: from.to_owned(), to: to.to_owned() };
        for compile in &mut self.list {
            compile.folder = moved.path(&compile.folder);
            compile.source = moved.path(&compile.source);
            compile.words.iter_mut().for_each(|word| *word = moved.word(word));
        }
    }

    /// The folders that compiles run in and that are not there: a build makes them for itself.
    pub(crate) fn missing_folders(&self) -> Vec<&Utf8Path> {
        let mut folders: Vec<&Utf8Path> = self
            .list
            .iter()
            .map(|compile| compile.folder.as_path())
            .filter(|folder| !folder.is_dir())
            .collect();
        folders.sort_unstable();
        folders.dedup();
        folders
    }

    /// What make is to run: every compile, whatever is there already, since what an object depends on nobody says.
    pub(crate) fn makefile(&self, objects: &Utf8Path) -> String {
        let products: Vec<&str> = self.list.iter().map(|compile| compile.product.as_str()).collect();
        let mut text = format!("# Written anew by each `cuferry rebuild`, after {}.\n", self.file);
        let _ = writeln!(text, "all: {0}\n.PHONY: all {0}", products.join(" "));
        for (product, command) in products.iter().zip(self.commands(objects)) {
            let _ = writeln!(text, "{product}:\n\t{}", command.replace('$', "$$"));
        }
        text
    }

    /// The compiles, as a shell is given them.
    pub(crate) fn commands(&self, objects: &Utf8Path) -> Vec<String> {
        let command = |compile: &Compile| {
            let output = objects.join(&compile.product);
            let words = [compile.tool.as_str()].into_iter().chain(compile.words.iter().map(String::as_str));
            let folder = shell_words::quote(compile.folder.as_str());
            format!("cd {folder} && {}", shell_words::join(words.chain(["-o", output.as_str()])))
        };
        self.list.iter().map(command).collect()
    }
}

/// What an entry compiles; nothing: no object comes of it.
fn compile(entry: &Entry) -> Result<Option<Compile>, String> {
    let (name, args) = without_launcher(&entry.words);
    let tool = Tool::of(name)
        .filter(|tool| matches!(tool.family(), Family::Nvcc | Family::Gcc | Family::Clang | Family::As));
    let Some(tool) = tool else {
        return Err(format!("runs `{name}`, which is no compiler that cuferry knows"));
    };
    let family = tool.family();
    let folder = entry.directory.clone();
    let response_file = |path: &str| {
        contents(&folder.join(path), WORDS_LIMIT).ok().and_then(|bytes| String::from_utf8(bytes).ok())
    };
    let invocation =
        Invocation::parse(tool, args, &response_file).map_err(|error| format!("cannot be read: {error}"))?;
    let sources = invocation.sources();
    let Some(product) = invocation.product().filter(|end| !end.is_empty()) else { return Ok(None) };
    match sources.as_slice() {
        // A header by itself is compiled for later compiles alone, which do without.
        [source] if is_header(&source.path) => return Ok(None),
        [_] => {}
        several => return Err(format!("compiles {} files, and one was expected", several.len())),
    }
    let mut words = invocation.compiling_to("");
    words.truncate(words.len() - 2);
    let source = entry.source();
    let stem: String = source
        .file_stem()
        .unwrap_or("object")
        .chars()
        .map(|letter| if letter.is_ascii_alphanumeric() || "_-.".contains(letter) { letter } else { '_' })
        .take(60)
        .collect();
    Ok(Some(Compile {
        number: entry.number,
        tool: Utf8Path::new(name).file_name().unwrap_or(name).to_owned(),
        family,
        words,
        folder,
        source,
        product: format!("{:04}-{stem}.{product}", entry.number),
        link: invocation.link_words(),
        target: invocation.outputs().first().and_then(|output| cmake_target(output)),
    }))
}

/// The compiler and its words, without what would only have started it: `ccache`, `distcc`.
fn without_launcher(words: &[String]) -> (&str, &[String]) {
    match words {
        [launcher, name, args @ ..] if Tool::of(launcher).is_none() && Tool::of(name).is_some() => {
            (name, args)
        }
        [name, args @ ..] => (name, args),
        [] => ("", &[]),
    }
}

/// `robot` in `src/CMakeFiles/robot.dir/main.cpp.o`.
fn cmake_target(output: &Utf8Path) -> Option<String> {
    let mut parts = output.components().map(|part| part.as_str()).skip_while(|part| *part != "CMakeFiles");
    parts.nth(1)?.strip_suffix(".dir").filter(|name| !name.is_empty()).map(str::to_owned)
}

fn is_header(path: &Utf8Path) -> bool {
    matches!(path.extension(), Some("h" | "hh" | "hpp" | "hxx" | "H" | "h++" | "cuh"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(number: usize, command: &str) -> Entry {
        let words = shell_words::split(command).expect("quotes match");
        let file = words.last().expect("it has words").into();
        Entry { number, directory: "/robot/build".into(), file, words }
    }

    #[track_caller]
    fn add(commands: &[&str]) -> Result<Compiles, String> {
        let mut compiles = Compiles { file: "/db".into(), list: Vec::new(), notes: Vec::new() };
        for (index, command) in commands.iter().enumerate() {
            compiles
                .add(&entry(index + 1, command))
                .map_err(|(number, _, what)| format!("{number} {what}"))?;
        }
        Ok(compiles)
    }

    #[test]
    fn compiles_become_recipes() {
        let compiles = add(&[
            "/usr/bin/aarch64-linux-gnu-g++ -I../include -DNAME=$x -MD -MF a.d -o CMakeFiles/robot.dir/a.o -c '../src/a b.cpp'",
            "ccache nvcc -arch=sm_87 -dc ../src/k.cu",
            "nvcc -ptx ../src/late.cu",
            "g++ -E ../src/x.cpp",
            "g++ -x c++-header ../src/all.hpp",
        ])
        .unwrap();
        let expected = "\
# Written anew by each `cuferry rebuild`, after /db.
all: 0001-a_b.o 0002-k.o 0003-late.ptx
.PHONY: all 0001-a_b.o 0002-k.o 0003-late.ptx
0001-a_b.o:
\tcd /robot/build && aarch64-linux-gnu-g++ -I../include '-DNAME=$$x' -c '../src/a b.cpp' -o /out/0001-a_b.o
0002-k.o:
\tcd /robot/build && nvcc '-arch=sm_87' -dc ../src/k.cu -o /out/0002-k.o
0003-late.ptx:
\tcd /robot/build && nvcc -ptx ../src/late.cu -o /out/0003-late.ptx
";
        assert_eq!(compiles.makefile("/out".into()), expected);
        assert_eq!(compiles.list[0].target.as_deref(), Some("robot"));
        assert_eq!(compiles.notes.len(), 2, "{:?}", compiles.notes);
    }

    #[test]
    fn what_cannot_be_repeated_is_refused() {
        let error = |commands: &[&str]| add(commands).expect_err("it is wrong");
        assert_eq!(error(&["rustc main.rs"]), "1 runs `rustc`, which is no compiler that cuferry knows");
        assert_eq!(error(&["g++ -c a.cpp b.cpp"]), "1 compiles 2 files, and one was expected");
        let twice = error(&["g++ -c ../a.cpp", "g++ -fPIC -c ../a.cpp"]);
        assert!(twice.starts_with("2 compiles the same file as entry 1, in another way"), "{twice}");
        assert_eq!(add(&["g++ -c ../a.cpp", "g++ -c ../a.cpp"]).unwrap().list.len(), 1);
    }

    #[test]
    fn a_copy_of_the_project_is_compiled_in_its_own_place() {
        let mut compiles = add(&["g++ -I/robot/include -I/robotics -c /robot/src/a.cpp"]).unwrap();
        compiles.rebase("/robot".into(), "/copy".into());
        let text = compiles.makefile("/out".into());
        assert!(
            text.contains("cd /copy/build && g++ -I/copy/include -I/robotics -c /copy/src/a.cpp"),
            "{text}"
        );
    }
}
