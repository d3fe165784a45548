//! Wheels, conda packages, Debian packages, and zips that are none.

use std::process::Command;

use cuferry_artifact::{ArtifactKind, Compression, CondaInfo, DebInfo, WheelInfo};

use crate::common::{
    gzip, lacking, opened, opened_path, problems, refused, scratch, shown, tar, xz, zip, zstd,
};

type Compress = fn(&[u8]) -> Vec<u8>;

const LONG: &[u8] = &[b'x'; 1000];

#[test]
fn a_wheel_says_what_it_is() {
    let members: &[(&str, &[u8])] = &[
        ("nvidia/lib/libcublas.so", LONG),
        ("nvidia_cublas-13.1.0.dist-info/METADATA", b"Metadata-Version: 2.1\nName: nvidia-cublas\nVersion: 13.1.0\n\nVersion: 1\n"),
        ("nvidia_cublas-13.1.0.dist-info/WHEEL", b"Wheel-Version: 1.0\nTag: py3-none-manylinux2014_aarch64\nTag: py3-none-manylinux_2_17_aarch64\n"),
    ];
    let said = WheelInfo {
        name: "nvidia-cublas".to_owned(),
        version: "13.1.0".to_owned(),
        tags: vec!["py3-none-manylinux2014_aarch64".to_owned(), "py3-none-manylinux_2_17_aarch64".to_owned()],
    };
    assert_eq!(said.platforms(), ["manylinux2014_aarch64", "manylinux_2_17_aarch64"]);
    for name in ["nvidia_cublas-13.1.0-py3-none-manylinux_2_27_aarch64.whl", "stdin"] {
        let artifact = opened(name, zip(members));
        assert_eq!(artifact.kind, ArtifactKind::Wheel(said.clone()), "{name}");
        assert_eq!(artifact.trees[0].nodes().len(), 6);
        let library = artifact.trees[0].get("nvidia/lib/libcublas.so").unwrap();
        assert_eq!(&*artifact.trees[0].bytes(library).unwrap(), LONG);
    }
    // Without its own files the name speaks.
    let artifact = opened("torch-2.9.0-1-cp312-cp312-linux_aarch64.linux_x86_64.whl", zip(&members[..1]));
    let ArtifactKind::Wheel(wheel) = &artifact.kind else { panic!("{:?}", artifact.kind) };
    assert_eq!((wheel.name.as_str(), wheel.version.as_str()), ("torch", "2.9.0"));
    assert_eq!(wheel.platforms(), ["linux_aarch64", "linux_x86_64"]);
    assert_eq!(opened("x.zip", zip(&members[..1])).kind, ArtifactKind::Zip);
    assert_eq!(opened("x", zip(&[])).kind, ArtifactKind::Zip);
}

#[test]
fn a_conda_package_is_two_tars_in_a_zip() {
    let info = zstd(&tar(&[
        r#"info/index.json = {"name":"libcublas","version":"13.1","subdir":"linux-aarch64","build":"0"}"#,
    ]));
    let files = zstd(&tar(&["lib/libcublas.so = x", "lib/l.so -> libcublas.so"]));
    let members: &[(&str, &[u8])] = &[
        ("metadata.json", br#"{"conda_pkg_format_version":2}"#),
        ("pkg-libcublas-13.1-0.tar.zst", &files),
        ("info-libcublas-13.1-0.tar.zst", &info),
    ];
    // Stored, as conda requires.
    let stored = {
        use std::io::Write as _;
        let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        let options =
            zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
        for (name, content) in members {
            writer.start_file(*name, options).unwrap();
            writer.write_all(content).unwrap();
        }
        writer.finish().unwrap().into_inner()
    };
    let artifact = opened("libcublas-13.1-0.conda", stored);
    let expected =
        CondaInfo { name: "libcublas".into(), version: "13.1".into(), subdir: "linux-aarch64".into() };
    assert_eq!(artifact.kind, ArtifactKind::Conda(expected));
    let files = shown(&artifact.trees[0]);
    assert!(
        files.contains(&"lib/libcublas.so = x".to_owned())
            && files.contains(&"lib/l.so -> libcublas.so".to_owned())
    );
}

/// An `ar` archive.
fn ar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut bytes = b"!<arch>\n".to_vec();
    for (name, content) in members {
        bytes.extend(
            format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, 0, "100644", content.len()).bytes(),
        );
        bytes.extend(*content);
        bytes.resize(bytes.len().next_multiple_of(2), b'\n');
    }
    bytes
}

#[test]
fn a_deb_says_what_it_is() {
    let control = tar(&[
        "./",
        "./control = Package: libcublas-13-0\nVersion: 13.1-1\nArchitecture: arm64\nDescription: x\n Version: 2\n",
    ]);
    let data = tar(&["./", "./usr/", "./usr/lib/libcublas.so = x"]);
    let ways: [(&str, Compress); 4] = [("", <[u8]>::to_vec), (".gz", gzip), (".zst", zstd), (".xz", xz)];
    let expected =
        DebInfo { package: "libcublas-13-0".into(), version: "13.1-1".into(), architecture: "arm64".into() };
    for (suffix, compress) in ways {
        let (control_name, data_name) = (format!("control.tar{suffix}"), format!("data.tar{suffix}"));
        let members: &[(&str, &[u8])] = &[
            ("debian-binary", b"2.0\n"),
            (&control_name, &compress(&control)),
            (&data_name, &compress(&data)),
        ];
        let artifact = opened("x.deb", ar(members));
        assert_eq!(artifact.kind, ArtifactKind::Deb(expected.clone()), "{suffix}");
        assert_eq!(shown(&artifact.trees[0]), ["usr/", "usr/lib/", "usr/lib/libcublas.so = x"]);
        assert!(
            refused("x.deb", ar(&members[..2]))
                .contains("`data.tar` of the package `x.deb` can't be read: it is missing")
        );
        let cut = ar(members);
        assert!(refused("x.deb", cut[..cut.len() - 3].to_vec()).contains("`its members` of the package"));
    }
    let old = ar(&[("debian-binary", b"2.0\n"), ("control.tar.bz2", b"BZh")]);
    assert!(refused("x.deb", old).contains("compressed by bz2, which is not read"));
    // A static library is a file.
    assert_eq!(opened("libx.a", ar(&[("x.o/", b"x")])).kind, ArtifactKind::File);
}

#[test]
fn a_real_deb_is_what_dpkg_says() {
    let (_guard, folder) = scratch();
    let root = folder.join("root");
    std::fs::create_dir_all(root.join("DEBIAN")).unwrap();
    std::fs::create_dir_all(root.join("usr/lib")).unwrap();
    std::fs::write(
        root.join("DEBIAN/control"),
        "Package: a\nVersion: 1:2-3\nArchitecture: arm64\nMaintainer: x <x@y>\nDescription: x\n",
    )
    .unwrap();
    std::fs::write(root.join("usr/lib/x"), "content").unwrap();
    std::os::unix::fs::symlink("x", root.join("usr/lib/y")).unwrap();
    for method in ["none", "gzip", "xz", "zstd"] {
        let path = folder.join("a.deb");
        let built =
            Command::new("dpkg-deb").args(["-b", &format!("-Z{method}")]).arg(&root).arg(&path).output();
        match built {
            Ok(output) if output.status.success() => {}
            Ok(output) if method == "zstd" => {
                println!("skipped: this dpkg-deb has no zstd: {}", String::from_utf8_lossy(&output.stderr));
                continue;
            }
            Ok(output) => panic!("{}", String::from_utf8_lossy(&output.stderr)),
            Err(_) => return lacking("`dpkg-deb` is not on PATH"),
        }
        let artifact = opened_path(&path);
        let expected = DebInfo { package: "a".into(), version: "1:2-3".into(), architecture: "arm64".into() };
        assert_eq!((artifact.kind, artifact.compression), (ArtifactKind::Deb(expected), Compression::None));
        assert_eq!(shown(&artifact.trees[0]), ["usr/", "usr/lib/", "usr/lib/x = content", "usr/lib/y -> x"]);
    }
}

#[test]
fn a_zip_is_read_member_by_member() {
    let artifact = opened(
        "x.zip",
        zip(&[("a/b.txt", b"short"), ("a/long", LONG), ("/abs", b"1"), ("../up", b"2"), ("c/", b"")]),
    );
    assert_eq!(
        shown(&artifact.trees[0]),
        ["a/", "a/b.txt = short", &format!("a/long = {}", "x".repeat(1000)), "abs = 1", "c/"]
    );
    assert_eq!(problems(&artifact), ["escaping-path 1"]);
}

/// What Python's own library writes: links by mode, a name twice, 64-bit fields, a comment that looks like an end.
#[test]
fn a_zip_that_python_wrote_is_read() {
    let (_guard, folder) = scratch();
    let path = folder.join("x.zip");
    let script = r"
import sys, zipfile
path = sys.argv[1]
with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as archive:
    link = zipfile.ZipInfo('lib.so')
    link.create_system = 3
    link.external_attr = 0o120777 << 16
    archive.writestr(link, 'lib.so.1')
    archive.writestr('lib.so.1', 'old')
    archive.writestr('lib.so.1', 'new')
    with archive.open(zipfile.ZipInfo('wide'), 'w', force_zip64=True) as member:
        member.write(b'wide')
    archive.writestr('lzma', 'x', compress_type=zipfile.ZIP_LZMA)
    archive.comment = b'PK\x05\x06 and more'
";
    let Ok(output) = Command::new("python3").args(["-W", "ignore", "-c", script]).arg(&path).output() else {
        return lacking("`python3` is not on PATH");
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let artifact = opened_path(&path);
    let tree = &artifact.trees[0];
    let content =
        |path: &str| String::from_utf8(tree.bytes(tree.resolve(path).unwrap()).unwrap().into_vec()).unwrap();
    assert_eq!((content("lib.so"), content("wide")), ("new".to_owned(), "wide".to_owned()));
    assert_eq!(problems(&artifact), ["unknown-compression 1"]);
    let error = tree.bytes(tree.get("lzma").unwrap()).unwrap_err();
    assert_eq!(
        error.to_string().replace(&format!("{folder}/"), ""),
        "`lzma` of `x.zip` is compressed by method 14, which is not read"
    );
}

/// More members than 16 bits can count.
#[test]
fn a_zip_may_have_very_many_members() {
    let names: Vec<String> = (0..66_000).map(|number| format!("f/{number}")).collect();
    let mut members: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), b"".as_slice())).collect();
    members.push(("last", b"x"));
    let bytes = zip(&members);
    let artifact = opened("x.zip", bytes.clone());
    assert_eq!(artifact.trees[0].nodes().len(), 66_002);
    let last = artifact.trees[0].get("last").unwrap();
    assert_eq!(&*artifact.trees[0].bytes(last).unwrap(), b"x");
    // The record in 64 bits is needed.
    let record = bytes.windows(4).rposition(|window| window == b"PK\x06\x06").unwrap();
    let mut spoilt = bytes;
    spoilt[record] = 0;
    assert!(refused("x.zip", spoilt).contains("missing signature at offset"));
}
