//! Text for a terminal: as wide as it is, and never an error where a reader goes away.

use std::io::{self, IsTerminal as _, Write as _};

use crate::failure::{Failure, Fault};

/// Where nobody says how wide a line may be.
const USUAL: usize = 80;
/// Lines longer than this are hard to read, however wide the window is.
const WIDEST: usize = 100;

/// How wide a line on standard output may be.
pub(crate) fn width() -> usize {
    let terminal = io::stdout().is_terminal().then(terminal_size::terminal_size).flatten();
    terminal.map_or(USUAL, |(width, _)| usize::from(width.0).clamp(40, WIDEST))
}

/// Writes to standard output: the only way there. See [`written`].
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    print_bytes(text.as_bytes())
}

/// The same for what need not be UTF-8: a patch of a source in another encoding.
pub(crate) fn print_bytes(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    written(out.write_all(bytes).and_then(|()| out.flush()))
}

/// What became of writing to standard output. A reader that has seen enough (`| head`) is no failure; a full disk is one.
pub(crate) fn written(result: io::Result<()>) -> Result<(), Failure> {
    match result {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::say(
            Fault::Machine,
            "output::write",
            format!("cannot write the answer: {error}"),
            "check where standard output leads",
        )),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// `1 file`, `2 files`.
pub(crate) fn counted(count: usize, one: &str, several: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { several })
}

/// `text` with what would move a cursor, change colours or reorder what is read made visible: control characters, and
/// those that set the direction of writing. For names and sources that come from outside.
pub(crate) fn visible(text: &str) -> String {
    let show = |char: char| -> String {
        match char {
            '\0'..='\u{1f}' => char::from_u32(0x2400 + u32::from(char)).unwrap_or('\u{fffd}').to_string(),
            '\u{7f}' => '\u{2421}'.to_string(),
            '\u{80}'..='\u{9f}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}' => {
                format!("<U+{:04X}>", u32::from(char))
            }
            _ => char.to_string(),
        }
    };
    text.chars().map(show).collect()
}

/// `text` in lines of at most `width` characters: the first begins with `first`, the others with as many spaces. What
/// stands in backticks is a command, and is kept together where a line can hold it.
pub(crate) fn wrap(text: &str, first: &str, width: usize) -> String {
    let indent = first.chars().count();
    let room = width.saturating_sub(indent).max(20);
    let mut out = first.to_owned();
    let mut used = 0;
    for word in pieces(text, room) {
        let length = word.chars().count();
        if used > 0 && used + 1 + length > room {
            out.push('\n');
            out.extend(std::iter::repeat_n(' ', indent));
            used = 0;
        } else if used > 0 {
            out.push(' ');
            used += 1;
        }
        out.push_str(&word);
        used += length;
    }
    out.push('\n');
    out
}

/// What a line may be broken between.
fn pieces(text: &str, room: usize) -> Vec<String> {
    let mut pieces: Vec<String> = Vec::new();
    let mut command: Option<String> = None;
    for word in text.split_whitespace() {
        let toggles = word.matches('`').count() % 2 == 1;
        match command.take() {
            Some(start) => {
                let joined = format!("{start} {word}");
                if toggles {
                    pieces.push(joined);
                } else {
                    command = Some(joined);
                }
            }
            None if toggles => command = Some(word.to_owned()),
            None => pieces.push(word.to_owned()),
        }
    }
    pieces.extend(command);
    let split = |piece: String| -> Vec<String> {
        if piece.chars().count() > room { piece.split(' ').map(str::to_owned).collect() } else { vec![piece] }
    };
    pieces.into_iter().flat_map(split).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_made_visible() {
        assert_eq!(visible("plain ä 漢"), "plain ä 漢");
        assert_eq!(visible("a\u{1b}[2J\n\u{7f}\u{9b}"), "a␛[2J␊␡<U+009B>");
        assert_eq!(visible("a\u{202e}b"), "a<U+202E>b");
    }

    #[test]
    fn wraps_between_words_and_keeps_commands_together() {
        let text = "see it with `cuferry inspect FILE`: what is inside";
        assert_eq!(wrap(text, "  ", 32), "  see it with\n  `cuferry inspect FILE`: what\n  is inside\n");
        assert_eq!(wrap(text, "1. ", 80), "1. see it with `cuferry inspect FILE`: what is inside\n");
        assert_eq!(wrap("", "- ", 40), "- \n");
        let long = format!("`{} b`", "a".repeat(50));
        assert_eq!(wrap(&long, "", 30), format!("`{}\nb`\n", "a".repeat(50)));
    }
}
