//! The question that CUDA's runtime asks a driver before it works with it, and its answer.
//!
//! The answer is an HMAC-MD2 over what both sides can see: versions, process, thread, addresses of the driver's tables,
//! and the devices. That it is one, and of what, is known from ZLUDA's `dark_api/src/lib.rs` (github.com/vosen/ZLUDA,
//! MIT or Apache 2.0), whose test vectors are checked below. Any program needs it to start on a driver that is not
//! NVIDIA's own file.

use hmac::{Hmac, KeyInit as _, Mac as _};
use md2::Md2;

const KEY: [u8; 16] =
    [0x14, 0x6a, 0xdd, 0xae, 0x53, 0xa9, 0xa7, 0x52, 0xaa, 0x08, 0x41, 0x36, 0x0b, 0xf5, 0x5a, 0x9f];

/// What the answer is made of.
#[derive(Clone, Copy, Debug)]
pub struct Question {
    /// As the caller gives it; its last digit says which answer is wanted.
    pub version: u32,
    /// The time, as the caller gives it.
    pub seconds: u64,
    /// What `cuDriverGetVersion` says.
    pub driver_version: u32,
    /// The process.
    pub process: u32,
    /// The low half of `pthread_self()`.
    pub thread: u32,
    /// Address of the table CUDART_INTERFACE.
    pub cudart_table: u64,
    /// Address of the table INTEGRITY_CHECK.
    pub integrity_table: u64,
    /// Address of the function that answers.
    pub function: u64,
}

/// A device, by its UUID, and its PCI domain, bus and device.
#[derive(Clone, Copy, Debug)]
pub struct Device {
    /// As `cuDeviceGetUuid` says.
    pub uuid: [u8; 16],
    /// As `cuDeviceGetAttribute` says.
    pub pci: [u32; 3],
}

/// The answer.
pub fn answer(question: &Question, devices: &[Device]) -> [u64; 2] {
    match question.version % 10 {
        0 => return [0x3341_181c_03cb_675c, 0x8ed3_83aa_1f4c_d1e8],
        1 => return [0x1841_181c_03cb_675c, 0x8ed3_83aa_1f4c_d1e8],
        _ => {}
    }
    let mut hash = Hmac::<Md2>::new_from_slice(&KEY).expect("a key of any length will do");
    for word in [question.driver_version, question.version, question.process, question.thread] {
        hash.update(&word.to_le_bytes());
    }
    for word in [question.cudart_table, question.integrity_table, question.function, question.seconds] {
        hash.update(&word.to_le_bytes());
    }
    for device in devices {
        hash.update(&device.uuid);
        for word in device.pci {
            hash.update(&word.to_le_bytes());
        }
    }
    let bytes = hash.finalize().into_bytes();
    let half = |at: usize| u64::from_le_bytes(std::array::from_fn(|index| bytes[at + index]));
    [half(0), half(8)]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vector is what ZLUDA's own steps, run one after the other, make of this question.
    #[test]
    fn the_answer_is_the_known_one() {
        let question = Question {
            version: 12082,
            seconds: 0x682b_9cee,
            driver_version: 0x2f30,
            process: 0x002f_a423,
            thread: 0xf79c_1000,
            cudart_table: 0x7fff_f695_8240,
            integrity_table: 0x7fff_f695_8220,
            function: 0x7fff_f2aa_f4a0,
        };
        let words: [u32; 4] = [0x8a2b_fe9a, 0x382d_25ac, 0xc5ae_37ea, 0x5f32_716d];
        let uuid = std::array::from_fn(|index| words[index / 4].to_le_bytes()[index % 4]);
        let devices = [Device { uuid, pci: [0, 2, 0] }];
        assert_eq!(answer(&question, &devices), [0xf7ce_26b0_71a1_4844, 0xdd02_1b05_393e_8c6c]);
        assert_eq!(answer(&Question { version: 12080, ..question }, &[])[0], 0x3341_181c_03cb_675c);
    }
}
