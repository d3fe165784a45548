//! What becomes of the objects of a compilation database, which says nothing of linking: one program where one of them has
//! `main`, a static library where none has; where several have, the user says which is meant.

use camino::{Utf8Path, Utf8PathBuf};
use cuferry_binfmt::symbols;
use cuferry_translate::Family;

use super::{Compile, Compiles, wrong};
use crate::build::Step;
use crate::failure::{Failure, Fault};

/// What there is to link with, beside the objects.
pub(crate) struct Wish<'a> {
    /// Where the objects are.
    pub(crate) objects: Utf8PathBuf,
    /// Where the result goes.
    pub(crate) into: Utf8PathBuf,
    /// The project's name.
    pub(crate) name: &'a str,
    /// `--program`: which of several.
    pub(crate) program: Option<&'a str>,
    /// The toolkit's libraries that the sources include headers of, as `-l` names them, and where they lie.
    pub(crate) libraries: Vec<String>,
    pub(crate) library_folder: Utf8PathBuf,
    /// `LDFLAGS` and `LDLIBS`, as make has them.
    pub(crate) flags: Vec<String>,
    pub(crate) libs: Vec<String>,
}

/// What the objects become.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Becomes<'a> {
    Program(String, Vec<&'a Compile>),
    Library(Vec<&'a Compile>),
}

impl PartialEq for Compile {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Eq for Compile {}

/// The commands that link, and what is to be said of them.
pub(crate) fn linked(compiles: &Compiles, wish: &Wish<'_>) -> Result<(Vec<Step>, Vec<String>), Failure> {
    let mut objects = Vec::new();
    let mut notes = Vec::new();
    for compile in &compiles.list {
        if compile.product.strip_suffix(".o").is_some() {
            objects.push((compile, has_main(compiles, compile, &wish.objects)?));
        } else {
            notes.push(format!(
                "{} is compiled to {}: where a program looks for it, the database does not say",
                compile.source,
                wish.objects.join(&compile.product)
            ));
        }
    }
    let count = objects.len();
    let step = match becomes(&objects, wish.name, wish.program).map_err(|mains| several(compiles, &mains))? {
        Becomes::Program(name, objects) => {
            notes.push(format!(
                "a database says nothing of linking: {} of {count} objects are linked into the program `{name}`, with NVIDIA's libraries \
                 that the sources name; LDFLAGS and LDLIBS add what is missing",
                objects.len(),
            ));
            program(&name, &objects, wish)
        }
        Becomes::Library(objects) => {
            notes.push(format!(
                "no object has `main`: all {count} become the static library `lib{}.a`",
                wish.name
            ));
            library(&objects, wish)
        }
    };
    Ok((vec![step], notes))
}

fn has_main(compiles: &Compiles, compile: &Compile, objects: &Utf8Path) -> Result<bool, Failure> {
    // What gcc leaves in objects that hold nothing but what is for its link-time optimiser.
    const SLIM: &str = "__gnu_lto_slim";
    let path = objects.join(&compile.product);
    let unreadable = |what: String| {
        let message = format!("`{path}`, of entry {} of `{}`, {what}", compile.number, compiles.file);
        wrong(
            message,
            "leave `-flto` out of the database's commands: objects of it do not say what they define",
        )
    };
    let bytes = std::fs::read(&path).map_err(|error| unreadable(format!("cannot be read: {error}")))?;
    let defined = symbols::defined(&bytes, &["main", SLIM]).map_err(|error| {
        unreadable(format!("is no object file that a linker could take as it is: {error}"))
    })?;
    if defined.contains(SLIM) {
        return Err(unreadable("is for link-time optimisation alone".to_owned()));
    }
    Ok(defined.contains("main"))
}

/// Fails with the objects that have `main` where none of several is meant.
fn becomes<'a>(
    objects: &[(&'a Compile, bool)],
    name: &str,
    wanted: Option<&str>,
) -> Result<Becomes<'a>, Vec<&'a Compile>> {
    let mains: Vec<&Compile> =
        objects.iter().filter(|(_, main)| *main).map(|(compile, _)| *compile).collect();
    let main = match (mains.as_slice(), wanted) {
        ([], _) => return Ok(Becomes::Library(objects.iter().map(|(compile, _)| *compile).collect())),
        ([main], None) => *main,
        (several, wanted) => {
            let mut meant = several.iter().filter(|main| Some(main.program(name).as_str()) == wanted);
            match (meant.next(), meant.next()) {
                (Some(main), None) => *main,
                _ => return Err(mains),
            }
        }
    };
    let all = objects.iter().filter(|(compile, has_main)| !has_main || *compile == main);
    Ok(Becomes::Program(main.program(name), all.map(|(compile, _)| *compile).collect()))
}

impl Compile {
    /// The name of the program whose `main` this has: CMake's, its file's, or the project's.
    fn program(&self, project: &str) -> String {
        let stem = self.source.file_stem().filter(|stem| *stem != "main");
        self.target.as_deref().or(stem).unwrap_or(project).to_owned()
    }
}

fn several(compiles: &Compiles, mains: &[&Compile]) -> Failure {
    let list: Vec<String> =
        mains.iter().map(|main| format!("`{}` ({})", main.program("main"), main.source)).collect();
    let message = format!(
        "`{}` says nothing of linking, and the program is one of {}: {}",
        compiles.file,
        mains.len(),
        list.join(", ")
    );
    let help = "name it with `--program NAME`: its object is linked with all that have no `main`; for several programs, or \
                where names are alike, write each as a `[[program]]` into a cuferry.toml";
    Failure::say(Fault::Usage, "rebuild::which_program", message, help)
}

fn program(name: &str, objects: &[&Compile], wish: &Wish<'_>) -> Step {
    let (tool, family) = linker(objects);
    let mut words = vec!["-o".to_owned(), wish.into.join(name).into_string()];
    words.extend(objects.iter().map(|object| object.product.clone()));
    let mut said = Vec::new();
    let mut once = |new: &[String], words: &mut Vec<String>| {
        if !new.is_empty() && !said.contains(&new.to_vec()) {
            said.push(new.to_vec());
            words.extend_from_slice(new);
        }
    };
    for object in objects {
        for word in &object.link.host {
            match family {
                Family::Nvcc => once(&["-Xcompiler".to_owned(), word.clone()], &mut words),
                _ => once(std::slice::from_ref(word), &mut words),
            }
        }
    }
    // The architectures are a whole: those of the first compile that has any.
    let device = objects.iter().map(|object| &object.link.device).find(|device| !device.is_empty());
    words.extend(device.filter(|_| family == Family::Nvcc).into_iter().flatten().cloned());
    words.extend(wish.flags.iter().cloned());
    let as_needed = match family {
        Family::Nvcc => ["-Xlinker", "--as-needed"].map(str::to_owned).to_vec(),
        _ => vec![format!("-L{}", wish.library_folder), "-Wl,--as-needed".to_owned()],
    };
    words.extend(as_needed);
    // nvcc links the runtime by itself, and statically.
    let libraries = wish.libraries.iter().filter(|name| family != Family::Nvcc || *name != "cudart");
    words.extend(libraries.map(|library| format!("-l{library}")));
    words.extend(["pthread", "dl", "rt", "m"].map(|library| format!("-l{library}")));
    words.extend(wish.libs.iter().cloned());
    Step::new(&tool, words, &wish.objects)
}

/// nvcc where it compiled any; else a compiler of C++, whose library the others lack.
fn linker(objects: &[&Compile]) -> (String, Family) {
    if objects.iter().any(|object| object.family == Family::Nvcc) {
        return ("nvcc".to_owned(), Family::Nvcc);
    }
    let drivers = || objects.iter().filter(|object| object.family != Family::As);
    let cxx = drivers().find(|object| object.tool.contains("++"));
    let driver = cxx.or_else(|| drivers().next());
    driver.map_or_else(|| ("gcc".to_owned(), Family::Gcc), |object| (object.tool.clone(), object.family))
}

fn library(objects: &[&Compile], wish: &Wish<'_>) -> Step {
    let archive = wish.into.join(format!("lib{}.a", wish.name));
    // `ar` adds to an archive that is there.
    let mut words = vec!["rcsD".to_owned(), archive.into_string()];
    words.extend(objects.iter().map(|object| object.product.clone()));
    Step::new("ar", words, &wish.objects)
}

#[cfg(test)]
mod tests {
    use cuferry_translate::LinkWords;

    use super::*;

    fn compile(number: usize, tool: &str, source: &str, target: Option<&str>) -> Compile {
        let family = if tool == "nvcc" { Family::Nvcc } else { Family::Gcc };
        Compile {
            number,
            tool: tool.to_owned(),
            family,
            words: Vec::new(),
            folder: "/r".into(),
            source: source.into(),
            product: format!("{number}.o"),
            link: LinkWords::default(),
            target: target.map(str::to_owned),
        }
    }

    fn wish() -> Wish<'static> {
        Wish {
            objects: "/o".into(),
            into: "/bin".into(),
            name: "robot",
            program: None,
            libraries: vec!["cublas".to_owned()],
            library_folder: "/cuda/lib64".into(),
            flags: vec!["-L/opt".to_owned()],
            libs: vec!["-lopencv_core".to_owned()],
        }
    }

    #[test]
    fn mains_decide() {
        let (main, part) = (compile(1, "g++", "/r/main.cpp", None), compile(2, "g++", "/r/part.cpp", None));
        let other = compile(3, "g++", "/r/tools/show.cpp", None);
        let third = compile(4, "g++", "/r/x.cpp", Some("viewer"));
        let check =
            |objects: &[(&Compile, bool)], wanted: Option<&str>| match becomes(objects, "robot", wanted) {
                Ok(Becomes::Program(name, objects)) => {
                    let numbers: Vec<String> =
                        objects.iter().map(|object| object.number.to_string()).collect();
                    format!("{name}: {}", numbers.join(" "))
                }
                Ok(Becomes::Library(objects)) => format!("library of {}", objects.len()),
                Err(mains) => format!("{} mains", mains.len()),
            };
        assert_eq!(check(&[(&main, true), (&part, false)], None), "robot: 1 2");
        assert_eq!(check(&[(&main, false), (&part, false)], None), "library of 2");
        let all = [(&main, true), (&part, false), (&other, true), (&third, true)];
        assert_eq!(check(&all, None), "3 mains");
        assert_eq!(check(&all, Some("show")), "show: 2 3");
        assert_eq!(check(&all, Some("viewer")), "viewer: 2 4");
        assert_eq!(check(&all, Some("robot")), "robot: 1 2");
        assert_eq!(check(&all, Some("x")), "3 mains");
        assert_eq!(check(&[(&main, true)], Some("none")), "1 mains");
    }

    #[test]
    fn programs_are_linked_by_whoever_compiled() {
        let host = compile(1, "aarch64-linux-gnu-g++", "/r/main.cpp", None);
        let c = compile(2, "gcc", "/r/c.c", None);
        let step = program("robot", &[&c, &host], &wish());
        assert_eq!(step.program, "aarch64-linux-gnu-g++");
        assert_eq!(
            step.args.join(" "),
            "-o /bin/robot 2.o 1.o -L/opt -L/cuda/lib64 -Wl,--as-needed -lcublas -lpthread -ldl -lrt -lm -lopencv_core"
        );
        let mut kernel = compile(3, "nvcc", "/r/k.cu", None);
        kernel.link.device = vec!["-rdc=true".to_owned(), "-arch=sm_87".to_owned()];
        kernel.link.host = vec!["-fopenmp".to_owned()];
        let second = Compile { number: 4, product: "4.o".to_owned(), ..kernel.clone() };
        let step = program("robot", &[&host, &kernel, &second], &wish());
        assert_eq!(step.program, "nvcc");
        assert!(
            step.args.join(" ").starts_with(
                "-o /bin/robot 1.o 3.o 4.o -Xcompiler -fopenmp -rdc=true -arch=sm_87 -L/opt -Xlinker --as-needed"
            ),
            "{:?}",
            step.args
        );
    }
}
