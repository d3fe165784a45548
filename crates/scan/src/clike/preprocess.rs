//! Conditionals of C: which tokens an x86_64 build sees, and what the branches are that it does not.

use std::collections::{BTreeMap, BTreeSet};

use cuferry_arch::CudaRelease;

use super::condition::{self, Truth};
use super::lex::{Kind, Token};
use super::macros::{Cpu, Macro, predefined};
use crate::reach::{Live, ReachMap};

/// What the directives of a file say.
#[derive(Debug, Default)]
pub(crate) struct Preprocessed {
    /// Tokens outside directives.
    pub(crate) code: Vec<Token>,
    /// The values of `#define`, each closed by an [`Kind::EndDirective`].
    pub(crate) bodies: Vec<Token>,
    /// The names of those `#define`s.
    pub(crate) names: Vec<Token>,
    /// The file names of `#include`, with their quotes.
    pub(crate) includes: Vec<Token>,
    /// Names that `#define` gives a meaning in parts that are not dead.
    pub(crate) defined: BTreeSet<Vec<u8>>,
    pub(crate) map: ReachMap,
    pub(crate) chains: Vec<Chain>,
    pub(crate) refusals: Vec<Refusal>,
    /// The parts that make a text without conditionals: of several branches that may be taken, the first.
    pub(crate) plain: Vec<(usize, usize)>,
}

/// An `#if` to its `#endif`.
#[derive(Debug)]
pub(crate) struct Chain {
    pub(crate) branches: Vec<Branch>,
    /// Whether the place of the whole is compiled on x86_64.
    pub(crate) outer: Live,
    /// Whether the last branch is an `#else`.
    pub(crate) has_else: bool,
}

/// One branch of a conditional.
#[derive(Debug)]
pub(crate) struct Branch {
    /// The directive that opens it.
    pub(crate) directive: (usize, usize),
    /// What is between that and the next one.
    pub(crate) body: (usize, usize),
    pub(crate) x86: Live,
    pub(crate) arm: Live,
}

/// An `#error`.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) x86: Live,
    pub(crate) arm: Live,
}

struct Frame {
    outer: [Live; 2],
    prior: [Truth; 2],
    plain_outer: bool,
    plain_taken: bool,
    chain: Chain,
}

struct Walk<'a> {
    source: &'a [u8],
    cplusplus: bool,
    toolkit: CudaRelease,
    live: [Live; 2],
    frames: Vec<Frame>,
    known: BTreeMap<Vec<u8>, [Macro; 2]>,
    /// Whether this part belongs to the plain text, and where it began.
    plain: bool,
    plain_from: usize,
    out: Preprocessed,
}

/// Reads the directives among `tokens`.
pub(crate) fn preprocess(
    source: &[u8],
    tokens: &[Token],
    cplusplus: bool,
    toolkit: CudaRelease,
) -> Preprocessed {
    let mut walk = Walk {
        source,
        cplusplus,
        toolkit,
        live: [Live::Yes; 2],
        frames: Vec::new(),
        known: BTreeMap::new(),
        plain: true,
        plain_from: 0,
        out: Preprocessed::default(),
    };
    let mut at = 0;
    while at < tokens.len() {
        if tokens[at].kind != Kind::Hash {
            walk.out.code.push(tokens[at]);
            at += 1;
            continue;
        }
        let length = tokens[at..].iter().position(|token| token.kind == Kind::EndDirective);
        let length = length.unwrap_or(tokens.len() - at - 1);
        let next = at + length + 1;
        let end = tokens[at + length].end;
        walk.directive(&tokens[at..at + length], end, &tokens[next.min(tokens.len())..]);
        at = next;
    }
    walk.finish()
}

impl Walk<'_> {
    /// `tokens` start with the `#`; `end` is the end of the line; `rest` is what follows.
    fn directive(&mut self, tokens: &[Token], end: usize, rest: &[Token]) {
        let start = tokens[0].start;
        let Some(name) = tokens.get(1) else { return };
        let arguments = &tokens[2..];
        match name.text(self.source) {
            b"if" => {
                let guard = self.guard_of_not_defined(arguments, rest);
                let values = if guard { [Some(true); 2] } else { self.evaluate(arguments) };
                self.open(start, end, values);
            }
            b"ifdef" => self.open(start, end, self.defined(arguments)),
            b"ifndef" => {
                let guard = arguments.first().is_some_and(|name| self.is_guard(*name, rest));
                let values = if guard {
                    [Some(true); 2]
                } else {
                    self.defined(arguments).map(|value| value.map(|value| !value))
                };
                self.open(start, end, values);
            }
            b"elif" => self.branch(start, end, self.evaluate(arguments), false),
            b"elifdef" => self.branch(start, end, self.defined(arguments), false),
            b"elifndef" => {
                let values = self.defined(arguments).map(|value| value.map(|value| !value));
                self.branch(start, end, values, false);
            }
            b"else" => self.branch(start, end, [Some(true); 2], true),
            b"endif" => self.close(start, end),
            b"define" => self.define(arguments),
            b"undef" => {
                if let Some(name) = arguments.first() {
                    self.record(name.text(self.source).to_vec(), Macro::Undefined);
                }
            }
            b"include" | b"include_next" | b"import" => {
                self.out.includes.extend(arguments.iter().find(|token| token.kind == Kind::Str));
            }
            b"error" => {
                let [x86, arm] = self.live;
                self.out.refusals.push(Refusal { start, end, x86, arm });
            }
            _ => {}
        }
    }

    fn lookup(&self, name: &[u8], cpu: Cpu) -> Macro {
        match self.known.get(name) {
            Some(known) => known[cpu as usize],
            None => self.of_cuda(name).unwrap_or_else(|| predefined(name, cpu, self.cplusplus)),
        }
    }

    /// The macros by which CUDA's headers and nvcc tell their release.
    fn of_cuda(&self, name: &[u8]) -> Option<Macro> {
        let (major, minor) = (i64::from(self.toolkit.major), i64::from(self.toolkit.minor));
        let value = match name {
            b"CUDART_VERSION" | b"CUDA_VERSION" | b"__CUDART_API_VERSION" => major * 1000 + minor * 10,
            b"__CUDACC_VER_MAJOR__" => major,
            b"__CUDACC_VER_MINOR__" => minor,
            _ => return None,
        };
        Some(Macro::Defined(Some(value)))
    }

    fn evaluate(&self, tokens: &[Token]) -> [Truth; 2] {
        Cpu::BOTH.map(|cpu| condition::evaluate(self.source, tokens, &|name| self.lookup(name, cpu)))
    }

    fn defined(&self, arguments: &[Token]) -> [Truth; 2] {
        let Some(name) = arguments.first() else { return [None; 2] };
        Cpu::BOTH.map(|cpu| match self.lookup(name.text(self.source), cpu) {
            Macro::Undefined => Some(false),
            Macro::Defined(_) => Some(true),
            Macro::Unknown => None,
        })
    }

    /// `#ifndef NAME` with `#define NAME` right after it holds when the file is read first.
    fn is_guard(&self, name: Token, rest: &[Token]) -> bool {
        let text = name.text(self.source);
        let [hash, define, again, ..] = rest else { return false };
        hash.kind == Kind::Hash
            && define.is(self.source, b"define")
            && again.is(self.source, text)
            && self.lookup(text, Cpu::X86) == Macro::Unknown
    }

    fn guard_of_not_defined(&self, arguments: &[Token], rest: &[Token]) -> bool {
        let [not, defined, names @ ..] = arguments else { return false };
        let name = match names {
            [name] | [_, name, _] => *name,
            _ => return false,
        };
        not.is(self.source, b"!") && defined.is(self.source, b"defined") && self.is_guard(name, rest)
    }

    fn define(&mut self, arguments: &[Token]) {
        let Some((name, body)) = arguments.split_first() else { return };
        let text = name.text(self.source).to_vec();
        self.out.names.push(*name);
        self.out.bodies.extend_from_slice(body);
        self.out.bodies.push(Token { kind: Kind::EndDirective, start: name.end, end: name.end });
        let value = match body {
            [number] if number.kind == Kind::Number => condition::number(number.text(self.source)),
            _ => None,
        };
        if !self.live[0].is_dead() {
            self.out.defined.insert(text.clone());
        }
        self.record(text, Macro::Defined(value));
    }

    /// What a `#define` or `#undef` here makes of a name, for each CPU.
    fn record(&mut self, name: Vec<u8>, made: Macro) {
        let before = Cpu::BOTH.map(|cpu| self.lookup(&name, cpu));
        let now = [0, 1].map(|cpu| match self.live[cpu] {
            Live::Yes => made,
            Live::If(_) if before[cpu] == made => made,
            Live::If(_) => Macro::Unknown,
            // Only the other CPU's side defines it: on this one it stays undefined, unless a flag does.
            Live::No(_) if before[cpu] == Macro::Unknown && !self.live[1 - cpu].is_dead() => Macro::Undefined,
            Live::No(_) => before[cpu],
        });
        self.known.insert(name, now);
    }

    fn open(&mut self, start: usize, end: usize, values: [Truth; 2]) {
        let chain = Chain { branches: Vec::new(), outer: self.live[0], has_else: false };
        self.frames.push(Frame {
            outer: self.live,
            prior: [Some(false); 2],
            plain_outer: self.plain,
            plain_taken: false,
            chain,
        });
        self.branch(start, end, values, false);
    }

    fn branch(&mut self, start: usize, end: usize, values: [Truth; 2], is_else: bool) {
        self.end_plain(start);
        let number = self.out.map.condition(start, end);
        let Some(frame) = self.frames.last_mut() else { return };
        let mut live = frame.outer;
        for cpu in 0..2 {
            let taken = and(not(frame.prior[cpu]), values[cpu]);
            live[cpu] = frame.outer[cpu].under(taken, number);
            frame.prior[cpu] = or(frame.prior[cpu], values[cpu]);
        }
        frame.chain.end_body(start);
        frame.chain.has_else |= is_else;
        frame.chain.branches.push(Branch {
            directive: (start, end),
            body: (end, end),
            x86: live[0],
            arm: live[1],
        });
        let plain = frame.plain_outer && !frame.plain_taken && !live[0].is_dead();
        frame.plain_taken |= plain;
        self.live = live;
        self.out.map.from(start, live[0]);
        self.begin_plain(end, plain);
    }

    fn close(&mut self, start: usize, end: usize) {
        self.end_plain(start);
        let Some(mut frame) = self.frames.pop() else {
            self.begin_plain(end, self.plain);
            return;
        };
        frame.chain.end_body(start);
        self.live = frame.outer;
        self.out.chains.push(frame.chain);
        self.out.map.from(end, self.live[0]);
        self.begin_plain(end, frame.plain_outer);
    }

    fn end_plain(&mut self, at: usize) {
        if self.plain && self.plain_from < at {
            self.out.plain.push((self.plain_from, at));
        }
    }

    fn begin_plain(&mut self, at: usize, plain: bool) {
        self.plain = plain;
        self.plain_from = at;
    }

    fn finish(mut self) -> Preprocessed {
        let end = self.source.len();
        self.end_plain(end);
        while let Some(mut frame) = self.frames.pop() {
            frame.chain.end_body(end);
            self.out.chains.push(frame.chain);
        }
        self.out.chains.sort_by_key(|chain| chain.branches.first().map(|branch| branch.directive));
        self.out
    }
}

impl Chain {
    fn end_body(&mut self, at: usize) {
        if let Some(last) = self.branches.last_mut() {
            last.body.1 = at.max(last.body.0);
        }
    }
}

impl Preprocessed {
    /// The source with everything but the plain text blanked: same length, same lines.
    pub(crate) fn plain_text(&self, source: &[u8]) -> Vec<u8> {
        let mut text: Vec<u8> = source.iter().map(|byte| if *byte == b'\n' { b'\n' } else { b' ' }).collect();
        for &(start, end) in &self.plain {
            text[start..end].copy_from_slice(&source[start..end]);
        }
        text
    }
}

fn not(value: Truth) -> Truth {
    value.map(|value| !value)
}

fn and(left: Truth, right: Truth) -> Truth {
    match (left, right) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        _ => None,
    }
}

fn or(left: Truth, right: Truth) -> Truth {
    not(and(not(left), not(right)))
}

#[cfg(test)]
mod tests {
    use super::super::lex::lex;
    use super::*;

    /// `text`'s words `Y…` are compiled, `N…` are not, `M…` may be; all other words do not matter.
    #[track_caller]
    fn check(text: &str) {
        let source = text.as_bytes();
        let tokens = lex(source);
        let found = preprocess(source, &tokens, true, CudaRelease::new(13, 0));
        for token in &tokens {
            let word = String::from_utf8_lossy(token.text(source));
            let live = found.map.at(token.start);
            let right = match word.as_bytes().first() {
                Some(b'Y') => live == Live::Yes,
                Some(b'N') => live.is_dead(),
                Some(b'M') => matches!(live, Live::If(_)),
                _ => true,
            };
            assert!(right, "`{word}` is {live:?} in\n{text}");
        }
    }

    #[test]
    fn branches_are_taken_as_on_x86_64() {
        check("#if 0\nN1\n#else\nY1\n#endif\nY2");
        check("#ifdef __aarch64__\nN1\n#elif defined(__x86_64__)\nY1\n#else\nN2\n#endif");
        check("#ifdef USE\nM1\n#else\nM2\n#endif\nY1");
        check("#ifdef USE\n#ifdef __ARM_NEON\nN1\n#endif\nM1\n#endif");
        check("#if defined(__ARM_NEON)\n#define FAST\n#endif\n#ifdef FAST\nN1\n#else\nY1\n#endif");
        check("#ifndef A_H\n#define A_H\nY1\n#endif");
        check("#if !defined(A_H)\n#define A_H\nY1\n#endif");
        check("#define A 2\n#if A > 1\nY1\n#endif\n#undef A\n#ifdef A\nN1\n#endif");
        check("#ifdef X\n#define A 1\n#else\n#define A 1\n#endif\n#if A\nM1\n#endif");
        check("#if CUDART_VERSION < 9000\nN1\n#else\nY1\n#endif");
        check("#else\n#endif\nY1\n#endif\nY2");
        check("#if 0\nN1");
    }

    #[test]
    fn the_plain_text_has_one_branch_of_each() {
        let source = b"a\n#ifdef X\nb {\n#else\nc {\n#endif\nd }\n";
        let found = preprocess(source, &lex(source), true, CudaRelease::new(13, 0));
        let plain = String::from_utf8(found.plain_text(source)).unwrap();
        assert_eq!(plain.split_whitespace().collect::<Vec<_>>(), ["a", "b", "{", "d", "}"]);
        assert_eq!(plain.len(), source.len());
    }
}
