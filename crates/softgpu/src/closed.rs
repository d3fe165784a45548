//! NVIDIA's closed libraries: they hold machine code with no PTX behind it, and ask the driver for what nobody describes.

use std::sync::Once;

use crate::report;

/// How their files' names begin, and what they are called.
const LIBRARIES: [(&str, &str); 10] = [
    ("libcublas", "cuBLAS"),
    ("libcufft", "cuFFT"),
    ("libcudnn", "cuDNN"),
    ("libcusparse", "cuSPARSE"),
    ("libcusolver", "cuSOLVER"),
    ("libnccl", "NCCL"),
    ("libnvjpeg", "nvJPEG"),
    ("libnpp", "NPP"),
    ("libnvinfer", "TensorRT"),
    ("libcutensor", "cuTENSOR"),
];

/// Says, once, which of them the program has loaded: one of them has just asked for what the device has not.
pub(crate) fn explain() {
    static SAID: Once = Once::new();
    SAID.call_once(|| {
        let found = among(&std::fs::read_to_string("/proc/self/maps").unwrap_or_default());
        if !found.is_empty() {
            let names = found.join(", ");
            report::line(&format!(
                "the program uses {names}: machine code for GPUs with no PTX behind it, which the software device cannot run"
            ));
        }
    });
}

/// Their names and files, of a process's mappings.
fn among(maps: &str) -> Vec<String> {
    let mut found: Vec<(&str, &str)> = Vec::new();
    for file in maps.lines().filter_map(|line| line.rsplit_once('/')).map(|(_, file)| file) {
        for (prefix, name) in LIBRARIES {
            if file.starts_with(prefix) && found.iter().all(|&(known, _)| known != name) {
                found.push((name, file));
            }
        }
    }
    found.into_iter().map(|(name, file)| format!("{name} ({file})")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_library_is_named_once() {
        let maps = "7f00-7f01 r-xp 00000000 fe:00 7 /opt/cuda/lib64/libcublasLt.so.13\n\
                    7f02-7f03 r-xp 00000000 fe:00 8 /opt/cuda/lib64/libcublas.so.13\n\
                    7f04-7f05 rw-p 00000000 00:00 0\n\
                    7f06-7f07 r-xp 00000000 fe:00 9 /opt/my libcufft/libcufft.so.12\n\
                    7f08-7f09 r-xp 00000000 fe:00 9 /usr/lib/libm.so.6\n";
        assert_eq!(among(maps), ["cuBLAS (libcublasLt.so.13)", "cuFFT (libcufft.so.12)"]);
        assert!(among("").is_empty());
    }
}
