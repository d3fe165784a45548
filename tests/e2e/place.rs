//! Where results go, and places that take none.

use std::process::Command;

use cuferry_testkit::skipped;

use crate::project::{Run, TestProject, files, masked};

#[test]
fn programs_go_to_the_folder_named() {
    let project = TestProject::with_sources();
    let run = project.run(["rebuild", "--no-image", "--bin-dir", "out/bin"]).expect(0);
    assert_eq!(run.stdout, "program  [TEMP]/project/out/bin/three\n");
    assert!(Command::new(project.at("out/bin/three")).status().unwrap().success());
    let elsewhere = project.path("elsewhere");
    let run = project.run(["rebuild", "--no-image", "--bin-dir", elsewhere.to_str().unwrap()]).expect(0);
    assert_eq!(run.stdout, "program  [TEMP]/elsewhere/three\n");
    assert_eq!(files(&elsewhere), [elsewhere.join("three")]);
}

#[test]
fn a_file_in_the_way_of_the_programs() {
    let project = TestProject::with_sources().file("out", "a file\n");
    insta::assert_snapshot!(project.run(["rebuild", "--no-image", "--bin-dir", "out"]).expect(3).error(), @"
    exec::write

      × cannot write `[TEMP]/project/out`
      ╰─▶ File exists (os error 17)
      help: check that its folder is writable and that the disk is not full
    ");
}

#[test]
fn a_file_in_the_way_of_the_build() {
    let project = TestProject::with_sources().file("target", "a file\n");
    insta::assert_snapshot!(project.run(["rebuild"]).expect(3).error(), @"
    build::folder

      × cannot create the folder `[TEMP]/project/target/cuferry`: Not a directory (os error 20)
      help: something that is no folder lies in its way: remove it, or name another place
    ");
}

#[test]
fn a_file_in_the_way_of_the_image() {
    let project = TestProject::with_sources().file("out", "a file\n");
    insta::assert_snapshot!(project.run(["rebuild", "--image", "out/three.tar"]).expect(3).error(), @"
    build::folder

      × cannot create the folder `[TEMP]/project/out`: File exists (os error 17)
      help: something that is no folder lies in its way: remove it, or name another place
    ");
}

/// Runs cuferry with a file system of its own at `disk/`; none where this user may not mount.
fn with_disk(project: &TestProject, options: &str, args: &str) -> Option<Run> {
    let disk = project.path("disk");
    std::fs::create_dir(&disk).expect("the folder is new");
    let unshare = |script: String| {
        let mut command = Command::new("unshare");
        // In a user namespace everybody may mount; root needs none, and some systems refuse them.
        let user: &[&str] = if is_root() { &[] } else { &["--map-root-user"] };
        command.args(user).args(["--mount", "sh", "-c", &script]).current_dir(project.at(""));
        command
    };
    let mount = format!("mount -t tmpfs -o {options} none {}", disk.display());
    if !unshare(mount.clone()).output().is_ok_and(|output| output.status.success()) {
        skipped("`unshare` and `mount` are not allowed here");
        return None;
    }
    let cuferry = env!("CARGO_BIN_EXE_cuferry");
    let script = format!("{mount} && PATH={} exec {cuferry} {args}", project.path("bin").display());
    let path = format!("{}:/usr/bin:/bin:/usr/sbin:/sbin", project.path("bin").display());
    Some(project.through(unshare(script)).env("PATH", path).run())
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n")
}

#[test]
fn a_full_disk_while_the_image_is_written() {
    let project = TestProject::with_sources();
    let Some(run) = with_disk(&project, "size=256k", "rebuild --image ../disk/three.tar") else { return };
    let error = masked(&run.expect(3).error_in_one_line(), "needs up to ", " bytes");
    insta::assert_snapshot!(masked(&error, "three.tar.cuferry-", "/"), @"oci::disk_full × no space left for the image `[TEMP]/project/../disk/three.tar`: it needs up to […] bytes, 262144 were free can't write `[TEMP]/project/../disk/.three.tar.cuferry-[…]/layout/blobs/sha256/layer` No space left on device (os error 28) help: free some space, or write the image to another disk");
}

#[test]
fn a_disk_that_cannot_be_written_to() {
    let project = TestProject::with_sources();
    let Some(run) = with_disk(&project, "ro", "rebuild --image ../disk/three.tar") else { return };
    insta::assert_snapshot!(masked(&run.expect(3).error_in_one_line(), "three.tar.cuferry-", "`"), @"oci::not_writable × the folder `[TEMP]/project/../disk` is not writable can't create `[TEMP]/project/../disk/.three.tar.cuferry-[…]` Read-only file system (os error 30) help: name another place for the image, or make the folder yours");
    let run = project.run(["rebuild", "--no-image"]).expect(0);
    assert!(run.stderr.contains("nothing to do"), "{}", run.stderr);
}

#[test]
fn a_full_disk_while_programs_are_built() {
    let project = TestProject::with_sources();
    let Some(run) = with_disk(&project, "size=4k", "rebuild --no-image --bin-dir ../disk") else { return };
    // The linker meets it, and fails as it would for wrong code: only its own words say why.
    let run = run.expect(1);
    assert!(run.stderr.contains("No space left on device"), "{}", run.stderr);
}
