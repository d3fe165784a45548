//! Lists of Debian packages (`Packages`, deb822(5)): bytes in, the packages that were asked for out. Fetches nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read};

use cuferry_digest::Digest;

/// The most memory that xz may ask for, in bytes: its highest level takes 65 MiB.
const XZ_MEMORY: u64 = 128 << 20;
/// The largest list known has 50 MB.
const LARGEST: u64 = 1 << 30;
/// The longest line known has 30 kB.
const LONGEST_LINE: u64 = 4 << 20;

/// What a list says of a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) version: String,
    /// The archive's path below the mirror.
    pub(crate) file: String,
    /// In bytes.
    pub(crate) size: u64,
    pub(crate) sha256: Digest,
}

/// Those of `wanted` that a list compressed by xz holds. Of two versions the later entry counts.
pub(crate) fn parse_xz(bytes: &[u8], wanted: &BTreeSet<&str>) -> Result<BTreeMap<String, Listed>, String> {
    let stream = liblzma::stream::Stream::new_stream_decoder(XZ_MEMORY, liblzma::stream::CONCATENATED);
    let stream = stream.map_err(|error| error.to_string())?;
    parse(liblzma::bufread::XzDecoder::new_stream(bytes, stream), wanted)
}

fn parse(list: impl Read, wanted: &BTreeSet<&str>) -> Result<BTreeMap<String, Listed>, String> {
    let mut list = BufReader::new(list.take(LARGEST));
    let mut found = BTreeMap::new();
    let mut stanza = BTreeMap::new();
    loop {
        let mut line = Vec::new();
        let count = list.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line);
        let is_end = count.map_err(|error| error.to_string())? == 0;
        let line = String::from_utf8_lossy(&line);
        let line = line.trim_end();
        if line.is_empty() {
            found.extend(listed(&std::mem::take(&mut stanza), wanted)?);
            if is_end {
                return Ok(found);
            }
        } else if let Some((key, value)) = line.split_once(':')
            && matches!(key, "Package" | "Version" | "Filename" | "Size" | "SHA256")
        {
            stanza.insert(key.to_owned(), value.trim().to_owned());
        }
    }
}

fn listed(
    stanza: &BTreeMap<String, String>,
    wanted: &BTreeSet<&str>,
) -> Result<Option<(String, Listed)>, String> {
    let Some(name) = stanza.get("Package").filter(|name| wanted.contains(name.as_str())) else {
        return Ok(None);
    };
    let field = |key: &str| {
        let value = stanza.get(key).filter(|value| !value.is_empty());
        value.ok_or_else(|| format!("`{name}` has no field `{key}`"))
    };
    let bad = |key: &str| format!("`{name}` has a field `{key}` that is no {key}");
    let listed = Listed {
        version: field("Version")?.clone(),
        file: field("Filename")?.clone(),
        size: field("Size")?.parse().map_err(|_| bad("Size"))?,
        sha256: field("SHA256")?.parse().map_err(|_| bad("SHA256"))?,
    };
    Ok(Some((name.clone(), listed)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIST: &str = "\
Package: libcublas11
Version: 11.11.3.6~11.8.0-5~deb12u1
Depends: libc6 (>= 2.34),
 libgcc-s1
Filename: pool/non-free/n/x/libcublas11_1_amd64.deb
Size: 44488716
SHA256: ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad
Description: a library
 Version: 7

Package: other
Size: none

";

    fn parsed(text: &str, wanted: &[&str]) -> Result<Vec<String>, String> {
        let found = parse(text.as_bytes(), &wanted.iter().copied().collect())?;
        let line = |(name, listed): (String, Listed)| {
            format!("{name} {} {} {}", listed.version, listed.file, listed.size)
        };
        Ok(found.into_iter().map(line).collect())
    }

    #[test]
    fn reads_what_was_asked_for() {
        assert_eq!(
            parsed(LIST, &["libcublas11", "missing"]).unwrap(),
            ["libcublas11 11.11.3.6~11.8.0-5~deb12u1 pool/non-free/n/x/libcublas11_1_amd64.deb 44488716"]
        );
        // The last stanza may lack the empty line.
        assert_eq!(parsed(LIST.split_once("\n\n").unwrap().0, &["libcublas11"]).unwrap().len(), 1);
    }

    #[test]
    fn half_a_package_is_an_error() {
        assert_eq!(parsed(LIST, &["other"]).unwrap_err(), "`other` has no field `Version`");
        let text = LIST.replace("44488716", "many");
        assert_eq!(
            parsed(&text, &["libcublas11"]).unwrap_err(),
            "`libcublas11` has a field `Size` that is no Size"
        );
    }

    proptest! {
        #[test]
        fn no_list_makes_it_panic(text in "(Package: a\n|Version: |Size: 1|SHA256:|\n|\\PC){0,40}") {
            _ = parsed(&text, &["a"]);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            _ = parse_xz(&bytes, &BTreeSet::new());
        }
    }
}
