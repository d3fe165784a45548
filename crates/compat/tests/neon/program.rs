//! A C program that calls intrinsics with drawn and with awkward arguments, and prints what comes of each.

use std::fmt::Write as _;

use crate::signature::{Element, Parameter, Signature, Type, immediates};

/// A program that calls each function. Each stands on a line of a "file" of its name, so that a compiler's message
/// names the function.
pub(crate) fn program(functions: &[Signature]) -> String {
    let mut text = String::from(PRELUDE);
    for function in functions {
        let name = &function.name;
        writeln!(text, "#line 1 \"@{name}@\"\n{}", test(function)).expect("a string takes everything");
    }
    text.push_str("#line 1 \"main.c\"\nint main(int count, char **words) {\n  (void)count;\n");
    for function in functions {
        let name = &function.name;
        writeln!(text, "  run(\"{name}\", test_{name}, words[1]);").expect("a string takes everything");
    }
    text.push_str("  return 0;\n}\n");
    text
}

/// All on one line: messages are found by their line's name.
fn test(function: &Signature) -> String {
    let lists = immediates(function);
    let calls = lists.iter().map(Vec::len).max().unwrap_or(1);
    let mut body = String::new();
    for call in 0..calls {
        let mut constants = lists.iter();
        let mut declared = String::new();
        let mut passed = Vec::new();
        let mut shown = String::new();
        for (index, parameter) in function.parameters.iter().enumerate() {
            match parameter {
                Parameter::Immediate => {
                    let list = constants.next().expect("one list a constant");
                    passed.push(list[call.min(list.len() - 1)].to_string());
                }
                Parameter::Value(one) => {
                    let spelling = &one.spelling;
                    write!(
                        declared,
                        "{spelling} a{index}; fill(&a{index}, sizeof a{index}, {}); ",
                        kind(one)
                    )
                    .expect("a string takes everything");
                    passed.push(format!("a{index}"));
                }
                Parameter::Source(one) | Parameter::Destination(one) => {
                    write!(declared, "Buffer a{index}; fill(&a{index}, sizeof a{index}, {}); ", kind(one))
                        .expect("a string takes everything");
                    let constant = if matches!(parameter, Parameter::Source(_)) { "const " } else { "" };
                    passed.push(format!("({constant}{} *)(void *)&a{index}", one.spelling));
                    if constant.is_empty() {
                        write!(shown, "show(&a{index}, sizeof a{index}, {}); ", kind(one))
                            .expect("a string takes everything");
                    }
                }
            }
        }
        let call = format!("{}({})", function.name, passed.join(", "));
        let called = match &function.result {
            Some(one) => format!("{} r = {call}; show(&r, sizeof r, {}); ", one.spelling, kind(one)),
            None => format!("{call}; "),
        };
        write!(body, "{{ {declared}{called}{shown}}} ").expect("a string takes everything");
    }
    format!(
        "NOT_INLINED static void test_{}(void) {{ for (int i = 0; i < ROUNDS; i++) {{ awkward = i % 2; {body}}} }}",
        function.name
    )
}

fn kind(of: &Type) -> String {
    let letter = match of.element {
        Element::Integer => 'i',
        Element::Float => 'f',
        Element::BFloat => 'b',
    };
    format!("'{letter}', {}", of.width)
}

/// Draws arguments (the same on every machine), and folds results into two numbers: their bits, and their bits with
/// every NaN as one. With a function's name as its word, a program prints that one's results whole.
const PRELUDE: &str = r#"#include <arm_neon.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#define NOT_INLINED __attribute__((noinline))
enum { ROUNDS = 300 };
typedef struct { unsigned char bytes[64]; } __attribute__((aligned(16))) Buffer;
static uint64_t state, exact, canonical;
static int whole, awkward;
static uint64_t draw(void) {
  uint64_t z = (state += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}
static uint64_t integer(unsigned bits) {
  uint64_t random = draw(), top = (uint64_t)1 << (bits - 1);
  switch (draw() % (awkward ? 10 : 16)) {
    case 0: return 0;
    case 1: return 1;
    case 2: return ~(uint64_t)0;
    case 3: return top;
    case 4: return top - 1;
    case 5: return top + 1;
    case 6: return random % (bits + 2);
    case 7: return (uint64_t)0 - random % (bits + 2);
    case 8: return (uint64_t)1 << random % bits;
    default: return random;
  }
}
static uint64_t floating(unsigned bits, unsigned fraction) {
  uint64_t random = draw(), top = (uint64_t)1 << (bits - 1), one = (uint64_t)1 << fraction;
  uint64_t bias = ((uint64_t)1 << (bits - fraction - 2)) - 1, most = 2 * bias + 1, sign = random & top;
  switch (draw() % (awkward ? 12 : 24)) {
    case 0: return sign;
    case 1: return sign | most << fraction;
    case 2: return sign | most << fraction | one >> 1;
    case 3: return sign | most << fraction | (random & (one - 1)) | 1;
    case 4: return sign | (random & (one - 1));
    case 5: return sign | (most << fraction) - 1;
    case 6: return sign | bias << fraction;
    case 7: return sign | (bias + random % 70 - 3) % most << fraction;
    case 8: return sign | ((bias + random % 70 - 3) % most << fraction) - 1;
    case 9: return sign | (bias - 1 + random % 8) << fraction | one >> 1 | (random >> 8 & 1) * (one >> 2);
    case 10: return sign | one;
    case 11: return random;
    case 12: case 13: case 14: case 15: return sign | (bias + random % 40) % most << fraction | (draw() & (one - 1));
    default: return sign | (bias - 2 + random % 6) << fraction | (draw() & (one - 1));
  }
}
static unsigned fraction_of(char kind, unsigned width) {
  return kind == 'b' ? 7 : width == 2 ? 10 : width == 4 ? 23 : 52;
}
static void fill(void *into, size_t size, char kind, unsigned width) {
  for (size_t at = 0; at < size; at += width) {
    if (width == 16) {
      uint64_t both[2] = {integer(64), integer(64)};
      memcpy((char *)into + at, both, 16);
      continue;
    }
    uint64_t bits = kind == 'i' ? integer(8 * width) : floating(8 * width, fraction_of(kind, width));
    memcpy((char *)into + at, &bits, width);
  }
}
static void fold(uint64_t *sum, uint64_t value) { *sum = (*sum ^ value) * 0x100000001b3u + (*sum >> 29); }
static void show(const void *from, size_t size, char kind, unsigned width) {
  for (size_t at = 0; at < size; at += width) {
    uint64_t bits = 0, high = 0;
    memcpy(&bits, (const char *)from + at, width < 8 ? width : 8);
    if (width == 16) memcpy(&high, (const char *)from + at + 8, 8);
    if (whole) printf("%0*llx%s", (int)(2 * width), (unsigned long long)bits, at + width < size ? " " : "\n");
    fold(&exact, bits);
    fold(&exact, high);
    if (kind != 'i') {
      unsigned fraction = fraction_of(kind, width);
      uint64_t most = ((uint64_t)1 << (8 * width - 1 - fraction)) - 1;
      if ((bits >> fraction & most) == most && (bits & (((uint64_t)1 << fraction) - 1))) bits = ~(uint64_t)0;
    }
    fold(&canonical, bits);
    fold(&canonical, high);
  }
}
static void run(const char *name, void (*test)(void), const char *asked) {
  if (asked && strcmp(asked, name)) return;
  whole = asked != 0;
  state = 0;
  for (const char *letter = name; *letter; letter++) state = state * 31 + (unsigned char)*letter;
  exact = canonical = 0xcbf29ce484222325u;
  test();
  printf("%s %016llx %016llx\n", name, (unsigned long long)exact, (unsigned long long)canonical);
}
"#;
