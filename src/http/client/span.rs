use opentelemetry::KeyValue;

use crate::http::RequestView;
use crate::http::semconv::{self, KnownMethod, Server, bounded};
use crate::http::spans::Description;

/// Name and attributes of a client's span, without credentials and query.
pub(super) fn describe(request: RequestView<'_>) -> Description {
    let method = KnownMethod::of(request.method());
    let mut attributes = Vec::with_capacity(ATTRIBUTES);
    attributes.push(KeyValue::new(semconv::HTTP_REQUEST_METHOD, method.attribute()));
    if let Some(server) = Server::of(request.uri(), request.headers()) {
        attributes.push(KeyValue::new(semconv::SERVER_ADDRESS, bounded(server.address).to_owned()));
        let scheme = request.uri().scheme_str();
        if let Some(port) = server.port.or_else(|| semconv::default_port(scheme?)) {
            attributes.push(KeyValue::new(semconv::SERVER_PORT, i64::from(port)));
        }
    }
    if let Some(url) = semconv::url_full(request.uri()) {
        attributes.push(KeyValue::new(semconv::URL_FULL, url));
    }
    Description { name: method.span_name().into(), attributes }
}

/// Four from the start and two from the response: one allocation for all.
const ATTRIBUTES: usize = 6;
