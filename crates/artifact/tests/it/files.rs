//! Single files, compressed ones, streams, tars; and what can't be opened at all.

use std::io::Write as _;
use std::os::unix::net::UnixListener;

use cuferry_artifact::{ArtifactKind, Compression, Limits, NodeKind, open, open_bytes, open_reader};

use miette::Diagnostic as _;

use crate::common::{gzip, opened, opened_path, problems, refused, said, scratch, shown, tar, xz, zip, zstd};

#[test]
fn a_file_is_a_tree_of_one() {
    let (_guard, folder) = scratch();
    std::fs::write(folder.join("lib.so"), "\x7fELF content").unwrap();
    let artifact = opened_path(&folder.join("lib.so"));
    assert_eq!((&artifact.kind, artifact.compression), (&ArtifactKind::File, Compression::None));
    assert_eq!(shown(&artifact.trees[0]), ["lib.so = \x7fELF content"]);
    assert!(artifact.trees[0].label.is_none() && artifact.trees[0].image.is_none());
    for (name, bytes, compression) in [
        ("lib.so.gz", gzip(b"\x7fELF content"), Compression::Gzip),
        ("lib.so.zst", zstd(b"\x7fELF content"), Compression::Zstd),
        ("lib.so.xz", xz(b"\x7fELF content"), Compression::Xz),
    ] {
        let artifact = opened(name, bytes);
        assert_eq!((&artifact.kind, artifact.compression), (&ArtifactKind::File, compression));
        assert_eq!(shown(&artifact.trees[0]), ["lib.so = \x7fELF content"]);
    }
}

#[test]
fn a_large_file_is_mapped_in_part() {
    let (_guard, folder) = scratch();
    let content: Vec<u8> = (0..3_000_000_u32).flat_map(u32::to_le_bytes).collect();
    let path = folder.join("x.tar");
    std::fs::write(&path, crate::common::tar_of([("a", b"1".as_slice()), ("b", &content), ("c", b"3")]))
        .unwrap();
    for artifact in [
        opened_path(&path),
        opened("x.tgz", gzip(&std::fs::read(&path).unwrap())),
        opened("x.zip", zip(&[("b", &content)])),
        open_reader("stdin", std::fs::File::open(&path).unwrap(), &Limits::default()).unwrap(),
    ] {
        let tree = &artifact.trees[0];
        let node = tree.get("b").unwrap();
        assert_eq!(node.kind, NodeKind::File { size: content.len() as u64 });
        assert_eq!(&*tree.head(node, 8).unwrap(), &content[..8]);
        let bytes = tree.bytes(node).unwrap();
        assert!(*bytes == content);
        bytes.forget(0..usize::MAX);
        assert!(*bytes == content, "what was forgotten is read again");
    }
}

#[test]
fn threads_share_a_tree() {
    let lines: Vec<String> = (0..200).map(|number| format!("f{number} = {number}")).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let artifact = opened("x.tar", tar(&lines));
    let tree = &artifact.trees[0];
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert_eq!(shown(tree).len(), 200));
        }
    });
}

#[test]
fn a_pipe_is_read_to_its_end() {
    let bytes = tar(&["a = 1"]);
    let artifact = open_reader("stdin", bytes.as_slice(), &Limits::default()).unwrap();
    assert_eq!((artifact.path.as_str(), &artifact.kind), ("stdin", &ArtifactKind::Tar));
    let (_guard, folder) = scratch();
    let path = folder.join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    let writer = std::thread::spawn({
        let path = path.clone();
        move || std::fs::OpenOptions::new().write(true).open(path).unwrap().write_all(&bytes).unwrap()
    });
    assert_eq!(shown(&opened_path(&path).trees[0]), ["a = 1"]);
    writer.join().unwrap();
}

#[test]
fn what_cannot_be_opened_says_why() {
    let (_guard, folder) = scratch();
    let check = |name: &str, expected: &str| {
        let error = open(&folder.join(name), &Limits::default()).unwrap_err();
        let text = said(&error).replace(&format!("{folder}/"), "");
        assert!(text.starts_with(expected), "{text}");
        error.help().unwrap().to_string().replace(&format!("{folder}/"), "")
    };
    std::fs::write(folder.join("empty"), "").unwrap();
    check("empty", "artifact::empty: `empty` is empty");
    std::fs::create_dir_all(folder.join("images/new")).unwrap();
    std::fs::write(folder.join("images/camera.tar"), "x").unwrap();
    let not_found = "artifact::not_found: there is no `";
    assert_eq!(check("images/camrea.tar", not_found), "`images/camera.tar` is there: was it meant?");
    assert_eq!(check("imagse/camera.tar", not_found), "`images` is there: was it meant?");
    assert_eq!(check("nowhere", not_found), "check its spelling, and the folder that you are in");
    check("images/camera.tar/x", not_found);
    check(
        "images/camera.tar",
        "artifact::misnamed: `images/camera.tar` is a tar by its name, but not by its content, which starts with `x`",
    );
    let error = open("nvcr.io/nvidia/l4t-base:r36.2.0".into(), &Limits::default()).unwrap_err();
    assert!(format!("{:?}", miette::Report::new(error)).contains("skopeo copy"));
    let _socket = UnixListener::bind(folder.join("socket")).unwrap();
    check("socket", "artifact::not_a_file: `socket` is a socket, not a file");
    let error = open("/dev/zero".into(), &Limits::default()).unwrap_err();
    assert!(said(&error).contains("is a device"));
    for path in ["/proc", "/sys"] {
        assert!(
            said(&open(path.into(), &Limits::default()).unwrap_err()).starts_with("artifact::kernel_folder")
        );
    }
}

#[test]
fn formats_that_are_not_read_are_refused_by_name() {
    let check = |bytes: &[u8], expected: &str| {
        assert_eq!(
            refused("x", bytes.to_vec()),
            format!("artifact::format: `x` is {expected}, which is not read")
        );
    };
    check(b"BZh91AY", "compressed by bzip2");
    check(b"7z\xbc\xaf\x27\x1c\0", "a 7-Zip archive");
    check(b"Rar!\x1a\x07\x01", "a RAR archive");
    check(b"\xed\xab\xee\xdb\x03", "an RPM package");
    check(b"hsqs\x01", "a squashfs image");
    check(b"070701000", "a cpio archive");
}

#[test]
fn a_tar_may_hold_anything() {
    let artifact = opened("x.tar", tar(&["a = 1", "a/b = 2", "c -> /etc/passwd", "d => c", "e/"]));
    assert_eq!(shown(&artifact.trees[0]), ["a/", "a/b = 2", "c -> /etc/passwd", "d -> /etc/passwd", "e/"]);
    // Nothing but its end.
    assert!(opened("x.tar", vec![0; 1024]).trees[0].nodes().is_empty());
    // Devices are nodes, sparse files are told.
    let mut builder = tar::Builder::new(Vec::new());
    for (name, kind) in [("null", tar::EntryType::Char), ("holes", tar::EntryType::GNUSparse)] {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(0);
        builder.append_data(&mut header, name, std::io::empty()).unwrap();
    }
    let artifact = opened("x.tar", builder.into_inner().unwrap());
    assert_eq!(
        (shown(&artifact.trees[0]), problems(&artifact)),
        (vec!["holes ?".into(), "null ?".into()], vec!["sparse-file 1".into()])
    );
}

#[test]
fn what_is_cut_off_is_an_error() {
    let whole = tar(&["a = 1", &format!("b = {}", "x".repeat(5000))]);
    let check = |name: &str, bytes: &[u8], expected: &str| {
        let found = refused(name, bytes.to_vec());
        assert!(found.starts_with(expected), "{found}");
    };
    check(
        "x.tar",
        &whole[..3000],
        "artifact::tar: `x.tar` of `x.tar` can't be read: read failed (unexpected end of file)",
    );
    let packed = gzip(&whole);
    check(
        "x.tar.gz",
        &packed[..packed.len() - 10],
        "artifact::compressed: `x.tar.gz` of `x.tar.gz` can't be unpacked (gzip)",
    );
    let packed = zstd(&whole);
    check(
        "x.tar.zst",
        &packed[..packed.len() - 5],
        "artifact::compressed: `x.tar.zst` of `x.tar.zst` can't be unpacked (zstd)",
    );
    let packed = xz(&whole);
    check(
        "x.tar.xz",
        &packed[..packed.len() - 20],
        "artifact::compressed: `x.tar.xz` of `x.tar.xz` can't be unpacked (xz)",
    );
    let packed = zip(&[("a", b"1")]);
    check(
        "x.zip",
        &packed[..packed.len() - 1],
        "artifact::zip: `x.zip` can't be read: no end of central directory at offset",
    );
    check(
        "x.whl",
        b"<html>404",
        "artifact::misnamed: `x.whl` is a wheel by its name, but not by its content, which starts with `<html>404`",
    );
    check("x.tgz", b"<html>404", "artifact::misnamed: `x.tgz` is compressed by gzip by its name");
}

#[test]
fn limits_hold() {
    let tight = Limits { unpacked: 4 << 20, entries: 10, names: 200, ..Limits::default() };
    let check = |name: &str, bytes: Vec<u8>, expected: &str| {
        let found = said(&open_bytes(name, bytes, &tight).expect_err(name));
        assert!(found.contains(expected), "{found}");
    };
    check(
        "x",
        gzip(&vec![0; 5 << 20]),
        "artifact::unpacked_too_large: `x` of `x` unpacks to more than 4194304 bytes",
    );
    let many: Vec<String> = (0..11).map(|number| format!("f{number}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    check("x.tar", tar(&many), "artifact::too_many_entries: `x.tar` holds more than 10 files");
    check("x.tar", tar(&["a/b/c/d/e/f/g/h/i/j/k"]), "artifact::too_many_entries");
    let long = "x".repeat(90);
    check(
        "x.tar",
        tar(&[&format!("a{long}"), &format!("b{long}"), &format!("c{long}")]),
        "artifact::too_long_names: the paths in `x.tar` take more than 200 bytes",
    );
    let members: Vec<(&str, &[u8])> = many.iter().map(|name| (*name, b"".as_slice())).collect();
    check("x.zip", zip(&members), "artifact::too_many_entries");
    let found = open_reader("stdin", std::io::repeat(1), &tight).unwrap_err();
    assert!(said(&found).contains("artifact::unpacked_too_large"));
    // Bombs: gzip can't reach the ratio, zstd and xz can.
    let zeros = vec![0; 20 << 20];
    assert_eq!(opened("x", gzip(&zeros)).trees[0].nodes().len(), 1);
    for packed in [zstd(&zeros), xz(&zeros)] {
        assert!(
            refused("x", packed)
                .starts_with("artifact::bomb: `x` of `x` unpacks to more than 1100 times its ")
        );
    }
    // A zip's members count while their bytes are held, and no longer.
    let member = vec![7; 3 << 20];
    let artifact = open_bytes("x.zip", zip(&[("a", &member), ("b", &member)]), &tight).unwrap();
    let tree = &artifact.trees[0];
    let (a, b) = (tree.get("a").unwrap(), tree.get("b").unwrap());
    let held = tree.bytes(a).unwrap();
    assert!(said(&tree.bytes(b).unwrap_err()).starts_with("artifact::unpacked_too_large: `b` of `x.zip`"));
    drop(held);
    assert!(tree.bytes(b).unwrap().len() == 3 << 20);
    let nowhere = Limits { temporary: Some("/nowhere".into()), ..Limits::default() };
    let found = said(&open_bytes("x", gzip(&zeros), &nowhere).unwrap_err());
    assert!(found.starts_with("artifact::temporary: can't unpack into `/nowhere`: "), "{found}");
}
