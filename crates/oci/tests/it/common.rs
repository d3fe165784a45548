//! What the tests share: folders, the compiler, and a program in C++ with a library of its own.

use std::fs;
use std::process::{Command, Output};

use camino::{Utf8Path, Utf8PathBuf};
use cuferry_arch::Host;
use cuferry_oci::{
    Assembly, Base, Closure, ClosureRequest, Compression, Destination, Entry, ImageConfig, ImagePlan,
    LayerCache, Origin, Root, SearchFolder, WrittenImage, assemble, read_closure, write_image,
};
pub(crate) use cuferry_testkit::scratch;

/// What the sample program ends with.
pub(crate) const EXIT_CODE: i32 = 42;

/// Runs a command; `None` if there is no such program.
pub(crate) fn try_run(program: &str, arguments: &[&str]) -> Option<Output> {
    Command::new(program).args(arguments).output().ok()
}

/// Runs a command that has to succeed, and returns what it printed.
#[track_caller]
pub(crate) fn run(program: &str, arguments: &[&str]) -> String {
    let output = try_run(program, arguments).unwrap_or_else(|| panic!("no `{program}`"));
    let text =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "`{program} {}`: {text}", arguments.join(" "));
    text
}

/// `g++` for a host.
pub(crate) fn compiler(host: Host) -> String {
    if host == Host::of_this_program() { "g++".to_owned() } else { format!("{}-g++", host.gnu_triple()) }
}

/// Whether the compiler is there; says so where it isn't.
pub(crate) fn has_compiler(host: Host) -> bool {
    let found = try_run(&compiler(host), &["--version"]).is_some();
    if !found {
        println!("skipped: no `{}`", compiler(host));
    }
    found
}

/// A program and a shared library in C++, compiled.
pub(crate) struct Sample {
    pub(crate) host: Host,
    pub(crate) folder: Utf8PathBuf,
}

impl Sample {
    pub(crate) fn build(host: Host, folder: &Utf8Path) -> Self {
        fs::create_dir_all(folder).unwrap();
        let at = |name: &str| folder.join(name).into_string();
        fs::write(
            at("greeting.cpp"),
            "#include <string>\nstd::string greeting(int n) { return \"hello \" + std::to_string(n); }\n",
        )
        .unwrap();
        fs::write(
            at("main.cpp"),
            format!(
                "#include <fstream>\n#include <iostream>\n#include <stdexcept>\n#include <string>\n#include <unistd.h>\n\
                 std::string greeting(int);\n\
                 int main(int argc, char**) {{\n\
                   try {{ throw std::runtime_error(greeting(argc)); }}\n\
                   catch (const std::exception& e) {{ std::cout << e.what() << \" from \" << getuid() << std::endl; }}\n\
                   std::ofstream file(\"/tmp/written\");\n\
                   file << 1 << std::flush;\n\
                   return file.good() ? {EXIT_CODE} : 1;\n\
                 }}\n"
            ),
        )
        .unwrap();
        let compiler = compiler(host);
        run(
            &compiler,
            &[
                "-shared",
                "-fPIC",
                "-Wl,-soname,libgreeting.so.1",
                "-o",
                &at("libgreeting.so.1"),
                &at("greeting.cpp"),
            ],
        );
        run(&compiler, &["-o", &at("hello"), &at("main.cpp"), &at("libgreeting.so.1")]);
        Self { host, folder: folder.to_owned() }
    }

    pub(crate) fn closure(&self) -> Closure {
        let mut folders = vec![SearchFolder { path: self.folder.clone(), origin: Origin::Project }];
        folders.extend(SearchFolder::of_system(self.host, Host::of_this_program()));
        read_closure(&ClosureRequest {
            host: self.host,
            roots: vec![self.root("hello", "/app/bin/hello")],
            folders,
        })
        .unwrap_or_else(|error| panic!("{error:?}"))
    }

    pub(crate) fn root(&self, name: &str, destination: &str) -> Root {
        Root { source: self.folder.join(name), destination: destination.parse().unwrap() }
    }

    pub(crate) fn assembly(&self, base: Option<&Base>) -> Assembly {
        let program = Entry::file("/app/bin/hello".parse().unwrap(), self.folder.join("hello"), true);
        assemble(&self.closure(), vec![program], base).unwrap()
    }

    pub(crate) fn plan(&self, compression: Compression, base: Option<Base>) -> ImagePlan {
        ImagePlan {
            host: self.host,
            name: Some("cuferry-test/hello:1.0".parse().unwrap()),
            layers: self.assembly(base.as_ref()).layers,
            base,
            config: ImageConfig {
                entrypoint: vec!["/app/bin/hello".to_owned()],
                user: Some("65532:65532".to_owned()),
                working_dir: Some("/app".to_owned()),
                ..ImageConfig::default()
            },
            epoch: 0,
            compression,
        }
    }
}

#[track_caller]
pub(crate) fn write(plan: &ImagePlan, destination: &Destination, cache: Option<&LayerCache>) -> WrittenImage {
    write_image(plan, destination, cache).unwrap_or_else(|error| panic!("{error:?}"))
}

pub(crate) fn layout(path: impl Into<Utf8PathBuf>) -> Destination {
    Destination::Layout(path.into())
}

pub(crate) fn archive(path: impl Into<Utf8PathBuf>) -> Destination {
    Destination::Archive(path.into())
}

/// The names in a folder, hidden ones included, sorted.
pub(crate) fn names(folder: &Utf8Path) -> Vec<String> {
    let mut names: Vec<String> =
        folder.read_dir_utf8().unwrap().map(|entry| entry.unwrap().file_name().to_owned()).collect();
    names.sort();
    names
}
