//! The examples' images for a machine with a GPU: built here, run there by `tests/gpu/check.sh`.

use anyhow::Result;

use crate::process::{call, cargo, release_binary, root};

/// The examples, in the order in which they are checked.
const EXAMPLES: [&str; 4] = ["vector-add", "edge-camera", "separable", "sgemm-cublas"];

/// Builds each example's image for `--gpu` (the first argument; `sm_80,sm_90` otherwise) into `target/gpu/`.
pub(crate) fn bundle(args: &[String]) -> Result<()> {
    let gpus = args.first().map_or("sm_80,sm_90", String::as_str);
    cargo(&["build", "--release", "--locked", "--package", "cuferry", "--quiet"])?;
    let folder = root().join("target/gpu");
    std::fs::create_dir_all(&folder)?;
    for example in EXAMPLES {
        let image = folder.join(format!("{example}.tar"));
        let project = format!("examples/{example}");
        call(
            release_binary(),
            &["rebuild", &project, "--gpu", gpus, "--image", &image.display().to_string()],
        )?;
    }
    Ok(())
}
