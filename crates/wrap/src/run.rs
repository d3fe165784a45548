//! One build in a session: started, watched to its end, and what it called read back.

use std::cell::Cell;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant, SystemTime};

use camino::{Utf8Path, Utf8PathBuf};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, getpgrp, kill_process, pidfd_open};
use signal_hook::SigId;
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGWINCH};

use crate::environment::{Environment, RUN};
use crate::error::{At as _, WrapError};
use crate::file::ENTER;
use crate::log::{self, Calls};
use crate::namespace::{Namespace, NamespaceUse, Report};
use crate::output::Output;
use crate::streams::Streams;
use crate::{Call, Obstacle, Session};

/// How long the streams may be silent before processes that outlive the build's own are waited for no longer, and how long
/// these may go on writing.
const GRACE: Duration = Duration::from_millis(200);
const LAST_WORDS: Duration = Duration::from_secs(2);

/// How many runs a session remembers.
const REMEMBERED: usize = 16;

/// A build to run.
pub struct Build<'a> {
    /// The program: a path, or a name that is looked for in the environment's `PATH`.
    pub program: &'a OsStr,
    /// Its arguments, without its name.
    pub args: &'a [OsString],
    /// Where it runs.
    pub folder: &'a Path,
    /// All of its environment: see [`Session::environment`].
    pub environment: &'a Environment,
    /// Whether absolute paths are served.
    pub namespace: NamespaceUse,
    /// Where alone it may write, beside the session's own folder: then it runs in a namespace, or not at all.
    pub writable: Option<&'a [Utf8PathBuf]>,
    /// Where its standard output goes.
    pub stdout: BorrowedFd<'a>,
    /// Where its standard error goes.
    pub stderr: BorrowedFd<'a>,
    /// Told, before the build starts without one, why there is no namespace.
    pub no_namespace: &'a dyn Fn(&Obstacle),
}

/// How a build went.
#[derive(Debug)]
pub struct Run {
    /// How its program ended.
    pub status: ExitStatus,
    /// Whether Ctrl-C, or another's SIGINT, came while it ran.
    pub interrupted: bool,
    /// Every call of a tool that has a shim.
    pub calls: Vec<Call>,
    /// Calls of which the record cannot be read: the table is not whole.
    pub torn: usize,
    /// What it wrote to standard error; and to standard output, where both lead to one place.
    pub output: Output,
    /// When it started, by the clock of the file system: what it made is not older.
    pub started: SystemTime,
    /// Whether absolute paths were served.
    pub namespace: Namespace,
    /// Its log, which stays for a while.
    pub log: Utf8PathBuf,
}

impl Run {
    /// The exit code that a shell would give: the program's own, or 128 and the number of the signal that ended it. A build
    /// that an interrupt stopped is one that SIGINT ended, whatever it made of its children's ends: make says 2 where it
    /// hears of its recipe's end first.
    pub fn exit_code(&self) -> u8 {
        if self.interrupted && !self.status.success() {
            return 128 + 2;
        }
        let code = self.status.code().or_else(|| self.status.signal().map(|signal| 128 + signal));
        u8::try_from(code.unwrap_or(1)).unwrap_or(u8::MAX)
    }
}

impl Session {
    /// Runs a build to its end. It stays in this process's group, so that Ctrl-C reaches it as ever; signals that reach this
    /// process alone are passed on. From then on SIGINT, SIGTERM, SIGHUP and SIGQUIT do nothing here unless the caller sets
    /// them up again.
    ///
    /// A build that fails is no error.
    ///
    /// # Errors
    /// [`WrapError::Namespace`] where one was to be had at all costs, or [`Build::writable`] cannot be kept without.
    pub fn run(&self, build: &Build<'_>) -> Result<Run, WrapError> {
        let (folder, _in_use) = self.start_run(build.writable)?;
        let started = fs::metadata(folder.join(crate::file::NAME)).and_then(|file| file.modified());
        let started = started.at("read", &folder)?;
        let mut namespace = Namespace::NotUsed;
        let mut ended = None;
        let places = &self.file.places;
        let nothing = places.toolkit.is_empty() && places.tools.is_empty() && self.file.files.is_empty();
        let use_of = if build.writable.is_some() { NamespaceUse::Always } else { build.namespace };
        if (build.writable.is_some() || !nothing) && use_of != NamespaceUse::Never {
            let enter = self.bin().join(ENTER);
            let first = watch(build, &folder, Some(&enter))?;
            match Report::read(&folder) {
                Some(Report::Entered { served, unserved }) => {
                    namespace = Namespace::Used { served, unserved };
                    ended = Some(first);
                }
                Some(Report::NotStarted(number)) => {
                    return Err(cannot_start(build, io::Error::from_raw_os_error(number)));
                }
                Some(Report::NotEntered(obstacle)) if use_of == NamespaceUse::Always => {
                    return Err(WrapError::Namespace { obstacle });
                }
                Some(Report::NotEntered(obstacle)) => {
                    (build.no_namespace)(&obstacle);
                    namespace = Namespace::NotToBeHad(obstacle);
                }
                // It was ended by a signal before it could say anything.
                None => ended = Some(first),
            }
        }
        let Ended { status, output, interrupted } = match ended {
            Some(ended) => ended,
            None => watch(build, &folder, None)?,
        };
        let log = folder.join(log::NAME);
        let Calls { calls, torn } = log::read_calls(&log).at("read", &log)?;
        // Response files: who read them has ended.
        let _ = fs::remove_dir_all(folder.join("words"));
        Ok(Run { status, interrupted, calls, torn, output, started, namespace, log })
    }

    /// Makes the run's folder, with what its shims need: another run of the project may be about to ask for something else.
    fn start_run(&self, writable: Option<&[Utf8PathBuf]>) -> Result<(Utf8PathBuf, File), WrapError> {
        let runs = self.folder.join("runs");
        fs::create_dir_all(&runs).at("create", &runs)?;
        forget_old(&runs);
        let folder = loop {
            let next = numbers(&runs).last().map_or(1, |last| last + 1);
            let folder = runs.join(next.to_string());
            match fs::create_dir(&folder) {
                Ok(()) => break folder,
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error).at("create", &folder),
            }
        };
        let lock = File::create(folder.join("lock")).at("create", &folder)?;
        lock.lock_shared().at("lock", &folder)?;
        let mut file = self.file.clone();
        file.run = Some(folder.clone());
        // Its log and its shims' words lie in the session's folder.
        file.writable = writable.map(|folders| [folders, std::slice::from_ref(&self.folder)].concat());
        file.write(&folder)?;
        file.writable = None;
        // For calls whose environment was cleared: they belong to the run that started last.
        file.write(&self.folder)?;
        Ok((folder, lock))
    }
}

/// The numbers of the runs, in their order.
fn numbers(runs: &Utf8Path) -> Vec<u64> {
    let entries = runs.read_dir_utf8().into_iter().flatten().flatten();
    let mut numbers: Vec<u64> = entries.filter_map(|entry| entry.file_name().parse().ok()).collect();
    numbers.sort_unstable();
    numbers
}

/// Takes away the oldest runs that have ended.
fn forget_old(runs: &Utf8Path) {
    let numbers = numbers(runs);
    for number in &numbers[..numbers.len().saturating_sub(REMEMBERED)] {
        let folder = runs.join(number.to_string());
        let lock = File::open(folder.join("lock"));
        if lock.is_ok_and(|lock| lock.try_lock().is_ok()) {
            let _ = fs::remove_dir_all(folder);
        }
    }
}

fn cannot_start(build: &Build<'_>, source: io::Error) -> WrapError {
    WrapError::Start { program: build.program.to_string_lossy().into_owned(), source }
}

/// How a build's first process ended.
struct Ended {
    status: ExitStatus,
    output: Output,
    interrupted: bool,
}

/// Starts the build, through `enter` where there is one, and stays until it has ended.
fn watch(build: &Build<'_>, run: &Utf8Path, enter: Option<&Utf8Path>) -> Result<Ended, WrapError> {
    let lost = |source: io::Error| WrapError::Watch {
        program: build.program.to_string_lossy().into_owned(),
        source,
    };
    let (mut streams, ends) = Streams::new(build.stdout, build.stderr).map_err(lost)?;
    let mut command = match enter {
        Some(enter) => {
            let mut command = Command::new(enter);
            command.arg(build.program);
            command
        }
        None => Command::new(build.program),
    };
    command.args(build.args).current_dir(build.folder);
    command.env_clear().envs(&build.environment.variables).env(RUN, run);
    command.stdout(ends.stdout).stderr(ends.stderr);
    let signals = Signals::watch().map_err(lost)?;
    let mut child = spawn(&mut command).map_err(|source| cannot_start(build, source))?;
    // Holds this process's own copies of the build's ends: without them the end of its output would never come.
    drop(command);
    let watched = until_end(&child, &mut streams, &signals);
    let status = child.wait().map_err(lost)?;
    watched.map_err(lost)?;
    Ok(Ended { status, output: streams.output, interrupted: signals.interrupted.get() })
}

/// How often, and how long after one another, a program is tried that somebody holds open for writing.
const BUSY_TRIES: u32 = 50;
const BUSY_PAUSE: Duration = Duration::from_millis(10);

/// Starts a program. A copy of this executable made just now may be held by a child of another thread that has not come to
/// its own `exec` yet: Linux calls it busy until then.
fn spawn(command: &mut Command) -> io::Result<Child> {
    let mut tries = 0;
    loop {
        match command.spawn() {
            Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy && tries < BUSY_TRIES => {
                tries += 1;
                std::thread::sleep(BUSY_PAUSE);
            }
            started => return started,
        }
    }
}

/// Passes output and signals on until the child has ended and its output has, or until the grace is over.
fn until_end(child: &Child, streams: &mut Streams, signals: &Signals) -> io::Result<()> {
    let pid = Pid::from_child(child);
    let process = pidfd_open(pid, PidfdFlags::empty())?;
    let grace = Timespec::try_from(GRACE).map_err(io::Error::other)?;
    let (mut ended, mut silent) = (false, false);
    let mut deadline: Option<Instant> = None;
    while !(ended && silent) && deadline.is_none_or(|deadline| Instant::now() < deadline) {
        let mut fds: Vec<PollFd<'_>> = Vec::with_capacity(8);
        fds.extend((!ended).then(|| PollFd::new(&process, PollFlags::IN)));
        fds.extend((!silent).then(|| PollFd::new(streams, PollFlags::IN)));
        fds.extend(signals.watched.iter().map(|signal| PollFd::new(&signal.arrived, PollFlags::IN)));
        let ready = match poll(&mut fds, ended.then_some(&grace)) {
            Err(rustix::io::Errno::INTR) => continue,
            ready => ready?,
        };
        // A background process keeps the streams, and says nothing: it is not waited for.
        silent |= ended && ready == 0;
        ended = ended || fds.first().is_some_and(|process| !process.revents().is_empty());
        drop(fds);
        if ended {
            deadline = deadline.or_else(|| Instant::now().checked_add(LAST_WORDS));
        }
        signals.pass_on(pid, streams, ended);
        silent = silent || streams.pass()?;
    }
    // One that came with the end itself.
    signals.pass_on(pid, streams, true);
    Ok(())
}

/// The signals that are looked after while a build runs.
struct Signals {
    watched: Vec<Watched>,
    /// Whether SIGINT was among those that came.
    interrupted: Cell<bool>,
}

struct Watched {
    number: i32,
    id: SigId,
    arrived: UnixStream,
}

impl Signals {
    fn watch() -> io::Result<Self> {
        let mut signals = Self { watched: Vec::new(), interrupted: Cell::new(false) };
        for number in [SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH] {
            let (arrived, sender) = UnixStream::pair()?;
            arrived.set_nonblocking(true)?;
            let id = signal_hook::low_level::pipe::register(number, sender)?;
            signals.watched.push(Watched { number, id, arrived });
        }
        Ok(signals)
    }

    fn pass_on(&self, child: Pid, streams: &Streams, ended: bool) {
        for signal in &self.watched {
            let mut bytes = [0; 64];
            if !rustix::io::read(&signal.arrived, &mut bytes).is_ok_and(|length| length > 0) {
                continue;
            }
            self.interrupted.set(self.interrupted.get() || signal.number == SIGINT);
            match signal.number {
                SIGWINCH => streams.resize(),
                // The terminal has sent it to the whole group already.
                SIGINT | SIGQUIT if is_in_front() => {}
                number if !ended => {
                    if let Some(signal) = Signal::from_named_raw(number) {
                        // It can only fail because the child has just ended.
                        let _ = kill_process(child, signal);
                    }
                }
                _ => {}
            }
        }
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        for signal in &self.watched {
            signal_hook::low_level::unregister(signal.id);
        }
    }
}

/// Whether this process's group is the one that its terminal sends signals to.
fn is_in_front() -> bool {
    let group =
        File::open("/dev/tty").ok().and_then(|terminal| rustix::termios::tcgetpgrp(terminal.as_fd()).ok());
    group == Some(getpgrp())
}
