//! Files that were made to break readers, by hand and by chance: no panic, no loop, no memory without end.

use cuferry_artifact::{Artifact, Limits, open_bytes};
use proptest::prelude::*;

use crate::common::{
    Image, docker_archive, gzip, layout, opened, pack, problems, refused, said, tar, xz, zip, zstd,
};

/// Reads all that an artifact offers.
fn exercise(artifact: &Artifact) {
    for tree in &artifact.trees {
        for node in tree.files() {
            let head = tree.head(node, 64);
            let bytes = tree.bytes(node);
            if let (Ok(head), Ok(bytes)) = (&head, &bytes) {
                assert!(bytes.starts_with(head), "`{}`", node.path);
            }
            tree.resolve(&node.path);
            assert!(tree.get(&node.path).is_some(), "`{}` is found by its path", node.path);
            assert!(
                !node.path.is_empty()
                    && !node.path.starts_with('/')
                    && !node.path.split('/').any(|part| part == "..")
            );
        }
        assert!(
            tree.nodes().is_sorted_by(|left, right| left.path < right.path),
            "sorted, and each path once"
        );
    }
}

fn tight() -> Limits {
    Limits { unpacked: 64 << 20, entries: 10_000, names: 1 << 20, ..Limits::default() }
}

fn samples() -> Vec<(&'static str, Vec<u8>)> {
    let image = Image::new(&[
        &["app/", "app/run = one", "old", "l -> app", "h => old"],
        &["l/lib.so = two", ".wh.old = ", "app/.wh..wh..opq = "],
    ]);
    let packed = Image { layers: image.layers.iter().map(|layer| gzip(layer)).collect(), ..image.clone() };
    let long = "p".repeat(90);
    let wheel = zip(&[
        ("a/lib.so", &[7; 3000]),
        ("a-1.dist-info/WHEEL", b"Tag: py3-none-any\n"),
        ("a-1.dist-info/METADATA", b"Name: a\nVersion: 1\n"),
    ]);
    let inner = tar(&["./control = Package: a\nVersion: 1\nArchitecture: arm64\n"]);
    let mut deb = b"!<arch>\n".to_vec();
    for (name, content) in
        [("debian-binary", b"2.0\n".to_vec()), ("control.tar", inner.clone()), ("data.tar.gz", gzip(&inner))]
    {
        deb.extend(
            format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, 0, "100644", content.len()).bytes(),
        );
        deb.extend(&content);
        deb.resize(deb.len().next_multiple_of(2), b'\n');
    }
    vec![
        ("docker.tar", docker_archive(std::slice::from_ref(&image))),
        ("oci.tar", pack(&layout(&[image, packed]))),
        ("x.whl", wheel),
        ("x.deb", deb),
        ("x.tar", tar(&[&format!("{long}/x = 1"), "a -> b", "b -> a", "a/c", "d => x", "e/"])),
        ("x.tar.gz", gzip(&tar(&["a = 1"]))),
        ("x.tar.zst", zstd(&tar(&["a = 1"]))),
        ("x.tar.xz", xz(&tar(&["a = 1"]))),
    ]
}

#[test]
fn the_samples_are_sound() {
    for (name, bytes) in samples() {
        exercise(&opened(name, bytes));
    }
}

proptest! {
    #[test]
    fn survives_any_change(
        which in 0_usize..8,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
        cut in prop::option::of(any::<prop::sample::Index>()),
        mended in any::<bool>(),
    ) {
        let (name, mut bytes) = samples().swap_remove(which);
        for (place, value) in changes {
            let place = place.index(bytes.len());
            bytes[place] = value;
        }
        if mended {
            // Past the checksum, where the interesting code is.
            for block in bytes.chunks_exact_mut(512).filter(|block| block[257..262] == *b"ustar") {
                block[148..156].fill(b' ');
                let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
                block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
            }
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        if let Ok(artifact) = open_bytes(name, bytes, &tight()) {
            exercise(&artifact);
        }
    }

    #[test]
    fn survives_any_bytes(start in 0_usize..9, rest in prop::collection::vec(any::<u8>(), 0..3000)) {
        let starts: [&[u8]; 9] = [b"", b"PK\x03\x04", b"PK\x05\x06", b"\x1f\x8b\x08\0", b"\x28\xb5\x2f\xfd", b"\xfd7zXZ\0", b"!<arch>\ndebian-binary   ", b"\x50\x2a\x4d\x18", b"\x7fELF"];
        let bytes = [starts[start], &rest].concat();
        if let Ok(artifact) = open_bytes("x", bytes, &tight()) {
            exercise(&artifact);
        }
    }

    /// Layers of any entries in any order: never a node twice, never a child without its folder.
    #[test]
    fn layers_always_make_a_tree(
        layers in prop::collection::vec(prop::collection::vec("([ab]/){0,3}((\\.wh\\.)?[ab]|\\.wh\\.\\.wh\\.\\.opq)( -> [ab/.]{1,6}| => [ab](/[ab])?|/)?", 0..8), 0..4),
    ) {
        let lines: Vec<Vec<&str>> = layers.iter().map(|layer| layer.iter().map(String::as_str).collect()).collect();
        let lines: Vec<&[&str]> = lines.iter().map(Vec::as_slice).collect();
        let artifact = opened("image.tar", docker_archive(&[Image::new(&lines)]));
        exercise(&artifact);
        let tree = &artifact.trees[0];
        for node in tree.files() {
            if let Some((parent, _)) = node.path.rsplit_once('/') {
                let parent = tree.get(parent).map(|node| node.kind.clone());
                prop_assert_eq!(parent, Some(cuferry_artifact::NodeKind::Directory), "the folder of {}", &node.path);
            }
            prop_assert!(!node.name().starts_with(".wh."), "{} is left", &node.path);
        }
    }
}

/// A zip whose members lie upon one another, as those of small files that unpack to petabytes.
#[test]
fn overlapping_members_are_refused() {
    let mut bytes = zip(&[("a", &[1; 3000]), ("b", &[2; 3000])]);
    let second =
        bytes.windows(4).enumerate().filter(|(_, window)| *window == b"PK\x01\x02").nth(1).unwrap().0;
    bytes[second + 42..second + 46].copy_from_slice(&0_u32.to_le_bytes());
    assert_eq!(
        refused("x.zip", bytes),
        "artifact::zip: `x.zip` can't be read: overlapping members at offset 0x0 of the zip"
    );
}

#[test]
fn lies_about_sizes_are_found_out() {
    let place = |bytes: &[u8], wanted: &[u8]| bytes.windows(4).position(|window| window == wanted).unwrap();
    let whole = zip(&[("a", &[1; 3000])]);
    let directory = place(&whole, b"PK\x01\x02");
    let with = |offset: usize, value: u32| {
        let mut bytes = whole.clone();
        bytes[directory + offset..directory + offset + 4].copy_from_slice(&value.to_le_bytes());
        bytes
    };
    let bytes_of = |bytes: Vec<u8>| {
        let artifact = open_bytes("x.zip", bytes, &tight()).unwrap();
        let tree = &artifact.trees[0];
        said(&tree.bytes(tree.get("a").unwrap()).expect_err("a lie"))
    };
    // Uncompressed size: too small, too large, a bomb's.
    assert!(bytes_of(with(24, 2999)).contains("another size than the archive says"));
    assert!(bytes_of(with(24, 3001)).contains("another size than the archive says"));
    assert!(bytes_of(with(24, u32::MAX - 1)).starts_with("artifact::bomb: `a` of `x.zip`"));
    // CRC-32.
    assert!(
        bytes_of(with(16, 7))
            .starts_with("artifact::member_damaged: `a` of `x.zip` is damaged\n  expected: CRC-32 00000007")
    );
    // The compressed size, and the local header's offset.
    assert!(refused("x.zip", with(20, 1 << 20)).contains("size or offset beyond the end"));
    assert!(refused("x.zip", with(42, 1 << 20)).contains("size or offset beyond the end"));
    // An encrypted member is told, and refused when its bytes are asked for.
    let mut bytes = whole.clone();
    bytes[directory + 8] |= 1;
    assert!(bytes_of(bytes.clone()).starts_with("artifact::encrypted: `a` of `x.zip` is encrypted"));
    assert_eq!(problems(&opened("x.zip", bytes)), ["encrypted-member 1"]);
    // More entries than there are, and one part of many.
    let end = place(&whole, b"PK\x05\x06");
    let mut bytes = whole.clone();
    bytes[end + 10] = 9;
    assert!(refused("x.zip", bytes).contains("size or offset beyond the end"));
    let mut bytes = whole.clone();
    bytes[end + 4] = 1;
    assert!(refused("x.zip", bytes).contains("one part of a split archive"));
}

/// A layer of a few kilobytes that unpacks to a gigabyte of headers.
#[test]
fn a_bomb_of_headers_is_refused() {
    let layer = zstd(&tar(&["a"])[..512].repeat(100_000));
    let image = Image { layers: vec![layer], ..Image::new(&[]) };
    assert!(refused("image.tar", docker_archive(&[image])).starts_with("artifact::bomb"));
    let layer = gzip(&tar(&["a/b/c/d"])[..512].repeat(20_000));
    let image = Image { layers: vec![layer], ..Image::new(&[]) };
    let error = open_bytes("image.tar", docker_archive(&[image]), &tight()).unwrap_err();
    assert!(said(&error).starts_with("artifact::too_many_entries"), "{}", said(&error));
}
