use std::borrow::Cow;
use std::sync::Arc;

use ::http::Uri;
use opentelemetry::KeyValue;

use super::{ResendCount, UrlTemplate};
use crate::http::RequestView;
use crate::http::captured::CapturedHeaders;
use crate::http::first_seen::FirstSeen;
use crate::http::grpc::Rpc;
use crate::http::hooks::Hooks;
use crate::http::metrics::Labels;
use crate::http::query::Query;
use crate::http::semconv::{self, KnownMethod};
use crate::http::spans::Description;

/// What a client's spans and metrics say of their requests.
#[derive(Clone, Default)]
pub(super) struct Describing {
    pub(super) request_headers: CapturedHeaders,
    pub(super) query: Query,
    first_server: FirstSeen<(Arc<str>, Option<u16>)>,
}

impl Describing {
    /// Name and attributes of a span, without credentials, and with no more of headers and query than
    /// what was asked for.
    pub(super) fn describe(
        &self,
        request: RequestView<'_>,
        rpc: Option<&Rpc>,
        hooks: &Hooks,
    ) -> Description {
        let method = KnownMethod::of(request.method());
        let template = template(request);
        let mut attributes = Vec::with_capacity(ATTRIBUTES + self.request_headers.len());
        match rpc {
            Some(rpc) => rpc.describe(request, &mut attributes),
            None => {
                attributes.push(KeyValue::new(semconv::HTTP_REQUEST_METHOD, method.attribute()))
            }
        }
        self.address(request, rpc.is_some(), &mut attributes);
        let ResendCount(resent) = request.extensions().get().copied().unwrap_or_default();
        if resent > 0 {
            attributes.push(KeyValue::new(semconv::HTTP_REQUEST_RESEND_COUNT, i64::from(resent)));
        }
        if let (Some(template), None) = (template, rpc) {
            attributes.push(KeyValue::new(semconv::URL_TEMPLATE, template));
        }
        attributes.extend(self.request_headers.of(request.headers()));
        let name = match (&hooks.span_name, rpc) {
            (Some(name), _) => name(request),
            (None, Some(rpc)) => rpc.span_name().to_owned().into(),
            (None, None) => usual_name(method, template),
        };
        Description { name, attributes }
    }

    /// The attributes of metrics. The path is none of them, but the template that it was made from.
    pub(super) fn labels(&self, request: RequestView<'_>) -> Labels {
        Labels {
            method: KnownMethod::of(request.method()),
            scheme: None,
            // The request says what is wished for, not what the connection then speaks.
            version: None,
            server: self.server(request),
            template: template(request),
        }
    }

    fn server(&self, request: RequestView<'_>) -> Option<(Arc<str>, Option<u16>)> {
        let authority = semconv::authority(request.uri(), request.headers())?;
        let (address, port) = self.first_server.of(authority, semconv::server)?;
        let scheme = request.uri().scheme_str();
        Some((address, port.or_else(|| semconv::default_port(scheme?))))
    }

    fn address(&self, request: RequestView<'_>, rpc: bool, attributes: &mut Vec<KeyValue>) {
        if let Some((address, port)) = self.server(request) {
            attributes.push(KeyValue::new(semconv::SERVER_ADDRESS, address));
            if let Some(port) = port {
                attributes.push(KeyValue::new(semconv::SERVER_PORT, i64::from(port)));
            }
        }
        // The method of gRPC is the path.
        if rpc {
            return;
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

fn template(request: RequestView<'_>) -> Option<&'static str> {
    request.extensions().get().map(|UrlTemplate(template)| *template)
}

fn usual_name(method: KnownMethod, template: Option<&'static str>) -> Cow<'static, str> {
    match template {
        Some(template) => method.span_name_for(template).into(),
        None => method.span_name().into(),
    }
}

/// Six from the start and two from the response: one allocation for all.
const ATTRIBUTES: usize = 8;
