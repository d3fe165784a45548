//! Libraries that NVIDIA publishes, of both hosts: everything that cuobjdump says of them, without a difference.

use std::fs;

use cuferry_binfmt::device::DeviceCode;

use crate::tools::{Toolkit, toolkit};
use crate::view::{files, find, list, listed, usage, used};

/// Compares one library with cuobjdump's words; gives the numbers of containers, entries and lines of resources.
#[track_caller]
fn check(host: &str, name: &str, expected: (usize, usize, usize)) {
    let Some(toolkit) = toolkit("13.5") else { return };
    let path = toolkit.library(host, name);
    let bytes = fs::read(&path).unwrap();
    let codes: Vec<DeviceCode<'_>> = files(&bytes).into_iter().map(find).collect();
    let folder = path.parent().unwrap();
    let all = |lines: fn(&DeviceCode<'_>) -> Vec<String>| codes.iter().flat_map(lines).collect::<Vec<_>>();
    let (mut entries, lines) = (all(list), all(usage));
    entries.sort_by_key(|line| line.starts_with("PTX"));
    // Comparing slices as such would print megabytes.
    assert!(entries == listed(&Toolkit::cuobjdump(folder, &["-all", "-lelf", "-lptx", name])), "{name}");
    assert!(lines == used(&Toolkit::cuobjdump(folder, &["-all", "-res-usage", name])), "{name}");
    let containers = codes.iter().map(|code| code.containers.len()).sum();
    assert_eq!((containers, entries.len(), lines.len()), expected, "{host} {name}");
}

#[test]
fn cublas() {
    check("x86_64-linux", "libcublas.so.13", (194, 1261, 48400));
    check("sbsa-linux", "libcublas.so.13", (194, 1453, 57134));
}

#[test]
fn the_device_runtime() {
    check("x86_64-linux", "libcudadevrt.a", (1, 12, 2769));
    check("sbsa-linux", "libcudadevrt.a", (1, 12, 2769));
}
