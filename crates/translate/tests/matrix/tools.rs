//! The real tools, and the sources that they are given.

use std::process::Command;

use camino::Utf8PathBuf;
use cuferry_arch::{CudaRelease, Host};
use cuferry_testkit::{lacking, scratch, toolkit};

use super::row::Status;

/// Sources by the names that rows use, with the ends of their names.
const SOURCES: &[(&str, &str, &str)] = &[
    ("c", "c", "int main(void) { return 0; }\n"),
    ("cc", "cc", "int main() { return 0; }\n"),
    ("cu", "cu", "__global__ void k(float *p) { *p = 1; }\nint main() { return 0; }\n"),
    ("s", "s", "\t.text\n\tnop\n"),
    ("empty", "cu", ""),
    ("stdio", "c", "#include <stdio.h>\nint main(void) { return puts(\"\"); }\n"),
    ("cuda-c", "cc", "#include <cuda.h>\nint main() { return CUDA_VERSION == 0; }\n"),
    ("thrust", "cu", "#include <thrust/host_vector.h>\nint main() { return 0; }\n"),
    ("own-header", "c", "#include <first.h>\nint main(void) { return FIRST; }\n"),
    ("own-header-cu", "cu", "#include <first.h>\n__global__ void k(int *p) { *p = FIRST; }\n"),
    ("char", "c", "_Static_assert((char)-1 > 0, \"char has a sign\");\n"),
    ("char-cu", "cu", "__global__ void k(char *p, int *q) { *q = p[threadIdx.x]; }\n"),
    (
        "char-host-cu",
        "cu",
        "#ifndef __CUDA_ARCH__\nstatic_assert((char)-1 > 0, \"char has a sign\");\n#endif\n",
    ),
    ("fma", "c", "float f(float a, float b, float c) { return a * b + c; }\n"),
    ("wrong", "c", "volatile double large = 1e20;\nint main(void) { return (int)large == 1; }\n"),
    (
        "whole-c",
        "c",
        "#include <stdio.h>\nvolatile double large = 1e20, none;\n\
         int main(void) { printf(\"%d %d %u\\n\", (int)large, (int)(none / none), (unsigned)-large); }\n",
    ),
    (
        "whole-cu",
        "cu",
        "#include <cstdio>\nvolatile double large = 1e20, none;\n\
         int main() { printf(\"%d %d %u\\n\", (int)large, (int)(none / none), (unsigned)-large); }\n",
    ),
    ("by-zero", "c", "volatile int zero;\nint main(void) { return 1 / zero; }\n"),
    ("by-zero-cu", "cu", "volatile int zero;\nint main() { return 1 / zero; }\n"),
    (
        "beyond",
        "c",
        "volatile int most = 0x7fffffff, width = 32;\n\
         int main(int count, char **words) { return count > 1 ? most + 1 : 1 << width; }\n",
    ),
    (
        "wchar",
        "cc",
        "static_assert(static_cast<wchar_t>(-1) > 0, \"wchar_t has a sign\");\nint main() { return 0; }\n",
    ),
    (
        "wchar-cu",
        "cu",
        "__global__ void k(const wchar_t *p, long *q) { *q = *p; }\nint main() { return 0; }\n",
    ),
    ("wrong-cu", "cu", "volatile double large = 1e20;\nint main() { return (int)large == 1; }\n"),
    (
        "makefile",
        "mk",
        "all:\n\t@echo target $(TARGET_ARCH)\n\t@echo machine `$(CROSS_COMPILE)gcc -dumpmachine`\n\t@echo root $(addprefix --sysroot=,$(TARGET_FS))\n",
    ),
];

pub(crate) struct Tools {
    _guard: Option<tempfile::TempDir>,
    pub folder: Utf8PathBuf,
    pub toolkit: Utf8PathBuf,
}

/// What a tool printed, and whether it went well.
#[derive(Default)]
pub(crate) struct Ran {
    good: bool,
    pub text: String,
}

impl Ran {
    pub(crate) fn status(&self) -> Status {
        match (self.good, self.text.contains("warning")) {
            (false, _) => Status::Refused,
            (true, true) => Status::Warned,
            (true, false) => Status::Accepted,
        }
    }
}

impl Tools {
    /// Every tool; nothing, with a word, where one is lacking.
    pub(crate) fn find() -> Option<Self> {
        for tool in [
            "gcc",
            "g++",
            "clang",
            "clang++",
            "ld",
            "as",
            "objcopy",
            "make",
            "readelf",
            "aarch64-linux-gnu-g++",
        ] {
            if Command::new(tool).arg("--version").output().is_err() {
                lacking(&format!("`{tool}` is not here"));
                return None;
            }
        }
        let toolkit = toolkit(CudaRelease::new(13, 0), &[Host::X86_64, Host::Aarch64], &[])?;
        let (guard, folder) = scratch();
        let tools = Self { _guard: Some(guard), folder, toolkit };
        tools.write();
        Some(tools)
    }

    /// For what asks no tool.
    pub(crate) fn nowhere() -> Self {
        Self { _guard: None, folder: "/nowhere".into(), toolkit: "/nowhere/cuda".into() }
    }

    fn write(&self) {
        for (name, end, text) in SOURCES {
            std::fs::write(self.folder.join(format!("{name}.{end}")), text)
                .expect("the folder can be written");
        }
        let first = self.folder.join("first");
        std::fs::create_dir(&first).expect("the folder can be written");
        std::fs::write(first.join("first.h"), "#define FIRST 1\n").expect("the folder can be written");
        for (compiler, source) in [("gcc", "c.c"), ("g++", "cc.cc")] {
            let object = self.folder.join(format!("{source}.o"));
            let args = ["-c", self.folder.join(source).as_str(), "-o", object.as_str()].map(str::to_owned);
            assert!(self.run(compiler, &args).good);
        }
    }

    /// Words with sources, objects and folders in the place of their names in braces.
    pub(crate) fn filled(&self, words: &[String]) -> Vec<String> {
        let fill = |word: &String| {
            let mut word = word.replace("{out}", self.folder.join("out").as_str());
            word = word.replace("{toolkit}", self.toolkit.as_str());
            word = word.replace("{c-object}", self.folder.join("c.c.o").as_str());
            word = word.replace("{cpp-object}", self.folder.join("cc.cc.o").as_str());
            for (name, end, _) in SOURCES {
                word =
                    word.replace(&format!("{{{name}}}"), self.folder.join(format!("{name}.{end}")).as_str());
            }
            word
        };
        words.iter().map(fill).collect()
    }

    pub(crate) fn run(&self, tool: &str, args: &[String]) -> Ran {
        let program = match tool {
            "nvcc" => self.toolkit.join("bin/nvcc").into_string(),
            other => other.to_owned(),
        };
        let output = Command::new(program)
            .args(args)
            .current_dir(&self.folder)
            .env("LC_ALL", "C")
            .env_remove("NVCC_APPEND_FLAGS")
            .env_remove("NVCC_PREPEND_FLAGS")
            .env_remove("NVCC_CCBIN")
            .output()
            .expect("the tool is there");
        let text = [output.stdout, output.stderr].concat();
        Ran { good: output.status.success(), text: String::from_utf8_lossy(&text).into_owned() }
    }

    /// What a compiler predefines with these flags.
    pub(crate) fn macros(&self, compiler: &str, flags: &[String]) -> String {
        let rest = ["-dM", "-E", "-x", "c", "/dev/null"].map(str::to_owned);
        self.run(compiler, &[flags, &rest].concat()).text
    }

    pub(crate) fn forget_output(&self) {
        // It may not be there.
        let _ = std::fs::remove_file(self.folder.join("out"));
    }

    pub(crate) fn readelf(&self) -> String {
        self.run("readelf", &["-hldW".to_owned(), self.folder.join("out").into_string()]).text
    }

    pub(crate) fn made(&self) -> String {
        std::fs::read_to_string(self.folder.join("out")).unwrap_or_default()
    }

    pub(crate) fn run_made(&self) -> Ran {
        self.run(self.folder.join("out").as_str(), &[])
    }
}
