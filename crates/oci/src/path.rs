//! Paths inside an image: absolute, normalised, never above the root.

use std::fmt;
use std::str::FromStr;

use miette::Diagnostic;
use thiserror::Error;

/// A path inside an image. Printed with its leading slash; kept, and sorted, without it, as a layer's tar wants it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImagePath(String);

/// Text that is no path inside an image.
#[derive(Clone, Debug, PartialEq, Eq, Error, Diagnostic)]
#[error("`{text}` is not a path in an image")]
#[diagnostic(
    code(oci::image_path),
    help(
        "write it from the root, such as `/app/data`, without `..` and without names that start with `.wh.`"
    )
)]
pub struct ImagePathError {
    /// What was given instead.
    pub text: String,
}

impl ImagePath {
    /// Without the leading slash.
    pub fn relative(&self) -> &str {
        &self.0
    }

    /// The last component.
    pub fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }

    /// `name` inside this folder.
    pub fn join(&self, name: &str) -> Result<Self, ImagePathError> {
        format!("{self}/{name}").parse()
    }

    /// Every folder above, outermost first, without the root.
    pub fn ancestors(&self) -> impl Iterator<Item = &str> {
        self.0.match_indices('/').map(|(index, _)| &self.0[..index])
    }
}

impl FromStr for ImagePath {
    type Err = ImagePathError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let components: Vec<&str> =
            text.split('/').filter(|component| !component.is_empty() && *component != ".").collect();
        // `.wh.` starts a whiteout (image-spec, layer.md): such a name would delete instead of create.
        let refused = |component: &&str| *component == ".." || component.starts_with(".wh.");
        if !text.starts_with('/')
            || text.contains(['\0', '\n'])
            || components.is_empty()
            || components.iter().any(refused)
        {
            return Err(ImagePathError { text: text.to_owned() });
        }
        Ok(Self(components.join("/")))
    }
}

impl fmt::Display for ImagePath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "/{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        let path = text.parse::<ImagePath>().ok().map(|path| path.to_string());
        assert_eq!(path.as_deref(), expected, "parsing `{text}`");
    }

    #[test]
    fn reads_paths() {
        check("/app/bin/camera", Some("/app/bin/camera"));
        check("//app/./bin/", Some("/app/bin"));
        check("/", None);
        check("", None);
        check("app", None);
        check("/app/../etc/passwd", None);
        check("/app/.wh.bin", None);
        check("/a\0b", None);
    }

    #[test]
    fn walks_up() {
        let path: ImagePath = "/usr/lib/x".parse().unwrap();
        assert_eq!(path.ancestors().collect::<Vec<_>>(), ["usr", "usr/lib"]);
        assert_eq!(path.name(), "x");
        assert!(path.join("../../..").is_err());
    }
}
