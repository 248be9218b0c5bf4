//! The service that this library traces: an axum server and a hyper client with its layers.

use std::time::Duration;

use anyhow::Context as _;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use axum::{Json, Router};
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use opentelemetry::Context;
use opentelemetry_sdk::trace::Sampler;
use serde::Deserialize;
use throughline::context::{self, SpanId, TraceContext, TraceId, TraceParent};
use throughline::http::{ClientLayer, ClientService, ServerLayer};
use throughline::otel::{ContextExt, ContextFuture, ParentBased};
use throughline::propagation::{Format, Propagator, SentryConfig};
use throughline_testkit::{InMemorySpans, SpanRecord};
use tokio::net::TcpListener;
use tower::{Layer, ServiceExt};

use crate::report::{Decision, Report};

/// What the service does with a trace on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hop {
    /// Opens spans, and decides if nobody has: every such trace is sampled.
    Span,
    /// Passes everything on as it came.
    Pass,
}

impl Hop {
    pub(crate) const ALL: [Self; 2] = [Self::Span, Self::Pass];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Span => "span",
            Self::Pass => "pass",
        }
    }
}

/// The running service.
#[derive(Clone, Debug)]
pub(crate) struct Us {
    address: String,
    spans: InMemorySpans,
}

impl Us {
    /// Listens on a free port of the loopback interface.
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let spans = InMemorySpans::for_service("us").sampler(ParentBased::new(Sampler::AlwaysOn));
        let forward = Propagator::default().forward_baggage(true);
        let traced = Router::new()
            .route("/span", get(answer))
            .with_state(client(ClientLayer::new().tracer_provider(spans.provider()), &forward))
            .layer(ServerLayer::new().tracer_provider(spans.provider()));
        let passing = Router::new()
            .route("/pass", get(answer))
            .with_state(client(ClientLayer::propagate_only(), &forward))
            .layer(ServerLayer::propagate_only());
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = format!("http://{}", listener.local_addr()?);
        tokio::spawn(async move { axum::serve(listener, traced.merge(passing)).await });
        Ok(Self { address, spans })
    }

    /// The address at which a trace takes this hop, then goes on to `next`.
    pub(crate) fn url(&self, hop: Hop, next: Option<&str>) -> String {
        via(&format!("{}/{}", self.address, hop.name()), next)
    }

    /// Begins a trace and calls `url` in it. With baggage there is a dynamic sampling context too.
    /// Writes one format, or all.
    pub(crate) async fn begin(
        &self,
        url: &str,
        decision: Decision,
        baggage: Option<&[(&str, &str)]>,
        format: Option<Format>,
    ) -> anyhow::Result<Report> {
        let mut propagator = Propagator::default();
        if let Some(format) = format {
            propagator = propagator.emit([format]);
        }
        if baggage.is_some() {
            let config = SentryConfig::new().public_key("public").release("us@1.0");
            let config = config.environment("interop test").org_id("42");
            let rate = if decision == Decision::Unsampled { 0.0 } else { 1.0 };
            propagator = propagator.forward_baggage(true).sentry(config.sample_rate(rate));
        }
        let mut trace = TraceContext::new();
        let layer = match decision {
            Decision::Sampled | Decision::Unsampled => {
                let on = decision == Decision::Sampled;
                let sampler = if on { Sampler::AlwaysOn } else { Sampler::AlwaysOff };
                let provider = self.spans.clone().sampler(sampler).provider();
                ClientLayer::new().tracer_provider(provider)
            }
            Decision::Deferred => {
                trace = TraceContext::from(undecided().context("an id is zero")?);
                ClientLayer::propagate_only()
            }
        };
        for (key, value) in baggage.unwrap_or_default() {
            trace.baggage_mut().push(key, value)?;
        }
        let call = call(client(layer, &propagator), url.to_owned());
        let next = call.in_context(Context::new().with_trace_context(trace)).await?;
        Ok(Report { next: Some(Box::new(next)), ..Report::default() })
    }

    /// A span that has ended or is about to.
    pub(crate) async fn span(&self, id: &str) -> anyhow::Result<SpanRecord> {
        let named = |spans: &[SpanRecord]| spans.iter().find(|span| span.span_id == id).cloned();
        let spans = self.spans.wait_for(|spans| named(spans).is_some(), SPAN_LIMIT).await;
        named(&spans.with_context(|| format!("no span {id} of ours"))?).context("it was there")
    }
}

/// `address`, asked to go on to `next`.
pub(crate) fn via(address: &str, next: Option<&str>) -> String {
    let encode =
        |next| percent_encoding::utf8_percent_encode(next, percent_encoding::NON_ALPHANUMERIC);
    match next {
        Some(next) => format!("{address}?next={}", encode(next)),
        None => address.to_owned(),
    }
}

type Http = ClientService<Client<HttpConnector, Empty<Bytes>>>;

fn client(layer: ClientLayer, propagator: &Propagator) -> Http {
    let client = Client::builder(TokioExecutor::new()).build_http();
    layer.propagation(propagator.clone()).layer(client)
}

async fn call(http: Http, url: String) -> anyhow::Result<Report> {
    let response = http.oneshot(Request::get(url).body(Empty::new())?).await?;
    let (head, body) = response.into_parts();
    let body = body.collect().await?.to_bytes();
    let text = String::from_utf8_lossy(&body);
    anyhow::ensure!(head.status == StatusCode::OK, "status {}: {text}", head.status);
    Ok(serde_json::from_slice(&body)?)
}

#[derive(Deserialize)]
struct Way {
    next: Option<String>,
}

async fn answer(
    State(http): State<Http>,
    Query(way): Query<Way>,
    headers: HeaderMap,
) -> Result<Json<Report>, (StatusCode, String)> {
    let trace = TraceContext::current();
    let next = match way.next {
        Some(url) => Some(Box::new(
            call(http, url)
                .await
                .map_err(|error| (StatusCode::BAD_GATEWAY, format!("{error:#}")))?,
        )),
        None => None,
    };
    let parent = trace.parent();
    let pair = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    Ok(Json(Report {
        trace_id: parent.map(|parent| parent.trace_id().to_string()).unwrap_or_default(),
        parent_id: parent.map(|parent| parent.parent_id().to_string()),
        decision: parent.map(|parent| match parent.sampled() {
            Some(true) => Decision::Sampled,
            Some(false) => Decision::Unsampled,
            None => Decision::Deferred,
        }),
        headers: headers.iter().map(pair).collect(),
        kept_baggage: trace.baggage().as_str().to_owned(),
        kept_random: parent.is_some_and(TraceParent::random),
        next,
        ..Report::default()
    }))
}

/// A new trace whose decision nobody has made.
fn undecided() -> Option<TraceParent> {
    let trace = TraceId::from_u128(fastrand::u128(..))?;
    let span = SpanId::from_u64(fastrand::u64(..))?;
    Some(TraceParent::new(trace, span, context::Decision::Deferred))
}

/// A span ends when its response has been sent, which the other side may see first.
const SPAN_LIMIT: Duration = Duration::from_secs(10);
