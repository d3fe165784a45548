//! What names may look like: of targets, of libraries, of images; and which known name a mistyped one is nearest to.

use std::borrow::Cow;

/// Names of programs and libraries that would collide with something else.
const RESERVED: &[(&str, &str)] = &[
    ("all", "make targets of that name exist"),
    ("build", "make targets of that name exist"),
    ("clean", "make targets of that name exist"),
    ("image", "make targets of that name exist"),
    ("install", "make targets of that name exist"),
    ("obj", "compiled objects are kept in a folder of that name"),
    ("c", "its file would stand in for the C library's"),
    ("m", "its file would stand in for the C library's"),
    ("dl", "its file would stand in for the C library's"),
    ("rt", "its file would stand in for the C library's"),
    ("pthread", "its file would stand in for the C library's"),
    ("stdc++", "its file would stand in for the C++ library's"),
    ("gcc_s", "its file would stand in for the compiler's"),
    ("cuda", "its file would stand in for the driver's"),
    ("cudart", "its file would stand in for CUDA's own"),
    ("cudart_static", "its file would stand in for CUDA's own"),
    ("cudadevrt", "its file would stand in for CUDA's own"),
];

/// The longest name of a target, in bytes: leaves room in a file name for `lib`, `.so` and a temporary suffix.
const LONGEST: usize = 128;

/// Whether `text` can name a target, a library or a pkg-config module: it starts with a letter, digit or `_`, and goes on
/// with those and `.`, `+`, `-`. So it is never taken for a flag, and never leaves its folder.
pub(crate) fn is_name(text: &str) -> bool {
    text.len() <= LONGEST
        && text.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '_')
        && text.bytes().all(is_name_byte)
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'+' | b'-')
}

/// Whether `text` is the plain name of a library, such as `cublas`, and not of the file that it is in.
pub(crate) fn is_library_name(text: &str) -> bool {
    let is_file = text.starts_with("lib") && (text.contains(".so") || text.strip_suffix(".a").is_some());
    is_name(text) && !is_file
}

/// Why no target may carry this name.
pub(crate) fn reserved(name: &str) -> Option<&'static str> {
    RESERVED.iter().find(|(reserved, _)| *reserved == name).map(|(_, reason)| *reason)
}

/// A name made of any text, such as a folder's: what a name cannot hold becomes one `-`.
pub(crate) fn name_from(text: &str) -> Option<String> {
    let mut name = String::new();
    for character in text.chars().take(LONGEST) {
        match u8::try_from(character) {
            Ok(byte) if is_name_byte(byte) => name.push(character),
            _ if !name.ends_with('-') => name.push('-'),
            _ => {}
        }
    }
    let name = name.trim_start_matches(['.', '+', '-']).trim_end_matches(['.', '-']);
    is_name(name).then(|| name.to_owned())
}

/// Whether `text` can name a variable of the C preprocessor or of an environment.
pub(crate) fn is_identifier(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Checks an image's name: `[HOST[:PORT]/]PATH[:TAG]` (distribution's reference grammar, without a digest).
pub(crate) fn check_image_name(text: &str) -> Result<(), &'static str> {
    if text.contains('@') {
        return Err("a digest is computed from the image, not given");
    }
    let (host, rest) = match text.split_once('/') {
        Some((host, rest)) if host.contains(['.', ':']) || host == "localhost" => (Some(host), rest),
        _ => (None, text),
    };
    if host.is_some_and(|host| !is_host(host)) {
        return Err("the part before the first `/` is no host and port");
    }
    let (path, tag) = rest.split_once(':').map_or((rest, None), |(path, tag)| (path, Some(tag)));
    if path.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err("only its tag may have capitals");
    }
    if !path.split('/').all(is_path_component) {
        return Err(
            "each part between `/` is small letters and digits, joined by `.`, `_`, `__` or any number of `-`",
        );
    }
    if text.len() - tag.map_or(0, |tag| tag.len() + 1) > 255 {
        return Err("it is longer than 255 bytes");
    }
    if tag.is_some_and(|tag| !is_tag(tag)) {
        return Err("a tag is up to 128 letters, digits, `_`, `.` and `-`, not starting with `.` or `-`");
    }
    Ok(())
}

fn is_host(text: &str) -> bool {
    let (name, port) = text.split_once(':').map_or((text, "0"), |(name, port)| (name, port));
    let label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    name.split('.').all(label)
        && port.parse::<u16>().is_ok_and(|_| port.bytes().all(|byte| byte.is_ascii_digit()))
}

fn is_path_component(text: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let joined =
        |joint: &[u8]| matches!(joint, b"." | b"_" | b"__") || joint.iter().all(|byte| *byte == b'-');
    let bytes = text.as_bytes();
    bytes.first().is_some_and(|first| is_word(*first))
        && bytes.last().is_some_and(|last| is_word(*last))
        && bytes.split(|byte| is_word(*byte)).all(joined)
}

fn is_tag(text: &str) -> bool {
    (1..=128).contains(&text.len())
        && !text.starts_with(['.', '-'])
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'))
}

/// `text` as one part of an image's name, or as its tag: small letters, digits, `.`, `_` and `-`.
pub(crate) fn image_word(text: &str) -> String {
    let mut word = String::new();
    for character in text.chars().flat_map(char::to_lowercase).take(LONGEST) {
        if character.is_ascii_alphanumeric() {
            word.push(character);
        } else if !word.is_empty() && !word.ends_with(['-', '.', '_']) {
            word.push(if matches!(character, '.' | '_') { character } else { '-' });
        }
    }
    word.truncate(word.trim_end_matches(['-', '.', '_']).len());
    word
}

/// The candidate that `text` was most likely meant to be: near enough by edits, or one of them inside the other.
pub(crate) fn nearest<'a>(text: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let text = plain(text);
    let limit = (text.chars().count() / 3).clamp(1, 4);
    let rank = |candidate: &str| {
        let candidate = plain(candidate);
        let inside = candidate.len() >= 3
            && text.len() >= 3
            && (text.contains(&*candidate) || candidate.contains(&*text));
        let edits = strsim::osa_distance(&text, &candidate);
        if edits <= limit { Some(edits) } else { inside.then_some(limit + 1) }
    };
    candidates.into_iter().filter_map(|candidate| Some((rank(candidate)?, candidate))).min().map(|(_, it)| it)
}

/// Small letters, with `-` for `_`; cut, since comparing costs the product of two lengths.
fn plain(text: &str) -> Cow<'_, str> {
    text.chars()
        .take(64)
        .map(|c| if c == '_' { '-' } else { c.to_ascii_lowercase() })
        .collect::<String>()
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn image_names_follow_the_reference_grammar() {
        for good in [
            "a",
            "edge-camera",
            "acme/edge-camera:1.0",
            "ghcr.io/acme/x",
            "localhost/x:y",
            "h:5000/a/b:T_1.2-3",
            "a__b",
            "a---b",
            "Host.example/x",
            "1.2.3.4:80/x",
        ] {
            assert_eq!(check_image_name(good), Ok(()), "`{good}`");
        }
        for bad in [
            "",
            "A",
            "acme/Edge",
            "a//b",
            "/a",
            "a/",
            "a:",
            "a:-x",
            "a:b:c",
            "a b",
            "a___b",
            "a.-b",
            "-a",
            "a-",
            "h:port/a",
            "a@sha256:00",
            "é",
            "h:70000/a",
            "h:+1/a",
            ".x/a",
        ] {
            assert!(check_image_name(bad).is_err(), "`{bad}` was taken");
        }
        assert!(check_image_name(&"a".repeat(256)).is_err());
    }

    #[test]
    fn folders_become_names() {
        for (folder, expected) in [
            ("edge-camera", Some("edge-camera")),
            ("My Project (2)", Some("My-Project-2")),
            (".hidden", Some("hidden")),
            ("Größe", Some("Gr-e")),
            ("--", None),
            ("", None),
        ] {
            assert_eq!(name_from(folder).as_deref(), expected, "`{folder}`");
        }
    }

    #[test]
    fn nearest_forgives_a_slip_not_another_word() {
        let known = ["sources", "include", "defines", "host-flags", "relocatable-device-code", "uses"];
        for (text, expected) in [
            ("source", Some("sources")),
            ("host_flags", Some("host-flags")),
            ("inlcude", Some("include")),
            ("include-dirs", Some("include")),
            ("relocatable", Some("relocatable-device-code")),
            ("colour", None),
            ("", None),
        ] {
            assert_eq!(nearest(text, known), expected, "`{text}`");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_made_is_valid(text in "\\PC{0,40}") {
            if let Some(name) = name_from(&text) {
                proptest::prop_assert!(is_name(&name));
            }
            let word = image_word(&text);
            proptest::prop_assert!(word.is_empty() || check_image_name(&word).is_ok(), "{}", word);
            proptest::prop_assert!(word.is_empty() || check_image_name(&format!("a:{word}")).is_ok(), "{}", word);
            let _ = nearest(&text, ["sources", "uses"]);
        }
    }
}
