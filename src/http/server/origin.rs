use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use ::http::{HeaderMap, HeaderName};

use crate::http::RequestView;
use crate::limits;

/// The address at the other end of a request's connection, as an extension of the request: for servers
/// on plain hyper. With axum, `ConnectInfo<SocketAddr>` serves as well (feature `axum`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PeerAddress(pub SocketAddr);

impl PeerAddress {
    pub(super) fn of(request: RequestView<'_>) -> Option<SocketAddr> {
        let extensions = request.extensions();
        #[cfg(feature = "axum")]
        if let Some(info) = extensions.get::<axum::extract::ConnectInfo<SocketAddr>>() {
            return Some(info.0);
        }
        extensions.get::<Self>().map(|peer| peer.0)
    }
}

/// Whose word about a request's origin is taken.
pub(super) type TrustedProxies = Arc<dyn Fn(IpAddr) -> bool + Send + Sync>;

/// Where a request comes from and what it was before its proxies, as far as trusted ones say so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Origin<'a> {
    pub(super) client: Option<IpAddr>,
    pub(super) scheme: Option<&'a str>,
    pub(super) host: Option<&'a str>,
}

impl<'a> Origin<'a> {
    pub(super) fn of(
        request: RequestView<'a>,
        peer: Option<SocketAddr>,
        trusted: Option<&TrustedProxies>,
    ) -> Self {
        let Some(peer) = peer.map(|peer| peer.ip().to_canonical()) else { return Self::default() };
        let nobody = Self { client: Some(peer), ..Self::default() };
        let Some(trusted) = trusted.filter(|trusted| trusted(peer)) else { return nobody };
        let headers = request.headers();
        let told = if headers.contains_key("forwarded") {
            from_forwarded(headers, &**trusted)
        } else {
            from_x_forwarded(headers, &**trusted)
        };
        Self { client: told.client.or(nobody.client), ..told }
    }
}

/// [RFC 7239](https://www.rfc-editor.org/rfc/rfc7239): every proxy appends an element, so they are
/// believed from the last to the first that a trusted proxy has written.
fn from_forwarded<'a>(headers: &'a HeaderMap, trusted: &dyn Fn(IpAddr) -> bool) -> Origin<'a> {
    let mut origin = Origin::default();
    for element in from_the_last(headers, FORWARDED) {
        let mut client = None;
        for (name, value) in outside_quotes(element, ';').filter_map(|pair| pair.split_once('=')) {
            let value = value.trim().trim_matches('"');
            match name.trim() {
                name if name.eq_ignore_ascii_case("for") => client = address(value),
                name if name.eq_ignore_ascii_case("proto") => origin.scheme = scheme(value),
                name if name.eq_ignore_ascii_case("host") => origin.host = Some(value),
                _ => {}
            }
        }
        // An unknown or hidden address is somebody who is not trusted.
        let Some(client) = client else { break };
        origin.client = Some(client);
        if !trusted(client) {
            break;
        }
    }
    origin
}

/// What came before it: addresses in a list of their own. Scheme and host are mostly written once, by
/// the first proxy.
fn from_x_forwarded<'a>(headers: &'a HeaderMap, trusted: &dyn Fn(IpAddr) -> bool) -> Origin<'a> {
    let mut origin = Origin {
        client: None,
        scheme: from_the_last(headers, X_FORWARDED_PROTO).next().and_then(scheme),
        host: from_the_last(headers, X_FORWARDED_HOST).next(),
    };
    for element in from_the_last(headers, X_FORWARDED_FOR) {
        let Some(client) = address(element) else { break };
        origin.client = Some(client);
        if !trusted(client) {
            break;
        }
    }
    origin
}

/// The elements of a list, the last one first.
fn from_the_last(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    let lines = headers.get_all(name).iter().rev().filter_map(|value| value.to_str().ok());
    lines
        .flat_map(|line| {
            let mut elements: Vec<_> = outside_quotes(line, ',').collect();
            elements.reverse();
            elements
        })
        .map(str::trim)
        .filter(|element| !element.is_empty())
        .take(limits::FORWARDED_HOPS)
}

fn outside_quotes(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    text.split(move |c| {
        quoted ^= c == '"';
        c == separator && !quoted
    })
}

/// An address, of which RFC 7239 and many proxies write the port too.
fn address(text: &str) -> Option<IpAddr> {
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    let address = text.parse().ok().or_else(with_port).or_else(bracketed)?;
    Some(IpAddr::to_canonical(&address))
}

fn scheme(text: &str) -> Option<&'static str> {
    ["http", "https"].into_iter().find(|known| text.eq_ignore_ascii_case(known))
}

const FORWARDED: HeaderName = HeaderName::from_static("forwarded");
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

#[cfg(test)]
mod tests {
    use ::http::Request;

    use super::*;

    fn origin(
        peer: &str,
        headers: &[(&str, &str)],
    ) -> (Option<String>, Option<String>, Option<String>) {
        let mut request = Request::builder();
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(()).unwrap();
        let trusted: TrustedProxies =
            Arc::new(|address| matches!(address, IpAddr::V4(v4) if v4.is_private()));
        let origin = Origin::of(
            RequestView::from(&request),
            Some(SocketAddr::new(peer.parse().unwrap(), 1)),
            Some(&trusted),
        );
        let text = |text: Option<&str>| text.map(str::to_owned);
        (origin.client.map(|c| c.to_string()), text(origin.scheme), text(origin.host))
    }

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn what_an_untrusted_peer_says_does_not_count() {
        let said = [
            ("forwarded", "for=1.1.1.1;proto=https;host=evil"),
            ("x-forwarded-for", "1.1.1.1"),
            ("x-forwarded-proto", "https"),
        ];
        assert_eq!(origin("8.8.8.8", &said), (some("8.8.8.8"), None, None));
    }

    #[test]
    fn trusted_proxies_are_believed_up_to_the_first_that_is_not() {
        let said = [
            ("forwarded", "for=6.6.6.6, for=\"[2001:db8::1]:4711\";proto=https;host=shop.example"),
            ("forwarded", "for=10.0.0.2;by=10.0.0.3"),
        ];
        assert_eq!(
            origin("10.0.0.1", &said),
            (some("2001:db8::1"), some("https"), some("shop.example"))
        );
        let said =
            [("x-forwarded-for", "6.6.6.6, 1.1.1.1, 10.0.0.2"), ("x-forwarded-proto", "HTTPS")];
        assert_eq!(origin("::ffff:10.0.0.1", &said), (some("1.1.1.1"), some("https"), None));
    }

    #[test]
    fn what_is_no_address_ends_the_chain() {
        for (said, client) in [
            ("unknown", "10.0.0.1"),
            ("1.1.1.1, _hidden, 10.0.0.2", "10.0.0.2"),
            ("", "10.0.0.1"),
            ("1.1.1.1:80", "1.1.1.1"),
            ("\"", "10.0.0.1"),
        ] {
            assert_eq!(origin("10.0.0.1", &[("x-forwarded-for", said)]).0, some(client), "{said}");
        }
        assert_eq!(
            origin("10.0.0.1", &[("forwarded", "for=1.1.1.1;proto=gopher;=;\"")]),
            (some("1.1.1.1"), None, None)
        );
    }
}
