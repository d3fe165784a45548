//! The interpreter beside a real GPU: every form and every test kernel whose answers are kept, on every build of the machine
//! that this CPU runs.
//!
//! `cargo test -p cuferry-golden --test machine -- add` looks at one mnemonic, `-- kernel::blocks` at a file of kernels,
//! `-- --list` names all. What the machine refuses or gets wrong is listed in `refused.txt` and `wrong.txt`, lists that may
//! only shrink: with `INSTA_UPDATE=always` the lines that no longer hold are taken out.
#![expect(
    clippy::cast_possible_truncation,
    reason = "elements are words of their operand's width, grids are small"
)]

mod forms;
mod kernels;
mod lists;
mod machine;

use std::process::ExitCode;

use cuferry_golden::vectors::{FILE, Vectors};
use libtest_mimic::{Arguments, Trial};

fn main() -> ExitCode {
    let bytes = std::fs::read(FILE).expect("the vectors are in the repository");
    let vectors: &'static Vectors = Box::leak(Box::new(Vectors::read(&bytes).expect("they can be read")));
    let mut trials = Vec::new();
    for (family, forms) in forms::families() {
        let name = format!("form::{family}");
        trials.push(Trial::test(name, move || forms::check(&family, &forms, vectors)));
    }
    for kernel in cuferry_golden::kernels::kernels() {
        let name = format!("kernel::{}::{}", kernel.file, kernel.name);
        trials.push(Trial::test(name, move || kernels::check(&kernel, vectors)));
    }
    let conclusion = libtest_mimic::run(&Arguments::from_args(), trials);
    lists::shrink();
    conclusion.exit_code()
}
