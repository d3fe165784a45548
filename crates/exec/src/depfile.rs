//! Make-style dependency files, as gcc, clang and nvcc write them: text in, the files read out.
//!
//! Not a Makefile parser: no variables, no recipes.

use thiserror::Error;

/// Text that no compiler writes as a dependency file.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DepfileError {
    /// A rule without targets.
    #[error("has no `:` after the targets in line {line}")]
    NoColon {
        /// Counted from 1; where the rule begins.
        line: usize,
    },
    /// No file name holds a NUL byte.
    #[error("holds a NUL byte in line {line}")]
    Nul {
        /// Counted from 1; where the rule begins.
        line: usize,
    },
    /// Every path of a build is UTF-8.
    #[error("names a file whose name is not UTF-8 in line {line}")]
    NotUtf8 {
        /// Counted from 1.
        line: usize,
    },
}

/// The prerequisites of all rules, in the order of writing. The phony rules of `-MP` (`header.h:`) add none.
///
/// Spelling, from gcc's `libcpp/mkdeps.cc` (`munge`): before a space, 2N+1 backslashes are N backslashes and the space
/// itself, 2N are N backslashes and the end of the name; `\#` is `#`, `\:` is `:`, `$$` is `$`; any other backslash is
/// meant. A backslash that ends a line joins it with the next.
///
/// # Errors
/// When a rule has no colon, or a name holds a NUL byte.
pub(crate) fn parse(text: &str) -> Result<Vec<String>, DepfileError> {
    let mut prerequisites = Vec::new();
    for (line, rule) in rules(text) {
        if rule.contains('\0') {
            return Err(DepfileError::Nul { line });
        }
        if rule.trim().is_empty() || rule.starts_with('#') {
            continue;
        }
        let (_, after_targets) = split_targets(&rule).ok_or(DepfileError::NoColon { line })?;
        prerequisites.extend(words(after_targets));
    }
    Ok(prerequisites)
}

/// Lines with their continuations joined, each with the number of its first line.
fn rules(text: &str) -> Vec<(usize, String)> {
    let mut rules = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (index, line) in text.split('\n').enumerate() {
        let line = line.strip_suffix('\r').unwrap_or(line);
        let (_, rule) = open.get_or_insert_with(|| (index + 1, String::new()));
        if let Some(continued) = line.strip_suffix('\\') {
            rule.push_str(continued);
            rule.push(' ');
        } else {
            rule.push_str(line);
            rules.extend(open.take());
        }
    }
    rules.extend(open);
    rules
}

/// Cuts at the first colon that a blank or the end follows: gcc before version 10 leaves colons inside names bare.
fn split_targets(rule: &str) -> Option<(&str, &str)> {
    let ends_targets = |at: &usize| {
        let escaped = rule[..*at].ends_with('\\');
        !escaped && rule[at + 1..].chars().next().is_none_or(is_blank)
    };
    let at = rule.match_indices(':').map(|(at, _)| at).find(ends_targets)?;
    Some((&rule[..at], &rule[at + 1..]))
}

fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\\' => {
                let mut count = 1;
                while characters.next_if_eq(&'\\').is_some() {
                    count += 1;
                }
                let (kept, escaped) = match characters.peek() {
                    Some(next) if is_blank(*next) => (count / 2, count % 2 == 1),
                    Some('#' | ':') => (count - 1, true),
                    _ => (count, false),
                };
                word.extend(std::iter::repeat_n('\\', kept));
                if escaped {
                    word.extend(characters.next());
                }
            }
            '$' => {
                characters.next_if_eq(&'$');
                word.push('$');
            }
            blank if is_blank(blank) => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
            }
            other => word.push(other),
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

fn is_blank(character: char) -> bool {
    matches!(character, ' ' | '\t')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let expected = expected.iter().map(|word| (*word).to_owned()).collect();
        assert_eq!(parse(text), Ok(expected), "parsing {text:?}");
    }

    #[test]
    fn reads_what_compilers_write() {
        check("", &[]);
        check("\n\n", &[]);
        check("a.o: a.c", &["a.c"]);
        check("a.o: a.c b.h\n", &["a.c", "b.h"]);
        check("a.o : a.cu \\\n    b.h \\\n    /usr/include/c.h\n", &["a.cu", "b.h", "/usr/include/c.h"]);
        check("a.o: a.c \\\r\n b.h\r\n", &["a.c", "b.h"]);
        check("a.o a.d: a.c\n", &["a.c"]);
        check("a.o: a.c b.h\n\nb.h:\n", &["a.c", "b.h"]);
        check("a.o: a.c\nb.o: b.c", &["a.c", "b.c"]);
        check("# made by hand\na.o: a.c\n", &["a.c"]);
        check("a.o:\\\n a.c", &["a.c"]);
        check("a.o: a.c \\", &["a.c"]);
        check("a.o:\n", &[]);
    }

    #[test]
    fn reads_escaped_names() {
        check(r"a.o: with\ space.h two\ more\ spaces.h", &["with space.h", "two more spaces.h"]);
        check("a.o: tab\\\there.h", &["tab\there.h"]);
        check("a.o: $$dollar.h one$dollar.h", &["$dollar.h", "one$dollar.h"]);
        check(r"a.o: \#hash.h bare#hash.h", &["#hash.h", "bare#hash.h"]);
        check(r"a.o: back\slash.h", &[r"back\slash.h"]);
        check(r"a.o: back\\\ slash.h ends\\ next.h", &[r"back\ slash.h", r"ends\", "next.h"]);
        check(r"a\:b.o: c\:d.h e:f.h", &["c:d.h", "e:f.h"]);
        check("C:x.o: a.c", &["a.c"]);
        check(r"with\ space.o: a.c", &["a.c"]);
        check("größe.o: größe.h", &["größe.h"]);
    }

    #[test]
    fn reads_what_real_compilers_wrote() {
        // One source that includes awkwardly named headers.
        let headers = ["t.cu", "with space/a b.h", "dollar$x/d.h", "has#hash/e.h", "co:lon/f.h"];
        // g++ 12.2 -MMD -MP, and clang++ 14 with longer indents.
        let gnu = "o\\ ut.o: t.cu with\\ space/a\\ b.h dollar$$x/d.h has\\#hash/e.h co:lon/f.h \\\n back\\slash.h\n\
                   with\\ space/a\\ b.h:\n\ndollar$$x/d.h:\nhas\\#hash/e.h:\nco:lon/f.h:\nback\\slash.h:\n";
        check(gnu, &[&headers[..], &["back\\slash.h"]].concat());
        // nvcc 13.0 -MMD: escapes spaces and nothing else.
        let nvcc = "n.o : t.cu \\\n    with\\ space/a\\ b.h \\\n    dollar$x/d.h \\\n    has#hash/e.h \\\n    co:lon/f.h\n";
        check(nvcc, &headers);
    }

    #[test]
    fn refuses_what_is_no_rule() {
        let message = |text| parse(text).unwrap_err().to_string();
        assert_eq!(message("a.o: a.c\n\nb.h \\\n c.h"), "has no `:` after the targets in line 3");
        assert_eq!(message("a.o: a\0b"), "holds a NUL byte in line 1");
    }

    /// As gcc's `munge` spells a name.
    fn spelt(name: &str) -> String {
        let mut text = String::new();
        let mut backslashes = 0;
        for character in name.chars() {
            match character {
                ' ' | '\t' => text.extend(std::iter::repeat_n('\\', backslashes + 1)),
                '#' | ':' => text.push('\\'),
                '$' => text.push('$'),
                _ => {}
            }
            backslashes = if character == '\\' { backslashes + 1 } else { 0 };
            text.push(character);
        }
        text
    }

    proptest! {
        #[test]
        fn reads_back_every_name_that_gcc_can_spell(
            // gcc has no spelling for a name that ends in a backslash, nor for line ends.
            names in proptest::collection::vec(r"[a-z\\ \t#:$ä./-]{0,12}[a-z]", 0..8),
            continued in proptest::collection::vec(any::<bool>(), 8),
        ) {
            let mut text = "out.o:".to_owned();
            for (name, continued) in names.iter().zip(continued) {
                text += if continued { " \\\n  " } else { " " };
                text += &spelt(name);
            }
            prop_assert_eq!(parse(&text), Ok(names));
        }

        #[test]
        fn never_panics(text in r"[a:\\ \n\r#$\t\x00é]{0,40}") {
            let _ = parse(&text);
        }
    }
}
