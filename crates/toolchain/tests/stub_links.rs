//! The real linkers take the driver stubs, and the programs then ask for the driver's own name.

#![expect(clippy::unwrap_used, reason = "helpers of tests stand outside of the tests themselves")]
#![expect(clippy::print_stdout, reason = "a test that skips says so")]

use std::fs;
use std::path::Path;
use std::process::Command;

use cuferry_arch::Host;
use cuferry_toolchain::stub;

const HEADER: &str = "CUresult CUDAAPI cuInit(unsigned int Flags);\n\
    #define cuMemAlloc cuMemAlloc_v2\n\
    #define cuMemcpy __CUDA_API_PTDS(cuMemcpy)\n";

const PROGRAM: &str = "extern \"C\" int cuInit(unsigned); extern \"C\" int cuMemAlloc_v2(void **, unsigned long);\n\
    extern \"C\" int cuMemcpy_ptds(void *, void *, unsigned long);\n\
    int main() { return cuInit(0) + cuMemAlloc_v2(0, 0) + cuMemcpy_ptds(0, 0, 0) == 3 * 34 ? 0 : 1; }\n";

/// What `program` prints; nothing if there is no such program.
fn output(program: &str, arguments: &[&str], folder: &Path) -> Option<String> {
    let output = Command::new(program).args(arguments).current_dir(folder).output().ok()?;
    let text = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&text));
    Some(String::from_utf8_lossy(&text).into_owned())
}

fn check(host: Host, compiler: &str) {
    let folder = tempfile::tempdir().unwrap();
    let functions = stub::functions(&stub::CUDA, HEADER);
    fs::write(folder.path().join("libcuda.so"), stub::shared_object(&stub::CUDA, host, &functions)).unwrap();
    fs::write(folder.path().join("a.cpp"), PROGRAM).unwrap();
    if output(compiler, &["a.cpp", "-L.", "-lcuda", "-o", "a"], folder.path()).is_none() {
        println!("skipped: no {compiler}");
        return;
    }
    let Some(dynamic) = output("readelf", &["-dW", "a", "libcuda.so"], folder.path()) else {
        println!("skipped: no readelf");
        return;
    };
    assert!(dynamic.contains("(NEEDED)             Shared library: [libcuda.so.1]"), "{dynamic}");
    assert!(dynamic.contains("(SONAME)             Library soname: [libcuda.so.1]"), "{dynamic}");
    if host == Host::of_this_program() {
        // The loader takes it as well, and each function says that it is a stub.
        fs::rename(folder.path().join("libcuda.so"), folder.path().join("libcuda.so.1")).unwrap();
        let status =
            Command::new("./a").current_dir(folder.path()).env("LD_LIBRARY_PATH", ".").status().unwrap();
        assert!(status.success(), "{status}");
    }
}

#[test]
fn links_for_x86_64() {
    check(Host::X86_64, if Host::of_this_program() == Host::X86_64 { "g++" } else { "x86_64-linux-gnu-g++" });
}

#[test]
fn links_for_aarch64() {
    check(
        Host::Aarch64,
        if Host::of_this_program() == Host::Aarch64 { "g++" } else { "aarch64-linux-gnu-g++" },
    );
}
