//! The environment of a build: the session's shims and toolkit before everything else.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

use camino::{Utf8Path, Utf8PathBuf};
use cuferry_translate::{Change, Scope, translate_environment};

use crate::Session;
use crate::text::{from_text, to_text};

/// Names the folder of the run that calls belong to.
pub(crate) const RUN: &str = "CUFERRY_RUN";

/// Set, to the session's folder, for all that runs for a call which was translated.
pub(crate) const WITHIN: &str = "CUFERRY_WITHIN";

/// What sccache makes part of its key, and otherwise leaves alone.
const SCCACHE_KEY: &str = "SCCACHE_C_CUSTOM_CACHE_BUSTER";

/// The rule of a variable that names the session's own instead of what it named.
const VARIABLE_RULE: &str = "CF2202";

/// By these variables builds find a toolkit.
const TOOLKIT_VARIABLES: [&str; 5] =
    ["CUDA_HOME", "CUDA_PATH", "CUDA_ROOT", "CUDAToolkit_ROOT", "CUDA_TOOLKIT_ROOT_DIR"];

/// By these variables builds find tools: what they name absolutely is served by a shim where there is one.
const TOOL_VARIABLES: [&str; 20] = [
    "CC",
    "CXX",
    "CPP",
    "FC",
    "LD",
    "AR",
    "AS",
    "NM",
    "RANLIB",
    "STRIP",
    "OBJCOPY",
    "OBJDUMP",
    "READELF",
    "PKG_CONFIG",
    "CROSS_COMPILE",
    "CUDACXX",
    "CUDAHOSTCXX",
    "NVCC",
    "NVCC_CCBIN",
    "HOST_COMPILER",
];

/// What starts a build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Starter {
    /// CMake, which reads `CUDACXX` as it configures.
    CMake,
    /// `make`, a script, anything else: a variable such as `NVCC` would take the place of what a Makefile gives with `?=`.
    Other,
}

/// The environment that a build is to have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    /// All of it.
    pub variables: BTreeMap<OsString, OsString>,
    /// What was set to something else before.
    pub changes: Vec<Change>,
}

/// The compilers that variables name by their paths: `CXX=/opt/gcc/bin/g++ -m64`.
pub fn named_tools(variables: &BTreeMap<OsString, OsString>) -> Vec<Utf8PathBuf> {
    let values = TOOL_VARIABLES.iter().filter_map(|name| variables.get(OsStr::new(name))?.to_str());
    let first = values.filter_map(|value| value.split(' ').next());
    first.filter(|word| word.starts_with('/')).map(Utf8PathBuf::from).collect()
}

impl Session {
    /// The environment for a build that would have `given` without cuferry. `PATH`, the variables that name a toolkit and
    /// those that name tools lead into the session; flags in variables are translated.
    pub fn environment(&self, given: &BTreeMap<OsString, OsString>, starter: Starter) -> Environment {
        let mut environment = Environment { variables: given.clone(), changes: Vec::new() };
        environment.variables.remove(OsStr::new(WITHIN));
        let toolkit = self.toolkit();
        if let Some(toolkit) = &toolkit {
            for name in TOOLKIT_VARIABLES {
                environment.point(name, toolkit.as_str());
            }
        }
        self.translate_flags(&mut environment);
        self.serve_tools(&mut environment);
        if let Some(toolkit) = toolkit {
            if starter == Starter::CMake {
                environment.point("CUDACXX", toolkit.join("bin/nvcc").as_str());
            }
            // A toolkit of the system's is known to the loader; this one's libraries are wanted by tests that configure
            // steps run, and by tools that a build makes and runs.
            environment.add_last("LD_LIBRARY_PATH", &toolkit.join("lib64"));
            // Where there is no driver, its libraries are linked by their stand-ins: gcc looks there last.
            environment.add_last("LIBRARY_PATH", &toolkit.join("lib64/stubs"));
        }
        let path = environment.variables.get(OsStr::new("PATH")).cloned().unwrap_or_default();
        environment.variables.insert("PATH".into(), self.with_shims(&path));
        // A compiler cache takes a call for known by its words and its compiler's age; what the session makes of the words
        // is part of the question.
        environment.add_last("CCACHE_EXTRAFILES", &self.folder.join("decisive.json"));
        // sccache takes no files for that, but a variable of any content.
        environment.add_last(SCCACHE_KEY, Utf8Path::new(&format!("cuferry-{}", self.decisive)));
        environment
    }

    fn with_shims(&self, path: &OsStr) -> OsString {
        let shims = [self.bin(), self.folder.join("cuda/bin")];
        let rest = std::env::split_paths(path).filter(|folder| !shims.iter().any(|shims| shims == folder));
        let toolkit = usize::from(self.file.toolkit.is_some());
        let all = shims.iter().take(1 + toolkit).map(|shims| shims.clone().into_std_path_buf()).chain(rest);
        // Only a folder with a colon cannot be joined: those of PATH were split at colons, and a session has none.
        std::env::join_paths(all).unwrap_or_else(|_| path.to_owned())
    }

    fn serve_tools(&self, environment: &mut Environment) {
        for name in TOOL_VARIABLES {
            let Some(value) = environment.variables.get(OsStr::new(name)).and_then(|value| value.to_str())
            else {
                continue;
            };
            // `CC=/usr/bin/aarch64-linux-gnu-gcc -march=armv8-a`: only the first word is a path.
            let (path, rest) = value.split_at(value.find(' ').unwrap_or(value.len()));
            if let Some(own) = self.instead_of(Utf8Path::new(path)) {
                let value = format!("{own}{rest}");
                environment.point(name, &value);
            }
        }
    }

    fn translate_flags(&self, environment: &mut Environment) {
        let text = environment
            .variables
            .iter()
            .filter_map(|(name, value)| Some((name.to_str()?.to_owned(), to_text(value))));
        let translated = translate_environment(&text.collect(), &self.file.policy);
        for (name, value) in translated.set {
            environment.variables.insert(name.into(), from_text(&value));
        }
        for name in translated.unset {
            environment.variables.remove(OsStr::new(&name));
        }
        environment.changes.extend(translated.changes);
    }
}

impl Environment {
    /// Lets a variable name the session's own.
    fn point(&mut self, name: &str, value: &str) {
        let old = self.variables.insert(name.into(), value.into());
        if let Some(old) = old.filter(|old| !old.is_empty() && old != value) {
            self.changes.push(Change {
                scope: if name.contains("CUDA") || name == "NVCC" { Scope::Device } else { Scope::Host },
                rule: VARIABLE_RULE.to_owned(),
                was: format!("{name}={}", old.to_string_lossy()),
                now: format!("{name}={value}"),
                why: "names what the build's own session stands for".to_owned(),
            });
        }
    }

    /// Adds to a list of paths, after what the user has there.
    fn add_last(&mut self, name: &str, path: &Utf8Path) {
        let list = self.variables.entry(name.into()).or_default();
        let known =
            list.as_encoded_bytes().split(|byte| *byte == b':').any(|item| item == path.as_str().as_bytes());
        if !known {
            if !list.is_empty() {
                list.push(":");
            }
            list.push(path);
        }
    }
}
