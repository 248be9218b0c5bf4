use std::borrow::Cow;

use ::http::header::USER_AGENT;
use opentelemetry::KeyValue;

use crate::http::RequestView;
use crate::http::semconv::{self, KnownMethod, Server, bounded};
use crate::http::spans::Description;

/// Name and attributes of a server's span. Nothing secret is among them: no query, no credentials, no
/// headers but the two that the conventions ask for.
pub(super) fn describe(request: RequestView<'_>, route: Option<&str>) -> Description {
    let method = KnownMethod::of(request.method());
    let mut attributes = Vec::with_capacity(ATTRIBUTES);
    attributes.push(KeyValue::new(semconv::HTTP_REQUEST_METHOD, method.attribute()));
    attributes.push(KeyValue::new(semconv::URL_PATH, bounded(request.path()).to_owned()));
    attributes.push(scheme(request));
    if let Some(server) = Server::of(request.uri(), request.headers()) {
        attributes.push(KeyValue::new(semconv::SERVER_ADDRESS, bounded(server.address).to_owned()));
        if let Some(port) = server.port {
            attributes.push(KeyValue::new(semconv::SERVER_PORT, i64::from(port)));
        }
    }
    if let Some(version) = semconv::protocol_version(request.version()) {
        attributes.push(KeyValue::new(semconv::NETWORK_PROTOCOL_VERSION, version));
    }
    if let Some(agent) = request.headers().get(USER_AGENT).and_then(|agent| agent.to_str().ok()) {
        attributes.push(KeyValue::new(semconv::USER_AGENT_ORIGINAL, bounded(agent).to_owned()));
    }
    let name = match route {
        Some(route) => {
            attributes.push(KeyValue::new(semconv::HTTP_ROUTE, route.to_owned()));
            Cow::Owned([method.span_name(), " ", route].concat())
        }
        None => Cow::Borrowed(method.span_name()),
    };
    Description { name, attributes }
}

/// The scheme of the target. HTTP/1 does not send one; then it is that of a plain connection, which
/// is what a server behind a proxy has.
fn scheme(request: RequestView<'_>) -> KeyValue {
    match request.uri().scheme_str() {
        None | Some("http") => KeyValue::new(semconv::URL_SCHEME, "http"),
        Some("https") => KeyValue::new(semconv::URL_SCHEME, "https"),
        Some(other) => KeyValue::new(semconv::URL_SCHEME, bounded(other).to_owned()),
    }
}

/// Eight from the start, two from the response, and two of the handler's: one allocation for all.
const ATTRIBUTES: usize = 12;
