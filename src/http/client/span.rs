use std::borrow::Cow;
use std::sync::Arc;

use ::http::Uri;
use opentelemetry::KeyValue;

use super::{ResendCount, UrlTemplate};
use crate::http::RequestView;
use crate::http::captured::CapturedHeaders;
use crate::http::query::Query;
use crate::http::semconv::{self, KnownMethod, Server, bounded};
use crate::http::spans::Description;

/// What a client's span says, beyond what is always said.
#[derive(Clone, Default)]
pub(super) struct Describing {
    pub(super) span_name: Option<Arc<SpanName>>,
    pub(super) request_headers: CapturedHeaders,
    pub(super) query: Query,
}

type SpanName = dyn Fn(RequestView<'_>) -> Cow<'static, str> + Send + Sync;

impl Describing {
    /// Name and attributes of a span, without credentials, and with no more of headers and query than
    /// what was asked for.
    pub(super) fn describe(&self, request: RequestView<'_>) -> Description {
        let method = KnownMethod::of(request.method());
        let template = request.extensions().get().map(|UrlTemplate(template)| *template);
        let mut attributes = Vec::with_capacity(ATTRIBUTES + self.request_headers.len());
        attributes.push(KeyValue::new(semconv::HTTP_REQUEST_METHOD, method.attribute()));
        self.address(request, &mut attributes);
        let ResendCount(resent) = request.extensions().get().copied().unwrap_or_default();
        if resent > 0 {
            attributes.push(KeyValue::new(HTTP_REQUEST_RESEND_COUNT, i64::from(resent)));
        }
        if let Some(template) = template {
            attributes.push(KeyValue::new(URL_TEMPLATE, template));
        }
        attributes.extend(self.request_headers.of(request.headers()));
        let name = match &self.span_name {
            Some(name) => name(request),
            None => usual_name(method, template),
        };
        Description { name, attributes }
    }

    fn address(&self, request: RequestView<'_>, attributes: &mut Vec<KeyValue>) {
        if let Some(server) = Server::of(request.uri(), request.headers()) {
            let address = bounded(server.address).to_owned();
            attributes.push(KeyValue::new(semconv::SERVER_ADDRESS, address));
            let scheme = request.uri().scheme_str();
            if let Some(port) = server.port.or_else(|| semconv::default_port(scheme?)) {
                attributes.push(KeyValue::new(semconv::SERVER_PORT, i64::from(port)));
            }
        }
        if let Some(url) = self.url_full(request.uri()) {
            attributes.push(KeyValue::new(semconv::URL_FULL, url));
        }
    }

    fn url_full(&self, uri: &Uri) -> Option<String> {
        let mut url = semconv::url_full(uri)?;
        if let (Some(query), Some(mark)) = (self.query.of(uri), url.find('?')) {
            url.truncate(mark + 1);
            url.push_str(&query);
        }
        Some(url)
    }
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
