//! What a condition of the preprocessor means for a build on x86_64 Linux, as far as that can be told.

use cuferry_arch::CudaRelease;

use super::condition::release_of_number;

/// The value of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Truth {
    True,
    False,
    /// On ARM alone.
    Arm,
    /// With these CUDA releases.
    Cuda {
        from: Option<CudaRelease>,
        before: Option<CudaRelease>,
    },
    Unknown,
}

impl Truth {
    pub(crate) fn not(self) -> Self {
        match self {
            Self::True => Self::False,
            Self::False | Self::Arm => Self::True,
            Self::Cuda { from, before: None } => Self::Cuda { from: None, before: from },
            Self::Cuda { from: None, before } => Self::Cuda { from: before, before: None },
            Self::Cuda { .. } | Self::Unknown => Self::Unknown,
        }
    }

    pub(crate) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::False, _) | (_, Self::False) => Self::False,
            (Self::True, other) | (other, Self::True) => other,
            (Self::Arm, _) | (_, Self::Arm) => Self::Arm,
            (Self::Cuda { from, before }, Self::Cuda { from: other_from, before: other_before }) => {
                let before = match (before, other_before) {
                    (Some(one), Some(other)) => Some(one.min(other)),
                    (one, other) => one.or(other),
                };
                Self::Cuda { from: from.max(other_from), before }
            }
            (Self::Unknown, _) | (_, Self::Unknown) => Self::Unknown,
        }
    }

    fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::True, _) | (_, Self::True) => Self::True,
            (Self::False, other) | (other, Self::False) => other,
            (one, other) if one == other => one,
            _ => Self::Unknown,
        }
    }
}

/// What an `#if` says.
pub(crate) fn evaluate(expression: &[u8]) -> Truth {
    std::str::from_utf8(expression).map_or(Truth::Unknown, |text| any(text, 0))
}

/// What an `#ifdef` says.
pub(crate) fn evaluate_name(name: &[u8]) -> Truth {
    std::str::from_utf8(name)
        .map_or(Truth::Unknown, |name| defined(name.split_whitespace().next().unwrap_or("")))
}

fn any(text: &str, depth: usize) -> Truth {
    split(text, "||").into_iter().map(|part| all(part, depth)).fold(Truth::False, Truth::or)
}

fn all(text: &str, depth: usize) -> Truth {
    split(text, "&&").into_iter().map(|part| one(part.trim(), depth)).fold(Truth::True, Truth::and)
}

fn one(text: &str, depth: usize) -> Truth {
    if depth > 20 {
        return Truth::Unknown;
    }
    if let Some(rest) = text.strip_prefix('!')
        && !rest.starts_with('=')
    {
        return one(rest.trim(), depth + 1).not();
    }
    if let Some(inside) = text.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'))
        && balanced(inside)
    {
        return any(inside, depth + 1);
    }
    if let Some(rest) = text.strip_prefix("defined") {
        return defined(rest.trim().trim_start_matches('(').trim_end_matches(')').trim());
    }
    if let Ok(number) = text.parse::<u64>() {
        return if number == 0 { Truth::False } else { Truth::True };
    }
    compared(text).unwrap_or_else(|| bare(text))
}

/// Pieces between an operator that stands outside all parentheses.
fn split<'a>(text: &'a str, operator: &str) -> Vec<&'a str> {
    let (mut parts, mut depth, mut start) = (Vec::new(), 0_usize, 0);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'(' => depth += 1,
            b')' => depth = depth.saturating_sub(1),
            _ if depth == 0 && at >= start && text.as_bytes()[at..].starts_with(operator.as_bytes()) => {
                parts.push(&text[start..at]);
                start = at + operator.len();
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

fn balanced(text: &str) -> bool {
    let mut depth = 0_i64;
    text.bytes().all(|byte| {
        depth += i64::from(byte == b'(') - i64::from(byte == b')');
        depth >= 0
    }) && depth == 0
}

/// `CUDART_VERSION >= 12000`
fn compared(text: &str) -> Option<Truth> {
    let at = text.find(['<', '>', '=', '!'])?;
    let (name, rest) = (text[..at].trim(), &text[at..]);
    let operator =
        ["<=", ">=", "==", "!=", "<", ">"].into_iter().find(|operator| rest.starts_with(operator))?;
    let number =
        rest[operator.len()..].trim().trim_matches(['(', ')']).trim_end_matches(['L', 'U', 'l', 'u']);
    let number: u32 = number.parse().ok()?;
    let known = [
        "CUDART_VERSION",
        "CUDA_VERSION",
        "__CUDACC_VER_MAJOR__",
        "__CUDA_API_VERSION",
        "CUDA_MAJOR_VERSION",
    ];
    let name = name.trim_matches(['(', ')']).trim();
    if !known.contains(&name) {
        return Some(Truth::Unknown);
    }
    let by_major = number < 100;
    let release = release_of_number(number)?;
    let next = if by_major {
        CudaRelease::new(release.major.checked_add(1)?, 0)
    } else {
        CudaRelease::new(release.major, release.minor.checked_add(1)?)
    };
    Some(match operator {
        "<" => Truth::Cuda { from: None, before: Some(release) },
        "<=" => Truth::Cuda { from: None, before: Some(next) },
        ">" => Truth::Cuda { from: Some(next), before: None },
        ">=" => Truth::Cuda { from: Some(release), before: None },
        "==" => Truth::Cuda { from: Some(release), before: Some(next) },
        _ => Truth::Unknown,
    })
}

/// A macro as a number: what is not defined is 0.
fn bare(text: &str) -> Truth {
    match defined(text) {
        Truth::False => Truth::False,
        Truth::Arm => Truth::Arm,
        _ => Truth::Unknown,
    }
}

fn defined(name: &str) -> Truth {
    match name {
        "__linux__"
        | "__linux"
        | "linux"
        | "__unix__"
        | "unix"
        | "__GNUC__"
        | "__GLIBC__"
        | "__x86_64__"
        | "__x86_64"
        | "__amd64__"
        | "__SSE__"
        | "__SSE2__"
        | "__cplusplus"
        | "__CUDACC__"
        | "__NVCC__"
        | "CUDART_VERSION"
        | "__CUDACC_VER_MAJOR__" => Truth::True,
        "_WIN32"
        | "WIN32"
        | "_WIN64"
        | "WIN64"
        | "_WINDOWS"
        | "_MSC_VER"
        | "__MINGW32__"
        | "__CYGWIN__"
        | "__APPLE__"
        | "__MACH__"
        | "__ANDROID__"
        | "__QNX__"
        | "__FreeBSD__"
        | "USE_ROCM"
        | "USE_HIP"
        | "__HIP__"
        | "__HIPCC__"
        | "__HIP_PLATFORM_AMD__"
        | "__HIP_PLATFORM_HCC__"
        | "__HIP_DEVICE_COMPILE__"
        | "__i386__"
        | "__powerpc64__"
        | "__PPC64__"
        | "_M_IX86" => Truth::False,
        "__aarch64__" | "__arm__" | "__ARM_NEON" | "__ARM_NEON__" | "__ARM_ARCH" | "_M_ARM64" | "_M_ARM"
        | "__arm64__" => Truth::Arm,
        name if name.starts_with("__ARM_FEATURE_") || name.starts_with("__ARM_ARCH") => Truth::Arm,
        _ => Truth::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(expression: &str, expected: Truth) {
        assert_eq!(evaluate(expression.as_bytes()), expected, "{expression}");
    }

    fn range(from: Option<(u16, u16)>, before: Option<(u16, u16)>) -> Truth {
        let release = |pair: Option<(u16, u16)>| pair.map(|(major, minor)| CudaRelease::new(major, minor));
        Truth::Cuda { from: release(from), before: release(before) }
    }

    #[test]
    fn conditions_are_evaluated() {
        check("0", Truth::False);
        check("1", Truth::True);
        check("defined(__aarch64__)", Truth::Arm);
        check("!defined(__aarch64__)", Truth::True);
        check("defined __linux__ && defined(__aarch64__)", Truth::Arm);
        check("defined(_WIN32) || defined(_WIN64)", Truth::False);
        check("defined(USE_X)", Truth::Unknown);
        check("(CUDART_VERSION >= 11000)", range(Some((11, 0)), None));
        check("CUDART_VERSION < 12010", range(None, Some((12, 1))));
        check("CUDART_VERSION <= 11080", range(None, Some((11, 9))));
        check("__CUDACC_VER_MAJOR__ == 12", range(Some((12, 0)), Some((13, 0))));
        check("defined(CUDART_VERSION) && CUDART_VERSION >= 13000", range(Some((13, 0)), None));
        check("CUDART_VERSION >= 11000 && CUDART_VERSION < 13000", range(Some((11, 0)), Some((13, 0))));
        check("!(CUDART_VERSION >= 11000)", range(None, Some((11, 0))));
        check("__CUDA_ARCH__ >= 700", Truth::Unknown);
        check("", Truth::Unknown);
    }

    proptest::proptest! {
        #[test]
        fn any_expression_has_a_value(text in "[A-Z_a-z0-9()<>=&|! é]{0,60}") {
            let _ = evaluate(text.as_bytes());
            let _ = evaluate_name(text.as_bytes());
        }
    }
}
