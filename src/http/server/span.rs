use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};

use ::http::HeaderValue;
use ::http::header::USER_AGENT;
use opentelemetry::KeyValue;

use super::origin::{Origin, PeerAddress, TrustedProxies};
use crate::http::RequestView;
use crate::http::captured::CapturedHeaders;
use crate::http::first_seen::FirstSeen;
use crate::http::grpc::Rpc;
use crate::http::hooks::Hooks;
use crate::http::query::Query;
use crate::http::routes::Routes;
use crate::http::semconv::{self, KnownMethod, bounded};
use crate::http::spans::Description;

/// What a server's spans say of their requests.
#[derive(Clone, Default)]
pub(super) struct Describing {
    pub(super) route: Option<Arc<Route>>,
    pub(super) trusted_proxies: Option<TrustedProxies>,
    pub(super) request_headers: CapturedHeaders,
    pub(super) query: Query,
    routes: Routes,
    first_server: FirstSeen<(Arc<str>, Option<u16>)>,
    first_agent: FirstSeen<Arc<str>>,
    first_peer: OnceLock<(IpAddr, Arc<str>)>,
}

pub(super) type Route = dyn for<'a> Fn(RequestView<'a>) -> Option<&'a str> + Send + Sync;

impl Describing {
    /// The pattern that the path was matched with, if a router stands outside of the layer.
    pub(super) fn route(&self, request: RequestView<'_>) -> Option<Arc<str>> {
        let route = match &self.route {
            Some(route) => route(request),
            None => matched_path(request),
        };
        route.map(|route| self.routes.shared(route))
    }

    /// Name and attributes of a span. Nothing secret is among them, unless somebody asks for it by
    /// name: no query, no credentials, no headers but the two that the conventions ask for.
    pub(super) fn describe(
        &self,
        request: RequestView<'_>,
        route: Option<Arc<str>>,
        rpc: Option<&Rpc>,
        hooks: &Hooks,
    ) -> Description {
        let peer = PeerAddress::of(request);
        let origin = Origin::of(request, peer, self.trusted_proxies.as_ref());
        let mut attributes = Vec::with_capacity(ATTRIBUTES + self.request_headers.len());
        match rpc {
            Some(rpc) => rpc.describe(request, &mut attributes),
            None => self.describe_target(request, &origin, &mut attributes),
        }
        self.describe_server(request, &origin, &mut attributes);
        self.describe_peer(peer, &origin, &mut attributes);
        if let Some(version) = semconv::protocol_version(request.version()) {
            attributes.push(KeyValue::new(semconv::NETWORK_PROTOCOL_VERSION, version));
        }
        let agent = request.headers().get(USER_AGENT).map(HeaderValue::as_bytes);
        let read = |agent: &str| Some(Arc::from(bounded(agent)));
        if let Some(agent) = agent.and_then(|agent| self.first_agent.of(agent, read)) {
            attributes.push(KeyValue::new(semconv::USER_AGENT_ORIGINAL, agent));
        }
        attributes.extend(self.request_headers.of(request.headers()));
        let name = self.name(request, route.as_deref(), rpc, hooks);
        if let (Some(route), None) = (route, rpc) {
            attributes.push(KeyValue::new(semconv::HTTP_ROUTE, route));
        }
        Description { name, attributes }
    }

    /// The method of gRPC, or else that of HTTP and the route, unless somebody knows a better name.
    pub(super) fn name(
        &self,
        request: RequestView<'_>,
        route: Option<&str>,
        rpc: Option<&Rpc>,
        hooks: &Hooks,
    ) -> Cow<'static, str> {
        if let Some(span_name) = &hooks.span_name {
            return span_name(request);
        }
        if let Some(rpc) = rpc {
            return Cow::Owned(rpc.span_name().to_owned());
        }
        let method = KnownMethod::of(request.method());
        match route {
            Some(route) => Cow::Owned(method.span_name_for(route)),
            None => Cow::Borrowed(method.span_name()),
        }
    }

    /// The scheme as an attribute of metrics, where it must not be anybody's text.
    pub(super) fn low_scheme(&self, request: RequestView<'_>) -> &'static str {
        let told = self.trusted_proxies.as_ref().and_then(|trusted| {
            Origin::of(request, PeerAddress::of(request), Some(trusted)).scheme
        });
        known_scheme(told.or(request.uri().scheme_str())).unwrap_or(semconv::OTHER)
    }

    fn describe_target(
        &self,
        request: RequestView<'_>,
        origin: &Origin<'_>,
        attributes: &mut Vec<KeyValue>,
    ) {
        attributes.push(KeyValue::new(
            semconv::HTTP_REQUEST_METHOD,
            KnownMethod::of(request.method()).attribute(),
        ));
        attributes.push(KeyValue::new(semconv::URL_PATH, bounded(request.path()).to_owned()));
        let scheme = origin.scheme.or(request.uri().scheme_str());
        attributes.push(match known_scheme(scheme) {
            Some(known) => KeyValue::new(semconv::URL_SCHEME, known),
            None => {
                KeyValue::new(semconv::URL_SCHEME, bounded(scheme.unwrap_or_default()).to_owned())
            }
        });
        if let Some(query) = self.query.of(request.uri()) {
            attributes.push(KeyValue::new(semconv::URL_QUERY, query));
        }
    }

    fn describe_server(
        &self,
        request: RequestView<'_>,
        origin: &Origin<'_>,
        attributes: &mut Vec<KeyValue>,
    ) {
        let authority = origin.host.map(str::as_bytes);
        let authority = authority.or_else(|| semconv::authority(request.uri(), request.headers()));
        let server = authority.and_then(|text| self.first_server.of(text, semconv::server));
        if let Some((address, port)) = server {
            attributes.push(KeyValue::new(semconv::SERVER_ADDRESS, address));
            if let Some(port) = port {
                attributes.push(KeyValue::new(semconv::SERVER_PORT, i64::from(port)));
            }
        }
    }

    fn describe_peer(
        &self,
        peer: Option<SocketAddr>,
        origin: &Origin<'_>,
        attributes: &mut Vec<KeyValue>,
    ) {
        let (Some(peer), Some(client)) = (peer, origin.client) else { return };
        let address = self.text_of(peer.ip());
        attributes.push(if client == peer.ip() {
            KeyValue::new(semconv::CLIENT_ADDRESS, Arc::clone(&address))
        } else {
            KeyValue::new(semconv::CLIENT_ADDRESS, client.to_string())
        });
        attributes.push(KeyValue::new(semconv::NETWORK_PEER_ADDRESS, address));
        attributes.push(KeyValue::new(semconv::NETWORK_PEER_PORT, i64::from(peer.port())));
    }

    /// The text of a peer's address, which is always the same behind a proxy: to format one takes
    /// 1,000 instructions.
    fn text_of(&self, peer: IpAddr) -> Arc<str> {
        let text = || Arc::from(peer.to_string());
        match self.first_peer.get_or_init(|| (peer, text())) {
            (first, known) if *first == peer => Arc::clone(known),
            _ => text(),
        }
    }
}

impl fmt::Debug for Describing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Describing")
            .field("route", &self.route.is_some())
            .field("trusted_proxies", &self.trusted_proxies.is_some())
            .field("request_headers", &self.request_headers)
            .finish_non_exhaustive()
    }
}

/// The scheme of the target. HTTP/1 does not send one; then it is that of a plain connection, which
/// is what a server behind a proxy has.
fn known_scheme(scheme: Option<&str>) -> Option<&'static str> {
    match scheme {
        None | Some("http") => Some("http"),
        Some("https") => Some("https"),
        Some(_) => None,
    }
}

#[cfg(feature = "axum")]
fn matched_path(request: RequestView<'_>) -> Option<&str> {
    request.extensions().get().map(axum::extract::MatchedPath::as_str)
}

#[cfg(not(feature = "axum"))]
fn matched_path(_: RequestView<'_>) -> Option<&str> {
    None
}

/// Eleven from the start, two from the response, and three of the handler's: one allocation for all.
const ATTRIBUTES: usize = 16;
