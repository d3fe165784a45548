//! One file a command.

pub(crate) mod cmake;
pub(crate) mod doctor;
pub(crate) mod explain;
pub(crate) mod image;
pub(crate) mod init;
pub(crate) mod inspect;
pub(crate) mod make;
pub(crate) mod plan;
pub(crate) mod rebuild;
pub(crate) mod run;
pub(crate) mod scan;
pub(crate) mod toolchain;
pub(crate) mod verify;
pub(crate) mod wrap;
