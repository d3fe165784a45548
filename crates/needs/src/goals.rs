//! The goals that a makefile offers, for whoever has to name one.

/// More would be no help.
const MOST: usize = 8;

/// The goals that a makefile's rules make by a plain name, `all` first and else in its order, at most eight: not files with
/// a folder or the ending of what compilers make on the way, no patterns, and nothing that only cleans up.
pub fn goals(makefile: &str) -> Vec<&str> {
    let mut goals: Vec<&str> = Vec::new();
    for line in makefile.lines() {
        let Some((names, rest)) = line.split_once(':') else { continue };
        // `a := b` and `a ::= b` set variables; a recipe begins with a tab, and a line with `=` before the colon is none either.
        if rest.trim_start_matches(':').starts_with('=')
            || names.starts_with(['\t', '#'])
            || names.contains('=')
        {
            continue;
        }
        for name in names.split_whitespace().filter(|name| is_goal(name)) {
            if !goals.contains(&name) {
                goals.push(name);
            }
        }
    }
    goals.sort_by_key(|goal| *goal != "all");
    goals.truncate(MOST);
    goals
}

fn is_goal(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.+".contains(&byte);
    let (made, cleans) = (
        [".o", ".d", ".obj", ".c", ".cpp", ".cu", ".h"],
        ["clean", "distclean", "clobber", "uninstall", "help"],
    );
    name.bytes().all(plain)
        && !name.starts_with(['.', '-'])
        && !made.iter().any(|end| name.ends_with(end))
        && !cleans.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::goals;

    #[test]
    fn goals_are_what_a_user_may_name() {
        let makefile = "CC := gcc\nX = a:b\n# no: comment\nobjs/%.o : %.c\n\t@echo a: b\nrun : demo\ndemo libx.so: main.o\n\
                        main.o: main.c\nall      : demo\n.PHONY : clean all\nclean:\nb::\n$(T): y\n";
        assert_eq!(goals(makefile), ["all", "run", "demo", "libx.so", "b"]);
        assert!(goals("").is_empty());
    }
}
