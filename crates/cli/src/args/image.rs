//! `cuferry image`: its options.

use camino::Utf8PathBuf;
use clap::Args;
use clap::ValueEnum;

#[derive(Debug, Args)]
pub(crate) struct Image {
    /// In which way the new image runs what the old one holds
    #[arg(long, value_enum, default_value = "hybrid")]
    pub(crate) way: ImageWay,
    /// Where it goes: an archive for `docker load` if the name ends with `.tar`, else a folder in OCI layout
    /// [default: beside the old one, as NAME-x86_64.tar]
    #[arg(short, long, value_name = "FILE.tar|DIR")]
    pub(crate) output: Option<Utf8PathBuf>,
    /// What engines call it [default: as the old one, with `-x86_64` behind its tag]
    #[arg(long, value_name = "NAME[:TAG]")]
    pub(crate) name: Option<String>,
    /// Let it fall back to the software device where there is no GPU; it says so when it does
    #[arg(long)]
    pub(crate) allow_soft: bool,
    /// Fetch nothing: what is not here is an error
    #[arg(long)]
    pub(crate) offline: bool,
    /// The arm64 image: an archive of `docker save`, or a folder in OCI layout
    #[arg(value_name = "IMAGE")]
    pub(crate) path: Utf8PathBuf,
}

/// How an image of ARM programs runs on x86_64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ImageWay {
    /// Its programs in qemu, their driver calls on the GPU
    Hybrid,
}
