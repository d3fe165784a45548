//! Pages of a package index: JSON (PEP 691) or HTML (PEP 503), as the server likes.
//!
//! Text in, files out; fetches nothing.

use cuferry_digest::Digest;
use serde::Deserialize;
use url::Url;

/// What to ask a server for: JSON if it can.
pub(crate) const ACCEPT: &str =
    "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1";

/// A file that an index offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct IndexFile {
    /// Its name.
    pub(crate) name: String,
    /// Where it is.
    pub(crate) url: Url,
    /// Its digest, where the index states one.
    pub(crate) sha256: Option<Digest>,
    /// Whether its publisher has withdrawn it (PEP 592).
    pub(crate) yanked: bool,
}

/// Reads a page that was found at `base`. Files with addresses that are none are left out.
pub(crate) fn parse(base: &Url, content_type: &str, text: &str) -> Result<Vec<IndexFile>, String> {
    let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match kind.as_str() {
        "application/json" | "application/vnd.pypi.simple.v1+json" => parse_json(base, text),
        "" | "text/html" | "application/xhtml+xml" | "application/vnd.pypi.simple.v1+html" => {
            Ok(parse_html(base, text))
        }
        other => Err(format!("it is `{other}`")),
    }
}

#[derive(Deserialize)]
struct JsonPage {
    files: Vec<JsonFile>,
}

#[derive(Deserialize)]
struct JsonFile {
    filename: String,
    url: String,
    #[serde(default)]
    hashes: JsonHashes,
    /// `false`, or `true`, or the reason.
    #[serde(default)]
    yanked: serde_json::Value,
}

#[derive(Default, Deserialize)]
struct JsonHashes {
    sha256: Option<String>,
}

fn parse_json(base: &Url, text: &str) -> Result<Vec<IndexFile>, String> {
    let page: JsonPage = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let files = page.files.into_iter().filter_map(|file| {
        Some(IndexFile {
            name: file.filename,
            url: base.join(&file.url).ok()?,
            sha256: file.hashes.sha256.and_then(|text| text.parse().ok()),
            yanked: !matches!(file.yanked, serde_json::Value::Null | serde_json::Value::Bool(false)),
        })
    });
    Ok(files.collect())
}

/// Every `<a href>` whose address ends in a file name; the digest is the address's fragment.
fn parse_html(base: &Url, text: &str) -> Vec<IndexFile> {
    let mut files = Vec::new();
    let mut rest = text;
    while let Some(open) = rest.find('<') {
        rest = &rest[open + 1..];
        if let Some(comment) = rest.strip_prefix("!--") {
            rest = comment.find("-->").map_or("", |end| &comment[end + 3..]);
            continue;
        }
        let Some(inner) =
            rest.strip_prefix(['a', 'A']).filter(|inner| inner.starts_with(char::is_whitespace))
        else {
            continue;
        };
        let (attributes, after) = attributes(inner);
        rest = after;
        let value = |name: &str| attributes.iter().find(|(own, _)| own == name).map(|(_, value)| value);
        let Some(url) = value("href").and_then(|href| base.join(href).ok()) else { continue };
        let Some(name) = url.path_segments().and_then(|mut segments| segments.next_back()) else { continue };
        if name.is_empty() {
            continue;
        }
        let sha256 = url.fragment().and_then(|fragment| fragment.strip_prefix("sha256=")?.parse().ok());
        let (name, yanked) = (name.to_owned(), value("data-yanked").is_some());
        let mut url = url;
        url.set_fragment(None);
        files.push(IndexFile { name, url, sha256, yanked });
    }
    files
}

/// The attributes up to `>`, names in lower case and values decoded, and what follows.
fn attributes(mut text: &str) -> (Vec<(String, String)>, &str) {
    let mut attributes = Vec::new();
    loop {
        text = text.trim_start_matches(|letter: char| letter.is_whitespace() || letter == '/');
        if text.is_empty() {
            return (attributes, "");
        }
        if let Some(after) = text.strip_prefix('>') {
            return (attributes, after);
        }
        let end =
            text.find(|letter: char| letter.is_whitespace() || "=>".contains(letter)).unwrap_or(text.len());
        let name = text[..end].to_ascii_lowercase();
        text = text[end..].trim_start();
        let mut value = "";
        if let Some(after) = text.strip_prefix('=') {
            let after = after.trim_start();
            let quote = after.chars().next().filter(|first| "\"'".contains(*first));
            (value, text) = match quote {
                Some(quote) => after[1..].split_once(quote).unwrap_or((&after[1..], "")),
                None => after.split_at(
                    after.find(|letter: char| letter.is_whitespace() || letter == '>').unwrap_or(after.len()),
                ),
            };
        }
        attributes.push((name, unescape(value)));
    }
}

/// The entities that stand in addresses; `&amp;` last, so that `&amp;lt;` stays `&lt;`.
fn unescape(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&#39;", "'")
        .replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SHA256: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    fn base() -> Url {
        Url::parse("https://index.example/simple/six/").unwrap()
    }

    /// Each file as `name url digest? yanked?`.
    #[track_caller]
    fn check(content_type: &str, text: &str, expected: &[&str]) {
        let files = parse(&base(), content_type, text).unwrap();
        let shown: Vec<String> = files
            .iter()
            .map(|file| {
                let digest = file.sha256.map(|digest| format!(" {}", digest.short())).unwrap_or_default();
                format!("{} {}{digest}{}", file.name, file.url, if file.yanked { " yanked" } else { "" })
            })
            .collect();
        assert_eq!(shown, expected, "in `{text}`");
    }

    #[test]
    fn reads_html() {
        let page =
            |anchor: &str| format!("<!DOCTYPE html><html><head><base></head><body>\n{anchor}six</a><br/>");
        check(
            "text/html",
            &page(&format!("<a href=\"../../f/six.whl#sha256={SHA256}\" data-requires-python=\"&gt;=3\">")),
            &["six.whl https://index.example/f/six.whl ba7816bf8f01"],
        );
        check(
            "text/html; charset=utf-8",
            &page("<A\n rel=x HREF = 'https://o.example/a%2Bb.whl?x=1&amp;y=2'>"),
            &["a%2Bb.whl https://o.example/a%2Bb.whl?x=1&y=2"],
        );
        check(
            "",
            &page("<a href=/six.whl data-yanked=\"\">"),
            &["six.whl https://index.example/six.whl yanked"],
        );
        check(
            "text/html",
            &page(
                "<!-- <a href=\"x.whl\"> --><abbr href=\"y.whl\"><a href=\"folder/\"><a href=\"z.whl#md5=1\"",
            ),
            &["z.whl https://index.example/simple/six/z.whl"],
        );
    }

    #[test]
    fn reads_json() {
        let page = format!(
            r#"{{"meta": {{"api-version": "1.1"}}, "name": "six", "files": [
                {{"filename": "six.whl", "url": "/f/six.whl", "hashes": {{"sha256": "{SHA256}"}}, "size": 3, "yanked": false}},
                {{"filename": "old.whl", "url": "https://o.example/old.whl", "hashes": {{}}, "yanked": "bad"}}]}}"#
        );
        check(
            "application/vnd.pypi.simple.v1+json",
            &page,
            &[
                "six.whl https://index.example/f/six.whl ba7816bf8f01",
                "old.whl https://o.example/old.whl yanked",
            ],
        );
    }

    #[test]
    fn refuses_what_is_neither() {
        assert_eq!(parse(&base(), "image/png", "").unwrap_err(), "it is `image/png`");
        assert!(parse(&base(), "application/json", "{}").unwrap_err().contains("missing field `files`"));
    }

    proptest! {
        #[test]
        fn no_page_makes_it_panic(text in "(\\PC|<a |href=|\"|'|>|<!--|-->|#sha256=){0,60}") {
            _ = parse(&base(), "text/html", &text);
            _ = parse(&base(), "application/json", &text);
        }
    }
}
