//! What the layer leaves as it was of the service, and what it keeps to itself.

use super::*;
use crate::http::ServerFuture;

#[test]
fn readiness_is_that_of_the_service_that_is_called() {
    let (mock, mut handle) = tower_test::mock::pair::<Request<()>, Response<Empty<Bytes>>>();
    let mut service = layer(&Recorded::default()).layer(mock);
    let mut task = task::Context::from_waker(Waker::noop());
    handle.allow(0);
    assert!(service.poll_ready(&mut task).is_pending());
    handle.allow(1);
    assert!(service.poll_ready(&mut task).is_ready());
    // The mock panics if another one than the ready service is called.
    let mut future = pin!(service.call(request(&[])));
    assert!(poll(future.as_mut()).is_pending());
    let mut next = pin!(handle.next_request());
    let Poll::Ready(Some((_, answer))) = poll(next.as_mut()) else { panic!("it was sent") };
    answer.send_response(Response::new(Empty::new()));
    assert!(poll(future).is_ready());
}

#[test]
fn an_error_of_readiness_is_passed_on_and_opens_no_span() {
    let recorded = Recorded::default();
    let (mock, mut handle) = tower_test::mock::pair::<Request<()>, Response<Empty<Bytes>>>();
    let mut service = layer(&recorded).layer(mock);
    handle.send_error("closed");
    let ready = service.poll_ready(&mut task::Context::from_waker(Waker::noop()));
    assert!(matches!(ready, Poll::Ready(Err(error)) if error.to_string() == "closed"));
    assert!(recorded.all().is_empty());
}

#[test]
fn a_service_may_be_local_and_its_error_anything() {
    struct Plain;
    let local = Rc::new(());
    let inner = service_fn(move |_: Request<()>| {
        let local = Rc::clone(&local);
        async move {
            drop(local);
            Err::<Response<Empty<Bytes>>, Plain>(Plain)
        }
    });
    let Poll::Ready(Err(Plain)) =
        poll(pin!(layer(&Recorded::default()).layer(inner).oneshot(request(&[]))))
    else {
        panic!("it fails")
    };
}

#[test]
fn types_are_send_and_sync_as_far_as_the_inner_ones_are() {
    fn check<T: Send + Sync>() {}
    check::<ServerLayer>();
    check::<ServerService<()>>();
    check::<ServerFuture<()>>();
    check::<TracedBody<Empty<Bytes>>>();
}

#[test]
fn a_body_is_as_long_as_the_inner_one() {
    let recorded = Recorded::default();
    let body = traced(&recorded, Full::new(Bytes::from_static(b"all")));
    assert_eq!((body.size_hint().exact(), body.is_end_stream()), (Some(3), false));
    let body = traced(&recorded, Empty::<Bytes>::new());
    assert_eq!((body.size_hint().exact(), body.is_end_stream()), (Some(0), true));
    let body = traced(&recorded, Script::of([Step::Data("a"), Step::Trailers]));
    let Poll::Ready(Ok(collected)) = poll(pin!(body.collect())) else { panic!("it is ready") };
    assert!(collected.trailers().is_some());
    assert_eq!(collected.to_bytes(), "a");
}

#[test]
fn debug_shows_no_header_value_and_no_body() {
    let recorded = Recorded::default();
    let layer = layer(&recorded);
    let headers = [("traceparent", PARENT), ("tracestate", "v=secret"), ("baggage", "a=secret")];
    let inner = service_fn(|_: Request<()>| {
        ready(Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(b"secret")))))
    });
    let mut service = layer.layer(inner);
    let future = service.call(request(&headers));
    let mut shown = format!("{layer:?} {future:?}");
    let Poll::Ready(Ok(response)) = poll(pin!(future)) else { panic!("it is ready") };
    shown += &format!("{response:?}");
    assert!(!shown.contains("secret"), "{shown}");
}
