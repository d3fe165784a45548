//! One file a command.

pub(crate) mod init;
pub(crate) mod plan;
pub(crate) mod rebuild;
pub(crate) mod toolchain;
