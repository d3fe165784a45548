//! Comments out, logical lines joined: byte for byte in place.

use crate::Language;

/// Where `#` starts a comment.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Hash {
    Anywhere,
    /// At the start of a word.
    Word,
    /// At the start of a line.
    Line,
}

#[expect(clippy::struct_excessive_bools, reason = "each is a trait that a language has or has not")]
struct Manner {
    hash: Hash,
    quotes: &'static [u8],
    /// Whether a quoted text may hold line feeds.
    long_quotes: bool,
    /// Whether parentheses join lines.
    parentheses: bool,
    /// Triple quotes, and texts that stand alone are comments.
    python: bool,
    /// `#[[ … ]]`.
    brackets: bool,
}

fn manner(language: Language) -> Manner {
    let plain = Manner {
        hash: Hash::Word,
        quotes: b"",
        long_quotes: false,
        parentheses: false,
        python: false,
        brackets: false,
    };
    match language {
        Language::Cmake => Manner {
            hash: Hash::Anywhere,
            quotes: b"\"",
            long_quotes: true,
            parentheses: true,
            brackets: true,
            ..plain
        },
        Language::Python | Language::Bazel => {
            Manner { hash: Hash::Anywhere, quotes: b"'\"", parentheses: true, python: true, ..plain }
        }
        Language::Shell => Manner { quotes: b"'\"", long_quotes: true, ..plain },
        Language::Dockerfile => Manner { hash: Hash::Line, ..plain },
        _ => plain,
    }
}

/// `source` without comments; as long as it was.
pub(crate) fn mask(language: Language, source: &[u8]) -> Vec<u8> {
    let mut mask =
        Mask { source, out: source.to_vec(), at: 0, depth: 0, fresh: true, manner: manner(language) };
    mask.run();
    mask.out
}

struct Mask<'a> {
    source: &'a [u8],
    out: Vec<u8>,
    at: usize,
    /// Open parentheses.
    depth: usize,
    /// Nothing but blanks on this logical line yet.
    fresh: bool,
    manner: Manner,
}

impl Mask<'_> {
    fn run(&mut self) {
        while let Some(&byte) = self.source.get(self.at) {
            match byte {
                b'#' if self.starts_comment() => self.comment(),
                b'\\' => self.backslash(),
                b'\n' => self.line_feed(),
                b' ' | b'\t' | b'\r' => self.at += 1,
                _ if self.manner.quotes.contains(&byte) => self.quoted(byte),
                _ => {
                    if self.manner.parentheses {
                        match byte {
                            b'(' | b'[' | b'{' => self.depth += 1,
                            b')' | b']' | b'}' => self.depth = self.depth.saturating_sub(1),
                            _ => {}
                        }
                    }
                    self.fresh = false;
                    self.at += 1;
                }
            }
        }
    }

    fn starts_comment(&self) -> bool {
        let before = self.at.checked_sub(1).map(|at| self.source[at]);
        match self.manner.hash {
            Hash::Anywhere => true,
            Hash::Word => before.is_none_or(|before| before.is_ascii_whitespace() || before == b';'),
            Hash::Line => {
                let line = &self.source[..self.at];
                let blanks = line.iter().rev().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
                line.len() == blanks || line[line.len() - blanks - 1] == b'\n'
            }
        }
    }

    fn comment(&mut self) {
        let rest = &self.source[self.at..];
        let line = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        let mut length = line;
        if self.manner.brackets && rest[1..].starts_with(b"[") {
            let equals = rest[2..].iter().take_while(|byte| **byte == b'=').count();
            if rest.get(2 + equals) == Some(&b'[') {
                let close: Vec<u8> = [b"]".as_slice(), &vec![b'='; equals], b"]"].concat();
                length = memchr::memmem::find(rest, &close).map_or(rest.len(), |end| end + close.len());
            }
        }
        if self.manner.hash == Hash::Line && length < rest.len() && self.continued() {
            // A comment line within a continued instruction does not end it.
            length += 1;
        }
        self.blank(self.at, self.at + length);
        self.at += length;
    }

    /// Whether the line before this one was continued.
    fn continued(&self) -> bool {
        !self.fresh
    }

    fn blank(&mut self, from: usize, to: usize) {
        self.out[from..to].fill(b' ');
    }

    fn backslash(&mut self) {
        let length = match &self.source[self.at + 1..] {
            [b'\n', ..] => 2,
            [b'\r', b'\n', ..] => 3,
            _ => 0,
        };
        if length > 0 {
            self.blank(self.at, self.at + length);
            self.at += length;
        } else {
            self.fresh = false;
            self.at = (self.at + 2).min(self.source.len());
        }
    }

    fn line_feed(&mut self) {
        if self.depth > 0 {
            self.out[self.at] = b' ';
        } else {
            self.fresh = true;
        }
        self.at += 1;
    }

    fn quoted(&mut self, quote: u8) {
        let start = self.at;
        let alone = self.fresh && self.depth == 0;
        let triple = self.manner.python && self.source[start..].starts_with(&[quote; 3]);
        self.at += if triple { 3 } else { 1 };
        self.fresh = false;
        while let Some(&byte) = self.source.get(self.at) {
            if byte == b'\\' && (self.manner.python || quote != b'\'') {
                self.at = (self.at + 2).min(self.source.len());
            } else if byte == b'\n' && !triple && !self.manner.long_quotes {
                return;
            } else if triple && self.source[self.at..].starts_with(&[quote; 3]) {
                self.at += 3;
                break;
            } else if !triple && byte == quote {
                self.at += 1;
                break;
            } else {
                self.at += 1;
            }
        }
        let end = self.at.min(self.source.len());
        if triple && alone {
            self.blank(start, end);
        } else {
            // Within a text a line feed ends no logical line.
            for byte in &mut self.out[start..end] {
                if *byte == b'\n' {
                    *byte = b' ';
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(language: Language, source: &str, expected: &[&str]) {
        let out = mask(language, source.as_bytes());
        assert_eq!(out.len(), source.len());
        let out = String::from_utf8(out).unwrap();
        let lines: Vec<_> = out
            .lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
            .filter(|line| !line.is_empty())
            .collect();
        assert_eq!(lines, expected, "in {source:?}");
    }

    #[test]
    fn comments_go_and_lines_join() {
        check(Language::Make, "A = b \\\n  c # d\n#e\nf\\#g", &["A = b c", "f\\#g"]);
        check(
            Language::Shell,
            "a '# b\nc' \"d # e\" # f\necho ${x#y} $#",
            &["a '# b c' \"d # e\"", "echo ${x#y} $#"],
        );
        check(Language::Cmake, "set(A # x\n  \"b # c\" d)\n#[[ e\n f ]] g()", &["set(A \"b # c\" d)", "g()"]);
        check(
            Language::Python,
            "\"\"\"doc\n sm_87\"\"\"\nx = ['''a\nb''', # c\n 'd']\n",
            &["x = ['''a b''', 'd']"],
        );
        check(Language::Dockerfile, "FROM a#b\n# c\nRUN d \\\n  # e\n  f\n", &["FROM a#b", "RUN d f"]);
        check(Language::Requirements, "a==1 # b\n#c\ngit+x#egg=y", &["a==1", "git+x#egg=y"]);
    }
}
