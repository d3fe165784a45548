//! Names as archives have them, made into paths inside a tree; and the name that a mistyped one may have meant.

use crate::limits::{MAX_DEPTH, MAX_PATH};
use crate::problem::ProblemKind;

/// The components of a name, none for the root itself: `./usr//lib/` and `/usr/lib` are `usr`, `lib`. Refused is what
/// climbs by `..`, and what no file system would take.
pub(crate) fn components(name: &str) -> Result<Vec<&str>, ProblemKind> {
    if name.len() > MAX_PATH {
        return Err(ProblemKind::TooLong);
    }
    let parts = || name.split('/').filter(|component| !component.is_empty() && *component != ".");
    if parts().any(|component| component == "..") {
        return Err(ProblemKind::Escaping);
    }
    let components: Vec<&str> = parts().take(MAX_DEPTH + 1).collect();
    if components.len() > MAX_DEPTH { Err(ProblemKind::TooLong) } else { Ok(components) }
}

/// The candidate nearest to `name`, if one is near enough to be meant: at most a third of the letters differ.
pub(crate) fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |name: &str| name.to_lowercase().chars().take(256).collect::<String>();
    let wanted = plain(name);
    let most = (wanted.chars().count() / 3).max(1);
    let distances = candidates.map(|candidate| (strsim::levenshtein(&wanted, &plain(candidate)), candidate));
    distances.filter(|(distance, _)| *distance <= most).min().map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, expected: Result<&str, ProblemKind>) {
        let found = components(name).map(|components| components.join("/"));
        assert_eq!(found.as_deref().map_err(|kind| *kind), expected, "`{name}`");
    }

    #[test]
    fn names_become_paths() {
        check("usr/lib/x", Ok("usr/lib/x"));
        check("./usr//lib/", Ok("usr/lib"));
        check("/etc/passwd", Ok("etc/passwd"));
        check("", Ok(""));
        check(".", Ok(""));
        check("..", Err(ProblemKind::Escaping));
        check("a/../b", Err(ProblemKind::Escaping));
        check("a/..b", Ok("a/..b"));
        check(&"x".repeat(5000), Err(ProblemKind::TooLong));
        check(&"x/".repeat(255), Ok("x/".repeat(255).trim_end_matches('/')));
        check(&"x/".repeat(256), Err(ProblemKind::TooLong));
    }

    #[test]
    fn the_nearest_name_is_a_guess_worth_making() {
        let names = ["libcudart.so", "libcublas.so.13", "README", "image.tar"];
        assert_eq!(nearest("libcudatr.so", names.into_iter()), Some("libcudart.so"));
        assert_eq!(nearest("imgae.tar", names.into_iter()), Some("image.tar"));
        assert_eq!(nearest("readme", names.into_iter()), Some("README"));
        assert_eq!(nearest("torch.whl", names.into_iter()), None);
    }
}
