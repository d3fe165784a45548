//! `cuferry image`: an arm64 image as an x86_64 one that needs nothing else on the machine.

use camino::{Utf8Path, Utf8PathBuf};
use cuferry_artifact::{Artifact, Limits};
use cuferry_oci::{ImageName, ImageNameError};

use crate::args::image::{Image, ImageWay};
use crate::context::Context;
use crate::failure::{Answer, Failure, Fault};
use crate::image::{destination, hybrid};
use crate::interrupt::Interrupts;
use crate::progress::bytes;
use crate::words::print;

pub(crate) fn run(context: &Context, args: &Image) -> Result<Answer, Failure> {
    let ImageWay::Hybrid = args.way;
    let path = context.absolute(&args.path);
    let artifact = open(context, &path)?;
    let name = match &args.name {
        Some(name) => Some(parse(name)?),
        None => usual_name(&artifact).map(|name| parse(&name)).transpose()?,
    };
    let output = args.output.as_ref().map_or_else(|| usual_output(&path), |output| context.absolute(output));
    let destination = destination(output);
    let interrupts = Interrupts::watch()?;
    let request = hybrid::Request {
        path: &path,
        artifact: &artifact,
        name: name.clone(),
        soft: args.allow_soft,
        offline: args.offline,
    };
    let written = hybrid::write(context, &request, &destination, &interrupts)?;
    eprintln!("image: {}, {}, sha256:{}", written.path, bytes(written.size), written.digest);
    if let (Some(name), Some("tar")) = (&name, written.path.extension()) {
        let quoted = shell_words::quote(written.path.as_str()).into_owned();
        let name = name.canonical();
        eprintln!("run it: docker load -i {quoted} && docker run --rm --gpus all {name}");
    }
    print(&format!("{}\n", written.path))?;
    Ok(Answer::Good)
}

/// The image, opened.
pub(crate) fn open(context: &Context, path: &Utf8Path) -> Result<Artifact, Failure> {
    let limits = Limits { temporary: context.temporary_dir(), ..Limits::default() };
    cuferry_artifact::open(path, &limits).map_err(|error| Failure::new(Fault::Machine, error))
}

fn parse(name: &str) -> Result<ImageName, Failure> {
    name.parse().map_err(|error: ImageNameError| Failure::new(Fault::Usage, error))
}

/// `acme/robot:1.0-x86_64` for `acme/robot:1.0`; none if the image has no name.
fn usual_name(artifact: &Artifact) -> Option<String> {
    let name =
        artifact.trees.iter().filter_map(|tree| tree.image.as_ref()).find_map(|image| image.names.first())?;
    // A colon before the last slash is a port's.
    let tagged = name.rsplit('/').next().is_some_and(|last| last.contains(':'));
    Some(if tagged { format!("{name}-x86_64") } else { format!("{name}:latest-x86_64") })
}

/// `robot-x86_64.tar` for `robot.tar`, and for the layout `robot`.
fn usual_output(path: &Utf8Path) -> Utf8PathBuf {
    let stem = if path.is_dir() { path.file_name() } else { path.file_stem() };
    path.with_file_name(format!("{}-x86_64.tar", stem.unwrap_or("image")))
}
