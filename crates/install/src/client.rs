//! Talks to a package index or a Debian mirror: certificates, proxies, credentials, retries.

use std::fmt;
use std::fs;
use std::io::Read;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use camino::Utf8Path;
use cuferry_toolchain::package::Source;
use ureq::http::{Response, StatusCode};
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Body, Proxy, ResponseExt};
use url::Url;

use crate::error::{At, InstallError, Server};
use crate::index::{self, IndexFile};
use crate::options::{Options, Progress, Report};

/// In all, the first included.
const ATTEMPTS: u32 = 4;
/// No page of an index comes near.
const LARGEST_PAGE: u64 = 64 << 20;
/// A server that asks for more patience than this is as good as down.
const LONGEST_WAIT: Duration = Duration::from_mins(1);

/// A connection to one server.
pub(crate) struct Client<'a> {
    server: Server,
    http: Agent,
    https: Agent,
    /// Without credentials, with a slash at its end.
    index: Url,
    /// For the index's own server alone.
    authorization: Option<String>,
    backoff: Duration,
    stopped: AtomicBool,
    report: &'a Report<'a>,
}

/// Why one attempt failed.
pub(crate) enum Failure {
    /// Worth another attempt, perhaps after a time that the server names.
    Passing { cause: String, wait: Option<Duration> },
    /// Would fail again.
    Lasting(InstallError),
}

impl From<InstallError> for Failure {
    fn from(error: InstallError) -> Self {
        Self::Lasting(error)
    }
}

impl<'a> Client<'a> {
    /// For the source's servers in their order, or the one that the options put in their place.
    pub(crate) fn of(
        source: &Source,
        options: &Options,
        report: &'a Report<'a>,
    ) -> Result<Vec<Self>, InstallError> {
        let (server, urls, instead) = match source {
            Source::Index(url) => (Server::Index, std::slice::from_ref(url), &options.index_url),
            Source::Mirror { urls, .. } => (Server::Mirror, urls.as_slice(), &options.mirror_url),
        };
        let urls = instead.as_ref().map_or(urls, std::slice::from_ref);
        urls.iter().map(|url| Self::new(server, url, options, report)).collect()
    }

    fn new(
        server: Server,
        url: &str,
        options: &Options,
        report: &'a Report<'a>,
    ) -> Result<Self, InstallError> {
        let (index, authorization) = server_url(server, url)?;
        let roots = match &options.ca_file {
            Some(path) => certificates(path)?,
            None => RootCerts::PlatformVerifier,
        };
        let agent = |what, proxy: Option<&String>| {
            let proxy = proxy.map(|text| proxy_from(what, text, options.no_proxy.as_deref())).transpose()?;
            let config = Agent::config_builder()
                .tls_config(TlsConfig::builder().root_certs(roots.clone()).build())
                .proxy(proxy)
                .http_status_as_error(false)
                .user_agent(concat!("cuferry/", env!("CARGO_PKG_VERSION")))
                .timeout_connect(Some(options.stall))
                .timeout_recv_response(Some(options.stall))
                .timeout_per_read(Some(options.stall));
            Ok::<_, InstallError>(config.build().new_agent())
        };
        Ok(Self {
            server,
            http: agent("HTTP proxy", options.http_proxy.as_ref())?,
            https: agent("HTTPS proxy", options.https_proxy.as_ref())?,
            index,
            authorization,
            backoff: options.backoff,
            stopped: AtomicBool::new(false),
            report,
        })
    }

    /// The index, without credentials.
    pub(crate) fn index(&self) -> &str {
        self.index.as_str().trim_end_matches('/')
    }

    /// The address of a file below the server's own.
    pub(crate) fn file_url(&self, path: &str) -> Url {
        self.index.join(path).unwrap_or_else(|_| self.index.clone())
    }

    /// The address of a package's page.
    pub(crate) fn page_url(&self, package: &str) -> Url {
        self.index.join(&format!("{package}/")).unwrap_or_else(|_| self.index.clone())
    }

    /// All files of a package.
    pub(crate) fn page(&self, package: &str) -> Result<Vec<IndexFile>, InstallError> {
        (self.report)(Progress::Resolving { package });
        let url = self.page_url(package);
        self.retry(&url, || {
            let response = self.get(&url, &[("accept", index::ACCEPT)])?;
            let base = Url::parse(&response.get_uri().to_string()).unwrap_or_else(|_| url.clone());
            let content_type = header(&response, "content-type").unwrap_or_default().to_owned();
            let mut text = String::new();
            let mut body = response.into_body().into_reader().take(LARGEST_PAGE);
            body.read_to_string(&mut text).map_err(|error| passing(&error))?;
            let not_an_index = |problem| InstallError::NotAnIndex { url: url.to_string(), problem };
            Ok(index::parse(&base, &content_type, &text).map_err(not_an_index)?)
        })
    }

    /// One request, which succeeds with status 200 or 206.
    pub(crate) fn get(&self, url: &Url, headers: &[(&str, &str)]) -> Result<Response<Body>, Failure> {
        let agent = match url.scheme() {
            "https" => &self.https,
            "http" => &self.http,
            scheme => {
                let problem = format!("`{scheme}:` is neither `http:` nor `https:`");
                return Err(Failure::Lasting(InstallError::BadUrl {
                    server: Some(self.server),
                    what: self.server.name(),
                    problem,
                }));
            }
        };
        let mut request = agent.get(url.as_str());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(authorization) =
            self.authorization.as_ref().filter(|_| url.origin() == self.index.origin())
        {
            request = request.header("authorization", authorization);
        }
        let response = request.call().map_err(|error| passing(&error))?;
        let status = response.status();
        if status == StatusCode::OK || status == StatusCode::PARTIAL_CONTENT {
            return Ok(response);
        }
        if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() {
            let wait = header(&response, "retry-after").and_then(|text| text.trim().parse().ok());
            let cause = format!("the server answers with status {}", status.as_u16());
            return Err(Failure::Passing { cause, wait: wait.map(Duration::from_secs) });
        }
        let (server, url, status) = (self.server, url.to_string(), status.as_u16());
        Err(Failure::Lasting(InstallError::Status { server, url, status }))
    }

    /// Attempts until one succeeds, fails for good, or there were enough.
    pub(crate) fn retry<T>(
        &self,
        url: &Url,
        mut attempt: impl FnMut() -> Result<T, Failure>,
    ) -> Result<T, InstallError> {
        let mut backoff = self.backoff;
        for attempts in 1.. {
            let (cause, wait) = match attempt() {
                Ok(value) => return Ok(value),
                Err(Failure::Lasting(error)) => return Err(error),
                Err(Failure::Passing { cause, wait }) => (cause, wait),
            };
            if attempts == ATTEMPTS || self.is_stopped() || wait.is_some_and(|wait| wait > LONGEST_WAIT) {
                return Err(InstallError::Network {
                    server: self.server,
                    url: url.to_string(),
                    attempts,
                    cause,
                });
            }
            let wait = wait.unwrap_or(backoff).max(backoff);
            (self.report)(Progress::Retrying { url: url.as_str(), cause: &cause, wait });
            thread::sleep(wait);
            backoff *= 2;
        }
        unreachable!("the loop ends by returning")
    }

    /// Lets the transfers on other threads end soon: one has failed, so the rest is in vain.
    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    pub(crate) fn report(&self, progress: Progress<'_>) {
        (self.report)(progress);
    }
}

/// Any error on the way to an answer or within it: timeouts, broken connections, names that don't resolve.
pub(crate) fn passing(error: &dyn fmt::Display) -> Failure {
    Failure::Passing { cause: error.to_string(), wait: None }
}

pub(crate) fn header<'a>(response: &'a Response<Body>, name: &str) -> Option<&'a str> {
    response.headers().get(name)?.to_str().ok()
}

/// The address without its credentials and with a slash at its end, and the credentials as a header's value.
fn server_url(server: Server, text: &str) -> Result<(Url, Option<String>), InstallError> {
    let bad = |problem: String| InstallError::BadUrl { server: Some(server), what: server.name(), problem };
    let mut url = Url::parse(text.trim()).map_err(|error| bad(error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(bad(format!("`{}:` is neither `http:` nor `https:`", url.scheme())));
    }
    let decode = |text: &str| percent_decode(text);
    let authorization = (!url.username().is_empty() || url.password().is_some()).then(|| {
        let mut pair = decode(url.username());
        pair.push(b':');
        pair.extend(decode(url.password().unwrap_or_default()));
        format!("Basic {}", STANDARD.encode(pair))
    });
    url.set_username("")
        .and_then(|()| url.set_password(None))
        .map_err(|()| bad("it has no host".to_owned()))?;
    url.set_query(None);
    url.set_fragment(None);
    if !url.path().ends_with('/') {
        url.set_path(&format!("{}/", url.path()));
    }
    Ok((url, authorization))
}

/// `%40` is `@`; anything that is no such escape stays as it is.
fn percent_decode(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let escape =
            after.get(..2).filter(|_| *first == b'%').and_then(|digits| std::str::from_utf8(digits).ok());
        let digits = escape.filter(|digits| !digits.starts_with('+'));
        if let Some(byte) = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            bytes.push(byte);
            rest = &after[2..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    bytes
}

fn certificates(path: &Utf8Path) -> Result<RootCerts, InstallError> {
    let pem = fs::read(path).at("read", path)?;
    let certificates: Vec<_> = parse_pem(&pem)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    if certificates.is_empty() {
        return Err(InstallError::NoCertificates { path: path.to_owned() });
    }
    Ok(certificates.into())
}

fn proxy_from(what: &'static str, text: &str, no_proxy: Option<&str>) -> Result<Proxy, InstallError> {
    let bad =
        |error: &dyn fmt::Display| InstallError::BadUrl { server: None, what, problem: error.to_string() };
    let plain = Proxy::new(text.trim()).map_err(|error| bad(&error))?;
    let mut builder = Proxy::builder(plain.protocol()).host(plain.host()).port(plain.port());
    if let Some(username) = plain.username() {
        builder = builder.username(username);
    }
    if let Some(password) = plain.password() {
        builder = builder.password(password);
    }
    // As curl and pip read it: a name stands for itself and for all below it.
    for name in no_proxy.unwrap_or_default().split(',').map(str::trim).filter(|name| !name.is_empty()) {
        if name == "*" {
            builder = builder.no_proxy(name);
        } else {
            let name = name.trim_start_matches('*').trim_start_matches('.');
            let name =
                name.rsplit_once(':').filter(|(host, _)| !host.contains(':')).map_or(name, |(host, _)| host);
            builder = builder.no_proxy(name).no_proxy(&format!(".{name}"));
        }
    }
    builder.build().map_err(|error| bad(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_leave_the_address() {
        for (text, url, authorization) in [
            ("https://h/simple", "https://h/simple/", None),
            ("http://h:80/simple/?x=1#y", "http://h/simple/", None),
            ("https://me:a%40b@h/simple/", "https://h/simple/", Some("me:a@b")),
            ("https://token@h/", "https://h/", Some("token:")),
        ] {
            let (found, header) = server_url(Server::Index, text).unwrap();
            assert_eq!(
                (found.as_str(), header),
                (url, authorization.map(|pair| format!("Basic {}", STANDARD.encode(pair))))
            );
        }
        for text in ["", "simple", "file:///srv/simple", "ssh://me:secret@h/x"] {
            let error = server_url(Server::Index, text).unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn decodes_only_what_is_an_escape() {
        for (text, expected) in
            [("a%40b", "a@b"), ("100%", "100%"), ("%4", "%4"), ("%+1", "%+1"), ("%zz", "%zz")]
        {
            assert_eq!(percent_decode(text), expected.as_bytes(), "{text}");
        }
    }

    #[test]
    fn no_proxy_covers_names_below() {
        let proxy = proxy_from(
            "HTTP proxy",
            "http://me:pw@proxy:3128",
            Some("a.example, .b.example,*.c.example:8080"),
        )
        .unwrap();
        for (url, expected) in [
            ("http://a.example/", true),
            ("http://x.a.example/", true),
            ("http://xa.example/", false),
            ("http://b.example/", true),
            ("http://x.c.example/", true),
            ("http://d.example/", false),
        ] {
            assert_eq!(proxy.is_no_proxy(&url.parse().unwrap()), expected, "{url}");
        }
        assert_eq!((proxy.host(), proxy.port(), proxy.password()), ("proxy", 3128, Some("pw")));
    }
}
