//! C, C++ and CUDA C++ as words and marks, with the lines they stand on: enough to find declarations in real code.
//!
//! Comments and the insides of literals are gone, and so is what `#if 0` hides; macros are not expanded. Any bytes are
//! taken: what is malformed ends at the end of its line.

/// A word or mark of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token<'a> {
    /// The line that it starts on, from 1.
    pub(super) line: usize,
    /// What it is.
    pub(super) kind: Kind<'a>,
}

/// What a token is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind<'a> {
    /// An identifier or keyword.
    Word(&'a [u8]),
    /// One byte of punctuation.
    Mark(u8),
    /// A number, character or string.
    Literal,
    /// `#include`.
    Include {
        /// What stands between the quotes or angles.
        name: String,
        /// Whether it is in quotes.
        quoted: bool,
    },
    /// `#if`, `#ifdef`, `#ifndef`, with the text of the condition.
    If(String),
    /// `#elif`, `#else` and their kin.
    Else,
    /// `#endif`.
    EndIf,
}

/// Every token of `bytes` that is not hidden by `#if 0`.
pub(super) fn tokens(bytes: &[u8]) -> Vec<Token<'_>> {
    let mut lexer =
        Lexer { bytes, at: 0, line: 1, line_start: true, conditionals: Vec::new(), tokens: Vec::new() };
    while lexer.at < bytes.len() {
        lexer.step();
    }
    lexer.tokens
}

struct Lexer<'a> {
    bytes: &'a [u8],
    at: usize,
    line: usize,
    /// Nothing but blanks and comments so far on this line.
    line_start: bool,
    conditionals: Vec<Conditional>,
    tokens: Vec<Token<'a>>,
}

/// An open `#if`: what is known of its branches.
struct Conditional {
    /// Whether the branch now is compiled, where that is plain to see.
    now: Option<bool>,
    /// A branch before is surely compiled.
    taken: bool,
    /// All branches before are surely not.
    refused: bool,
}

impl<'a> Lexer<'a> {
    fn peek(&self, ahead: usize) -> u8 {
        self.bytes.get(self.at + ahead).copied().unwrap_or(0)
    }

    fn starts_with(&self, text: &[u8]) -> bool {
        self.bytes[self.at..].starts_with(text)
    }

    /// One byte on, counting lines.
    fn bump(&mut self) {
        if self.peek(0) == b'\n' {
            self.line += 1;
        }
        self.at += 1;
    }

    fn bump_by(&mut self, count: usize) {
        for _ in 0..count.min(self.bytes.len() - self.at) {
            self.bump();
        }
    }

    /// The length of a backslash and the end of its line, which join two lines; 0 where there is none.
    fn splice(&self) -> usize {
        match (self.peek(0), self.peek(1), self.peek(2)) {
            (b'\\', b'\n', _) => 2,
            (b'\\', b'\r', b'\n') => 3,
            _ => 0,
        }
    }

    fn push(&mut self, line: usize, kind: Kind<'a>) {
        if self.conditionals.iter().all(|conditional| conditional.now != Some(false)) {
            self.tokens.push(Token { line, kind });
        }
    }

    fn step(&mut self) {
        let (line, byte) = (self.line, self.peek(0));
        if self.splice() > 0 {
            return self.bump_by(self.splice());
        }
        match byte {
            b'\n' => {
                self.bump();
                self.line_start = true;
                return;
            }
            _ if byte.is_ascii_whitespace() => return self.bump(),
            b'/' if self.skip_comment() => return,
            b'#' if self.line_start => self.directive(),
            b'"' => self.quoted(b'"'),
            b'\'' => self.quoted(b'\''),
            b'0'..=b'9' => self.number(),
            b'.' if self.peek(1).is_ascii_digit() => self.number(),
            _ if is_word_byte(byte) => self.word(line),
            _ => {
                self.push(line, Kind::Mark(byte));
                self.bump();
            }
        }
        self.line_start = false;
    }

    /// Skips a comment, if one starts here.
    fn skip_comment(&mut self) -> bool {
        if self.starts_with(b"//") {
            while self.at < self.bytes.len() && self.peek(0) != b'\n' {
                self.bump_by(self.splice().max(1));
            }
            return true;
        }
        if self.starts_with(b"/*") {
            self.bump_by(2);
            while self.at < self.bytes.len() && !self.starts_with(b"*/") {
                self.bump();
            }
            self.bump_by(2);
            return true;
        }
        false
    }

    fn word(&mut self, line: usize) {
        let start = self.at;
        while is_word_byte(self.peek(0)) {
            self.at += 1;
        }
        let word = &self.bytes[start..self.at];
        let quote = self.peek(0);
        match word {
            b"R" | b"LR" | b"uR" | b"UR" | b"u8R" if quote == b'"' => self.raw_string(),
            b"L" | b"u" | b"U" | b"u8" if matches!(quote, b'"' | b'\'') => self.quoted(quote),
            _ => self.push(line, Kind::Word(word)),
        }
    }

    /// A preprocessing number, with the `'` that C++14 allows between digits.
    fn number(&mut self) {
        let line = self.line;
        loop {
            let (byte, next) = (self.peek(0), self.peek(1));
            let sign_follows = matches!(byte, b'e' | b'E' | b'p' | b'P') && matches!(next, b'+' | b'-');
            let digits_go_on = byte == b'\'' && is_word_byte(next);
            if sign_follows || digits_go_on {
                self.at += 2;
            } else if is_word_byte(byte) || byte == b'.' {
                self.at += 1;
            } else {
                break;
            }
        }
        self.push(line, Kind::Literal);
    }

    /// A string or character, up to its quote or the end of its line.
    fn quoted(&mut self, quote: u8) {
        let line = self.line;
        self.bump();
        while self.at < self.bytes.len() && self.peek(0) != b'\n' {
            if self.splice() > 0 {
                self.bump_by(self.splice());
            } else if self.peek(0) == b'\\' && self.peek(1) != b'\n' {
                self.bump_by(2);
            } else if self.peek(0) == quote {
                self.bump();
                break;
            } else {
                self.bump();
            }
        }
        self.push(line, Kind::Literal);
    }

    /// `R"delimiter(…)delimiter"`; the delimiter has 16 bytes at most ([lex.string]).
    fn raw_string(&mut self) {
        let line = self.line;
        let rest = &self.bytes[self.at + 1..];
        let Some(length) = rest.iter().take(17).position(|byte| *byte == b'(') else {
            return self.quoted(b'"');
        };
        let end = [b")", &rest[..length], b"\""].concat();
        self.bump_by(length + 2);
        while self.at < self.bytes.len() && !self.starts_with(&end) {
            self.bump();
        }
        self.bump_by(end.len());
        self.push(line, Kind::Literal);
    }

    fn directive(&mut self) {
        let line = self.line;
        self.bump();
        let text = self.directive_text();
        let text = text.trim_start();
        let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
        let (name, rest) = (&text[..end], text[end..].trim());
        match name {
            "include" | "include_next" | "import" => {
                if let Some((name, quoted)) = included(rest) {
                    self.push(line, Kind::Include { name, quoted });
                }
            }
            "if" | "ifdef" | "ifndef" => {
                let now = if name == "if" { known_value(rest) } else { None };
                let condition = if name == "if" { rest.to_owned() } else { format!("{name} {rest}") };
                self.push(line, Kind::If(condition));
                self.conditionals.push(Conditional {
                    now,
                    taken: now == Some(true),
                    refused: now == Some(false),
                });
            }
            "elif" | "elifdef" | "elifndef" | "else" => {
                if let Some(mut conditional) = self.conditionals.pop() {
                    let own = match name {
                        "else" => conditional.refused.then_some(true),
                        "elif" => known_value(rest),
                        _ => None,
                    };
                    conditional.now = if conditional.taken { Some(false) } else { own };
                    conditional.taken |= conditional.now == Some(true);
                    conditional.refused &= conditional.now == Some(false);
                    // Shown whichever branches are hidden: what `#if` opened must be seen to go on.
                    self.push(line, Kind::Else);
                    self.conditionals.push(conditional);
                }
            }
            "endif" if self.conditionals.pop().is_some() => self.push(line, Kind::EndIf),
            _ => {}
        }
    }

    /// The rest of a directive: joined lines, without comments.
    fn directive_text(&mut self) -> String {
        let mut text = Vec::new();
        let mut in_string = false;
        while self.at < self.bytes.len() && self.peek(0) != b'\n' {
            if self.splice() > 0 {
                self.bump_by(self.splice());
            } else if !in_string && self.skip_comment() {
                text.push(b' ');
            } else {
                in_string ^= self.peek(0) == b'"';
                text.push(self.peek(0));
                self.bump();
            }
        }
        String::from_utf8_lossy(&text).into_owned()
    }
}

fn is_word_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || byte >= 0x80
}

/// The value of a condition, where it needs no macro.
fn known_value(condition: &str) -> Option<bool> {
    match condition.trim_matches(|c: char| matches!(c, '(' | ')') || c.is_whitespace()) {
        "0" | "false" => Some(false),
        "1" | "true" => Some(true),
        _ => None,
    }
}

fn included(rest: &str) -> Option<(String, bool)> {
    let quoted = rest.starts_with('"');
    let inner = rest.strip_prefix(if quoted { '"' } else { '<' })?;
    let name = &inner[..inner.find(if quoted { '"' } else { '>' })?];
    (!name.is_empty()).then(|| (name.to_owned(), quoted))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Words and marks as text, `~` for a literal.
    fn shown(text: &str) -> String {
        let show = |token: Token<'_>| match token.kind {
            Kind::Word(word) => String::from_utf8_lossy(word).into_owned(),
            Kind::Mark(mark) => char::from(mark).to_string(),
            Kind::Literal => "~".to_owned(),
            Kind::Include { name, quoted } => format!("include:{name}:{quoted}"),
            Kind::If(condition) => format!("if:{condition}"),
            Kind::Else => "else".to_owned(),
            Kind::EndIf => "endif".to_owned(),
        };
        tokens(text.as_bytes()).into_iter().map(show).collect::<Vec<_>>().join(" ")
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(shown(text), expected, "{text}");
    }

    #[test]
    fn comments_and_literals_hide_what_is_in_them() {
        check("a /* b\n c */ d // e \\\n f\n g", "a d g");
        check("x = \"main() { // \\\" }\"; y", "x = ~ ; y");
        check("'\\'' '{' 1'000'000 0x1p-3f .5e+3 u8\"x\" L'y' z", "~ ~ ~ ~ ~ ~ ~ z");
        check("R\"(a \" ) } )\" b R\"xy( )\" )x\" )xy\" c", "~ b ~ c");
        check("\"unclosed { \n a", "~ a");
        check("ma\\\nin", "ma in"); // a word split over two lines is not joined: nobody writes that
    }

    #[test]
    fn dead_branches_are_gone() {
        check("#if 0\na\n#if X\nb\n#endif\n#else\nc\n#endif\nd", "if:0 else c endif d");
        check("#if 1\na\n#else\nb\n#endif\nc", "if:1 a else endif c");
        check("#ifdef X\na\n#elif 0\nb\n#else\nc\n#endif", "if:ifdef X a else else c endif");
        check("#if 0 /* why */ // not\nit's dead\n#endif\nx", "if:0 endif x");
        check("#else\n#endif\na", "a");
        check(
            "/* # */ # /**/ include /* x */ \"a.h\"\n#include<b/c.h>\nx # include",
            "include:a.h:true include:b/c.h:false x # include",
        );
        check("#define main \\\n { {\n#pragma once\n z", "z");
    }

    #[test]
    fn lines_are_counted() {
        let text = "a\r\n/*\n*/ \"x\\\ny\" b\n#if 0\n\n#endif\nR\"(\n)\" c";
        let lines: Vec<_> = tokens(text.as_bytes()).into_iter().map(|token| token.line).collect();
        assert_eq!(lines, [1, 3, 4, 5, 7, 8, 9]);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_taken(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let _ = tokens(&bytes);
        }

        #[test]
        fn any_text_is_taken(text in "([\"'\\\\/*#{}()RLu8ab\n0.]|#if|#else|#endif| 0|R\"\\(){0,60}") {
            let lines = text.matches('\n').count() + 1;
            proptest::prop_assert!(tokens(text.as_bytes()).iter().all(|token| token.line <= lines));
        }
    }
}
