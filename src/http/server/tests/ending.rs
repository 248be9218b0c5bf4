//! How a span ends: with its body, by a drop, by an error or by a panic, and once.

use super::*;

// With headers or body

#[test]
fn a_span_ends_with_the_last_frame_of_its_body() {
    let recorded = Recorded::default();
    let mut body = pin!(traced(&recorded, Full::new(Bytes::from_static(b"all"))));
    assert!(recorded.all().is_empty(), "the body has not been sent");
    assert!(poll_frame(body.as_mut()).is_ready());
    assert_eq!(error_type(&recorded.one()), None);
}

#[test]
fn a_body_of_unknown_length_ends_its_span_when_it_says_so() {
    let recorded = Recorded::default();
    let mut body =
        pin!(traced(&recorded, Script::of([Step::Data("a"), Step::Pending, Step::Data("b")])));
    for _ in 0..3 {
        let _ = poll_frame(body.as_mut());
        assert!(recorded.all().is_empty());
    }
    assert!(poll_frame(body.as_mut()).is_ready());
    assert_eq!(error_type(&recorded.one()), None);
    assert!(poll_frame(body.as_mut()).is_ready(), "polling after the end is up to the inner body");
    assert_eq!(recorded.all().len(), 1);
}

#[test]
fn a_span_without_a_body_ends_at_the_headers() {
    let recorded = Recorded::default();
    let _body = traced(&recorded, Empty::<Bytes>::new());
    assert_eq!(error_type(&recorded.one()), None);
}

#[test]
fn responses_that_cannot_have_a_body_end_at_the_headers() {
    for (method, status) in [
        (Method::HEAD, 200),
        (Method::GET, 101),
        (Method::GET, 204),
        (Method::GET, 304),
        (Method::CONNECT, 200),
    ] {
        let recorded = Recorded::default();
        let mut request = request(&[]);
        *request.method_mut() = method;
        let mut response = Response::new(Script::of([Step::Data("ignored")]));
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        let response = respond(&layer(&recorded), request, response);
        assert_eq!(error_type(&recorded.one()), None, "{status}");
        drop(response);
        assert_eq!(recorded.all().len(), 1, "{status}");
    }
}

#[test]
fn a_refused_tunnel_has_a_body() {
    let recorded = Recorded::default();
    let mut request = request(&[]);
    *request.method_mut() = Method::CONNECT;
    let mut response = Response::new(Script::of([Step::Data("no")]));
    *response.status_mut() = StatusCode::FORBIDDEN;
    let _response = respond(&layer(&recorded), request, response);
    assert!(recorded.all().is_empty());
}

#[test]
fn a_context_that_is_kept_does_not_delay_the_end() {
    let recorded = Recorded::default();
    let mut kept = None;
    let mut service = layer(&recorded).layer(service_fn(|_: Request<()>| {
        kept = Some(Context::current());
        ready(Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new())))
    }));
    assert!(poll(pin!(service.call(request(&[])))).is_ready());
    assert_eq!(recorded.all().len(), 1);
    drop(service);
    assert!(kept.is_some_and(|cx| cx.has_active_span()));
}

// Cancellation

#[test]
fn a_future_that_is_dropped_before_its_first_poll_is_cancelled() {
    let recorded = Recorded::default();
    let inner = service_fn(|_: Request<()>| {
        ready(Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new())))
    });
    drop(layer(&recorded).layer(inner).call(request(&[])));
    assert_eq!(error_type(&recorded.one()).as_deref(), Some("cancelled"));
}

#[test]
fn a_future_that_is_dropped_while_pending_is_cancelled() {
    let recorded = Recorded::default();
    let inner =
        service_fn(|_: Request<()>| pending::<Result<Response<Empty<Bytes>>, Infallible>>());
    {
        let mut service = layer(&recorded).layer(inner);
        let mut future = pin!(service.call(request(&[])));
        assert!(poll(future.as_mut()).is_pending());
        assert!(recorded.all().is_empty());
    }
    assert_eq!(error_type(&recorded.one()).as_deref(), Some("cancelled"));
}

#[test]
fn a_body_that_is_dropped_before_its_end_is_cancelled() {
    for polls in 0..3 {
        let recorded = Recorded::default();
        {
            let steps = [Step::Data("a"), Step::Pending, Step::Data("b")];
            let mut body = pin!(traced(&recorded, Script::of(steps)));
            for _ in 0..polls {
                let _ = poll_frame(body.as_mut());
            }
            assert!(recorded.all().is_empty());
        }
        let span = recorded.one();
        assert_eq!(error_type(&span).as_deref(), Some("cancelled"), "{polls}");
        assert_eq!(attribute(&span, "http.response.status_code").as_deref(), Some("200"));
    }
}

#[test]
fn a_body_that_is_dropped_after_all_its_bytes_is_not_cancelled() {
    let recorded = Recorded::default();
    let body =
        || Script { steps: [Step::Data("four"), Step::Data("more")].into(), ..Script::default() };
    let sized = Script { size: SizeHint::with_exact(8), ..body() };
    let announced = Response::builder().header("content-length", "8").body(body()).unwrap();
    for response in [Response::new(sized), announced] {
        let mut body = pin!(respond(&layer(&recorded), request(&[]), response).into_body());
        assert!(poll_frame(body.as_mut()).is_ready());
        assert!(poll_frame(body.as_mut()).is_ready());
    }
    let spans = recorded.all();
    assert_eq!(spans.iter().map(error_type).collect::<Vec<_>>(), [None, None]);
}

#[test]
fn a_body_that_is_dropped_after_its_trailers_is_not_cancelled() {
    let recorded = Recorded::default();
    {
        let mut body = pin!(traced(&recorded, Script::of([Step::Data("a"), Step::Trailers])));
        assert!(poll_frame(body.as_mut()).is_ready());
        assert!(poll_frame(body.as_mut()).is_ready());
    }
    assert_eq!(error_type(&recorded.one()), None);
}

// Failures and panics

#[test]
fn an_error_of_the_service_stays_what_it_is_and_names_its_type() {
    let recorded = Recorded::default();
    let inner =
        service_fn(|_: Request<()>| ready(Err::<Response<Empty<Bytes>>, _>(std::fmt::Error)));
    let mut service = layer(&recorded).layer(inner);
    let Poll::Ready(Err(std::fmt::Error)) = poll(pin!(service.call(request(&[])))) else {
        panic!("it fails")
    };
    assert_eq!(error_type(&recorded.one()).as_deref(), Some("core::fmt::Error"));
}

#[test]
fn a_boxed_error_has_no_type_to_name() {
    let recorded = Recorded::default();
    let inner = service_fn(|_: Request<()>| {
        ready(Err::<Response<Empty<Bytes>>, BoxError>(Box::new(std::fmt::Error)))
    });
    assert!(poll(pin!(layer(&recorded).layer(inner).call(request(&[])))).is_ready());
    assert_eq!(error_type(&recorded.one()).as_deref(), Some("_OTHER"));
}

#[test]
fn a_body_that_fails_after_a_200_is_an_error_once() {
    let recorded = Recorded::default();
    {
        let mut body =
            pin!(traced(&recorded, Script::of([Step::Data("a"), Step::Fail, Step::Fail])));
        for _ in 0..3 {
            assert!(poll_frame(body.as_mut()).is_ready());
        }
    }
    let span = recorded.one();
    assert_eq!(error_type(&span).as_deref(), Some("core::fmt::Error"));
    assert_eq!(attribute(&span, "http.response.status_code").as_deref(), Some("200"));
}

#[test]
fn the_first_failure_is_the_one_that_counts() {
    let recorded = Recorded::default();
    let mut response = Response::new(Script::of([Step::Fail]));
    *response.status_mut() = StatusCode::BAD_GATEWAY;
    let mut body = pin!(respond(&layer(&recorded), request(&[]), response).into_body());
    assert!(poll_frame(body.as_mut()).is_ready());
    assert_eq!(error_type(&recorded.one()).as_deref(), Some("502"));
}

#[test]
fn a_panic_is_an_error_and_goes_on() {
    let in_call = Recorded::default();
    let inner = service_fn(
        |_: Request<()>| -> std::future::Ready<Result<Response<Empty<Bytes>>, Infallible>> {
            panic!("told to")
        },
    );
    let mut service = layer(&in_call).layer(inner);
    assert!(catch_unwind(AssertUnwindSafe(|| service.call(request(&[])))).is_err());

    let in_poll = Recorded::default();
    let inner = service_fn(async |_: Request<()>| -> Result<Response<Empty<Bytes>>, Infallible> {
        panic!("told to")
    });
    let mut service = layer(&in_poll).layer(inner);
    assert!(catch_unwind(AssertUnwindSafe(|| poll(pin!(service.call(request(&[])))))).is_err());

    let in_body = Recorded::default();
    let body = traced(&in_body, Script::of([Step::Panic]));
    assert!(catch_unwind(AssertUnwindSafe(|| poll_frame(pin!(body)))).is_err());

    for recorded in [in_call, in_poll, in_body] {
        assert_eq!(error_type(&recorded.one()).as_deref(), Some("panic"));
    }
    assert!(TraceContext::current().is_empty(), "nothing is left behind");
}

#[test]
fn a_panic_that_is_caught_before_the_future_is_dropped_is_still_a_panic() {
    let recorded = Recorded::default();
    let inner = service_fn(async |_: Request<()>| -> Result<Response<Empty<Bytes>>, Infallible> {
        panic!("told to")
    });
    {
        let mut service = layer(&recorded).layer(inner);
        let mut future = pin!(service.call(request(&[])));
        assert!(catch_unwind(AssertUnwindSafe(|| poll(future.as_mut()))).is_err());
    }
    assert_eq!(error_type(&recorded.one()).as_deref(), Some("panic"));
}

proptest! {
    #[test]
    fn every_way_to_end_ends_the_span_once(
        steps in any_steps(),
        polls in 0_usize..8,
        status in 200_u16..600,
    ) {
        let recorded = Recorded::default();
        let mut response = Response::new(Script::of(steps));
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        let body = respond(&layer(&recorded), request(&[]), response).into_body();
        read(body, polls);
        error_type(&recorded.one());
    }
}
