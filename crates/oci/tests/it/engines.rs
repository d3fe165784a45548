//! Images in the hands of the tools that users have: docker, podman, skopeo, tar, ldconfig, and the loader itself.
//!
//! Each test says what it lacks, and passes, where its tool isn't there.

use std::fs;
use std::process::Command;

use crate::common::{EXIT_CODE, Sample, archive, has_compiler, layout, names, run, scratch, try_run, write};
use camino::Utf8Path;
use cuferry_arch::Host;
use cuferry_oci::{Base, Compression, LayerCache};

fn docker_answers() -> bool {
    let answers = try_run("docker", &["version", "--format", "{{.Server.Arch}}"])
        .is_some_and(|output| output.status.success() && output.stdout.starts_with(b"amd64"));
    if !answers {
        println!("skipped: docker does not answer");
    }
    answers
}

fn has(tool: &str) -> bool {
    let found = try_run(tool, &["--version"]).is_some_and(|output| output.status.success());
    if !found {
        println!("skipped: no `{tool}`");
    }
    found
}

/// Loads an archive, runs it, and removes it; returns the exit code and what was printed.
fn docker_run(image: &Utf8Path, name: &str, options: &[&str]) -> (Option<i32>, String) {
    let loaded = run("docker", &["load", "-i", image.as_str()]);
    assert!(loaded.contains(&format!("Loaded image: {name}")), "{loaded}");
    let mut arguments = vec!["run", "--rm", "--network", "none"];
    arguments.extend(options);
    arguments.push(name);
    let output = try_run("docker", &arguments).unwrap();
    let text =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output.status.code(), text)
}

#[test]
fn docker_loads_and_runs_an_archive() {
    if !has_compiler(Host::X86_64) || !docker_answers() {
        return;
    }
    let (_guard, folder) = scratch();
    let sample = Sample::build(Host::X86_64, &folder.join("build"));
    for (compression, tag) in [(Compression::None, "none"), (Compression::Gzip, "gzip")] {
        let name = format!("cuferry-test/docker:{tag}");
        let mut plan = sample.plan(compression, None);
        plan.name = Some(name.parse().unwrap());
        let image = write(&plan, &archive(folder.join("image.tar")), None);
        let result = docker_run(&image.path, &name, &[]);
        let id = run("docker", &["image", "inspect", "--format", "{{.Id}} {{.Config.User}}", &name]);
        run("docker", &["rmi", "-f", &name]);
        assert_eq!(result, (Some(EXIT_CODE), "hello 1 from 65532\n".to_owned()));
        assert_eq!(id.trim(), format!("sha256:{} 65532:65532", image.config_digest));
    }
}

#[test]
fn docker_runs_what_was_built_upon_its_own_image() {
    if !has_compiler(Host::X86_64) || !docker_answers() {
        return;
    }
    let (_guard, folder) = scratch();
    let sample = Sample::build(Host::X86_64, &folder.join("build"));
    // The first image, saved by docker in its own format, is the base of the second.
    let (first, second) = ("cuferry-test/base:1", "cuferry-test/upon:1");
    let mut plan = sample.plan(Compression::Gzip, None);
    plan.name = Some(first.parse().unwrap());
    plan.layers.pop();
    write(&plan, &archive(folder.join("first.tar")), None);
    run("docker", &["load", "-i", folder.join("first.tar").as_str()]);
    run("docker", &["save", "-o", folder.join("saved.tar").as_str(), first]);
    run("docker", &["rmi", "-f", first]);

    let base = Base::read(&folder.join("saved.tar"), Host::X86_64).unwrap();
    assert_eq!(sample.assembly(Some(&base)).layers.len(), 1, "all but the program is there");
    let mut plan = sample.plan(Compression::Gzip, Some(base));
    plan.name = Some(second.parse().unwrap());
    let image = write(&plan, &archive(folder.join("second.tar")), None);
    let result = docker_run(&image.path, second, &["--read-only", "--tmpfs", "/tmp", "--cap-drop", "all"]);
    run("docker", &["rmi", "-f", second]);
    assert_eq!(result, (Some(EXIT_CODE), "hello 1 from 65532\n".to_owned()));
}

#[test]
fn podman_loads_and_runs_archives_and_layouts() {
    if !has_compiler(Host::X86_64) || !has("podman") || !has("runc") {
        return;
    }
    // Podman makes a name of the folder's, and names are lower-case, which those of temporary folders are not.
    let prefix = format!("cuferry-oci-{}", std::process::id());
    let guard = tempfile::Builder::new().prefix(&prefix).rand_bytes(0).tempdir().unwrap();
    let folder = Utf8Path::from_path(guard.path()).unwrap().to_owned();
    let sample = Sample::build(Host::X86_64, &folder.join("build"));
    let storage = [
        "--root",
        &format!("{folder}/root"),
        "--runroot",
        &format!("{folder}/run"),
        "--storage-driver",
        "vfs",
        "--cgroup-manager",
        "cgroupfs",
        "--runtime",
        "runc",
        "--events-backend",
        "none",
    ]
    .map(str::to_owned);
    let podman = |arguments: &[&str]| {
        Command::new("timeout").args(["120", "podman"]).args(&storage).args(arguments).output().unwrap()
    };
    let probe = podman(&["info"]);
    if !probe.status.success() {
        println!("skipped: podman can't run here: {}", String::from_utf8_lossy(&probe.stderr));
        return;
    }
    let check = |image: &str| {
        let limits = ["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024"];
        let arguments: Vec<&str> =
            ["run", "--rm", "--network", "none"].into_iter().chain(limits).chain([image]).collect();
        let output = podman(&arguments);
        let text =
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!((output.status.code(), text.as_str()), (Some(EXIT_CODE), "hello 1 from 65532\n"));
    };
    for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
        let plan = sample.plan(compression, None);
        let image = write(&plan, &archive(folder.join("image.tar")), None);
        let loaded = podman(&["load", "-q", "-i", image.path.as_str()]);
        let text = String::from_utf8_lossy(&loaded.stdout).into_owned();
        assert!(
            text.contains("docker.io/cuferry-test/hello:1.0"),
            "{text}{}",
            String::from_utf8_lossy(&loaded.stderr)
        );
        check("docker.io/cuferry-test/hello:1.0");
        podman(&["rmi", "-f", "docker.io/cuferry-test/hello:1.0"]);

        let image = write(&plan, &layout(folder.join("layout")), None);
        let pulled = podman(&["pull", "-q", &format!("oci:{}", image.path)]);
        let id = String::from_utf8_lossy(&pulled.stdout).trim().to_owned();
        assert_eq!(id, image.config_digest.to_string(), "{}", String::from_utf8_lossy(&pulled.stderr));
        check(&id);
        podman(&["rmi", "-f", &id]);
    }
    podman(&["system", "reset", "-f"]);
}

#[test]
fn skopeo_reads_every_form() {
    if !has_compiler(Host::X86_64) || !has("skopeo") {
        return;
    }
    let (_guard, folder) = scratch();
    let sample = Sample::build(Host::X86_64, &folder.join("build"));
    for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
        let plan = sample.plan(compression, None);
        let tar = write(&plan, &archive(folder.join("image.tar")), None);
        let dir = write(&plan, &layout(folder.join("layout")), None);
        assert_eq!((tar.digest, tar.size), (dir.digest, dir.size));
        let mut forms = vec![format!("oci:{}", dir.path), format!("oci-archive:{}", tar.path)];
        if compression != Compression::Zstd {
            forms.push(format!("docker-archive:{}", tar.path));
        }
        for form in forms {
            let json: serde_json::Value =
                serde_json::from_str(&run("skopeo", &["--insecure-policy", "inspect", &form])).unwrap();
            assert_eq!(json["Architecture"], "amd64", "{form}");
            assert_eq!(json["Layers"].as_array().unwrap().len(), plan.layers.len(), "{form}");
            if !form.starts_with("docker-archive") {
                assert_eq!(json["Digest"], format!("sha256:{}", dir.digest), "{form}");
            }
        }
        // A copy reads every blob and checks its digest.
        let copy = folder.join("copy");
        run(
            "skopeo",
            &[
                "--insecure-policy",
                "copy",
                "-q",
                "--preserve-digests",
                &format!("oci:{}", dir.path),
                &format!("oci:{copy}"),
            ],
        );
        assert_eq!(names(&copy.join("blobs/sha256")), names(&dir.path.join("blobs/sha256")));
        // And what skopeo wrote is a base for us.
        let base = Base::read(&copy, Host::X86_64).unwrap();
        assert_eq!(sample.assembly(Some(&base)).from_base.len(), sample.closure().libraries.len());
        fs::remove_dir_all(&copy).unwrap();
    }
    let listing = run("tar", &["tvf", folder.join("image.tar").as_str()]);
    assert!(listing.contains("manifest.json") && listing.contains("oci-layout"), "{listing}");
}

/// Unpacks an uncompressed image as an engine does: one layer over the other.
fn unpack(image: &cuferry_oci::WrittenImage, root: &Utf8Path) {
    fs::create_dir(root).unwrap();
    for layer in &image.layers {
        let blob = image.path.join(format!("blobs/sha256/{}", layer.digest));
        run("tar", &["xpf", blob.as_str(), "-C", root.as_str()]);
    }
}

#[test]
fn the_loader_and_ldconfig_understand_the_cache() {
    if !has_compiler(Host::X86_64) {
        return;
    }
    let (_guard, folder) = scratch();
    let sample = Sample::build(Host::X86_64, &folder.join("build"));
    let image = write(&sample.plan(Compression::None, None), &layout(folder.join("image")), None);
    let root = folder.join("root");
    unpack(&image, &root);

    let cache = root.join("etc/ld.so.cache");
    if let Some(listed) = try_run("/sbin/ldconfig", &["-p", "-C", cache.as_str()]) {
        let text = String::from_utf8(listed.stdout).unwrap();
        for line in [
            "libgreeting.so.1 (libc6,x86-64) => /app/lib/libgreeting.so.1",
            "libstdc++.so.6 (libc6,x86-64) => /usr/lib/x86_64-linux-gnu/libstdc++.so.6",
            "ld-linux-x86-64.so.2 (libc6,x86-64) => /lib64/ld-linux-x86-64.so.2",
        ] {
            assert!(text.contains(line), "no `{line}` in:\n{text}");
        }
        // What the container engine makes anew when it brings the driver in: the same libraries.
        if Host::of_this_program() == Host::X86_64 {
            let names = |text: &str| {
                let mut names: Vec<String> = text
                    .lines()
                    .skip(1)
                    .filter_map(|line| Some(line.split_once("=>")?.1.to_owned()))
                    .collect();
                names.sort();
                names
            };
            run("/sbin/ldconfig", &["-r", root.as_str(), "-X"]);
            let again = run("/sbin/ldconfig", &["-p", "-C", cache.as_str()]);
            let (ours, theirs) = (names(&text), names(&again));
            // ldconfig names the loader by where it looks for it.
            let missing: Vec<&String> =
                ours.iter().filter(|path| !theirs.contains(path) && !path.contains("/ld-linux")).collect();
            assert!(missing.is_empty(), "{missing:?} are not in:\n{again}");
            unpack_again(&image, &root);
        }
    }
    match try_run("chroot", &["--userspec=65532:65532", root.as_str(), "/app/bin/hello"]) {
        Some(output) if output.status.code() != Some(125) => {
            let text = String::from_utf8_lossy(&output.stdout).into_owned()
                + &String::from_utf8_lossy(&output.stderr);
            assert_eq!((output.status.code(), text.as_str()), (Some(EXIT_CODE), "hello 1 from 65532\n"));
        }
        _ => println!("skipped: no `chroot`, or not allowed"),
    }
}

fn unpack_again(image: &cuferry_oci::WrittenImage, root: &Utf8Path) {
    fs::remove_dir_all(root).unwrap();
    unpack(image, root);
}

#[test]
fn an_aarch64_image_runs_in_qemu() {
    if !has_compiler(Host::Aarch64) {
        return;
    }
    let (_guard, folder) = scratch();
    let sample = Sample::build(Host::Aarch64, &folder.join("build"));
    let image = write(&sample.plan(Compression::None, None), &layout(folder.join("image")), None);
    let root = folder.join("root");
    unpack(&image, &root);
    if !has("qemu-aarch64-static") {
        return;
    }
    let program = root.join("app/bin/hello");
    let output = try_run("qemu-aarch64-static", &["-L", root.as_str(), program.as_str()]).unwrap();
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(EXIT_CODE), "{text}");
    assert!(text.starts_with("hello 1 from "), "{text}");
}

#[test]
fn a_cached_layer_is_the_same_layer() {
    if !has_compiler(Host::X86_64) {
        return;
    }
    let (_guard, folder) = scratch();
    let sample = Sample::build(Host::X86_64, &folder.join("build"));
    let cache = LayerCache::open(&folder.join("cache")).unwrap();
    for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
        let plan = sample.plan(compression, None);
        let without = write(&plan, &layout(folder.join("without")), None);
        let first = write(&plan, &layout(folder.join("first")), Some(&cache));
        let second = write(&plan, &archive(folder.join("second.tar")), Some(&cache));
        assert_eq!([without.digest, first.digest], [second.digest; 2]);
        assert_eq!(without.layers, first.layers);
        let cached: Vec<(&str, bool)> =
            second.layers.iter().map(|layer| (layer.name.as_str(), layer.cached)).collect();
        assert_eq!(cached, [("runtime", true), ("program", false)]);
    }
}
