//! Takes comments out of texts, byte by byte in place, so that offsets and lines stay what they were.

use super::file_kind::Kind;

/// The text with blanks for its comments; of C and CUDA also for what string literals hold, but for `#include`.
pub(crate) fn mask(kind: Kind, text: &[u8]) -> Vec<u8> {
    let mut masked = text.to_vec();
    match kind {
        Kind::Source(_) => c(&mut masked),
        Kind::CMake => cmake(&mut masked),
        Kind::Make | Kind::QMake => lines(&mut masked, Hash::Anywhere),
        Kind::Autotools => {
            autoconf(&mut masked);
            lines(&mut masked, Hash::AtWord);
        }
        Kind::Python | Kind::Bazel | Kind::Meson => lines(&mut masked, Hash::Unquoted),
        Kind::Shell => lines(&mut masked, Hash::AtWord),
        Kind::Docker => lines(&mut masked, Hash::AtLine),
        Kind::CompileCommands | Kind::Machine => {}
    }
    masked
}

fn blank(bytes: &mut [u8]) {
    for byte in bytes.iter_mut().filter(|byte| **byte != b'\n') {
        *byte = b' ';
    }
}

/// What stands between the quotes of a literal; one that its line ends has no second quote.
fn blank_inside(literal: &mut [u8]) {
    let last = literal.len() - 1;
    let closed = last > 0 && literal[last] == literal[0];
    blank(&mut literal[1..if closed { last } else { last + 1 }]);
}

/// C, C++ and CUDA.
fn c(text: &mut [u8]) {
    let mut at = 0;
    let mut line_start = 0;
    while at < text.len() {
        let next = text.get(at + 1).copied();
        match text[at] {
            b'\n' => {
                line_start = at + 1;
                at += 1;
            }
            b'/' if next == Some(b'/') => at = line_comment(text, at),
            b'/' if next == Some(b'*') => {
                let end = find(&text[at + 2..], b"*/").map_or(text.len(), |end| at + 2 + end + 2);
                blank(&mut text[at..end]);
                at = end;
            }
            b'"' => {
                let end = if at > 0 && text[at - 1] == b'R' {
                    raw_string(text, at)
                } else {
                    literal(text, at, b'"')
                };
                if !is_include(&text[line_start..at]) {
                    blank_inside(&mut text[at..end]);
                }
                at = end;
            }
            b'\'' if at == 0 || !text[at - 1].is_ascii_alphanumeric() => {
                let end = literal(text, at, b'\'');
                blank_inside(&mut text[at..end]);
                at = end;
            }
            _ => at += 1,
        }
    }
}

/// To the end of the line; a backslash there takes the next line along.
fn line_comment(text: &mut [u8], start: usize) -> usize {
    let mut end = start;
    while end < text.len() && (text[end] != b'\n' || text[end - 1] == b'\\') {
        end += 1;
    }
    blank(&mut text[start..end]);
    end
}

/// The end of a literal, behind its closing quote; an open one ends with its line.
fn literal(text: &[u8], start: usize, quote: u8) -> usize {
    let mut at = start + 1;
    while at < text.len() {
        match text[at] {
            b'\\' => at += 2,
            b'\n' => return at,
            byte if byte == quote => return at + 1,
            _ => at += 1,
        }
    }
    text.len()
}

/// `R"mark(…)mark"`
fn raw_string(text: &[u8], start: usize) -> usize {
    let rest = &text[start + 1..];
    let Some(open) = rest.iter().take(17).position(|byte| *byte == b'(') else {
        return literal(text, start, b'"');
    };
    let end = [b")", &rest[..open], b"\""].concat();
    find(&rest[open..], &end).map_or(text.len(), |at| start + 1 + open + at + end.len())
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    memchr::memmem::find(text, what)
}

/// Whether a line begins as an `#include` does.
fn is_include(line: &[u8]) -> bool {
    let line = line.trim_ascii_start();
    line.strip_prefix(b"#").is_some_and(|rest| rest.trim_ascii_start().starts_with(b"include"))
}

/// CMake: `#` outside quotes, and `#[[…]]`.
fn cmake(text: &mut [u8]) {
    let (mut at, mut quoted) = (0, false);
    while at < text.len() {
        match text[at] {
            b'\\' => at += 1,
            b'"' => quoted = !quoted,
            b'#' if !quoted => {
                let end = bracket(&text[at + 1..]).map_or_else(|| end_of_line(text, at), |end| at + 1 + end);
                blank(&mut text[at..end]);
                at = end;
                continue;
            }
            _ => {}
        }
        at += 1;
    }
}

/// The end of `[==[…]==]`, if the text begins with it.
fn bracket(text: &[u8]) -> Option<usize> {
    let rest = text.strip_prefix(b"[")?;
    let equals = rest.iter().take_while(|byte| **byte == b'=').count();
    if rest.get(equals) != Some(&b'[') {
        return None;
    }
    let end = [b"]".as_slice(), &rest[..equals], b"]"].concat();
    Some(find(text, &end).map_or(text.len(), |at| at + end.len()))
}

fn end_of_line(text: &[u8], start: usize) -> usize {
    memchr::memchr(b'\n', &text[start..]).map_or(text.len(), |end| start + end)
}

/// Where a `#` begins a comment.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Hash {
    /// Anywhere but behind a backslash: make.
    Anywhere,
    /// Outside quotes that end on the same line: Python and its like.
    Unquoted,
    /// The same, at the beginning of a word: shells.
    AtWord,
    /// As the first character of a line: Dockerfiles.
    AtLine,
}

fn lines(text: &mut [u8], hash: Hash) {
    let mut start = 0;
    while start < text.len() {
        let end = end_of_line(text, start);
        let comment = comment_in(&text[start..end], hash);
        if let Some(comment) = comment {
            blank(&mut text[start + comment..end]);
        }
        start = end + 1;
    }
}

fn comment_in(line: &[u8], hash: Hash) -> Option<usize> {
    let first = memchr::memchr(b'#', line)?;
    if hash == Hash::AtLine {
        return line.trim_ascii_start().starts_with(b"#").then_some(0);
    }
    let (mut at, mut quote) = (0, None);
    while at < line.len() {
        match line[at] {
            b'\\' => at += 1,
            b'#' if at >= first => {
                let begins = at == 0 || line[at - 1].is_ascii_whitespace() || line[at - 1] == b';';
                let free = hash == Hash::Anywhere || quote.is_none();
                if free && (hash != Hash::AtWord || begins) {
                    return Some(at);
                }
            }
            byte @ (b'"' | b'\'') => match quote {
                None => quote = Some(byte),
                Some(open) if open == byte => quote = None,
                Some(_) => {}
            },
            _ => {}
        }
        at += 1;
    }
    None
}

/// Lines of `dnl`.
fn autoconf(text: &mut [u8]) {
    let mut start = 0;
    while start < text.len() {
        let end = end_of_line(text, start);
        if text[start..end].trim_ascii_start().starts_with(b"dnl") {
            blank(&mut text[start..end]);
        }
        start = end + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::super::file_kind::Language;
    use super::*;

    #[track_caller]
    fn check(kind: Kind, text: &str, expected: &str) {
        let masked = String::from_utf8(mask(kind, text.as_bytes())).unwrap();
        assert_eq!(masked, expected, "{kind:?}: {text}");
    }

    #[test]
    fn comments_of_c_go() {
        let c = Kind::Source(Language::C);
        check(c, "a // b\nc", "a     \nc");
        check(c, "a /* b\nc */ d", "a     \n     d");
        check(c, "f(\"// no\"); // x", "f(\"     \");     ");
        check(c, "#include \"a.h\" // x", "#include \"a.h\"     ");
        check(c, "1'000 // x\n'\"' b", "1'000     \n' ' b");
        check(c, "R\"(a \" // )\" b", "R\"         \" b");
        check(c, "a // b\\\nc\nd", "a      \n \nd");
        check(c, "\"open\nb", "\"   n\nb".replace('n', " ").as_str());
        check(c, "/*", "  ");
        check(c, "\"", "\"");
        check(c, "\"\\", "\"\\".replace('\\', " ").as_str());
    }

    #[test]
    fn comments_of_build_files_go() {
        check(Kind::CMake, "a # b\n\"#c\" #[[d\ne]] f", "a    \n\"#c\"     \n    f");
        check(Kind::Make, "A = 1 # b\nB = \\# c", "A = 1    \nB = \\# c");
        check(Kind::Shell, "a# b # c '#'", "a# b        ");
        check(Kind::Python, "a = '#' # b", "a = '#'    ");
        check(Kind::Docker, "RUN a # b\n# c", "RUN a # b\n   ");
        check(Kind::Autotools, "a\ndnl b\n# c", "a\n     \n   ");
        check(Kind::CMake, "#[==[ open", "          ");
    }

    proptest::proptest! {
        #[test]
        fn length_and_lines_stay(text in "[a-c/*#\"'\\\\\n()R\\[\\]=]{0,60}") {
            for kind in [Kind::Source(Language::C), Kind::CMake, Kind::Make, Kind::Shell, Kind::Python, Kind::Autotools] {
                let masked = mask(kind, text.as_bytes());
                proptest::prop_assert_eq!(masked.len(), text.len());
                let ends = |bytes: &[u8]| memchr::memchr_iter(b'\n', bytes).count();
                proptest::prop_assert_eq!(ends(&masked), ends(text.as_bytes()));
            }
        }
    }
}
