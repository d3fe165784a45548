//! `compile_commands.json`: the compiles that another build made, one an entry. Source: LLVM's "JSON Compilation Database Format
//! Specification". It says nothing of how objects were linked.

use camino::{Utf8Path, Utf8PathBuf};
use miette::Diagnostic;
use serde::Deserialize;
use thiserror::Error;

/// The most entries that are read: ten times those of the largest projects known.
const MOST: usize = 1_000_000;

/// One compile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its place in the file, from 1 on.
    pub number: usize,
    /// Where it ran: absolute.
    pub directory: Utf8PathBuf,
    /// The source, as the entry names it.
    pub file: Utf8PathBuf,
    /// The command's words, its compiler first; at least one.
    pub words: Vec<String>,
}

impl Entry {
    /// Where the source lay, without `.` and `..`.
    pub fn source(&self) -> Utf8PathBuf {
        tidy(&self.directory.join(&self.file))
    }
}

/// What is wrong with a compilation database.
#[derive(Clone, Debug, PartialEq, Eq, Error, Diagnostic)]
pub enum DatabaseError {
    /// No JSON, or none of this shape.
    #[error("line {line}, column {column}: {what}")]
    #[diagnostic(
        code(database::json),
        help("it is to be a list of objects, each with `directory`, `file`, and `arguments` or `command`")
    )]
    Json {
        /// From 1 on.
        line: usize,
        /// From 1 on.
        column: usize,
        /// What the parser says.
        what: String,
    },
    /// An entry that cannot be a compile.
    #[error("entry {number} (`{file}`) {wrong}")]
    #[diagnostic(code(database::entry), help("mend the entry, or leave it out"))]
    Entry {
        /// From 1 on.
        number: usize,
        /// The source that it names.
        file: String,
        /// What is wrong with it.
        wrong: Wrong,
    },
    /// No entries.
    #[error("it holds no compile")]
    #[diagnostic(
        code(database::empty),
        help(
            "let the build write it anew, for example with `cmake -DCMAKE_EXPORT_COMPILE_COMMANDS=ON` or `bear -- make`"
        )
    )]
    Empty,
    /// More than any project has.
    #[error("it holds more than {MOST} entries")]
    #[diagnostic(code(database::too_many), help("take the part of it that the project needs"))]
    TooMany,
}

/// What is wrong with an entry, as the end of a sentence that begins with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Wrong {
    /// Neither form of the command is there.
    #[error("has neither `arguments` nor `command`")]
    NoCommand,
    /// The command has no words.
    #[error("has an empty command")]
    EmptyCommand,
    /// A quote is not closed.
    #[error("has a `command` whose quotes do not match")]
    Quotes,
    /// Several commands, or a file for what one prints.
    #[error("has a `command` that is for a shell, with `{0}`: one compiler call is expected")]
    Shell(&'static str),
    /// A relative folder: of what, nobody says.
    #[error("has a `directory` that is no absolute path")]
    Relative,
    /// An empty name.
    #[error("has an empty `file`")]
    NoFile,
    /// What no command line can carry.
    #[error("holds a NUL character or a line break in its words or paths")]
    Control,
}

#[derive(Deserialize)]
struct Row {
    directory: String,
    file: String,
    #[serde(default)]
    arguments: Option<Vec<String>>,
    #[serde(default)]
    command: Option<String>,
}

/// Reads the file's bytes.
///
/// # Errors
/// The first thing that is wrong, with its place.
pub fn parse(bytes: &[u8]) -> Result<Vec<Entry>, DatabaseError> {
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    let rows: Vec<Row> = serde_json::from_slice(bytes).map_err(|error| DatabaseError::Json {
        line: error.line(),
        column: error.column(),
        what: plain(&error.to_string()),
    })?;
    if rows.len() > MOST {
        return Err(DatabaseError::TooMany);
    }
    let entries = rows.into_iter().enumerate().map(|(index, row)| {
        let file = row.file.clone();
        entry(index + 1, row).map_err(|wrong| DatabaseError::Entry { number: index + 1, file, wrong })
    });
    let entries: Vec<Entry> = entries.collect::<Result<_, _>>()?;
    if entries.is_empty() { Err(DatabaseError::Empty) } else { Ok(entries) }
}

/// The parser's words without the place, which is said already.
fn plain(message: &str) -> String {
    message.rfind(" at line ").map_or(message, |at| &message[..at]).to_owned()
}

fn entry(number: usize, row: Row) -> Result<Entry, Wrong> {
    let words = match (row.arguments, row.command) {
        // The specification: `arguments` goes first, since nothing in it needs to be taken apart.
        (Some(arguments), _) => arguments,
        (None, Some(command)) => split(&command)?,
        (None, None) => return Err(Wrong::NoCommand),
    };
    if words.first().is_none_or(String::is_empty) {
        return Err(Wrong::EmptyCommand);
    }
    if row.file.is_empty() {
        return Err(Wrong::NoFile);
    }
    let control = |text: &String| text.contains(['\0', '\n', '\r']);
    if words.iter().chain([&row.file, &row.directory]).any(control) {
        return Err(Wrong::Control);
    }
    let directory = Utf8PathBuf::from(row.directory);
    if !directory.is_absolute() {
        return Err(Wrong::Relative);
    }
    Ok(Entry { number, directory: tidy(&directory), file: row.file.into(), words })
}

/// A `command`'s words, as a shell would take them.
fn split(command: &str) -> Result<Vec<String>, Wrong> {
    const FOR_SHELLS: [&str; 8] = ["&&", "||", ";", "|", "&", ">", ">>", "<"];
    let words = shell_words::split(command).map_err(|_| Wrong::Quotes)?;
    match FOR_SHELLS.iter().find(|operator| words.iter().any(|word| word == **operator)) {
        Some(operator) => Err(Wrong::Shell(operator)),
        None => Ok(words),
    }
}

/// Without `.` and `..`, by the letters alone: the folders may not be here.
pub fn tidy(path: &Utf8Path) -> Utf8PathBuf {
    let mut tidy = Utf8PathBuf::new();
    for part in path.components() {
        match part {
            camino::Utf8Component::CurDir => {}
            camino::Utf8Component::ParentDir => drop(tidy.pop()),
            part => tidy.push(part),
        }
    }
    tidy
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn error(text: &str) -> String {
        parse(text.as_bytes()).expect_err("it is wrong").to_string()
    }

    #[test]
    fn both_forms_are_read() {
        let text = r#"[
            {"directory": "/robot/build/.", "file": "../a b.cpp", "arguments": ["g++", "-c", "../a b.cpp"]},
            {"directory": "/robot", "file": "/robot/k.cu", "output": "k.o",
             "command": "/usr/local/cuda/bin/nvcc -DNAME=\"\\\"x y\\\"\" '-I/a b' -c /robot/k.cu"}
        ]"#;
        let entries = parse(text.as_bytes()).unwrap();
        assert_eq!(entries[0].source(), "/robot/a b.cpp");
        assert_eq!(entries[0].directory, "/robot/build");
        assert_eq!(
            entries[1].words,
            ["/usr/local/cuda/bin/nvcc", "-DNAME=\"x y\"", "-I/a b", "-c", "/robot/k.cu"]
        );
        assert_eq!(entries[1].number, 2);
        assert_eq!(parse(format!("\u{feff}{text}").as_bytes()).unwrap(), entries);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        assert_eq!(
            error("[{\"directory\": \"/a\",\n \"file\": 3}]"),
            "line 2, column 10: invalid type: integer `3`, expected a string"
        );
        assert_eq!(error("[\n{\"directory\": \"/a\"}]"), "line 2, column 19: missing field `file`");
        assert!(
            error("{}").starts_with("line 1, column 0: invalid type: map, expected a sequence"),
            "{}",
            error("{}")
        );
        assert!(error("[{\"directory\": ").contains("EOF while parsing"));
        assert_eq!(error("[]"), "it holds no compile");
        let entry = |rest: &str| error(&format!(r#"[{{"directory": "/a", "file": "x.c"{rest}}}]"#));
        assert_eq!(entry(""), "entry 1 (`x.c`) has neither `arguments` nor `command`");
        assert_eq!(entry(r#", "arguments": []"#), "entry 1 (`x.c`) has an empty command");
        assert_eq!(entry(r#", "command": "  ""#), "entry 1 (`x.c`) has an empty command");
        assert_eq!(
            entry(r#", "command": "gcc 'x""#),
            "entry 1 (`x.c`) has a `command` whose quotes do not match"
        );
        assert!(entry(r#", "command": "cd /x && gcc -c x.c""#).contains("for a shell, with `&&`"));
        assert!(entry(r#", "arguments": ["gcc", "a\u0000b"]"#).contains("NUL character"));
        assert!(
            error(r#"[{"directory": "a", "file": "x.c", "command": "cc"}]"#).contains("no absolute path")
        );
    }

    #[test]
    fn depth_and_odd_bytes_are_errors() {
        assert!(error(&"[".repeat(100_000)).starts_with("line 1"));
        assert!(parse(&[b'[', 0xff, 0xfe]).is_err());
        assert!(
            error("[{\"directory\": \"/a\", \"file\": \"\\ud800\", \"command\": \"cc\"}]")
                .starts_with("line 1")
        );
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "(\\[|\\]|\\{|\\}|\"(directory|file|command|arguments)\"|:|,|\"[/a-c' \\\\]{0,4}\"){0,24}") {
            let _ = parse(text.as_bytes());
        }
    }
}
