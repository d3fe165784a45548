//! Waiting for a word of memory, and writing one, in a stream's order (`cuStreamWaitValue32` and its kin).

use std::time::Duration;

use cuferry_driver::types as t;

use crate::driver::driver;
use crate::error::{Error, Result};
use crate::ledger::covers;
use crate::raw;

/// See the module.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WordOperation {
    pub(crate) address: u64,
    pub(crate) value: u64,
    /// 4 or 8.
    pub(crate) bytes: u8,
    /// How to wait (`CU_STREAM_WAIT_VALUE_…`); none: the word is written.
    pub(crate) wait: Option<u32>,
}

impl WordOperation {
    pub(crate) fn check(&self) -> Result {
        let bytes = u64::from(self.bytes);
        let known = self
            .wait
            .is_none_or(|flags| flags & !t::CU_STREAM_WAIT_VALUE_FLUSH <= t::CU_STREAM_WAIT_VALUE_NOR);
        let there = self.address.is_multiple_of(bytes) && covers(&driver()?.memory, self.address, bytes);
        if known && there { Ok(()) } else { Err(Error::INVALID_VALUE) }
    }

    pub(crate) fn run(&self) -> Result {
        self.check().map_err(|_| Error::ILLEGAL_ADDRESS)?;
        let Some(flags) = self.wait else {
            raw::store(self.address, self.value, self.bytes);
            return Ok(());
        };
        let mut rounds = 0_u32;
        while !self.holds(flags & !t::CU_STREAM_WAIT_VALUE_FLUSH) {
            rounds += 1;
            if rounds < 1000 {
                std::thread::yield_now();
            } else {
                std::thread::sleep(Duration::from_micros(50));
            }
        }
        Ok(())
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_possible_wrap,
        reason = "the words are as wide as the operation says"
    )]
    fn holds(&self, how: u32) -> bool {
        let word = raw::load(self.address, self.bytes);
        match how {
            // Cyclic, as the header says: (int)(*addr - value) >= 0.
            t::CU_STREAM_WAIT_VALUE_GEQ if self.bytes == 4 => {
                (word as u32).wrapping_sub(self.value as u32) as i32 >= 0
            }
            t::CU_STREAM_WAIT_VALUE_GEQ => word.wrapping_sub(self.value) as i64 >= 0,
            t::CU_STREAM_WAIT_VALUE_EQ => word == self.value,
            t::CU_STREAM_WAIT_VALUE_AND => word & self.value != 0,
            _ => {
                let ones = if self.bytes == 4 { u64::from(u32::MAX) } else { u64::MAX };
                (word | self.value) & ones != ones
            }
        }
    }
}
