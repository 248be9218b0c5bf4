//! What is measured, and that it stops.

use opentelemetry::metrics::Histogram;

use super::*;
use crate::http::SpanHandle;
use crate::http::recorded_metrics::RecordedMetrics;

const DURATION: &str = "http.server.request.duration";
const ACTIVE: &str = "http.server.active_requests";

#[test]
fn a_request_is_measured_with_the_spans_attributes_and_a_handlers_labels() {
    let (recorded, metrics) = (Recorded::default(), RecordedMetrics::new());
    let layer = layer(&recorded).meter_provider(metrics.provider()).route(|_| Some("/users/{id}"));
    let inner = service_fn(|request: Request<()>| {
        if request.headers().contains_key("x-tenant") {
            SpanHandle::current().add_label(KeyValue::new("tenant", "blue"));
        }
        ready(Ok::<_, Infallible>(Response::new(Script::of([Step::Data("abc")]))))
    });
    let mut service = layer.layer(inner);
    for headers in [&[("content-length", "7")][..], &[("x-tenant", "1")]] {
        let Poll::Ready(Ok(response)) = poll(pin!(service.call(request(headers)))) else {
            panic!("it is ready")
        };
        assert_eq!(metrics.of(ACTIVE), ["1 {request} http.request.method=GET url.scheme=http"]);
        assert!(poll(pin!(response.into_body().collect())).is_ready());
    }
    let series = "http.request.method=GET http.response.status_code=200 http.route=/users/{id} \
                  network.protocol.version=1.1";
    assert_eq!(
        metrics.lines(),
        [
            format!("{ACTIVE} 0 {{request}} http.request.method=GET url.scheme=http"),
            format!("http.server.request.body.size 7/1 By {series} url.scheme=http"),
            format!("{DURATION} 1 s {series} tenant=blue url.scheme=http"),
            format!("{DURATION} 1 s {series} url.scheme=http"),
            format!("http.server.response.body.size 3/1 By {series} tenant=blue url.scheme=http"),
            format!("http.server.response.body.size 3/1 By {series} url.scheme=http"),
        ]
    );
}

#[test]
fn requests_without_a_span_are_not_measured_and_unsampled_ones_are() {
    let (recorded, metrics) = (Recorded::default(), RecordedMetrics::new());
    let layer = layer(&recorded).meter_provider(metrics.provider());
    let empty = || Response::new(Empty::<Bytes>::new());
    drop(respond(&layer.clone().filter(|_| false), request(&[]), empty()));
    drop(respond(&layer.clone().metrics(false), request(&[]), empty()));
    assert!(metrics.lines().is_empty());
    let unsampled = PARENT.replace("-01", "-00");
    drop(respond(&layer, request(&[("traceparent", &unsampled)]), empty()));
    assert_eq!(metrics.of(DURATION).len(), 1);
}

#[test]
fn anybodys_method_and_scheme_make_no_series_of_their_own() {
    let (recorded, metrics) = (Recorded::default(), RecordedMetrics::new());
    let layer = layer(&recorded).meter_provider(metrics.provider());
    for name in ["BREW", "BREW2"] {
        let mut request = request(&[]);
        *request.method_mut() = name.parse().unwrap();
        *request.uri_mut() = format!("{name}://host/").parse().unwrap();
        drop(respond(&layer, request, Response::new(Empty::<Bytes>::new())));
    }
    assert_eq!(metrics.of(ACTIVE), ["0 {request} http.request.method=_OTHER url.scheme=_OTHER"]);
    assert_eq!(metrics.of(DURATION).len(), 1);
}

/// Notes the span that is current when a duration is measured: what an exemplar would point to.
#[derive(Clone, Debug, Default)]
struct Pointing(Arc<Mutex<Vec<String>>>);

impl MeterProvider for Pointing {
    fn meter_with_scope(&self, _: InstrumentationScope) -> Meter {
        Meter::new(Arc::new(self.clone()))
    }
}

impl InstrumentProvider for Pointing {
    fn f64_histogram(
        &self,
        _: opentelemetry::metrics::HistogramBuilder<'_, Histogram<f64>>,
    ) -> Histogram<f64> {
        Histogram::new(Arc::new(self.clone()))
    }
}

impl SyncInstrument<f64> for Pointing {
    fn measure(&self, _: f64, _: &[KeyValue]) {
        let id = Context::current().span().span_context().span_id();
        self.0.lock().unwrap().push(id.to_string());
    }
}

#[test]
fn what_is_measured_at_the_end_is_measured_in_the_requests_context() {
    let (recorded, pointing) = (Recorded::default(), Pointing::default());
    let layer = layer(&recorded).meter_provider(pointing.clone());
    drop(respond(&layer, request(&[]), Response::new(Empty::<Bytes>::new())));
    let id = recorded.one().span_context.span_id().to_string();
    assert_eq!(*pointing.0.lock().unwrap(), [id]);
}

/// How a request may go.
#[derive(Clone, Debug)]
enum Way {
    DroppedAtOnce,
    DroppedWhilePending,
    Failed,
    Panicked { in_call: bool },
    Answered { status: u16, steps: Vec<Step>, polls: usize },
}

fn ways() -> impl Strategy<Value = Way> {
    let step = prop_oneof![
        Just(Step::Data("text")),
        Just(Step::Trailers),
        Just(Step::Fail),
        Just(Step::Pending),
        Just(Step::Panic),
    ];
    prop_oneof![
        Just(Way::DroppedAtOnce),
        Just(Way::DroppedWhilePending),
        Just(Way::Failed),
        any::<bool>().prop_map(|in_call| Way::Panicked { in_call }),
        (100_u16..600, prop::collection::vec(step, 0..4), 0_usize..5)
            .prop_map(|(status, steps, polls)| Way::Answered { status, steps, polls }),
    ]
}

/// The requests that are left, in the middle of their ways.
type Left = Vec<Pin<Box<TracedBody<Script>>>>;

fn go(layer: &ServerLayer, way: &Way, left: &mut Left) {
    let inner = service_fn(|_: Request<()>| {
        assert!(!matches!(way, Way::Panicked { in_call: true }), "told to");
        async {
            match way {
                Way::DroppedAtOnce | Way::DroppedWhilePending => pending().await,
                Way::Failed => Err(std::fmt::Error),
                Way::Panicked { .. } => panic!("told to"),
                Way::Answered { status, steps, .. } => {
                    let mut response = Response::new(Script::of(steps.clone()));
                    *response.status_mut() = StatusCode::from_u16(*status).unwrap();
                    Ok(response)
                }
            }
        }
    });
    let mut service = layer.layer(inner);
    let mut future = pin!(service.call(request(&[])));
    if matches!(way, Way::DroppedAtOnce) {
        return;
    }
    let Poll::Ready(Ok(response)) = poll(future.as_mut()) else { return };
    let mut body = Box::pin(response.into_body());
    if let Way::Answered { polls, .. } = way {
        for _ in 0..*polls {
            let _ = poll_frame(body.as_mut());
        }
    }
    left.push(body);
}

proptest! {
    #[test]
    fn active_requests_return_to_zero_after_every_ending(
        ways in prop::collection::vec(ways(), 1..12),
    ) {
        let (recorded, metrics) = (Recorded::default(), RecordedMetrics::new());
        let layer = layer(&recorded).meter_provider(metrics.provider());
        let mut left = Vec::new();
        for way in &ways {
            let _ = catch_unwind(AssertUnwindSafe(|| go(&layer, way, &mut left)));
        }
        let active = left.len() as i64 - ended(&metrics, &ways, left.len());
        prop_assert_eq!(value(&metrics), active);
        drop(left);
        prop_assert_eq!(value(&metrics), 0);
        prop_assert_eq!(recorded.all().len(), ways.len());
        prop_assert_eq!(measured(&metrics), ways.len() as i64);
    }
}

fn value(metrics: &RecordedMetrics) -> i64 {
    metrics.of(ACTIVE).iter().map(|line| first(line)).sum()
}

fn measured(metrics: &RecordedMetrics) -> i64 {
    metrics.of(DURATION).iter().map(|line| first(line)).sum()
}

fn first(line: &str) -> i64 {
    line.split(' ').next().unwrap().parse().unwrap()
}

/// How many of the bodies that are left have ended all the same.
fn ended(metrics: &RecordedMetrics, ways: &[Way], left: usize) -> i64 {
    measured(metrics) - (ways.len() - left) as i64
}
