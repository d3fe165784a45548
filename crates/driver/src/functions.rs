//! Functions: what each symbol is called, since when, with which parameters; and which one `cuGetProcAddress` means.

#[path = "generated/functions.rs"]
#[rustfmt::skip]
mod generated;

pub use generated::FUNCTIONS;

/// A function of the driver API, in one of its versions. Each returns a `CUresult`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Function {
    /// The name that `cuGetProcAddress` takes: `cuMemAlloc`.
    pub name: &'static str,
    /// The exported symbol: `cuMemAlloc_v2`.
    pub symbol: &'static str,
    /// The CUDA version that brought it, as CUDA writes it: 3020 for 3.2.
    pub since: u32,
    /// The symbol that takes the calling thread's default stream for stream 0: `cuMemcpyHtoD_v2_ptds`.
    pub per_thread: Option<&'static str>,
    /// Its parameters, in order.
    pub parameters: &'static [Parameter],
}

/// A parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Its name, as in `cuda.h`.
    pub name: &'static str,
    /// Its type, as Rust text: a type of [`crate::types`], of `core::ffi`, or one of Rust's own.
    pub rust_type: &'static str,
}

/// What `cuGetProcAddress` finds for a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// The symbol.
    Found(&'static str),
    /// No function has that name.
    Unknown,
    /// The function came with a later CUDA version.
    TooNew {
        /// That version, as CUDA writes it: 12000 for 12.0.
        since: u32,
    },
}

/// The symbol that a program built for CUDA `version` (11080 for 11.8) means by `name`: the newest that is not newer.
/// With `per_thread`, the one for the calling thread's default stream, where the function has one.
pub fn lookup(name: &str, version: u32, per_thread: bool) -> Lookup {
    let first = FUNCTIONS.partition_point(|function| function.name < name);
    let mut versions = FUNCTIONS[first..].iter().take_while(|function| function.name == name).peekable();
    let Some(oldest) = versions.peek().copied() else { return Lookup::Unknown };
    match versions.filter(|function| function.since <= version).last() {
        Some(function) => {
            Lookup::Found(function.per_thread.filter(|_| per_thread).unwrap_or(function.symbol))
        }
        None => Lookup::TooNew { since: oldest.since },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, version: u32, per_thread: bool, expected: Lookup) {
        assert_eq!(lookup(name, version, per_thread), expected, "{name} at {version}");
    }

    #[test]
    fn a_name_and_a_version_are_a_symbol() {
        check("cuInit", 2000, false, Lookup::Found("cuInit"));
        check("cuMemAlloc", 2000, false, Lookup::Found("cuMemAlloc"));
        check("cuMemAlloc", 11080, false, Lookup::Found("cuMemAlloc_v2"));
        check("cuMemAlloc", 11080, true, Lookup::Found("cuMemAlloc_v2"));
        check("cuMemcpyHtoD", 13000, true, Lookup::Found("cuMemcpyHtoD_v2_ptds"));
        check("cuLaunchKernel", 11080, true, Lookup::Found("cuLaunchKernel_ptsz"));
        check("cuCtxCreate", 12040, false, Lookup::Found("cuCtxCreate_v3"));
        check("cuCtxCreate", 12050, false, Lookup::Found("cuCtxCreate_v4"));
        check("cuCtxGetDevice", 12080, false, Lookup::Found("cuCtxGetDevice"));
        check("cuCtxGetDevice", 13000, false, Lookup::Found("cuCtxGetDevice_v2"));
        check("cuLibraryLoadData", 11080, false, Lookup::TooNew { since: 12000 });
        check("", 13000, false, Lookup::Unknown);
        check("cuMemAlloc_v2", 13000, false, Lookup::Unknown);
    }

    #[test]
    fn functions_are_in_order_and_symbols_unique() {
        assert!(FUNCTIONS.is_sorted_by_key(|function| (function.name, function.since)));
        let mut symbols: Vec<_> = FUNCTIONS
            .iter()
            .flat_map(|function| [Some(function.symbol), function.per_thread])
            .flatten()
            .collect();
        let count = symbols.len();
        symbols.sort_unstable();
        symbols.dedup();
        assert_eq!(symbols.len(), count);
    }
}
