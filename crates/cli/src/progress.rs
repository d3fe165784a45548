//! What a build says while it goes: a bar on a terminal, plain lines in a log; messages whole, and each only once.

use std::collections::BTreeSet;
use std::time::Duration;

use cuferry_exec::{Event, Outcome};
use cuferry_graph::{Action, ActionId, ActionKind, Graph};
use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// The display of one build, or of one download.
pub(crate) struct Display {
    bar: Option<ProgressBar>,
    running: BTreeSet<ActionId>,
    done: usize,
    total: usize,
    /// Messages shown: the front end and each architecture's compiler say the same of the same line.
    shown: BTreeSet<String>,
}

impl Display {
    /// For `total` actions; with a bar if `live`.
    pub(crate) fn new(live: bool, total: usize) -> Self {
        let bar = live.then(|| {
            let bar = ProgressBar::with_draw_target(Some(total as u64), ProgressDrawTarget::stderr());
            let style = ProgressStyle::with_template("{spinner} [{pos}/{len}] {elapsed} {wide_msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        Self { bar, running: BTreeSet::new(), done: 0, total, shown: BTreeSet::new() }
    }

    /// Takes note of what happened, and says what there is to say.
    pub(crate) fn observe(&mut self, graph: &Graph, event: &Event<'_>) {
        match *event {
            Event::Started { id } => drop(self.running.insert(id)),
            Event::UpToDate { .. } => self.done += 1,
            Event::Skipped { id } => {
                self.done += 1;
                let action = graph.action(id);
                // The steps after a failed one go without saying.
                if matches!(action.kind, ActionKind::Archive | ActionKind::Link) {
                    self.line(&format!("skipped: {}, because something that it needs failed", name(action)));
                }
            }
            Event::Finished { id, outcome, output, duration } => {
                self.running.remove(&id);
                self.done += 1;
                self.finished(graph.action(id), outcome, output, duration);
            }
        }
        if let Some(bar) = &self.bar {
            bar.set_position(self.done as u64);
            let names: Vec<_> = self.running.iter().map(|id| name(graph.action(*id))).collect();
            bar.set_message(names.join(", "));
        }
    }

    fn finished(&mut self, action: &Action, outcome: &Outcome, output: &[u8], duration: Duration) {
        if self.bar.is_none() && completes_a_file(action.kind) {
            eprintln!("[{}/{}] {} ({:.1} s)", self.done, self.total, name(action), duration.as_secs_f64());
        }
        if let Outcome::Failed(failure) = outcome {
            self.line(&format!("FAILED: {} {failure}", name(action)));
        }
        let text = String::from_utf8_lossy(output);
        // One line in several passes: a message stands for all its repetitions about the same source.
        let source = action.label.split(" for ").next().unwrap_or(&action.label);
        if !text.trim().is_empty() && self.shown.insert(format!("{source}\n{text}")) {
            self.line(text.trim_end());
        }
    }

    /// A line above the bar.
    pub(crate) fn line(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| eprintln!("{text}")),
            None => eprintln!("{text}"),
        }
    }

    /// Takes the bar away.
    pub(crate) fn finish(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Whether a log gets a line: one a source, library or program. The steps before it are seen only where they fail.
fn completes_a_file(kind: ActionKind) -> bool {
    match kind {
        ActionKind::HostCompile
        | ActionKind::CudaCompile
        | ActionKind::DeviceLink
        | ActionKind::Archive
        | ActionKind::Link => true,
        ActionKind::Write
        | ActionKind::Copy
        | ActionKind::Preprocess
        | ActionKind::CudaFrontEnd
        | ActionKind::DeviceCompile
        | ActionKind::Assemble
        | ActionKind::Fatbinary => false,
    }
}

/// `ptxas src/a.cu for sm_90`.
fn name(action: &Action) -> String {
    let verb = match action.kind {
        ActionKind::Write => "write",
        ActionKind::Copy => "copy",
        ActionKind::HostCompile => "compile",
        ActionKind::Preprocess => "preprocess",
        ActionKind::CudaFrontEnd => "cudafe++",
        ActionKind::DeviceCompile => "cicc",
        ActionKind::Assemble => "ptxas",
        ActionKind::Fatbinary => "fatbinary",
        ActionKind::CudaCompile => "nvcc",
        ActionKind::DeviceLink => "device link",
        ActionKind::Archive => "archive",
        ActionKind::Link => "link",
    };
    format!("{verb} {}", action.label)
}

/// `12.3 MiB`, for people.
pub(crate) fn bytes(count: u64) -> String {
    HumanBytes(count).to_string()
}
