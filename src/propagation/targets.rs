use std::fmt;
use std::str::FromStr;

use http::Uri;
use http::uri::{Authority, Scheme};
use memchr::memchr;

/// Where trace headers may go (rule TR-3): origins, each with a path if wanted. The query of a request
/// is never looked at.
///
/// ```
/// use throughline::propagation::Targets;
///
/// let targets = Targets::none()
///     .allow("https://api.example.com").unwrap()
///     .allow("https://*.internal.example.com/v2").unwrap();
/// assert!(targets.allow_uri(&"https://api.example.com/any?x=1".parse().unwrap()));
/// assert!(targets.allow_uri(&"https://a.internal.example.com/v2/users".parse().unwrap()));
/// assert!(!targets.allow_uri(&"https://evil.example/?https://api.example.com".parse().unwrap()));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Targets {
    all: bool,
    list: Vec<Target>,
}

impl Targets {
    /// Every target: the default, as in Sentry's libraries.
    #[must_use]
    pub fn all() -> Self {
        Self { all: true, list: Vec::new() }
    }

    /// No target, to be added to.
    #[must_use]
    pub fn none() -> Self {
        Self { all: false, list: Vec::new() }
    }

    /// Adds a target, such as `https://api.example.com`, `http://localhost:8080` or
    /// `https://*.example.com/v2`. The port is the scheme's if none is named; a path stands for itself
    /// and everything below it.
    ///
    /// # Errors
    /// If it is not a scheme, a host and possibly a port and a path.
    pub fn allow(mut self, target: &str) -> Result<Self, TargetError> {
        self.list.push(target.parse()?);
        Ok(self)
    }

    /// Whether a request to this address may have trace headers. Never, if the address holds
    /// credentials; and without a host only if every target may.
    #[must_use]
    pub fn allow_uri(&self, uri: &Uri) -> bool {
        let credentials = |authority: &Authority| memchr(b'@', authority.as_str().as_bytes());
        let has_credentials = uri.authority().and_then(credentials).is_some();
        !has_credentials && (self.all || self.list.iter().any(|target| target.has(uri)))
    }
}

impl Default for Targets {
    fn default() -> Self {
        Self::all()
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Target {
    scheme: String,
    /// Lower case; of `*.example.com`, what follows the asterisk.
    host: String,
    any_subdomain: bool,
    port: Option<u16>,
    /// Without a slash at its end.
    path: String,
}

impl Target {
    fn has(&self, uri: &Uri) -> bool {
        let (Some(scheme), Some(host)) = (uri.scheme(), uri.host()) else { return false };
        self.scheme == scheme.as_str()
            && self.has_host(host)
            && self.port == port_of(uri)
            && self.has_path(uri.path())
    }

    fn has_host(&self, host: &str) -> bool {
        let host = host.strip_suffix('.').unwrap_or(host);
        if !self.any_subdomain {
            return host.eq_ignore_ascii_case(&self.host);
        }
        let start = host.len().checked_sub(self.host.len());
        start.is_some_and(|start| {
            start > 0 && host.get(start..).is_some_and(|end| end.eq_ignore_ascii_case(&self.host))
        })
    }

    fn has_path(&self, path: &str) -> bool {
        if self.path.is_empty() {
            return true;
        }
        let rest = path.strip_prefix(self.path.as_str());
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/')) && !may_step_back(path)
    }
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(target: &str) -> Result<Self, TargetError> {
        // An asterisk is no part of a host, so it stands aside while the rest is read.
        let (any_subdomain, plain) = match target.split_once("://*.") {
            Some((scheme, rest)) => (true, format!("{scheme}://{rest}")),
            None => (false, target.to_owned()),
        };
        let uri: Uri = plain.parse().map_err(|_| TargetError(()))?;
        let authority = uri.authority().ok_or(TargetError(()))?;
        let text = authority.as_str();
        if text.contains('@')
            || text.ends_with(':')
            || uri.query().is_some()
            || plain.contains(['*', '#'])
        {
            return Err(TargetError(()));
        }
        let host = authority.host().to_ascii_lowercase();
        let host = host.strip_suffix('.').unwrap_or(&host);
        if host.is_empty() || may_step_back(uri.path()) {
            return Err(TargetError(()));
        }
        Ok(Self {
            scheme: uri.scheme_str().ok_or(TargetError(()))?.to_owned(),
            host: if any_subdomain { format!(".{host}") } else { host.to_owned() },
            any_subdomain,
            port: port_of(&uri),
            path: uri.path().trim_end_matches('/').to_owned(),
        })
    }
}

/// A path that steps back could lead anywhere, whatever it begins with.
fn may_step_back(path: &str) -> bool {
    let steps = |segment: &str| STEPS.iter().any(|step| segment.eq_ignore_ascii_case(step));
    // A second decoding, or a server that cuts at a semicolon, may find a step in these.
    let hides = |three: &[u8]| HIDING.iter().any(|hidden| three.eq_ignore_ascii_case(hidden));
    path.contains([';', '\\'])
        || path.split('/').any(steps)
        || path.as_bytes().windows(3).any(hides)
}

/// The port that is named, or else the scheme's.
fn port_of(uri: &Uri) -> Option<u16> {
    uri.port_u16().or_else(|| match uri.scheme() {
        Some(scheme) if *scheme == Scheme::HTTP => Some(80),
        Some(scheme) if *scheme == Scheme::HTTPS => Some(443),
        _ => match uri.scheme_str() {
            Some("ws") => Some(80),
            Some("wss") => Some(443),
            _ => None,
        },
    })
}

/// `.` and `..`, in whichever way they are encoded.
const STEPS: [&str; 6] = [".", "..", "%2e", ".%2e", "%2e.", "%2e%2e"];

/// An encoded slash, backslash and percent sign.
const HIDING: [&[u8]; 3] = [b"%2f", b"%5c", b"%25"];

/// A text that is no target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetError(());

impl fmt::Display for TargetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a target is a scheme, a host and possibly a port and a path (TR-3)")
    }
}

impl std::error::Error for TargetError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(target: &str, uri: &str) -> bool {
        Targets::none().allow(target).unwrap().allow_uri(&uri.parse().unwrap())
    }

    #[test]
    fn tr_3_origin_and_path_decide() {
        for (target, uri, allowed) in [
            ("https://a.example", "https://a.example/x", true),
            ("https://a.example", "https://A.EXAMPLE:443/x", true),
            ("https://a.example", "https://a.example./x", true),
            ("https://a.example", "http://a.example/x", false),
            ("https://a.example", "https://a.example:8443/x", false),
            ("https://a.example:8443", "https://a.example:8443/x", true),
            ("https://a.example", "https://a.example.evil/x", false),
            ("https://a.example", "https://evil/?https://a.example", false),
            ("https://a.example", "https://evil/https://a.example", false),
            ("https://a.example/v1", "https://a.example/v1", true),
            ("https://a.example/v1/", "https://a.example/v1/users?x", true),
            ("https://a.example/v1", "https://a.example/v10", false),
            ("https://a.example/v1", "https://a.example/v1/../admin", false),
            ("https://a.example/v1", "https://a.example/v1/%2E%2e/admin", false),
            ("https://a.example/v1", "https://a.example/v1/x%2F..%2f..%2fadmin", false),
            ("https://a.example/v1", "https://a.example/v1/%252e%252e/admin", false),
            ("https://a.example/v1", "https://a.example/v1/..;/admin", false),
            ("https://*.a.example", "https://b.a.example/", true),
            ("https://*.a.example", "https://c.b.a.example/", true),
            ("https://*.a.example", "https://a.example/", false),
            ("https://*.a.example", "https://evila.example/", false),
            ("ws://a.example", "ws://a.example:80/ws", true),
            ("https://xn--mller-kva.example", "https://xn--mller-kva.example/", true),
            ("http://[::1]:80", "http://[::1]/", true),
        ] {
            assert_eq!(allows(target, uri), allowed, "{target} {uri}");
        }
    }

    #[test]
    fn tr_3_an_origin_is_the_same_however_it_is_written() {
        for (target, uri, allowed) in [
            ("http://a.example", "http://a.example:80/", true),
            ("http://a.example:443", "https://a.example/", false),
            ("https://a.example:80", "http://a.example/", false),
            ("https://a.example:0", "https://a.example/", false),
            ("https://a.example", "https://a.example:/", true),
            ("https://a.example.", "https://a.example/", true),
            ("https://a.example", "https://a.example../", false),
            ("https://*.a.example.", "https://b.a.example/", true),
            ("https://*.a.example", "https://b.A.Example./", true),
            ("https://*.a.example", "https://.a.example/", false),
            ("https://*.a.example", "https://b.a.example:8443/", false),
            ("https://*.a.example:8443", "https://b.a.example:8443/", true),
            ("https://A.Example", "https://a.example/", true),
            ("HTTPS://a.example", "https://a.example/", true),
            ("https://XN--MLLER-KVA.example", "https://xn--mller-kva.EXAMPLE/", true),
            ("https://xn--mller-kva.example", "https://muller.example/", false),
            ("https://[2001:DB8::1]", "https://[2001:db8::1]:443/", true),
            ("http://[::1]:8080", "http://[::1]/", false),
            // Another spelling of the same number is denied: better no trace than a wrong target.
            ("http://[::1]", "http://[0:0:0:0:0:0:0:1]/", false),
            ("http://127.0.0.1", "http://127.1/", false),
            ("http://127.0.0.1", "http://127.0.0.1.evil.example/", false),
        ] {
            assert_eq!(allows(target, uri), allowed, "{target} {uri}");
        }
    }

    #[test]
    fn tr_3_a_path_is_taken_as_it_is_written() {
        let allows =
            |path: &str| allows("https://a.example/v1", &format!("https://a.example{path}"));
        for path in ["/v1", "/v1/", "/v1?x=/../", "/v1/a.b", "/v1/...", "/v1//users", "/v1/%20"] {
            assert!(allows(path), "{path}");
        }
        for path in [
            "",
            "/",
            "//v1",
            "/V1",
            "/%761",
            "/v1%2f",
            "/v1.",
            "/v1/.",
            "/v1/..",
            "/v1//../admin",
            "/v1/.%2E/admin",
            "/v1/%2e%2E",
            "/v1/%5c..%5cadmin",
            "/v1/%25",
            "/admin?/v1",
        ] {
            assert!(!allows(path), "{path}");
        }
    }

    #[test]
    fn tr_3_hosts_that_are_not_listed_are_denied() {
        let targets = ["https://a.example", "http://localhost:8080/api", "https://*.b.example"];
        let targets = targets.iter().try_fold(Targets::none(), |all, target| all.allow(target));
        let targets = targets.unwrap();
        for (uri, allowed) in [
            ("https://a.example/", true),
            ("http://localhost:8080/api/x", true),
            ("https://x.b.example/", true),
            ("https://c.example/", false),
            ("https://c.example/?u=https://a.example/", false),
            ("https://c.example/a.example", false),
            ("https://a.example.c.example/", false),
            ("http://localhost:8080/", false),
            ("a.example:443", false),
        ] {
            assert_eq!(targets.allow_uri(&uri.parse().unwrap()), allowed, "{uri}");
        }
    }

    #[test]
    fn xn_is_the_only_spelling_of_a_name_that_is_not_ascii() {
        assert!(Targets::none().allow("https://m\u{fc}ller.example").is_err());
        assert!("https://m\u{fc}ller.example/".parse::<Uri>().is_err(), "no request has it either");
    }

    #[test]
    fn tr_3_credentials_get_no_trace_headers_anywhere() {
        let uri: Uri = "https://user:pass@a.example/".parse().unwrap();
        assert!(!Targets::all().allow_uri(&uri));
        assert!(!allows("https://a.example", "https://a.example@a.example/"));
        assert!(!allows("https://a.example", "https://a.example@evil/"));
    }

    #[test]
    fn an_address_without_host_is_a_target_only_if_all_are() {
        let uri: Uri = "/path".parse().unwrap();
        assert!(Targets::all().allow_uri(&uri));
        assert!(!Targets::none().allow("https://a.example").unwrap().allow_uri(&uri));
    }

    #[test]
    fn what_is_no_target_is_refused() {
        for bad in [
            "",
            "a.example",
            "/v1",
            "https://",
            "https://a.example:",
            "https://u@a.example",
            "https://a?x",
            "https://*",
            "https://a.*.example",
            "*",
            "https://a b",
            "https://.",
            "https://*.",
            "https://a.example/v1/..",
            "https://a.example/%2e%2e/v1",
            "https://a.example/v1;x",
        ] {
            assert!(Targets::none().allow(bad).is_err(), "{bad}");
        }
    }
}
