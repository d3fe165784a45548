//! Command lines as `translate` reads them, a word a line, the tool's name first; behind a NUL a response file, `@f`.
//! A second translation changes nothing.
#![no_main]

use std::sync::LazyLock;

use cuferry_arch::{CudaRelease, Host};
use cuferry_translate::{
    Invocation, Policy, Semantics, Tool, translate, translate_cmake_args, translate_make_args, with_nvcc_variables,
};
use libfuzzer_sys::fuzz_target;

static POLICIES: LazyLock<[Policy; 2]> = LazyLock::new(|| {
    let plain = Policy::new(Host::X86_64, CudaRelease::new(13, 0));
    let all = Policy {
        portable: true,
        ccbin: Some("/usr/bin/clang++".into()),
        cuda_root: Some("/opt/cuda".into()),
        raise_standard: Some(17),
        include_first: vec!["/first, with a comma".into()],
        include_last: vec!["/last".into()],
        semantics: Semantics {
            unsigned_char: true,
            unsigned_wchar: true,
            fused_multiply_add: true,
            conversions: true,
            checked_division: true,
            checked_overflow: true,
            checked_shifts: true,
        },
        ..plain.clone()
    };
    [plain, all]
});

fuzz_target!(|bytes: &[u8]| {
    let (command, file) = match bytes.iter().position(|byte| *byte == 0) {
        Some(end) => (&bytes[..end], &bytes[end + 1..]),
        None => (bytes, &b""[..]),
    };
    let (command, file) = (String::from_utf8_lossy(command), String::from_utf8_lossy(file));
    let mut words = command.split('\n').map(str::to_owned);
    let Some(tool) = words.next().and_then(|name| Tool::of(&name)) else { return };
    let words: Vec<String> = words.collect();
    for policy in &*POLICIES {
        let _ = (translate_make_args(&words, policy), translate_cmake_args(&words, policy));
        let given = with_nvcc_variables(&words, Some(&file), Some(&file));
        for words in [&words, &given] {
            let read = |name: &str| (name == "f").then(|| file.clone().into_owned());
            let Ok(invocation) = Invocation::parse(tool.clone(), words, &read) else { continue };
            let _ = (invocation.mode(), invocation.outputs(), invocation.libraries(), invocation.depfile());
            let Ok(once) = translate(&invocation, policy) else { continue };
            let Ok(again) = Invocation::parse(tool.clone(), &once.args, &read) else { continue };
            if let Ok(twice) = translate(&again, policy) {
                assert_eq!(twice.args, once.args, "{words:?}");
            }
        }
    }
});
