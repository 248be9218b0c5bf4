//! One fault at a time.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::response::Response;
use futures_util::{FutureExt, StreamExt};
use http::{HeaderMap, Request};
use opentelemetry::Context;
use opentelemetry::metrics::MeterProvider;
use opentelemetry::trace::{FutureExt as _, TraceContextExt, Tracer, TracerProvider};
use scenarios::{App, Bare, Bed, ROWS, Subject, Throughline, boxed, counted};
use tower::{ServiceExt, service_fn};

/// Around this library's layer: what it does is right but for one thing.
struct Planted<F> {
    fault: F,
}

impl<F: Fn(App, &Bed) -> App + Send + Sync> Subject for Planted<F> {
    fn name(&self) -> String {
        "planted".to_owned()
    }

    fn around(&self, app: App, bed: &Bed) -> App {
        (self.fault)(Throughline.around(app, bed), bed)
    }

    fn allocations(&self, bare: Bare, headers: &HeaderMap, bed: &Bed) -> u64 {
        Throughline.allocations(bare, headers, bed)
    }
}

#[track_caller]
fn planted(title: &str, fault: impl Fn(App, &Bed) -> App + Send + Sync + 'static) -> String {
    let subject: Arc<dyn Subject> = Arc::new(Planted { fault });
    let row = ROWS.iter().find(|row| row.title == title).unwrap();
    let answer = row.ask(&subject).unwrap();
    assert!(!row.is_right(&answer), "{answer}");
    answer
}

#[test]
fn a_gauge_that_leaks_is_seen() {
    let leaks = |app: App, bed: &Bed| {
        let gauge = bed.meter_provider().meter("planted");
        let gauge = gauge.i64_up_down_counter("http.server.active_requests").build();
        boxed(service_fn(move |request| {
            gauge.add(1, &[]);
            app.clone().oneshot(request)
        }))
    };
    assert_eq!(planted("future dropped", leaks), "error (cancelled), gauge 1");
    assert_eq!(planted("handler panics", leaks), "error (panic), gauge 1");
}

#[test]
fn a_swallowed_panic_is_seen() {
    let swallows = |app: App, _: &Bed| {
        boxed(service_fn(move |request| {
            let response = AssertUnwindSafe(app.clone().oneshot(request)).catch_unwind();
            async { response.await.unwrap_or_else(|_| Ok(Response::default())) }
        }))
    };
    let answer = planted("handler panics", swallows);
    assert!(answer.ends_with("panic swallowed"), "{answer}");
}

#[test]
fn a_second_span_is_seen() {
    let doubles = |app: App, bed: &Bed| {
        let tracer = bed.tracer_provider().tracer("planted");
        boxed(service_fn(move |request| {
            let cx = Context::current_with_span(tracer.start("second"));
            app.clone().oneshot(request).with_context(cx)
        }))
    };
    assert!(planted("future dropped", doubles).starts_with("2 spans"));
    assert_eq!(planted("body fails after a 200", doubles), "2 spans");
}

#[test]
fn a_span_that_ends_between_two_frames_is_seen() {
    /// Ends its span with the first frame.
    struct Hasty;
    impl Subject for Hasty {
        fn name(&self) -> String {
            "hasty".to_owned()
        }
        fn around(&self, app: App, bed: &Bed) -> App {
            let tracer = bed.tracer_provider().tracer("planted");
            boxed(service_fn(move |request| {
                let span = Arc::new(Mutex::new(Some(tracer.start("hasty"))));
                let ends = move |frame| {
                    span.lock().unwrap().take();
                    frame
                };
                let response = app.clone().oneshot(request);
                async {
                    response.await.map(|response| {
                        response.map(|body| Body::from_stream(body.into_data_stream().map(ends)))
                    })
                }
            }))
        }
        fn allocations(&self, bare: Bare, headers: &HeaderMap, _: &Bed) -> u64 {
            counted(bare, headers)
        }
    }
    let subject: Arc<dyn Subject> = Arc::new(Hasty);
    let row = ROWS.iter().find(|row| row.title == "streamed body").unwrap();
    assert_eq!(row.ask(&subject).unwrap(), "ends within the body");
}

#[test]
fn a_header_that_is_not_read_is_seen() {
    let deaf = |app: App, _: &Bed| {
        boxed(service_fn(move |mut request: Request<Body>| {
            request.headers_mut().clear();
            app.clone().oneshot(request)
        }))
    };
    assert_eq!(planted("Trace Context, cases right", deaf), "reads no traceparent");
    assert_eq!(planted("`call` sees the trace", deaf), "no");
}

#[test]
fn allocations_are_counted_one_by_one() {
    /// Allocates seven times for a sampled request, three times for another.
    struct Greedy;
    impl Subject for Greedy {
        fn name(&self) -> String {
            "greedy".to_owned()
        }
        fn around(&self, app: App, _: &Bed) -> App {
            app
        }
        fn allocations(&self, bare: Bare, headers: &HeaderMap, _: &Bed) -> u64 {
            let greedy = |request: Request<_>| {
                let sampled = request.headers()["traceparent"].as_bytes().ends_with(b"1");
                for n in 0..if sampled { 7 } else { 3 } {
                    drop(std::hint::black_box(Box::new(n)));
                }
                bare.oneshot(request)
            };
            counted(service_fn(greedy), headers)
        }
    }
    let subject: Arc<dyn Subject> = Arc::new(Greedy);
    let row = ROWS.iter().find(|row| row.title == "allocations").unwrap();
    assert_eq!(row.ask(&subject).unwrap(), "7 / 3");
}
