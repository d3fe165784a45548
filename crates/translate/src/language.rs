//! Languages of sources, by name's end and by the names that `-x` takes.

use camino::Utf8Path;

/// The language of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Language {
    /// C.
    C,
    /// C++.
    Cxx,
    /// CUDA C++.
    Cuda,
    /// Assembly, preprocessed or not.
    Assembly,
    /// Fortran.
    Fortran,
    /// Anything else that a compiler compiles.
    Other,
}

impl Language {
    /// By the end of the name (gcc's manual, "Overall Options"; nvcc's, "Supported Input File Suffixes"). Nothing: an
    /// object, a library, or anything else that is no source.
    pub fn of(path: &Utf8Path) -> Option<Self> {
        Some(match path.extension()? {
            "c" | "h" | "i" => Self::C,
            "cc" | "cp" | "cxx" | "cpp" | "CPP" | "c++" | "C" | "ii" | "hh" | "H" | "hp" | "hxx" | "hpp"
            | "HPP" | "h++" | "tcc" => Self::Cxx,
            "cu" | "cui" => Self::Cuda,
            "s" | "S" | "sx" | "asm" => Self::Assembly,
            "f" | "for" | "ftn" | "F" | "FOR" | "fpp" | "f90" | "f95" | "f03" | "f08" | "F90" | "F95"
            | "F03" | "F08" => Self::Fortran,
            "m" | "mi" | "mm" | "M" | "mii" | "go" | "d" | "adb" | "ads" | "ll" | "bc" | "ptx" => Self::Other,
            _ => return None,
        })
    }

    /// By the name that `-x` takes. `none` is nothing: names decide again.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "none" => return None,
            "c" | "c-header" | "cpp-output" => Self::C,
            "c++" | "c++-header" | "c++-cpp-output" | "c++-system-header" | "c++-user-header" => Self::Cxx,
            "cu" | "cuda" => Self::Cuda,
            "assembler" | "assembler-with-cpp" => Self::Assembly,
            "f77" | "f77-cpp-input" | "f95" | "f95-cpp-input" => Self::Fortran,
            _ => Self::Other,
        })
    }

    /// Whether headers, macros and the sign of `char` mean something to it.
    pub const fn is_c_family(self) -> bool {
        matches!(self, Self::C | Self::Cxx | Self::Cuda)
    }
}
