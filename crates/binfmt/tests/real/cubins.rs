//! Cubins of kernels that are launched in unusual ways: what the compiler was told stands in them.

use std::fs;

use cuferry_binfmt::cubin::{Cubin, Parameter};

use crate::tools::{Toolkit, folder, toolkit, words};

const SOURCE: &str = r#"
struct Large { char bytes[20000]; };
struct Odd { short a; char b; };
extern "C" __global__ void plain() {}
extern "C" __global__ void large(int n, Large large, double d, int *p) { *p = large.bytes[n] + d; }
extern "C" __global__ void odd(Odd odd, char c, float3 v, int *p) { *p = odd.b + c + v.y; }
extern "C" __global__ void __launch_bounds__(96) bounded(int *p) { *p = threadIdx.x; }
extern "C" __global__ void __cluster_dims__(4, 2, 1) clustered(int *p) { *p = blockIdx.x; }
__device__ __noinline__ int fib(int n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }
extern "C" __global__ void recursive(int *p) { *p = fib(*p); }
extern "C" __global__ void spilling(int *p) { int a[64]; for (int i = 0; i < 64; i++) a[p[i] & 63] = i; *p = a[p[1] & 63]; }
"#;

/// How a kernel of the source is launched, for a GPU.
#[test]
fn kernels_say_how_they_are_launched() {
    let Some(toolkit) = toolkit("13.5") else { return };
    let folder = folder();
    fs::write(folder.path().join("launch.cu"), SOURCE).unwrap();
    for arch in ["sm_90", "sm_120"] {
        toolkit.run("nvcc", folder.path(), words(&format!("-cubin -arch={arch} launch.cu -o launch.cubin")));
        let bytes = fs::read(folder.path().join("launch.cubin")).unwrap();
        let cubin = Cubin::parse(&bytes).unwrap();
        let launch = |name: &str| {
            let functions = cubin.functions();
            let function = functions.iter().find(|function| function.name == name.as_bytes()).unwrap();
            assert!(function.is_kernel, "{name}");
            (function.clone(), function.launch())
        };
        let parameters = |name: &str| launch(name).1.parameters;
        let parameter = |ordinal, offset, size| Parameter { ordinal, offset, size };
        assert_eq!(parameters("plain"), []);
        assert_eq!(
            parameters("large"),
            [parameter(0, 0, 4), parameter(1, 4, 20000), parameter(2, 20008, 8), parameter(3, 20016, 8)]
        );
        assert_eq!(launch("large").1.parameter_size, Some(20024));
        assert_eq!(
            parameters("odd"),
            [parameter(0, 0, 4), parameter(1, 4, 1), parameter(2, 8, 12), parameter(3, 24, 8)]
        );
        assert_eq!(launch("bounded").1.max_threads, Some([96, 1, 1]));
        assert_eq!(launch("plain").1.max_threads, None);
        assert_eq!(launch("clustered").1.cluster, Some([4, 2, 1]));
        assert!(launch("clustered").1.explicit_cluster && !launch("plain").1.explicit_cluster);
        assert_eq!(launch("recursive").0.stack, Some(u32::MAX));
        assert_eq!(launch("spilling").0.stack, Some(256));
        assert_eq!(launch("plain").1.release.unwrap().to_string(), "13.5");
    }
}

/// Device functions of relocatable code have registers and a stack of their own, or none that is said.
#[test]
fn functions_that_are_no_kernels() {
    let Some(toolkit) = toolkit("13.5") else { return };
    let folder = folder();
    fs::write(folder.path().join("launch.cu"), SOURCE).unwrap();
    toolkit.run("nvcc", folder.path(), words("-cubin -rdc=true -arch=sm_90 launch.cu -o launch.cubin"));
    let bytes = fs::read(folder.path().join("launch.cubin")).unwrap();
    let cubin = Cubin::parse(&bytes).unwrap();
    assert!(cubin.is_relocatable());
    let functions = cubin.functions();
    let fib = functions.iter().find(|function| function.name.ends_with(b"fibi")).unwrap();
    assert!(!fib.is_kernel);
    let text = Toolkit::cuobjdump(folder.path(), &["-res-usage", "launch.cubin"]);
    let names: Vec<&str> = text.lines().filter_map(|line| line.trim().strip_prefix("Function ")).collect();
    let ours: Vec<String> =
        functions.iter().map(|function| format!("{}:", String::from_utf8_lossy(function.name))).collect();
    assert_eq!(names, ours);
}
