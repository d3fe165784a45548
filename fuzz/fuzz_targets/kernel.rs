//! Random kernels, as the bytes choose them: every build of the machine leaves the same memory.
#![no_main]

#[path = "../../crates/simt/tests/common/random.rs"]
mod random;

use std::sync::Arc;

use cuferry_simt::{Device, Isa, Kind, Launch, Memory, MemorySettings, Program, Settings, Source, launch};
use libfuzzer_sys::fuzz_target;
use random::{BYTES, Choose, kernel};

struct Bytes<'a>(std::slice::Iter<'a, u8>);

impl Choose for Bytes<'_> {
    fn below(&mut self, limit: u32) -> u32 {
        u32::from(self.0.next().copied().unwrap_or(0)) % limit
    }
}

fuzz_target!(|bytes: &[u8]| {
    let mut choose = Bytes(bytes.iter());
    let threads = 1 + choose.below(96);
    let text = kernel(&mut choose);
    let first = run(&text, Isa::Baseline, threads);
    for isa in Isa::ALL.into_iter().filter(|isa| isa.is_available()) {
        assert_eq!(first, run(&text, isa, threads), "{isa}, {threads} threads\n{text}");
    }
});

fn run(text: &str, isa: Isa, threads: u32) -> Vec<u8> {
    let memory = Memory::new(&MemorySettings { reserve: 1 << 34, limit: 1 << 30 }).expect("address space");
    let settings = Settings { workers: 1, isa: Some(isa), fuel: Some(50_000_000), ..Settings::default() };
    let device = Device::new(settings, Arc::new(memory), Box::new(Vec::new()));
    let source = Source { name: "random".to_owned(), text: text.to_owned() };
    let program = Program::load(&device, vec![source]).expect("the kernel is valid");
    let mut bytes = vec![0; BYTES * 2 * threads as usize];
    let data = device.memory().allocate(bytes.len() as u64, 256, Kind::Device).expect("memory");
    device.memory().write(data, &bytes).expect("it was allocated");
    let shape = Launch {
        grid: [2, 1, 1],
        block: [threads, 1, 1],
        cluster: None,
        dynamic_shared: 0,
        parameters: &data.to_le_bytes(),
        cooperative: false,
    };
    let id = program.kernel("k").expect("there is one kernel");
    launch(&device, &program, id, &shape).unwrap_or_else(|fault| panic!("{fault}\n{text}"));
    device.memory().read(data, &mut bytes).expect("it was allocated");
    bytes
}
