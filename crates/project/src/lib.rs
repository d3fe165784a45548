//! What is to be built: `cuferry.toml`, or what a folder of sources says, as one [`Project`].
//!
//! Text and file names in, values out: nothing here touches a disk.

pub mod project;
