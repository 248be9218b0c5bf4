//! The contract of a Tower service, beyond what `transparency` shows.

use std::cell::Cell;

use http_body_util::combinators::BoxBody;
use tower_test::mock;

use super::*;

type Mock = mock::Mock<Request<()>, Response<Empty<Bytes>>>;
type Handle = mock::Handle<Request<()>, Response<Empty<Bytes>>>;

fn mocked(recorded: &Recorded) -> (ServerService<Mock>, Handle) {
    let (service, handle) = mock::pair();
    (layer(recorded).layer(service), handle)
}

fn poll_ready<S: Service<Request<()>>>(service: &mut S) -> Poll<Result<(), S::Error>> {
    service.poll_ready(&mut task::Context::from_waker(Waker::noop()))
}

/// A service whose clones have yet to become ready.
#[derive(Default)]
struct Gate {
    open: bool,
}

impl Clone for Gate {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Service<Request<()>> for Gate {
    type Response = Response<Empty<Bytes>>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut task::Context<'_>) -> Poll<Result<(), Infallible>> {
        self.open = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<()>) -> Self::Future {
        assert!(self.open, "this one was not asked whether it is ready");
        ready(Ok(Response::new(Empty::new())))
    }
}

#[test]
fn what_is_called_is_what_was_ready_and_no_clone_of_it() {
    let mut service = layer(&Recorded::default()).layer(Gate::default());
    assert!(poll_ready(&mut service).is_ready());
    let mut clone = service.clone();
    assert!(poll(pin!(service.call(request(&[])))).is_ready());
    assert!(catch_unwind(AssertUnwindSafe(|| clone.call(request(&[])))).is_err());
}

#[test]
fn an_error_of_the_mock_after_the_call_is_the_callers() {
    let recorded = Recorded::default();
    let (mut service, mut handle) = mocked(&recorded);
    assert!(poll_ready(&mut service).is_ready());
    let mut future = pin!(service.call(request(&[])));
    let Poll::Ready(Some((_, answer))) = poll(pin!(handle.next_request())) else {
        panic!("it was sent")
    };
    answer.send_error("gone");
    let Poll::Ready(Err(error)) = poll(future.as_mut()) else { panic!("it failed") };
    assert_eq!(error.to_string(), "gone");
    assert_eq!(error_type(&recorded.one()).as_deref(), Some("_OTHER"));
}

#[test]
fn a_future_that_is_never_polled_holds_its_span_open_until_it_is_dropped() {
    let recorded = Recorded::default();
    let (mut service, _handle) = mocked(&recorded);
    assert!(poll_ready(&mut service).is_ready());
    let future = service.call(request(&[]));
    assert!(recorded.all().is_empty());
    drop(future);
    assert_eq!(error_type(&recorded.one()).as_deref(), Some("cancelled"));
}

#[test]
fn polling_a_future_after_its_end_is_up_to_the_inner_one_and_makes_no_span() {
    let recorded = Recorded::default();
    let inner = service_fn(async |_: Request<()>| {
        Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
    });
    let mut service = layer(&recorded).layer(inner);
    let mut future = pin!(service.call(request(&[])));
    assert!(poll(future.as_mut()).is_ready());
    assert!(catch_unwind(AssertUnwindSafe(|| poll(future.as_mut()))).is_err(), "async fns panic");
    assert_eq!(error_type(&recorded.one()), None);
    assert!(TraceContext::current().is_empty());
}

#[test]
fn a_request_may_move_between_threads() {
    let (recorded, seen) = (Recorded::default(), Seen::default());
    let inner = service_fn(|_: Request<()>| {
        let seen = seen.clone();
        seen.note("call");
        ready(Ok::<_, Infallible>(Response::new(NotingBody(seen))))
    });
    let mut service = layer(&recorded).layer(inner);
    let future = service.call(request(&[]));
    let body = std::thread::scope(|scope| {
        let answered = scope.spawn(|| match poll(pin!(future)) {
            Poll::Ready(Ok(response)) => response.into_body(),
            _ => panic!("it is ready"),
        });
        answered.join().unwrap()
    });
    std::thread::scope(|scope| {
        scope.spawn(|| {
            assert!(poll_frame(pin!(body)).is_ready());
            assert!(TraceContext::current().is_empty());
        });
    });
    let id = recorded.one().span_context.span_id().to_string();
    assert_eq!(seen.inside(), ["call", "body"].map(|place| (place, Some(id.clone()))));
}

#[test]
fn a_future_is_sync_even_if_its_request_is_not() {
    fn sync<T: Sync>(value: T) -> T {
        value
    }
    let inner = service_fn(|request: Request<Cell<u8>>| {
        drop(request);
        ready(Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new())))
    });
    let mut service = layer(&Recorded::default()).layer(inner);
    let request = Request::new(Cell::new(1));
    assert!(poll(pin!(sync(service.call(request)))).is_ready());
}

#[test]
fn every_kind_of_error_passes_as_it_is() {
    fn fails<E: std::fmt::Debug>(error: E) -> String {
        let recorded = Recorded::default();
        let mut error = Some(error);
        let inner = service_fn(move |_: Request<()>| {
            ready(Err::<Response<Empty<Bytes>>, E>(error.take().unwrap()))
        });
        let mut service = layer(&recorded).layer(inner);
        assert!(matches!(poll(pin!(service.call(request(&[])))), Poll::Ready(Err(_))));
        error_type(&recorded.one()).unwrap()
    }
    assert_eq!(fails(std::fmt::Error), "core::fmt::Error");
    assert_eq!(fails(BoxError::from("boxed")), "_OTHER");
    assert_eq!(fails("borrowed"), "_OTHER");
    assert_eq!(fails(Rc::new(1)), "_OTHER");
    assert_eq!(fails(7_u8), "u8");
}

#[test]
fn an_error_in_the_first_frame_is_one_after_the_headers() {
    let recorded = Recorded::default();
    let mut body = pin!(traced(&recorded, Script::of([Step::Fail])));
    assert!(matches!(poll_frame(body.as_mut()), Poll::Ready(Some(Err(_)))));
    assert_eq!(error_type(&recorded.one()).as_deref(), Some("core::fmt::Error"));
}

#[test]
fn polling_a_body_after_its_end_is_up_to_the_inner_one_and_makes_no_span() {
    for last in [None, Some(Step::Trailers), Some(Step::Fail)] {
        let recorded = Recorded::default();
        let steps = [Step::Data("text")].into_iter().chain(last);
        let mut body = pin!(traced(&recorded, Script::of(steps)));
        for _ in 0..4 {
            assert!(poll_frame(body.as_mut()).is_ready());
        }
        recorded.one();
        assert!(matches!(poll_frame(body.as_mut()), Poll::Ready(None)));
        recorded.one();
        assert!(TraceContext::current().is_empty());
    }
}

#[test]
fn a_boxed_body_and_one_that_is_collected_elsewhere_end_their_span() {
    let recorded = Recorded::default();
    let body = traced(&recorded, Full::new(Bytes::from_static(b"all")));
    let boxed: BoxBody<Bytes, Infallible> = body.boxed();
    let collected = std::thread::spawn(move || match poll(pin!(boxed.collect())) {
        Poll::Ready(Ok(collected)) => collected.to_bytes(),
        _ => panic!("it is ready"),
    });
    assert_eq!(collected.join().unwrap(), "all");
    assert_eq!(error_type(&recorded.one()), None);
}

#[tokio::test(start_paused = true)]
async fn a_timeout_around_the_layer_is_a_cancellation() {
    let recorded = Recorded::default();
    let inner =
        service_fn(|_: Request<()>| pending::<Result<Response<Empty<Bytes>>, Infallible>>());
    let future = layer(&recorded).layer(inner).oneshot(request(&[]));
    assert!(tokio::time::timeout(std::time::Duration::from_secs(1), future).await.is_err());
    assert_eq!(error_type(&recorded.one()).as_deref(), Some("cancelled"));
}

#[tokio::test]
async fn the_loser_of_a_select_is_cancelled() {
    let recorded = Recorded::default();
    let inner =
        service_fn(|_: Request<()>| pending::<Result<Response<Empty<Bytes>>, Infallible>>());
    let future = layer(&recorded).layer(inner).oneshot(request(&[]));
    tokio::select! {
        biased;
        _ = future => panic!("it never ends"),
        () = ready(()) => {}
    }
    assert_eq!(error_type(&recorded.one()).as_deref(), Some("cancelled"));
}

#[test]
fn a_runtime_that_shuts_down_in_mid_request_cancels_it() {
    let recorded = Recorded::default();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (started, starts) = std::sync::mpsc::channel();
    let mut service = layer(&recorded).layer(service_fn(move |_: Request<()>| {
        started.send(()).unwrap();
        pending::<Result<Response<Empty<Bytes>>, Infallible>>()
    }));
    runtime.spawn(async move { service.call(request(&[])).await });
    runtime.block_on(tokio::task::yield_now());
    starts.recv().unwrap();
    assert!(recorded.all().is_empty());
    drop(runtime);
    assert_eq!(error_type(&recorded.one()).as_deref(), Some("cancelled"));
}

#[tokio::test]
async fn a_spawned_task_with_the_context_does_not_stretch_the_span() {
    use crate::otel::ContextFuture;
    let recorded = Recorded::default();
    let (go, goes) = tokio::sync::oneshot::channel::<()>();
    let mut task = None;
    let mut goes = Some(goes);
    let inner = service_fn(|_: Request<()>| {
        let goes = goes.take().unwrap();
        let work = async move {
            goes.await.unwrap();
            TraceContext::current().parent().map(|parent| parent.parent_id().to_string())
        };
        task = Some(tokio::spawn(work.in_context(Context::current())));
        ready(Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new())))
    });
    let mut service = layer(&recorded).layer(inner);
    service.call(request(&[])).await.unwrap();
    drop(service);
    let span = recorded.one();
    go.send(()).unwrap();
    let seen = task.unwrap().await.unwrap();
    assert_eq!(seen, Some(span.span_context.span_id().to_string()), "the task has its parent");
    assert_eq!(recorded.all().len(), 1);
}
