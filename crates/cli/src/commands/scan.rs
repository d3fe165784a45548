//! `cuferry scan`: what in sources and build files will not survive the move.

use std::path::{Path, PathBuf};
use std::time::Duration;

use cuferry_scan::{Options, RuleSet, Severity};
use indicatif::ProgressBar;

use crate::args::scan::Scan;
use crate::context::Context;
use crate::failure::{Answer, Failure, Fault};
use crate::scan::{self, Filter, Report, Settings, Tree};
use crate::words::{self, visible};

pub(crate) fn run(context: &Context, args: &Scan) -> Result<Answer, Failure> {
    let here = context.folder.as_std_path();
    let rules = rules(&args.rules)?;
    let filter = Filter::new(args, &rules)?;
    let tree = Tree::locate(here, &args.paths)?;
    let defaults = Options::default();
    let options = Options {
        rules: filter.apply(&rules),
        toolkit: args.toolkit.unwrap_or(defaults.toolkit),
        dead: args.dead,
        ..defaults
    };
    let settings = Settings {
        filter: &filter,
        options: &options,
        exclude: &args.exclude,
        no_ignore: args.no_ignore,
        keep: args.fix || args.diff,
    };
    let spinner = if context.live { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
    spinner.set_message("searching");
    spinner.enable_steady_tick(Duration::from_millis(120));
    let scanned = scan::scan(&tree, &settings, &|| spinner.inc(1));
    spinner.finish_and_clear();
    let mut scanned = scanned?;
    if args.diff {
        let patch = scan::diff(&tree, &scanned);
        if patch.is_empty() {
            eprintln!("no finding has a safe fix");
        }
        for remark in &scanned.unread {
            eprintln!("not read: {}: {}", visible(&remark.location.to_string_lossy()), remark.why);
        }
        put(args.output.as_deref(), &patch)?;
        return Ok(if scanned.unread.is_empty() { Answer::Good } else { Answer::Lacking });
    }
    let repair = args.fix.then(|| scan::repair(&tree, &mut scanned, &settings));
    let report = Report::new(&tree, rules, scanned, repair);
    put(args.output.as_deref(), report.render(&tree, args).as_bytes())?;
    if let Some(path) = &args.output {
        eprintln!("{}: {}", visible(&path.to_string_lossy()), report.counts());
    }
    Ok(answer(&report))
}

fn answer(report: &Report) -> Answer {
    if report.count(Severity::Error) > 0 {
        Answer::No
    } else if report.is_partial() {
        Answer::Lacking
    } else {
        Answer::Good
    }
}

/// cuferry's rules, and the user's own.
fn rules(files: &[PathBuf]) -> Result<RuleSet, Failure> {
    let mut rules = RuleSet::builtin();
    for path in files {
        let name = visible(&path.to_string_lossy());
        let text = std::fs::read_to_string(path).map_err(|error| {
            Failure::say(
                Fault::Usage,
                "scan::rules",
                format!("cannot read the rules in `{name}`: {error}"),
                "docs/scan.md shows how such a file looks",
            )
        })?;
        rules = rules.with_file(&name, &text).map_err(|error| Failure::new(Fault::Usage, error))?;
    }
    Ok(rules)
}

fn put(path: Option<&Path>, contents: &[u8]) -> Result<(), Failure> {
    let Some(path) = path else { return words::print_bytes(contents) };
    scan::write(path, contents).map_err(|error| {
        Failure::say(
            Fault::Machine,
            "output::write",
            format!("cannot write `{}`: {error}", visible(&path.to_string_lossy())),
            "check that its folder is there and writable, and the disk not full",
        )
    })
}
