//! Which header belongs to which library.

/// What a header or a flag asks to be linked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// CUDA's own.
    Cuda(&'static str),
    /// The system's.
    System(&'static str),
    /// A module of pkg-config.
    PkgConfig(&'static str),
}

/// By the header's name as `#include` writes it; a name that ends in `/` stands for all headers of that folder.
/// `cuComplex.h` and NVTX 3 are absent: they are headers that come with every toolkit.
const HEADERS: &[(&str, &[Wanted])] = &[
    ("cublas.h", &[Wanted::Cuda("cublas")]),
    ("cublas_v2.h", &[Wanted::Cuda("cublas")]),
    ("cublasXt.h", &[Wanted::Cuda("cublas")]),
    ("cublasLt.h", &[Wanted::Cuda("cublasLt")]),
    ("cufft.h", &[Wanted::Cuda("cufft")]),
    ("cufftXt.h", &[Wanted::Cuda("cufft")]),
    ("cufftw.h", &[Wanted::Cuda("cufftw")]),
    ("curand.h", &[Wanted::Cuda("curand")]),
    // Headers only, but they come in the library's own package.
    ("curand_kernel.h", &[Wanted::Cuda("curand")]),
    ("cusparse.h", &[Wanted::Cuda("cusparse")]),
    ("cusparse_v2.h", &[Wanted::Cuda("cusparse")]),
    ("cusolverDn.h", &[Wanted::Cuda("cusolver")]),
    ("cusolverSp.h", &[Wanted::Cuda("cusolver")]),
    ("cusolverRf.h", &[Wanted::Cuda("cusolver")]),
    // What NVRTC compiles is loaded through the driver.
    ("nvrtc.h", &[Wanted::Cuda("nvrtc"), Wanted::System("cuda")]),
    ("nvJitLink.h", &[Wanted::Cuda("nvJitLink")]),
    ("nvjpeg.h", &[Wanted::Cuda("nvjpeg")]),
    ("cudnn.h", &[Wanted::Cuda("cudnn")]),
    ("nccl.h", &[Wanted::Cuda("nccl")]),
    ("cufile.h", &[Wanted::Cuda("cufile")]),
    ("nvml.h", &[Wanted::System("nvidia-ml")]),
    ("nppcore.h", NPP_CORE),
    ("npps.h", NPP_SIGNAL),
    ("npp.h", NPP_ALL),
    ("nppi.h", NPP_ALL),
    ("nppi_arithmetic_and_logical_operations.h", &[Wanted::Cuda("nppc"), Wanted::Cuda("nppial")]),
    ("nppi_color_conversion.h", &[Wanted::Cuda("nppc"), Wanted::Cuda("nppicc")]),
    ("nppi_data_exchange_and_initialization.h", &[Wanted::Cuda("nppc"), Wanted::Cuda("nppidei")]),
    ("nppi_filtering_functions.h", &[Wanted::Cuda("nppc"), Wanted::Cuda("nppif")]),
    ("nppi_geometry_transforms.h", &[Wanted::Cuda("nppc"), Wanted::Cuda("nppig")]),
    ("nppi_morphological_operations.h", &[Wanted::Cuda("nppc"), Wanted::Cuda("nppim")]),
    ("nppi_statistics_functions.h", &[Wanted::Cuda("nppc"), Wanted::Cuda("nppist")]),
    ("nppi_support_functions.h", &[Wanted::Cuda("nppc"), Wanted::Cuda("nppisu")]),
    ("nppi_threshold_and_compare_operations.h", &[Wanted::Cuda("nppc"), Wanted::Cuda("nppitc")]),
    ("pthread.h", &[Wanted::System("pthread")]),
    ("thread", &[Wanted::System("pthread")]),
    ("future", &[Wanted::System("pthread")]),
    ("dlfcn.h", &[Wanted::System("dl")]),
    ("mqueue.h", &[Wanted::System("rt")]),
    ("aio.h", &[Wanted::System("rt")]),
    ("opencv2/", &[Wanted::PkgConfig("opencv4")]),
    ("gst/", &[Wanted::PkgConfig("gstreamer-1.0")]),
    ("Eigen/", &[Wanted::PkgConfig("eigen3")]),
];

const NPP_CORE: &[Wanted] = &[Wanted::Cuda("nppc")];
const NPP_SIGNAL: &[Wanted] = &[Wanted::Cuda("nppc"), Wanted::Cuda("npps")];
const NPP_ALL: &[Wanted] = &[
    Wanted::Cuda("nppc"),
    Wanted::Cuda("nppial"),
    Wanted::Cuda("nppicc"),
    Wanted::Cuda("nppidei"),
    Wanted::Cuda("nppif"),
    Wanted::Cuda("nppig"),
    Wanted::Cuda("nppim"),
    Wanted::Cuda("nppist"),
    Wanted::Cuda("nppisu"),
    Wanted::Cuda("nppitc"),
    Wanted::Cuda("npps"),
];

/// The C++ standard that a header needs, where compilers do not have it by default.
const STANDARDS: &[(&str, u16)] = &[
    ("bit", 20),
    ("compare", 20),
    ("concepts", 20),
    ("coroutine", 20),
    ("format", 20),
    ("numbers", 20),
    ("ranges", 20),
    ("semaphore", 20),
    ("source_location", 20),
    ("span", 20),
    ("stop_token", 20),
    ("expected", 23),
    ("generator", 23),
    ("mdspan", 23),
    ("print", 23),
];

/// What the header asks for; nothing where it is not known.
pub(super) fn of_header(header: &str) -> &'static [Wanted] {
    let is = |name: &str| header == name || name.ends_with('/') && header.starts_with(name);
    HEADERS.iter().find(|(name, _)| is(name)).map_or(&[], |(_, wanted)| wanted)
}

/// `20` for a header that C++20 brought.
pub(super) fn standard_of(header: &str) -> Option<u16> {
    STANDARDS.iter().find(|(name, _)| *name == header).map(|(_, standard)| *standard)
}

/// Whether the C or C++ library brings a header of this name.
pub(super) fn is_standard_header(header: &str) -> bool {
    const C: [&str; 23] = [
        "assert", "ctype", "dirent", "errno", "fcntl", "float", "inttypes", "limits", "locale", "math",
        "memory", "sched", "signal", "stdarg", "stdbool", "stddef", "stdint", "stdio", "stdlib", "string",
        "strings", "time", "unistd",
    ];
    !header.contains(['.', '/']) || header.strip_suffix(".h").is_some_and(|name| C.contains(&name))
}

/// Whether the system or CUDA may be expected to bring a header of this name.
pub(super) fn is_known_header(header: &str) -> bool {
    const CUDA: [&str; 12] = [
        "cu",
        "nv",
        "npp",
        "sm_",
        "device_",
        "driver_",
        "vector_",
        "math_functions",
        "math_constants",
        "texture_",
        "surface_",
        "mma",
    ];
    header.contains('/')
        || is_standard_header(header)
        || !of_header(header).is_empty()
        || CUDA.iter().any(|prefix| header.starts_with(prefix))
}

/// What a linker flag or a CMake target asks for, by the library's name without `lib`; `None` for what nvcc and the
/// compiler link by themselves.
pub(super) fn of_flag(name: &str) -> Option<(bool, &str)> {
    const BY_ITSELF: [&str; 8] =
        ["c", "cudart", "cudart_static", "cudadevrt", "culibos", "gcc_s", "stdc++", "cudart_static_deps"];
    let plain = name.strip_suffix("_static").unwrap_or(name);
    let is_cuda = |wanted: &Wanted| matches!(wanted, Wanted::Cuda(known) if *known == plain);
    if BY_ITSELF.contains(&name) {
        None
    } else if HEADERS.iter().any(|(_, wanted)| wanted.iter().any(is_cuda)) {
        Some((true, plain))
    } else {
        Some((false, name))
    }
}
