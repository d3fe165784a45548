//! The program as a shim: a compiler call comes in, is translated and recorded, and the tool takes this process over.
//!
//! Every call of a build goes through here: what is not needed on the way is not done.

use std::ffi::{OsStr, OsString};
use std::io::{self, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use camino::{Utf8Path, Utf8PathBuf};
use cuferry_translate::{
    Change, Invocation, Mode, Scope, Tool, ToolKind, translate, translate_environment, with_nvcc_variables,
};
use rustix::io::Errno;

use crate::call::{Record, folder_text};
use crate::environment::{RUN, WITHIN};
use crate::file::{ENTER, Served, SessionFile};
use crate::text::{from_text, to_text};
use crate::{answer, log, namespace, session, tools};

/// The rule of a name that another tool serves.
const NAME_RULE: &str = "CF2201";

/// The rule of an answer about the machine.
const ANSWER_RULE: &str = "CF2203";

/// A command that cannot be run at all, as shells have it: not found, and found but not to be run.
const NOT_FOUND: u8 = 127;
const NOT_RUN: u8 = 126;

/// The largest response file that is looked into.
const WORDS_LIMIT: u64 = 64 << 20;

/// Variables with folders of headers, libraries and `pkg-config` files, which recipes set for a single call.
const FOLDER_VARIABLES: [&str; 7] = [
    "CPATH",
    "C_INCLUDE_PATH",
    "CPLUS_INCLUDE_PATH",
    "LIBRARY_PATH",
    "PKG_CONFIG_PATH",
    "PKG_CONFIG_LIBDIR",
    "PKG_CONFIG_SYSROOT_DIR",
];

/// Does a shim's work, if this process was started as one: `main` calls it before it looks at anything else. None: it was
/// not, and `main` goes on.
///
/// `args` are the process's words with its own name, `variable` reads its environment. Where all goes well it does not
/// return, since the tool has taken the process over.
pub fn shim_main(
    args: impl Iterator<Item = OsString>,
    variable: impl Fn(&str) -> Option<OsString>,
) -> Option<ExitCode> {
    let exe = std::fs::read_link("/proc/self/exe").ok()?;
    let (folder, name, stands_for) = session::of_executable(&exe)?;
    let mut words: Vec<OsString> = args.collect();
    if words.is_empty() {
        words.push(name.clone().into());
    }
    let run = variable(RUN).and_then(|run| Utf8PathBuf::from_path_buf(run.into()).ok());
    let run = run.filter(|run| run.starts_with(&folder));
    if name == ENTER {
        return Some(namespace::enter(&folder, run.as_deref(), &words));
    }
    // A build that has ended, and whose run was cleared away, may have left a program that goes on calling.
    let file = run
        .as_deref()
        .and_then(|run| SessionFile::read(run).ok())
        .map_or_else(|| SessionFile::read(&folder), Ok);
    let file = match file {
        Ok(file) => file,
        Err(error) => return Some(fail(&name, &error.to_string(), NOT_RUN)),
    };
    // Something else that lies beside shims, such as cuferry's own command in /usr/bin.
    let served = file.tools.get(stands_for.as_str()).or_else(|| file.tools.get(&name))?;
    let run = run.or_else(|| file.run.clone());
    let shim = Shim {
        exe: &exe,
        folder: &folder,
        run,
        file: &file,
        name: &name,
        stands_for: &stands_for,
        served,
        variable: &variable,
    };
    let within = variable(WITHIN).is_some_and(|within| within == folder.as_os_str());
    Some(if within { shim.pass_on(&words) } else { shim.serve(&words) })
}

struct Shim<'a> {
    exe: &'a Path,
    folder: &'a Utf8Path,
    run: Option<Utf8PathBuf>,
    file: &'a SessionFile,
    name: &'a str,
    /// The path that it was called by.
    stands_for: &'a Utf8Path,
    served: &'a Served,
    variable: &'a dyn Fn(&str) -> Option<OsString>,
}

impl Shim<'_> {
    /// A call by a tool that runs for a call which was translated: it stays word for word.
    fn pass_on(&self, words: &[OsString]) -> ExitCode {
        // At a path over which this shim lies: what lies there. Another tool may serve the name, such as a script that calls
        // just this path.
        let beneath = tools::below(&self.folder.join("under"), self.stands_for);
        let lies_over = !self.stands_for.starts_with(self.folder) && beneath.is_file();
        // A link there may lead back up here.
        let beneath = (lies_over && !self.calls_itself(&beneath)).then_some(beneath);
        let program = beneath.as_ref().or(self.served.compiler.as_ref()).unwrap_or(&self.served.program);
        let mut command = self.command(program, &words[0]);
        if beneath.is_some() {
            command.arg0(self.stands_for);
        }
        command.args(&words[1..]);
        let error = self.exec(command, program);
        self.cannot_run(program, &error)
    }

    fn serve(&self, words: &[OsString]) -> ExitCode {
        let args: Vec<String> = words[1..].iter().map(|word| to_text(word)).collect();
        if self.name == answer::NVIDIA_SMI {
            return self.answer_for_gpus(&words[0], &args);
        }
        if let Some(swaps) = answer::swaps(self.name, &args) {
            return self.answer_for_machine(words, &args, swaps);
        }
        let mut record = self.record(&words[0], &args);
        let mut command = self.command(&self.served.program, &words[0]);
        let args = self.translate(args, &mut record, &mut command);
        if let Some(tool) = Tool::of(self.name) {
            self.name_change(&tool, &mut record);
        }
        let same = args.as_slice() == &record.was[1..];
        record.now = (!same).then(|| args.clone());
        self.log(&record);
        if same {
            command.args(&words[1..]);
        } else {
            command.args(args.iter().map(|word| from_text(word)));
        }
        self.run_tool(command, &words[0], &args)
    }

    /// What the call is to be run with. What cannot be understood stays as it is, and the record says so.
    fn translate(&self, args: Vec<String>, record: &mut Record, command: &mut Command) -> Vec<String> {
        let Some(tool) = Tool::of(self.name) else { return args };
        let is_nvcc = tool.kind == ToolKind::Nvcc;
        let text = |name: &str| (self.variable)(name).map(|value| to_text(&value));
        let given = if is_nvcc {
            let (prepend, append) = (text("NVCC_PREPEND_FLAGS"), text("NVCC_APPEND_FLAGS"));
            with_nvcc_variables(&args, prepend.as_deref(), append.as_deref())
        } else {
            args.clone()
        };
        let invocation = match Invocation::parse(tool, &given, &words_of_file) {
            Ok(invocation) => invocation,
            Err(error) => {
                record.problem = Some(error.to_string());
                return args;
            }
        };
        record.describe(&invocation);
        let folders =
            FOLDER_VARIABLES.iter().filter_map(|name| Some(((*name).to_owned(), text(name)?))).collect();
        let folders = translate_environment(&folders, &self.file.policy);
        let mut translation = match translate(&invocation, &self.file.policy) {
            Ok(translation) => translation,
            Err(error) => {
                record.problem = Some(error.to_string());
                return args;
            }
        };
        record.translated(&mut translation);
        record.changes.extend(folders.changes);
        command.envs(folders.set.iter().map(|(name, value)| (name, from_text(value))));
        folders.unset.iter().for_each(|name| _ = command.env_remove(name));
        if translation.args == given {
            return args;
        }
        if is_nvcc {
            // Their words are among the arguments now: nvcc must not read them twice.
            command.env_remove("NVCC_PREPEND_FLAGS").env_remove("NVCC_APPEND_FLAGS");
        }
        translation.args
    }

    /// Says that another tool serves the name.
    fn name_change(&self, tool: &Tool, record: &mut Record) {
        if self.served.found.file_name() == Some(self.name) {
            return;
        }
        let scope = match tool.kind {
            ToolKind::Nvcc => Scope::Device,
            ToolKind::Ld | ToolKind::Ar | ToolKind::Ranlib => Scope::Link,
            _ => Scope::Host,
        };
        let why = if tool.arm {
            "makes code for ARM; the tool of this machine serves the name"
        } else {
            "is not on this machine; the tool that is here serves the name"
        };
        let now = self.served.found.file_name().unwrap_or_default().to_owned();
        let change =
            Change { scope, rule: NAME_RULE.to_owned(), was: self.name.to_owned(), now, why: why.to_owned() };
        record.changes.insert(0, change);
    }

    fn answer_for_gpus(&self, called: &OsStr, args: &[String]) -> ExitCode {
        let printed = answer::nvidia_smi(&self.file.gpus, args);
        let mut record = self.record(called, args);
        record.mode = None;
        if printed.code == 0 {
            let why = "is not on this machine; it was answered with the GPUs that are built for";
            record.changes.push(self.answer_change(args, printed.text.trim_end(), why));
        }
        self.log(&record);
        match io::stdout().write_all(printed.text.as_bytes()) {
            Ok(()) => ExitCode::from(printed.code),
            Err(_) => ExitCode::FAILURE,
        }
    }

    /// Runs the program that knows the truth, and passes on what it says with words replaced.
    fn answer_for_machine(
        &self,
        words: &[OsString],
        args: &[String],
        swaps: &[(String, String)],
    ) -> ExitCode {
        let mut command = self.command(&self.served.program, &words[0]);
        command.args(&words[1..]).stderr(Stdio::inherit()).stdin(Stdio::inherit());
        let program = &self.served.program;
        let output = if self.calls_itself(program) { Err(Errno::LOOP.into()) } else { command.output() };
        let output = match output {
            Ok(output) => output,
            Err(error) => return self.cannot_run(program, &error),
        };
        let truth = String::from_utf8_lossy(&output.stdout);
        let answer = answer::swap(&truth, swaps);
        let mut record = self.record(&words[0], args);
        record.mode = None;
        if answer != truth {
            let first = answer.lines().zip(truth.lines()).find(|(answer, truth)| answer != truth);
            let now = first.map_or("", |(answer, _)| answer);
            record.changes.push(self.answer_change(
                args,
                now,
                "was answered as an ARM machine would, as asked",
            ));
        }
        self.log(&record);
        let text = if answer == truth { &output.stdout[..] } else { answer.as_bytes() };
        match io::stdout().write_all(text) {
            Ok(()) => ExitCode::from(u8::try_from(output.status.code().unwrap_or(1)).unwrap_or(1)),
            Err(_) => ExitCode::FAILURE,
        }
    }

    fn answer_change(&self, args: &[String], now: &str, why: &str) -> Change {
        let was =
            [self.name].into_iter().chain(args.iter().map(String::as_str)).collect::<Vec<_>>().join(" ");
        let rule = ANSWER_RULE.to_owned();
        Change { scope: Scope::Host, rule, was, now: now.to_owned(), why: why.to_owned() }
    }

    fn record(&self, called: &OsStr, args: &[String]) -> Record {
        let mut was = vec![to_text(called)];
        was.extend_from_slice(args);
        Record {
            tool: self.name.to_owned(),
            served_by: self.served.found.to_string(),
            was,
            folder: std::env::current_dir().map(|folder| folder_text(&folder)).unwrap_or_default(),
            pid: std::process::id(),
            mode: Some(Mode::Other),
            ..Record::default()
        }
    }

    /// The tool with everything but its arguments.
    fn command(&self, program: &Utf8Path, called: &OsStr) -> Command {
        let mut command = Command::new(program);
        command.arg0(self.first_word(program, called));
        // Below a compiler nobody is to meet a shim: what it starts is translated already.
        command.env(WITHIN, self.folder);
        if let Some(path) = (self.variable)("PATH") {
            command.env("PATH", self.without_shims(&path));
        }
        command
    }

    /// gcc finds its parts, and names itself, by this word. A path that leads to a shim would mislead it.
    fn first_word(&self, program: &Utf8Path, called: &OsStr) -> OsString {
        if self.name == "nvcc" {
            program.into() // nvcc finds its toolkit by it.
        } else if called.as_bytes().contains(&b'/') {
            self.served.found.clone().into()
        } else {
            self.served.found.file_name().unwrap_or(self.name).into()
        }
    }

    fn without_shims(&self, path: &OsStr) -> OsString {
        let shims = [self.folder.join("bin"), self.folder.join("cuda/bin")];
        let is_shims = |folder: &&[u8]| shims.iter().any(|shims| shims.as_str().as_bytes() == *folder);
        let folders: Vec<&[u8]> =
            path.as_bytes().split(|byte| *byte == b':').filter(|folder| !is_shims(folder)).collect();
        OsStr::from_bytes(&folders.join(&b':')).to_owned()
    }

    fn log(&self, record: &Record) {
        let log = self.run.as_ref().map(|run| run.join(log::NAME));
        if let Some(Err(error)) = log.map(|log| log::append(&log, record)) {
            // The call goes on, but a table of changes that lacks one must not look whole.
            complain(self.name, &format!("cannot record this call: {error}"));
        }
    }

    /// Runs the tool; words that are too many for a command go through a file.
    fn run_tool(&self, command: Command, called: &OsStr, args: &[String]) -> ExitCode {
        let program = &self.served.program;
        let variables: Vec<_> =
            command.get_envs().map(|(name, value)| (name.to_owned(), value.map(OsStr::to_owned))).collect();
        let error = self.exec(command, program);
        if error.kind() != io::ErrorKind::ArgumentListTooLong {
            return self.cannot_run(program, &error);
        }
        let mut short = self.command(program, called);
        for (name, value) in variables {
            match value {
                Some(value) => short.env(name, value),
                None => short.env_remove(name),
            };
        }
        match self.words_file(args) {
            Ok(file) if self.name == "nvcc" => short.arg("--options-file").arg(file),
            Ok(file) => short.arg(format!("@{file}")),
            Err(error) => return self.cannot_run(program, &error),
        };
        let error = self.exec(short, program);
        self.cannot_run(program, &error)
    }

    /// A response file: a word a line.
    fn words_file(&self, args: &[String]) -> io::Result<Utf8PathBuf> {
        let folder = self.run.as_deref().unwrap_or(self.folder).join("words");
        std::fs::create_dir_all(&folder)?;
        let path = folder.join(std::process::id().to_string());
        let mut bytes = Vec::new();
        for arg in args {
            let word = quoted(from_text(arg).as_bytes());
            // nvcc takes such a word apart twice (seen with 13.0); gcc, clang and binutils do so once.
            bytes.extend(if self.name == "nvcc" { quoted(&word) } else { word });
            bytes.push(b'\n');
        }
        std::fs::write(&path, bytes)?;
        Ok(path)
    }

    /// Lets the tool take this process over; answers only why it could not.
    fn exec(&self, mut command: Command, program: &Utf8Path) -> io::Error {
        if self.calls_itself(program) { Errno::LOOP.into() } else { command.exec() }
    }

    /// Whether `program` is this very file, which would call itself for ever.
    fn calls_itself(&self, program: &Utf8Path) -> bool {
        let id = |path: &Path| std::fs::metadata(path).map(|file| (file.dev(), file.ino())).ok();
        id(program.as_std_path()).is_some_and(|tool| Some(tool) == id(self.exe))
    }

    fn cannot_run(&self, program: &Utf8Path, error: &io::Error) -> ExitCode {
        let code = if error.kind() == io::ErrorKind::NotFound { NOT_FOUND } else { NOT_RUN };
        fail(self.name, &format!("cannot run `{program}`: {error}"), code)
    }
}

/// A word with a backslash before each sign that would end or change it.
fn quoted(word: &[u8]) -> Vec<u8> {
    let mut quoted = Vec::with_capacity(word.len());
    for byte in word {
        if byte.is_ascii_whitespace() || b"\"'\\".contains(byte) {
            quoted.push(b'\\');
        }
        quoted.push(*byte);
    }
    quoted
}

/// The text of a response file, unless it is none, or endless.
fn words_of_file(name: &str) -> Option<String> {
    let path = PathBuf::from(from_text(name));
    let metadata = std::fs::metadata(&path).ok()?;
    (metadata.is_file() && metadata.len() <= WORDS_LIMIT).then_some(())?;
    Some(to_text(OsStr::from_bytes(&std::fs::read(&path).ok()?)))
}

fn fail(name: &str, problem: &str, code: u8) -> ExitCode {
    complain(name, problem);
    ExitCode::from(code)
}

#[expect(clippy::print_stderr, reason = "a shim has nobody else to speak for it")]
fn complain(name: &str, problem: &str) {
    eprintln!("cuferry: {name}: {problem}");
}
