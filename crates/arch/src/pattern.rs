//! File name patterns of the data files: `*` stands for any characters, or none, and all else for itself.

/// Whether `name` fits `pattern`. Takes time proportional to the product of both lengths at most.
pub(crate) fn fits(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    let (mut at, mut star) = (0, None);
    let mut read = 0;
    while read < name.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, read));
                at += 1;
            }
            Some(byte) if *byte == name[read] => {
                at += 1;
                read += 1;
            }
            _ => {
                // The last star takes one more character; an earlier one need not, since the last could as well.
                let Some((place, taken)) = star else { return false };
                star = Some((place, taken + 1));
                at = place + 1;
                read = taken + 1;
            }
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, name: &str, expected: bool) {
        assert_eq!(fits(pattern, name), expected, "`{pattern}` and `{name}`");
    }

    #[test]
    fn a_star_stands_for_anything() {
        check("libnvrm*.so*", "libnvrm_gpu.so", true);
        check("libnvrm*.so*", "libnvrm.so.1", true);
        check("libnvrm*.so*", "libnvrtc.so.12", false);
        check("libnvjpeg.so", "libnvjpeg.so", true);
        check("libnvjpeg.so", "libnvjpeg.so.12", false);
        check("*", "", true);
        check("a*b*c", "aXbXbXc", true);
        check("a*b*c", "aXbXbX", false);
        check("", "", true);
        check("", "a", false);
    }

    proptest::proptest! {
        #[test]
        fn a_name_fits_itself_and_any_part_starred(name in "[a-z.]{0,20}", at in 0usize..20) {
            let at = at.min(name.len());
            proptest::prop_assert!(fits(&name, &name));
            let prefix = format!("{}*", &name[..at]);
            let suffix = format!("*{}", &name[at..]);
            proptest::prop_assert!(fits(&prefix, &name));
            proptest::prop_assert!(fits(&suffix, &name));
        }
    }
}
