//! How the layers of an image make one tree: whiteouts, replacements, links.

use cuferry_artifact::Artifact;

use crate::common::{Image, docker_archive, opened, problems, shown};

fn image(layers: &[&[&str]]) -> Artifact {
    opened("image.tar", docker_archive(&[Image::new(layers)]))
}

#[track_caller]
fn check(layers: &[&[&str]], expected: &[&str]) {
    assert_eq!(shown(&image(layers).trees[0]), expected);
}

#[test]
fn layers_lie_upon_one_another() {
    check(&[&["a/", "a/x = 1"], &["a/y = 2"]], &["a/ #0", "a/x = 1 #0", "a/y = 2 #1"]);
    check(&[&["a/", "a/x = 1"], &["a/", "a/x = 2"]], &["a/ #1", "a/x = 2 #1"]);
    // Archives may leave out folders, and write the root as an entry.
    check(
        &[&["./", "./usr/bin/x = 1", "/etc/y = 2"]],
        &["etc/ #0", "etc/y = 2 #0", "usr/ #0", "usr/bin/ #0", "usr/bin/x = 1 #0"],
    );
    // What is not a folder in both replaces.
    check(&[&["a/", "a/x = 1"], &["a = 2"]], &["a = 2 #1"]);
    check(&[&["a = 1"], &["a/", "a/x = 2"]], &["a/ #1", "a/x = 2 #1"]);
    check(&[&["a = 1"], &["a/x = 2"]], &["a/ #1", "a/x = 2 #1"]);
    check(&[&["a/", "a/x = 1", "b/"], &["a -> b"]], &["a -> b #1", "b/ #0"]);
    check(
        &[&["lib -> usr/lib", "usr/lib/x = 1"], &["lib/", "lib/y = 2"]],
        &["lib/ #1", "lib/y = 2 #1", "usr/ #0", "usr/lib/ #0", "usr/lib/x = 1 #0"],
    );
    // The last of the same name counts.
    check(&[&["a = 1", "a = 2"]], &["a = 2 #0"]);
    check(&[], &[]);
}

#[test]
fn folders_that_are_links_are_followed_inside() {
    let base: &[&str] = &["usr/", "usr/lib/", "lib -> usr/lib"];
    check(&[base, &["lib/x = 1"]], &["lib -> usr/lib #0", "usr/ #0", "usr/lib/ #0", "usr/lib/x = 1 #1"]);
    check(
        &[&["usr/lib/", "lib -> /usr/lib", "lib/x = 1"]],
        &["lib -> /usr/lib #0", "usr/ #0", "usr/lib/ #0", "usr/lib/x = 1 #0"],
    );
    // Never out of the tree.
    check(&[&["up -> ../../../etc", "up/x = 1"]], &["etc/ #0", "etc/x = 1 #0", "up -> ../../../etc #0"]);
    let artifact = image(&[&["a -> b", "b -> a", "a/x = 1"]]);
    assert_eq!(shown(&artifact.trees[0]), ["a -> b #0", "b -> a #0"]);
    assert_eq!(problems(&artifact), ["link-loop 1"]);
}

#[test]
fn whiteouts_hide_what_lies_below() {
    check(&[&["a/", "a/x", "a/y = 1"], &["a/.wh.x = "]], &["a/ #0", "a/y = 1 #0"]);
    check(&[&["a/b/x", "a/b0 = 1"], &["a/.wh.b = "]], &["a/ #0", "a/b0 = 1 #0"]);
    check(&[&["x", "y = 1"], &[".wh.x = "]], &["y = 1 #0"]);
    check(&[&["a/", "a/x"], &["a/", "a/.wh..wh..opq = ", "a/z = 1"]], &["a/ #1", "a/z = 1 #1"]);
    check(&[&["a/b/c"], &["x = 1", ".wh..wh..opq = "]], &["x = 1 #1"]);
    // In one layer the order doesn't matter: what it brings itself stays.
    check(&[&["a/", "a/x"], &["a/", "a/z = 1", "a/.wh..wh..opq = "]], &["a/ #1", "a/z = 1 #1"]);
    check(&[&["a/", "a/x = 1"], &["a/x = 2", "a/.wh.x = "]], &["a/ #0", "a/x = 2 #1"]);
    check(&[&["a/", "a/x = 1"], &[".wh.a = ", "a/y = 2"]], &["a/ #1", "a/y = 2 #1"]);
    // A whiteout is gone with its layer.
    check(&[&["x = 1"], &[".wh.x = "], &["x = 3"]], &["x = 3 #2"]);
    // Nothing there to hide, and aufs's own files.
    check(&[&["x = 1"], &["a/.wh.b = ", ".wh..wh.plnk/", ".wh..wh.aufs = "]], &["x = 1 #0"]);
    // Through a link that stays, but not through one that its own layer replaces.
    check(
        &[&["usr/lib/x", "lib -> usr/lib"], &["lib/.wh.x = "]],
        &["lib -> usr/lib #0", "usr/ #0", "usr/lib/ #0"],
    );
    check(
        &[&["usr/lib/x = 1", "lib -> usr/lib"], &["lib/", "lib/.wh.x = "]],
        &["lib/ #1", "usr/ #0", "usr/lib/ #0", "usr/lib/x = 1 #0"],
    );
    // In a plain tar they are files like others.
    assert_eq!(shown(&opened("x.tar", crate::common::tar(&["a/.wh.x = 1"])).trees[0]), ["a/", "a/.wh.x = 1"]);
}

#[test]
fn hard_links_are_other_names_of_a_file() {
    let artifact = image(&[&["a = 1", "b => a"], &["c => ./a", "d -> a", "e => d"]]);
    let tree = &artifact.trees[0];
    assert_eq!(shown(tree), ["a = 1 #0", "b = 1 #0", "c = 1 #1", "d -> a #1", "e -> a #1"]);
    let id = |path| tree.get(path).unwrap().content_id();
    assert!(id("a").is_some() && id("a") == id("b") && id("a") == id("c") && id("d").is_none());
    // It keeps the file when the first name goes.
    check(&[&["a = 1", "b => a"], &[".wh.a = "]], &["b = 1 #0"]);
    let artifact = image(&[&["a => b", "b = 1", "f/", "g => f", "h => ../../b"]]);
    assert_eq!(shown(&artifact.trees[0]), ["a ? #0", "b = 1 #0", "f/ #0", "g ? #0", "h ? #0"]);
    assert_eq!(problems(&artifact), ["dangling-hard-link 3"]);
}

#[test]
fn no_path_leads_out() {
    let artifact = image(&[&["../x", "a/../../y", "a/..", "/etc/z = 1", ".."]]);
    assert_eq!(shown(&artifact.trees[0]), ["etc/ #0", "etc/z = 1 #0"]);
    assert_eq!(problems(&artifact), ["escaping-path 4"]);
}

#[test]
fn links_are_resolved_as_the_program_would() {
    let artifact = image(&[&[
        "usr/lib/x.so.1 = 1",
        "usr/lib/x.so -> x.so.1",
        "lib -> usr/lib",
        "abs -> /lib/x.so",
        "up -> ../../lib/x.so",
        "loop -> loop",
        "a -> b",
        "b -> a",
        "dangling -> nowhere",
        "usr/here -> .",
        "usr/self -> ..",
    ]]);
    let tree = &artifact.trees[0];
    let check = |path: &str, expected: Option<&str>| {
        assert_eq!(tree.resolve(path).map(|node| node.path.as_str()), expected, "`{path}`");
    };
    for path in [
        "usr/lib/x.so.1",
        "/usr/lib/x.so",
        "lib/x.so",
        "abs",
        "up",
        "usr/self/lib/../lib/x.so",
        "./lib//x.so",
        "usr/here/lib/x.so",
    ] {
        check(path, Some("usr/lib/x.so.1"));
    }
    check("lib", Some("usr/lib"));
    check("usr/here", Some("usr"));
    check("usr/lib/..", Some("usr"));
    for path in ["loop", "a", "b/x", "dangling", "nowhere", "usr/lib/x.so.1/y", "", "/", "usr/.."] {
        check(path, None);
    }
    assert!(tree.get("lib/x.so").is_none() && tree.get("lib").is_some());
    assert_eq!(tree.get("usr/lib/x.so").unwrap().name(), "x.so");
}
