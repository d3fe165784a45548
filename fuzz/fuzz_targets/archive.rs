//! Archives: members by every spelling of their names, and what `inspect` makes of them.
#![no_main]

use cuferry_binfmt::ar::Members;
use cuferry_inspect::listing::{self, Scope};
use cuferry_inspect::read::{self, Effort};
use cuferry_inspect::source;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    for member in Members::parse(bytes).into_iter().flatten().flatten() {
        if let Some(data) = member.data {
            assert!(member.offset as usize + data.len() <= bytes.len());
        }
    }
    let _ = source::thin_members(bytes);
    let sources = source::sources(bytes, &mut |_| ());
    for scope in [Scope::Cuobjdump, Scope::All] {
        let _ = listing::list("lib x.so.1", &sources, scope);
    }
    let _ = read::inventory(bytes, &sources, Effort::Sample);
});
