//! NPP's functions without a stream context, before real toolkits: a program as it was written for CUDA 11 compiles and
//! links with CUDA 13, in C and C++, and what the table calls gone is gone.

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Command, Output};

use camino::Utf8PathBuf;
use cuferry_arch::{CudaRelease, Host};
use cuferry_compat::{cuda13_headers, is_npp_removed, npp_headers};
use cuferry_testkit::{scratch, toolkit};

/// As a program for CUDA 11 has it: gone in 13.0, gone later, and there still; with sizes of buffers as `int`.
const PROGRAM: &str = r"
#include <npp.h>
#include <nppi_filtering_functions.h>
#include <cuda_runtime.h>
int main(void)
{
    Npp8u *pixels = 0;
    NppiSize size, mask;
    NppiPoint anchor;
    NppStatus status;
    size.width = size.height = 8;
    mask.width = mask.height = 3;
    anchor.x = anchor.y = 1;
    nppSetStream(nppGetStream());
    status = nppiFilterBox_8u_C1R(pixels, 8, pixels, 8, size, mask, anchor);
    if (status == NPP_SUCCESS) status = nppiRGBToYUV_8u_C3R(pixels, 24, pixels, 24, size);
    if (status == NPP_SUCCESS) status = nppiAddC_8u_C1RSfs(pixels, 8, 1, pixels, 8, size, 0);
    if (status == NPP_SUCCESS) status = nppsSet_8u(1, pixels, 8);
#ifdef __cplusplus
    int few = 0;
    size_t many = 0;
    NppStreamContext context = {};
    nppiSumGetBufferHostSize_8u_C1R(size, &few);
    nppiSumGetBufferHostSize_8u_C1R(size, &many);
    nppiSumGetBufferHostSize_8u_C1R_Ctx(size, &few, context);
    nppsSumGetBufferSize_32f(8, &few);
    NppStatus (*filter)(const Npp8u *, Npp32s, Npp8u *, Npp32s, NppiSize, NppiSize, NppiPoint) = nppiFilterBox_8u_C1R;
    return filter == 0 || few < 0 || many < 1;
#endif
    return status == NPP_SUCCESS;
}
";

#[test]
fn programs_for_cuda_11_compile_and_link() {
    for setting in settings() {
        for (compiler, name, flags) in [
            ("gcc", "a.c", &["-Wall", "-Werror"][..]),
            ("g++", "a.cc", &["-Wall", "-Werror", "-std=c++11"]),
            ("nvcc", "a.cu", &[]),
        ] {
            let before = setting.compile(compiler, name, flags, false);
            assert!(!before.status.success(), "{compiler}: there is nothing to give back");
            let after = setting.compile(compiler, name, flags, true);
            assert!(after.status.success(), "{compiler}: {}", String::from_utf8_lossy(&after.stderr));
        }
        let libraries = ["nppif", "nppicc", "nppial", "nppist", "npps", "nppc", "cudart_static"]
            .map(|name| format!("-l{name}"));
        let linked = setting
            .run("nvcc", &[&["a.cu.o", "-o", "a"][..], &libraries.each_ref().map(String::as_str)].concat());
        assert!(linked.status.success(), "{}", String::from_utf8_lossy(&linked.stderr));
    }
}

/// What the table calls gone is in no library, and given back where the headers declare its twin.
#[test]
fn the_table_tells_what_is_gone() {
    for setting in settings() {
        let given = setting.given_back();
        let gone: BTreeSet<&str> =
            given.iter().map(String::as_str).filter(|name| is_npp_removed(name)).collect();
        assert!(gone.len() > 6000, "{}", gone.len());
        let there = setting.exported();
        assert!(there.len() > 5000 && there.contains("nppiMalloc_8u_C1"), "{}", there.len());
        let wrong: Vec<&String> = there.iter().filter(|name| is_npp_removed(name)).collect();
        assert_eq!(wrong, Vec::<&String>::new(), "the libraries have them");
        let lost: Vec<&&str> = gone.iter().filter(|name| !there.contains(&format!("{name}_Ctx"))).collect();
        // NVIDIA declares these two, and no library of CUDA 13.0 has them.
        assert_eq!(lost, [&"nppiSub_32s_C4IRSfs", &"nppiSub_32s_C4RSfs"], "the libraries lack their twins");
    }
}

/// A toolkit with NPP, and the folder of the headers.
struct Setting {
    _guard: tempfile::TempDir,
    folder: Utf8PathBuf,
    root: Utf8PathBuf,
    /// The toolkit's.
    headers: BTreeMap<String, String>,
}

fn settings() -> Vec<Setting> {
    ["13.0"].into_iter().filter_map(setting).collect()
}

fn setting(release: &str) -> Option<Setting> {
    let release: CudaRelease = release.parse().expect("a release");
    let root = toolkit(release, &[Host::X86_64], &["npps"])?;
    let (guard, folder) = scratch();
    let mut headers = BTreeMap::new();
    for entry in root.join("targets/x86_64-linux/include").read_dir_utf8().expect("it is a toolkit").flatten()
    {
        if entry.file_name().starts_with("npp") && entry.path().extension() == Some("h") {
            let text = std::fs::read_to_string(entry.path()).expect("it is a header");
            headers.insert(entry.file_name().to_owned(), text);
        }
    }
    let ours = folder.join("compat");
    std::fs::create_dir_all(ours.join("cuferry")).expect("a folder of ours");
    for header in cuda13_headers() {
        std::fs::write(ours.join(header.path), header.text).expect("a file of ours");
    }
    for (name, text) in npp_headers(&headers) {
        std::fs::write(ours.join(name), text).expect("a file of ours");
    }
    for name in ["a.c", "a.cc", "a.cu"] {
        std::fs::write(folder.join(name), PROGRAM).expect("a file of ours");
    }
    Some(Setting { _guard: guard, folder, root, headers })
}

impl Setting {
    fn run(&self, tool: &str, args: &[&str]) -> Output {
        let tool = if tool == "nvcc" { self.root.join("bin/nvcc").into_string() } else { tool.to_owned() };
        Command::new(tool).args(args).current_dir(&self.folder).output().expect("it starts")
    }

    fn compile(&self, compiler: &str, name: &str, flags: &[&str], compat: bool) -> Output {
        let include = self.root.join("targets/x86_64-linux/include");
        let object = format!("{name}.o");
        let mut args = vec!["-c", name, "-o", &object];
        args.extend(flags);
        if compat {
            args.push("-Icompat");
        }
        if compiler != "nvcc" {
            args.extend(["-isystem", include.as_str()]);
        }
        self.run(compiler, &args)
    }

    /// The names of the functions without a context that our headers define.
    fn given_back(&self) -> BTreeSet<String> {
        let headers = npp_headers(&self.headers);
        let lines = headers.values().flat_map(|text| text.lines());
        let names = lines.filter_map(|line| line.split_once("NppStatus ")?.1.split('(').next());
        names.filter(|name| !name.ends_with("_Ctx")).map(str::to_owned).collect()
    }

    /// The names that NPP's libraries export.
    fn exported(&self) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        for entry in
            self.root.join("targets/x86_64-linux/lib").read_dir_utf8().expect("it is a toolkit").flatten()
        {
            if entry.file_name().starts_with("libnpp") && entry.file_name().contains(".so.") {
                let output =
                    self.run("nm", &["-D", "--defined-only", "--format=posix", entry.path().as_str()]);
                let text = String::from_utf8(output.stdout).expect("names are ASCII");
                names.extend(text.lines().filter_map(|line| Some(line.split([' ', '@']).next()?.to_owned())));
            }
        }
        names
    }
}
