//! Error numbers in a line: which of its digits are a CUDA error.

use crate::text::{speaks_of_cuda, words};

/// Words that a number follows when it is an error's.
const BEFORE: &[&str] = &[
    "error",
    "code",
    "status",
    "failure",
    "returned",
    "returns",
    "result",
    "err",
    "cudaerror",
    "cudaerror_t",
    "curesult",
];

/// Below it, a number is an exit status or a count as likely as CUDA's error.
const AMBIGUOUS: u16 = 30;

/// A question that is nothing but a number: `209`, `0x1e`, `(error 209)`.
pub(crate) fn alone(question: &str) -> Option<u16> {
    let text = question.trim_matches(|char: char| "()[]{}.,:;'".contains(char) || char.is_whitespace());
    let text = BEFORE.iter().find_map(|word| text.strip_prefix(word)).unwrap_or(text);
    number(text.trim_start_matches(|char: char| " =:(".contains(char)))
}

fn number(text: &str) -> Option<u16> {
    match text.strip_prefix("0x") {
        Some(digits) => u16::from_str_radix(digits, 16).ok(),
        None if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok(),
        None => None,
    }
}

/// The error numbers of a normalised line, each with its place.
pub(crate) fn inside(line: &str) -> Vec<(usize, u16)> {
    if !speaks_of_cuda(line) {
        return Vec::new();
    }
    let words: Vec<(usize, &str)> = words(line).collect();
    let mut found = Vec::new();
    for (index, (place, word)) in words.iter().enumerate() {
        let Some(number) = number(word).filter(|_| word.len() <= 3 || word.starts_with("0x")) else {
            continue;
        };
        let before = |back: usize| index.checked_sub(back).map(|index| words[index].1);
        // `error #20-D` is a compiler's; `error: 3.5` and `error 3/8` are no number of an error.
        let bytes = line.as_bytes();
        let joined = |byte: Option<&u8>| byte.is_some_and(|byte| b"#.-/".contains(byte));
        let end = place + word.len();
        let more = joined(bytes.get(end)) && bytes.get(end + 1).is_some_and(u8::is_ascii_digit);
        if joined(bytes[..*place].last()) || more {
            continue;
        }
        let called = before(1) == Some("failed") && before(2).is_some_and(|word| word.starts_with("cu"));
        let follows = called || before(1).is_some_and(|word| BEFORE.contains(&word));
        let names_cuda = before(2).is_some_and(|word| ["cuda", "gpuassert", "cudart"].contains(&word));
        if follows && (number >= AMBIGUOUS || names_cuda) {
            found.push((*place, number));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::normalize;

    #[track_caller]
    fn check(line: &str, expected: &[u16]) {
        let found: Vec<u16> = inside(&normalize(line)).into_iter().map(|(_, number)| number).collect();
        assert_eq!(found, expected, "{line}");
    }

    #[test]
    fn knows_numbers_that_are_errors() {
        check("[cuda]      unknown error (error 30) (hex 0x1E)", &[30]);
        check("CUDA failure 209: no kernel image", &[209]);
        check("checkCudaErrors() code=35(cudaErrorInsufficientDriver)", &[35]);
        check("cudaGetDeviceCount returned 100", &[100]);
        check("CUDA error 2 at x.cu", &[2]);
        check("cuInit failed: 100", &[100]);
        check("CUDA tests: failed 35", &[]);
        check("make: *** [Makefile:3: cuda.o] Error 35", &[]);
        check("/usr/local/cuda/x.h(3): error #135: class has no member", &[]);
        check("gcc: error 209 things", &[]);
        check("cuda 12.4 status 3.5", &[]);
        check("cuda: 1 error", &[]);
    }

    #[test]
    fn knows_questions_that_are_numbers() {
        for (text, expected) in [
            ("209", Some(209)),
            ("0x1e", Some(30)),
            ("(error 35)", Some(35)),
            ("error=999", Some(999)),
            ("2 errors", None),
            ("", None),
            ("99999999", None),
        ] {
            assert_eq!(alone(text), expected, "{text}");
        }
    }
}
