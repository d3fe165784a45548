//! What one source or header says of itself: whether it defines `main`, what it includes, which device functions it
//! declares and defines, and which calls of CUDA's driver it makes.

use std::collections::BTreeMap;

use super::lexer::{Kind, Token, tokens};

/// What was found in one file; lines count from 1.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Facts {
    /// The definition of `main`.
    pub(super) main: Option<Main>,
    /// `#include`s, in order.
    pub(super) includes: Vec<Include>,
    /// Functions of the device with external linkage that are declared, not defined: name and line.
    pub(super) device_declared: BTreeMap<String, usize>,
    /// Functions of the device with external linkage that are defined: name and line.
    pub(super) device_defined: BTreeMap<String, usize>,
    /// The first `extern __device__` or `extern __constant__` variable: name and line.
    pub(super) device_extern: Option<(String, usize)>,
    /// The first call that looks like the driver's (`cuInit`): name and line.
    pub(super) driver_call: Option<(String, usize)>,
}

/// Where `main` is defined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Main {
    pub(super) line: usize,
    /// The innermost `#if` around it, if any.
    pub(super) guard: Option<String>,
}

/// One `#include`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Include {
    pub(super) name: String,
    pub(super) quoted: bool,
    pub(super) line: usize,
}

/// What a `{` opened.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scope {
    /// `extern "C"`.
    Linkage,
    /// A named namespace.
    Namespace,
    /// A namespace without a name: what is in it has internal linkage.
    Anonymous,
    /// Anything else: a body, a class, an initialiser.
    Body,
}

/// How a declaration ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Body,
    Semicolon,
}

/// Reads a file. Device functions that hide behind macros of the project are not seen.
pub(super) fn facts(bytes: &[u8]) -> Facts {
    let tokens = tokens(bytes);
    let mut reader = Reader::default();
    for (index, token) in tokens.iter().enumerate() {
        reader.read(token, tokens.get(index + 1));
    }
    reader.facts
}

#[derive(Default)]
struct Reader<'t> {
    facts: Facts,
    scopes: Vec<Scope>,
    /// How many of `scopes` are bodies: declarations are read where it is none.
    bodies: usize,
    /// The declaration so far.
    head: Vec<&'t Token<'t>>,
    /// Open parentheses in `head`.
    parentheses: usize,
    branches: Vec<Branch>,
}

/// An open `#if`. Its branches may each open or close the same brace, so every branch starts from the same depth, and
/// what follows goes on from the end of the first.
struct Branch {
    condition: String,
    depth_before: usize,
    depth_after_first: Option<usize>,
}

impl<'t> Reader<'t> {
    fn read(&mut self, token: &'t Token<'t>, next: Option<&Token<'_>>) {
        match &token.kind {
            Kind::Include { name, quoted } => {
                self.facts.includes.push(Include { name: name.clone(), quoted: *quoted, line: token.line });
            }
            Kind::If(condition) => {
                let depth_before = self.scopes.len();
                self.branches.push(Branch {
                    condition: condition.clone(),
                    depth_before,
                    depth_after_first: None,
                });
            }
            Kind::Else => {
                let depth = self.scopes.len();
                if let Some(branch) = self.branches.last_mut() {
                    branch.depth_after_first.get_or_insert(depth);
                    let before = branch.depth_before;
                    self.resize(before);
                }
            }
            Kind::EndIf => {
                if let Some(depth) = self.branches.pop().and_then(|branch| branch.depth_after_first) {
                    self.resize(depth);
                }
            }
            Kind::Mark(b'{') => self.open(),
            Kind::Mark(b'}') => self.close(),
            Kind::Mark(b';') if self.bodies == 0 => {
                self.declaration(End::Semicolon);
                self.forget_head();
            }
            kind => {
                if let (Kind::Word(word), Some(Kind::Mark(b'('))) = (kind, next.map(|next| &next.kind)) {
                    self.call(word, token.line);
                }
                if self.bodies == 0 {
                    match kind {
                        Kind::Mark(b'(') => self.parentheses += 1,
                        Kind::Mark(b')') => self.parentheses = self.parentheses.saturating_sub(1),
                        _ => {}
                    }
                    self.head.push(token);
                }
            }
        }
    }

    fn resize(&mut self, depth: usize) {
        while self.scopes.len() > depth {
            self.pop_scope();
        }
        while self.scopes.len() < depth {
            self.push_scope(Scope::Body);
        }
    }

    fn push_scope(&mut self, scope: Scope) {
        self.bodies += usize::from(scope == Scope::Body);
        self.scopes.push(scope);
    }

    fn pop_scope(&mut self) {
        if let Some(scope) = self.scopes.pop() {
            self.bodies -= usize::from(scope == Scope::Body);
        }
    }

    fn open(&mut self) {
        let scope = if self.bodies > 0 || self.parentheses > 0 { Scope::Body } else { scope(&self.head) };
        if self.bodies == 0 && self.parentheses == 0 {
            if scope == Scope::Body {
                self.declaration(End::Body);
            }
            self.forget_head();
        }
        self.push_scope(scope);
    }

    fn close(&mut self) {
        self.pop_scope();
        if self.bodies == 0 && self.parentheses == 0 {
            self.forget_head();
        }
    }

    fn forget_head(&mut self) {
        self.head.clear();
        self.parentheses = 0;
    }

    /// Reads `head` as a declaration outside of any body.
    fn declaration(&mut self, end: End) {
        let in_namespace = self.scopes.iter().any(|scope| *scope != Scope::Linkage);
        if let (false, None, Some(line)) = (in_namespace, &self.facts.main, main_line(&self.head, end)) {
            let guard = self.branches.last().map(|branch| branch.condition.clone());
            self.facts.main = Some(Main { line, guard });
        }
        if !self.scopes.contains(&Scope::Anonymous) {
            self.device_declaration(end);
        }
    }

    fn device_declaration(&mut self, end: End) {
        let has = |word: &[u8]| self.head.iter().any(|token| token.kind == Kind::Word(word));
        let on_device = has(b"__device__") || has(b"__constant__");
        let internal =
            [&b"static"[..], b"inline", b"__inline__", b"__forceinline__", b"constexpr", b"template"];
        if !on_device || has(b"__global__") || has(b"__shared__") || internal.iter().any(|word| has(word)) {
            return;
        }
        match declared(&self.head) {
            Some(Declared::Function(name, line)) => {
                let into = match end {
                    End::Body => &mut self.facts.device_defined,
                    End::Semicolon => &mut self.facts.device_declared,
                };
                into.entry(name).or_insert(line);
            }
            Some(Declared::Variable(name, line)) if end == End::Semicolon && has(b"extern") => {
                self.facts.device_extern.get_or_insert((name, line));
            }
            _ => {}
        }
    }

    /// Notes a call of the driver: `cu` and a capital. `cuComplex.h` has inline functions that look the same.
    fn call(&mut self, word: &[u8], line: usize) {
        const COMPLEX: [&[u8]; 10] = [
            b"cuCreal",
            b"cuCimag",
            b"cuCadd",
            b"cuCsub",
            b"cuCmul",
            b"cuCdiv",
            b"cuCabs",
            b"cuCfma",
            b"cuConj",
            b"cuComplex",
        ];
        let looks_so = word.starts_with(b"cu") && word.get(2).is_some_and(u8::is_ascii_uppercase);
        if looks_so && self.facts.driver_call.is_none() && !COMPLEX.iter().any(|name| word.starts_with(name))
        {
            self.facts.driver_call = Some((String::from_utf8_lossy(word).into_owned(), line));
        }
    }
}

/// What a `{` after `head` opens, outside of any body.
fn scope(head: &[&Token<'_>]) -> Scope {
    match head {
        [.., extern_, literal] if extern_.kind == Kind::Word(b"extern") && literal.kind == Kind::Literal => {
            Scope::Linkage
        }
        _ => match head.iter().position(|token| token.kind == Kind::Word(b"namespace")) {
            None => Scope::Body,
            Some(at) if head[at + 1..].iter().any(|token| matches!(token.kind, Kind::Word(_))) => {
                Scope::Namespace
            }
            Some(_) => Scope::Anonymous,
        },
    }
}

/// The line of `main`, if `head` defines it: `int main(…) {`, `int main(…) try {`, or with K&R parameters before `{`.
fn main_line(head: &[&Token<'_>], end: End) -> Option<usize> {
    let follows = |at: usize, mark: u8| head.get(at + 1).is_some_and(|token| token.kind == Kind::Mark(mark));
    let at = (0..head.len()).find(|at| {
        let after_type =
            *at == 0 || matches!(head[at - 1].kind, Kind::Word(_) | Kind::Literal | Kind::Mark(b']'));
        head[*at].kind == Kind::Word(b"main") && follows(*at, b'(') && after_type
    })?;
    if head[..at].iter().any(|token| token.kind == Kind::Mark(b'=')) {
        return None;
    }
    let parameters = match end {
        End::Body => true,
        End::Semicolon => {
            let close = closing(head, at + 1)?;
            head[close + 1..]
                .iter()
                .any(|token| matches!(token.kind, Kind::Word(word) if word != b"noexcept"))
        }
    };
    parameters.then_some(head[at].line)
}

enum Declared {
    Function(String, usize),
    Variable(String, usize),
}

/// What `head` declares; `None` for members, operators and what else has no plain name.
fn declared(head: &[&Token<'_>]) -> Option<Declared> {
    const ATTRIBUTES: [&[u8]; 7] = [
        b"__launch_bounds__",
        b"__attribute__",
        b"__align__",
        b"alignas",
        b"__declspec",
        b"decltype",
        b"__noinline__",
    ];
    let name = |at: usize| match head[at].kind {
        Kind::Word(word) => Some((String::from_utf8_lossy(word).into_owned(), head[at].line)),
        _ => None,
    };
    let mut last_word: Option<usize> = None;
    let mut at = 0;
    while at < head.len() {
        match &head[at].kind {
            Kind::Mark(b'(') => match last_word {
                Some(word) if matches!(head[word].kind, Kind::Word(text) if ATTRIBUTES.contains(&text)) => {
                    at = closing(head, at)?;
                    last_word = None;
                }
                Some(word) => {
                    let qualified = word > 0 && head[word - 1].kind == Kind::Mark(b':');
                    let operator = head[..=word].iter().any(|token| token.kind == Kind::Word(b"operator"));
                    let initialised = head[..word].iter().any(|token| token.kind == Kind::Mark(b'='));
                    return if qualified || operator || initialised {
                        None
                    } else {
                        name(word).map(|(name, line)| Declared::Function(name, line))
                    };
                }
                None => return None,
            },
            Kind::Mark(b'[' | b'=') => break,
            Kind::Word(_) => last_word = Some(at),
            Kind::Mark(b'*' | b'&' | b':' | b'<' | b'>' | b',') => {}
            _ => last_word = None,
        }
        at += 1;
    }
    last_word.and_then(name).map(|(name, line)| Declared::Variable(name, line))
}

/// The `)` that closes the `(` at `open`.
fn closing(head: &[&Token<'_>], open: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, token) in head.iter().enumerate().skip(open) {
        match token.kind {
            Kind::Mark(b'(') => depth += 1,
            Kind::Mark(b')') if depth == 1 => return Some(at),
            Kind::Mark(b')') => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_main(text: &str, expected: Option<usize>) {
        assert_eq!(facts(text.as_bytes()).main.map(|main| main.line), expected, "{text}");
    }

    #[test]
    fn main_is_found_where_it_is_defined() {
        check_main("int main() { return 0; }", Some(1));
        check_main("#include <x>\n\nint\nmain(int argc, char **argv)\n{\n}", Some(4));
        check_main("auto main() -> int {}", Some(1));
        check_main("int main(void) try { } catch (...) { }", Some(1));
        check_main("main() { }", Some(1));
        check_main("int main(argc, argv) int argc; char **argv; { }", Some(1));
        check_main("extern \"C\" int main() {}", Some(1));
        check_main("extern \"C\" {\nint main() {}\n}", Some(2));
        check_main("[[nodiscard]] int main() {}", Some(1));
        check_main("__attribute__((visibility(\"default\"))) int main() {}", Some(1));
        check_main("MACRO(x)\nint main() {}", Some(2));
        check_main("int a[] = {1, 2};\nstruct S { int main() {} } s;\nint main() {}", Some(3));
        check_main("std::vector<int> f(int = sizeof(char[2])) { if (x) { } }\nint main() {}", Some(2));
        check_main("auto g = [](int i) { return i; };\nint main() {}", Some(2));
    }

    #[test]
    fn what_only_looks_like_main_is_not() {
        for text in [
            "int main();",
            "int main(int, char **);",
            "extern int main(int) noexcept;",
            "// int main() {}",
            "/* int main() {} */ int x;",
            "const char *s = \"int main() {}\";",
            "const char *s = R\"(\nint main() {}\n)\";",
            "#if 0\nint main() {}\n#endif",
            "#define ENTRY int main() {}",
            "namespace app { int main() {} }",
            "struct App { int main() { return 0; } };",
            "int App::main() { return 0; }",
            "int f() { return main(); }",
            "int mainly() {} int domain() {} struct main {};",
            "int x = main(1);",
            "TEST(main) {}",
            "",
        ] {
            check_main(text, None);
        }
    }

    #[test]
    fn branches_may_share_braces() {
        check_main("#ifdef A\nvoid f(int) {\n#else\nvoid f() {\n#endif\n}\nint main() {}", Some(7));
        check_main(
            "#ifdef __cplusplus\nextern \"C\" {\n#endif\nint main() {}\n#ifdef __cplusplus\n}\n#endif",
            Some(4),
        );
        check_main("void f() {\n#ifdef A\n}\n#else\n}\n#endif\nint main() {}", Some(7));
        check_main("#ifdef W\nint wmain()\n#else\nint main()\n#endif\n{\n}", Some(4));
        check_main("}\n}\nint main() {}", Some(3));
        let guarded = facts(b"#ifdef UNIT_TEST\nint main() {}\n#endif").main;
        assert_eq!(guarded, Some(Main { line: 2, guard: Some("ifdef UNIT_TEST".to_owned()) }));
    }

    #[test]
    fn device_functions_are_declared_and_defined() {
        let facts = facts(
            b"extern __device__ float4 shade(int x);\n\
              __device__ float helper(float a) { return a; }\n\
              static __device__ int hidden(int);\n\
              __forceinline__ __device__ int quick() { return 1; }\n\
              template <class T> __device__ T any(T);\n\
              __global__ void kernel(int);\n\
              __host__ __device__ void both(void);\n\
              extern __shared__ float tile[];\n\
              extern __constant__ float weights[9];\n\
              __device__ unsigned counter;\n\
              namespace { __device__ int local(); }\n\
              namespace a::b { __device__ __noinline__ const Ray *bounce(const Ray &ray); }\n\
              struct S { __device__ int member(); };\n\
              __device__ int S::member() { return 0; }\n\
              __device__ bool operator<(A, B);\n\
              void host() { cuInit(0); cuCadd(a, b); }\n",
        );
        let names = |map: &BTreeMap<String, usize>| {
            map.iter().map(|(name, line)| format!("{name}:{line}")).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(names(&facts.device_declared), "both:7 bounce:12 shade:1");
        assert_eq!(names(&facts.device_defined), "helper:2");
        assert_eq!(facts.device_extern, Some(("weights".to_owned(), 9)));
        assert_eq!(facts.driver_call, Some(("cuInit".to_owned(), 16)));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
            let _ = facts(&bytes);
        }

        #[test]
        fn any_words_are_read(
            words in proptest::collection::vec(
                proptest::sample::select(vec![
                    "int ", "main", "(", ")", "{", "}", ";", "=", "namespace ", "extern ", "\"C\"", "__device__ ", "f", "[",
                    "\n#if X\n", "\n#else\n", "\n#endif\n", "\n#if 0\n", "::", "template ", "<", ">", "\n", "__launch_bounds__",
                ]),
                0..60,
            )
        ) {
            let _ = facts(words.concat().as_bytes());
        }
    }
}
