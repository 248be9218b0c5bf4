//! Each peer's server layer around a service that does nothing, warm, with a request to send.

use std::convert::Infallible;

use axum_tracing_opentelemetry::middleware::{OtelAxumLayer, OtelAxumService};
use bytes::Bytes;
use fastrace_tower::{FastraceServerLayer, FastraceServerService};
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body::Body;
use http_body_util::Empty;
use opentelemetry_instrumentation_tower::http::server::Service as ContribService;
use peers_layers::{opentelemetry_instrumentation_tower as contrib, sentry_tower, tower_otel};
use tower::{Layer as _, Service};

use crate::installed;
use crate::server_work::{Bare, drive, request};

/// A service that is leaked, so that no bench counts its drop.
pub(crate) type Input<S, R = ()> = (&'static mut S, Request<R>);

pub(crate) type Contrib = Input<ContribService<Bare>>;
pub(crate) type TowerOtel = Input<::tower_otel::trace::Http<Bare>>;
/// Its metrics ask for a body.
pub(crate) type TowerOtelMeasured =
    Input<::tower_otel::metrics::Http<::tower_otel::trace::Http<Bare>>, Empty<Bytes>>;
pub(crate) type AxumTracing = Input<OtelAxumService<Bare>>;
pub(crate) type Sentry =
    Input<::sentry_tower::NewSentryService<::sentry_tower::SentryHttpService<Bare>, Request<()>>>;
pub(crate) type Fastrace = Input<FastraceServerService<Bare>>;

pub(crate) fn contrib(headers: HeaderMap) -> Contrib {
    installed::opentelemetry();
    warm(contrib::layer(false).layer(Bare), headers, ())
}

pub(crate) fn contrib_measured(headers: HeaderMap) -> Contrib {
    installed::opentelemetry();
    warm(contrib::layer(true).layer(Bare), headers, ())
}

pub(crate) fn tower_otel(headers: HeaderMap) -> TowerOtel {
    installed::tracing();
    warm(tower_otel::spans().layer(Bare), headers, ())
}

pub(crate) fn tower_otel_measured(headers: HeaderMap) -> TowerOtelMeasured {
    let meters = installed::tracing();
    let service = tower_otel::metrics(meters).layer(tower_otel::spans().layer(Bare));
    warm(service, headers, Empty::new())
}

pub(crate) fn axum_tracing(headers: HeaderMap) -> AxumTracing {
    installed::tracing();
    warm(OtelAxumLayer::default().layer(Bare), headers, ())
}

pub(crate) fn sentry(headers: HeaderMap) -> Sentry {
    installed::sentry();
    warm(sentry_tower::around(Bare), headers, ())
}

pub(crate) fn fastrace(headers: HeaderMap) -> Fastrace {
    installed::fastrace();
    warm(FastraceServerLayer::default().layer(Bare), headers, ())
}

/// Sentry's own header in place of `traceparent`.
pub(crate) fn by_sentry(mut headers: HeaderMap, trace: &'static str) -> HeaderMap {
    headers.remove("traceparent");
    headers.insert("sentry-trace", HeaderValue::from_static(trace));
    headers
}

/// Does the work before: what is done once per process is not counted.
fn warm<S, R, B>(service: S, headers: HeaderMap, body: R) -> Input<S, R>
where
    S: Service<Request<R>, Response = Response<B>, Error = Infallible>,
    R: Clone,
    B: Body<Data = Bytes>,
{
    let service = Box::leak(Box::new(service));
    for _ in 0..3 {
        drive(service, request(headers.clone()).map(|()| body.clone()));
    }
    (service, request(headers).map(|()| body))
}

pub(crate) const UNSAMPLED: &str = "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0";
