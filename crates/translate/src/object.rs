//! A compile whose object goes elsewhere, and what the link of such objects has to repeat: for builds of which only the compiles
//! are known.

use crate::options::Role;
use crate::{Family, Invocation, Mode, words};

/// What a link has to say again because the compiles said it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LinkWords {
    /// For the host's linker driver: `-fopenmp`, `-fsanitize=address`.
    pub host: Vec<String>,
    /// For nvcc, where device code is to be linked: `-rdc=true` and the architectures.
    pub device: Vec<String>,
}

/// Options of gcc and clang that stand for a library or a way of linking, too.
const ALSO_LINK: [&str; 8] =
    ["-fopenmp", "-pthread", "-fsanitize=", "--coverage", "-coverage", "-fprofile-arcs", "-pg", "-stdlib="];

/// Options that only say how a list of dependencies looks, and are refused where none is written.
const LIST_OPTIONS: [&str; 3] = ["-MP", "-MG", "--generate-dependency-targets"];

impl Invocation {
    /// What is made of each source, as the end of its name: `o`, `ptx`. None: nothing is compiled to a file of its own.
    pub fn product(&self) -> Option<&'static str> {
        match self.mode() {
            Mode::Compile | Mode::Assemble => self.result(),
            // Sources that would be linked at once make objects first.
            Mode::Link if !self.sources().is_empty() => Some("o"),
            _ => None,
        }
    }

    /// The words of a compile with its result in `output`, and no list of dependencies.
    pub fn compiling_to(&self, output: &str) -> Vec<String> {
        let drop = |role: Role| {
            matches!(
                role,
                Role::Output | Role::OutputFolder | Role::Dependencies | Role::Depfile | Role::DepfileTarget
            )
        };
        let all = self.words();
        let mut kept = Vec::with_capacity(all.len() + 2);
        for argument in self.arguments() {
            if !drop(argument.role) && !LIST_OPTIONS.contains(&argument.name.as_str()) {
                let end = (argument.first + argument.count).min(all.len());
                kept.extend_from_slice(&all[argument.first..end]);
            }
        }
        if self.mode() == Mode::Link {
            kept.push("-c".to_owned());
        }
        kept.extend(["-o".to_owned(), output.to_owned()]);
        kept
    }

    /// What a link of its object has to say again.
    pub fn link_words(&self) -> LinkWords {
        let mut link = LinkWords::default();
        let also = |word: &&String| {
            ALSO_LINK.iter().any(|option| match option.strip_suffix('=') {
                Some(_) => word.starts_with(option),
                None => word == option,
            }) || word.starts_with("-fopenmp=")
        };
        if self.tool().family() != Family::Nvcc {
            link.host = self.words().iter().filter(also).cloned().collect();
            return link;
        }
        for argument in self.arguments().iter().filter(|argument| argument.role == Role::HostList) {
            let list = words::nvcc_list(argument.value()).unwrap_or_default();
            link.host.extend(list.iter().filter(also).cloned());
        }
        if self.is_relocatable() {
            link.device.push("-rdc=true".to_owned());
            let archs = |role: Role| matches!(role, Role::Arch | Role::Code | Role::Gencode);
            for argument in self.arguments().iter().filter(|argument| archs(argument.role)) {
                let end = (argument.first + argument.count).min(self.words().len());
                link.device.extend_from_slice(&self.words()[argument.first..end]);
            }
        }
        link
    }

    /// Whether device code of other objects may be called: `-rdc=true`, `-dc`, and `-dlto`, which implies it.
    fn is_relocatable(&self) -> bool {
        let rdc = |name: &str| matches!(name.trim_end_matches('='), "-rdc" | "--relocatable-device-code");
        self.arguments().iter().any(|argument| match argument.name.as_str() {
            "-dc" | "--device-c" | "-dlto" | "--dlink-time-opt" => true,
            name => rdc(name) && argument.value() == "true",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Tool;
    use crate::tests::words;

    fn command(text: &str) -> Invocation {
        let all = words(text);
        let tool = Tool::of(&all[0]).expect("it is a tool");
        Invocation::parse(tool, &all[1..], &|_| None).expect("no response files")
    }

    #[track_caller]
    fn check(text: &str, product: Option<&str>, moved: &str) {
        let invocation = command(text);
        assert_eq!(invocation.product(), product, "{text}");
        if product.is_some() {
            assert_eq!(invocation.compiling_to("out/1.o"), words(moved), "{text}");
        }
    }

    #[test]
    fn results_go_elsewhere() {
        check(
            "g++ -Iinc -MD -MT a.o -MF a.o.d -MP -O2 -o a.o -c a.cpp",
            Some("o"),
            "-Iinc -O2 -c a.cpp -o out/1.o",
        );
        check("gcc -c a.c -oa.o -MMD -MFx", Some("o"), "-c a.c -o out/1.o");
        check("cc a.c b.o -o a", Some("o"), "a.c b.o -c -o out/1.o");
        check(
            "nvcc -forward-unknown-to-host-compiler -MD -MF=k.d --output-directory o -dc k.cu",
            Some("o"),
            "-forward-unknown-to-host-compiler -dc k.cu -o out/1.o",
        );
        check("nvcc -ptx k.cu -o k.ptx", Some("ptx"), "-ptx k.cu -o out/1.o");
        check("g++ -E a.cpp", None, "");
        check("g++ a.o -o a", None, "");
        check("g++ --version", None, "");
    }

    #[test]
    fn what_a_link_has_to_repeat() {
        let link = |text: &str| {
            let LinkWords { host, device } = command(text).link_words();
            format!("{} | {}", host.join(" "), device.join(" "))
        };
        assert_eq!(link("g++ -fopenmp -O2 -fsanitize=address -c a.cpp"), "-fopenmp -fsanitize=address | ");
        assert_eq!(link("nvcc -Xcompiler -fopenmp,-Wall -arch=sm_87 -c k.cu"), "-fopenmp | ");
        assert_eq!(
            link("nvcc -rdc=true -gencode arch=compute_87,code=sm_87 -arch sm_87 -c k.cu"),
            " | -rdc=true -gencode arch=compute_87,code=sm_87 -arch sm_87"
        );
        assert_eq!(link("nvcc -rdc false -dc k.cu"), " | -rdc=true");
        assert_eq!(link("nvcc -rdc=false -c k.cu"), " | ");
    }

    proptest::proptest! {
        #[test]
        fn any_words_are_taken(words in proptest::collection::vec("(-o|-MD|-MF|-rdc|=|true|-dc|-c|a\\.cu|-|@x|-Xcompiler|-fopenmp){0,2}", 0..8)) {
            for tool in ["nvcc", "g++", "clang", "ld", "ar"] {
                let tool = Tool::of(tool).expect("it is a tool");
                let invocation = Invocation::parse(tool, &words, &|_| None).expect("no response files");
                let _ = (invocation.product(), invocation.compiling_to("x"), invocation.link_words());
            }
        }
    }
}
