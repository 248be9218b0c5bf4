//! Errors that are captured by Sentry, in the trace of the request that they belong to.

use std::fmt::Error;
use std::future::ready;

use ::http::{Request, Response};
use opentelemetry::trace::{Tracer, TracerProvider};
use sentry_core::ClientOptions;
use sentry_core::protocol::Context;
use sentry_core::test::with_captured_events_options;
use throughline::http::ServerLayer;
use throughline::otel::SentryIntegration;
use tower::{Layer, ServiceExt, service_fn};

use super::checked_spans::CheckedSpans;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

#[test]
fn errors_of_a_handler_carry_its_trace_and_the_span_that_they_came_up_in() {
    let spans = CheckedSpans::new();
    let tracer = spans.provider().tracer("test");
    let layer = ServerLayer::new().tracer_provider(spans.provider());
    let service = layer.layer(service_fn(|_: Request<()>| {
        sentry_core::capture_error(&Error);
        tracer.in_span("query", |_| sentry_core::capture_error(&Error));
        ready(Ok::<_, Error>(Response::new(String::new())))
    }));
    let request = Request::builder().header("sentry-trace", format!("{TRACE}-b7ad6b7169203331-1"));
    let answered = service.oneshot(request.body(()).unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let events = with_captured_events_options(
        || drop(runtime.block_on(answered).unwrap()),
        ClientOptions::default().add_integration(SentryIntegration),
    );

    let told = events.iter().map(|event| match event.contexts.get("trace") {
        Some(Context::Trace(trace)) => (trace.trace_id.to_string(), trace.span_id.to_string()),
        other => panic!("no trace, but {other:?}"),
    });
    let finished = spans.finished();
    let [query, request] = &finished[..] else { panic!("{finished:?}") };
    let expected = [request, query].map(|span| (TRACE.to_owned(), span.span_id.clone()));
    assert_eq!(told.collect::<Vec<_>>(), expected);
}
