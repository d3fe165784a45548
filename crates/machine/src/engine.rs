//! Container engines: which are here, which answer, and which can give a container a GPU.

use std::io;
use std::time::Duration;

use camino::Utf8PathBuf;
use serde_json::Value;

use crate::host::Known;
use crate::{Environment, Root, probe};

/// A container engine's client on `PATH`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Engine {
    /// `docker`, `podman`, `nerdctl`, `buildah`.
    pub name: &'static str,
    /// The client.
    pub path: Utf8PathBuf,
    /// What was asked: `docker info`.
    pub asked: String,
    /// What it answered.
    pub answer: Answer,
}

/// What an engine answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is at work.
    Ready(Ready),
    /// It is there, and says why it does not work.
    Failed(String),
    /// No answer in time.
    Hangs,
}

/// An engine at work.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ready {
    /// The engine's version (docker: the daemon's), where it says it.
    pub version: Option<String>,
    /// The client's, where it is another program.
    pub client: Option<String>,
    /// Whether NVIDIA's runtime is registered.
    pub nvidia_runtime: bool,
    /// Whether it takes CDI names such as `nvidia.com/gpu=all`.
    pub cdi: bool,
}

/// NVIDIA's container toolkit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerToolkit {
    /// `nvidia-ctk`, or another of its programs.
    pub path: Utf8PathBuf,
    /// `1.17.4`, where it says so.
    pub version: Option<String>,
}

/// A CDI specification of NVIDIA's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CdiSpec {
    /// `nvidia.com/gpu`.
    pub kind: String,
    /// `0.5.0`, where it says so.
    pub version: Option<String>,
}

/// A daemon that does not answer in this time is said to hang.
const LIMIT: Duration = Duration::from_secs(3);
/// Where specifications lie (CDI specification, "CDI JSON Specification").
const CDI: [&str; 2] = ["/etc/cdi", "/var/run/cdi"];

/// The engines, each asked in its own thread.
pub fn engines(environment: &Environment) -> Vec<Engine> {
    let found: Vec<(&'static str, Utf8PathBuf)> = ["docker", "podman", "nerdctl", "buildah"]
        .into_iter()
        .filter_map(|name| Some((name, environment.find(name)?)))
        .collect();
    std::thread::scope(|scope| {
        let threads: Vec<_> =
            found.into_iter().map(|(name, path)| scope.spawn(move || ask(name, path))).collect();
        threads.into_iter().filter_map(|thread| thread.join().ok()).collect()
    })
}

fn ask(name: &'static str, path: Utf8PathBuf) -> Engine {
    let args: &[&str] = match name {
        "podman" => &["info", "--format", "json"],
        "buildah" => &["--version"],
        _ => &["info", "--format", "{{json .}}"],
    };
    let asked = format!("{name} {}", args[0]);
    let answer = match probe::run_within(&path, args, LIMIT) {
        Err(error) if error.kind() == io::ErrorKind::TimedOut => Answer::Hangs,
        Err(error) => Answer::Failed(error.to_string()),
        Ok(output) => {
            let stdout = String::from_utf8_lossy(&output.stdout);
            let stderr = String::from_utf8_lossy(&output.stderr);
            read(name, output.status.success(), &stdout, &stderr)
        }
    };
    Engine { name, path, asked, answer }
}

fn read(name: &str, success: bool, stdout: &str, stderr: &str) -> Answer {
    if name == "buildah" {
        let ready = || Ready { version: number(stdout), cdi: true, ..Ready::default() };
        return if success { Answer::Ready(ready()) } else { Answer::Failed(first_line(stderr)) };
    }
    let Some(info) = serde_json::from_str::<Value>(stdout).ok().filter(Value::is_object) else {
        return Answer::Failed(first_line(if stderr.trim().is_empty() { stdout } else { stderr }));
    };
    // docker prints what its client knows, with the daemon's errors in a list.
    if let Some(error) = info["ServerErrors"].as_array().and_then(|errors| errors.first()) {
        return Answer::Failed(first_line(error.as_str().unwrap_or("the daemon does not work")));
    }
    if !success {
        return Answer::Failed(first_line(stderr));
    }
    let text = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    // podman stands in for docker under that name on some systems, and answers as itself.
    let podman = text(&info["version"]["Version"]);
    let version = podman.clone().or_else(|| text(&info["ServerVersion"]));
    let runtime = |name: &String| name == "nvidia";
    let nvidia_runtime = info["Runtimes"].as_object().is_some_and(|runtimes| runtimes.keys().any(runtime));
    let cdi = podman.is_some() || info["CDISpecDirs"].as_array().is_some_and(|folders| !folders.is_empty());
    let client = text(&info["ClientInfo"]["Version"]).filter(|client| Some(client) != version.as_ref());
    Answer::Ready(Ready { version, client, nvidia_runtime, cdi })
}

/// The first number with a point in it: `buildah version 1.28.2 (image-spec 1.0.2)`.
fn number(text: &str) -> Option<String> {
    let word = text
        .split_whitespace()
        .find(|word| word.starts_with(|char: char| char.is_ascii_digit()) && word.contains('.'))?;
    Some(word.trim_end_matches(',').to_owned())
}

fn first_line(text: &str) -> String {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("it says nothing");
    line.chars().filter(|char| !char.is_control()).take(200).collect()
}

/// NVIDIA's container toolkit, if it is on `PATH`.
pub fn container_toolkit(environment: &Environment) -> Option<ContainerToolkit> {
    let path = ["nvidia-ctk", "nvidia-container-cli"].iter().find_map(|name| environment.find(name))?;
    let version = probe::ask_within(&path, &["--version"], LIMIT).and_then(|text| number(&text));
    Some(ContainerToolkit { path, version })
}

/// NVIDIA's CDI specifications.
pub fn cdi_specs(root: &Root) -> Vec<Known<CdiSpec>> {
    let files = CDI
        .iter()
        .flat_map(|folder| root.names(folder).into_iter().map(move |name| format!("{folder}/{name}")));
    let specs = files.filter(|path| [".yaml", ".yml", ".json"].iter().any(|end| path.ends_with(end)));
    specs.filter_map(|path| Some(Known::new(spec(&root.text(&path)?)?, path))).collect()
}

/// What it is for. A whole parser would be needed for the devices; the two keys at the top are on lines of their own in what
/// tools write, in YAML as in JSON.
fn spec(text: &str) -> Option<CdiSpec> {
    let value = |key: &str| {
        let clean = |text: &str| text.trim().trim_matches(|char| "\"',{}".contains(char)).trim().to_owned();
        let pair = text
            .split(['\n', ','])
            .find_map(|line| line.split_once(':').filter(|(name, _)| clean(name) == key));
        pair.map(|(_, value)| clean(value)).filter(|value| !value.is_empty())
    };
    let kind = value("kind").filter(|kind| kind.starts_with("nvidia.com/"))?;
    Some(CdiSpec { kind, version: value("cdiVersion") })
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::testing::FakeRoot;

    fn ready(version: &str, client: Option<&str>, nvidia_runtime: bool, cdi: bool) -> Answer {
        Answer::Ready(Ready {
            version: Some(version.to_owned()),
            client: client.map(str::to_owned),
            nvidia_runtime,
            cdi,
        })
    }

    #[track_caller]
    fn check(name: &str, success: bool, stdout: &str, stderr: &str, expected: &Answer) {
        assert_eq!(&read(name, success, stdout, stderr), expected, "{name}: {stdout}{stderr}");
    }

    #[test]
    fn reads_what_engines_say() {
        let docker = r#"{"ServerVersion":"28.2.2","Runtimes":{"io.containerd.runc.v2":{},"nvidia":{},"runc":{}},"CDISpecDirs":["/etc/cdi"],"ClientInfo":{"Version":"28.2.2"}}"#;
        check("docker", true, docker, "", &ready("28.2.2", None, true, true));
        let old =
            r#"{"ServerVersion":"20.10.24+dfsg1","Runtimes":{"runc":{}},"ClientInfo":{"Version":"28.2.2"}}"#;
        check(
            "docker",
            true,
            old,
            "WARNING: something",
            &ready("20.10.24+dfsg1", Some("28.2.2"), false, false),
        );
        let down = r#"{"ServerErrors":["Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?"],"ClientInfo":{"Version":"28"}}"#;
        let failed = |text: &str| Answer::Failed(text.to_owned());
        check(
            "docker",
            false,
            down,
            "errors pretty printing info",
            &failed(
                "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?",
            ),
        );
        check("docker", false, "", "\npermission denied\nmore", &failed("permission denied"));
        check("docker", true, "[]", "", &failed("[]"));
        check("docker", false, "", "", &failed("it says nothing"));
        check(
            "podman",
            true,
            r#"{"host":{},"version":{"Version":"4.3.1"}}"#,
            "",
            &ready("4.3.1", None, false, true),
        );
        check(
            "docker",
            true,
            r#"{"host":{},"version":{"Version":"5.0.0"}}"#,
            "Emulate Docker CLI using podman.",
            &ready("5.0.0", None, false, true),
        );
        check(
            "buildah",
            true,
            "buildah version 1.28.2 (image-spec 1.0.2-dev, runtime-spec 1.0.2-dev)",
            "",
            &ready("1.28.2", None, false, true),
        );
        check(
            "nerdctl",
            false,
            "",
            "time=now level=fatal msg=\"rootless containerd not running?\"",
            &failed("time=now level=fatal msg=\"rootless containerd not running?\""),
        );
    }

    /// A daemon that hangs costs seconds, and the others answer meanwhile.
    #[test]
    fn a_hung_daemon_is_said_to_hang() {
        let root = FakeRoot::new()
            .program("docker", "exec sleep 600")
            .program("podman", "echo '{\"version\":{\"Version\":\"4.3.1\"}}'")
            .program("buildah", "sleep 600 & echo 'buildah version 1.0.0'");
        let environment =
            Environment::new([("PATH".into(), format!("{}:/usr/bin:/bin", root.root().join("/bin")).into())]);
        let start = Instant::now();
        let found = engines(&environment);
        assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
        let answer =
            |name: &str| found.iter().find(|engine| engine.name == name).map(|engine| engine.answer.clone());
        assert_eq!(answer("docker"), Some(Answer::Hangs));
        assert_eq!(answer("podman"), Some(ready("4.3.1", None, false, true)));
        assert_eq!(answer("buildah"), Some(Answer::Hangs));
    }

    #[test]
    fn no_engine_is_a_normal_state() {
        assert_eq!(engines(&FakeRoot::new().environment()), []);
        assert_eq!(container_toolkit(&FakeRoot::new().environment()), None);
        let root = FakeRoot::new().program(
            "nvidia-ctk",
            "echo 'NVIDIA Container Toolkit CLI version 1.17.4'; echo 'commit: 9b69590'",
        );
        assert_eq!(
            container_toolkit(&root.environment()).and_then(|toolkit| toolkit.version).as_deref(),
            Some("1.17.4")
        );
    }

    #[test]
    fn reads_cdi_specifications() {
        let yaml =
            "---\ncdiVersion: 0.5.0\nkind: nvidia.com/gpu\ndevices:\n- name: \"0\"\n  containerEdits: {}\n";
        let json = r#"{"cdiVersion":"0.6.0","kind":"nvidia.com/gpu","devices":[{"name":"all"}]}"#;
        let root = FakeRoot::new()
            .file("/etc/cdi/nvidia.yaml", yaml)
            .file("/etc/cdi/intel.yaml", "cdiVersion: 0.5.0\nkind: intel.com/gpu\n")
            .file("/etc/cdi/README", yaml)
            .file("/var/run/cdi/nvidia.json", json)
            .file("/var/run/cdi/empty.json", "");
        let found: Vec<_> =
            cdi_specs(&root.root()).into_iter().map(|known| (known.from, known.value.version)).collect();
        let expected = [("/etc/cdi/nvidia.yaml", "0.5.0"), ("/var/run/cdi/nvidia.json", "0.6.0")];
        let expected = expected.map(|(path, version)| (path.to_owned(), Some(version.to_owned())));
        assert_eq!(found, expected);
    }
}
