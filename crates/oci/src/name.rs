//! Image names: `acme/edge-camera:1.0`, and what each engine wants to read of it.

use std::fmt;
use std::str::FromStr;

use miette::Diagnostic;
use thiserror::Error;

/// An image's name: an optional registry, a repository and a tag (`latest` where none is given).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ImageName {
    registry: Option<String>,
    repository: String,
    tag: String,
}

/// Text that is no image name.
#[derive(Clone, Debug, PartialEq, Eq, Error, Diagnostic)]
#[error("`{text}` is not an image name")]
#[diagnostic(
    code(oci::image_name),
    help(
        "write it as `[REGISTRY/]NAME[:TAG]`: lower-case letters, digits and `.`, `_`, `-` between them, such as `acme/edge-camera:1.0`"
    )
)]
pub struct ImageNameError {
    /// What was given instead.
    pub text: String,
}

impl ImageName {
    /// `1.0` in `acme/edge-camera:1.0`.
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// With registry, repository and tag all spelled out, as containerd stores it.
    pub fn canonical(&self) -> String {
        match &self.registry {
            Some(registry) => format!("{registry}/{}:{}", self.repository, self.tag),
            None if self.repository.contains('/') => format!("docker.io/{}:{}", self.repository, self.tag),
            None => format!("docker.io/library/{}:{}", self.repository, self.tag),
        }
    }
}

/// As `docker image ls` shows it, and as `RepoTags` has it.
impl fmt::Display for ImageName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(registry) = &self.registry {
            write!(formatter, "{registry}/")?;
        }
        write!(formatter, "{}:{}", self.repository, self.tag)
    }
}

impl FromStr for ImageName {
    type Err = ImageNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || ImageNameError { text: text.to_owned() };
        // The first component is a registry if it can't be a plain name (distribution/reference, `splitDockerDomain`).
        let (registry, rest) = match text.split_once('/') {
            Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => (Some(first), rest),
            _ => (None, text),
        };
        let (repository, tag) = rest.split_once(':').unwrap_or((rest, "latest"));
        let registry_is_good = registry.is_none_or(|registry| {
            let (name, port) = registry.split_once(':').unwrap_or((registry, "0"));
            !name.is_empty()
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte))
                && port.parse::<u16>().is_ok()
        });
        let tag_is_good = tag.len() <= 128
            && tag.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
            && tag.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '_');
        let repository_is_good = repository.len() <= 200 && repository.split('/').all(is_component);
        if !registry_is_good || !tag_is_good || !repository_is_good {
            return Err(error());
        }
        Ok(Self {
            registry: registry.filter(|registry| *registry != "docker.io").map(str::to_owned),
            repository: repository.to_owned(),
            tag: tag.to_owned(),
        })
    }
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*` (distribution-spec).
fn is_component(component: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = component.as_bytes();
    let separators = component.split(|character: char| u8::try_from(character).is_ok_and(is_word));
    bytes.first().copied().is_some_and(is_word)
        && bytes.last().copied().is_some_and(is_word)
        && separators.filter(|separator| !separator.is_empty()).all(|separator| {
            [".", "_", "__"].contains(&separator) || separator.bytes().all(|byte| byte == b'-')
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<(&str, &str)>) {
        let name = text.parse::<ImageName>().ok().map(|name| (name.to_string(), name.canonical()));
        let name = name.as_ref().map(|(name, canonical)| (name.as_str(), canonical.as_str()));
        assert_eq!(name, expected, "parsing `{text}`");
    }

    #[test]
    fn reads_names() {
        check("camera", Some(("camera:latest", "docker.io/library/camera:latest")));
        check("acme/camera:1.0", Some(("acme/camera:1.0", "docker.io/acme/camera:1.0")));
        check("docker.io/acme/camera", Some(("acme/camera:latest", "docker.io/acme/camera:latest")));
        check("localhost:5000/a/b:c", Some(("localhost:5000/a/b:c", "localhost:5000/a/b:c")));
        check("ghcr.io/a/b__c--d.e:x", Some(("ghcr.io/a/b__c--d.e:x", "ghcr.io/a/b__c--d.e:x")));
        for text in
            ["", "Camera", "a//b", "a/", "/a", "a:", "a:b:c", "a b", "-a", "a..b", "a:-x", "a@sha256:0", "é"]
        {
            check(text, None);
        }
    }
}
