//! The headers of `headers/cuda13/` before real toolkits: what they give back compiles with them alone, what the table
//! calls gone is gone, and who uses none of it gets the same object.

use std::process::{Command, Output};

use camino::{Utf8Path, Utf8PathBuf};
use cuferry_arch::{CudaRelease, Host};
use cuferry_compat::{Kind, Removed, cuda13_headers, removed};
use cuferry_testkit::{scratch, toolkit};

/// Uses of names that mention of the name alone does not show: functions that take other arguments now, and macros that
/// lead to those. Each is the body of a function that has the variables of [`part`].
const USES: [(&str, &str); 40] = [
    ("cudaMemAdvise", "cudaMemAdvise(p, n, cudaMemAdviseSetReadMostly, device);"),
    (
        "cudaMemPrefetchAsync",
        "cudaMemPrefetchAsync(p, n, device, stream); cudaMemPrefetchAsync(p, n, device);",
    ),
    ("cudaGraphAddDependencies", "cudaGraphAddDependencies(graph, nodes, nodes, n);"),
    ("cudaGraphRemoveDependencies", "cudaGraphRemoveDependencies(graph, nodes, nodes, n);"),
    ("cudaGraphGetEdges", "cudaGraphGetEdges(graph, nodes, nodes, &n);"),
    ("cudaGraphNodeGetDependencies", "cudaGraphNodeGetDependencies(nodes[0], nodes, &n);"),
    ("cudaGraphNodeGetDependentNodes", "cudaGraphNodeGetDependentNodes(nodes[0], nodes, &n);"),
    ("cudaGraphAddNode", "cudaGraphNodeParams q = {}; cudaGraphAddNode(nodes, graph, nodes, n, &q);"),
    ("cudaStreamGetCaptureInfo", "cudaStreamGetCaptureInfo(stream, &status, &id, &graph, &after, &n);"),
    ("cudaStreamGetCaptureInfo_v2", "cudaStreamGetCaptureInfo_v2(stream, &status, &id, &graph, &after, &n);"),
    ("cudaStreamUpdateCaptureDependencies", "cudaStreamUpdateCaptureDependencies(stream, nodes, n, 0);"),
    ("cudaMemcpyBatchAsync", "cudaMemcpyBatchAsync(&p, &p, &n, n, &how, &n, n, &n, stream);"),
    ("cudaMemcpy3DBatchAsync", "cudaMemcpy3DBatchAsync(n, nullptr, &n, 0ULL, stream);"),
    ("cuCtxCreate", "cuCtxCreate(&context, 0, device);"),
    ("cuCtxCreate_v2", "cuCtxCreate_v2(&context, 0, device);"),
    ("cuCtxCreate_v3", "cuCtxCreate_v3(&context, nullptr, 0, 0, device);"),
    ("cuMemAdvise", "cuMemAdvise(d, n, CU_MEM_ADVISE_SET_READ_MOSTLY, device);"),
    ("cuMemPrefetchAsync", "cuMemPrefetchAsync(d, n, device, stream);"),
    ("cuGraphAddDependencies", "cuGraphAddDependencies(graph, nodes, nodes, n);"),
    ("cuGraphRemoveDependencies", "cuGraphRemoveDependencies(graph, nodes, nodes, n);"),
    ("cuGraphGetEdges", "cuGraphGetEdges(graph, nodes, nodes, &n);"),
    ("cuGraphNodeGetDependencies", "cuGraphNodeGetDependencies(nodes[0], nodes, &n);"),
    ("cuGraphNodeGetDependentNodes", "cuGraphNodeGetDependentNodes(nodes[0], nodes, &n);"),
    ("cuGraphAddNode", "CUgraphNodeParams q = {}; cuGraphAddNode(nodes, graph, nodes, n, &q);"),
    ("cuStreamGetCaptureInfo", "cuStreamGetCaptureInfo(stream, &cstatus, &cid, &graph, &after, &n);"),
    ("cuStreamGetCaptureInfo_v2", "cuStreamGetCaptureInfo_v2(stream, &cstatus, &cid, &graph, &after, &n);"),
    ("cuStreamUpdateCaptureDependencies", "cuStreamUpdateCaptureDependencies(stream, nodes, n, 0);"),
    ("cuMemcpyBatchAsync", "cuMemcpyBatchAsync(&d, &d, &n, n, nullptr, &n, n, &n, stream);"),
    ("cuMemcpy3DBatchAsync", "cuMemcpy3DBatchAsync(n, nullptr, &n, 0ULL, stream);"),
    ("cudaGraphAddDependencies_v2", "cudaGraphAddDependencies_v2(graph, nodes, nodes, nullptr, n);"),
    ("cudaGraphRemoveDependencies_v2", "cudaGraphRemoveDependencies_v2(graph, nodes, nodes, nullptr, n);"),
    ("cudaGraphGetEdges_v2", "cudaGraphGetEdges_v2(graph, nodes, nodes, nullptr, &n);"),
    ("cudaGraphNodeGetDependencies_v2", "cudaGraphNodeGetDependencies_v2(nodes[0], nodes, nullptr, &n);"),
    ("cudaGraphNodeGetDependentNodes_v2", "cudaGraphNodeGetDependentNodes_v2(nodes[0], nodes, nullptr, &n);"),
    (
        "cudaGraphAddNode_v2",
        "cudaGraphNodeParams q = {}; cudaGraphAddNode_v2(nodes, graph, nodes, nullptr, n, &q);",
    ),
    ("cudaMemAdvise_v2", "cudaMemLocation l = {}; cudaMemAdvise_v2(p, n, cudaMemAdviseSetReadMostly, l);"),
    ("cudaMemPrefetchAsync_v2", "cudaMemLocation l = {}; cudaMemPrefetchAsync_v2(p, n, l, 0, stream);"),
    (
        "cudaStreamGetCaptureInfo_v3",
        "cudaStreamGetCaptureInfo_v3(stream, &status, &id, &graph, &after, nullptr, &n);",
    ),
    (
        "cudaStreamUpdateCaptureDependencies_v2",
        "cudaStreamUpdateCaptureDependencies_v2(stream, nodes, nullptr, n, 0);",
    ),
    ("cudaThreadSynchronize", "cudaThreadSynchronize();"),
];

#[test]
fn what_is_given_back_compiles_with_the_folder_alone() {
    for setting in settings() {
        let rows: Vec<_> = removed().iter().filter(|row| row.given_back && setting.has(row)).collect();
        assert!(rows.len() > 50, "{}", rows.len());
        setting.all_fail(&rows, false);
        let parts: Vec<String> = rows.iter().enumerate().map(|(index, row)| part(index, row)).collect();
        let all = format!("{}{}", includes(&rows), parts.concat());
        works(&setting.host("all.cpp", &all, true));
        works(&setting.nvcc("all.cu", &all, true));
    }
}

#[test]
fn what_is_not_given_back_is_gone() {
    for setting in settings() {
        let rows: Vec<_> = removed().iter().filter(|row| !row.given_back && setting.has(row)).collect();
        setting.all_fail(&rows, true);
    }
}

#[test]
fn functions_of_warps_without_a_mask_are_gone() {
    for setting in settings() {
        for row in removed().iter().filter(|row| row.name.starts_with("__")) {
            let second = if row.name.starts_with("__shfl") { ", 1" } else { "" };
            let text = format!("__global__ void kernel(int *p) {{ *p = {}(*p{second}); }}\n", row.name);
            assert!(!setting.nvcc("warp.cu", &text, true).status.success(), "{row:?}");
        }
    }
}

#[test]
fn a_program_without_the_old_names_becomes_the_same_object() {
    let text = "
        #include <cuda.h>
        #include <cuda_runtime.h>
        int main() {
            cudaDeviceProp property = {};
            cudaMemLocation host = {cudaMemLocationTypeHost, 0};
            void *p = nullptr;
            int device = 0;
            cudaMallocManaged(&p, 4);
            cudaMemPrefetchAsync(p, 4, host, 0, nullptr);
            cudaMemPrefetchAsync(p, 4, {cudaMemLocationTypeHost}, 0);
            cudaMemAdvise(p, 4, cudaMemAdviseSetReadMostly, {cudaMemLocationTypeHost});
            cudaStreamGetCaptureInfo(nullptr, nullptr, nullptr, nullptr, nullptr, nullptr);
            CUcontext context;
            cuCtxCreate(&context, nullptr, 0, 0);
            return cudaChooseDevice(&device, &property) + property.major + int(sizeof property);
        }";
    for setting in settings() {
        for flags in ["-O0", "-O2"] {
            let object = |folder| {
                works(&setting.host_with("same.cpp", text, folder, &[flags]));
                std::fs::read(setting.folder.join("out.o")).expect("it was compiled")
            };
            assert_eq!(object(false), object(true), "{flags}");
        }
    }
}

#[test]
fn headers_may_be_included_as_c() {
    let text = "
        extern \"C\" {
        #include <cuda.h>
        #include <cuda_runtime_api.h>
        }
        int rate() { cudaDeviceProp p; cudaGetDeviceProperties(&p, 0); return cudaMemAdvise(0, 0, cudaMemAdviseSetReadMostly, 0) + p.clockRate; }
    ";
    for setting in settings() {
        works(&setting.host("c.cpp", text, true));
    }
}

#[test]
fn the_structure_works_as_it_did() {
    let text = r#"
        #include <cstddef>
        #include <cstdio>
        #include <vector>
        #include <nvToolsExt.h>
        #include <cuda_runtime.h>
        static_assert(sizeof(cudaDeviceProp) == 1008, "the runtime writes as much");
        __global__ void kernel(int *p) { *p = 1; }
        int main() {
            cudaDeviceProp one{}, zero = {0}, many[2];
            std::vector<cudaDeviceProp> list(3, one);
            int device = 0;
            for (cudaDeviceProp &property : list) cudaGetDeviceProperties(&property, device);
            cudaGetDeviceProperties(many, device);
            zero = many[0];
            printf("%d %d %d\n", list[0].clockRate, many[1].memoryClockRate, zero.computeMode);
            kernel<<<1, 1>>>(nullptr);
            nvtxRangePushA("range");
            return cudaChooseDevice(&device, &one);
        }"#;
    for setting in settings() {
        works(&setting.nvcc("structure.cu", text, true));
        works(&setting.nvcc_with("structure.cu", text, true, &["--default-stream", "per-thread"]));
    }
}

#[test]
fn plain_c_has_the_fields_and_the_commonest_calls() {
    let text = "
        #include <cuda.h>
        #include <cuda_runtime_api.h>
        int main(void) {
            struct cudaDeviceProp property;
            struct cudaMemLocation host;
            CUcontext context;
            CUresult (*create)(CUcontext *, CUctxCreateParams *, unsigned int, CUdevice) = cuCtxCreate;
            host.type = cudaMemLocationTypeHost;
            host.id = 0;
            cudaGetDeviceProperties(&property, 0);
            cudaThreadSynchronize();
            cudaMemAdvise(&property, 1, cudaMemAdviseSetReadMostly, 0);
            cudaMemAdvise(&property, 1, cudaMemAdviseSetReadMostly, host);
            cudaMemPrefetchAsync(&property, 1, 0, 0);
            cudaMemPrefetchAsync(&property, 1, host, 0, 0);
            cuCtxCreate(&context, 0, 0);
            cuCtxCreate(&context, 0, 0, 0);
            return property.clockRate + (create != 0);
        }";
    for setting in settings() {
        for standard in ["-std=gnu89", "-std=c11"] {
            works(&setting.host_with("plain.c", text, true, &[standard, "-Wall", "-Wextra", "-Werror"]));
        }
    }
}

#[test]
fn the_fields_are_there_whichever_header_comes_first() {
    for setting in settings() {
        for header in cuda13_headers().iter().filter(|header| setting.include().join(header.path).exists()) {
            if header.path.contains("mma") || header.path.contains("GL") || header.path.contains("gl_") {
                continue;
            }
            let text = format!(
                "#include <{}>\n#include <cuda_runtime.h>\nint f(cudaDeviceProp &p) {{ return p.clockRate + cudaThreadExit(); }}\n",
                header.path
            );
            if header.path != "cooperative_groups.h"
                && !header.path.contains("egl")
                && !header.path.contains("EGL")
            {
                works(&setting.host("first.cpp", &text, true));
            }
        }
    }
}

/// A toolkit, and the folder of the headers.
struct Setting {
    _guard: tempfile::TempDir,
    folder: Utf8PathBuf,
    root: Utf8PathBuf,
}

fn settings() -> Vec<Setting> {
    ["13.0", "13.5"].into_iter().filter_map(setting).collect()
}

fn setting(release: &str) -> Option<Setting> {
    let release: CudaRelease = release.parse().expect("a release");
    let root = toolkit(release, &[Host::X86_64], &[])?;
    let (guard, folder) = scratch();
    for header in cuda13_headers() {
        let path = folder.join("compat").join(header.path);
        std::fs::create_dir_all(path.parent().expect("it is in the folder")).expect("a folder of ours");
        std::fs::write(path, header.text).expect("a file of ours");
    }
    Some(Setting { _guard: guard, folder, root })
}

impl Setting {
    fn include(&self) -> Utf8PathBuf {
        self.root.join("targets/x86_64-linux/include")
    }

    /// Whether the toolkit can be asked about a name: its header, or what took its place, is installed.
    fn has(&self, row: &Removed) -> bool {
        row.kind == Kind::Header || self.include().join(&row.header).exists()
    }

    /// Each use is an error of its own line, and a header that is gone ends its compile at once.
    fn all_fail(&self, rows: &[&Removed], folder: bool) {
        let (headers, names): (Vec<&Removed>, Vec<&Removed>) =
            rows.iter().partition(|row| row.kind == Kind::Header);
        for row in headers {
            let text = format!("#include <{}>\n", row.name);
            assert!(!self.host("row.cpp", &text, folder).status.success(), "{row:?} is still there");
        }
        let line = |(index, row): (usize, &&Removed)| {
            format!("#line {} \"row\"\n{}\n", index + 1, part(index, row).replace('\n', " "))
        };
        let lines: Vec<String> = names.iter().enumerate().map(line).collect();
        let text = format!("{}{}", includes(&names), lines.concat());
        let output = self.host("rows.cpp", &text, folder);
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        for (index, row) in names.iter().enumerate() {
            let is_here =
                |line: &&str| line.starts_with(&format!("row:{}:", index + 1)) && line.contains("error:");
            assert!(errors.lines().any(|line| is_here(&line)), "{row:?} is still there\n{errors}");
        }
    }

    fn host(&self, name: &str, text: &str, folder: bool) -> Output {
        self.host_with(name, text, folder, &[])
    }

    fn host_with(&self, name: &str, text: &str, folder: bool, flags: &[&str]) -> Output {
        let mut command =
            Command::new(if Utf8Path::new(name).extension() == Some("c") { "gcc" } else { "g++" });
        self.compile(&mut command, name, text, folder)
            .args(flags)
            .args(["-isystem", self.include().as_str()]);
        command.output().expect("it starts")
    }

    fn nvcc(&self, name: &str, text: &str, folder: bool) -> Output {
        self.nvcc_with(name, text, folder, &[])
    }

    fn nvcc_with(&self, name: &str, text: &str, folder: bool, flags: &[&str]) -> Output {
        let mut command = Command::new(self.root.join("bin/nvcc"));
        self.compile(&mut command, name, text, folder).args(["-std=c++17", "-arch=sm_80"]).args(flags);
        command.output().expect("it starts")
    }

    fn compile<'a>(&self, command: &'a mut Command, name: &str, text: &str, folder: bool) -> &'a mut Command {
        std::fs::write(self.folder.join(name), text).expect("a file of ours");
        command.current_dir(&self.folder).args(["-c", name, "-o", "out.o"]);
        if folder {
            command.arg("-Icompat");
        }
        command
    }
}

fn includes(rows: &[&Removed]) -> String {
    let mut headers: Vec<&str> = rows
        .iter()
        .filter(|row| row.kind != Kind::Header || row.given_back)
        .map(|row| row.header.as_str())
        .collect();
    headers.extend(["cuda.h", "cuda_runtime_api.h"]);
    headers.sort_unstable();
    headers.dedup();
    let lines: Vec<String> = headers.iter().map(|header| format!("#include <{header}>\n")).collect();
    lines.concat()
}

/// A function that uses the name.
fn part(index: usize, row: &Removed) -> String {
    let name = &row.name;
    let body = match USES.iter().find(|(used, _)| used == name) {
        Some((_, body)) => (*body).to_owned(),
        None => match row.kind {
            Kind::Macro if name == "cudaDevicePropDontCare" => format!("cudaDeviceProp q = {name};"),
            Kind::Function | Kind::Enumerator | Kind::Macro => format!("(void){name};"),
            Kind::Field => format!("(void)&{}::{name};", row.of.as_deref().unwrap_or_default()),
            Kind::Type => format!("(void)sizeof({name});"),
            Kind::Header => String::new(),
        },
    };
    let graphs = if name.starts_with("cuda") {
        "cudaGraph_t graph = 0; cudaGraphNode_t nodes[1] = {}; const cudaGraphNode_t *after = 0; (void)after;"
    } else {
        "CUgraph graph = 0; CUgraphNode nodes[1] = {}; const CUgraphNode *after = 0; (void)after;"
    };
    format!(
        "void use{index}(void *p, size_t n, int device, cudaStream_t stream) {{
            unsigned long long id = 0; cuuint64_t cid = 0; cudaStreamCaptureStatus status; CUstreamCaptureStatus cstatus;
            cudaMemcpyAttributes how = {{}}; CUcontext context; CUdeviceptr d = 0; {graphs}
            (void)id; (void)cid; (void)status; (void)cstatus; (void)how; (void)context; (void)d; (void)graph; (void)nodes;
            (void)p; (void)n; (void)device; (void)stream; {body}
        }}\n"
    )
}

#[track_caller]
fn works(output: &Output) {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn the_folder_has_plain_text_alone() {
    for header in cuda13_headers() {
        assert!(
            header.text.is_ascii() && header.text.contains("#pragma GCC system_header"),
            "{}",
            header.path
        );
        assert!(Utf8Path::new(header.path).is_relative());
    }
}
