//! Tests of the machine, in whatever language: does `x` = `aarch64` hold on x86_64, and does it on aarch64?

/// A condition's value on x86_64 and on aarch64, where known.
pub(crate) type Values = [Option<bool>; 2];

/// Nesting deeper than this is taken as unknown.
const DEPTH: u32 = 32;

/// The signs of a comparison. A condition with a machine's name but none of these asks something else, such as whether
/// a folder exists.
const COMPARISONS: &[&str] = &[
    "=",
    "==",
    "!=",
    "=~",
    "STREQUAL",
    "MATCHES",
    "EQUAL",
    "in",
    "IN_LIST",
    "is",
    "grep",
    "startswith",
    "ifeq",
    "ifneq",
];

/// The value of `condition`, with its `and`, `or` and `not` in the spelling of any language.
pub(crate) fn evaluate(condition: &str) -> Values {
    expression(&words(condition), DEPTH)
}

/// What comparing with one of `text`'s machine names gives: none known where it has none. Of `x86_64-armv7l-linux`, which
/// stands for a host and a target, both have to hold.
pub(crate) fn names(text: &str) -> Values {
    let mut values = [None, None];
    // The one name with an underscore, which otherwise parts words: `linux_aarch64`.
    let text = text.to_ascii_lowercase().replace("x86_64", "amd64");
    for chunk in text.split(|letter: char| !letter.is_ascii_alphanumeric() && !"_-".contains(letter)) {
        let mut found = chunk.split(['-', '_']).filter_map(name).peekable();
        if found.peek().is_none() {
            continue;
        }
        let both = found.fold([true, true], |[x86, arm], [of_x86, of_arm]| [x86 && of_x86, arm && of_arm]);
        for (value, holds) in values.iter_mut().zip(both) {
            *value = Some(value.unwrap_or(false) || holds);
        }
    }
    values
}

/// Whether a word is x86_64's name, or aarch64's.
fn name(word: &str) -> Option<[bool; 2]> {
    match word {
        "aarch64" | "arm64" | "armv8" | "armv8a" | "armv8l" | "arm" | "sbsa" => Some([false, true]),
        "amd64" | "x86" | "x64" => Some([true, false]),
        // Neither: 32 bits, or another kind of CPU.
        "armv7" | "armv7l" | "armhf" | "armv6l" | "armv7a" | "ppc64le" | "powerpc64le" | "riscv64"
        | "s390x" | "i386" | "i686" => Some([false, false]),
        _ => None,
    }
}

/// Words, operators and parentheses.
fn words(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length =
            if let Some(two) = rest.get(..2).filter(|two| matches!(*two, "&&" | "||" | "==" | "!=" | "=~")) {
                two.len()
            } else if matches!(first, '"' | '\'') {
                let quoted = rest[1..].find(first).map_or(rest.len(), |end| end + 2);
                // An empty pair of quotes is a word too.
                quoted.max(1)
            } else if first.is_ascii_alphanumeric()
                || matches!(first, '_' | '$' | '{' | '}' | '.' | '-' | '*' | '/' | '^' | ':')
            {
                let word = |letter: char| letter.is_ascii_alphanumeric() || "_${}.-*/^:+".contains(letter);
                rest.find(|letter| !word(letter)).unwrap_or(rest.len())
            } else {
                first.len_utf8()
            };
        let (word, after) = rest.split_at(length);
        if !word.trim().is_empty() {
            found.push(word);
        }
        rest = after;
    }
    found
}

fn expression(words: &[&str], depth: u32) -> Values {
    let Some(depth) = depth.checked_sub(1) else { return [None; 2] };
    if let Some(parts) = split(words, &["||", "or", "OR"]) {
        return fold(&parts, depth, true);
    }
    if let Some(parts) = split(words, &["&&", "and", "AND"]) {
        return fold(&parts, depth, false);
    }
    match words {
        ["!" | "not" | "NOT", rest @ ..] => expression(rest, depth).map(|value| value.map(|value| !value)),
        ["(" | "[", rest @ .., ")" | "]"] => expression(rest, depth),
        _ => atom(words),
    }
}

/// The parts between these operators, outside parentheses; none where there is no such operator.
fn split<'a>(words: &'a [&'a str], operators: &[&str]) -> Option<Vec<&'a [&'a str]>> {
    let mut parts = Vec::new();
    let mut from = 0;
    let mut depth = 0_usize;
    for (at, word) in words.iter().enumerate() {
        match *word {
            "(" | "[" => depth += 1,
            ")" | "]" => depth = depth.saturating_sub(1),
            // `[[ a || b ]]` has its operators inside brackets of the test itself.
            _ if depth == 0 && operators.contains(word) => {
                parts.push(&words[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    (from > 0).then(|| {
        parts.push(&words[from..]);
        parts
    })
}

/// `any`: an or; otherwise an and.
fn fold(parts: &[&[&str]], depth: u32, any: bool) -> Values {
    let mut values = [Some(!any); 2];
    for part in parts {
        let part = expression(part, depth);
        for (value, part) in values.iter_mut().zip(part) {
            *value = match (*value, part) {
                (Some(known), _) if known == any => Some(any),
                (_, Some(known)) if known == any => Some(any),
                (Some(_), Some(_)) => Some(!any),
                _ => None,
            };
        }
    }
    values
}

fn atom(words: &[&str]) -> Values {
    let compares = words.iter().any(|word| COMPARISONS.contains(word) || word.ends_with(".startswith"));
    if !compares {
        return [None; 2];
    }
    let negated =
        words.iter().filter(|word| matches!(**word, "!=" | "not" | "NOT" | "ifneq")).count() % 2 == 1;
    let values = names(&words.join(" "));
    if negated { values.map(|value| value.map(|value| !value)) } else { values }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(condition: &str, x86: Option<bool>, arm: Option<bool>) {
        assert_eq!(evaluate(condition), [x86, arm], "`{condition}`");
    }

    #[test]
    fn tests_of_the_machine_are_understood() {
        let (yes, no) = (Some(true), Some(false));
        check("CMAKE_SYSTEM_PROCESSOR MATCHES \"aarch64|arm64\"", no, yes);
        check("CMAKE_SYSTEM_PROCESSOR STREQUAL x86_64 OR WIN32", yes, None);
        check("NOT (CMAKE_SYSTEM_PROCESSOR STREQUAL \"x86_64\")", no, yes);
        check("[ \"$(uname -m)\" = \"aarch64\" ]", no, yes);
        check("[[ $ARCH == aarch64 && -d /opt ]]", no, None);
        check("[ $(uname -m) != x86_64 ]", no, yes);
        check("platform.machine() == 'aarch64'", no, yes);
        check("platform.machine() in ('x86_64', 'amd64')", yes, no);
        check("platform.machine().startswith(\"aarch64\")", no, yes);
        check("uname -m | grep -q aarch64", no, yes);
        check("machine not in ('aarch64',)", yes, no);
        check("[ -d /usr/lib/aarch64-linux-gnu ]", None, None);
        check("A STREQUAL x86_64-armv7l-linux", no, no);
        check("USE_CUDA", None, None);
        check(&"(".repeat(5000), None, None);
    }
}
