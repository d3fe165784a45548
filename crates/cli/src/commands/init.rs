//! `cuferry init`: the inferred manifest, written down.

use std::io::Write as _;

use cuferry_project::write::to_toml;

use crate::args::Init;
use crate::context::Context;
use crate::failure::{Failure, Fault};
use crate::project::{self, MANIFEST};
use crate::words::print;

pub(crate) fn run(context: &Context, args: &Init) -> Result<(), Failure> {
    let root = project::folder(&context.absolute(&args.dir))?;
    let path = root.join(MANIFEST);
    if path.exists() && !args.force && !args.stdout {
        let help = "edit it, or replace it with `--force`; `--stdout` only prints what would be written";
        return Err(Failure::say(Fault::Usage, "init::exists", format!("`{path}` is there already"), help));
    }
    let inferred = project::infer(&root, &project::list(&root)?, args.main.as_deref())?;
    let text = to_toml(&inferred);
    if args.stdout {
        return print(&text);
    }
    write(&path, &text).map_err(|error| {
        let help = "check that the folder is writable and the disk not full";
        Failure::say(Fault::Machine, "init::write", format!("cannot write `{path}`: {error}"), help)
    })?;
    for note in &inferred.notes {
        eprintln!("note: {note}");
    }
    print(&format!("{path}\n"))
}

/// Aside, then renamed: an interrupted run leaves what was there.
fn write(path: &camino::Utf8Path, text: &str) -> std::io::Result<()> {
    let aside = path.with_extension(format!("toml.{}", std::process::id()));
    let written = std::fs::File::create(&aside)
        .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()))
        .and_then(|()| std::fs::rename(&aside, path));
    if written.is_err() {
        let _ = std::fs::remove_file(&aside);
    }
    written
}
