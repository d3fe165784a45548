//! Plain `char` used as a number: on ARM Linux it holds 0 to 255, on x86_64 -128 to 127.

use std::collections::BTreeMap;

use tree_sitter::{Node, Tree};

use super::condition;
use super::lex::{Kind, Token};
use super::tree::{self, walk};

/// A place where the sign decides.
pub(crate) struct Place {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) message: String,
}

/// The places among `code`, which are the tokens of `text`, in order. Only functions that hold both a plain `char` and a
/// use of its name as a number are parsed; none is returned where a parse takes too long.
pub(crate) fn find(text: &[u8], code: &[Token]) -> Option<Vec<Place>> {
    let mut places = Vec::new();
    for function in functions(text, code).filter(|function| may_hold(text, function)) {
        let (Some(first), Some(last)) = (function.first(), function.last()) else { continue };
        let slice = &text[first.start..last.end];
        let tree = tree::parse(slice)?;
        let found = in_tree(&tree, slice).into_iter();
        places.extend(found.map(|place| Place {
            start: place.start + first.start,
            end: place.end + first.start,
            message: place.message,
        }));
    }
    Some(places)
}

/// The tokens of each function's definition. A `{` after a `)` opens a body; what stands between it and the last `;`, `{`
/// or `}` before is the head.
fn functions<'a>(text: &'a [u8], code: &'a [Token]) -> impl Iterator<Item = &'a [Token]> {
    let mut at = 0;
    let mut head = 0;
    std::iter::from_fn(move || {
        while let Some(token) = code.get(at) {
            at += 1;
            match token.text(text) {
                b"{" if at > 1 && closes_head(text, &code[head..at - 1]) => {
                    let start = head;
                    at += body(text, &code[at..]);
                    head = at;
                    return Some(&code[start..at]);
                }
                b"{" | b"}" | b";" => head = at,
                _ => {}
            }
        }
        None
    })
}

fn closes_head(text: &[u8], head: &[Token]) -> bool {
    head.iter().rev().take(3).any(|token| token.is(text, b")"))
}

/// How many tokens a body has, its closing brace included.
fn body(text: &[u8], tokens: &[Token]) -> usize {
    let mut depth = 1_usize;
    for (at, token) in tokens.iter().enumerate() {
        match token.text(text) {
            b"{" => depth += 1,
            b"}" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    tokens.len()
}

/// Whether the tokens hold both a declaration of a plain `char` and a use of that name as a number. It may say yes too
/// often, never no wrongly.
fn may_hold(source: &[u8], code: &[Token]) -> bool {
    let mut names: Vec<&[u8]> = Vec::new();
    for (index, token) in code.iter().enumerate() {
        let signed =
            index.checked_sub(1).is_some_and(|at| matches!(code[at].text(source), b"unsigned" | b"signed"));
        if !signed && token.kind == Kind::Ident && token.is(source, b"char") {
            names.extend(declared_after(source, &code[index + 1..]));
        }
    }
    names.sort_unstable();
    names.dedup();
    let is_name = |token: &Token| names.binary_search(&token.text(source)).is_ok();
    !names.is_empty()
        && (0..code.len()).any(|at| match code[at].text(source) {
            b"<" | b">" | b"=" | b"!" if at > 0 => {
                decides(source, &code[at..])
                    && (is_name(&code[at - 1]) || matches!(code[at - 1].text(source), b"]" | b")"))
            }
            b"[" => may_index(source, &code[at + 1..], is_name),
            _ => false,
        })
}

/// Whether an index starts with a name, after `(int)`, `(` and `*`: `t[c]`, `t[*p]`, `t[(int)c]`, `t[p[i]]`.
fn may_index(source: &[u8], tokens: &[Token], is_name: impl Fn(&Token) -> bool) -> bool {
    let skipped =
        tokens.iter().take(6).find(|token| !matches!(token.text(source), b"(" | b")" | b"int" | b"*"));
    skipped.is_some_and(is_name)
}

/// The names declared by what follows `char`, up to the end of the declaration.
fn declared_after<'a>(source: &'a [u8], tokens: &[Token]) -> Vec<&'a [u8]> {
    let mut names = Vec::new();
    let mut depth = 0_usize;
    // A longer declaration has its names counted as far as here; the first ones matter.
    for (at, token) in tokens.iter().enumerate().take(200) {
        match token.text(source) {
            b"," if depth == 0 && is_parameter(source, &tokens[at + 1..]) => break,
            b"(" | b"[" | b"{" => depth += 1,
            b")" | b"]" | b"}" if depth == 0 => break,
            b")" | b"]" | b"}" => depth -= 1,
            b";" => break,
            word if depth == 0 && token.kind == Kind::Ident => names.push(word),
            _ => {}
        }
    }
    names
}

/// Whether `tokens` start with a type and what follows one: the next parameter, not a further name of the same type.
fn is_parameter(source: &[u8], tokens: &[Token]) -> bool {
    let [first, second, ..] = tokens else { return false };
    first.kind == Kind::Ident
        && (second.kind == Kind::Ident || matches!(second.text(source), b"*" | b"&" | b"<"))
}

/// Whether `tokens` start with a comparison with a number that the sign decides.
fn decides(source: &[u8], tokens: &[Token]) -> bool {
    let long = tokens.get(1).is_some_and(|next| next.is(source, b"="));
    let Some(value) = tokens.get(if long { 2 } else { 1 }) else { return false };
    // One `=` assigns, and `!` alone turns round.
    if !long && matches!(tokens[0].text(source), b"=" | b"!") {
        return false;
    }
    let below_or_not = matches!((tokens[0].text(source), long), (b"<", false) | (b">", true));
    match value.text(source) {
        b"-" | b"EOF" | b"(" => true,
        text if value.kind == Kind::Number => condition::number(text)
            .is_some_and(|number| (number == 0 && below_or_not) || (127..=255).contains(&number)),
        _ => false,
    }
}

fn in_tree(tree: &Tree, text: &[u8]) -> Vec<Place> {
    let mut functions = Vec::new();
    walk(tree, |node| {
        if node.kind() == "function_definition" {
            functions.push(node);
        }
    });
    let mut places = Vec::new();
    let mut done = 0;
    for function in functions {
        // A function within a function (a lambda's, a local class's) belongs to the outer one.
        if function.start_byte() >= done {
            done = function.end_byte();
            in_function(function, text, &mut places);
        }
    }
    places
}

/// How a name holds characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    /// `char c`.
    Value,
    /// `char *c`, `char c[8]`: its elements are.
    Elements,
    /// An object of a class, such as a map, whose index is a key.
    Object,
    /// Something else, or declared in two ways.
    Other,
}

fn in_function(function: Node<'_>, text: &[u8], places: &mut Vec<Place>) {
    let mut names: BTreeMap<&[u8], Shape> = BTreeMap::new();
    visit(function, |node| {
        if matches!(
            node.kind(),
            "declaration" | "parameter_declaration" | "for_range_loop" | "optional_parameter_declaration"
        ) {
            declare(node, text, &mut names);
        }
    });
    if !names.values().any(|shape| matches!(shape, Shape::Value | Shape::Elements)) {
        return;
    }
    visit(function, |node| places.extend(use_of(node, text, &names)));
}

fn visit<'a>(root: Node<'a>, mut each: impl FnMut(Node<'a>)) {
    let mut cursor = root.walk();
    loop {
        each(cursor.node());
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

fn declare<'a>(node: Node<'_>, text: &'a [u8], names: &mut BTreeMap<&'a [u8], Shape>) {
    let plain = node
        .child_by_field_name("type")
        .is_some_and(|kind| kind.kind() == "primitive_type" && &text[kind.byte_range()] == b"char");
    let class = node.child_by_field_name("type").is_some_and(|kind| kind.kind() != "primitive_type");
    let mut cursor = node.walk();
    for declarator in node.children_by_field_name("declarator", &mut cursor) {
        let Some((name, indirect)) = declared_name(declarator) else { continue };
        let shape = match (plain, indirect) {
            (true, 0) => Shape::Value,
            (true, 1) => Shape::Elements,
            (false, 0) if class => Shape::Object,
            _ => Shape::Other,
        };
        let known = names.entry(&text[name.byte_range()]).or_insert(shape);
        if *known != shape {
            *known = Shape::Other;
        }
    }
}

/// The name of a declarator, and how many times it has to be dereferenced.
fn declared_name(mut node: Node<'_>) -> Option<(Node<'_>, u32)> {
    let mut indirect = 0;
    // Declarators of sane programs are not deeper.
    for _ in 0..8 {
        match node.kind() {
            "identifier" => return Some((node, indirect)),
            "pointer_declarator" | "array_declarator" => indirect += 1,
            "init_declarator" | "parenthesized_declarator" => {}
            "reference_declarator" => return node.named_child(0).map(|name| (name, indirect)),
            _ => return None,
        }
        node = node.child_by_field_name("declarator").or_else(|| node.named_child(0))?;
    }
    None
}

fn use_of(node: Node<'_>, text: &[u8], names: &BTreeMap<&[u8], Shape>) -> Option<Place> {
    let message = match node.kind() {
        "binary_expression" => comparison(node, text, names)?,
        "subscript_expression" => subscript(node, text, names)?,
        _ => return None,
    };
    Some(Place { start: node.start_byte(), end: node.end_byte(), message })
}

fn comparison(node: Node<'_>, text: &[u8], names: &BTreeMap<&[u8], Shape>) -> Option<String> {
    let operator = &text[node.child_by_field_name("operator")?.byte_range()];
    let left = node.child_by_field_name("left")?;
    let right = node.child_by_field_name("right")?;
    let number = integer(right, text)?;
    let name = plain_char(left, text, names)?;
    let (arm, x86) = match (operator, number) {
        (b"<", 0) => ("never true", "true for bytes from 128 on"),
        (b">=", 0) => ("always true", "false for bytes from 128 on"),
        (b"==" | b"<" | b"<=", ..=-1) => ("never true", "can be true"),
        (b"!=" | b">" | b">=", ..=-1) => ("always true", "can be false"),
        (b"==" | b">" | b">=", 128..=255) | (b">", 127) => ("true for some bytes", "never true"),
        (b"!=" | b"<" | b"<=", 128..=255) | (b"<=", 127) => ("false for some bytes", "always true"),
        _ => return None,
    };
    Some(format!("`{name}` is a plain `char`: the comparison is {arm} on ARM and {x86} on x86_64"))
}

fn subscript(node: Node<'_>, text: &[u8], names: &BTreeMap<&[u8], Shape>) -> Option<String> {
    let indices = node.child_by_field_name("indices")?;
    let index = if indices.named_child_count() == 1 { indices.named_child(0)? } else { return None };
    let index = inner(index, text);
    let array = node.child_by_field_name("argument")?;
    if names.get(&text[array.byte_range()]) == Some(&Shape::Object) {
        return None;
    }
    let name = plain_char(index, text, names)?;
    Some(format!(
        "`{name}` is a plain `char`: as an index it is 0 to 255 on ARM, and can be negative on x86_64"
    ))
}

/// What parentheses and casts to signed integers hold.
fn inner<'a>(mut node: Node<'a>, text: &[u8]) -> Node<'a> {
    for _ in 0..4 {
        let next = match node.kind() {
            "parenthesized_expression" => node.named_child(0),
            "cast_expression"
                if node.child_by_field_name("type").is_some_and(|to| &text[to.byte_range()] == b"int") =>
            {
                node.child_by_field_name("value")
            }
            _ => None,
        };
        match next {
            Some(next) => node = next,
            None => break,
        }
    }
    node
}

/// The name of a plain `char` that the expression reads.
fn plain_char(node: Node<'_>, text: &[u8], names: &BTreeMap<&[u8], Shape>) -> Option<String> {
    let node = inner(node, text);
    let (name, shape) = match node.kind() {
        "identifier" => (node, Shape::Value),
        "subscript_expression" => (node.child_by_field_name("argument")?, Shape::Elements),
        "pointer_expression" if text.get(node.start_byte()) == Some(&b'*') => {
            (node.child_by_field_name("argument")?, Shape::Elements)
        }
        _ => return None,
    };
    let word = &text[name.byte_range()];
    (names.get(word) == Some(&shape)).then(|| String::from_utf8_lossy(&text[node.byte_range()]).into_owned())
}

fn integer(node: Node<'_>, text: &[u8]) -> Option<i64> {
    let bytes = &text[node.byte_range()];
    match node.kind() {
        "number_literal" | "unary_expression" => match bytes.strip_prefix(b"-") {
            Some(rest) => condition::number(rest.trim_ascii()).map(|value| -value),
            None => condition::number(bytes),
        },
        "identifier" | "null" if bytes == b"EOF" => Some(-1),
        "parenthesized_expression" => integer(node.named_child(0)?, text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::lex::lex;
    use super::*;

    #[track_caller]
    fn check(body: &str, expected: &[&str]) {
        let text = format!("void f(char c, char *p, unsigned char u, signed char s, int i) {{ {body} }}");
        let source = text.as_bytes();
        let found = find(source, &lex(source)).unwrap();
        let found: Vec<_> = found.iter().map(|place| text[place.start..place.end].to_owned()).collect();
        assert_eq!(found, expected, "in `{body}`");
    }

    #[test]
    fn signs_that_decide_are_found() {
        check("if (c < 0) g();", &["c < 0"]);
        check("while (c != -1) g();", &["c != -1"]);
        check("if (c == EOF) g();", &["c == EOF"]);
        check("if (p[i] >= 0x80) g();", &["p[i] >= 0x80"]);
        check("if (*p > 127) g();", &["*p > 127"]);
        check("t[c] = t[(int)c];", &["t[c]", "t[(int)c]"]);
        check("char d = g(); if (d < 0) g();", &["d < 0"]);
        check("const char *q = g(); t[*q]++;", &["t[*q]"]);
    }

    #[test]
    fn functions_are_found_wherever_they_stand() {
        let text = "namespace a { struct S { S(char c) : x(0) { if (c < 0) g(); } int f() const { return 1; } }; }\n\
                    extern \"C\" int h(char d) noexcept { return t[d]; }";
        let found = find(text.as_bytes(), &lex(text.as_bytes())).unwrap();
        let found: Vec<_> = found.iter().map(|place| &text[place.start..place.end]).collect();
        assert_eq!(found, ["c < 0", "t[d]"]);
    }

    #[test]
    fn other_uses_are_left_alone() {
        check("if (u < 0 || s < 0 || i < 0) g();", &[]);
        check("if (c == 0 || c > 'a' || c == 10) g();", &[]);
        check("t[(unsigned char)c]; t[i]; p[0];", &[]);
        check("if (p < 0) g();", &[]);
        check("{ int c = 1; if (c < 0) g(); }", &[]);
        check("std::map<char, int> m; m[c] = 1;", &[]);
        check("char **argv; if (argv[1] < 0) g();", &[]);
    }

    #[test]
    fn what_cannot_hold_a_place_is_not_parsed() {
        let holds = |text: &str| {
            let tokens = lex(text.as_bytes());
            may_hold(text.as_bytes(), &tokens)
        };
        assert!(!holds("int f(const char *text, int *out) { *out = (int)g(text); return !(*out); }"));
        assert!(!holds("int f(const char *text, int n) { return n < 0; }"));
        assert!(holds("int f(int n, char c) { return c < 0; }"));
        assert!(holds("int f(void) { char a, *b; return *b == -1; }"));
        assert!(holds("int f(void) { char a, b; return b != 255; }"));
    }
}
