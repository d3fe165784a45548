//! `cuferry inspect`: questions, answers, exit codes and wrong input, on small files that real tools wrote.

use std::path::Path;

use crate::project::{REPOSITORY, TestProject};

/// A project's folder with one of the files of `crates/binfmt/tests/data` in it.
fn with(files: &[&str]) -> TestProject {
    let project = TestProject::new();
    for file in files {
        let from = Path::new(REPOSITORY).join("crates/binfmt/tests/data").join(file);
        std::fs::copy(from, project.at(file)).expect("the file is there");
    }
    project
}

#[test]
fn the_deciding_fact_stands_beside_the_verdict() {
    let project = with(&["old-archs.fatbin"]);
    let run =
        project.run(["inspect", "old-archs.fatbin", "--gpu", "h100,a100", "--driver", "580.65.06"]).expect(0);
    assert_eq!(
        run.stdout,
        "\
old-archs.fatbin: fatbin, 4.92 KiB
  device code   1 module: machine code sm_35, sm_80; PTX compute_35 (ISA 6.0)
  made with     device code by CUDA 11.8
  driver        450.80.02 or newer, for code by CUDA 11.8
  sm_80 (A100, A30)          native      its sm_80 code runs there [CF3001]
  sm_90 (H100, H200, GH200)  jit         the driver compiles its compute_35 PTX (ISA 6.0); driver 520.61.05 or newer [CF3002]
"
    );
}

#[test]
fn an_arm_file_tells_of_the_other_ways() {
    let project = with(&["store-aarch64.o"]);
    let run = project.run(["inspect", "store-aarch64.o", "--gpu", "sm_90"]).expect(1);
    assert!(
        run.stdout.contains("rebuild     its host half is aarch64 code, and the machine is x86_64 [CF3010]"),
        "{}",
        run.stdout
    );
    project.run(["inspect", "store-aarch64.o", "--gpu", "sm_90", "--host", "aarch64"]).expect(0);
    // A Jetson's GPU is part of an ARM module.
    project.run(["inspect", "store-aarch64.o", "--gpu", "orin"]).expect(0);
}

#[test]
fn the_exit_code_is_the_answer() {
    let project = with(&["sm_90a-abi8.cubin", "lto.fatbin"]);
    for (args, code) in [
        (&["sm_90a-abi8.cubin", "--gpu", "h100"][..], 0),
        (&["sm_90a-abi8.cubin", "--gpu", "b200"], 1),
        (&["sm_90a-abi8.cubin", "--gpu", "b200,h200"], 0),
        (&["sm_90a-abi8.cubin", "--gpu", "h100", "--driver", "570.26"], 1),
        (&["lto.fatbin", "--gpu", "a100"], 1),
        (&["lto.fatbin", "sm_90a-abi8.cubin", "--gpu", "h100"], 0),
    ] {
        project.run([&["inspect"], args].concat()).expect(code);
        let json = project.run([&["inspect", "--format", "json"], args].concat()).expect(code).json();
        assert_eq!(json["runs"], code == 0, "{args:?}");
    }
}

#[test]
fn gpus_have_many_names() {
    let project = with(&["store.ptx"]);
    for name in ["sm_89", "8.9", "89", "RTX 4090", "rtx4090", "NVIDIA GeForce RTX 4090", "l40s", "sm_89a"] {
        let run = project.run(["inspect", "store.ptx", "--gpu", name]).expect(0);
        assert!(run.stdout.contains("sm_89 ("), "{name}: {}", run.stdout);
    }
}

#[test]
fn wrong_input_is_refused_by_name() {
    let project = with(&["store.ptx", "sm_90a-abi8.cubin"])
        .file("empty", "")
        .file("notes.txt", "nothing that runs")
        .file("broken.zip", "PK\x03\x04 and no more");
    for (args, code, words) in [
        (&["missing.so"][..], 2, "there is no `missing.so`"),
        (&["store.pt"], 2, "`store.ptx` is there: was it meant?"),
        (&["empty"], 3, "`empty` is empty"),
        (&["notes.txt"], 1, "no program, library or device code here"),
        (&["broken.zip"], 3, "broken.zip"),
        (&["store.ptx", "--gpu", "sm_99"], 2, "no GPU of sm_99 is known"),
        (&["store.ptx", "--gpu", "rtx 4091"], 2, "did you mean"),
        (&["store.ptx", "--gpu", "hal 9000"], 2, "no GPU named `hal 9000` is known"),
    ] {
        let run = project.run([&["inspect"], args].concat()).expect(code);
        assert!(run.error_in_one_line().contains(words), "{args:?}: {}", run.stderr);
        assert_eq!(run.stdout, "");
    }
    for args in
        [&["inspect"][..], &["inspect", "x", "--list", "--resources"], &["inspect", "x", "--driver", "new"]]
    {
        project.run(args).expect(2);
    }
}

#[test]
fn a_folder_tells_of_every_file() {
    let project = with(&["sm_90a-abi8.cubin", "store-x86_64.o"])
        .file("lib/libcudart.so.10.2", "")
        .file("README", "text");
    let json = project.run(["inspect", ".", "--gpu", "h100", "--format", "json"]).expect(0).json();
    let tree = &json["artifacts"][0]["trees"][0];
    let files: Vec<(&str, &str)> = tree["files"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|file| {
            (file["path"].as_str().expect("a path"), file["verdicts"][0]["outcome"].as_str().expect("a word"))
        })
        .collect();
    assert_eq!(
        files,
        [("lib/libcudart.so.10.2", "impossible"), ("sm_90a-abi8.cubin", "native"), ("store-x86_64.o", "jit")]
    );
    assert_eq!(tree["other_files"], 1);
    let text = project.run(["inspect", ".", "--gpu", "h100"]).expect(0).stdout;
    assert!(text.contains("2 with device code, 1 empty library, 1 other"), "{text}");
}

#[test]
fn what_is_listed_can_be_extracted() {
    let project = with(&["group.fatbin"]);
    let list = project.run(["inspect", "group.fatbin", "--list"]).expect(0).stdout;
    assert_eq!(
        list,
        "\
PTX file    1: store.sm_35.ptx
PTX file    2: store.sm_90.ptx
ELF file    1: store.sm_80.cubin
ELF file    2: store.sm_90.cubin
"
    );
    project.run(["inspect", "group.fatbin", "--extract", "out/here"]).expect(0);
    let mut names: Vec<String> = std::fs::read_dir(project.at("out/here"))
        .expect("it was made")
        .map(|entry| entry.expect("it is listed").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    assert_eq!(names, ["store.sm_35.ptx", "store.sm_80.cubin", "store.sm_90.cubin", "store.sm_90.ptx"]);
    let cubin = project.run(["inspect", "out/here/store.sm_90.cubin", "--gpu", "h100"]).expect(0).stdout;
    assert!(cubin.contains("machine code sm_90"), "{cubin}");
}

#[test]
fn a_damaged_entry_is_named_and_the_others_stay() {
    let project = with(&["old-archs.fatbin"]);
    let mut bytes = std::fs::read(project.at("old-archs.fatbin")).expect("it was copied");
    // The second entry's header size, which starts behind the first entry.
    let first = 16
        + u64::from(u32::from_le_bytes(bytes[20..24].try_into().expect("four bytes")))
        + u64::from_le_bytes(bytes[24..32].try_into().expect("eight bytes"));
    let second = usize::try_from(first).expect("a small file");
    bytes[second + 4..second + 8].copy_from_slice(&3_u32.to_le_bytes());
    std::fs::write(project.at("damaged.fatbin"), bytes).expect("the folder is writable");
    let run = project.run(["inspect", "damaged.fatbin", "--list"]).expect(1);
    assert_eq!(run.stdout, "ELF file    1: damaged.1.sm_35.cubin\n");
    assert!(run.stderr.contains(&format!("at offset {second:#x}")), "{}", run.stderr);
    let run = project.run(["inspect", "damaged.fatbin", "--gpu", "h100"]).expect(1);
    assert!(run.stdout.contains(&format!("at offset {second:#x}")), "{}", run.stdout);
}

#[test]
fn ptx_among_the_strings_of_a_program_is_not_passed_over() {
    let source = "const char *ptx = \"\\n.version 6.0\\n.target sm_61\\n.address_size 64\\n\";\n\
        const char *shape = \".version %d.%d\\n.target sm_%d\";\n\
        int main(int count, char **) { return (count > 5 ? ptx : shape)[0] == 'x'; }\n";
    let project = TestProject::new().file("text.cpp", source);
    let compiler = std::process::Command::new("g++")
        .args(["-o", "text", "text.cpp"])
        .current_dir(project.at(""))
        .status();
    assert!(compiler.expect("building needs g++ as well").success());
    let run = project.run(["inspect", "text", "--gpu", "h100"]).expect(0);
    assert!(run.stdout.contains("no fatbin inside, but PTX as text for sm_61, "), "{}", run.stdout);
}
