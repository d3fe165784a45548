//! Fetching a toolkit, where that fails: from an index on this machine, with nothing installed.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};

use cuferry_testkit::skipped;

use crate::project::{REPOSITORY, Run, TestProject, files, masked};

/// A build where no toolkit is installed. None on a machine that has one.
fn rebuild(project: &TestProject, index: &str, args: &[&str]) -> Option<Run> {
    let folders = std::fs::read_dir("/usr/local").ok()?.flatten();
    if folders.into_iter().any(|entry| entry.file_name().to_string_lossy().starts_with("cuda")) {
        skipped("this machine has a toolkit in /usr/local");
        return None;
    }
    Some(project.cuferry(args).without("CUDA_HOME").env("PIP_INDEX_URL", index).run())
}

#[test]
fn the_network_is_down() {
    let project = TestProject::with_sources();
    // A port that was free a moment ago: nobody listens there.
    let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).unwrap().port();
    let Some(run) = rebuild(&project, &format!("http://127.0.0.1:{port}/simple"), &["rebuild"]) else {
        return;
    };
    let run = run.expect(3);
    assert!(run.stderr.contains("trying again in"), "{}", run.stderr);
    let error = masked(&run.error_in_one_line(), "127.0.0.1:", "/simple");
    insta::assert_snapshot!(masked(&error, "/simple/", "/"), @"install::network × `http://127.0.0.1:[…]/simple/[…]/` could not be fetched: 4 attempts failed, the last because io: Connection refused (os error 111) help: check the network and the proxy settings (`HTTPS_PROXY`, `NO_PROXY`, `SSL_CERT_FILE`), or set `PIP_INDEX_URL` to a mirror");
}

#[test]
fn offline_with_nothing_here() {
    let project = TestProject::with_sources();
    let Some(run) = rebuild(&project, "http://127.0.0.1:9/simple", &["rebuild", "--offline"]) else { return };
    insta::assert_snapshot!(run.expect(3).error(), @"
    install::offline

      × offline, and these are not in `[TEMP]/data/downloads`: nvidia_cuda_cccl-13.0.85-py3-none-
      │ manylinux2014_x86_64.manylinux_2_17_x86_64.whl, nvidia_cuda_crt-13.0.88-py3-none-
      │ manylinux2014_x86_64.manylinux_2_17_x86_64.whl, nvidia_cuda_culibos-13.0.85-py3-none-
      │ manylinux2014_x86_64.manylinux_2_17_x86_64.whl, nvidia_cuda_nvcc-13.0.88-py3-none-
      │ manylinux2014_x86_64.manylinux_2_17_x86_64.whl, nvidia_cuda_profiler_api-13.0.85-py3-none-
      │ manylinux2014_x86_64.manylinux_2_17_x86_64.whl, nvidia_cuda_runtime-13.0.96-py3-none-
      │ manylinux2014_x86_64.manylinux_2_17_x86_64.whl, nvidia_nvml_dev-13.0.87-py3-none-
      │ manylinux2014_x86_64.manylinux_2_17_x86_64.whl, nvidia_nvtx-13.0.85-py3-none-
      │ manylinux1_x86_64.manylinux_2_5_x86_64.whl, nvidia_nvvm-13.0.88-py3-none-
      │ manylinux2010_x86_64.manylinux_2_12_x86_64.whl
      help: run once with the network, or copy `[TEMP]/data/downloads` from a machine that has them
    ");
}

#[test]
fn a_wheel_with_a_wrong_digest() {
    let project = TestProject::with_sources();
    let index = serve_zeros();
    let Some(run) = rebuild(&project, &index, &["rebuild"]) else { return };
    // Which wheel comes first is left to chance.
    let error = masked(&run.expect(3).error_in_one_line(), "× `", "`");
    let error = masked(&masked(&error, "expected: ", " "), "received: ", " ");
    insta::assert_snapshot!(masked(&error, "127.0.0.1:", "/simple"), @"install::digest_mismatch × `[…]` does not match its pinned digest expected: […] received: […] help: retry; if it happens again, `http://127.0.0.1:[…]/simple` serves another file than the release file of CUDA 13.0 pins");
    assert_eq!(files(&project.path("data/downloads")), Vec::<std::path::PathBuf>::new());
    assert_eq!(files(&project.path("data/toolkits")), Vec::<std::path::PathBuf>::new());
}

/// An index whose wheels have the right names and sizes, and nothing but zeros inside.
fn serve_zeros() -> String {
    let release = std::fs::read_to_string(format!("{REPOSITORY}/toolchains/cuda-13.0.toml"));
    let release = release.expect("the repository has it");
    let value = |key: &str| -> Vec<String> {
        let lines = release.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix(" = "));
        lines.map(|value| value.trim_matches('"').to_owned()).collect()
    };
    let wheels: Vec<(String, u64)> = value("file")
        .into_iter()
        .zip(value("size").iter().map(|size| size.parse().expect("sizes are numbers")))
        .collect();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let index = format!("http://{}/simple", listener.local_addr().expect("it is bound"));
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let wheels = wheels.clone();
            // The client hangs up in the middle of a wheel once another has failed.
            std::thread::spawn(move || drop(answer(stream, &wheels)));
        }
    });
    index
}

fn answer(mut stream: TcpStream, wheels: &[(String, u64)]) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
    let path = request.split(' ').nth(1).unwrap_or_default();
    let head = |kind: &str, length| {
        format!(
            "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
        )
    };
    if let Some((_, size)) = wheels.iter().find(|(name, _)| path.ends_with(name.as_str())) {
        stream.write_all(head("application/octet-stream", *size).as_bytes())?;
        std::io::copy(&mut std::io::Read::take(std::io::repeat(0), *size), &mut stream)?;
    } else {
        let anchors = wheels.iter().map(|(name, _)| format!("<a href=\"/wheels/{name}\">{name}</a>\n"));
        let page: String = anchors.collect();
        stream.write_all(head("text/html", page.len() as u64).as_bytes())?;
        stream.write_all(page.as_bytes())?;
    }
    Ok(())
}
