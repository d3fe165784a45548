//! Programs and libraries for hosts: where they have their CUDA runtime from, and device code in them when they are
//! stripped, renamed, archived.

use std::fs;
use std::path::Path;
use std::process::Command;

use cuferry_binfmt::ar::Members;
use cuferry_binfmt::cubin::Cubin;
use cuferry_binfmt::device::{self, Place, Source};
use cuferry_binfmt::fatbin::{EntryKind, WrapperVersion, wrappers};
use cuferry_binfmt::host::{Host, Runtime};
use cuferry_binfmt::sections::Sections;
use cuferry_binfmt::{FileKind, kind_of};

use crate::tools::{folder, toolkit, words};
use crate::view::{cubins, find, list};

/// Builds a program, strips it, and asks for its runtime.
#[track_caller]
fn check_runtime(release: &str, options: &str, strip: bool, expected: (Option<Runtime>, Option<&str>)) {
    let Some(toolkit) = toolkit(release) else { return };
    let folder = folder();
    let mut args = words(options);
    args.extend(["-arch=sm_90", "k.cu", "-o", "k"]);
    toolkit.run("nvcc", folder.path(), args);
    if strip {
        run("strip", folder.path(), &["k"]);
    }
    let bytes = fs::read(folder.path().join("k")).unwrap();
    let host = Host::parse(&bytes).unwrap();
    let found = host.runtime_release().map(|release| release.to_string());
    assert_eq!((host.runtime(), found.as_deref()), expected, "{options}");
}

#[track_caller]
fn run(program: &str, folder: &Path, args: &[&str]) {
    let output = Command::new(program).args(args).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn runtimes_of_programs() {
    check_runtime("13.0", "-cudart static", false, (Some(Runtime::Static), Some("13.0")));
    check_runtime("13.5", "-cudart static", true, (Some(Runtime::Static), Some("13.5")));
    check_runtime("13.0", "-cudart shared", true, (Some(Runtime::Shared), None));
    // The driver's API alone is no runtime, and neither is an object file that is not linked yet.
    check_runtime("13.5", "-c", false, (None, None));
}

/// The static runtime of the other host, linked by nobody: its one object has all the code.
#[test]
fn runtimes_of_both_hosts() {
    for (release, host) in [("13.0", "x86_64-linux"), ("13.5", "x86_64-linux"), ("13.5", "sbsa-linux")] {
        let Some(toolkit) = toolkit(release) else { continue };
        let archive = fs::read(toolkit.library(host, "libcudart_static.a")).unwrap();
        assert_eq!(kind_of(&archive), FileKind::Archive);
        let members: Vec<_> = Members::parse(&archive).unwrap().map(Result::unwrap).collect();
        let [member] = members.as_slice() else { panic!("{members:?}") };
        assert_eq!(member.name, b"cudart_static.o");
        let object = Host::parse(member.data.unwrap()).unwrap();
        assert_eq!(object.runtime_release().unwrap().to_string(), release, "{host}");
        // No device code in it, and nothing to complain of.
        assert!(find(member.data.unwrap()).containers.is_empty());
    }
}

#[test]
fn shared_runtimes_say_their_release() {
    for (release, host) in [("13.0", "x86_64-linux"), ("13.5", "x86_64-linux"), ("13.5", "sbsa-linux")] {
        let Some(toolkit) = toolkit(release) else { continue };
        let library = fs::read(toolkit.library(host, "libcudart.so.13")).unwrap();
        let host = Host::parse(&library).unwrap();
        assert_eq!(host.runtime(), Some(Runtime::Static));
        assert_eq!(host.runtime_release().unwrap().to_string(), release);
    }
}

#[test]
fn a_program_without_section_table() {
    let Some(toolkit) = toolkit("13.5") else { return };
    let folder = folder();
    toolkit.run("nvcc", folder.path(), words("-gencode arch=compute_90,code=[sm_90,compute_90] k.cu -o k"));
    let whole = fs::read(folder.path().join("k")).unwrap();
    let expected = list(&find(&whole));
    assert_eq!(expected, ["ELF sm_90", "ELF sm_90", "PTX sm_90"]);
    let mut stripped = whole.clone();
    // `e_shoff`, `e_shnum`, `e_shstrndx`
    stripped[0x28..0x30].fill(0);
    stripped[0x3c..0x40].fill(0);
    let code = find(&stripped);
    assert_eq!(list(&code), expected);
    for found in &code.containers {
        assert!(matches!((found.place, found.source), (Place::Segment { .. }, Source::Search)));
    }
    // The build id is in a segment, too.
    let build_id = |bytes| Host::parse(bytes).unwrap().build_id().map(<[u8]>::to_vec);
    assert_eq!(build_id(&stripped), build_id(&whole));
    // Cut off behind the device code, the section table is gone, and its absence is said.
    let end = code.containers.last().unwrap().container.range().end;
    let cut = device::find(&whole[..usize::try_from(end).unwrap()]);
    assert_eq!((list(&cut), cut.problems.len()), (expected, 1));
}

/// Some linkers leave addresses to the loader: then only relocations lead from wrappers to containers.
#[test]
fn wrappers_that_the_loader_fills() {
    let Some(toolkit) = toolkit("13.0") else { return };
    let folder = folder();
    toolkit.run("nvcc", folder.path(), words("-arch=sm_90 -shared -Xcompiler -fPIC k.cu -o libk.so"));
    let mut bytes = fs::read(folder.path().join("libk.so")).unwrap();
    let filled = wrappers(&Sections::parse(&bytes).unwrap());
    assert_eq!((filled.wrappers.len(), filled.errors.len()), (2, 0));
    for wrapper in &filled.wrappers {
        let word = usize::try_from(wrapper.offset).unwrap() + 8;
        assert_ne!(bytes[word..word + 8], [0; 8]);
        bytes[word..word + 8].fill(0);
    }
    assert_eq!(wrappers(&Sections::parse(&bytes).unwrap()), filled);
}

#[test]
fn device_linking_leaves_a_stub() {
    let Some(toolkit) = toolkit("13.0") else { return };
    let folder = folder();
    toolkit.run("nvcc", folder.path(), words("-arch=sm_90 -shared -Xcompiler -fPIC k.cu -o libk.so"));
    let bytes = fs::read(folder.path().join("libk.so")).unwrap();
    let code = find(&bytes);
    let versions: Vec<_> = code.containers.iter().map(|found| found.wrapper.unwrap().version).collect();
    assert_eq!(versions, [WrapperVersion::DeviceLinked, WrapperVersion::Plain]);
    let mut stubs = Vec::new();
    cubins(&code, |_, bytes| stubs.push(Cubin::parse(bytes).unwrap().is_stub()));
    assert_eq!(stubs, [true, false]);
}

#[test]
fn archives_of_objects() {
    let Some(toolkit) = toolkit("13.0") else { return };
    let folder = folder();
    let path = folder.path();
    toolkit.run("nvcc", path, words("-c -gencode arch=compute_90,code=compute_90 k.cu -o k.o"));
    let long = "a-name-that-has-more-than-sixteen-characters.o";
    fs::copy(path.join("k.o"), path.join(long)).unwrap();
    fs::write(path.join("notes.txt"), "no object").unwrap();
    // The first member is no ELF file: cuobjdump gives up there.
    run("ar", path, &["rcs", "k.a", "notes.txt", "k.o", long]);
    let archive = fs::read(path.join("k.a")).unwrap();
    let members: Vec<_> = Members::parse(&archive).unwrap().map(Result::unwrap).collect();
    let names: Vec<_> = members.iter().map(|member| String::from_utf8_lossy(member.name)).collect();
    assert_eq!(names, ["notes.txt", "k.o", long]);
    assert_eq!(list(&find(members[0].data.unwrap())), [] as [&str; 0]);
    for member in &members[1..] {
        let data = member.data.unwrap();
        assert_eq!(list(&find(data)), ["PTX sm_90"]);
        let start = usize::try_from(member.offset).unwrap();
        assert_eq!(data, &archive[start..start + data.len()]);
    }
    run("ar", path, &["rcsT", "thin.a", "k.o", long]);
    let archive = fs::read(path.join("thin.a")).unwrap();
    assert_eq!(kind_of(&archive), FileKind::ThinArchive);
    let members: Vec<_> = Members::parse(&archive).unwrap().map(Result::unwrap).collect();
    let names: Vec<_> = members.iter().map(|member| String::from_utf8_lossy(member.name)).collect();
    assert_eq!(names, ["k.o", long]);
    assert!(members.iter().all(|member| member.data.is_none() && member.size > 0));
}

#[test]
fn relocatable_code_stays_in_the_program() {
    let Some(toolkit) = toolkit("13.5") else { return };
    let folder = folder();
    toolkit.run("nvcc", folder.path(), words("-rdc=true -arch=sm_90 k.cu -o k"));
    let bytes = fs::read(folder.path().join("k")).unwrap();
    let code = find(&bytes);
    let relocatable: Vec<bool> = code.containers.iter().map(device::Found::is_relocatable).collect();
    assert_eq!(relocatable, [false, true]);
    let mut kinds = Vec::new();
    cubins(&code, |entry, bytes| {
        assert_eq!(entry.kind, EntryKind::Cubin);
        kinds.push(Cubin::parse(bytes).unwrap().is_relocatable());
    });
    assert_eq!(kinds, relocatable);
    let host = Host::parse(&bytes).unwrap();
    let kernels: Vec<_> = host.kernels().map(String::from_utf8_lossy).collect();
    assert!(kernels.contains(&"saxpy".into()) && kernels.contains(&"_Z4fill*".into()), "{kernels:?}");
}
