//! Where a request's context is current, and what around the layer does not reach into it.

use opentelemetry::trace::Tracer;

use super::*;

#[test]
fn the_span_is_current_in_call_poll_and_body_and_nowhere_else() {
    let (recorded, seen) = (Recorded::default(), Seen::default());
    yields(|| seen.run(&layer(&recorded), request(&[("traceparent", PARENT)])));
    let id = recorded.one().span_context.span_id().to_string();
    assert_eq!(seen.inside(), PLACES.map(|place| (place, Some(id.clone()))));
}

#[test]
fn tp_10_without_spans_the_inbound_parent_is_current() {
    let seen = Seen::default();
    yields(|| seen.run(&ServerLayer::propagate_only(), request(&[("traceparent", PARENT)])));
    let id = "b7ad6b7169203331".to_owned();
    assert_eq!(seen.inside(), PLACES.map(|place| (place, Some(id.clone()))));
}

#[test]
fn a_filtered_request_has_no_span_and_carries_its_context() {
    let (recorded, seen) = (Recorded::default(), Seen::default());
    let layer = layer(&recorded).filter(|request| request.path() != "/users/7");
    yields(|| seen.run(&layer, request(&[("traceparent", PARENT)])));
    let id = "b7ad6b7169203331".to_owned();
    assert_eq!(seen.inside(), PLACES.map(|place| (place, Some(id.clone()))));
    assert!(recorded.all().is_empty());
}

#[test]
fn bo_4_what_is_current_around_the_layer_is_not_continued() {
    let recorded = Recorded::default();
    let provider = Recorded::default().provider();
    let _ambient = Context::new().with_span(provider.tracer("test").start("ambient")).attach();
    let layer = ServerLayer::new().tracer_provider(recorded.provider());
    let inner = service_fn(async |_: Request<()>| {
        Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
    });
    assert!(poll(pin!(layer.layer(inner).call(request(&[])))).is_ready());
    assert_eq!(recorded.one().parent_span_id.to_string(), "0000000000000000");

    let inner = service_fn(|_: Request<()>| {
        assert!(TraceContext::current().is_empty());
        ready(Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new())))
    });
    assert!(poll(pin!(ServerLayer::propagate_only().layer(inner).call(request(&[])))).is_ready());
}

#[test]
fn suppression_around_the_layer_does_not_reach_into_it() {
    let recorded = Recorded::default();
    let _ambient = Context::new().with_telemetry_suppressed().attach();
    for headers in [&[][..], &[("traceparent", PARENT)]] {
        drop(respond(&layer(&recorded), request(headers), Response::new(Empty::<Bytes>::new())));
    }
    assert_eq!(recorded.all().len(), 2);
}
