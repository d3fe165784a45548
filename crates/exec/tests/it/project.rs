//! A folder with sources and a graph over them, built as often as a test likes.

use std::collections::BTreeMap;
use std::fs;
use std::num::NonZeroUsize;

use camino::{Utf8Path, Utf8PathBuf};
use cuferry_exec::{CancelFlag, Event, ExecError, Options, Outcome, Summary, run};
use cuferry_graph::{Action, ActionKind, Command, Graph, Work};

pub(crate) struct Project {
    folder: tempfile::TempDir,
    pub(crate) graph: Graph,
    pub(crate) jobs: usize,
    pub(crate) keep_going: bool,
    pub(crate) cancel: CancelFlag,
}

/// One build: what happened, a line an event, and what came of it.
#[derive(Debug)]
pub(crate) struct Built {
    /// `run a.o`, `same a.o`, `fail a.o: …`, `skip a.o`, `cancelled a.o`, in the order of happening, by first outputs.
    pub(crate) events: Vec<String>,
    /// What each action's command said.
    pub(crate) output: BTreeMap<String, String>,
    pub(crate) summary: Summary,
}

impl Built {
    /// The actions that ran and succeeded.
    pub(crate) fn ran(&self) -> Vec<&str> {
        self.events.iter().filter_map(|event| event.strip_prefix("run ")).collect()
    }
}

impl Project {
    pub(crate) fn new(sources: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let cancel = CancelFlag::new().unwrap();
        let project = Self { folder, graph: Graph::default(), jobs: 4, keep_going: false, cancel };
        sources.iter().for_each(|(path, text)| project.write(path, text));
        project
    }

    pub(crate) fn root(&self) -> &Utf8Path {
        Utf8Path::from_path(self.folder.path()).unwrap()
    }

    pub(crate) fn state(&self) -> Utf8PathBuf {
        self.root().join(".state")
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.root().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    pub(crate) fn exists(&self, path: &str) -> bool {
        self.root().join(path).exists()
    }

    /// Adds `script`, with `$in` the inputs and `$out` the first output.
    pub(crate) fn shell(&mut self, outputs: &[&str], inputs: &[&str], script: &str) {
        self.add(shell(outputs, inputs, script));
    }

    /// The same, with a dependency file `$out.d`.
    pub(crate) fn shell_with_depfile(&mut self, outputs: &[&str], inputs: &[&str], script: &str) {
        self.add(Action {
            depfile: Some(format!("{}.d", outputs[0]).into()),
            ..shell(outputs, inputs, script)
        });
    }

    pub(crate) fn add(&mut self, action: Action) {
        self.graph.add(action).unwrap();
    }

    pub(crate) fn build(&self) -> Built {
        self.try_build().unwrap()
    }

    pub(crate) fn try_build(&self) -> Result<Built, ExecError> {
        self.observed_build(&mut |_| {})
    }

    pub(crate) fn observed_build(&self, observe: &mut dyn FnMut(Event<'_>)) -> Result<Built, ExecError> {
        self.let_headers_age();
        let root = self.root().to_owned();
        let options = Options {
            root: &root,
            state: &self.state(),
            jobs: NonZeroUsize::new(self.jobs).unwrap(),
            keep_going: self.keep_going,
            cancel: &self.cancel,
        };
        let mut events = Vec::new();
        let mut said = BTreeMap::new();
        let name = |id| self.graph.action(id).outputs[0].to_string();
        let summary = run(&self.graph, &options, &mut |event| {
            observe(event);
            match event {
                Event::Started { .. } => {}
                Event::Finished { id, outcome, output, .. } => {
                    said.insert(name(id), String::from_utf8_lossy(output).into_owned());
                    events.push(match outcome {
                        Outcome::Succeeded => format!("run {}", name(id)),
                        Outcome::Failed(failure) => format!("fail {}: {failure}", name(id)),
                        Outcome::Cancelled => format!("cancelled {}", name(id)),
                    });
                }
                Event::UpToDate { id } => events.push(format!("same {}", name(id))),
                Event::Skipped { id } => events.push(format!("skip {}", name(id))),
            }
        })?;
        Ok(Built { events, output: said, summary })
    }

    /// Waits until files written now get a later time than those written before. A new header as young as the
    /// command that reads it may have changed meanwhile, and is read again next time; tests write theirs just before.
    fn let_headers_age(&self) {
        use std::os::unix::fs::MetadataExt as _;
        let time = || {
            self.write(".tick", "");
            let metadata = fs::metadata(self.root().join(".tick")).unwrap();
            (metadata.ctime(), metadata.ctime_nsec())
        };
        if self.graph.actions().any(|(_, action)| action.depfile.is_some()) {
            let start = time();
            while time() == start {
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
        }
    }

    /// Builds, and expects exactly these actions to run, in any order, and all to succeed.
    #[track_caller]
    pub(crate) fn expect(&self, ran: &[&str]) {
        let built = self.build();
        let mut found = built.ran();
        found.sort_unstable();
        let mut expected = ran.to_vec();
        expected.sort_unstable();
        assert_eq!(found, expected, "{:#?}", built.events);
        assert!(built.summary.is_success(), "{built:#?}");
        assert_eq!(built.summary.ran + built.summary.up_to_date, self.graph.len());
    }
}

pub(crate) fn shell(outputs: &[&str], inputs: &[&str], script: &str) -> Action {
    Action {
        kind: ActionKind::HostCompile,
        label: format!("make {}", outputs[0]),
        work: Work::Run(Command {
            program: "/bin/sh".into(),
            identity: String::new(),
            args: vec!["-ec".to_owned(), script.to_owned()],
            env: BTreeMap::from([
                ("PATH".to_owned(), "/usr/bin:/bin".to_owned()),
                ("in".to_owned(), inputs.join(" ")),
                ("out".to_owned(), outputs[0].to_owned()),
            ]),
        }),
        inputs: inputs.iter().map(Utf8PathBuf::from).collect(),
        outputs: outputs.iter().map(Utf8PathBuf::from).collect(),
        depfile: None,
    }
}

pub(crate) fn copy(from: &str, to: &str) -> Action {
    Action { kind: ActionKind::Copy, work: Work::Copy, ..shell(&[to], &[from], "") }
}

pub(crate) fn write(to: &str, contents: &str) -> Action {
    Action {
        kind: ActionKind::Write,
        work: Work::Write { contents: contents.to_owned() },
        ..shell(&[to], &[], "")
    }
}
