//! What a shim adds to a compiler call: `gcc --version` and a compile, by the tool itself and through a shim of this program.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use camino::Utf8Path;
use cuferry_arch::{CudaRelease, Host};
use cuferry_translate::Policy;
use cuferry_wrap::{Places, Pretence, Request, Session};

const CALLS: u32 = 300;

#[expect(clippy::disallowed_methods, reason = "a shim reads its environment as it starts")]
#[expect(clippy::print_stdout, reason = "a benchmark's result")]
fn main() -> ExitCode {
    if let Some(code) = cuferry_wrap::shim_main(std::env::args_os(), |name| std::env::var_os(name)) {
        return code;
    }
    let (_guard, root) = cuferry_testkit::scratch();
    let session = session(&root.join("wrap/bench"));
    std::fs::write(root.join("a.c"), "int main(void) { return 0; }\n").expect("scratch is writable");
    let shim = session.bin().join("gcc");
    let compile = ["-mtune=generic", "-O2", "-Wall", "-Iinclude", "-DNDEBUG", "-c", "a.c", "-o", "a.o"];
    let arm = ["-mcpu=cortex-a78ae", "-O2", "-Wall", "-Iinclude", "-DNDEBUG", "-c", "a.c", "-o", "a.o"];
    for (name, direct, wrapped) in [
        ("gcc --version", &["--version"][..], &["--version"][..]),
        ("gcc -c", &compile[..], &compile[..]),
        ("gcc -mcpu=… -c", &compile[..], &arm[..]),
    ] {
        // Taken by turns, so that both meet the same machine.
        let (mut own, mut through) = (Vec::new(), Vec::new());
        for _ in 0..CALLS {
            own.push(time("/usr/bin/gcc".as_ref(), direct, &root));
            through.push(time(shim.as_std_path(), wrapped, &root));
        }
        let (own, through) = (median(own), median(through));
        println!(
            "{name}: {own:?} alone, {through:?} through a shim, {:?} added",
            through.saturating_sub(own)
        );
    }
    ExitCode::SUCCESS
}

fn session(folder: &Utf8Path) -> Session {
    let policy = Policy::new(Host::X86_64, CudaRelease::new(13, 0));
    let exe = std::env::current_exe().expect("Linux says it");
    Session::prepare(&Request {
        folder,
        exe: &exe,
        policy: &policy,
        toolkit: None,
        path: "/usr/bin:/bin".as_ref(),
        own: Vec::new(),
        names: Vec::new(),
        headers: BTreeMap::new(),
        pretence: Pretence::None,
        gpus: Vec::new(),
        places: Places::default(),
    })
    .expect("scratch takes a session")
}

fn time(program: &Path, args: &[&str], folder: &Utf8Path) -> Duration {
    let mut command = Command::new(program);
    command
        .args(args)
        .current_dir(folder)
        .stdout(Stdio::null())
        .env("CUFERRY_RUN", folder.join("wrap/bench"));
    let start = Instant::now();
    let status = command.status().expect("gcc is there");
    let taken = start.elapsed();
    assert!(black_box(status).success());
    taken
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
