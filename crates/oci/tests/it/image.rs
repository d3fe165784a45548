//! Whole images: the same bytes every time, safe replacement, base images, and what happens when something is wrong.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::time::{Duration, UNIX_EPOCH};

use crate::common::{Sample, archive, compiler, has_compiler, layout, names, run, scratch, write};
use camino::{Utf8Path, Utf8PathBuf};
use cuferry_arch::Host;
use cuferry_oci::{
    AssembleError, Base, BaseError, Compression, Destination, Entry, ImageConfig, ImagePlan, Layer,
    LayerCache, WriteImageError, WrittenImage, assemble, write_image,
};
use miette::Diagnostic as _;

const HOST: Host = Host::of_this_program();

/// An image of one layer.
fn plan(entries: Vec<Entry>) -> ImagePlan {
    ImagePlan {
        host: HOST,
        name: Some("cuferry-test/small:1".parse().unwrap()),
        base: None,
        layers: vec![Layer { name: "files".to_owned(), entries, changing: false }],
        config: ImageConfig::default(),
        epoch: 0,
        compression: Compression::None,
    }
}

fn bytes(path: &str, content: &str) -> Entry {
    Entry::bytes(path.parse().unwrap(), content)
}

/// The names in all layers of a layout, as `tar` lists them.
fn listing(image: &WrittenImage) -> Vec<String> {
    let layers = image.layers.iter();
    let listed = layers
        .map(|layer| run("tar", &["tf", image.path.join(format!("blobs/sha256/{}", layer.digest)).as_str()]));
    listed.flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>()).collect()
}

#[test]
fn the_same_input_gives_the_same_bytes_wherever_and_whenever() {
    let (_guard, folder) = scratch();
    let mut results = Vec::new();
    for (name, mode, time) in [("one", 0o644, 1_000), ("another/name", 0o600, 2_000_000_000)] {
        let place = folder.join(name);
        fs::create_dir_all(&place).unwrap();
        let mut entries = Vec::new();
        // Made in another order, too.
        let mut files: Vec<u32> = (0..20).collect();
        if name != "one" {
            files.reverse();
        }
        for number in files {
            let source = place.join(format!("{number}"));
            fs::write(&source, vec![u8::try_from(number).unwrap(); 200_000]).unwrap();
            fs::set_permissions(&source, fs::Permissions::from_mode(mode)).unwrap();
            fs::File::open(&source).unwrap().set_modified(UNIX_EPOCH + Duration::from_secs(time)).unwrap();
            entries.push(Entry::file(format!("/data/{number}").parse().unwrap(), source, number % 2 == 0));
        }
        for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
            let plan = ImagePlan { compression, epoch: 1_700_000_000, ..plan(entries.clone()) };
            let image = write(&plan, &archive(place.join("image.tar")), None);
            let dir = write(&plan, &layout(place.join("image")), None);
            assert_eq!(image.digest, dir.digest);
            results.push((compression, image.digest, fs::read(&image.path).unwrap()));
        }
    }
    let (first, second) = results.split_at(3);
    for ((compression, left, left_bytes), (_, right, right_bytes)) in first.iter().zip(second) {
        assert_eq!(left, right, "{compression:?}");
        assert!(left_bytes == right_bytes, "the archives differ with {compression:?}");
    }
}

#[test]
fn a_real_image_built_twice_has_one_digest() {
    if !has_compiler(HOST) {
        return;
    }
    let (_guard, folder) = scratch();
    let first = Sample::build(HOST, &folder.join("first"));
    let image = write(&first.plan(Compression::Zstd, None), &layout(folder.join("one")), None);
    let second = folder.join("a-second-and-longer-name");
    fs::create_dir(&second).unwrap();
    for name in ["hello", "libgreeting.so.1"] {
        fs::copy(first.folder.join(name), second.join(name)).unwrap();
    }
    let second = Sample { host: HOST, folder: second };
    let again = write(&second.plan(Compression::Zstd, None), &layout(folder.join("two")), None);
    assert_eq!(image.digest, again.digest);
    assert_eq!(
        image.layers.iter().map(|layer| layer.name.as_str()).collect::<Vec<_>>(),
        ["runtime", "program"]
    );
    let index = fs::read_to_string(image.path.join("index.json")).unwrap();
    assert!(index.contains(&image.digest.to_string()), "{index}");
    let sum: u64 = names(&image.path.join("blobs/sha256"))
        .iter()
        .map(|name| fs::metadata(image.path.join("blobs/sha256").join(name)).unwrap().len())
        .sum();
    assert_eq!(sum, image.size);
}

#[test]
fn only_our_own_images_are_replaced() {
    let (_guard, folder) = scratch();
    let place = folder.join("image");
    let first = write(&plan(vec![bytes("/a", "1")]), &layout(&place), None);
    let second = write(&plan(vec![bytes("/a", "2")]), &layout(&place), None);
    assert_ne!(first.digest, second.digest);
    assert_eq!(names(&place.join("blobs/sha256")).len(), 3, "nothing of the first is left");
    assert_eq!(names(&folder), ["image"], "and nothing beside it");

    let refuse = |destination: Destination| {
        let error = write_image(&plan(vec![bytes("/a", "3")]), &destination, None).unwrap_err();
        assert!(matches!(error, WriteImageError::InTheWay { .. }), "{error:?}");
    };
    fs::write(place.join("notes.txt"), "mine").unwrap();
    refuse(layout(&place));
    assert_eq!(fs::read_to_string(place.join("notes.txt")).unwrap(), "mine");
    let foreign = folder.join("foreign");
    fs::create_dir(&foreign).unwrap();
    write(&plan(vec![bytes("/a", "3")]), &layout(&foreign), None);
    fs::write(foreign.join("index.json"), "{\"schemaVersion\":2,\"manifests\":[]}").unwrap();
    refuse(layout(&foreign));
    fs::write(folder.join("file"), "").unwrap();
    refuse(layout(folder.join("file")));
    refuse(archive(&place));
    assert_eq!(names(&folder), ["file", "foreign", "image"]);
}

#[test]
fn nothing_is_left_behind_when_something_is_wrong() {
    let (_guard, folder) = scratch();
    let gone = Entry::file("/b".parse().unwrap(), folder.join("gone"), false);
    let good = write(&plan(vec![bytes("/a", "1")]), &archive(folder.join("image.tar")), None);
    let before = fs::read(&good.path).unwrap();
    for (entries, message) in [
        (vec![bytes("/a", "1"), gone], format!("can't read `{folder}/gone`")),
        (vec![bytes("/a", "1"), bytes("/a", "2")], "`/a` is in the image twice".to_owned()),
        (
            vec![bytes("/a", "1"), bytes("/a/b", "2")],
            "`/a/b` can't be in the image: `/a` is not a folder there".to_owned(),
        ),
    ] {
        let error = write_image(&plan(entries), &archive(&good.path), None).unwrap_err();
        assert_eq!(error.to_string(), message);
    }
    assert_eq!(fs::read(&good.path).unwrap(), before);
    assert_eq!(names(&folder), ["image.tar"]);
}

/// Runs the ignored test `name` of this file in `folder`, with a file system mounted there. Says so where we may not.
fn on_a_disk(folder: &Utf8Path, options: &str, name: &str) {
    let program = std::env::current_exe().unwrap();
    let script =
        "mount -t tmpfs -o \"$2\" tmpfs . && cd \"$PWD\" && exec \"$0\" --ignored --exact --nocapture \"$1\"";
    let output = Command::new("unshare")
        .args(["--mount", "sh", "-c", script])
        .args([program.as_os_str(), name.as_ref(), options.as_ref()])
        .current_dir(folder)
        .output();
    let text = output.as_ref().map_or_else(ToString::to_string, |output| {
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
    });
    if text.contains("running 1 test") {
        assert!(output.is_ok_and(|output| output.status.success()), "{text}");
    } else {
        println!("skipped: can't mount a file system: {text}");
    }
}

fn here() -> Utf8PathBuf {
    Utf8PathBuf::from_path_buf(std::env::current_dir().unwrap()).unwrap()
}

#[test]
fn a_folder_that_is_not_writable_is_named() {
    let (_guard, folder) = scratch();
    on_a_disk(&folder, "ro", "image::on_a_read_only_disk");
}

#[test]
#[ignore = "started by `a_folder_that_is_not_writable_is_named` on a read-only file system"]
fn on_a_read_only_disk() {
    for destination in [archive(here().join("image.tar")), layout(here().join("deeper/layout"))] {
        let error = write_image(&plan(vec![bytes("/a", "1")]), &destination, None).unwrap_err();
        let folder = destination.path().parent().unwrap();
        assert_eq!(error.to_string(), format!("the folder `{folder}` is not writable"));
    }
}

#[test]
fn a_full_disk_is_named_and_left_as_it_was() {
    let (_guard, folder) = scratch();
    on_a_disk(&folder, "size=1m", "image::on_a_small_disk");
}

#[test]
#[ignore = "started by `a_full_disk_is_named_and_left_as_it_was` on a small file system"]
fn on_a_small_disk() {
    let here = here();
    let good = write(&plan(vec![bytes("/a", "1")]), &archive(here.join("image.tar")), None);
    let before = fs::read(&good.path).unwrap();
    let large = "x".repeat(3 << 20);
    for destination in [archive(here.join("image.tar")), layout(here.join("layout"))] {
        let error = write_image(&plan(vec![bytes("/a", &large)]), &destination, None).unwrap_err();
        let WriteImageError::DiskFull { path, needed, available, .. } = &error else { panic!("{error:?}") };
        assert_eq!(path, destination.path());
        assert!(*needed >= 3 << 20 && *available <= 1 << 20, "{error}");
        assert!(
            error.to_string().starts_with(&format!("no space left for the image `{path}`: it needs up to "))
        );
    }
    assert_eq!(fs::read(&good.path).unwrap(), before);
    assert_eq!(names(&here), ["image.tar"]);
}

#[test]
fn a_damaged_cache_never_reaches_an_archive() {
    let (_guard, folder) = scratch();
    let cache = LayerCache::open(&folder.join("cache")).unwrap();
    let plan = plan(vec![bytes("/a", "the content")]);
    let first = write(&plan, &archive(folder.join("image.tar")), Some(&cache));
    let blob = folder.join("cache/cuferry-layer-1/blobs").join(first.layers[0].digest.to_string());
    // Size, inode and time stay: only reading it can tell.
    let modified = fs::metadata(&blob).unwrap().modified().unwrap();
    fs::set_permissions(&blob, fs::Permissions::from_mode(0o644)).unwrap();
    let damaged = String::from_utf8(fs::read(&blob).unwrap()).unwrap().replace("the content", "bit rotten!");
    fs::write(&blob, damaged).unwrap();
    fs::File::options().append(true).open(&blob).unwrap().set_modified(modified).unwrap();

    let second = write(&plan, &archive(folder.join("image.tar")), Some(&cache));
    assert_eq!((second.digest, second.layers[0].cached), (first.digest, false));
    let third = write(&plan, &archive(folder.join("image.tar")), Some(&cache));
    assert!(third.layers[0].cached, "and the cache is whole again");
}

#[test]
fn two_writers_do_not_disturb_each_other() {
    let (_guard, folder) = scratch();
    let cache = LayerCache::open(&folder.join("cache")).unwrap();
    std::thread::scope(|scope| {
        for number in 0..8 {
            let (folder, cache) = (&folder, &cache);
            scope.spawn(move || {
                for round in 0..5 {
                    let plan = plan(vec![bytes("/a", &format!("{}", (number + round) % 3))]);
                    write(&plan, &layout(folder.join("layout")), Some(cache));
                    write(&plan, &archive(folder.join("image.tar")), Some(cache));
                }
            });
        }
    });
    assert_eq!(names(&folder), ["cache", "image.tar", "layout"]);
    let base = Base::read(&folder.join("layout"), HOST).unwrap();
    drop(base);
    Base::read(&folder.join("image.tar"), HOST).unwrap();
}

/// A base image with a merged `/usr`, as Debian has it, and a glibc that offers `versions`.
fn debian_like(folder: &Utf8Path, versions: &[&str]) -> WrittenImage {
    fs::create_dir_all(folder).unwrap();
    let at = |name: &str| folder.join(name);
    fs::write(at("empty.c"), "").unwrap();
    let node = |version: &&str| format!("{version} {{ global: v_{}; }};", version.replace('.', "_"));
    let script = versions.iter().map(node).collect::<Vec<_>>().join("\n");
    fs::write(at("script"), script).unwrap();
    for name in ["libc.so.6", "libm.so.6"] {
        let (script, soname) =
            (format!("-Wl,--version-script={}", at("script")), format!("-Wl,-soname,{name}"));
        let (output, source) = (at(name), at("empty.c"));
        let flags = ["-x", "c", "-shared", "-nostdlib", &script, &soname];
        let arguments = [&flags[..], &["-o", output.as_str(), source.as_str()]].concat();
        run(&compiler(HOST), &arguments);
    }
    let triple = HOST.gnu_triple();
    let loader = HOST.loader();
    let (loader_folder, loader_name) = loader.trim_start_matches('/').rsplit_once('/').unwrap();
    let file = |path: String, name: &str| Entry::file(path.parse().unwrap(), at(name), false);
    let plan = ImagePlan {
        config: ImageConfig {
            env: [("PATH".to_owned(), "/bin".to_owned())].into(),
            cmd: vec!["bash".to_owned()],
            ..ImageConfig::default()
        },
        ..plan(vec![
            Entry::symlink(format!("/{loader_folder}").parse().unwrap(), format!("usr/{loader_folder}")),
            file(format!("/usr/{loader_folder}/{loader_name}"), "libm.so.6"),
            file(format!("/usr/lib/{triple}/libc.so.6"), "libc.so.6"),
            file(format!("/usr/lib/{triple}/libm.so.6"), "libm.so.6"),
            bytes("/etc/passwd", "root:x:0:0::/:\n"),
        ])
    };
    write(&plan, &layout(at("base")), None)
}

#[test]
fn a_base_brings_its_own_glibc() {
    if !has_compiler(HOST) {
        return;
    }
    let (_guard, folder) = scratch();
    let sample = Sample::build(HOST, &folder.join("build"));
    let all: Vec<String> = {
        let closure = sample.closure();
        let files = closure
            .roots
            .iter()
            .map(|file| &file.elf)
            .chain(closure.libraries.iter().map(|library| &library.elf));
        let mut all: Vec<String> = files
            .flat_map(|elf| &elf.needs)
            .filter(|need| need.name.starts_with("GLIBC_"))
            .map(|need| need.name.clone())
            .collect();
        all.sort();
        all.dedup();
        all
    };
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    let base = debian_like(&folder.join("new"), &all);
    let base = Base::read(&base.path, HOST).unwrap();
    let assembly = sample.assembly(Some(&base));
    assert!(assembly.from_base.contains(&"libc.so.6".to_owned()), "{:?}", assembly.from_base);
    let plan = sample.plan(Compression::None, Some(base));
    let image = write(&plan, &layout(folder.join("image")), None);
    let listing = listing(&image);
    let count = |name: &str| listing.iter().filter(|path| path.ends_with(name)).count();
    assert_eq!(count("/libc.so.6"), 1, "glibc is there once, from the base");
    assert_eq!(count("/libstdc++.so.6"), 1, "libstdc++ came along");
    assert_eq!(count("etc/passwd"), 1);
    assert_eq!(image.layers[0].name, "base");
    let json = run("cat", &[image.path.join("blobs/sha256").join(image.config_digest.to_string()).as_str()]);
    assert!(json.contains("PATH=/bin") && !json.contains("bash"), "{json}");

    let old = debian_like(&folder.join("old"), &["GLIBC_2.2.5", "GLIBC_2.17"]);
    let old = Base::read(&old.path, HOST).unwrap();
    let error = assemble(&sample.closure(), Vec::new(), Some(&old)).unwrap_err();
    let AssembleError::BaseTooOld { version, found, .. } = &error;
    assert!(
        version.starts_with("GLIBC_2.") && found.is_some_and(|found| found.to_string() == "2.17"),
        "{error}"
    );
}

#[test]
fn a_base_without_glibc_brings_nothing() {
    if !has_compiler(HOST) {
        return;
    }
    let (_guard, folder) = scratch();
    let sample = Sample::build(HOST, &folder.join("build"));
    // As Alpine has it: the right name and the right bytes will not do, for they are linked to another libc.
    let closure = sample.closure();
    let library = closure.libraries.iter().find(|library| library.name == "libstdc++.so.6").unwrap();
    let base = plan(vec![Entry::file("/usr/lib/libstdc++.so.6".parse().unwrap(), &library.source, false)]);
    let base = write(&base, &layout(folder.join("base")), None);
    let base = Base::read(&base.path, HOST).unwrap();
    let assembly = sample.assembly(Some(&base));
    assert!(assembly.from_base.is_empty());
    assert_eq!(assembly.layers, sample.assembly(None).layers);
}

#[test]
fn files_follow_the_links_of_the_base() {
    let (_guard, folder) = scratch();
    let base = plan(vec![
        Entry::symlink("/lib".parse().unwrap(), "usr/lib"),
        Entry::directory("/usr/lib".parse().unwrap(), 0o2775),
    ]);
    let base = write(&base, &layout(folder.join("base")), None);
    let base = Base::read(&base.path, HOST).unwrap();
    let image = ImagePlan { base: Some(base), ..plan(vec![bytes("/lib/new", "1")]) };
    let image = write(&image, &layout(folder.join("image")), None);
    assert_eq!(listing(&image), ["lib", "usr/", "usr/lib/", "usr/", "usr/lib/", "usr/lib/new"]);
    let blob = image.path.join(format!("blobs/sha256/{}", image.layers[1].digest));
    assert!(run("tar", &["tvf", blob.as_str()]).contains("drwxrwsr-x"));
}

#[test]
fn bases_that_will_not_do_are_refused_by_name() {
    let (_guard, folder) = scratch();
    let other = Host::ALL.into_iter().find(|host| *host != HOST).unwrap();
    let good = write(&plan(vec![bytes("/a", "1")]), &layout(folder.join("good")), None);
    let fails = |path: &str, host: Host| {
        let error = Base::read(Utf8Path::new(path), host).unwrap_err();
        let help = error.help().map(|help| help.to_string()).unwrap_or_default();
        (error.to_string().replace(folder.as_str(), ""), help)
    };
    let (message, help) = fails("nvidia/cuda:13.0.0-base", HOST);
    assert_eq!(message, "the base image `nvidia/cuda:13.0.0-base` is not on this disk");
    assert!(help.contains("skopeo copy docker://nvidia/cuda:13.0.0-base oci:base"), "{help}");
    let message = fails(good.path.as_str(), other).0;
    let (found, wanted) = (HOST.oci_architecture(), other.oci_architecture());
    assert_eq!(message, format!("the base image `/good` is for linux/{found}, not for linux/{wanted}"));
    assert_eq!(
        fails(folder.as_str(), HOST).0,
        "the base image `` is neither an OCI layout nor an image archive"
    );
    assert_eq!(fails(&format!("{folder}/none.tar"), HOST).0, "can't read `/none.tar`");
    fs::write(folder.join("packed.tar"), [0x1f, 0x8b, 8, 0]).unwrap();
    assert_eq!(
        fails(&format!("{folder}/packed.tar"), HOST).0,
        "the base image `/packed.tar` is a compressed archive"
    );
    fs::write(folder.join("text.tar"), "x".repeat(2000)).unwrap();
    assert_eq!(fails(&format!("{folder}/text.tar"), HOST).0, "the base image `/text.tar` can't be read");

    // One bit of one layer.
    let blob = good.path.join(format!("blobs/sha256/{}", good.layers[0].digest));
    let mut content = fs::read(&blob).unwrap();
    content[512] ^= 1;
    fs::set_permissions(&blob, fs::Permissions::from_mode(0o644)).unwrap();
    fs::write(&blob, content).unwrap();
    let error = Base::read(&good.path, HOST).unwrap_err();
    assert!(matches!(error, BaseError::Damaged { .. }), "{error:?}");
}
