//! Static libraries of NVIDIA's that the toolkit has as shared ones alone: the shared one is linked instead, where the link
//! is not wholly static.

use camino::Utf8Path;

use crate::options::{Argument, Role};
use crate::paths::{self, Fate};
use crate::rules::reason;
use crate::translation::Work;
use crate::{Family, Scope, words};

impl Work<'_> {
    /// `-lcurand_static` of any of the tools that link, and the path of such a file in the toolkit. `bound`: a word before it
    /// let the linker look for archives alone.
    pub(crate) fn static_library(
        &mut self,
        family: Family,
        argument: &Argument,
        was: String,
        bound: bool,
    ) -> Option<Vec<String>> {
        let policy = self.policy;
        if policy.shared_instead.is_empty() || self.wholly_static || !self.to_x86() {
            return None;
        }
        let now = match (argument.role, family) {
            (Role::Library, Family::Nvcc) => {
                let names = words::nvcc_list(argument.value())?;
                let shared: Vec<String> =
                    names.iter().map(|name| self.shared(name).unwrap_or_else(|| name.clone())).collect();
                (shared != names).then(|| argument.with_value(&words::nvcc_list_of(&shared)))?
            }
            (Role::Library, _) => argument.with_value(&self.shared(argument.value())?),
            (Role::File, _) => {
                let path = match paths::file(argument.value(), policy) {
                    Fate::Keep => argument.value().to_owned(),
                    Fate::Now(now, _) => now,
                    Fate::Drop(_) | Fate::Library(..) => return None,
                };
                let path = Utf8Path::new(&path);
                let folder = path.parent().filter(|_| self.is_toolkits(path))?;
                let file = self.shared(&format!(":{}", path.file_name()?))?;
                vec![folder.join(file.trim_start_matches(':')).into_string()]
            }
            _ => return None,
        };
        // ld takes no shared library while it looks for archives alone.
        let now = match family {
            Family::Ld if bound => bracketed(now, "-Bdynamic", "-Bstatic"),
            Family::Gcc | Family::Clang if bound => bracketed(now, "-Wl,-Bdynamic", "-Wl,-Bstatic"),
            _ => now,
        };
        self.change(Scope::Link, reason("shared-instead"), was, &now);
        Some(now)
    }

    /// What `-l` is to name instead: `curand` for `curand_static`, `:libcurand.so` for `:libcurand_static.a`.
    fn shared(&self, name: &str) -> Option<String> {
        let Some(file) = name.strip_prefix(':') else {
            return self.policy.shared_instead.get(name).cloned();
        };
        let stem = file.strip_prefix("lib")?.strip_suffix(".a")?;
        Some(format!(":lib{}.so", self.policy.shared_instead.get(stem)?))
    }

    /// Whether a path lies in the folder of the toolkit that the build sees.
    fn is_toolkits(&self, path: &Utf8Path) -> bool {
        self.policy.cuda_root.as_ref().is_some_and(|root| path.starts_with(root))
    }
}

fn bracketed(mut words: Vec<String>, before: &str, after: &str) -> Vec<String> {
    words.insert(0, before.to_owned());
    words.push(after.to_owned());
    words
}

/// Whether a link takes no shared library at all.
pub(crate) fn is_wholly_static(family: Family, arguments: &[Argument]) -> bool {
    let is = |word: &str| matches!(word, "-static" | "-static-pie" | "--static");
    arguments.iter().any(|argument| match argument.role {
        Role::HostList | Role::LdList if family == Family::Nvcc => {
            words::nvcc_list(argument.value()).unwrap_or_default().iter().any(|word| is(word))
        }
        Role::LdList => argument.value().split(',').any(|word| word == "-static"),
        // To ld itself `-static` is another name of `-Bstatic`.
        _ => family != Family::Ld && is(&argument.name),
    })
}

/// What a word says of the libraries after it: archives alone (true), or shared ones, too.
pub(crate) fn binds(family: Family, argument: &Argument) -> Option<bool> {
    let of = |word: &str| match word {
        "-Bstatic" | "-dn" | "-non_shared" => Some(true),
        "-Bdynamic" | "-dy" | "-call_shared" => Some(false),
        _ => None,
    };
    match (argument.role, family) {
        (Role::LdList | Role::LdWord, Family::Gcc | Family::Clang) => {
            argument.value().split(',').filter_map(of).next_back()
        }
        (_, Family::Ld) if argument.name == "-static" => Some(true),
        (_, Family::Ld) => of(&argument.name),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Invocation, Policy, Tool, translate};

    /// The words of a link, before and after.
    #[track_caller]
    fn check(command: &str, expected: &str) {
        let words: Vec<String> = command.split(' ').map(str::to_owned).collect();
        let (tool, args) = words.split_first().unwrap();
        let policy = Policy {
            cuda_root: Some("/t".into()),
            shared_instead: [("curand_static".to_owned(), "curand".to_owned())].into(),
            ..crate::tests::policy()
        };
        let invocation = Invocation::parse(Tool::of(tool).unwrap(), args, &|_| None).unwrap();
        let now = translate(&invocation, &policy).unwrap();
        let links: Vec<_> = now.changes.iter().filter(|change| change.scope == Scope::Link).collect();
        assert!(links.iter().all(|change| change.rule == "CF2039"), "{links:?}");
        let now = now.args.join(" ");
        let now = now.rsplit("a.o ").next().unwrap();
        assert_eq!(now, expected, "`{command}`");
    }

    #[test]
    fn the_shared_library_is_linked_where_there_is_no_static_one() {
        check("g++ a.o -lcurand_static -lculibos", "-lcurand -lculibos");
        check("g++ a.o -l curand_static", "-l curand");
        check("g++ a.o -l:libcurand_static.a", "-l:libcurand.so");
        check("nvcc a.o -lcurand_static,culibos", "-lcurand,culibos");
        check("nvcc a.o --library=curand_static", "--library=curand");
        check("ld a.o -lcurand_static", "-lcurand");
        check("g++ a.o /t/lib64/libcurand_static.a", "/t/lib64/libcurand.so");
        check("nvcc a.o /usr/local/cuda-12.2/lib64/libcurand_static.a", "/t/lib64/libcurand.so");
    }

    #[test]
    fn a_link_for_archives_alone_takes_the_one_shared_library() {
        check(
            "g++ a.o -Wl,-Bstatic -lcurand_static -lm -Wl,-Bdynamic -lcurand_static",
            "-Wl,-Bstatic -Wl,-Bdynamic -lcurand -Wl,-Bstatic -lm -Wl,-Bdynamic -lcurand",
        );
        check("ld a.o -Bstatic -lcurand_static", "-Bstatic -Bdynamic -lcurand -Bstatic");
    }

    #[test]
    fn what_is_there_or_is_somebody_elses_stays() {
        check("g++ a.o -lcublas_static", "-lcublas_static");
        check("g++ a.o libs/libcurand_static.a", "libs/libcurand_static.a");
        check("g++ a.o -static -lcurand_static", "-static -lcurand_static");
        check("nvcc a.o -Xcompiler -static -lcurand_static", "-Xcompiler -static -lcurand_static");
    }
}
