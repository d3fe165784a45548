//! Error codes: number, name, text.

use core::ffi::CStr;

#[path = "generated/results.rs"]
#[rustfmt::skip]
mod generated;

pub use generated::CODES;

/// A value of `CUresult`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    /// The value.
    pub number: u32,
    /// Its name in `cuda.h`.
    pub name: &'static CStr,
    /// What `cuGetErrorString` says.
    pub text: &'static CStr,
}

/// The code with that number.
pub fn code(number: u32) -> Option<&'static Code> {
    let index = CODES.binary_search_by_key(&number, |code| code.number).ok()?;
    CODES.get(index)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_names_and_texts() {
        let code = code(700).expect("it exists");
        assert_eq!(code.name, c"CUDA_ERROR_ILLEGAL_ADDRESS");
        assert_eq!(code.text, c"an illegal memory access was encountered");
        assert!(super::code(12345).is_none());
        assert!(CODES.iter().all(|code| code.text != c"unrecognized error code"));
    }
}
