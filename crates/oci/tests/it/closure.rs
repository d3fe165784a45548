//! The closure over small libraries made for each case.

use std::fs;

use crate::common::{Sample, compiler, has_compiler, run, scratch};
use camino::Utf8PathBuf;
use cuferry_arch::Host;
use cuferry_oci::{
    Closure, ClosureError, ClosureRequest, Group, Origin, Root, SearchFolder, SkipReason, read_closure,
};

const HOST: Host = Host::of_this_program();

/// A folder in which libraries and programs without libc are linked.
struct Bench {
    _guard: tempfile::TempDir,
    folder: Utf8PathBuf,
}

impl Bench {
    fn new() -> Option<Self> {
        if !has_compiler(HOST) {
            return None;
        }
        let (guard, folder) = scratch();
        fs::write(folder.join("empty.c"), "void _start(void) {}\n").unwrap();
        Some(Self { _guard: guard, folder })
    }

    fn at(&self, path: &str) -> Utf8PathBuf {
        let path = self.folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        path
    }

    fn link(&self, host: Host, path: &str, arguments: &[&str]) {
        let (output, source) = (self.at(path), self.at("empty.c"));
        let mut all = vec![
            "-x",
            "c",
            source.as_str(),
            "-x",
            "none",
            "-nostdlib",
            "-Wl,--no-as-needed",
            "-o",
            output.as_str(),
        ];
        all.extend(arguments);
        run(&compiler(host), &all);
    }

    /// A library with its file name as SONAME, which needs `needed`, all of them by their paths in the bench.
    fn library(&self, path: &str, needed: &[&str], more: &[&str]) {
        let soname = format!("-Wl,-soname,{}", path.rsplit('/').next().unwrap());
        let needed: Vec<String> = needed.iter().map(|path| self.at(path).into_string()).collect();
        let mut arguments = vec!["-shared", soname.as_str(), "-Wl,--allow-shlib-undefined"];
        arguments.extend(more);
        arguments.extend(needed.iter().map(String::as_str));
        self.link(HOST, path, &arguments);
    }

    /// A static program, as far as the kernel is concerned, with `DT_NEEDED`.
    fn program(&self, needed: &[&str], more: &[&str]) {
        let mut all = vec!["-Wl,-soname,program"];
        all.extend(more);
        self.library("bin/program", needed, &all);
    }

    fn read(&self, folders: &[(&str, Origin)]) -> Result<Closure, ClosureError> {
        let folders = folders
            .iter()
            .map(|(path, origin)| SearchFolder { path: self.folder.join(path), origin: *origin });
        read_closure(&ClosureRequest {
            host: HOST,
            roots: vec![Root {
                source: self.at("bin/program"),
                destination: "/app/bin/program".parse().unwrap(),
            }],
            folders: folders.collect(),
        })
    }

    /// `place in the image <- place in the bench`
    #[track_caller]
    fn check(&self, folders: &[(&str, Origin)], expected: &[&str]) -> Closure {
        let closure = self.read(folders).unwrap_or_else(|error| panic!("{error}"));
        let found: Vec<String> = closure
            .libraries
            .iter()
            .map(|library| {
                let source = library.source.strip_prefix(&self.folder).unwrap_or(&library.source);
                format!("{} <- {source}", library.destination)
            })
            .collect();
        assert_eq!(found, expected);
        closure
    }

    /// The error's message, without the bench's place.
    #[track_caller]
    fn fails(&self, folders: &[(&str, Origin)]) -> String {
        self.read(folders).unwrap_err().to_string().replace(self.folder.as_str(), "")
    }
}

const LIB: &[(&str, Origin)] = &[("lib", Origin::Other)];

#[test]
fn libraries_are_followed_breadth_first_and_named_by_soname() {
    let Some(bench) = Bench::new() else { return };
    bench.library("lib/libdeep.so.2", &[], &[]);
    bench.library("lib/libmid.so.1", &["lib/libdeep.so.2"], &[]);
    // As packages do it: the SONAME is a link to a longer name.
    fs::rename(bench.at("lib/libmid.so.1"), bench.at("lib/libmid.so.1.2.3")).unwrap();
    std::os::unix::fs::symlink("libmid.so.1.2.3", bench.at("lib/libmid.so.1")).unwrap();
    bench.program(&["lib/libmid.so.1"], &[]);
    let closure = bench.check(
        LIB,
        &["/app/lib/libdeep.so.2 <- lib/libdeep.so.2", "/app/lib/libmid.so.1 <- lib/libmid.so.1.2.3"],
    );
    assert_eq!(closure.libraries[0].needed_by.iter().collect::<Vec<_>>(), ["libmid.so.1"]);
    assert_eq!(closure.libraries[0].group, Group::ThirdParty);
}

#[test]
fn run_paths_come_before_folders() {
    let Some(bench) = Bench::new() else { return };
    bench.library("lib/liba.so", &[], &[]);
    bench.library("own/liba.so", &[], &[]);
    let expected = ["/app/lib/liba.so <- own/liba.so"];
    for flags in [
        ["-Wl,-rpath,$ORIGIN/../own", "-Wl,--enable-new-dtags"],
        ["-Wl,-rpath,$ORIGIN/../own", "-Wl,--disable-new-dtags"],
    ] {
        bench.program(&["own/liba.so"], &flags);
        bench.check(LIB, &expected);
    }
}

#[test]
fn only_an_old_run_path_is_inherited() {
    let Some(bench) = Bench::new() else { return };
    bench.library("own/libdeep.so", &[], &[]);
    bench.library("lib/libmid.so", &["own/libdeep.so"], &[]);
    let path = "-Wl,-rpath,$ORIGIN/../own";
    bench.program(&["lib/libmid.so"], &[path, "-Wl,--disable-new-dtags"]);
    bench.check(LIB, &["/app/lib/libdeep.so <- own/libdeep.so", "/app/lib/libmid.so <- lib/libmid.so"]);
    bench.program(&["lib/libmid.so"], &[path, "-Wl,--enable-new-dtags"]);
    assert_eq!(bench.fails(LIB), "no `libdeep.so`, which `libmid.so` needs; searched `/lib`");
}

#[test]
fn what_is_no_library_is_passed_over() {
    let Some(bench) = Bench::new() else { return };
    bench.library("good/liba.so", &[], &[]);
    fs::write(bench.at("empty/liba.so"), "").unwrap();
    fs::write(bench.at("script/liba.so"), "GROUP ( libb.so )").unwrap();
    fs::create_dir_all(bench.at("folder/liba.so")).unwrap();
    bench.program(&["good/liba.so"], &[]);
    let folders = [
        ("none", Origin::Other),
        ("folder", Origin::Other),
        ("empty", Origin::Other),
        ("script", Origin::Other),
        ("good", Origin::Cuda),
    ];
    let closure = bench.check(&folders, &["/usr/local/cuda/lib64/liba.so <- good/liba.so"]);
    let reasons: Vec<SkipReason> = closure.skipped.iter().map(|skipped| skipped.reason.clone()).collect();
    assert_eq!(reasons, [SkipReason::Empty, SkipReason::Unreadable("no ELF magic at offset 0x0".to_owned())]);
    assert_eq!(
        bench.fails(&folders[..3]),
        "no `liba.so`, which `program` needs; searched `/none`, `/folder`, `/empty`; `/empty/liba.so` was skipped: it is empty"
    );
}

#[test]
fn another_cpu_is_passed_over_and_refused() {
    let other = Host::ALL.into_iter().find(|host| *host != HOST).unwrap();
    let Some(bench) = Bench::new().filter(|_| has_compiler(other)) else { return };
    bench.library("good/liba.so", &[], &[]);
    bench.link(other, "other/liba.so", &["-shared"]);
    bench.program(&["good/liba.so"], &[]);
    let folders = [("other", Origin::System), ("good", Origin::Other)];
    let closure = bench.check(&folders, &["/app/lib/liba.so <- good/liba.so"]);
    assert_eq!(closure.skipped[0].reason, SkipReason::Machine(other.elf_machine()));

    fs::copy(bench.at("other/liba.so"), bench.at("bin/program")).unwrap();
    let message =
        format!("`/bin/program` is not a program for {HOST}: its machine number is {}", other.elf_machine());
    assert_eq!(bench.fails(&folders), message);
    fs::write(bench.at("bin/program"), "#!/bin/sh\n").unwrap();
    assert_eq!(bench.fails(&folders), "`/bin/program` can't be read as ELF");
}

#[test]
fn the_driver_stays_outside() {
    let Some(bench) = Bench::new() else { return };
    bench.library("lib/libcuda.so.1", &[], &[]);
    bench.library("lib/libcudart.so.13", &["lib/libcuda.so.1"], &[]);
    bench.program(&["lib/libcudart.so.13", "lib/libcuda.so.1"], &[]);
    let cuda = [("lib", Origin::Cuda)];
    let closure = bench.check(&cuda, &["/usr/local/cuda/lib64/libcudart.so.13 <- lib/libcudart.so.13"]);
    let [driver] = closure.driver_libraries.as_slice() else { panic!("{:?}", closure.driver_libraries) };
    assert_eq!(driver.name, "libcuda.so.1");
    assert_eq!(driver.needed_by.iter().collect::<Vec<_>>(), ["libcudart.so.13", "program"]);
}

#[test]
fn companions_come_along() {
    let Some(bench) = Bench::new() else { return };
    bench.library("lib/libnvrtc.so.13", &[], &[]);
    bench.program(&["lib/libnvrtc.so.13"], &[]);
    let cuda = [("lib", Origin::Cuda)];
    assert_eq!(
        bench.fails(&cuda),
        "`libnvrtc.so.13` opens `libnvrtc-builtins` at run time, and `/lib` has none that fits"
    );
    bench.library("lib/libdep.so", &[], &[]);
    bench.library("lib/libnvrtc-builtins.so.13.0", &["lib/libdep.so"], &[]);
    fs::rename(bench.at("lib/libnvrtc-builtins.so.13.0"), bench.at("lib/libnvrtc-builtins.so.13.0.88"))
        .unwrap();
    std::os::unix::fs::symlink("libnvrtc-builtins.so.13.0.88", bench.at("lib/libnvrtc-builtins.so.13.0"))
        .unwrap();
    bench.library("lib/libnvrtc-builtins.so.12.9", &[], &[]);
    let closure = bench.check(
        &cuda,
        &[
            "/usr/local/cuda/lib64/libdep.so <- lib/libdep.so",
            "/usr/local/cuda/lib64/libnvrtc-builtins.so.13.0 <- lib/libnvrtc-builtins.so.13.0.88",
            "/usr/local/cuda/lib64/libnvrtc.so.13 <- lib/libnvrtc.so.13",
        ],
    );
    assert!(closure.libraries[1].reason.is_some_and(|reason| reason.contains("nvrtcCompileProgram")));
}

#[test]
fn names_are_what_programs_ask_for() {
    let Some(bench) = Bench::new() else { return };
    // Linked by a name that is not the SONAME, as a library whose SONAME changed since.
    bench.library("lib/libold.so", &[], &[]);
    bench.program(&["lib/libold.so"], &[]);
    bench.library("lib/libnew.so.2", &[], &[]);
    fs::rename(bench.at("lib/libnew.so.2"), bench.at("lib/libold.so")).unwrap();
    let closure = bench.check(LIB, &["/app/lib/libnew.so.2 <- lib/libold.so"]);
    assert_eq!(closure.libraries[0].aliases.iter().collect::<Vec<_>>(), ["libold.so"]);

    // Linked without a SONAME, by a path.
    bench.link(HOST, "lib/libpath.so", &["-shared"]);
    bench.program(&["lib/libpath.so"], &[]);
    assert_eq!(bench.fails(LIB), "`program` asks for the library `/lib/libpath.so` by its path");
}

#[test]
fn roots_serve_each_other() {
    let Some(bench) = Bench::new() else { return };
    bench.library("build/libown.so.1", &[], &[]);
    bench.program(&["build/libown.so.1"], &[]);
    let root = |source: &str, destination: &str| Root {
        source: bench.at(source),
        destination: destination.parse().unwrap(),
    };
    let roots =
        vec![root("bin/program", "/app/bin/program"), root("build/libown.so.1", "/app/lib/libown.so.1")];
    let closure = read_closure(&ClosureRequest { host: HOST, roots, folders: Vec::new() }).unwrap();
    assert!(closure.libraries.is_empty());
}

#[test]
fn two_libraries_for_one_place_are_refused() {
    let Some(bench) = Bench::new() else { return };
    bench.library("one/liba.so", &[], &[]);
    bench.library("two/liba.so", &[], &["-Wl,-rpath,/different"]);
    let mut roots = Vec::new();
    for name in ["one", "two"] {
        bench.program(&[&format!("{name}/liba.so")], &[&format!("-Wl,-rpath,$ORIGIN/../{name}")]);
        fs::rename(bench.at("bin/program"), bench.at(&format!("bin/{name}"))).unwrap();
        let destination = format!("/app/bin/{name}").parse().unwrap();
        roots.push(Root { source: bench.at(&format!("bin/{name}")), destination });
    }
    let error = read_closure(&ClosureRequest { host: HOST, roots, folders: Vec::new() }).unwrap_err();
    let message = error.to_string().replace(bench.folder.as_str(), "");
    assert_eq!(message, "`/app/lib/liba.so` would have to be both `/one/liba.so` and `/two/liba.so`");
}

#[test]
fn a_real_program_has_its_loader_and_says_what_it_needs() {
    if !has_compiler(HOST) {
        return;
    }
    let (_guard, folder) = scratch();
    let sample = Sample::build(HOST, &folder);
    let closure = sample.closure();
    let find = |name: &str| closure.libraries.iter().find(|library| library.name == name).unwrap();
    let loader = HOST.loader();
    let name = loader.rsplit('/').next().unwrap();
    assert_eq!(find(name).destination.to_string(), loader);
    assert_eq!(find("libgreeting.so.1").group, Group::Project);
    assert_eq!(find("libgreeting.so.1").destination.to_string(), "/app/lib/libgreeting.so.1");
    assert_eq!(find("libstdc++.so.6").group, Group::Runtime);
    assert_eq!(
        find("libc.so.6").destination.to_string(),
        format!("/usr/lib/{}/libc.so.6", HOST.gnu_triple())
    );
    assert!(closure.glibc().is_some() && closure.libstdcxx().is_some());
    assert!(closure.driver_libraries.is_empty());

    // The loader itself says the same. `linux-vdso` is no file; the loader is shown by its path.
    let listed = run("env", &[&format!("LD_LIBRARY_PATH={folder}"), "ldd", folder.join("hello").as_str()]);
    let mut theirs: Vec<&str> = listed
        .lines()
        .filter_map(|line| line.split_whitespace().next()?.rsplit('/').next())
        .filter(|name| !name.starts_with("linux-vdso"))
        .collect();
    theirs.sort_unstable();
    let needed = closure.libraries.iter().filter(|library| library.reason.is_none());
    let mut ours: Vec<&str> = needed.map(|library| library.name.as_str()).collect();
    ours.sort_unstable();
    assert_eq!(ours, theirs);
}
