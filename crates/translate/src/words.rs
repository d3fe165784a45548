//! Words inside words: response files, nvcc's variables, and the lists that one tool hands on to another.
//!
//! Each tool splits in its own way; the rules were found by asking the tools (nvcc 13.5 with `--dryrun`, gcc 12 and clang 14
//! with `-###`), and libiberty's `buildargv` and LLVM's `TokenizeGNUCommandLine` say the same of theirs.

/// The words of a response file of gcc, clang, ld or ar: both quotes group and vanish, a backslash takes the next
/// character as it is.
pub(crate) fn gnu_response(text: &str) -> Vec<String> {
    split(text, |quotes| quotes == '"' || quotes == '\'')
}

/// The words of an options file of nvcc: only double quotes group, and vanish; a backslash takes the next character as it
/// is, unless that is a quote, which groups all the same.
pub(crate) fn nvcc_options(text: &str) -> Vec<String> {
    let unescaped_quotes = text.replace("\\\"", "\"");
    split(&unescaped_quotes, |quotes| quotes == '"')
}

fn split(text: &str, quotes: impl Fn(char) -> bool) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut open = None;
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => word.get_or_insert_default().extend(characters.next()),
            quote if open == Some(quote) => open = None,
            quote if open.is_none() && quotes(quote) => {
                open = Some(quote);
                word.get_or_insert_default();
            }
            blank if open.is_none() && blank.is_ascii_whitespace() => words.extend(word.take()),
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    words
}

/// A response file of gcc, clang, ld or ar that reads back as `words`.
pub fn response_file(words: &[String]) -> String {
    let mut text = String::new();
    for word in words {
        text.push('"');
        for character in word.chars() {
            if matches!(character, '"' | '\\') {
                text.push('\\');
            }
            text.push(character);
        }
        text.push_str("\"\n");
    }
    text
}

/// The words of `NVCC_PREPEND_FLAGS` or `NVCC_APPEND_FLAGS`: split at blanks outside double quotes, which stay.
pub(crate) fn nvcc_variable(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quoted = false;
    for character in text.chars() {
        quoted ^= character == '"';
        if character.is_ascii_whitespace() && !quoted {
            words.extend(Some(std::mem::take(&mut word)).filter(|word| !word.is_empty()));
        } else {
            word.push(character);
        }
    }
    words.extend(Some(word).filter(|word| !word.is_empty()));
    words
}

/// The elements of one of nvcc's lists (`-Xcompiler`, `-I`), as nvcc hands them on: split at commas outside double quotes; a
/// backslash takes the next character as it is. Nothing for an open quote or a backslash at the end, which nvcc refuses.
pub(crate) fn nvcc_list(text: &str) -> Option<Vec<String>> {
    let mut elements = Vec::new();
    let mut element = String::new();
    let mut quoted = false;
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => element.push(characters.next()?),
            ',' if !quoted => elements.push(std::mem::take(&mut element)),
            other => {
                quoted ^= other == '"';
                element.push(other);
            }
        }
    }
    elements.push(element);
    elements.retain(|element| !element.is_empty());
    (!quoted).then_some(elements)
}

/// One of nvcc's lists that reads back as `elements`.
pub(crate) fn nvcc_list_of(elements: &[String]) -> String {
    let mut text = String::new();
    for (index, element) in elements.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        for character in element.chars() {
            if matches!(character, '"' | '\\' | ',') {
                text.push('\\');
            }
            text.push(character);
        }
    }
    text
}

/// The words of a piece of shell text without expansions, such as a value of `CFLAGS`: split at blanks outside quotes,
/// which stay, so that joining with blanks gives the same text back.
pub(crate) fn shell_pieces(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut open = None;
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            blank if open.is_none() && blank.is_ascii_whitespace() => {
                words.extend(Some(std::mem::take(&mut word)).filter(|word| !word.is_empty()));
                continue;
            }
            quote @ ('"' | '\'') if open.is_none() => open = Some(quote),
            quote if open == Some(quote) => open = None,
            '\\' if open != Some('\'') => {
                word.push('\\');
                word.extend(characters.next());
                continue;
            }
            _ => {}
        }
        word.push(character);
    }
    words.extend(Some(word).filter(|word| !word.is_empty()));
    words
}

/// A word as a shell has to be given it: in double quotes where it holds more than plain characters.
pub(crate) fn shell_word(word: &str) -> String {
    let plain = |character: char| character.is_alphanumeric() || "_-./:=+@%,".contains(character);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    let mut text = String::from("\"");
    for character in word.chars() {
        if "\"\\$`".contains(character) {
            text.push('\\');
        }
        text.push(character);
    }
    text.push('"');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(found: &[String], expected: &[&str]) {
        assert_eq!(found, expected);
    }

    /// Each as `gcc -###` and `clang -###` showed it.
    #[test]
    fn gnu_response_files() {
        check(
            &gnu_response(
                "-DF1 -DF2=\"a b\"\n-DF3\t-DF4 \\\n -DF5 '-DF 6' \\\"-DF7 # c\n-DF8=\\,x \"-DF 9\" @o3",
            ),
            &[
                "-DF1", "-DF2=a b", "-DF3", "-DF4", "\n", "-DF5", "-DF 6", "\"-DF7", "#", "c", "-DF8=,x",
                "-DF 9", "@o3",
            ],
        );
        check(&gnu_response("a '' \"un closed"), &["a", "", "un closed"]);
        check(&gnu_response(""), &[]);
    }

    /// Each as `nvcc --dryrun -optf` showed it.
    #[test]
    fn nvcc_options_files() {
        check(&nvcc_options("-DX=\"a b\" \"-DY=a b\""), &["-DX=a b", "-DY=a b"]);
        check(&nvcc_options("'-DX=a b'"), &["'-DX=a", "b'"]);
        check(&nvcc_options("-DX=\\\"s\\\" -DY=a\\ b -DZ=\\t"), &["-DX=s", "-DY=a b", "-DZ=t"]);
        check(&nvcc_options("-Xcompiler \"-DA,-DB\"\n-optf x"), &["-Xcompiler", "-DA,-DB", "-optf", "x"]);
    }

    /// Each as `nvcc --dryrun` showed it.
    #[test]
    fn nvcc_variables() {
        check(&nvcc_variable("-DX=\"a b\"\t-DY\n-DZ='a'"), &["-DX=\"a b\"", "-DY", "-DZ='a'"]);
        check(&nvcc_variable("'-DX=a b'"), &["'-DX=a", "b'"]);
        check(&nvcc_variable(" -DX=\\\\t "), &["-DX=\\\\t"]);
    }

    /// Each as `nvcc --dryrun -Xcompiler` showed it.
    #[test]
    fn nvcc_lists() {
        let check = |text: &str, expected: &[&str]| {
            assert_eq!(nvcc_list(text).unwrap(), expected, "`{text}`");
        };
        check("-DA,-DB", &["-DA", "-DB"]);
        check("-DA -DB", &["-DA -DB"]);
        check("\"-DA,-DB\"", &["\"-DA,-DB\""]);
        check("\\\"-DA,-DB\\\"", &["\"-DA", "-DB\""]);
        check("'-DA,-DB'", &["'-DA", "-DB'"]);
        check("-DA=\"x,y\",-DC", &["-DA=\"x,y\"", "-DC"]);
        check("-DA=\\,y,-DC", &["-DA=,y", "-DC"]);
        check("-DA=\\\\,-DC", &["-DA=\\", "-DC"]);
        check("-DA=\\n,-DC", &["-DA=n", "-DC"]);
        check("-DA,,-DB", &["-DA", "-DB"]);
        check("-DA=\"x\\\"y,z\",-DC", &["-DA=\"x\"y,z\"", "-DC"]);
        check("-DA=(x,y)", &["-DA=(x", "y)"]);
        check("", &[]);
        for refused in ["-DA=\"x", "-DA\\"] {
            assert_eq!(nvcc_list(refused), None, "`{refused}`");
        }
    }

    proptest::proptest! {
        #[test]
        fn lists_and_files_are_read_back(words in proptest::collection::vec("[ -~\u{e4}]{1,12}", 0..6)) {
            proptest::prop_assert_eq!(nvcc_list(&nvcc_list_of(&words)).unwrap(), words.clone());
            proptest::prop_assert_eq!(gnu_response(&response_file(&words)), words);
        }

        #[test]
        fn any_text_is_split(text in "\\PC{0,80}") {
            let _ = (gnu_response(&text), nvcc_options(&text), nvcc_variable(&text), nvcc_list(&text));
            let words: Vec<_> = text.split_ascii_whitespace().collect();
            proptest::prop_assert_eq!(shell_pieces(&text).concat().replace([' ', '\t', '\n', '\r', '\u{c}'], ""),
                words.concat());
        }
    }
}
