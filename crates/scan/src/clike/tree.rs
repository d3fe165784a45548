//! The syntax tree of C, C++ and CUDA, by tree-sitter's CUDA grammar, which contains the other two.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use tree_sitter::{Node, ParseOptions, ParseState, Parser, Tree, TreeCursor};

/// A text above this is not parsed: trees take a hundred times their text.
const MAX_BYTES: usize = 4 << 20;

/// The parser reports about once per 120 bytes of ordinary text, and up to ten times as often where it has to guess
/// what malformed text means. This many bytes a report are allowed, beyond a first thousand.
const BYTES_PER_REPORT: usize = 50;

/// The tree of `text`; none where it takes too long.
pub(crate) fn parse(text: &[u8]) -> Option<Tree> {
    if text.len() > MAX_BYTES {
        return None;
    }
    let mut parser = Parser::new();
    parser.set_language(&tree_sitter_cuda::LANGUAGE.into()).ok()?;
    let mut left = 1000 + text.len() / BYTES_PER_REPORT;
    let mut progress = |_: &ParseState| {
        left = left.saturating_sub(1);
        if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let options = ParseOptions::new().progress_callback(&mut progress);
    parser.parse_with_options(&mut |at, _| text.get(at..).unwrap_or_default(), None, Some(options))
}

/// Calls `visit` for each named node, parents first.
pub(crate) fn walk<'a>(tree: &'a Tree, mut visit: impl FnMut(Node<'a>)) {
    let mut cursor: TreeCursor<'a> = tree.walk();
    loop {
        if cursor.node().is_named() {
            visit(cursor.node());
        }
        if cursor.goto_first_child() {
            continue;
        }
        while !cursor.goto_next_sibling() {
            if !cursor.goto_parent() {
                return;
            }
        }
    }
}

/// The names of functions, types and enumerators that `text` declares or defines itself.
pub(crate) fn declared(tree: &Tree, text: &[u8]) -> BTreeSet<Vec<u8>> {
    let mut names = BTreeSet::new();
    walk(tree, |node| {
        let name = match node.kind() {
            "function_declarator" | "type_definition" => node.child_by_field_name("declarator"),
            "struct_specifier" | "class_specifier" | "union_specifier" | "enum_specifier"
                if node.child_by_field_name("body").is_some() =>
            {
                node.child_by_field_name("name")
            }
            "enumerator" => node.child_by_field_name("name"),
            _ => None,
        };
        // `x = f(y)` inside malformed text can look like a declaration of `f`.
        let name =
            name.filter(|name| matches!(name.kind(), "identifier" | "type_identifier" | "field_identifier"));
        names.extend(name.map(|name| text[name.byte_range()].to_vec()));
    });
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_declarations_are_known() {
        let text = b"static int vaddq_s8(int a) { return f(a); }\nvoid g(int);\nstruct S { int x; };\ntypedef int T;";
        let names = declared(&parse(text).unwrap(), text);
        let names: Vec<_> = names.iter().map(|name| String::from_utf8_lossy(name)).collect();
        assert_eq!(names, ["S", "T", "g", "vaddq_s8"]);
    }

    #[test]
    fn malformed_text_is_given_up_in_bounded_work() {
        let text = ["{".repeat(300_000), "a<".repeat(300_000)].concat();
        assert!(parse(text.as_bytes()).is_none());
        assert!(parse("(".repeat(100_000).as_bytes()).is_some());
    }
}
