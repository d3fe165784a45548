//! Inline assembly: its statements, their instructions, and whose they are.

use super::lex::{Kind, Token};

/// An `asm` statement.
pub(crate) struct Statement {
    /// From `asm` to the closing parenthesis.
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// The names of its instructions, in lower case.
    pub(crate) instructions: Vec<String>,
    /// The whole template, in lower case.
    pub(crate) template: String,
}

/// The statements among `code`.
pub(crate) fn statements(source: &[u8], code: &[Token]) -> Vec<Statement> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < code.len() {
        let token = code[at];
        at += 1;
        if token.kind != Kind::Ident || !matches!(token.text(source), b"asm" | b"__asm__" | b"__asm") {
            continue;
        }
        while code.get(at).is_some_and(|next| is_qualifier(next.text(source))) {
            at += 1;
        }
        if code.get(at).is_some_and(|next| next.is(source, b"(")) {
            found.extend(statement(source, token.start, &code[at + 1..]));
        }
    }
    found
}

fn is_qualifier(word: &[u8]) -> bool {
    matches!(word, b"volatile" | b"__volatile__" | b"__volatile" | b"goto" | b"inline" | b"__inline__")
}

/// `tokens` start after the opening parenthesis.
fn statement(source: &[u8], start: usize, tokens: &[Token]) -> Option<Statement> {
    let mut template = String::new();
    let mut depth = 1_usize;
    let mut in_template = true;
    for token in tokens {
        let text = token.text(source);
        match (token.kind, text) {
            (Kind::Str, _) if in_template => {
                let (from, to) = token.inside(source);
                template.push_str(&String::from_utf8_lossy(&source[from..to]).to_ascii_lowercase());
            }
            (Kind::Punct, b"(") => depth += 1,
            (Kind::Punct, b")") => {
                depth -= 1;
                if depth == 0 {
                    let template = template.replace("\\n", "\n").replace("\\t", "\t");
                    let instructions = instructions(&template);
                    return Some(Statement { start, end: token.end, instructions, template });
                }
            }
            (Kind::Punct, b":") => in_template = false,
            // Left open: what follows is another statement.
            (Kind::Punct, b";") | (Kind::Ident, b"asm" | b"__asm__" | b"__asm") => return None,
            _ => {}
        }
    }
    None
}

fn instructions(template: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in template.split(['\n', ';']) {
        let line = line.split("//").next().unwrap_or_default();
        // Labels stand before their instruction.
        let line = line.rsplit_once(": ").map_or(line, |(_, rest)| rest);
        let word = line.split_whitespace().next().unwrap_or_default();
        if !word.is_empty() && !word.ends_with(':') && !word.starts_with(['.', '#', '@', '"', '/']) {
            found.push(word.to_owned());
        }
    }
    found
}

/// Instructions that ARM has, and neither x86 nor PTX under the same spelling.
const ARM_ONLY: &[&str] = &[
    "adr", "adrp", "autiasp", "b.any", "b.eq", "b.ge", "b.gt", "b.hi", "b.le", "b.lo", "b.lt", "b.mi",
    "b.ne", "b.pl", "beq", "bge", "bgt", "bl", "ble", "blr", "blt", "bne", "cbnz", "cbz", "clrex", "cls",
    "clz", "cntd", "crc32cb", "crc32cw", "crc32cx", "csel", "cset", "dc", "dmb", "dsb", "fadd", "fcvtzs",
    "fmadd", "fmax", "fmla", "fmls", "fmov", "fmul", "fsub", "hvc", "ic", "isb", "ld1", "ld1r", "ld1w",
    "ld2", "ld3", "ld4", "ldadd", "ldapr", "ldar", "ldaxr", "ldnp", "ldp", "ldr", "ldrb", "ldrd", "ldrex",
    "ldrh", "ldxp", "ldxr", "madd", "mcr", "mla", "mrc", "mrs", "msr", "msub", "orr", "paciasp", "pld",
    "pldw", "prfm", "ptrue", "rbit", "rev", "rev16", "rev32", "rev64", "sdot", "sev", "sevl", "smc", "smlal",
    "smlal2", "smull", "smull2", "st1", "st2", "st3", "st4", "stadd", "stlr", "stlxr", "stnp", "stp", "str",
    "strb", "strex", "strh", "stxp", "stxr", "subs", "svc", "swi", "swp", "tbl", "tbnz", "tbz", "udiv",
    "udot", "umlal", "umull", "uzp1", "uzp2", "vadd.f32", "vdup.32", "vld1.32", "vld1.8", "vmla.f32", "vmov",
    "vmul.f32", "vst1.32", "vst1.8", "wfe", "wfi", "whilelo", "yield", "zip1", "zip2",
];

impl Statement {
    /// The first instruction that only ARM has.
    pub(crate) fn arm_instruction(&self) -> Option<&str> {
        let known = |word: &&String| ARM_ONLY.binary_search_by(|known| (*known).cmp(word.as_str())).is_ok();
        // `mov x0, …` and `add %w0, …`: other instructions tell by their registers.
        let by_register = || {
            let word = self.instructions.first().filter(|_| has_arm_register(&self.template))?;
            Some(word.as_str())
        };
        self.instructions.iter().find(known).map(String::as_str).or_else(by_register)
    }
}

/// Whether a register of aarch64 is named: `x0` to `x30`, `w…`, `v0.16b`, and `%w0` of a template.
fn has_arm_register(template: &str) -> bool {
    template
        .split(|letter: char| !letter.is_ascii_alphanumeric() && !matches!(letter, '.' | '%' | '_'))
        .any(is_arm_register)
}

pub(crate) fn is_arm_register(word: &str) -> bool {
    if let Some(rest) = word.strip_prefix('%') {
        return rest.strip_prefix(['w', 'x']).is_some_and(|number| {
            !number.is_empty() && number.len() < 3 && number.bytes().all(|byte| byte.is_ascii_digit())
        });
    }
    if let Some(rest) = word.strip_prefix('v') {
        let Some((number, lanes)) = rest.split_once('.') else { return false };
        return number.parse::<u8>().is_ok_and(|number| number < 32)
            && matches!(
                lanes,
                "16b" | "8b" | "8h" | "4h" | "4s" | "2s" | "2d" | "1d" | "b" | "h" | "s" | "d" | "4b"
            );
    }
    word.strip_prefix(['x', 'w']).is_some_and(|number| {
        number.parse::<u8>().is_ok_and(|value| value < 31 && value.to_string() == number)
    }) || word == "xzr"
        || word == "wzr"
}

/// Whether a word of an assembly file is an instruction of ARM's alone.
pub(crate) fn is_arm_instruction(word: &str) -> bool {
    ARM_ONLY.binary_search(&word).is_ok()
}

#[cfg(test)]
mod tests {
    use super::super::lex::lex;
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[Option<&str>]) {
        let found = statements(text.as_bytes(), &lex(text.as_bytes()));
        let found: Vec<_> = found.iter().map(Statement::arm_instruction).collect();
        assert_eq!(found, expected, "in {text}");
    }

    #[test]
    fn the_table_is_sorted() {
        let mut sorted = ARM_ONLY.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(sorted, ARM_ONLY);
    }

    #[test]
    fn arm_is_told_from_x86_and_ptx() {
        check(r#"asm volatile("dmb ish" ::: "memory");"#, &[Some("dmb")]);
        check(r#"__asm__ __volatile__ ("mrs %0, cntvct_el0" : "=r"(t));"#, &[Some("mrs")]);
        check(r#"asm("mov %w0, %w1\n\t" "rbit %0, %0" : "=r"(x));"#, &[Some("rbit")]);
        check(r#"asm("add x0, x1, x2");"#, &[Some("add")]);
        check(r#"asm("add v0.4s, v1.4s, v2.4s");"#, &[Some("add")]);
        check(r#"asm("mov %%eax, %0; cpuid" : "=r"(x));"#, &[None]);
        check(r#"asm("clz.b32 %0, %1;" : "=r"(x)); asm volatile("bar.sync %0;" :: "r"(1));"#, &[None, None]);
        check(r#"asm("ld.global.nc.v4.f32 {%0,%1,%2,%3}, [%4];" ::"l"(p));"#, &[None]);
        check(r#"asm("mov.u32 %0, %%laneid;" : "=r"(x));"#, &[None]);
        check(
            r#"asm("movq %%xmm0, %0"); asm volatile("rep; nop"); asm("" ::: "memory");"#,
            &[None, None, None],
        );
        check("asm(\"dmb ish\"", &[]);
        check("int asm_count(void);", &[]);
    }
}
