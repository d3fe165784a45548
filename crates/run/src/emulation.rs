//! An ARM program in qemu, as a command line: pure.

use std::ffi::OsString;

use camino::{Utf8Path, Utf8PathBuf};

use crate::start::Start;

/// How a loader is told where libraries are before all other places (`ld.so(8)`).
pub const SEARCH_PATH: &str = "LD_LIBRARY_PATH";

/// qemu, and how it is started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Qemu {
    /// `qemu-aarch64`, dynamic and with plugins.
    pub program: Utf8PathBuf,
    /// A loader that starts it with libraries of its own, and these folders of theirs; none: the system starts it.
    pub loader: Option<(Utf8PathBuf, Vec<Utf8PathBuf>)>,
}

/// What is traced of the driver's calls.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    /// Each call, to this file: a Chrome trace if its name ends with `.json`, else lines. `-`: standard error.
    pub file: Option<String>,
    /// A summary, at exit.
    pub summary: bool,
}

/// What an ARM program runs in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Emulation {
    /// The emulator.
    pub qemu: Qemu,
    /// The root of the program's files: paths are looked for in it first, and then outside.
    pub root: Utf8PathBuf,
    /// The plugin that carries the driver's calls.
    pub plugin: Utf8PathBuf,
    /// Where the host's `libcuda.so.1` may lie, the first place first.
    pub drivers: Vec<String>,
    /// The software device, for when none of these has a GPU.
    pub fallback: Option<Utf8PathBuf>,
    /// Folders that the program's loader looks into first: that of the guest's `libcuda.so.1` is one of them.
    pub libraries: Vec<Utf8PathBuf>,
    /// What is traced.
    pub trace: Trace,
}

impl Emulation {
    /// The words that start qemu, up to the program's.
    pub fn words(&self) -> Vec<String> {
        let mut words = Vec::new();
        if let Some((loader, folders)) = &self.qemu.loader {
            words.extend([loader.to_string(), "--library-path".to_owned(), joined(folders)]);
            words.extend(["--argv0".to_owned(), "qemu-aarch64".to_owned()]);
        }
        words.extend([self.qemu.program.to_string(), "-L".to_owned(), self.root.to_string()]);
        words.push("-plugin".to_owned());
        let mut settings = vec![format!("file={}", self.plugin)];
        settings.extend(self.drivers.iter().map(|driver| format!("driver={driver}")));
        settings.extend(self.fallback.iter().map(|soft| format!("soft={soft}")));
        settings.push(format!("root={}", self.root));
        settings.extend(self.trace.file.iter().map(|file| format!("trace={file}")));
        if self.trace.summary {
            settings.push("summary=on".to_owned());
        }
        // These words, and the one that is being made.
        settings.push(format!("prefix={}", words.len() + 1));
        // qemu's own way to write a comma in a value (qemu(1), -drive).
        words.push(settings.iter().map(|setting| setting.replace(',', ",,")).collect::<Vec<_>>().join(","));
        words
    }

    /// What is to be started for a program, where `search_path` is the value that [`SEARCH_PATH`] has now.
    pub fn start(&self, program: &Utf8Path, args: &[OsString], search_path: Option<&str>) -> Start {
        let mut words = self.words().into_iter();
        let qemu = words.next().expect("there is at least the emulator");
        let mut all: Vec<OsString> = words.map(OsString::from).collect();
        all.push(program.as_str().into());
        all.extend(args.iter().cloned());
        let mut folders: Vec<&str> = self.libraries.iter().map(|folder| folder.as_str()).collect();
        folders.extend(search_path.filter(|path| !path.is_empty()));
        Start {
            program: qemu.into(),
            args: all,
            environment: vec![(SEARCH_PATH.to_owned(), folders.join(":"))],
        }
    }
}

fn joined(folders: &[Utf8PathBuf]) -> String {
    folders.iter().map(|folder| folder.as_str()).collect::<Vec<_>>().join(":")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn emulation() -> Emulation {
        Emulation {
            qemu: Qemu { program: "/q/qemu-aarch64".into(), loader: None },
            root: "/root,1".into(),
            plugin: "/p.so".into(),
            drivers: vec!["/lib/libcuda.so.1".to_owned(), "libcuda.so.1".to_owned()],
            fallback: None,
            libraries: vec!["/guest".into()],
            trace: Trace::default(),
        }
    }

    #[test]
    fn the_plugin_knows_how_many_words_there_are() {
        let mut emulation = emulation();
        emulation.qemu.loader = Some(("/g/ld.so".into(), vec!["/g".into(), "/l".into()]));
        emulation.trace = Trace { file: Some("t.json".to_owned()), summary: true };
        let words = emulation.words();
        assert_eq!(
            words.join(" "),
            "/g/ld.so --library-path /g:/l --argv0 qemu-aarch64 /q/qemu-aarch64 -L /root,1 -plugin \
             file=/p.so,driver=/lib/libcuda.so.1,driver=libcuda.so.1,root=/root,,1,trace=t.json,summary=on,prefix=10"
        );
        assert_eq!(words.len(), 10);
    }

    #[test]
    fn the_guest_library_comes_before_the_users_folders() {
        let start = emulation().start("/bin/robot".into(), &["-v".into()], Some("/mine"));
        assert_eq!(start.program, "/q/qemu-aarch64");
        assert_eq!(start.args[start.args.len() - 2..], ["/bin/robot", "-v"]);
        assert_eq!(start.environment, [("LD_LIBRARY_PATH".to_owned(), "/guest:/mine".to_owned())]);
    }
}
