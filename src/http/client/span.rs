use std::borrow::Cow;

use ::http::Uri;
use opentelemetry::KeyValue;

use super::hooks::SpanName;
use super::shown::Shown;
use super::{ResendCount, UrlTemplate};
use crate::http::RequestView;
use crate::http::semconv::{self, KnownMethod, Server, bounded};
use crate::http::spans::Description;

/// Name and attributes of a client's span, without credentials, and with no more of headers and query
/// than what was asked for.
pub(super) fn describe(
    request: RequestView<'_>,
    span_name: Option<&SpanName>,
    shown: &Shown,
) -> Description {
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
    if let Some(url) = url_full(request.uri(), shown) {
        attributes.push(KeyValue::new(semconv::URL_FULL, url));
    }
    let resent = request.extensions().get().map_or(0, |ResendCount(times)| *times);
    if resent > 0 {
        attributes.push(KeyValue::new(HTTP_REQUEST_RESEND_COUNT, i64::from(resent)));
    }
    let template = request.extensions().get().map(|UrlTemplate(template)| *template);
    if let Some(template) = template {
        attributes.push(KeyValue::new(URL_TEMPLATE, template));
    }
    attributes.extend(shown.request_headers.attributes(request.headers()));
    let name = span_name.and_then(|name| name(request));
    Description { name: name.unwrap_or_else(|| usual_name(method, template)), attributes }
}

fn url_full(uri: &Uri, shown: &Shown) -> Option<String> {
    let mut url = semconv::url_full(uri)?;
    if let (Some(query), Some(mark)) = (uri.query(), url.find('?')) {
        url.truncate(mark + 1);
        url.push_str(&shown.query(query));
    }
    Some(url)
}

fn usual_name(method: KnownMethod, template: Option<&'static str>) -> Cow<'static, str> {
    match template {
        Some(template) => [method.span_name(), " ", template].concat().into(),
        None => method.span_name().into(),
    }
}

const HTTP_REQUEST_RESEND_COUNT: &str = "http.request.resend_count";
const URL_TEMPLATE: &str = "url.template";

/// Six from the start and two from the response: one allocation for all.
const ATTRIBUTES: usize = 8;
