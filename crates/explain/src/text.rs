//! Texts as they are compared: what differs between terminals, locales and engines is made equal.

/// Lower case; one kind of quote; one space for any white space; no terminal colours, and none of the backslashes that
/// container engines put before quotes.
pub(crate) fn normalize(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '\u{1b}' if chars.peek() == Some(&'[') => {
                // ECMA-48, 5.4: a control sequence ends with a byte from 0x40 on; its `[` is such a byte itself.
                chars.next();
                while chars.next().is_some_and(|char| !('@'..='~').contains(&char)) {}
            }
            '\\' => {}
            '"' | '`' | '´' | '‘' | '’' | '“' | '”' => out.push('\''),
            char if char.is_whitespace() || char.is_control() => {
                if !out.ends_with(' ') && !out.is_empty() {
                    out.push(' ');
                }
            }
            char => out.extend(char.to_lowercase()),
        }
    }
    if out.ends_with(' ') {
        out.pop();
    }
    out
}

/// Whether a character is part of a word or an identifier.
pub(crate) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

/// The words of a normalised text, each with its place.
pub(crate) fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut rest = 0;
    std::iter::from_fn(move || {
        let bytes = text.as_bytes();
        while rest < bytes.len() && !is_word(bytes[rest]) {
            rest += 1;
        }
        let start = rest;
        while rest < bytes.len() && is_word(bytes[rest]) {
            rest += 1;
        }
        (start < rest).then(|| (start, &text[start..rest]))
    })
}

/// Whether a normalised line is about CUDA, so that its numbers and its everyday words can be CUDA's.
pub(crate) fn speaks_of_cuda(line: &str) -> bool {
    // make reports an exit status of its own with the name of a file, which may well be `cuda.o`.
    let is_make = line.starts_with("make:") || line.starts_with("make[") || line.starts_with("gmake");
    !is_make
        && [
            "cuda",
            "cuinit",
            "cudnn",
            "cublas",
            "cufft",
            "curand",
            "nvrtc",
            "gpuassert",
            "gpu error",
            "[trt]",
        ]
        .iter()
        .any(|word| line.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_matter_is_made_equal() {
        for (text, expected) in [
            ("", ""),
            ("  A\tb\r\n c  ", "a b c"),
            ("\u{1b}[1;31merror:\u{1b}[0m bad", "error: bad"),
            ("option ‘-mfpu=neon’ and \"x\" and `y'", "option '-mfpu=neon' and 'x' and 'y'"),
            (r#"caused \\\"exec format error\\\""#, "caused 'exec format error'"),
            ("\u{1b}[", ""),
        ] {
            assert_eq!(normalize(text), expected, "{text:?}");
        }
    }

    #[test]
    fn words_have_places() {
        let found: Vec<_> = words("a-b_c (42)").collect();
        assert_eq!(found, [(0, "a"), (2, "b_c"), (7, "42")]);
        assert_eq!(words("§").next(), Some((0, "§")));
    }

    #[test]
    fn knows_lines_about_cuda() {
        assert!(speaks_of_cuda("cuda error: out of memory"));
        assert!(!speaks_of_cuda("make: *** [makefile:3: cuda.o] error 1"));
        assert!(!speaks_of_cuda("malloc: out of memory"));
    }
}
