//! Printed and parsed again, a module is the same but for its places.

use cuferry_ptx::{Body, Function, Item, Module, Span, Statement, Variable, parse};

/// The module without places.
fn without_places<'text>(module: &Module<'text>) -> Module<'text> {
    let mut module = module.clone();
    for item in &mut module.items {
        match item {
            Item::Function(function) => clear_function(function),
            Item::Variable(variable) => clear_variable(variable),
            Item::Section(section) => (section.span, section.line) = (Span::default(), 0),
            _ => {}
        }
    }
    module
}

fn clear_function(function: &mut Function<'_>) {
    (function.span, function.line) = (Span::default(), 0);
    function.returns.iter_mut().chain(&mut function.parameters).for_each(clear_variable);
    if let Some(body) = &mut function.body {
        clear_body(body);
    }
}

fn clear_body(body: &mut Body<'_>) {
    for statement in &mut body.statements {
        match statement {
            Statement::Instruction(instruction) => {
                (instruction.span, instruction.line) = (Span::default(), 0);
            }
            Statement::Variable(variable) => clear_variable(variable),
            Statement::CallPrototype(prototype) => {
                prototype.returns.iter_mut().chain(&mut prototype.parameters).for_each(clear_variable);
            }
            _ => {}
        }
    }
}

fn clear_variable(variable: &mut Variable<'_>) {
    (variable.span, variable.line) = (Span::default(), 0);
}

/// Fails unless `text`, which has no errors, is the same after printing and parsing.
#[track_caller]
pub(crate) fn assert_round_trip(text: &str) {
    let first = parse(text);
    assert_eq!(first.errors, [], "{text}");
    let printed = first.module.to_string();
    let second = parse(&printed);
    assert_eq!(second.errors, [], "printed:\n{printed}");
    let same = without_places(&first.module) == without_places(&second.module);
    assert!(same, "printed, it is another module:\n{printed}");
}

#[test]
fn numbers_keep_their_values() {
    let text = ".version 8.0 .target sm_90 .address_size 64
        .global .b64 v[5] = {-9223372036854775807-1, 18446744073709551615, -1, 0x8000000000000000, 5U};
        .global .f64 f[3] = {-1.5, 0d7ff0000000000000, 1e400};
        .func f() { ld.u64 %rd1, [a+-9223372036854775807]; mov.b32 %r1, -9223372036854775807-1; }";
    assert_round_trip(text);
    let printed = parse(text).module.to_string();
    assert!(
        printed.contains("{-9223372036854775807-1, 18446744073709551615U, -1, 9223372036854775808U, 5U}"),
        "{printed}"
    );
}

#[test]
fn debug_information_is_kept() {
    let text = ".version 8.0 .target sm_90, debug .address_size 64
        .file 1 \"a b.cu\", 12, 34
        .entry k() { .loc 1 2 3 ret; .loc 1 4 5, function_name $L__s+1, inlined_at 1 2 3 exit; }
        .section .debug_str { $L__s: .b8 120,102,0 .b8 1 end: .b32 .debug_info+4, end .b64 end-$L__s }";
    assert_round_trip(text);
    let parsed = parse(text);
    assert_eq!(parsed.module.file(1), Some("a b.cu"));
    assert_eq!(parsed.module.debug_string("$L__s", 1), Some(b"f".to_vec()));
    assert_eq!(parsed.module.debug_string("$L__t", 0), None);
    let body = parsed.module.functions().next().and_then(|function| function.body.as_ref()).unwrap();
    let exit = body.instructions().nth(1).unwrap();
    let loc = body.loc(exit.loc.unwrap()).unwrap();
    assert_eq!((loc.line, loc.inlined.unwrap().function, loc.inlined.unwrap().line), (4, "$L__s", 2));
}
