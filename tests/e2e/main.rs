//! End-to-end tests: the built command, on real projects, with the machine's own compiler and linker.
//!
//! All but `real` and `inspect_real` use a toolkit of shell scripts (`toolkit/`), and need neither CUDA nor the network.

mod arm;
mod build;
mod build_real;
mod database;
mod doctor;
mod equal_objects;
mod explain;
mod gpu;
mod host_compiler;
mod image;
mod incremental;
mod init;
mod inspect;
mod inspect_real;
mod install;
mod interrupt;
mod manifest;
mod network;
mod options;
mod place;
mod plan;
mod project;
mod read_only;
mod real;
mod report;
mod run;
mod scan;
mod verify;
