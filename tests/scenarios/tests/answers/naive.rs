//! A layer as one writes it in ten minutes: it ends its span by dropping it.

use http::HeaderMap;
use opentelemetry::global;
use opentelemetry::trace::{FutureExt as _, Span as _, TraceContextExt as _, Tracer as _};
use opentelemetry::{Context, KeyValue};
use opentelemetry_http::HeaderExtractor;
use scenarios::{App, Bare, Bed, Subject, boxed, counted};
use tower::{ServiceExt as _, service_fn};

pub(crate) struct Naive;

impl Subject for Naive {
    fn name(&self) -> String {
        "naive".to_owned()
    }

    fn around(&self, app: App, _: &Bed) -> App {
        boxed(service_fn(move |request: http::Request<axum::body::Body>| {
            let cx = traced(request.headers());
            // Outside of the context: the inner service does not see it in `call`.
            let mut app = app.clone();
            tower::Service::call(&mut app, request).with_context(cx)
        }))
    }

    fn allocations(&self, bare: Bare, headers: &HeaderMap, _: &Bed) -> u64 {
        let naive = |request: http::Request<_>| {
            let cx = traced(request.headers());
            bare.oneshot(request).with_context(cx)
        };
        counted(service_fn(naive), headers)
    }
}

fn traced(headers: &HeaderMap) -> Context {
    let parent = global::get_text_map_propagator(|propagator| {
        propagator.extract_with_context(&Context::new(), &HeaderExtractor(headers))
    });
    let mut span = global::tracer("naive").start_with_context("request", &parent);
    for (name, value) in headers {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        span.set_attribute(KeyValue::new(name.to_string(), value));
    }
    parent.with_span(span)
}
