//! C, C++ and CUDA: tokens, conditionals, syntax tree, and the search in them.

mod assembly;
mod char_sign;
mod condition;
pub(crate) mod lex;
mod macros;
pub(crate) mod preprocess;
mod tree;

use std::collections::BTreeSet;

use cuferry_compat::Removed;

use self::lex::{Kind, Token, lex};
use self::preprocess::{Preprocessed, preprocess};
use crate::check::{neon, removed, sides};
use crate::hit::{Hit, Sink};
use crate::matcher::{Matcher, Role};
use crate::pattern::{Area, Check, Pattern};
use crate::{Language, Options, Trouble, script};

/// What went wrong, and the names that the file gives a meaning itself. `triggered`: whether it holds a word of any rule but
/// that of the sign of `char`.
pub(crate) fn search(
    language: Language,
    source: &[u8],
    triggered: bool,
    options: &Options,
    sink: &mut Sink<'_>,
) -> (Option<Trouble>, Vec<String>) {
    let matcher = options.rules.matcher(language);
    let char_sign = matcher.char_sign.filter(|_| memchr::memmem::find(source, b"char").is_some());
    if !triggered && char_sign.is_none() {
        return (None, Vec::new());
    }
    let tokens = lex(source);
    let mut preprocessed = preprocess(source, &tokens, language != Language::C, options.toolkit);
    sink.set_map(std::mem::take(&mut preprocessed.map));
    let search = Search { source, language, options, matcher, preprocessed };
    if language == Language::Assembly {
        search.assembly_file(sink);
        return (None, Vec::new());
    }
    let mut own_names = if triggered { search.own_names(sink) } else { BTreeSet::new() };
    let whole = !triggered || search.patterns(&mut own_names, sink);
    let signs = char_sign.is_none_or(|find| search.char_sign(find, sink));
    let own_names = own_names.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect();
    ((!whole || !signs).then_some(Trouble::Unparsed), own_names)
}

struct Search<'a> {
    source: &'a [u8],
    language: Language,
    options: &'a Options,
    matcher: &'a Matcher,
    preprocessed: Preprocessed,
}

/// An identifier that some rule means.
struct Candidate {
    find: usize,
    token: Token,
    message: Option<String>,
    mild: bool,
}

impl Search<'_> {
    fn check(&self, wanted: Check) -> Option<usize> {
        self.matcher.checks.iter().find(|(check, _)| *check == wanted).map(|(_, find)| *find)
    }

    /// All rules but that of `char`. False: the file could not be parsed.
    fn patterns(&self, own_names: &mut BTreeSet<Vec<u8>>, sink: &mut Sink<'_>) -> bool {
        self.includes(sink);
        self.assembly(sink);
        self.texts(sink);
        self.conditionals(sink);
        self.identifiers(own_names, sink)
    }

    /// Tokens that are code, those of macros' values after all others.
    fn code(&self) -> [&[Token]; 2] {
        [&self.preprocessed.code, &self.preprocessed.bodies]
    }

    fn includes(&self, sink: &mut Sink<'_>) {
        for include in &self.preprocessed.includes {
            let (start, end) = include.inside(self.source);
            let path = &self.source[start..end];
            let file = path.rsplit(|byte| *byte == b'/').next().unwrap_or(path);
            for (name, find) in &self.matcher.includes {
                if name.matches(path) || name.matches(file) {
                    sink.add(&Hit::new(*find, start, end, sink.live(start)));
                }
            }
        }
    }

    fn assembly(&self, sink: &mut Sink<'_>) {
        if self.matcher.asms.is_empty() && self.check(Check::ArmAssembly).is_none() {
            return;
        }
        for statement in self.code().into_iter().flat_map(|code| assembly::statements(self.source, code)) {
            let Some(instruction) = statement.arm_instruction() else { continue };
            let live = sink.live(statement.start);
            let usual =
                self.matcher.asms.iter().find(|find| match &self.options.rules.finds()[**find].pattern {
                    Pattern::Asm(names) => statement.instructions.iter().all(|word| {
                        names.iter().any(|name| instruction_is(&name.text, word, &statement.template))
                    }),
                    _ => false,
                });
            let Some(find) = usual.copied().or_else(|| self.check(Check::ArmAssembly)) else { continue };
            let groups = vec![instruction.to_owned(), statement.instructions.len().to_string()];
            sink.add(&Hit { groups, ..Hit::new(find, statement.start, statement.end, live) });
        }
    }

    fn assembly_file(&self, sink: &mut Sink<'_>) {
        let Some(find) = self.check(Check::ArmAssemblyFile) else { return };
        let code = &self.preprocessed.code;
        let is_arm = |token: &&Token| {
            let word = String::from_utf8_lossy(token.text(self.source)).to_ascii_lowercase();
            token.kind == Kind::Ident
                && assembly::is_arm_instruction(&word)
                && !sink.live(token.start).is_dead()
        };
        let arm: Vec<_> = code.iter().filter(is_arm).collect();
        let registers = code.iter().filter(|token| {
            let word = String::from_utf8_lossy(token.text(self.source)).to_ascii_lowercase();
            assembly::is_arm_register(&word) || matches!(word.as_str(), "r0" | "r1" | "lr")
        });
        // One word alone may be a symbol's name.
        if let [first, _, ..] = arm.as_slice()
            && registers.take(2).count() == 2
        {
            let groups = vec![arm.len().to_string()];
            sink.add(&Hit { groups, ..Hit::new(find, first.start, first.end, sink.live(first.start)) });
        }
    }

    fn texts(&self, sink: &mut Sink<'_>) {
        let blank =
            || self.source.iter().map(|byte| if *byte == b'\n' { b'\n' } else { b' ' }).collect::<Vec<u8>>();
        let (mut strings, mut code) = (blank(), blank());
        for token in self.code().into_iter().flatten().chain(&self.preprocessed.names) {
            if token.kind == Kind::Str {
                let (start, end) = token.inside(self.source);
                strings[start..end].copy_from_slice(&self.source[start..end]);
            } else {
                code[token.start..token.end].copy_from_slice(token.text(self.source));
            }
        }
        script::patterns(self.language, &strings, Some(Area::Strings), self.options, sink);
        script::patterns(self.language, &code, Some(Area::Code), self.options, sink);
    }

    fn conditionals(&self, sink: &mut Sink<'_>) {
        if let Some(find) = self.check(Check::X86Refused) {
            for refusal in &self.preprocessed.refusals {
                if refusal.arm.is_dead() && !refusal.x86.is_dead() {
                    sink.add(&Hit::new(find, refusal.start, refusal.end, refusal.x86));
                }
            }
        }
        for chain in &self.preprocessed.chains {
            let Some(arm) = sides::arm_branch(chain) else { continue };
            let (start, end) = arm.directive;
            // The condition itself is read wherever the whole conditional is.
            let live = chain.outer;
            let body = &self.source[arm.body.0..arm.body.1];
            let other = sides::x86_branch(chain);
            if let Some(find) = self.check(Check::ArmSide)
                && let Some((_, word)) = sides::jetson_word(body)
            {
                let message = match other {
                    Some(_) => format!(
                        "the ARM side uses `{word}`, as if ARM meant Jetson: x86_64 takes the other side"
                    ),
                    None => {
                        format!("the ARM side uses `{word}`, as if ARM meant Jetson: x86_64 goes without it")
                    }
                };
                sink.add(&Hit::new(find, start, end, live).with_message(message));
            } else if let Some(find) = self.check(Check::NoX86Side)
                && other.is_none()
                && sides::does_something_else(self.source, &self.preprocessed.code, arm)
            {
                sink.add(&Hit::new(find, start, end, live));
            }
        }
    }

    /// The names known to rules that macros and `typedef`s of the file define, as far as tokens tell: these count in every
    /// branch that x86_64 may take, which a syntax tree has but one of.
    fn own_names(&self, sink: &Sink<'_>) -> BTreeSet<Vec<u8>> {
        let mut names = self.preprocessed.defined.clone();
        let code = &self.preprocessed.code;
        let typedefs = code
            .iter()
            .enumerate()
            .filter(|(_, token)| token.is(self.source, b"typedef") && !sink.live(token.start).is_dead());
        for (at, _) in typedefs {
            let end = code[at..].iter().position(|token| token.is(self.source, b";"));
            let name = end.and_then(|end| code.get(at + end - 1)).filter(|name| name.kind == Kind::Ident);
            names.extend(name.map(|name| name.text(self.source).to_vec()));
        }
        names.retain(|name| self.is_known(name));
        names
    }

    /// Whether some rule looks for the identifier.
    fn is_known(&self, word: &[u8]) -> bool {
        self.matcher.idents(word).next().is_some()
            || neon::is_available(word)
            || neon::is_missing(word)
            || removed::is_name(word)
    }

    /// Identifiers, without those that the file declares itself, which join `own_names`. False: the file could not be parsed,
    /// so that it is not known what it declares.
    fn identifiers(&self, own_names: &mut BTreeSet<Vec<u8>>, sink: &mut Sink<'_>) -> bool {
        let dead = self.options.dead;
        let mut candidates = self.candidates();
        candidates.retain(|candidate| dead || !sink.live(candidate.token.start).is_dead());
        if candidates.is_empty() {
            return true;
        }
        let plain = self.preprocessed.plain_text(self.source);
        let tree = tree::parse(&plain);
        let declared = tree.as_ref().map_or_else(BTreeSet::new, |tree| tree::declared(tree, &plain));
        for candidate in candidates {
            let word = candidate.token.text(self.source);
            if declared.contains(word) {
                own_names.insert(word.to_vec());
            }
            if own_names.contains(word) {
                continue;
            }
            let live = sink.live(candidate.token.start);
            let hit = Hit::new(candidate.find, candidate.token.start, candidate.token.end, live);
            sink.add(&Hit { message: candidate.message, mild: candidate.mild, ..hit });
        }
        tree.is_some()
    }

    /// False: some function could not be parsed.
    fn char_sign(&self, find: usize, sink: &mut Sink<'_>) -> bool {
        let plain = self.preprocessed.plain_text(self.source);
        let code: Vec<Token> = self
            .preprocessed
            .code
            .iter()
            .filter(|token| plain[token.start] == self.source[token.start])
            .copied()
            .collect();
        let Some(places) = char_sign::find(&plain, &code) else { return false };
        for place in places {
            let live = sink.live(place.start);
            sink.add(&Hit::new(find, place.start, place.end, live).with_message(place.message));
        }
        true
    }

    fn candidates(&self) -> Vec<Candidate> {
        let mut found = Vec::new();
        let neon = [
            (self.check(Check::Neon), neon::is_available as fn(&[u8]) -> bool),
            (self.check(Check::NeonMissing), neon::is_missing),
            (self.check(Check::Sve), neon::is_sve),
        ];
        let removed = self.check(Check::RemovedApi);
        // ACLE's names begin like those of CUDA's device functions: `__clz` is both.
        let acle = memchr::memmem::find(self.source, b"arm_acle").is_some();
        for code in self.code() {
            for (index, token) in code.iter().enumerate().filter(|(_, token)| token.kind == Kind::Ident) {
                let word = token.text(self.source);
                let role = self.role(code, index);
                for (wanted, find) in self.matcher.idents(word) {
                    if wanted == Role::Any && role != Role::Member || wanted == role {
                        found.push(Candidate { find, token: *token, message: None, mild: false });
                    }
                }
                if role != Role::Member
                    && (acle || !word.starts_with(b"__"))
                    && let Some(find) = neon
                        .iter()
                        .find(|(find, test)| find.is_some() && test(word))
                        .and_then(|(find, _)| *find)
                {
                    found.push(Candidate { find, token: *token, message: None, mild: false });
                }
                if let Some(find) = removed
                    && removed::is_name(word)
                    && let Some(entry) = self.removed(word, role, &code[index + 1..])
                {
                    let message = Some(removed::message(entry));
                    found.push(Candidate { find, token: *token, message, mild: entry.given_back });
                }
                if let Some(find) = removed
                    && role == Role::Call
                    && let Some(message) = removed::npp(word, self.options.toolkit)
                {
                    found.push(Candidate { find, token: *token, message: Some(message), mild: true });
                }
            }
        }
        found
    }

    /// `rest` is what follows the word. A function whose parameters changed is gone only where it is called.
    fn removed(&self, word: &[u8], role: Role, rest: &[Token]) -> Option<&'static Removed> {
        let mentions = |structure: &str| memchr::memmem::find(self.source, structure.as_bytes()).is_some();
        let word = str::from_utf8(word).ok()?;
        removed::entry(word, role == Role::Member, self.options.toolkit, mentions)
            .filter(|entry| role == Role::Call || !entry.signature_changed)
            .filter(|entry| !removed::is_new_form(entry, self.arguments(rest), mentions))
    }

    /// How many arguments the parenthesis holds with which `tokens` start.
    fn arguments(&self, tokens: &[Token]) -> usize {
        let mut depth = 0_usize;
        let mut commas = 0;
        // A longer list is no call of CUDA's.
        for (at, token) in tokens.iter().take(1000).enumerate() {
            match token.text(self.source) {
                b"(" | b"{" | b"[" => depth += 1,
                b")" | b"}" | b"]" => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        return if at < 2 { 0 } else { commas + 1 };
                    }
                }
                b"," if depth == 1 => commas += 1,
                _ if depth == 0 => return 0,
                _ => {}
            }
        }
        0
    }

    fn role(&self, code: &[Token], index: usize) -> Role {
        let is = |at: Option<usize>, text: &[u8]| {
            at.and_then(|at| code.get(at)).is_some_and(|token| token.is(self.source, text))
        };
        let before = index.checked_sub(1);
        let arrow = is(before, b">") && is(index.checked_sub(2), b"-");
        if arrow || is(before, b".") {
            Role::Member
        } else if is(Some(index + 1), b"(") {
            Role::Call
        } else {
            Role::Any
        }
    }
}

/// Whether the instruction `word` is the one that `name` means: `dmb`, or with an operand `mrs:cntvct_el0`.
fn instruction_is(name: &str, word: &str, template: &str) -> bool {
    match name.split_once(':') {
        Some((instruction, operand)) => word == instruction && template.contains(operand),
        None => word == name,
    }
}
