//! The build itself: asks of each action in turn whether it must run, keeps as many running as allowed, and notes what came out.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, Scope};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use cuferry_digest::Digest;
use cuferry_graph::{ActionId, Graph, GraphError};

use crate::cancel::CancelFlag;
use crate::contents::{Contents, Start};
use crate::error::{ExecError, MissingSource};
use crate::files::Root;
use crate::log::PathNumber;
use crate::outcome::{Event, Outcome, Summary};
use crate::schedule::{Schedule, Status};
use crate::state::{Entry, State};
use crate::work::{self, Performed};

/// How a graph is to be carried out.
#[derive(Clone, Copy, Debug)]
pub struct Options<'a> {
    /// The project's folder, absolute: relative paths start there, and every command runs there.
    pub root: &'a Utf8Path,
    /// Where the state of earlier builds is kept. Whoever calls holds a [`Lock`](crate::Lock) that protects it.
    pub state: &'a Utf8Path,
    /// How many actions may run at once.
    pub jobs: NonZeroUsize,
    /// After a failure, still carry out all that does not depend on it. Otherwise what runs is finished and nothing begun.
    pub keep_going: bool,
    /// Raised to end the build early: commands are asked to end, and killed two seconds later.
    pub cancel: &'a CancelFlag,
}

/// What an action is taken to last until it has run once, in milliseconds.
const UNKNOWN_DURATION: u64 = 1000;

/// Carries out `graph`, as far as its outputs are not good already, and tells `observe` as it goes, on this thread.
///
/// # Errors
/// When the build cannot be carried on for reasons outside the commands; a command that fails is in the [`Summary`]. In
/// either case, all commands have ended, and an action that did not succeed has left no outputs.
pub fn run(
    graph: &Graph,
    options: &Options<'_>,
    observe: &mut dyn FnMut(Event<'_>),
) -> Result<Summary, ExecError> {
    let root = Root::open(options.root)
        .map_err(|source| ExecError::Read { path: options.root.to_owned(), source })?;
    let stop = CancelFlag::new().map_err(ExecError::Prepare)?;
    let mut contents = Contents::new(&root, State::open(options.state)?);
    let steps = number_paths(graph, &mut contents)?;
    refuse_missing_sources(graph, &steps, &mut contents)?;
    let schedule = schedule(graph, &steps, &contents)?;
    let mut build = Build {
        graph,
        options,
        root: &root,
        stop: &stop,
        steps: &steps,
        contents,
        schedule,
        running: steps.iter().map(|_| None).collect(),
        count: 0,
        summary: Summary::default(),
    };
    thread::scope(|scope| {
        // Leaving this closure waits for the threads: on an error or a panic their commands must end, too.
        let _stop = StopAtEnd(&stop);
        build.drive(scope, observe)
    })?;
    build.contents.commit()?;
    Ok(build.finish())
}

/// An action with its paths as the state numbers them.
#[derive(Debug)]
struct Step {
    id: ActionId,
    inputs: Vec<PathNumber>,
    outputs: Vec<PathNumber>,
    /// The steps that write its inputs, each once.
    dependencies: Vec<usize>,
}

impl Step {
    /// What the state knows the action by. A graph takes no action without outputs.
    fn key(&self) -> PathNumber {
        self.outputs[0]
    }
}

fn number_paths(graph: &Graph, contents: &mut Contents<'_>) -> Result<Vec<Step>, ExecError> {
    let mut steps = Vec::with_capacity(graph.len());
    for (id, action) in graph.actions() {
        let mut numbers = |paths: &[Utf8PathBuf]| paths.iter().map(|path| contents.number(path)).collect();
        let (inputs, outputs) = (numbers(&action.inputs), numbers(&action.outputs));
        steps.push(Step { id, inputs, outputs, dependencies: Vec::new() });
    }
    let mut producers: Vec<Option<usize>> = vec![None; contents.paths()];
    for (index, step) in steps.iter().enumerate() {
        for (output, path) in step.outputs.iter().zip(&graph.action(step.id).outputs) {
            // Two spellings of one path, which the graph took for two files.
            if let Some(first) = producers[output.0 as usize].replace(index) {
                let label = |index: usize| graph.action(steps[index].id).label.clone();
                let (first, second) = (label(first), label(index));
                return Err(GraphError::WrittenTwice { path: path.clone(), first, second }.into());
            }
        }
    }
    for step in &mut steps {
        step.dependencies = step.inputs.iter().filter_map(|input| producers[input.0 as usize]).collect();
        step.dependencies.sort_unstable();
        step.dependencies.dedup();
    }
    Ok(steps)
}

fn refuse_missing_sources(
    graph: &Graph,
    steps: &[Step],
    contents: &mut Contents<'_>,
) -> Result<(), ExecError> {
    let mut produced = vec![false; contents.paths()];
    steps.iter().flat_map(|step| &step.outputs).for_each(|output| produced[output.0 as usize] = true);
    let mut asked = vec![false; contents.paths()];
    let mut sources = Vec::new();
    for step in steps {
        for input in &step.inputs {
            let index = input.0 as usize;
            if !produced[index] && !std::mem::replace(&mut asked[index], true) && !contents.exists(*input)? {
                let needed_for = graph.action(step.id).label.clone();
                sources.push(MissingSource { path: contents.text(*input).as_ref().into(), needed_for });
            }
        }
    }
    sources.sort();
    if sources.is_empty() { Ok(()) } else { Err(ExecError::MissingSources { sources }) }
}

fn schedule(graph: &Graph, steps: &[Step], contents: &Contents<'_>) -> Result<Schedule, ExecError> {
    let dependencies: Vec<_> = steps.iter().map(|step| step.dependencies.clone()).collect();
    let milliseconds: Vec<_> = steps
        .iter()
        .map(|step| contents.milliseconds(step.key()).map_or(UNKNOWN_DURATION, u64::from))
        .collect();
    Schedule::new(&dependencies, &milliseconds).ok_or_else(|| {
        // The graph names the ring, unless only two spellings of one path close it.
        let labels = || graph.actions().map(|(_, action)| action.label.clone()).collect();
        graph.order().err().unwrap_or_else(|| GraphError::Cycle { labels: labels() }).into()
    })
}

/// A build under way. The tables of steps, schedule and running share one numbering.
struct Build<'a> {
    graph: &'a Graph,
    options: &'a Options<'a>,
    root: &'a Root,
    /// Raised on an error or panic of ours.
    stop: &'a CancelFlag,
    steps: &'a [Step],
    contents: Contents<'a>,
    schedule: Schedule,
    running: Vec<Option<(Start, Digest)>>,
    count: usize,
    summary: Summary,
}

/// A thread's last word.
struct Report {
    index: usize,
    performed: Result<Performed, ExecError>,
    duration: Duration,
}

impl<'a> Build<'a> {
    fn drive<'scope>(
        &mut self,
        scope: &'scope Scope<'scope, '_>,
        observe: &mut dyn FnMut(Event<'_>),
    ) -> Result<(), ExecError>
    where
        'a: 'scope,
    {
        let (sender, receiver): (Sender<Report>, Receiver<Report>) = channel();
        loop {
            while self.may_start() {
                let Some(index) = self.schedule.next() else { break };
                self.settle_or_start(index, scope, &sender, observe)?;
            }
            if self.count == 0 {
                return Ok(());
            }
            let report = receiver.recv().expect("this function keeps a sender");
            self.end(report, observe)?;
        }
    }

    fn may_start(&self) -> bool {
        let stopped_by_failure = !self.options.keep_going && !self.summary.failed.is_empty();
        self.count < self.options.jobs.get() && !stopped_by_failure && !self.options.cancel.is_cancelled()
    }

    /// All that the ready action `index` reads is there: finds it up to date, or begins it.
    fn settle_or_start<'scope>(
        &mut self,
        index: usize,
        scope: &'scope Scope<'scope, '_>,
        sender: &Sender<Report>,
        observe: &mut dyn FnMut(Event<'_>),
    ) -> Result<(), ExecError>
    where
        'a: 'scope,
    {
        let step = &self.steps[index];
        let action = self.graph.action(step.id);
        let digest = action.digest();
        if self.contents.is_up_to_date(step.key(), digest)? {
            self.summary.up_to_date += 1;
            self.schedule.done(index);
            observe(Event::UpToDate { id: step.id });
            return Ok(());
        }
        let start = self.contents.start(step.key(), &step.inputs, &step.outputs)?;
        self.running[index] = Some((start, digest));
        self.count += 1;
        observe(Event::Started { id: step.id });
        let (sender, root, cancel) = (sender.clone(), self.root, [self.options.cancel, self.stop]);
        let work = move || {
            let start = Instant::now();
            let performed = work::perform(action, root, cancel);
            // Nobody listens any more once the build has failed for another reason.
            let _ = sender.send(Report { index, performed, duration: start.elapsed() });
        };
        thread::Builder::new().spawn_scoped(scope, work).map_err(ExecError::Prepare)?;
        Ok(())
    }

    fn end(&mut self, report: Report, observe: &mut dyn FnMut(Event<'_>)) -> Result<(), ExecError> {
        let Report { index, performed, duration } = report;
        self.count -= 1;
        let step = &self.steps[index];
        let Performed { outcome, output, results } = performed?;
        let mut skipped = Vec::new();
        match &outcome {
            Outcome::Succeeded => {
                let (start, action) = self.running[index].take().expect("only what runs reports");
                let inputs = self.contents.read_by(&start, &step.inputs, &results.headers)?;
                let outputs: Arc<[_]> = step
                    .outputs
                    .iter()
                    .zip(&results.written)
                    .map(|(path, written)| self.contents.wrote(*path, written))
                    .collect();
                let milliseconds = u32::try_from(duration.as_millis()).unwrap_or(u32::MAX);
                self.contents.done(step.key(), milliseconds, Entry { action, inputs, outputs })?;
                self.schedule.done(index);
                self.summary.ran += 1;
            }
            Outcome::Failed(_) => {
                self.summary.failed.push(step.id);
                skipped = self.schedule.failed(index);
            }
            Outcome::Cancelled => {}
        }
        observe(Event::Finished { id: step.id, outcome: &outcome, output: &output, duration });
        for index in skipped {
            observe(Event::Skipped { id: self.steps[index].id });
        }
        Ok(())
    }

    fn finish(self) -> Summary {
        let mut summary = self.summary;
        for (index, step) in self.steps.iter().enumerate() {
            match self.schedule.status(index) {
                Status::Done | Status::Failed => {}
                Status::Skipped => summary.skipped.push(step.id),
                Status::Waiting(_) | Status::Ready => summary.unfinished += 1,
            }
        }
        summary.cancelled = summary.unfinished > 0 && self.options.cancel.is_cancelled();
        summary
    }
}

struct StopAtEnd<'a>(&'a CancelFlag);

impl Drop for StopAtEnd<'_> {
    fn drop(&mut self) {
        self.0.cancel();
    }
}
