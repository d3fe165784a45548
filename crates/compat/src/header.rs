//! The texts of the headers, and where each lies in its folder.

/// A header: a text, and its place in the folder that is put on the include path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Relative to the folder, with `/` between its parts.
    pub path: &'static str,
    /// The whole text, ASCII.
    pub text: &'static str,
}

/// The files of a folder under `headers/`, in the order of their names.
macro_rules! headers {
    ($folder:literal, $($path:literal)*) => {
        &[$(Header { path: $path, text: include_str!(concat!("../headers/", $folder, "/", $path)) }),*]
    };
}

/// What CUDA 13 removed and what can be given back: the folder stands before the toolkit's own (`-I`), each header
/// includes the one that it stands before (`#include_next`). With another toolkit than CUDA 13 they do nothing.
pub fn cuda13_headers() -> &'static [Header] {
    CUDA13
}

/// `arm_neon.h`, `arm_acle.h`, `arm_fp16.h` and `arm_bf16.h` for x86_64, and what they include.
///
/// The folder stands before the compiler's own (`-I`), and SIMDe's folder (the one that holds `simde/`) is on the path
/// too. Two more are for `-include`: [`ARM_TYPES`] and [`ARM_FEATURES`]. For an ARM compiler they do nothing.
pub fn arm_headers() -> &'static [Header] {
    ARM
}

/// To be included before all else: `__fp16` and `__bf16`, which x86 compilers lack.
pub const ARM_TYPES: &str = "cuferry/arm_types.h";

/// To be included before all else, only where a user asks for it: `__ARM_NEON` and the other macros that an ARMv8.0
/// compiler defines and that concern what instructions there are. They make sources choose ARM's side of their `#if`s.
pub const ARM_FEATURES: &str = "cuferry/arm_features.h";

const ARM: &[Header] = headers!("arm",
    "arm_acle.h"
    "arm_bf16.h"
    "arm_fp16.h"
    "arm_neon.h"
    "cuferry/arm_features.h"
    "cuferry/arm_types.h"
    "cuferry/neon_convert.h"
    "cuferry/neon_crypto.h"
    "cuferry/neon_dot.h"
    "cuferry/neon_float.h"
    "cuferry/neon_float16.h"
    "cuferry/neon_half.h"
    "cuferry/neon_integer.h"
    "cuferry/neon_memory.h"
    "cuferry/neon_move.h"
    "cuferry/neon_saturating.h"
    "cuferry/neon_scalar.h"
    "cuferry/neon_types.h"
    "cuferry/neon_undef.h"
);

const CUDA13: &[Header] = headers!("cuda13",
    "builtin_types.h"
    "channel_descriptor.h"
    "cooperative_groups.h"
    "cublas.h"
    "cublasLt.h"
    "cublasXt.h"
    "cublas_api.h"
    "cublas_v2.h"
    "cuda.h"
    "cudaEGL.h"
    "cudaGL.h"
    "cudaProfiler.h"
    "cudaTypedefs.h"
    "cuda_bf16.h"
    "cuda_egl_interop.h"
    "cuda_fp16.h"
    "cuda_fp4.h"
    "cuda_fp6.h"
    "cuda_fp8.h"
    "cuda_gl_interop.h"
    "cuda_profiler_api.h"
    "cuda_runtime.h"
    "cuda_runtime_api.h"
    "cuferry/cuda13_driver.h"
    "cuferry/cuda13_npp.h"
    "cuferry/cuda13_runtime.h"
    "cufft.h"
    "cufftXt.h"
    "cusolverDn.h"
    "cusolverMg.h"
    "cusolverRf.h"
    "cusolverSp.h"
    "cusparse.h"
    "driver_functions.h"
    "driver_types.h"
    "mma.h"
    "nvToolsExt.h"
    "nvToolsExtCuda.h"
    "nvToolsExtCudaRt.h"
    "nvToolsExtSync.h"
    "nvjpeg.h"
    "nvrtc.h"
    "surface_types.h"
    "texture_types.h"
    "vector_functions.h"
);

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    #[track_caller]
    fn check(folder: &str, headers: &[Header]) {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("headers").join(folder);
        let mut there = BTreeSet::new();
        for inner in ["", "cuferry/"] {
            for entry in root.join(inner).read_dir().unwrap().flatten() {
                if entry.path().is_file() {
                    there.insert(format!("{inner}{}", entry.file_name().to_str().unwrap()));
                }
            }
        }
        let listed: Vec<String> = headers.iter().map(|header| header.path.to_owned()).collect();
        assert_eq!(listed, there.into_iter().collect::<Vec<_>>());
        for header in headers {
            assert!(header.text.is_ascii(), "{}", header.path);
            assert!(header.text.starts_with("/*"), "{} does not say what it is for", header.path);
        }
    }

    #[test]
    fn every_file_is_a_header() {
        check("arm", arm_headers());
        check("cuda13", cuda13_headers());
    }

    #[test]
    fn what_is_included_by_force_is_there() {
        for path in [ARM_TYPES, ARM_FEATURES] {
            assert!(arm_headers().iter().any(|header| header.path == path), "{path}");
        }
    }
}
