use std::fmt;

use ::http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::Context;
use opentelemetry::trace::TraceContextExt;

use crate::otel::ContextExt;

/// A header by which a caller is told the trace of its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ResponseHeader {
    /// `server-timing` with a member `traceparent`: what browsers show to scripts, which is where
    /// monitoring of real users reads it. It is added to what the service says there.
    ServerTiming,
    /// `traceresponse`, of the form of a `traceparent`, from a
    /// [draft of the W3C](https://www.w3.org/TR/2023/WD-trace-context-2-20230330/#trace-context-http-response-headers-format).
    TraceResponse,
}

impl ResponseHeader {
    /// Tells the span of this context. Without one there is nothing to tell.
    pub(super) fn write(self, cx: &Context, headers: &mut HeaderMap) {
        // Without an SDK, the span that stands here is the caller's own.
        if cx.span().span_context().is_remote() {
            return;
        }
        let Some(parent) = cx.trace_context().parent().copied() else { return };
        match self {
            Self::ServerTiming => {
                if let Some(value) = value(format_args!("traceparent;desc=\"{parent}\"")) {
                    headers.append(HeaderName::from_static("server-timing"), value);
                }
            }
            Self::TraceResponse => {
                if let Some(value) = value(format_args!("{parent}")) {
                    headers.insert(HeaderName::from_static("traceresponse"), value);
                }
            }
        }
    }
}

fn value(text: fmt::Arguments<'_>) -> Option<HeaderValue> {
    HeaderValue::from_maybe_shared(bytes::Bytes::from(text.to_string())).ok()
}
