//! Host ELF files: what the loader reads, what `inspect` finds, and every section as it comes.
#![no_main]

use cuferry_binfmt::ElfInfo;
use cuferry_binfmt::device;
use cuferry_binfmt::host::Host;
use cuferry_inspect::read::{self, Effort};
use cuferry_inspect::source;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = ElfInfo::parse(bytes);
    if let Ok(host) = Host::parse(bytes) {
        let _ = (host.comments(), host.build_id(), host.forward_compatibility());
        let _ = (host.kernels().count(), host.runtime(), host.runtime_release());
    }
    let found = device::find(bytes);
    for problem in &found.problems {
        assert!(!problem.to_string().is_empty());
    }
    let _ = read::inventory(bytes, &source::sources(bytes, &mut |_| ()), Effort::All);
});
