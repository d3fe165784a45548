//! Fatbins: containers, entries and groups, and every payload unpacked within limits.
#![no_main]

use cuferry_binfmt::fatbin::{Container, Limits, Unpacker};
use cuferry_inspect::listing::{self, Scope};
use cuferry_inspect::{resources, source};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits { size: 16 << 20, ..Limits::default() };
    let mut unpacker = Unpacker::new(limits);
    if let Ok(container) = Container::parse(bytes, 0) {
        for image in container.images().take(64).flatten() {
            if let Ok(payload) = unpacker.unpack(&image) {
                assert!(payload.len() as u64 <= limits.size);
            }
            let _ = unpacker.prefix(&image, 64);
            let _ = (image.arch_name(), image.members().count());
        }
    }
    let sources = source::sources(bytes, &mut |_| ());
    let (mut text, mut problems) = (String::new(), Vec::new());
    for line in listing::list("k.fatbin", &sources, Scope::All).lines.iter().take(64) {
        if let listing::Line::Entry(listed) = line {
            let _ = resources::write_item(&mut text, &listed.item, &mut unpacker, &mut problems);
        }
    }
});
