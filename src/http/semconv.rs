//! Names and values of the stable
//! [semantic conventions for HTTP](https://opentelemetry.io/docs/specs/semconv/http/http-spans/).

use std::sync::Arc;

use ::http::header::HOST;
use ::http::{HeaderMap, HeaderValue, Method, Uri, Version};

use crate::{limits, otel};

pub(super) use crate::otel::{CANCELLED, ERROR_TYPE, PANIC, error_type};

pub(super) const CLIENT_ADDRESS: &str = "client.address";
pub(super) const HTTP_REQUEST_METHOD: &str = "http.request.method";
pub(super) const HTTP_REQUEST_RESEND_COUNT: &str = "http.request.resend_count";
pub(super) const HTTP_RESPONSE_STATUS_CODE: &str = "http.response.status_code";
pub(super) const HTTP_ROUTE: &str = "http.route";
pub(super) const NETWORK_PEER_ADDRESS: &str = "network.peer.address";
pub(super) const NETWORK_PEER_PORT: &str = "network.peer.port";
pub(super) const NETWORK_PROTOCOL_VERSION: &str = "network.protocol.version";
pub(super) const SERVER_ADDRESS: &str = "server.address";
pub(super) const SERVER_PORT: &str = "server.port";
pub(super) const URL_FULL: &str = "url.full";
pub(super) const URL_PATH: &str = "url.path";
pub(super) const URL_QUERY: &str = "url.query";
pub(super) const URL_SCHEME: &str = "url.scheme";
pub(super) const URL_TEMPLATE: &str = "url.template";
pub(super) const USER_AGENT_ORIGINAL: &str = "user_agent.original";

/// What stands in the place of a secret.
pub(super) const REDACTED: &str = "REDACTED";

/// The value for what has no name of low cardinality.
pub(super) const OTHER: &str = "_OTHER";

/// A request's method, as the conventions know it. Anybody can invent a method, and a name of a span
/// must not be anybody's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct KnownMethod(Option<&'static str>);

impl KnownMethod {
    pub(super) fn of(method: &Method) -> Self {
        Self(match *method {
            Method::CONNECT => Some("CONNECT"),
            Method::DELETE => Some("DELETE"),
            Method::GET => Some("GET"),
            Method::HEAD => Some("HEAD"),
            Method::OPTIONS => Some("OPTIONS"),
            Method::PATCH => Some("PATCH"),
            Method::POST => Some("POST"),
            Method::PUT => Some("PUT"),
            Method::TRACE => Some("TRACE"),
            _ => None,
        })
    }

    /// The value of `http.request.method`.
    pub(super) fn attribute(self) -> &'static str {
        self.0.unwrap_or(OTHER)
    }

    /// The name of a span whose route or template is not known.
    pub(super) fn span_name(self) -> &'static str {
        self.0.unwrap_or("HTTP")
    }

    /// The name of a span for that route or template.
    pub(super) fn span_name_for(self, target: &str) -> String {
        let method = self.span_name();
        let mut name = String::with_capacity(method.len() + " ".len() + target.len());
        name.push_str(method);
        name.push(' ');
        name.push_str(target);
        name
    }
}

/// The value of `network.protocol.version`.
pub(super) fn protocol_version(version: Version) -> Option<&'static str> {
    match version {
        Version::HTTP_09 => Some("0.9"),
        Version::HTTP_10 => Some("1.0"),
        Version::HTTP_11 => Some("1.1"),
        Version::HTTP_2 => Some("2"),
        Version::HTTP_3 => Some("3"),
        _ => None,
    }
}

/// The text that says whom a request is addressed to: its target's authority, or else its `host`
/// header.
pub(super) fn authority<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> Option<&'a [u8]> {
    match uri.authority() {
        Some(authority) => Some(authority.as_str().as_bytes()),
        None => headers.get(HOST).map(HeaderValue::as_bytes),
    }
}

/// Address and port of an authority, without credentials.
pub(super) fn server(authority: &str) -> Option<(Arc<str>, Option<u16>)> {
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let (address, port) = match host.strip_prefix('[') {
        Some(bracketed) => {
            let (address, rest) = bracketed.split_once(']')?;
            (address, rest.strip_prefix(':'))
        }
        None => match host.split_once(':') {
            Some((address, port)) => (address, Some(port)),
            None => (host, None),
        },
    };
    let port = port.filter(|port| port.bytes().all(|byte| byte.is_ascii_digit()));
    let port = port.and_then(|port| port.parse().ok());
    (!address.is_empty()).then(|| (Arc::from(bounded(address)), port))
}

/// The port that a scheme stands for.
pub(super) fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" | "ws" => Some(80),
        "https" | "wss" => Some(443),
        _ => None,
    }
}

/// The target without credentials, and with a placeholder for its query. `None` if it is not
/// absolute.
pub(super) fn url_full(uri: &Uri) -> Option<String> {
    let scheme = uri.scheme_str()?;
    let authority = uri.authority()?.as_str();
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let query = if uri.query().is_some() { "?REDACTED" } else { "" };
    // A sixth of what formatting costs.
    Some([scheme, "://", host, bounded(uri.path()), query].concat())
}

/// As much of a text as fits into an attribute.
pub(super) fn bounded(text: &str) -> &str {
    otel::bounded(text, limits::HTTP_ATTRIBUTE_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authority_is_split_into_address_and_port() {
        assert_eq!(server("host"), Some(("host".into(), None)));
        assert_eq!(server("host:8080"), Some(("host".into(), Some(8080))));
        assert_eq!(server("[::1]:80"), Some(("::1".into(), Some(80))));
        assert_eq!(server("[::1]"), Some(("::1".into(), None)));
        assert_eq!(server("user:secret@host:1"), Some(("host".into(), Some(1))));
    }

    #[test]
    fn a_bad_port_or_address_is_left_out() {
        for authority in ["host:", "host:+80", "host:65536", "host:x"] {
            assert_eq!(server(authority), Some(("host".into(), None)), "{authority}");
        }
        for authority in ["", ":80", "[", "[]:80", "a@"] {
            assert_eq!(server(authority), None, "{authority}");
        }
    }

    #[test]
    fn the_target_wins_over_the_host_header() {
        let headers = HeaderMap::from_iter([(HOST, "header:1".parse().unwrap())]);
        let relative: Uri = "/path".parse().unwrap();
        let absolute: Uri = "http://target/path".parse().unwrap();
        assert_eq!(authority(&relative, &headers), Some(&b"header:1"[..]));
        assert_eq!(authority(&absolute, &headers), Some(&b"target"[..]));
        assert_eq!(authority(&relative, &HeaderMap::new()), None);
    }

    #[test]
    fn a_full_url_shows_neither_credentials_nor_query() {
        let full = |uri: &str| url_full(&uri.parse().unwrap());
        assert_eq!(
            full("https://user:secret@host:8443/a/b?token=secret").as_deref(),
            Some("https://host:8443/a/b?REDACTED")
        );
        assert_eq!(full("http://host").as_deref(), Some("http://host/"));
        assert_eq!(full("/relative"), None);
    }

    #[test]
    fn an_unknown_method_has_no_name_of_its_own() {
        let known = KnownMethod::of(&Method::PATCH);
        assert_eq!((known.attribute(), known.span_name()), ("PATCH", "PATCH"));
        let unknown = KnownMethod::of(&"BREW".parse().unwrap());
        assert_eq!((unknown.attribute(), unknown.span_name()), ("_OTHER", "HTTP"));
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let long = "ä".repeat(limits::HTTP_ATTRIBUTE_BYTES);
        assert_eq!(bounded(&long).len(), limits::HTTP_ATTRIBUTE_BYTES);
        let shifted = format!("x{long}");
        assert_eq!(bounded(&shifted).len(), limits::HTTP_ATTRIBUTE_BYTES - 1);
        assert_eq!(bounded("short"), "short");
    }
}
