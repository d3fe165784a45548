//! Words of commands as text, whatever bytes they hold: rules and logs want text, and nothing may be lost on the way.
//!
//! A byte that is no UTF-8 becomes one character of Unicode's last private plane, and back.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};

/// The character that stands for byte 0; that of byte `b` is `b` further on.
const BASE: u32 = 0x0010_FE00;

/// The text that stands for `word`. The same as `word` unless that is not UTF-8.
pub fn to_text(word: &OsStr) -> String {
    let mut text = String::with_capacity(word.len());
    for chunk in word.as_bytes().utf8_chunks() {
        for character in chunk.valid().chars() {
            if stands_for(character).is_some() {
                // The character itself is in use already: its bytes are told apart from it one by one.
                character.encode_utf8(&mut [0; 4]).bytes().for_each(|byte| text.push(stand_in(byte)));
            } else {
                text.push(character);
            }
        }
        chunk.invalid().iter().for_each(|byte| text.push(stand_in(*byte)));
    }
    text
}

/// The word that `text` stands for: see [`to_text`].
pub fn from_text(text: &str) -> OsString {
    let mut bytes = Vec::with_capacity(text.len());
    for character in text.chars() {
        match stands_for(character) {
            Some(byte) => bytes.push(byte),
            None => bytes.extend(character.encode_utf8(&mut [0; 4]).bytes()),
        }
    }
    OsString::from_vec(bytes)
}

fn stand_in(byte: u8) -> char {
    char::from_u32(BASE + u32::from(byte)).unwrap_or(char::REPLACEMENT_CHARACTER)
}

fn stands_for(character: char) -> Option<u8> {
    u32::from(character).checked_sub(BASE).and_then(|byte| u8::try_from(byte).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_as_it_is() {
        for text in ["", "-O2", "größe.cu", "a b\"c'\\\n", "\u{10ffff}"] {
            assert_eq!(to_text(text.as_ref()), text);
        }
        assert_eq!(to_text(OsStr::from_bytes(b"-I\xff/x")), "-I\u{10feff}/x");
    }

    proptest::proptest! {
        #[test]
        fn nothing_is_lost(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..40)) {
            let word = OsString::from_vec(bytes);
            proptest::prop_assert_eq!(from_text(&to_text(&word)), word);
        }

        #[test]
        fn nothing_is_lost_of_unusual_characters(text in "[\u{10fe00}-\u{10ffff}a]{0,9}") {
            proptest::prop_assert_eq!(from_text(&to_text(text.as_ref())), OsString::from(text));
        }
    }
}
