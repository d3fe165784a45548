//! The builds of the machine, held against one another: random kernels leave the same bits, whatever the CPU's instructions.

mod common;

use common::random::{BYTES, Choose, kernel};
use common::{Machine, Parameters, builds, settings};
use cuferry_simt::Isa;

/// SplitMix64.
struct Seed(u64);

impl Choose for Seed {
    fn below(&mut self, limit: u32) -> u32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ z >> 31) >> 32) as u32 % limit
    }
}

fn run(text: &str, isa: Isa, threads: u32) -> Vec<u8> {
    let machine = Machine::new(settings(isa));
    let program = machine.load(text);
    let blocks = 2;
    let bytes = BYTES * (blocks * threads) as usize;
    let data = machine.upload(&vec![0_u8; bytes]);
    let parameters = Parameters::new().with(data);
    let result = machine.run(&program, "k", [blocks, 1, 1], [threads, 1, 1], parameters.bytes());
    result.unwrap_or_else(|fault| panic!("{fault}\n{text}"));
    machine.download(data, bytes)
}

#[test]
fn random_kernels_leave_the_same_bits_on_every_build() {
    for seed in 0..150 {
        let mut choose = Seed(seed);
        let threads = 1 + choose.below(96);
        let text = kernel(&mut choose);
        let first = run(&text, Isa::Baseline, threads);
        for isa in builds() {
            let other = run(&text, isa, threads);
            let differs = first.iter().zip(&other).position(|(a, b)| a != b);
            if let Some(at) = differs {
                let (thread, place) = (at / BYTES, at % BYTES / 8 * 8);
                panic!("seed {seed}, {isa}: thread {thread} of {threads}, bytes at {place}\n{text}");
            }
        }
    }
}
