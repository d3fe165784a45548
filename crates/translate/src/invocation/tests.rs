//! Commands, and what they are read as.

use super::*;

fn split(text: &str) -> (Tool, Vec<String>) {
    let mut words = text.split_whitespace().map(str::to_owned);
    let tool = Tool::of(&words.next().unwrap()).unwrap();
    (tool, words.collect())
}

fn parse(text: &str) -> Invocation {
    let (tool, args) = split(text);
    Invocation::parse(tool, &args, &|_| None).unwrap()
}

#[track_caller]
fn check(command: &str, mode: Mode, inputs: &str, outputs: &str, depfile: &str) {
    let invocation = parse(command);
    let join = |paths: Vec<Utf8PathBuf>| paths.iter().map(|path| path.as_str()).collect::<Vec<_>>().join(" ");
    assert_eq!(
        (
            invocation.mode(),
            join(invocation.inputs()).as_str(),
            join(invocation.outputs()).as_str(),
            invocation.depfile().unwrap_or_default().as_str()
        ),
        (mode, inputs, outputs, depfile),
        "`{command}`"
    );
}

/// Names and modes as gcc 12, clang 14, nvcc 13.5, ld, as and ar 2.40 choose them.
#[test]
fn what_commands_read_write_and_do() {
    check("gcc -c src/a.c", Mode::Compile, "src/a.c", "a.o", "");
    check("gcc -c a.c b.c -MD", Mode::Compile, "a.c b.c", "a.o b.o", "a.d");
    check("gcc -c a.c -o out/b.obj -MMD", Mode::Compile, "a.c", "out/b.obj", "out/b.d");
    check("gcc -c a.c -MD -MF x.dep", Mode::Compile, "a.c", "a.o", "x.dep");
    check("gcc -S a.c", Mode::Compile, "a.c", "a.s", "");
    check("gcc -E a.c", Mode::Preprocess, "a.c", "", "");
    check("gcc -MM a.c", Mode::Preprocess, "a.c", "", "");
    check("gcc -dM -E a.c", Mode::Query, "a.c", "", "");
    check("gcc -dM -E -x c -", Mode::Query, "-", "", "");
    check("gcc -c start.S", Mode::Assemble, "start.S", "start.o", "");
    check("gcc a.c b.o -lm", Mode::Link, "a.c b.o", "a.out", "");
    check("g++ a.o -shared -o libx.so", Mode::Link, "a.o", "libx.so", "");
    check("g++ pch.h", Mode::Compile, "pch.h", "pch.h.gch", "");
    check("g++ -fsyntax-only a.cpp", Mode::Compile, "a.cpp", "", "");
    check("gcc --version", Mode::Query, "", "", "");
    check("gcc -dumpmachine -O2", Mode::Query, "", "", "");
    check("gcc -print-file-name=libc.so a.c", Mode::Query, "a.c", "", "");
    check("gcc -v", Mode::Query, "", "", "");
    check("gcc -v a.c", Mode::Link, "a.c", "a.out", "");
    check("gcc", Mode::Other, "", "", "");
    check("cpp a.h", Mode::Preprocess, "a.h", "", "");
    check("clang++ --cuda-gpu-arch=sm_80 -c k.cu", Mode::Compile, "k.cu", "k.o", "");
    check("nvcc -c a.cu", Mode::Compile, "a.cu", "a.o", "");
    check("nvcc -dc a.cu -odir out -MD", Mode::Compile, "a.cu", "out/a.o", "out/a.d");
    check("nvcc -ptx a.cu", Mode::Compile, "a.cu", "a.ptx", "");
    check("nvcc --cubin a.cu", Mode::Compile, "a.cu", "a.cubin", "");
    check("nvcc -fatbin a.cu", Mode::Compile, "a.cu", "a.fatbin", "");
    check("nvcc -cuda a.cu", Mode::Compile, "a.cu", "a.cu.cpp.ii", "");
    check("nvcc -optix-ir a.cu", Mode::Compile, "a.cu", "a.optixir", "");
    check("nvcc -dlink a.o", Mode::DeviceLink, "a.o", "a_dlink.o", "");
    check("nvcc -lib a.o", Mode::Archive, "a.o", "a.a", "");
    check("nvcc a.cu", Mode::Link, "a.cu", "a.out", "");
    check("nvcc -M a.cu", Mode::Preprocess, "a.cu", "", "");
    check("nvcc --dryrun a.cu -o x", Mode::Query, "a.cu", "", "");
    check("nvcc -V", Mode::Query, "", "", "");
    check("ld -o x a.o -m elf_x86_64", Mode::Link, "a.o", "x", "");
    check("ld a.o", Mode::Link, "a.o", "a.out", "");
    check("as a.s", Mode::Assemble, "a.s", "a.out", "");
    check("as -o a.o", Mode::Other, "", "", "");
    check("ar rcs libx.a a.o b.o", Mode::Archive, "a.o b.o", "libx.a", "");
    check("ar -rc --plugin x libx.a a.o", Mode::Archive, "a.o", "libx.a", "");
    check("ar t libx.a", Mode::Other, "t libx.a", "", "");
    check("aarch64-linux-gnu-strip x", Mode::Other, "", "", "");
}

#[test]
fn sources_have_languages() {
    let languages = |text: &str| -> Vec<_> {
        parse(text).sources().into_iter().map(|source| (source.path.into_string(), source.language)).collect()
    };
    let one = |path: &str, language| vec![(path.to_owned(), language)];
    assert_eq!(languages("gcc -c a.c x.o"), one("a.c", Language::C));
    assert_eq!(languages("g++ -c a.c"), one("a.c", Language::Cxx));
    assert_eq!(languages("gcc -x c++ -c a.txt -x none b.o"), one("a.txt", Language::Cxx));
    assert_eq!(languages("gcc -c k.cu"), []);
    assert_eq!(languages("clang -c k.cu"), one("k.cu", Language::Cuda));
    assert_eq!(languages("clang++ -x cuda -c k.cpp"), one("k.cpp", Language::Cuda));
    assert_eq!(languages("nvcc -c k.cpp -x cu"), one("k.cpp", Language::Cuda));
    assert_eq!(languages("nvcc -x=cu k.cpp k.o").len(), 2);
    assert_eq!(languages("gcc -E -"), one("-", Language::C));
    assert_eq!(languages("gfortran -c a.f90"), one("a.f90", Language::Fortran));
    assert_eq!(parse("nvcc a.cpp b.cu").language(), Some(Language::Cuda));
}

#[test]
fn libraries_are_named_or_files() {
    let libraries =
        parse("g++ a.o -lfoo -l bar libx.a /l/liby.so.1 -Wl,--whole-archive,libz.a,-lq -o p").libraries();
    let expected = [
        Library::Named("foo".to_owned()),
        Library::Named("bar".to_owned()),
        Library::File("libx.a".into()),
        Library::File("/l/liby.so.1".into()),
        Library::File("libz.a".into()),
        Library::Named("q".to_owned()),
    ];
    assert_eq!(libraries, expected);
    assert_eq!(parse("nvcc a.o -lcublas,cufft").libraries().len(), 2);
    assert_eq!(parse("ar rcs libx.a liby.a").libraries(), []);
}

#[test]
fn unknown_options_are_listed() {
    assert_eq!(parse("gcc -mfancy -Wall -O2 --weird=1 a.c").unknown(), ["-mfancy", "--weird=1"]);
    assert_eq!(parse("nvcc -Wall a.cu").unknown(), ["-Wall"]);
}

#[test]
fn response_files_are_put_in_place() {
    let files = |name: &str| match name {
        "a" => Some("-c 'x y.c' @b".to_owned()),
        "b" => Some("-O2".to_owned()),
        _ => None,
    };
    let (tool, args) = split("gcc -Wall @a @absent -o z.o");
    let invocation = Invocation::parse(tool, &args, &files).unwrap();
    assert_eq!(invocation.words(), ["-Wall", "-c", "x y.c", "-O2", "@absent", "-o", "z.o"]);
    assert_eq!(invocation.mode(), Mode::Compile);
    let (tool, args) = split("nvcc -optf a,b -DX --options-file=b");
    let files = |name: &str| Some(if name == "a" { "-c \"x y.cu\" -optf=b" } else { "-G" }.to_owned());
    let invocation = Invocation::parse(tool, &args, &files).unwrap();
    assert_eq!(invocation.words(), ["-c", "x y.cu", "-G", "-G", "-DX", "-G"]);
}

#[test]
fn response_files_without_end_are_refused() {
    for command in ["gcc @a", "nvcc -optf a", "ld @a"] {
        for text in ["@a -optf a", "@a @a -optf a -optf a", &"x ".repeat(600_000)] {
            let (tool, mut args) = split(command);
            args.extend(args.clone());
            let parsed = Invocation::parse(tool, &args, &|_| Some(text.to_owned()));
            assert!(
                matches!(parsed, Err(TranslateError::ResponseFiles { .. })),
                "`{command}` with `{text:.20}`"
            );
        }
    }
}

#[test]
fn variables_of_nvcc_stand_round_the_words() {
    let words = with_nvcc_variables(&["-c".to_owned()], Some("-DA -DB=\"x y\""), Some(" -O3 "));
    assert_eq!(words, ["-DA", "-DB=\"x y\"", "-c", "-O3"]);
}
