//! Requests and messages as real SDKs send them.

use http::{HeaderMap, HeaderName, HeaderValue};
use throughline::context::{Baggage, Decision, SpanId, TraceId, TraceParent, TraceState};

mod message;
mod sdk;

pub use sdk::Sdk;

/// Somebody who calls the code under test: an SDK, the ids of its span, its decision, its baggage.
///
/// The ids are the same in every run unless they are set, so that snapshots can hold them; the
/// decision is "sampled".
///
/// ```
/// use throughline::context::Decision;
/// use throughline_testkit::{Caller, Sdk};
///
/// let caller = Caller::new(Sdk::SentryPython).with_decision(Decision::Deferred);
/// let headers = caller.headers();
/// assert_eq!(headers["sentry-trace"], "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331");
/// assert!(!headers.contains_key("traceparent"), "no Sentry SDK but JavaScript's sends it");
/// ```
///
/// As the request of a test:
///
/// ```
/// # use throughline_testkit::{Caller, Sdk};
/// let mut request = http::Request::new(());
/// request.headers_mut().extend(
///     Caller::new(Sdk::OpenTelemetry).with_baggage("tenant", "7").headers(),
/// );
/// assert_eq!(request.headers()["baggage"], "tenant=7");
/// ```
#[derive(Clone, Debug)]
pub struct Caller {
    sdk: Sdk,
    parent: TraceParent,
    trace_state: TraceState,
    baggage: Baggage,
}

impl Caller {
    /// A caller that has sampled its trace, without baggage and `tracestate` of an application.
    ///
    /// ```
    /// # use throughline_testkit::{Caller, Sdk};
    /// let headers = Caller::new(Sdk::OpenTelemetry).headers();
    /// assert_eq!(
    ///     headers["traceparent"],
    ///     "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    /// );
    /// ```
    pub fn new(sdk: Sdk) -> Self {
        Self {
            sdk,
            parent: known_parent(),
            trace_state: TraceState::default(),
            baggage: Baggage::default(),
        }
    }

    /// Sets ids and decision. The random bit is the SDK's matter.
    ///
    /// ```
    /// # use throughline_testkit::{Caller, Sdk};
    /// use throughline::context::{Decision, SpanId, TraceId, TraceParent};
    ///
    /// let parent = TraceParent::new(TraceId::random(), SpanId::random(), Decision::NotSampled);
    /// let headers = Caller::new(Sdk::SentryJs).with_parent(parent).headers();
    /// assert!(headers["sentry-trace"].to_str().unwrap().ends_with("-0"));
    /// ```
    #[must_use]
    pub fn with_parent(self, parent: TraceParent) -> Self {
        Self { parent: parent.with_random(false), ..self }
    }

    /// Sets the decision. A `traceparent` has no form for a deferred one and says 00 then.
    ///
    /// ```
    /// # use throughline::context::Decision;
    /// # use throughline_testkit::{Caller, Sdk};
    /// let caller = Caller::new(Sdk::SentryJs).with_decision(Decision::NotSampled);
    /// assert_eq!(caller.parent().sampled(), Some(false));
    /// ```
    #[must_use]
    pub fn with_decision(self, decision: Decision) -> Self {
        Self { parent: self.parent.child(self.parent.parent_id(), decision), ..self }
    }

    /// Sets what the vendors before this caller left. Sentry's SDKs send none.
    ///
    /// ```
    /// # use throughline_testkit::{Caller, Sdk};
    /// let caller = Caller::new(Sdk::OpenTelemetry).with_trace_state("vendor=1".parse().unwrap());
    /// assert_eq!(caller.headers()["tracestate"], "vendor=1");
    /// ```
    #[must_use]
    pub fn with_trace_state(self, trace_state: TraceState) -> Self {
        Self { trace_state, ..self }
    }

    /// Adds a member of the application's own baggage.
    ///
    /// ```
    /// # use throughline_testkit::{Caller, Sdk};
    /// let headers = Caller::new(Sdk::OpenTelemetry).with_baggage("user", "a b").headers();
    /// assert_eq!(headers["baggage"], "user=a%20b");
    /// ```
    ///
    /// # Panics
    /// If the key is not a token, or the baggage is full. The message has neither key nor value.
    #[must_use]
    #[track_caller]
    pub fn with_baggage(mut self, key: &str, value: &str) -> Self {
        if let Err(error) = self.baggage.push(key, value) {
            panic!("{error}");
        }
        self
    }

    /// Ids and decision of the caller's span: the parent of what it calls.
    ///
    /// ```
    /// # use throughline_testkit::{Caller, Sdk};
    /// let parent = Caller::new(Sdk::SentryRust).parent();
    /// assert_eq!(parent.trace_id().to_string(), "0af7651916cd43dd8448eb211c80319c");
    /// ```
    pub fn parent(&self) -> TraceParent {
        self.parent
    }

    /// What the SDK sends, by name, for carriers other than HTTP.
    ///
    /// ```
    /// # use throughline_testkit::{Caller, Sdk};
    /// let fields = Caller::new(Sdk::OpenTelemetryRust).fields();
    /// assert_eq!(fields[1], ("tracestate", String::new()), "sent though it is empty");
    /// ```
    pub fn fields(&self) -> Vec<(&'static str, String)> {
        self.sdk.fields(&self.parent, &self.trace_state, &self.baggage)
    }

    /// What the SDK sends, as the headers of a request.
    ///
    /// ```
    /// # use throughline_testkit::{Caller, Sdk};
    /// assert_eq!(Caller::new(Sdk::SentryRust).headers().len(), 1, "no baggage");
    /// ```
    pub fn headers(&self) -> HeaderMap {
        let header = |(name, value): (&'static str, String)| {
            // Formats and the values of `context` hold visible ASCII and spaces only.
            HeaderValue::try_from(value).ok().map(|value| (HeaderName::from_static(name), value))
        };
        self.fields().into_iter().filter_map(header).collect()
    }
}

/// The ids of the examples in the W3C's text, which everybody recognizes in a log.
fn known_parent() -> TraceParent {
    let ids = TraceId::from_u128(0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c)
        .zip(SpanId::from_u64(0xb7ad_6b71_6920_3331));
    match ids {
        Some((trace_id, span_id)) => TraceParent::new(trace_id, span_id, Decision::Sampled),
        None => unreachable!("neither id is zero"),
    }
}
