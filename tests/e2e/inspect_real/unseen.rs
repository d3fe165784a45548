//! Where cuobjdump lists nothing, less than there is, or fails: each case is made, cuobjdump is shown to fail at it, and
//! cuferry has the answer.
//!
//! `sm_35.cubin` was assembled from twelve lines of PTX by ptxas 11.8, the last one that could.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use super::compare::printed;
use super::matrix::Matrix;
use super::nvidia::{Nvidia, command, cuferry, inspect, nvidia, scratch, stderr, stdout};
use crate::project::fixture;

/// The matrix's files, and a folder for what is made of them.
struct Bench {
    nvidia: &'static Nvidia,
    matrix: &'static Matrix,
    folder: TempDir,
}

impl Bench {
    #[track_caller]
    fn new() -> Option<Self> {
        Some(Self { nvidia: nvidia()?, matrix: Matrix::get()?, folder: scratch() })
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A copy of one of the matrix's files, changed.
    #[track_caller]
    fn changed(&self, from: &str, name: &str, change: impl FnOnce(&mut Vec<u8>)) -> PathBuf {
        let mut bytes = std::fs::read(self.matrix.file(from)).expect("the matrix has it");
        change(&mut bytes);
        std::fs::write(self.at(name), bytes).expect("the folder is writable");
        self.at(name)
    }

    /// Runs a tool in the folder.
    #[track_caller]
    fn tool(&self, program: &str, args: &[&str]) {
        let output = Command::new(program).args(args).current_dir(self.folder.path()).output();
        let output = output.unwrap_or_else(|error| panic!("{program}: {error}"));
        assert!(output.status.success(), "{program} {args:?}: {}", stderr(&output));
    }

    /// What cuobjdump makes of a file: code 0 and a list, or neither.
    #[track_caller]
    fn cuobjdump_fails(&self, file: &Path, words: &str) {
        let output = self.nvidia.cuobjdump(&["-all", "-lelf", "-lptx"], file);
        let said = stdout(&output) + &stderr(&output);
        assert!(!output.status.success(), "cuobjdump reads {}: {said}", file.display());
        assert!(said.contains(words), "cuobjdump of {}: {said}", file.display());
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

fn u64_at(bytes: &[u8], at: usize) -> usize {
    let value = u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
    value.try_into().expect("a small file")
}

/// Where the entries of the first container start.
#[track_caller]
fn entries(bytes: &[u8]) -> Vec<usize> {
    let magic = [0x50, 0xed, 0x55, 0xba, 1, 0, 16, 0];
    let start = bytes.windows(8).position(|window| window == magic).expect("a container");
    let end = start + 16 + u64_at(bytes, start + 8);
    let mut entries = vec![start + 16];
    while let Some(last) = entries.last() {
        let next = last + u32_at(bytes, last + 4) as usize + u64_at(bytes, last + 8);
        if next >= end {
            break;
        }
        entries.push(next);
    }
    entries
}

/// The report on one file.
#[track_caller]
fn report(file: &Path, args: &[&str]) -> Value {
    let output = inspect(file, &[args, &["--format", "json"]].concat());
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", stderr(&output)))
}

/// All modules of a report.
fn modules(report: &Value) -> impl Iterator<Item = &Value> {
    let artifacts = report["artifacts"].as_array().into_iter().flatten();
    let trees = artifacts.flat_map(|artifact| artifact["trees"].as_array().into_iter().flatten());
    let files = trees.flat_map(|tree| tree["files"].as_array().into_iter().flatten());
    files.flat_map(|file| file["modules"].as_array().into_iter().flatten())
}

/// How often a report has what: `.nv_fatbin sm_90a`.
fn codes(report: &Value) -> BTreeMap<String, usize> {
    let mut codes = BTreeMap::new();
    for module in modules(report) {
        for entry in module["entries"].as_array().into_iter().flatten() {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let what =
                format!("{} {} {}", text(&module["place"]), text(&entry["kind"]), text(&entry["arch"]));
            *codes.entry(what).or_default() += 1;
        }
    }
    codes
}

/// The lines of a list, less the file's name: `ELF sm_90.cubin`.
fn kinds(list: &str) -> Vec<String> {
    let lines = list.lines().filter_map(|line| {
        let (label, rest) = line.split_once(" file ")?;
        let (_, name) = rest.split_once(": ")?;
        Some(format!("{label} {}", &name[name.find("sm_")?..]))
    });
    lines.collect()
}

/// What the programs `program` and `program-rdc` hold for two GPUs.
const TWO: [&str; 3] = ["ELF sm_80.cubin", "ELF sm_90.cubin", "PTX sm_90.ptx"];

#[test]
fn containers_in_sections_of_a_library_s_own() {
    let Some(nvidia) = nvidia() else { return };
    let library = nvidia.library("sbsa-linux", "libcublasLt.so.13");
    let report = report(&library, &["--gpu", "sm_100"]);
    let hidden = modules(&report).filter(|module| module["place"] == ".cask_resource").count();
    assert_eq!(hidden, 299);
    let codes = codes(&report);
    let of = |what: &str| codes.get(what).copied().unwrap_or_default();
    assert_eq!(of(".cask_resource sass sm_100f"), 242, "{codes:?}");
    // cuobjdump shows these as sm_120.
    assert_eq!(of(".nv_fatbin sass sm_120f"), 1133, "{codes:?}");
    assert_eq!(of(".nv_fatbin sass sm_120"), 479, "{codes:?}");
}

#[test]
fn family_targets() {
    let Some(bench) = Bench::new() else { return };
    let file = bench.matrix.file("suffixes.o");
    let theirs = stdout(&bench.nvidia.cuobjdump(&["-lelf"], &file));
    assert!(theirs.contains(".sm_100.cubin") && !theirs.contains("sm_100f"), "{theirs}");
    let report = report(&file, &["--gpu", "sm_103"]);
    let codes = codes(&report);
    let names: Vec<_> = codes.keys().map(String::as_str).collect();
    let expected = [
        ".nv_fatbin ptx compute_100f",
        ".nv_fatbin ptx compute_90a",
        ".nv_fatbin sass sm_100f",
        ".nv_fatbin sass sm_90a",
    ];
    assert_eq!(names, expected);
    // The `f` is what makes it run there.
    assert_eq!(report["runs"], true, "{report}");
}

/// A cubin that no tool of this toolkit takes, beside one that all take.
#[test]
fn an_architecture_that_is_gone() {
    let Some(bench) = Bench::new() else { return };
    std::fs::copy(fixture("inspect_real/sm_35.cubin"), bench.at("sm_35.cubin"))
        .expect("the fixture is there");
    let image = |arch: &str, file: &Path| format!("--image3=kind=elf,sm={arch},file={}", file.display());
    let mut fatbinary = bench.nvidia.program("fatbinary", bench.folder.path());
    fatbinary.args(["--create=both.fatbin", "-64"]);
    fatbinary.arg(image("35", &bench.at("sm_35.cubin"))).arg(image("90a", &bench.matrix.file("add.cubin")));
    assert!(fatbinary.status().expect("the toolkit has it").success());
    let file = bench.at("both.fatbin");
    bench.cuobjdump_fails(&file, "Support for 'sm_35' has been removed");
    assert_eq!(kinds(&printed(&file, &["--list"])), ["ELF sm_35.cubin", "ELF sm_90a.cubin"]);
    let resources = printed(&file, &["--resources"]);
    assert!(resources.contains(" Function add_three:\n  REG:5 STACK:0 "), "{resources}");
    assert!(resources.contains(" Function _Z6choosePii:\n"), "{resources}");
    let into = bench.at("out");
    let extract = inspect(&file, &["--extract", into.to_str().expect("UTF-8")]);
    assert_eq!(extract.status.code(), Some(0), "{}", stderr(&extract));
    let same = std::fs::read(into.join("both.1.sm_35.cubin")).expect("it was extracted");
    assert_eq!(same, std::fs::read(bench.at("sm_35.cubin")).expect("it was copied"));
}

/// cuobjdump lists the PTX beside it, and has no word for the LTO-IR.
#[test]
fn objects_for_link_time_optimisation() {
    let Some(bench) = Bench::new() else { return };
    let file = bench.matrix.file("lto-and-sass.o");
    let theirs = stdout(&bench.nvidia.cuobjdump(&["-all", "-lelf", "-lptx"], &file));
    assert!(!theirs.contains("LTO"), "{theirs}");
    let all = printed(&file, &["--list", "--all"]);
    let lto: Vec<_> = kinds(&all).into_iter().filter(|kind| kind.starts_with("LTO")).collect();
    assert_eq!(lto, ["LTO sm_80.ltoir", "LTO sm_90.ltoir"], "{all}");
    let plain = inspect(&file, &["--list"]);
    assert!(stderr(&plain).starts_with("2 more entries"), "{}", stderr(&plain));
}

/// Without `-all`, cuobjdump says that there is no PTX.
#[test]
fn a_program_that_keeps_what_was_linked() {
    let Some(bench) = Bench::new() else { return };
    let file = bench.matrix.file("program-rdc");
    let theirs = bench.nvidia.cuobjdump(&["-lelf", "-lptx"], &file);
    assert!(stderr(&theirs).contains("No PTX file found"), "{}", stderr(&theirs));
    let ours = inspect(&file, &["--list"]);
    assert!(stderr(&ours).starts_with("6 more entries that cuobjdump passes over"), "{}", stderr(&ours));
    let report = report(&file, &["--gpu", "sm_90"]);
    let codes = codes(&report);
    assert_eq!(codes["__nv_relfatbin ptx compute_90"], 2, "{codes:?}");
    assert_eq!(codes[".nv_fatbin sass sm_90"], 1, "{codes:?}");
    // What was linked is no PTX for a newer GPU.
    assert_eq!(report_of(&file, "sm_120")["runs"], false);
}

fn report_of(file: &Path, gpu: &str) -> Value {
    report(file, &["--gpu", gpu])
}

/// As `sstrip` leaves it: a program starts without its section headers.
#[test]
fn no_section_headers() {
    let Some(bench) = Bench::new() else { return };
    for (from, more) in [("program", 4), ("arm-program-rdc", 0)] {
        let file = bench.changed(from, from, |bytes| {
            bytes[40..48].fill(0);
            bytes[60..64].fill(0);
        });
        bench.cuobjdump_fails(&file, "does not contain device code");
        let whole = printed(&bench.matrix.file(from), &["--list", "--all"]);
        let mut expected = kinds(&whole);
        let mut found = kinds(&printed(&file, &["--list", "--all"]));
        assert!(expected.len() >= TWO.len() + more, "{whole}");
        expected.sort();
        found.sort();
        assert_eq!(found, expected, "{from} without section headers");
        assert_eq!(report_of(&file, "sm_90")["runs"], report_of(&bench.matrix.file(from), "sm_90")["runs"]);
    }
}

#[test]
fn sections_under_other_names() {
    let Some(bench) = Bench::new() else { return };
    let renamed = |from: &str, sections: &[&str]| {
        let mut words: Vec<String> = Vec::new();
        for section in sections {
            words.extend(["--rename-section".to_owned(), format!("{section}=.renamed{}", words.len())]);
        }
        let source = bench.matrix.file(from);
        words.extend([source.to_str().expect("UTF-8").to_owned(), from.to_owned()]);
        bench.tool("objcopy", &words.iter().map(String::as_str).collect::<Vec<_>>());
        bench.at(from)
    };
    // Its wrappers are relocated when it is linked.
    let object = renamed("scale.o", &[".nv_fatbin"]);
    bench.cuobjdump_fails(&object, "Invalid fatbin header");
    assert_eq!(kinds(&printed(&object, &["--list", "--all"])), TWO);
    // It has neither containers nor wrappers under names that are known.
    let program = renamed("program", &[".nv_fatbin", ".nvFatBinSegment"]);
    bench.cuobjdump_fails(&program, "does not contain device code");
    let whole = kinds(&printed(&bench.matrix.file("program"), &["--list"]));
    assert_eq!(kinds(&printed(&program, &["--list", "--all"])), whole);
    // cuobjdump finds what is to be linked, and not what was.
    let linked = renamed("program-rdc", &[".nv_fatbin"]);
    let theirs = kinds(&stdout(&bench.nvidia.cuobjdump(&["-all", "-lelf", "-lptx"], &linked)));
    let ours = kinds(&printed(&linked, &["--list", "--all"]));
    assert_eq!(ours.len(), theirs.len() + 2, "{ours:?}");
    // Two wrappers lead to it; cuobjdump looks at the first.
    let library = renamed("libscale.so", &[".nv_fatbin"]);
    let theirs = stdout(&bench.nvidia.cuobjdump(&["-lelf", "-lptx"], &library));
    assert_eq!(theirs.trim(), "--no cubin found--");
    let whole = kinds(&printed(&bench.matrix.file("libscale.so"), &["--list"]));
    assert_eq!(kinds(&printed(&library, &["--list"])), whole);
}

#[test]
fn archives_that_cuobjdump_cannot_walk() {
    let Some(bench) = Bench::new() else { return };
    std::fs::create_dir(bench.at("objects")).expect("the folder is new");
    for name in ["scale.o", "ptx-only.o"] {
        std::fs::copy(bench.matrix.file(name), bench.at("objects").join(name)).expect("the matrix has it");
    }
    std::fs::write(bench.at("readme.txt"), "no ELF file\n").expect("the folder is writable");
    bench.tool("ar", &["qcsT", "libthin.a", "objects/scale.o", "objects/ptx-only.o"]);
    bench.tool("ar", &["qcs", "libmixed.a", "readme.txt", "objects/scale.o"]);
    let thin = bench.at("libthin.a");
    bench.cuobjdump_fails(&thin, "");
    let list = printed(&thin, &["--list"]);
    let path = thin.display();
    assert_eq!(
        list,
        format!(
            "\nmember {path}:objects/scale.o:\nELF file    1: libthin.1.sm_80.cubin\nELF file    2: libthin.2.sm_90.cubin\n\
             PTX file    1: libthin.1.sm_90.ptx\n\nmember {path}:objects/ptx-only.o:\nPTX file    2: libthin.2.sm_90.ptx\n"
        )
    );
    // A member that is gone is said, and the others are listed.
    std::fs::remove_file(bench.at("objects/scale.o")).expect("it was copied");
    let rest = inspect(&thin, &["--list"]);
    assert_eq!(kinds(&stdout(&rest)), ["PTX sm_90.ptx"]);
    assert!(stderr(&rest).contains("objects/scale.o"), "{}", stderr(&rest));
    let mixed = bench.at("libmixed.a");
    bench.cuobjdump_fails(&mixed, "does not contain device code");
    assert_eq!(kinds(&printed(&mixed, &["--list"])), TWO);
    // The CUDA runtime has no device code; to say so is an answer.
    let runtime = bench.nvidia.library("sbsa-linux", "libcudart_static.a");
    bench.cuobjdump_fails(&runtime, "does not contain device code");
    let list = inspect(&runtime, &["--list"]);
    assert_eq!((list.status.code(), kinds(&stdout(&list)).len()), (Some(1), 0));
    assert_eq!(codes(&report_of(&runtime, "sm_90")).len(), 0);
}

#[test]
fn one_broken_entry_among_others() {
    let Some(bench) = Bench::new() else { return };
    let starts = |name: &str| entries(&std::fs::read(bench.matrix.file(name)).expect("the matrix has it"));
    let [first, second, _] = starts("size.o")[..] else { panic!("size.o has three entries") };
    // A header of an impossible size: nobody knows where the next entry is.
    let header = bench.changed("size.o", "header.o", |bytes| bytes[second + 4..second + 8].fill(3));
    bench.cuobjdump_fails(&header, "");
    let list = inspect(&header, &["--list"]);
    assert_eq!(kinds(&stdout(&list)), ["ELF sm_80.cubin"]);
    assert!(stderr(&list).contains(&format!("{second:#x}")), "{}", stderr(&list));
    // A payload longer than the file.
    let second = starts("none.o")[1];
    let length = bench.changed("none.o", "length.o", |bytes| bytes[second + 13] = 1);
    bench.cuobjdump_fails(&length, "Invalid fatbin header");
    let list = inspect(&length, &["--list"]);
    assert_eq!(kinds(&stdout(&list)), ["ELF sm_80.cubin"]);
    assert!(stderr(&list).contains(&format!("{second:#x}")), "{}", stderr(&list));
    // A payload that does not unpack: the header still says what it is, and the other entries are whole.
    let payload = bench.changed("size.o", "payload.o", |bytes| {
        let start = first + u32_at(bytes, first + 4) as usize;
        bytes[start + 8..start + 40].fill(0xff);
    });
    bench.cuobjdump_fails(&payload, "Uncompress failed");
    assert_eq!(kinds(&printed(&payload, &["--list"])), TWO);
    let into = bench.at("out");
    let extract = inspect(&payload, &["--extract", into.to_str().expect("UTF-8")]);
    assert!(stderr(&extract).contains(&format!("{first:#x}")), "{}", stderr(&extract));
    let name = "payload.2.sm_90.cubin";
    let whole = scratch();
    let source = bench.matrix.file("size.o");
    bench.nvidia.cuobjdump_in(&["-xelf", "all"], &source, whole.path());
    let expected = std::fs::read(whole.path().join("size.2.sm_90.cubin")).expect("cuobjdump extracted it");
    assert_eq!(std::fs::read(into.join(name)).expect("it was extracted"), expected);
    assert!(!into.join("payload.1.sm_80.cubin").exists());
    let resources = inspect(&payload, &["--resources"]);
    assert!(stderr(&resources).contains(&format!("{first:#x}")), "{}", stderr(&resources));
    assert_eq!(stdout(&resources).matches(" Function ").count(), 2, "{}", stdout(&resources));
}

#[test]
fn several_files_and_what_files_come_in() {
    let Some(bench) = Bench::new() else { return };
    let (one, two) = (bench.matrix.file("scale.o"), bench.matrix.file("ptx-only.o"));
    let both = cuferry(
        ["inspect".as_ref(), one.as_os_str(), two.as_os_str(), "--list".as_ref()],
        bench.folder.path(),
    );
    let expected = [&TWO[..], &["PTX sm_90.ptx"]].concat();
    assert_eq!(kinds(&stdout(&both)), expected, "{}", stderr(&both));
    let mut child = command(["inspect", "-", "--list"], bench.folder.path());
    child.stdin(std::fs::File::open(&one).expect("the matrix has it")).stdout(Stdio::piped());
    let piped = child.output().expect("the command was built with these tests");
    assert_eq!(kinds(&stdout(&piped)), TWO, "{}", stderr(&piped));
    // A wheel is a zip; in it, in a tar and in a folder files keep their paths.
    std::fs::create_dir_all(bench.at("tree/lib")).expect("the folder is new");
    std::fs::copy(bench.matrix.file("arm-program"), bench.at("tree/lib/detector"))
        .expect("the matrix has it");
    std::fs::copy(&one, bench.at("tree/scale.o")).expect("the matrix has it");
    std::fs::write(bench.at("tree/notes.txt"), "nothing\n").expect("the folder is writable");
    bench.tool("tar", &["-czf", "all.tar.gz", "tree"]);
    bench.tool("tar", &["-cf", "all.tar", "tree"]);
    let zip = "import sys, shutil; shutil.make_archive(sys.argv[1], 'zip', '.', 'tree')";
    bench.tool("python3", &["-c", zip, "all"]);
    std::fs::rename(bench.at("all.zip"), bench.at("all-1.0-py3-none-any.whl")).expect("it was made");
    for (name, prefix) in
        [("all.tar", "tree/"), ("all.tar.gz", "tree/"), ("all-1.0-py3-none-any.whl", "tree/"), ("tree", "")]
    {
        let report = report_of(&bench.at(name), "sm_90");
        let files = &report["artifacts"][0]["trees"][0]["files"];
        let paths: Vec<_> = files.as_array().into_iter().flatten().map(|file| &file["path"]).collect();
        assert_eq!(
            paths,
            [&Value::from(format!("{prefix}lib/detector")), &Value::from(format!("{prefix}scale.o"))],
            "{name}"
        );
        assert_eq!(report["artifacts"][0]["trees"][0]["other_files"], 1, "{name}");
        let list = printed(&bench.at(name), &["--list"]);
        assert_eq!(list.matches("\nfile ").count(), 2, "{list}");
        assert_eq!(kinds(&list).len(), 8 + TWO.len(), "{list}");
    }
    // PTX as text.
    let mut nvcc = bench.nvidia.program("nvcc", bench.folder.path());
    nvcc.args(["-ptx", "-arch=compute_87", "-o", "add.ptx"]).arg(bench.matrix.file("add.cu"));
    assert!(nvcc.status().expect("the toolkit has it").success());
    bench.cuobjdump_fails(&bench.at("add.ptx"), "does not contain device code");
    assert_eq!(kinds(&printed(&bench.at("add.ptx"), &["--list"])), ["PTX sm_87.ptx"]);
    // Orin's PTX is not for an A100, whose number is lower.
    assert_eq!(report_of(&bench.at("add.ptx"), "sm_80")["runs"], false);
    assert_eq!(report_of(&bench.at("add.ptx"), "sm_89")["runs"], true);
}
