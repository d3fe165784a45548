//! End-to-end tests: the built command, on real projects, with the machine's own compiler and linker.
//!
//! All but `real` and `inspect_real` use a toolkit of shell scripts (`toolkit/`), and need neither CUDA nor the network.

mod build;
mod build_real;
mod doctor;
mod explain;
mod gpu;
mod host_compiler;
mod image;
mod incremental;
mod init;
mod inspect;
mod inspect_real;
mod interrupt;
mod manifest;
mod network;
mod options;
mod place;
mod plan;
mod project;
mod real;
mod report;
mod scan;
