//! The contract of a Tower service on the client's side, and headers that nobody expects.

use std::rc::Rc;

use tower::BoxError;

use super::*;
use crate::http::{ClientFuture, ClientService};

#[test]
fn readiness_is_that_of_the_service_that_is_called() {
    let (mock, mut handle) = tower_test::mock::pair::<Request<()>, Response<String>>();
    let mut service = layer(&Recorded::default()).layer(mock);
    let mut task = task::Context::from_waker(Waker::noop());
    handle.allow(0);
    assert!(service.poll_ready(&mut task).is_pending());
    handle.allow(1);
    assert!(service.poll_ready(&mut task).is_ready());
    // The mock panics if another one than the ready service is called.
    assert!(poll(pin!(service.call(request("http://host/", &[])))).is_pending());
    handle.send_error("closed");
    assert!(matches!(service.poll_ready(&mut task), Poll::Ready(Err(_))));
}

#[test]
fn types_are_send_and_sync_as_far_as_the_inner_ones_are() {
    fn check<T: Send + Sync>() {}
    check::<ClientLayer>();
    check::<ClientService<()>>();
    check::<ClientFuture<()>>();
}

#[cfg(feature = "tonic")]
#[test]
fn what_tonic_can_call_it_can_call_through_the_layer() {
    fn check<S: tonic::client::GrpcService<tonic::body::Body>>(_: &S) {}
    let inner = service_fn(async |_: Request<tonic::body::Body>| {
        Ok::<_, std::fmt::Error>(Response::new(tonic::body::Body::empty()))
    });
    check(&inner);
    check(&ClientLayer::new().layer(inner));
}

#[test]
fn debug_shows_no_header_value() {
    let _current = inside_a_trace().attach();
    let inner = service_fn(|_: Request<()>| answer(200));
    let layer = ClientLayer::propagate_only();
    let future = layer.layer(inner).call(request("http://host/", &[("x", "secret")]));
    let shown = format!("{layer:?} {future:?}");
    assert!(!shown.contains("secret") && !shown.contains("v=1"), "{shown}");
    assert!(!shown.contains("0af7651916cd43dd8448eb211c80319c"), "{shown}");
}

#[test]
fn a_call_may_move_between_threads() {
    let recorded = Recorded::default();
    let current = || TraceContext::current().parent().map(|parent| parent.parent_id().to_string());
    let inner = service_fn(async |_: Request<()>| {
        let polled = current().unwrap_or_default();
        Ok::<_, Infallible>(Response::new(polled))
    });
    let mut service = layer(&recorded).span_end(SpanEnd::BodyEnd).layer(inner);
    let future = service.call(request("http://host/", &[]));
    let body = std::thread::scope(|scope| {
        let answered = scope.spawn(|| match poll(pin!(future)) {
            Poll::Ready(Ok(response)) => response.into_body(),
            _ => panic!("it is ready"),
        });
        answered.join().unwrap()
    });
    assert!(recorded.all().is_empty());
    let polled = std::thread::spawn(move || match poll(pin!(body.collect())) {
        Poll::Ready(Ok(collected)) => (collected.to_bytes(), TraceContext::current().is_empty()),
        _ => panic!("it is ready"),
    });
    let (polled, left_nothing) = polled.join().unwrap();
    assert_eq!(polled, recorded.one().span_context.span_id().to_string());
    assert!(left_nothing);
}

#[test]
fn a_client_may_be_local_and_its_error_anything() {
    fn fails<E: 'static>(error: E) -> String {
        let recorded = Recorded::default();
        let error = RefCell::new(Some(Rc::new(error)));
        let inner = service_fn(|_: Request<()>| {
            let error = error.take().unwrap();
            async move { Err::<Response<String>, E>(Rc::into_inner(error).unwrap()) }
        });
        let mut service = layer(&recorded).layer(inner);
        let answer = poll(pin!(service.call(request("http://host/", &[]))));
        assert!(matches!(answer, Poll::Ready(Err(_))));
        error_type(&recorded.one()).unwrap()
    }
    assert_eq!(fails(std::fmt::Error), "core::fmt::Error");
    assert_eq!(fails(BoxError::from("boxed")), "_OTHER");
    assert_eq!(fails("borrowed"), "_OTHER");
    assert_eq!(fails(Rc::new(1)), "_OTHER");
}

#[test]
fn polling_a_call_after_its_end_is_up_to_the_inner_one_and_makes_no_span() {
    let recorded = Recorded::default();
    let inner =
        service_fn(async |_: Request<()>| Ok::<_, Infallible>(Response::new(String::new())));
    let mut service = layer(&recorded).layer(inner);
    let mut future = pin!(service.call(request("http://host/", &[])));
    assert!(poll(future.as_mut()).is_ready());
    assert!(catch_unwind(AssertUnwindSafe(|| poll(future.as_mut()))).is_err(), "async fns panic");
    assert_eq!(error_type(&recorded.one()), None);
    assert!(TraceContext::current().is_empty());
}

#[test]
fn a_layer_around_another_makes_two_spans_of_which_the_inner_is_sent() {
    let recorded = Recorded::default();
    let twice = layer(&recorded);
    let sent = RefCell::new(String::new());
    let inner = service_fn(|request: Request<()>| {
        let told = request.headers().get_all("traceparent").iter();
        sent.replace(told.map(|value| value.to_str().unwrap()).collect());
        answer(200)
    });
    let mut service = twice.layer(twice.layer(inner));
    assert!(poll(pin!(service.call(request("http://host/", &[])))).is_ready());
    let [inner, outer] = &recorded.all()[..] else { panic!("two layers, two spans") };
    assert_eq!(inner.parent_span_id, outer.span_context.span_id());
    let context = &inner.span_context;
    let sent = sent.take().parse::<TraceParent>().unwrap();
    assert_eq!(sent.parent_id().to_string(), context.span_id().to_string());
}

#[test]
fn a_trace_without_state_sends_none_and_takes_a_stale_one_away() {
    let parent = TraceContext::from(PARENT.parse::<TraceParent>().unwrap());
    let _current = Context::new().with_trace_context(parent).attach();
    for stale in [&[][..], &[("tracestate", "old=1")], &[("tracestate", "")]] {
        let headers = sent(&ClientLayer::propagate_only(), request("http://host/", stale));
        assert!(headers.contains_key("traceparent"));
        assert!(!headers.contains_key("tracestate"), "{stale:?}");
    }
}

#[test]
fn without_a_trace_and_without_a_span_nothing_is_sent() {
    assert!(sent(&ClientLayer::propagate_only(), request("http://host/", &[])).is_empty());
}

#[test]
fn control_characters_never_panic_and_never_make_a_header() {
    let recorded = Recorded::default();
    let layer = layer(&recorded)
        .propagation(Propagator::default().forward_baggage(true))
        .capture_request_headers(["x-odd"]);
    for odd in ["\0", "\r\nx-evil: 1", "\u{7f}\u{1b}[0m", "\u{85}\u{2028}", "a\tb"] {
        let mut trace = TraceContext::from(PARENT.parse::<TraceParent>().unwrap());
        trace.baggage_mut().push("odd", odd).unwrap();
        assert!(trace.baggage_mut().push(odd, "value").is_err(), "{odd:?} is no key");
        let _current = Context::new().with_trace_context(trace).attach();
        let mut hostile = request("http://host/", &[]);
        hostile.headers_mut().insert("x-odd", HeaderValue::from_bytes(b"\t\x80\xff").unwrap());
        let headers = sent(&layer, hostile);
        assert!(!headers.contains_key("x-evil"));
        let told = headers["baggage"].to_str().unwrap().strip_prefix("odd=").unwrap();
        let graphic = told.bytes().all(|byte| byte.is_ascii_graphic());
        assert!(graphic, "{told:?}");
    }
}
