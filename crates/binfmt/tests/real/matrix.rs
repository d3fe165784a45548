//! One source in every mode that nvcc has for its device code: the entries, their bytes and the resources of their
//! functions are what `cuobjdump` says, without a difference.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use cuferry_binfmt::device::{DeviceCode, Place};
use cuferry_binfmt::fatbin::{Compression, EntryKind};

use crate::tools::{Toolkit, folder, toolkit, words};
use crate::view::{files, find, images, list, listed, usage, used};

const TWO: &str = "-gencode arch=compute_80,code=sm_80 -gencode arch=compute_90,code=[sm_90,compute_90]";

/// Compiles, and compares everything with cuobjdump's words; the entries are as expected, one a line.
#[track_caller]
fn check(release: &str, options: &str, output: &str, expected: &str) {
    let Some(toolkit) = toolkit(release) else { return };
    let folder = folder();
    let mut args = words(options);
    args.extend(["k.cu", "-o", output]);
    toolkit.run("nvcc", folder.path(), args);
    let entries = compare(folder.path(), output).join("\n");
    let expected: Vec<&str> = expected.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    assert_eq!(entries, expected.join("\n"), "{options}");
}

/// Compares a file with cuobjdump's words, and describes each entry.
#[track_caller]
fn compare(folder: &Path, name: &str) -> Vec<String> {
    let bytes = fs::read(folder.join(name)).unwrap();
    let codes: Vec<DeviceCode<'_>> = files(&bytes).into_iter().map(find).collect();
    let all = |lines: fn(&DeviceCode<'_>) -> Vec<String>| codes.iter().flat_map(lines).collect::<Vec<_>>();
    let mut ours = all(list);
    ours.sort_by_key(|line| line.starts_with("PTX"));
    assert_eq!(ours, listed(&Toolkit::cuobjdump(folder, &["-all", "-lelf", "-lptx", name])));
    assert_eq!(all(usage), used(&Toolkit::cuobjdump(folder, &["-all", "-res-usage", name])));
    for (kind, option, extension) in [(EntryKind::Cubin, "-xelf", "cubin"), (EntryKind::Ptx, "-xptx", "ptx")]
    {
        let mut ours = Vec::new();
        for code in &codes {
            images(code, kind, |_, bytes| ours.push(end(bytes, extension).to_vec()));
        }
        Toolkit::cuobjdump(folder, &["-all", option, "all", name]);
        let theirs = extracted(folder, extension);
        // Names repeat where entries carry the source's name: then the last one of a name is left.
        assert!(theirs.len() <= ours.len() && theirs.is_empty() == ours.is_empty());
        for (name, bytes) in theirs {
            assert!(ours.contains(&bytes), "{name} is not what we unpack");
            fs::remove_file(folder.join(name)).unwrap();
        }
    }
    all(describe)
}

/// What cuobjdump wrote, by name.
fn extracted(folder: &Path, extension: &str) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let entries = entries.filter(|path| path.extension().is_some_and(|found| found == extension));
    entries
        .map(|path| {
            let bytes = fs::read(&path).unwrap();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, end(&bytes, extension).to_vec())
        })
        .collect()
}

/// How PTX ends, nobody has settled: cuobjdump puts NULs and line feeds there.
fn end<'data>(bytes: &'data [u8], extension: &str) -> &'data [u8] {
    let end = bytes.iter().rposition(|byte| !matches!(byte, 0 | b'\n')).map_or(0, |last| last + 1);
    if extension == "ptx" { &bytes[..end] } else { bytes }
}

/// A line for each entry: section, kind, architecture, compression, marks.
fn describe(code: &DeviceCode<'_>) -> Vec<String> {
    let mut lines = Vec::new();
    for found in &code.containers {
        let place = match found.place {
            Place::Section { name, .. } => String::from_utf8_lossy(name).into_owned(),
            other => format!("{other:?}"),
        };
        for entry in found.container.images() {
            let entry = entry.unwrap();
            let mut words = vec![place.clone(), format!("{:?}", entry.kind), entry.arch_name()];
            if entry.compression != Compression::None {
                words.push(format!("{:?}", entry.compression));
            }
            if entry.part.is_some() {
                words.push("grouped".to_owned());
            }
            words.extend(entry.identifier.map(|name| String::from_utf8_lossy(name).into_owned()));
            let options = entry.options.filter(|options| !options.is_empty());
            words.extend(options.map(|options| format!("`{}`", String::from_utf8_lossy(options).trim())));
            let marks = [
                (entry.is_debug(), "debug"),
                (entry.is_obfuscated(), "obfuscated"),
                (entry.compat.is_some(), "compat"),
            ];
            words.extend(marks.iter().filter(|(set, _)| *set).map(|(_, mark)| (*mark).to_owned()));
            lines.push(words.join(" "));
        }
    }
    lines
}

#[test]
fn compression_modes() {
    let cases = [
        ("", "", " Zstd"),
        ("--compress-mode=none", "", ""),
        ("--compress-mode=speed", "", " Lz4"),
        ("--compress-mode=balance", "", " Zstd"),
        ("--compress-mode=size", " Zstd", " Zstd"),
        ("-Xfatbin -compress-all", " Zstd", " Zstd"),
    ];
    for (mode, cubins, ptx) in cases {
        let expected =
            format!("File Cubin sm_80{cubins}\nFile Cubin sm_90{cubins}\nFile Ptx compute_90{ptx}");
        check("13.0", &format!("-fatbin {TWO} {mode}"), "k.fatbin", &expected);
    }
}

#[test]
fn object_files() {
    check(
        "13.5",
        &format!("-c {TWO}"),
        "k.o",
        ".nv_fatbin Cubin sm_80
         .nv_fatbin Cubin sm_90
         .nv_fatbin Ptx compute_90 Zstd",
    );
    check("13.5", "-c -gencode arch=compute_75,code=compute_75", "k.o", ".nv_fatbin Ptx compute_75 Zstd");
    check("13.0", "-c -gencode arch=compute_75,code=sm_75", "k.o", ".nv_fatbin Cubin sm_75");
}

#[test]
fn debug_information() {
    check(
        "13.5",
        "-c -g -G -gencode arch=compute_80,code=[sm_80,compute_80]",
        "k.o",
        ".nv_fatbin Cubin sm_80 Zstd k.cu debug
         .nv_fatbin Ptx compute_80 Zstd k.cu `-g --dont-merge-basicblocks --return-at-end` debug",
    );
    check(
        "13.0",
        "-c -lineinfo -gencode arch=compute_80,code=[sm_80,compute_80]",
        "k.o",
        ".nv_fatbin Cubin sm_80 k.cu
         .nv_fatbin Ptx compute_80 Zstd k.cu `--generate-line-info`",
    );
}

#[test]
fn architecture_and_family_specific() {
    check(
        "13.0",
        "-c -gencode arch=compute_90a,code=[sm_90a,compute_90a] -gencode arch=compute_100f,code=[sm_100f,compute_100f]
         -gencode arch=compute_100a,code=sm_100a -gencode arch=compute_120,code=sm_120",
        "k.o",
        ".nv_fatbin Cubin sm_90a
         .nv_fatbin Ptx compute_90a Zstd
         .nv_fatbin Cubin sm_100f compat
         .nv_fatbin Ptx compute_100f Zstd
         .nv_fatbin Cubin sm_100a compat
         .nv_fatbin Cubin sm_120 compat",
    );
}

#[test]
fn relocatable_device_code() {
    let object = "__nv_relfatbin Cubin sm_80 Zstd
                  __nv_relfatbin Cubin sm_90 Zstd
                  __nv_relfatbin Ptx compute_90 Zstd `--compile-only`";
    check("13.0", &format!("-c -rdc=true {TWO}"), "k.o", object);
    check("13.5", &format!("-lib -rdc=true {TWO}"), "k.a", object);
    let linked = format!(".nv_fatbin Cubin sm_80\n.nv_fatbin Cubin sm_90\n{object}");
    check("13.5", &format!("-rdc=true {TWO}"), "k", &linked);
}

#[test]
fn programs_and_libraries() {
    // Device linking adds a stub for each GPU, though there is nothing to link.
    let linked = ".nv_fatbin Cubin sm_80
                  .nv_fatbin Cubin sm_90
                  .nv_fatbin Cubin sm_80
                  .nv_fatbin Cubin sm_90
                  .nv_fatbin Ptx compute_90 Zstd";
    check("13.5", TWO, "k", linked);
    check("13.0", &format!("-shared -Xcompiler -fPIC -cudart shared {TWO}"), "libk.so", linked);
}

#[test]
fn link_time_optimisation() {
    let ir = "__nv_relfatbin NvvmIr lto_80 Zstd `-ftz=0 -prec_div=1 -prec_sqrt=1 -fmad=1` obfuscated";
    let ptx = "__nv_relfatbin Ptx compute_80 Zstd `--compile-only`";
    check("13.0", "-c -dlto -arch=sm_80", "k.o", &format!("{ptx}\n{ir}"));
    let both = "-c -rdc=true -gencode arch=compute_80,code=[lto_80,sm_80]";
    check("13.5", both, "k.o", &format!("{ir}\n__nv_relfatbin Cubin sm_80 Zstd"));
}

#[test]
fn groups() {
    check(
        "13.5",
        "-c --concat -lineinfo -gencode arch=compute_80,code=[sm_80,compute_80]
         -gencode arch=compute_90a,code=[sm_90a,compute_90a] -gencode arch=compute_100f,code=sm_100f
         -gencode arch=compute_120,code=sm_120",
        "k.o",
        ".nv_fatbin Ptx compute_80 Zstd grouped k.cu `--generate-line-info`
         .nv_fatbin Ptx compute_90a Zstd grouped k.cu `--generate-line-info`
         .nv_fatbin Cubin sm_80 Zstd grouped k.cu
         .nv_fatbin Cubin sm_90a Zstd grouped k.cu
         .nv_fatbin Cubin sm_100f Zstd grouped k.cu compat
         .nv_fatbin Cubin sm_120 Zstd grouped k.cu compat",
    );
    check(
        "13.5",
        &format!("-fatbin --concat --compress-mode=speed {TWO}"),
        "k.fatbin",
        "File Ptx compute_90 Lz4
         File Cubin sm_80 Lz4 grouped
         File Cubin sm_90 Lz4 grouped",
    );
}

/// A member's header ends where its last text does, and its NUL: names and options of every length modulo 8.
#[test]
fn tails_of_group_members() {
    let Some(toolkit) = toolkit("13.5") else { return };
    let folder = folder();
    fs::write(folder.path().join("one.cu"), "extern \"C\" __global__ void k(int *p) { *p = 1; }").unwrap();
    fs::create_dir(folder.path().join("images")).unwrap();
    for (kind, archs) in [("cubin", ["80", "90", "100", "120"].as_slice()), ("ptx", &["80", "90"])] {
        for arch in archs {
            let (arch, output) = (format!("-arch=sm_{arch}"), format!("images/{arch}.{kind}"));
            toolkit.run("nvcc", folder.path(), [&format!("-{kind}"), &arch, "one.cu", "-o", &output]);
        }
    }
    for length in 0..10 {
        let ident = format!("--ident={}.cu", "k".repeat(length));
        let options = format!("--cmdline={}", "-".repeat((length * 3) % 11));
        let output = format!("{length}.fatbin");
        let create = format!("--create={output}");
        let mut args = vec!["-64", "--concat", &create, &ident, &options];
        let images = [
            "elf,sm=80,file=images/80.cubin",
            "elf,sm=90,file=images/90.cubin",
            "elf,sm=100,file=images/100.cubin",
            "elf,sm=120,file=images/120.cubin",
            "ptx,sm=80,file=images/80.ptx",
            "ptx,sm=90,file=images/90.ptx",
        ];
        let images = images.map(|image| format!("--image3=kind={image}"));
        args.extend(images.iter().map(String::as_str));
        toolkit.run("fatbinary", folder.path(), args);
        assert_eq!(compare(folder.path(), &output).len(), 6, "{length}");
    }
}
