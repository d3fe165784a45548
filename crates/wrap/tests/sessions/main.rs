//! Sessions end to end: this test program is the executable that shims are links to, so `main` begins as cuferry's does.

#![expect(
    clippy::unwrap_used,
    reason = "what a test expects is there; clippy knows tests by an attribute only"
)]

mod caches;
mod namespace;
mod project;
mod running;
mod shims;

use std::process::ExitCode;
use std::sync::RwLock;

use libtest_mimic::{Arguments, Trial};

/// Signals reach every build that this process watches: the test that sends one runs alone.
static ALONE: RwLock<()> = RwLock::new(());

#[expect(clippy::disallowed_methods, reason = "a shim reads its environment as it starts")]
fn main() -> ExitCode {
    if let Some(code) = cuferry_wrap::shim_main(std::env::args_os(), |name| std::env::var_os(name)) {
        return code;
    }
    let trials = [shims::TRIALS, running::TRIALS, namespace::TRIALS, caches::TRIALS].concat();
    let trial = |(name, test): (&'static str, fn())| {
        Trial::test(name, move || {
            let _alone = (name == running::SENDS_A_SIGNAL).then(|| ALONE.write());
            let _shared = (name != running::SENDS_A_SIGNAL).then(|| ALONE.read());
            test();
            Ok(())
        })
    };
    libtest_mimic::run(&Arguments::from_args(), trials.into_iter().map(trial).collect()).exit_code()
}
