//! Tars, image archives, zips and packages: opened from memory, every node resolved, every file read.
#![no_main]

use cuferry_artifact::{Limits, open_bytes};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits { unpacked: 32 << 20, entries: 10_000, names: 1 << 20, ..Limits::default() };
    let Ok(artifact) = open_bytes("image.tar", bytes.to_vec(), &limits) else { return };
    for tree in &artifact.trees {
        for node in tree.nodes().iter().take(256) {
            assert!(!node.path.starts_with('/') && !node.path.split('/').any(|part| part == ".."));
            let _ = tree.resolve(&node.path);
            let _ = tree.head(node, 64);
            let _ = tree.bytes(node);
        }
    }
});
