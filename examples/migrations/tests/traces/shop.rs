//! Requests to the shop, and what is asked of their traces.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::{BoxError, Router};
use migrations::Stock;
use opentelemetry_sdk::trace::SdkTracerProvider;
use throughline_testkit::{Caller, InMemorySpans, Kind, SpanRecord};
use tower::{ServiceExt, service_fn};
use tracing::Subscriber;

/// What came of one request.
pub(crate) struct Seen {
    pub(crate) response: Response,
    /// To the stock.
    pub(crate) sent: HeaderMap,
    pub(crate) spans: Vec<SpanRecord>,
    pub(crate) tree: String,
}

impl Seen {
    /// The span of the request.
    pub(crate) fn server(&self) -> &SpanRecord {
        let mut servers = self.spans.iter().filter(|span| span.kind == Kind::Server);
        let (Some(span), None) = (servers.next(), servers.next()) else {
            panic!("not one server span:\n{}", self.tree)
        };
        span
    }

    pub(crate) fn named(&self, name: &str) -> &SpanRecord {
        self.spans.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("{}", self.tree))
    }
}

/// Serves one request on this thread, with this subscriber.
pub(crate) fn seen<S: Subscriber + Send + Sync + 'static>(
    request: Request,
    subscriber: impl FnOnce(&SdkTracerProvider) -> S,
    app: impl FnOnce(Stock, &SdkTracerProvider) -> Router,
) -> Seen {
    let spans = InMemorySpans::for_service("shop");
    let provider = spans.provider();
    let sent = Arc::default();
    let app = app(stock(Arc::clone(&sent), |_| Ok(Response::default())), &provider);
    let response = tracing::subscriber::with_default(subscriber(&provider), || serve(app, request));
    let sent = sent.lock().unwrap().clone();
    Seen { response, sent, spans: spans.finished(), tree: spans.tree() }
}

/// Reads the body as well: only then has the request ended.
pub(crate) fn serve(app: Router, request: Request) -> Response {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
        let (parts, body) = app.oneshot(request).await.unwrap().into_parts();
        let body = axum::body::to_bytes(body, 1024).await.unwrap();
        Response::from_parts(parts, Body::from(body))
    })
}

/// Keeps the headers that it is asked with.
pub(crate) fn stock(
    sent: Arc<Mutex<HeaderMap>>,
    answer: fn(Request) -> Result<Response, BoxError>,
) -> Stock {
    Stock::new(service_fn(move |request: Request| {
        sent.lock().unwrap().clone_from(request.headers());
        std::future::ready(answer(request))
    }))
}

pub(crate) fn closed(_: Request) -> Result<Response, BoxError> {
    Err(io::Error::other("the stock is closed").into())
}

/// An order as this caller makes it.
pub(crate) fn order(caller: &Caller) -> Request {
    let mut request = Request::get("http://shop.example/orders/7?page=2")
        .header("host", "shop.example")
        .header("user-agent", "shop-web/2.4")
        .header("x-tenant", "blue")
        .header("authorization", "Bearer 5e9d2c")
        .body(Body::empty())
        .unwrap();
    request.headers_mut().extend(caller.headers());
    request
}

/// The span says of the request what it said before: whom it continues, its name, and whatever the
/// semantic conventions of HTTP have a name for, but for the attributes that are named here. Headers
/// are nobody's business unless they are asked for.
#[track_caller]
pub(crate) fn says_at_least(after: &SpanRecord, before: &SpanRecord, but_for: &[&str]) {
    let identity = |span: &SpanRecord| (span.trace_id.clone(), span.parent_span_id.clone());
    assert_eq!(identity(after), identity(before));
    assert_eq!((&after.name, after.kind), (&before.name, before.kind));
    let known = |key: &str| {
        let spaces = ["client.", "http.", "network.", "server.", "url.", "user_agent."];
        spaces.iter().any(|space| key.starts_with(space)) && !key.contains(".header.")
    };
    let lost: BTreeSet<_> = before
        .attributes
        .iter()
        .filter(|(key, value)| known(key) && after.attributes.get(*key) != Some(value))
        .map(|(key, _)| key.as_str())
        .collect();
    assert_eq!(lost, but_for.iter().copied().collect(), "{after:#?}\n{before:#?}");
}

/// The stock is told of a span, which lies below this one.
#[track_caller]
pub(crate) fn continues_below<'a>(seen: &'a Seen, ancestor: &SpanRecord) -> &'a SpanRecord {
    let parent = seen.sent["traceparent"].to_str().unwrap();
    let all = seen.spans.iter();
    let told = all.clone().find(|span| parent.contains(&span.span_id));
    let told = told.unwrap_or_else(|| panic!("{}", seen.tree));
    let mut span = told;
    while span.span_id != ancestor.span_id {
        let mut above = all.clone();
        let above = above.find(|above| Some(&above.span_id) == span.parent_span_id.as_ref());
        span = above.unwrap_or_else(|| panic!("{}", seen.tree));
    }
    told
}

#[track_caller]
pub(crate) fn is_ok(response: &Response) {
    assert_eq!(response.status(), StatusCode::OK);
}
