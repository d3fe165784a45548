//! Cubins of both layouts, and the head of PTX: resources, notes and launch parameters.
#![no_main]

use cuferry_binfmt::cubin::Cubin;
use cuferry_binfmt::ptx::{self, PtxHeader};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(cubin) = Cubin::parse(bytes) {
        let _ = (cubin.abi(), cubin.arch(), cubin.virtual_arch(), cubin.suffix(), cubin.is_relocatable());
        let _ = (cubin.is_debug(), cubin.is_stub(), cubin.tools().len(), cubin.release());
        let _ = (cubin.compat().count(), cubin.constants().len(), cubin.globals());
        for function in cubin.functions() {
            let _ = function.launch();
        }
    }
    if PtxHeader::parse(bytes).is_ok() {
        let _ = ptx::entries(bytes).count();
    }
});
