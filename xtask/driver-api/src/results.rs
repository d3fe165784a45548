//! Error codes: numbers and names from `cuda.h`, and the text that `cudaGetErrorString` has for the same number.

use std::ffi::{CStr, c_char, c_int};
use std::fmt::Write as _;

use anyhow::{Context as _, Result};
use camino::Utf8Path;
use syn::{Expr, File, Item, Lit, Type};

/// The codes, in order of number.
pub(crate) fn codes(file: &File) -> Vec<(u32, String)> {
    let mut codes: Vec<(u32, String)> = file.items.iter().filter_map(code).collect();
    codes.sort();
    codes
}

fn code(item: &Item) -> Option<(u32, String)> {
    let Item::Const(item) = item else { return None };
    let Type::Path(path) = &*item.ty else { return None };
    let Expr::Lit(value) = &*item.expr else { return None };
    let Lit::Int(number) = &value.lit else { return None };
    path.path.is_ident("cudaError_enum").then_some((number.base10_parse().ok()?, item.ident.to_string()))
}

pub(crate) fn table(codes: &[(u32, String)], toolkit: &Utf8Path) -> Result<String> {
    let texts = Texts::open(&toolkit.join("lib64/libcudart.so.13"))?;
    let mut text = String::from(
        "use crate::results::Code;\n\n/// Every code, in order of number.\npub const CODES: &[Code] = &[\n",
    );
    for (number, name) in codes {
        let words = texts.of(*number)?.unwrap_or_else(|| plain(name));
        writeln!(text, "    Code {{ number: {number}, name: c\"{name}\", text: c\"{words}\" }},")?;
    }
    text.push_str("];\n");
    Ok(text)
}

struct Texts {
    library: libloading::Library,
}

impl Texts {
    #[expect(unsafe_code, reason = "a library is loaded")]
    fn open(path: &Utf8Path) -> Result<Self> {
        // SAFETY: NVIDIA's runtime library, as it was fetched and verified; its initialisers touch no driver.
        let library = unsafe { libloading::Library::new(path.as_str()) }.with_context(|| path.to_string())?;
        Ok(Self { library })
    }

    #[expect(unsafe_code, reason = "a function of that library is called")]
    fn of(&self, number: u32) -> Result<Option<String>> {
        // SAFETY: `const char *cudaGetErrorString(cudaError_t)`, as driver_types.h declares it; the text is static.
        let text = unsafe {
            let function =
                self.library.get::<unsafe extern "C" fn(c_int) -> *const c_char>(b"cudaGetErrorString\0")?;
            CStr::from_ptr(function(c_int::try_from(number)?))
        };
        let text = text.to_str()?;
        Ok((text != "unrecognized error code").then(|| text.to_owned()))
    }
}

/// For the few codes that the runtime has no text for.
fn plain(name: &str) -> String {
    name.trim_start_matches("CUDA_ERROR_").to_lowercase().replace('_', " ")
}
