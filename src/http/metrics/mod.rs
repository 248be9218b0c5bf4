//! What both sides measure, with the attributes of the stable
//! [semantic conventions for HTTP metrics](https://opentelemetry.io/docs/specs/semconv/http/http-metrics/).

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::{Duration, Instant};

use ::http::StatusCode;
use opentelemetry::metrics::Meter;
use opentelemetry::{KeyValue, StringValue, global};

#[cfg(feature = "bound-metrics")]
use self::bound::Bound;
use self::instruments::{Instruments, ServerInstruments};
use super::grpc;
use super::semconv::{self, KnownMethod};
use super::side::Side;
use super::spans::scope;
use crate::limits;

#[cfg(feature = "bound-metrics")]
mod bound;
mod instruments;
#[cfg(test)]
mod tests;

/// The metrics of one layer: `http.server.*` or `http.client.*`, and of calls of gRPC the duration as
/// `rpc.server.*` or `rpc.client.*` in their place.
///
/// Their sets of attributes are built once and kept, since requests differ in few of them.
pub(super) struct Metrics {
    side: Side,
    source: Source,
    instruments: OnceLock<Instruments>,
    series: RwLock<HashMap<u64, Arc<Series>, BuildHasherDefault<Fnv>>>,
}

impl Metrics {
    /// Measures with the global meter provider, as it is when the first request comes.
    pub(super) fn global(side: Side) -> Self {
        Self::with_source(side, Source::Global)
    }

    /// Measures with this meter.
    pub(super) fn of(side: Side, meter: Meter) -> Self {
        Self::with_source(side, Source::Given(meter))
    }

    /// Measures with this meter, whose instruments can be bound to their attributes.
    #[cfg(feature = "bound-metrics")]
    pub(super) fn bound(side: Side, meter: Meter) -> Self {
        Self::with_source(side, Source::Bindable(meter))
    }

    fn with_source(side: Side, source: Source) -> Self {
        Self { side, source, instruments: OnceLock::new(), series: RwLock::default() }
    }

    /// Begins to measure a request, with the bytes of its body as far as they are announced. Whatever
    /// happens to what is returned, the request counts as
    /// active exactly until then.
    pub(super) fn begin(self: &Arc<Self>, labels: Labels, request_bytes: Option<u64>) -> Metered {
        let active = self.instruments().server.as_ref().map(|server| {
            let series = self.series(&Key {
                labels: &Labels { version: None, server: None, ..labels.clone() },
                status: None,
                error_type: None,
                route: None,
                call: None,
            });
            series.add_active(server, 1);
            series
        });
        let metrics = Arc::clone(self);
        Metered { metrics, labels, request_bytes, started: Instant::now(), active }
    }

    fn record(&self, metered: &Metered, ended: &Ended<'_>) {
        let Ended { status, error_type, route, call, .. } = *ended;
        let key = Key { labels: &metered.labels, status, error_type, route, call };
        let measured = Measured {
            elapsed: metered.started.elapsed(),
            request_bytes: metered.request_bytes,
            response_bytes: ended.response_bytes,
        };
        if ended.labels.is_empty() {
            return self.series(&key).record(self.instruments(), measured);
        }
        // A handler's own labels are not kept: nobody knows how many there are.
        let mut attributes = key.attributes();
        attributes.retain(|known| ended.labels.iter().all(|label| label.key != known.key));
        attributes.extend_from_slice(&ended.labels);
        Series::unbound(&key, attributes).record(self.instruments(), measured);
    }

    fn series(&self, key: &Key<'_>) -> Arc<Series> {
        let mut hash = Fnv::default();
        key.hash(&mut hash);
        let hash = hash.finish();
        let known = self.series.read().unwrap_or_else(PoisonError::into_inner);
        let same_hash = known.get(&hash).map(Arc::clone);
        let full = known.len() >= limits::METRIC_SERIES;
        drop(known);
        match same_hash {
            Some(series) if series.is_of(key) => series,
            Some(_) => Arc::new(Series::unbound(key, key.attributes())),
            None if full => Arc::new(Series::unbound(key, key.attributes())),
            None => self.keep(hash, key),
        }
    }

    #[cold]
    fn keep(&self, hash: u64, key: &Key<'_>) -> Arc<Series> {
        let series = Series::unbound(key, key.attributes());
        #[cfg(feature = "bound-metrics")]
        let series = match self.source {
            Source::Bindable(_) => Series { bound: Some(Bound::default()), ..series },
            _ => series,
        };
        let series = Arc::new(series);
        let mut known = self.series.write().unwrap_or_else(PoisonError::into_inner);
        known.insert(hash, Arc::clone(&series));
        series
    }

    fn instruments(&self) -> &Instruments {
        self.instruments.get_or_init(|| match &self.source {
            Source::Global => Instruments::of(self.side, &global::meter_with_scope(scope())),
            Source::Given(meter) => Instruments::of(self.side, meter),
            #[cfg(feature = "bound-metrics")]
            Source::Bindable(meter) => Instruments::of(self.side, meter),
        })
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").field("side", &self.side).finish_non_exhaustive()
    }
}

/// Where instruments come from.
enum Source {
    Global,
    Given(Meter),
    #[cfg(feature = "bound-metrics")]
    Bindable(Meter),
}

/// What is known of a request from its start.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Labels {
    pub(super) method: KnownMethod,
    /// A server's; a client's series have it only if somebody asks for it.
    pub(super) scheme: Option<&'static str>,
    pub(super) version: Option<&'static str>,
    /// Address and port of the server that a client calls.
    pub(super) server: Option<(Arc<str>, Option<u16>)>,
    /// The pattern that a client made the path from.
    pub(super) template: Option<&'static str>,
}

/// What is known of a request at its end.
#[derive(Debug, Default)]
pub(super) struct Ended<'a> {
    pub(super) status: Option<StatusCode>,
    pub(super) error_type: Option<&'a str>,
    /// The pattern that a server matched the path with.
    pub(super) route: Option<&'a str>,
    /// What a handler added.
    pub(super) labels: Vec<KeyValue>,
    /// Bytes of the response's body that were handed over.
    pub(super) response_bytes: Option<u64>,
    pub(super) call: Option<Call<'a>>,
}

/// What is known of a call of gRPC at its end.
#[derive(Clone, Copy, Debug, Hash)]
pub(super) struct Call<'a> {
    pub(super) method: &'a str,
    pub(super) status: Option<&'static str>,
}

/// A request that is being measured.
#[derive(Debug)]
#[must_use = "a request is active until this is dropped"]
pub(super) struct Metered {
    metrics: Arc<Metrics>,
    labels: Labels,
    request_bytes: Option<u64>,
    started: Instant,
    active: Option<Arc<Series>>,
}

impl Metered {
    /// Records the request, which is no longer active then.
    pub(super) fn end(self, ended: Ended<'_>) {
        self.metrics.record(&self, &ended);
    }
}

impl Drop for Metered {
    fn drop(&mut self) {
        if let (Some(series), Some(server)) =
            (self.active.take(), &self.metrics.instruments().server)
        {
            series.add_active(server, -1);
        }
    }
}

/// The numbers of a request.
#[derive(Clone, Copy)]
struct Measured {
    elapsed: Duration,
    request_bytes: Option<u64>,
    response_bytes: Option<u64>,
}

/// What tells series apart.
#[derive(Clone, Copy, Hash)]
struct Key<'a> {
    labels: &'a Labels,
    status: Option<StatusCode>,
    error_type: Option<&'a str>,
    route: Option<&'a str>,
    call: Option<Call<'a>>,
}

impl Key<'_> {
    fn attributes(&self) -> Vec<KeyValue> {
        match self.call {
            Some(call) => self.rpc_attributes(call),
            None => self.http_attributes(),
        }
    }

    fn rpc_attributes(&self, call: Call<'_>) -> Vec<KeyValue> {
        let [address, port] = self.server();
        [
            Some(KeyValue::new(grpc::RPC_SYSTEM_NAME, grpc::SYSTEM)),
            Some(KeyValue::new(grpc::RPC_METHOD, call.method.to_owned())),
            call.status.map(|status| KeyValue::new(grpc::RPC_RESPONSE_STATUS_CODE, status)),
            self.error_type.map(|error| KeyValue::new(semconv::ERROR_TYPE, error.to_owned())),
            address,
            port,
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    fn http_attributes(&self) -> Vec<KeyValue> {
        let labels = self.labels;
        let owned = |text: &str| StringValue::from(text.to_owned());
        let [address, port] = self.server();
        let status = self.status.map(|status| i64::from(status.as_u16()));
        [
            Some(KeyValue::new(semconv::HTTP_REQUEST_METHOD, labels.method.attribute())),
            labels.scheme.map(|scheme| KeyValue::new(semconv::URL_SCHEME, scheme)),
            address,
            port,
            labels.version.map(|v| KeyValue::new(semconv::NETWORK_PROTOCOL_VERSION, v)),
            status.map(|status| KeyValue::new(semconv::HTTP_RESPONSE_STATUS_CODE, status)),
            self.error_type.map(|error| KeyValue::new(semconv::ERROR_TYPE, owned(error))),
            self.route.map(|route| KeyValue::new(semconv::HTTP_ROUTE, owned(route))),
            labels.template.map(|template| KeyValue::new(semconv::URL_TEMPLATE, template)),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// Address and port, as far as they are known.
    fn server(&self) -> [Option<KeyValue>; 2] {
        let Some((address, port)) = &self.labels.server else { return [None, None] };
        let port = port.map(|port| KeyValue::new(semconv::SERVER_PORT, i64::from(port)));
        [Some(KeyValue::new(semconv::SERVER_ADDRESS, Arc::clone(address))), port]
    }
}

/// One set of attributes.
struct Series {
    labels: Labels,
    status: Option<StatusCode>,
    error_type: Option<Box<str>>,
    route: Option<Box<str>>,
    /// Method and status of a call of gRPC.
    call: Option<(Box<str>, Option<&'static str>)>,
    attributes: Vec<KeyValue>,
    #[cfg(feature = "bound-metrics")]
    bound: Option<Bound>,
}

impl Series {
    fn unbound(key: &Key<'_>, attributes: Vec<KeyValue>) -> Self {
        Self {
            labels: key.labels.clone(),
            status: key.status,
            error_type: key.error_type.map(Box::from),
            route: key.route.map(Box::from),
            call: key.call.map(|call| (call.method.into(), call.status)),
            attributes,
            #[cfg(feature = "bound-metrics")]
            bound: None,
        }
    }

    /// Two keys may have one hash.
    fn is_of(&self, key: &Key<'_>) -> bool {
        self.labels == *key.labels
            && self.status == key.status
            && self.error_type.as_deref() == key.error_type
            && self.route.as_deref() == key.route
            && self.call.as_ref().map(|(method, status)| (&**method, *status))
                == key.call.map(|call| (call.method, call.status))
    }

    fn add_active(&self, server: &ServerInstruments, change: i64) {
        #[cfg(feature = "bound-metrics")]
        if let Some(bound) = &self.bound {
            return bound.add_active(server, change, &self.attributes);
        }
        server.active_requests.add(change, &self.attributes);
    }

    fn record(&self, instruments: &Instruments, measured: Measured) {
        #[cfg(feature = "bound-metrics")]
        if let Some(bound) = &self.bound {
            return bound.record(instruments, measured, self);
        }
        let of_call = self.call.is_some();
        let duration = instruments.duration(of_call);
        duration.record(measured.elapsed.as_secs_f64(), &self.attributes);
        // The conventions have no sizes of calls.
        if let Some(server) = instruments.server.as_ref().filter(|_| !of_call) {
            for (histogram, bytes) in [
                (&server.request_body_size, measured.request_bytes),
                (&server.response_body_size, measured.response_bytes),
            ] {
                if let Some(bytes) = bytes {
                    histogram.record(bytes, &self.attributes);
                }
            }
        }
    }
}

impl fmt::Debug for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Series").field("attributes", &self.attributes).finish_non_exhaustive()
    }
}

/// The hash of Fowler, Noll and Vo: a third of the standard one's instructions on keys this short. Who
/// finds keys that collide gains nothing, since the table is bounded and keeps the first.
struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for Fnv {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = (self.0 ^ word).wrapping_mul(0x100_0000_01b3);
    }

    fn write_usize(&mut self, word: usize) {
        self.write_u64(word as u64);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
