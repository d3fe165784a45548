//! A project with tools of its own that say how they were called, and a session for it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::Read as _;
use std::os::fd::AsFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Output;

use camino::{Utf8Path, Utf8PathBuf};
use cuferry_arch::{CudaRelease, Host};
use cuferry_translate::Policy;
use cuferry_wrap::{
    Build, Environment, Gpu, NamespaceUse, Obstacle, Places, Pretence, Request, Run, Session, Starter,
    WrapError,
};

/// What every tool of a [`Project`] does: its words and folder go to a file beside it.
const TOOL: &str = "#!/bin/sh
{ printf '%s' \"${0##*/}\"; for word; do printf '|%s' \"$word\"; done; printf '\\n'; } >> \"$TOOL_LOG\"
case \"$1\" in --fail) echo \"$2\" >&2; exit 3;; --echo) cat;; --env) env;; esac
";

pub(crate) struct Project {
    _guard: tempfile::TempDir,
    pub(crate) root: Utf8PathBuf,
    pub(crate) policy: Policy,
    pub(crate) places: Places,
    pub(crate) pretence: Pretence,
    pub(crate) gpus: Vec<Gpu>,
    pub(crate) names: Vec<String>,
    pub(crate) own: Vec<Utf8PathBuf>,
    pub(crate) path: String,
    pub(crate) headers: BTreeMap<Utf8PathBuf, String>,
    pub(crate) namespace: NamespaceUse,
    pub(crate) writable: Option<Vec<Utf8PathBuf>>,
    pub(crate) obstacles: RefCell<Vec<Obstacle>>,
}

pub(crate) fn policy() -> Policy {
    Policy::new(Host::X86_64, CudaRelease::new(13, 0))
}

impl Project {
    /// One whose machine has `gcc`, `g++` and `ar`, and a toolkit.
    pub(crate) fn new() -> Self {
        let (guard, root) = cuferry_testkit::scratch();
        let project = Self {
            _guard: guard,
            policy: policy(),
            places: Places::default(),
            pretence: Pretence::None,
            gpus: Vec::new(),
            names: Vec::new(),
            own: Vec::new(),
            path: format!("{root}/machine:/usr/bin:/bin"),
            headers: BTreeMap::new(),
            namespace: NamespaceUse::Never,
            writable: None,
            obstacles: RefCell::default(),
            root,
        };
        for tool in ["machine/gcc", "machine/g++", "machine/ar", "cuda/bin/nvcc", "cuda/bin/ptxas"] {
            project.tool(tool, TOOL);
        }
        fs::create_dir_all(project.root.join("cuda/targets/x86_64-linux/lib")).unwrap();
        fs::create_dir_all(project.folder()).unwrap();
        fs::create_dir(project.root.join("out")).unwrap();
        project
    }

    /// One with the real tools of this machine.
    pub(crate) fn real() -> Self {
        let mut project = Self::new();
        "/usr/local/bin:/usr/bin:/bin".clone_into(&mut project.path);
        project
    }

    pub(crate) fn tool(&self, path: &str, text: &str) {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Where the project lies.
    pub(crate) fn folder(&self) -> Utf8PathBuf {
        self.root.join("my project ö")
    }

    pub(crate) fn file(&self, path: &str, text: &str) {
        fs::write(self.folder().join(path), text).unwrap();
    }

    pub(crate) fn session_folder(&self) -> Utf8PathBuf {
        self.root.join("data/wrap/my project ö-1")
    }

    pub(crate) fn prepare(&self) -> Session {
        self.try_prepare().unwrap()
    }

    pub(crate) fn try_prepare(&self) -> Result<Session, WrapError> {
        Session::prepare(&Request {
            folder: &self.session_folder(),
            exe: &std::env::current_exe().unwrap(),
            policy: &self.policy,
            toolkit: Some(&self.root.join("cuda")),
            path: self.path.as_ref(),
            names: self.names.clone(),
            own: self.own.clone(),
            headers: self.headers.clone(),
            pretence: self.pretence.clone(),
            gpus: self.gpus.clone(),
            places: self.places.clone(),
        })
    }

    pub(crate) fn environment(&self, session: &Session, more: &[(&str, &str)]) -> Environment {
        let mut given: BTreeMap<OsString, OsString> = BTreeMap::new();
        given.insert("PATH".into(), self.path.clone().into());
        given.insert("HOME".into(), self.root.as_str().into());
        given.insert("LC_ALL".into(), "C.UTF-8".into());
        given.insert("TOOL_LOG".into(), self.root.join("out/tools.log").as_str().into());
        given.extend(more.iter().map(|(name, value)| ((*name).into(), (*value).into())));
        session.environment(&given, Starter::Other)
    }

    /// What the machine's own tools were called with, a line each.
    pub(crate) fn called(&self) -> String {
        fs::read_to_string(self.root.join("out/tools.log")).unwrap_or_default()
    }

    /// Runs a shell script in the session.
    #[track_caller]
    pub(crate) fn sh(&self, script: &str) -> Done {
        let session = self.prepare();
        self.run(&session, "sh", &["-c", script], &[])
    }

    #[track_caller]
    pub(crate) fn run(&self, session: &Session, program: &str, args: &[&str], more: &[(&str, &str)]) -> Done {
        self.try_run(session, program.as_ref(), args, more).unwrap()
    }

    pub(crate) fn try_run(
        &self,
        session: &Session,
        program: &OsStr,
        args: &[&str],
        more: &[(&str, &str)],
    ) -> Result<Done, WrapError> {
        let (mut stdout, writer) = std::io::pipe().unwrap();
        let stderr = tempfile::NamedTempFile::new().unwrap();
        let args: Vec<OsString> = args.iter().map(Into::into).collect();
        let environment = self.environment(session, more);
        let reader = std::thread::spawn(move || {
            let mut text = Vec::new();
            stdout.read_to_end(&mut text).unwrap();
            text
        });
        let run = session.run(&Build {
            program,
            args: &args,
            folder: self.folder().as_std_path(),
            environment: &environment,
            namespace: self.namespace,
            writable: self.writable.as_deref(),
            stdout: writer.as_fd(),
            stderr: stderr.as_file().as_fd(),
            no_namespace: &|obstacle| self.obstacles.borrow_mut().push(obstacle.clone()),
        });
        drop(writer);
        let stdout = reader.join().unwrap();
        let run = run?;
        Ok(Done {
            stdout: String::from_utf8_lossy(&stdout).into_owned(),
            stderr: fs::read_to_string(stderr.path()).unwrap(),
            run,
        })
    }

    /// Calls a shim directly, as a build without cuferry's environment would.
    pub(crate) fn call(&self, path: &Utf8Path, args: &[&OsStr], variables: &[(&str, &str)]) -> Output {
        let mut command = std::process::Command::new(path);
        command.args(args).env_clear().current_dir(self.folder());
        command.env("PATH", &self.path).env("TOOL_LOG", self.root.join("out/tools.log"));
        command.envs(variables.iter().copied()).output().unwrap()
    }
}

pub(crate) struct Done {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) run: Run,
}

impl Done {
    #[track_caller]
    pub(crate) fn expect(self, code: u8) -> Self {
        assert_eq!(self.run.exit_code(), code, "{}\n{}", self.stdout, self.stderr);
        self
    }

    /// Rules of all changes, in order.
    pub(crate) fn rules(&self) -> Vec<&str> {
        self.run.calls.iter().flat_map(|call| &call.changes).map(|change| change.rule.as_str()).collect()
    }
}
