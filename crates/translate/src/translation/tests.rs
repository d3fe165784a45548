//! Whole commands, before and after.

use cuferry_arch::CudaRelease;

use super::*;
use crate::tests::{code, policy, words};
use crate::{ArchPolicy, Semantics, Tool};

fn run(command: &str, policy: &Policy) -> Translation {
    let mut all = words(command);
    let tool = Tool::of(&all.remove(0)).unwrap();
    let once = translate(&Invocation::parse(tool.clone(), &all, &|_| None).unwrap(), policy).unwrap();
    let twice = translate(&Invocation::parse(tool, &once.args, &|_| None).unwrap(), policy).unwrap();
    assert_eq!((&twice.args, twice.changes.len()), (&once.args, 0), "`{command}` twice: {:?}", twice.changes);
    once
}

#[track_caller]
fn check_with(policy: &Policy, command: &str, expected: &str, rules: &str) {
    let found = run(command, policy);
    let ids: Vec<_> = found.changes.iter().map(|change| change.rule.as_str()).collect();
    assert_eq!(
        (found.args, ids),
        (words(expected), words(rules).iter().map(String::as_str).collect()),
        "`{command}`"
    );
}

#[track_caller]
fn check(command: &str, expected: &str, rules: &str) {
    check_with(&policy(), command, expected, rules);
}

fn exactly(text: &str) -> Policy {
    Policy { archs: ArchPolicy::Exactly(code(text)), ..policy() }
}

fn fitting(text: &str, release: (u16, u16)) -> Policy {
    let archs = words(text).iter().map(|arch| arch.parse().unwrap()).collect();
    Policy { archs: ArchPolicy::Fitting(archs), release: CudaRelease::new(release.0, release.1), ..policy() }
}

#[test]
fn cpus() {
    check("g++ -O2 -mcpu=cortex-a78ae -c a.cc", "-O2 -march=x86-64-v3 -mtune=generic -c a.cc", "CF2001");
    check(
        "g++ -mcpu=cortex-a57+crypto+crc -c a.cc",
        "-march=x86-64-v3 -mtune=generic -maes -mpclmul -c a.cc",
        "CF2001",
    );
    check(
        "g++ -march=armv8.2-a+fp16+dotprod+crypto+crc -c a.cc",
        "-march=x86-64-v3 -maes -mpclmul -c a.cc",
        "CF2002",
    );
    check(
        "g++ -march=armv8-a -mtune=cortex-a57 -c a.cc",
        "-march=x86-64-v3 -mtune=generic -c a.cc",
        "CF2002 CF2005",
    );
    check(
        "g++ -march=armv8-a -mcpu=carmel -c a.cc",
        "-march=x86-64-v3 -mtune=generic -c a.cc",
        "CF2002 CF2001",
    );
    check("gcc -mcpu=native -c a.c", "-march=native -c a.c", "CF2018");
    check("gcc -march=native -mtune=native -c a.c", "-march=native -mtune=native -c a.c", "");
    check("gcc -mcpu=haswell -c a.c", "-mcpu=haswell -c a.c", "");
    check(
        "gcc -mfpu=neon -mfloat-abi=hard -ffixed-x18 -marm -c a.c",
        "-c a.c",
        "CF2006 CF2006 CF2011 CF2035",
    );
    let portable = Policy { portable: true, ..policy() };
    check_with(&portable, "gcc -mcpu=native -c a.c", "-march=x86-64-v3 -mtune=generic -c a.c", "CF2001");
    check_with(
        &portable,
        "gcc -march=native -mtune=native -c a.c",
        "-march=x86-64-v3 -mtune=generic -c a.c",
        "CF2003 CF2004",
    );
}

#[test]
fn paths_and_roots() {
    check("gcc --sysroot /opt/jetson --sysroot=/x a.o", "a.o", "CF2012 CF2012");
    check(
        "gcc --sysroot=/ --sysroot=/c/x86_64-conda/sysroot a.o",
        "--sysroot=/ --sysroot=/c/x86_64-conda/sysroot a.o",
        "",
    );
    check("gcc -L/usr/lib/aarch64-linux-gnu/tegra -L /usr/lib/aarch64-linux-gnu a.o", "a.o", "CF2013 CF2013");
    check(
        "gcc -I/usr/include/aarch64-linux-gnu/q -L /opt/x/aarch64-linux-gnu/y a.o",
        "-I/usr/include/x86_64-linux-gnu/q -L /opt/x/x86_64-linux-gnu/y a.o",
        "CF2020 CF2020",
    );
    check(
        "gcc a.o /usr/lib/aarch64-linux-gnu/libfoo.so",
        "a.o /usr/lib/x86_64-linux-gnu/libfoo.so",
        "CF2019",
    );
    check(
        "nvcc -I/usr/include/aarch64-linux-gnu,inc -L/usr/local/cuda/targets/aarch64-linux/lib -c a.cu",
        "-Iinc -L/usr/local/cuda/targets/x86_64-linux/lib -c a.cu",
        "CF2013 CF2025",
    );
    let served = Policy { cuda_root: Some("/t".into()), ..policy() };
    check_with(
        &served,
        "g++ -isystem /usr/local/cuda-10.2/include -c a.cc",
        "-isystem /t/include -c a.cc",
        "CF2024",
    );
    check("clang --target=aarch64-linux-gnu -target aarch64-linux-gnu -c a.c", "-c a.c", "CF2015 CF2015");
    check("clang --target=x86_64-linux-gnu -c a.c", "--target=x86_64-linux-gnu -c a.c", "");
}

#[test]
fn links() {
    check(
        "g++ a.o -Wl,-rpath-link,/usr/lib/aarch64-linux-gnu/tegra,-z,now -Wl,-m,aarch64linux",
        "a.o -Wl,-z,now",
        "CF2014 CF2014",
    );
    check(
        "g++ a.o -Wl,-rpath-link -Wl,/usr/lib/aarch64-linux-gnu:/opt/x",
        "a.o -Wl,-rpath-link,/opt/x",
        "CF2014",
    );
    check("g++ a.o -Xlinker -rpath-link -Xlinker /usr/lib/aarch64-linux-gnu", "a.o", "CF2014");
    let rpath = "-Wl,-rpath,/usr/lib/aarch64-linux-gnu:/build:";
    check(&format!("g++ a.o {rpath}"), &format!("a.o {rpath}"), "");
    check("g++ a.o -Wl,--dynamic-linker=/lib/ld-linux-aarch64.so.1", "a.o", "CF2014");
    check(
        "g++ a.o -Wl,--dynamic-linker=/lib64/ld-linux-x86-64.so.2",
        "a.o -Wl,--dynamic-linker=/lib64/ld-linux-x86-64.so.2",
        "",
    );
    check(
        "ld -m aarch64linux -dynamic-linker /lib/ld-linux-aarch64.so.1 a.o",
        "-m elf_x86_64 -dynamic-linker /lib64/ld-linux-x86-64.so.2 a.o",
        "CF2021 CF2021",
    );
    check("ld -maarch64elf --fix-cortex-a53-843419 a.o", "-melf_x86_64 a.o", "CF2021 CF2010");
    check(
        "nvcc a.o -Xlinker -rpath-link,/usr/lib/aarch64-linux-gnu,--as-needed",
        "a.o -Xlinker --as-needed",
        "CF2014",
    );
    check("as -march=armv8-a -EL a.s -o a.o", "a.s -o a.o", "CF2034 CF2034");
    check("gcc -Wa,-mcpu=cortex-a57,--noexecstack -c a.S", "-Wa,--noexecstack -c a.S", "CF2034");
    check(
        "objcopy -I binary -O elf64-littleaarch64 -B aarch64 a b",
        "-I binary -O elf64-x86-64 -B i386:x86-64 a b",
        "CF2036 CF2036",
    );
}

#[test]
fn tegra_libraries_are_kept_and_noted() {
    let found = run("g++ a.o -lnvbufsurface -lnvjpeg -lm -o p", &policy());
    assert_eq!(found.changes, []);
    let notes: Vec<_> = found.notes.iter().map(|note| (note.rule.as_str(), note.word.as_str())).collect();
    assert_eq!(notes, [("CF2030", "-lnvbufsurface")]);
}

#[test]
fn what_nvcc_hands_on() {
    check(
        "nvcc -Xcompiler -mcpu=cortex-a57,-Wall -c a.cu",
        "-Xcompiler -march=x86-64-v3,-mtune=generic,-Wall -c a.cu",
        "CF2001",
    );
    check("nvcc '-Xcompiler=-O2 -mfpu=neon' -c a.cu", "-Xcompiler=-O2 -c a.cu", "CF2006");
    check("nvcc -Xcompiler -mfpu=neon -c a.cu", "-c a.cu", "CF2006");
    check(
        "nvcc -Xcompiler --sysroot -Xcompiler /jetson -Xcompiler '-DA=\"x,y\",-O2' -c a.cu",
        "-Xcompiler '-DA=\"x,y\",-O2' -c a.cu",
        "CF2012",
    );
    check(
        "nvcc -Xcompiler '-DA=\"x,y\",-mfpu=neon' -c a.cu",
        "-Xcompiler '-DA=\\\"x\\,y\\\"' -c a.cu",
        "CF2006",
    );
    check("nvcc -Xcompiler -Wl,-m,aarch64linux -c a.cu", "-Xcompiler -Wl,-m,aarch64linux -c a.cu", "");
    check(
        "nvcc -forward-unknown-to-host-compiler -march=armv8-a -c a.cu",
        "-forward-unknown-to-host-compiler -march=x86-64-v3 -c a.cu",
        "CF2002",
    );
    check("nvcc -ccbin aarch64-linux-gnu-g++ -target-dir sbsa-linux -c a.cu", "-c a.cu", "CF2016 CF2015");
    let served = Policy { cuda_root: Some("/data/wrap/jetson-app-1/cuda".into()), ..policy() };
    let own = "-ccbin /data/wrap/jetson-app-1/bin/cc -c a.cu";
    check_with(&served, &format!("nvcc {own}"), own, "");
    check_with(
        &served,
        "nvcc -ccbin /data/wrap/jetson-app-1/bin/aarch64-linux-gnu-g++ -c a.cu",
        "-c a.cu",
        "CF2016",
    );
    check_with(&served, "nvcc -ccbin /opt/jetson/bin/g++ -c a.cu", "-c a.cu", "CF2016");
    let with = Policy { ccbin: Some("/usr/bin/g++-12".into()), ..policy() };
    check_with(&with, "nvcc -c a.cu", "-ccbin /usr/bin/g++-12 -c a.cu", "CF2023");
    check_with(
        &with,
        "nvcc -ccbin=aarch64-linux-gnu-g++ -c a.cu",
        "-ccbin /usr/bin/g++-12 -c a.cu",
        "CF2023",
    );
    check_with(&with, "nvcc -ccbin clang++-14 -c a.cu", "-ccbin clang++-14 -c a.cu", "");
    check_with(&with, "nvcc --version", "--version", "");
    let raise = Policy { raise_standard: Some(17), ..policy() };
    check_with(&raise, "nvcc -std=c++11 -c a.cu", "-std=c++17 -c a.cu", "CF2100");
    check_with(
        &raise,
        "nvcc --std c++14 -Xcompiler -std=gnu++14 -c a.cu",
        "--std c++17 -Xcompiler -std=gnu++17 -c a.cu",
        "CF2100 CF2100",
    );
    check_with(&raise, "nvcc -std=c++20 -c a.cu", "-std=c++20 -c a.cu", "");
    check_with(&raise, "g++ -std=c++11 -c a.cc", "-std=c++11 -c a.cc", "");
}

#[test]
fn gpus_exactly() {
    let exactly = exactly("sm_80,sm_90,compute_90");
    let flags = "-gencode arch=compute_80,code=sm_80 -gencode arch=compute_90,code=[sm_90,compute_90]";
    check_with(
        &exactly,
        "nvcc -O3 -gencode arch=compute_87,code=sm_87 -c a.cu",
        &format!("-O3 {flags} -c a.cu"),
        "CF2017",
    );
    check_with(&exactly, "nvcc -c a.cu", &format!("{flags} -c a.cu"), "CF2017");
    check_with(&exactly, "nvcc a.o -o x", &format!("{flags} a.o -o x"), "CF2017");
    check_with(&exactly, "nvcc -c a.cpp", "-c a.cpp", "");
    check_with(&exactly, "nvcc -arch=all-major -c a.cu", &format!("{flags} -c a.cu"), "CF2017");
    let same =
        "-gencode=arch=compute_90,code=[sm_90,compute_90] --generate-code arch=compute_80,code=sm_80 -c a.cu";
    check_with(&exactly, &format!("nvcc {same}"), same, "");
    check_with(&exactly, "nvcc -ptx -arch=sm_53 a.cu", "-ptx -arch=compute_80 a.cu", "CF2017");
    check_with(&exactly, "nvcc -ptx -arch=sm_80 a.cu", "-ptx -arch=sm_80 a.cu", "");
    check_with(&exactly, "nvcc -ptx a.cu", "-ptx a.cu", "");
    check_with(&exactly, "nvcc -cubin -arch=sm_87 a.cu", "-cubin -arch=sm_80 a.cu", "CF2017");
    check_with(&exactly, "nvcc -cubin -arch=sm_90 a.cu", "-cubin -arch=sm_90 a.cu", "");
    check_with(
        &exactly,
        "clang++ --cuda-gpu-arch=sm_53 -c a.cu",
        "--cuda-gpu-arch=sm_80 --cuda-gpu-arch=sm_90 -c a.cu",
        "CF2017",
    );
    check_with(
        &exactly,
        "nvcc -dc -dlto -gencode arch=compute_87,code=lto_87 a.cu",
        "-dc -dlto -gencode arch=compute_80,code=lto_80 -gencode arch=compute_90,code=[lto_90,compute_90] a.cu",
        "CF2017",
    );
}

#[test]
fn gpus_that_serve_stay() {
    let any = fitting("", (13, 0));
    for kept in [
        "-arch=sm_80 -c a.cu",
        "-gencode arch=compute_75,code=sm_75 -c a.cu",
        "-gencode arch=compute_80,code='\"sm_80,compute_80\"' -c a.cu",
        "-arch compute_90a -code=sm_90a -c a.cu",
        "-arch=all -c a.cu",
        "-c a.cu",
        "-arch=sm_x -c a.cu",
        "-gencode 87 -c a.cu",
    ] {
        let kept = kept.replace('\'', "");
        check_with(&any, &format!("nvcc {kept}"), &kept, "");
    }
    check_with(
        &any,
        "nvcc -gencode arch=compute_87,code=sm_87 -c a.cu",
        "-gencode arch=compute_80,code=sm_80 -gencode arch=compute_86,code=[sm_86,compute_86] -c a.cu",
        "CF2022",
    );
    check_with(
        &any,
        "nvcc -arch=sm_53 -c a.cu",
        "-gencode arch=compute_75,code=[sm_75,compute_75] -c a.cu",
        "CF2022",
    );
    check_with(
        &any,
        "nvcc -gencode arch=compute_30,code=sm_35 -c a.cu",
        "-gencode arch=compute_75,code=[sm_75,compute_75] -c a.cu",
        "CF2022",
    );
    check_with(
        &any,
        "nvcc a.o -arch=sm_62",
        "a.o -gencode arch=compute_75,code=[sm_75,compute_75]",
        "CF2022",
    );
    check_with(&any, "nvcc -arch=native -c a.cu", &format!("{} -c a.cu", all_major()), "CF2022");
    check_with(&any, "nvcc -ptx -arch=sm_72 a.cu", "-ptx -arch=compute_75 a.cu", "CF2022");
    check_with(&any, "clang++ --cuda-gpu-arch=sm_72 -c a.cu", "--cuda-gpu-arch=sm_75 -c a.cu", "CF2022");
    let hopper = fitting("sm_90", (13, 0));
    check_with(&hopper, "nvcc -arch=sm_80 -c a.cu", "-arch=sm_80 -c a.cu", "");
    check_with(
        &hopper,
        "nvcc -gencode arch=compute_80,code=sm_80 -c a.cu",
        "-gencode arch=compute_80,code=sm_80 -gencode arch=compute_90,code=[sm_90,compute_90] -c a.cu",
        "CF2022",
    );
    let old = fitting("", (11, 8));
    check_with(
        &old,
        "nvcc -arch=sm_120 -c a.cu",
        "-gencode arch=compute_90,code=compute_90 -c a.cu",
        "CF2022",
    );
    check_with(
        &old,
        "nvcc -arch=sm_53 -c a.cu",
        "-gencode arch=compute_52,code=[sm_52,compute_52] -c a.cu",
        "CF2022",
    );
}

fn all_major() -> String {
    let each = [75, 80, 90, 100].map(|arch| format!("-gencode arch=compute_{arch},code=sm_{arch}"));
    format!("{} -gencode arch=compute_120,code=[sm_120,compute_120]", each.join(" "))
}

#[test]
fn what_a_session_adds() {
    let headers = Policy {
        include_first: vec!["/c/first".into()],
        include_last: vec!["/c/last x".into()],
        include_files: vec!["/c/types.h".into()],
        ..policy()
    };
    check_with(
        &headers,
        "gcc -c a.c",
        "-I/c/first -idirafter '/c/last x' -include /c/types.h -c a.c",
        "CF2026 CF2026 CF2026",
    );
    check_with(
        &headers,
        "nvcc -c a.cu",
        "-I/c/first -Xcompiler '-idirafter,\\\"/c/last x\\\"' -include /c/types.h -c a.cu",
        "CF2026 CF2026 CF2026",
    );
    for kept in
        ["gcc a.o -o x", "gcc --version", "gcc -c a.S", "gfortran -c a.f90", "ld a.o", "gcc -dM -E a.c"]
    {
        check_with(&headers, kept, kept.split_once(' ').unwrap().1, "");
    }
}

#[test]
fn arms_meaning_is_added_where_a_flag_has_it() {
    let meaning = |set: fn(&mut Semantics)| {
        let mut semantics = Semantics::default();
        set(&mut semantics);
        Policy { semantics, ..policy() }
    };
    let flags = meaning(|semantics| {
        semantics.unsigned_char = true;
        semantics.unsigned_wchar = true;
        semantics.fused_multiply_add = true;
    });
    let fused = "-march=x86-64-v3 -ffp-contract=fast";
    check_with(&flags, "gcc -c a.c", &format!("-funsigned-char {fused} -c a.c"), "CF2027 CF2028 CF2028");
    let strict = "gcc -std=c99 -march=core2 -c a.c";
    check_with(&flags, strict, "-funsigned-char -mfma -std=c99 -march=core2 -c a.c", "CF2027 CF2028");
    let tuned = "gcc -mtune=znver2 -c a.c";
    let sums = "--param=avoid-fma-max-bits=0 -mtune=znver2";
    check_with(
        &flags,
        tuned,
        &format!("-funsigned-char {fused} {sums} -c a.c"),
        "CF2027 CF2028 CF2028 CF2028",
    );
    let wide = "-Xclang -fwchar-type=int -Xclang -fno-signed-wchar";
    check_with(
        &flags,
        "clang -march=native -c a.c",
        &format!("-funsigned-char {wide} -march=native -c a.c"),
        "CF2027 CF2038",
    );
    check_with(&flags, "g++ a.o", "a.o", "");
    check_with(
        &flags,
        "nvcc -c a.cu",
        "-Xcompiler -funsigned-char -Xcudafe --unsigned_chars -Xcompiler -march=x86-64-v3 -Xcompiler -ffp-contract=fast \
         -c a.cu",
        "CF2027 CF2027 CF2028 CF2028",
    );
    let wide = "-Xcompiler -Xclang,-fwchar-type=int,-Xclang,-fno-signed-wchar -Xcudafe --unsigned_wchar_t";
    check_with(
        &flags,
        "nvcc --compiler-bindir=/opt/bin/clang++-14 -c a.cu",
        &format!(
            "-Xcompiler -funsigned-char -Xcudafe --unsigned_chars {wide} -Xcompiler -march=x86-64-v3 \
             --compiler-bindir=/opt/bin/clang++-14 -c a.cu"
        ),
        "CF2027 CF2027 CF2038 CF2038 CF2028",
    );
}

#[test]
fn checks_are_added_where_no_flag_has_arms_meaning() {
    let check = |name: &str| format!("-fsanitize={name} -fno-sanitize-recover={name}");
    let list = |name: &str| format!("-Xcompiler -fsanitize={name},-fno-sanitize-recover={name}");
    let semantics = Semantics { conversions: true, checked_division: true, ..Semantics::default() };
    let checked = Policy { semantics, ..policy() };
    let (cast, zero) = ("float-cast-overflow", "integer-divide-by-zero");
    let both = format!("{} {}", check(cast), check(zero));
    check_with(&checked, "gcc -c a.c", &format!("{both} -c a.c"), "CF2029 CF2029");
    check_with(&checked, "g++ a.o", &format!("{both} a.o"), "CF2029 CF2029");
    check_with(&checked, "gcc -c a.S", "-c a.S", "");
    let both = format!("{} {}", list(cast), list(zero));
    check_with(&checked, "nvcc -c a.cu", &format!("{both} -c a.cu"), "CF2029 CF2029");
    let saturating = "-fno-strict-float-cast-overflow";
    check_with(&checked, "clang -c a.c", &format!("{saturating} {} -c a.c", check(zero)), "CF2037 CF2029");
    check_with(&checked, "clang++ a.o", &format!("{} a.o", check(zero)), "CF2029");
    let by_policy = Policy { ccbin: Some("/usr/bin/clang++".into()), ..checked };
    check_with(
        &by_policy,
        "nvcc -c a.cu",
        &format!("-ccbin /usr/bin/clang++ -Xcompiler {saturating} {} -c a.cu", list(zero)),
        "CF2023 CF2037 CF2029",
    );
    let semantics = Semantics { checked_overflow: true, checked_shifts: true, ..Semantics::default() };
    let others = Policy { semantics, ..policy() };
    let both = format!("{} {}", check("signed-integer-overflow"), check("shift-exponent"));
    check_with(&others, "cc -c a.c", &format!("{both} -c a.c"), "CF2029 CF2029");
}

#[test]
fn on_an_arm_host_arm_flags_stay() {
    let arm = Policy { host: Host::Aarch64, ..policy() };
    for kept in [
        "gcc -mcpu=cortex-a78ae --sysroot /opt/jetson -L/usr/lib/aarch64-linux-gnu -c a.c",
        "nvcc -ccbin aarch64-linux-gnu-g++ -target-dir sbsa-linux -Xcompiler -mcpu=native -arch=sm_87 -c a.cu",
        "ld -m aarch64linux a.o",
    ] {
        check_with(&arm, kept, kept.split_once(' ').unwrap().1, "");
    }
}

#[test]
fn response_files_without_a_change_stay_named() {
    let files = |name: &str| match name {
        "kept" => Some("-O2 a.o".to_owned()),
        "changed" => Some("-mcpu=carmel -DX='a b'".to_owned()),
        _ => None,
    };
    let args = words("@kept @changed -o x");
    let invocation = Invocation::parse(Tool::of("g++").unwrap(), &args, &files).unwrap();
    let found = translate(&invocation, &policy()).unwrap();
    assert_eq!(found.args, ["@kept", "-march=x86-64-v3", "-mtune=generic", "-DX=a b", "-o", "x"]);
}

#[test]
fn unknown_toolkits_are_refused() {
    let policy = fitting("", (99, 0));
    let args = words("-arch=sm_80 -c a.cu");
    let invocation = Invocation::parse(Tool::of("nvcc").unwrap(), &args, &|_| None).unwrap();
    assert!(matches!(translate(&invocation, &policy), Err(TranslateError::UnknownToolkit { .. })));
}
