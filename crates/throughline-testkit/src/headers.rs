//! Whether outgoing headers tell the next service what they should, and nothing stale.
//!
//! ```
//! use http::HeaderMap;
//! use opentelemetry::Context;
//! use opentelemetry::trace::{TraceContextExt, Tracer, TracerProvider};
//! use throughline::otel::ContextExt;
//! use throughline::propagation::Propagator;
//! use throughline_testkit::headers::assert_continues;
//! use throughline_testkit::{Caller, InMemorySpans, Sdk};
//!
//! let spans = InMemorySpans::new();
//! // What is left in a request that is sent again:
//! let mut headers = Caller::new(Sdk::SentryJs).headers();
//! spans.provider().tracer("docs").in_span("GET", |cx| {
//!     Propagator::default().inject(&cx.trace_context(), &mut headers);
//! });
//! assert_continues(&headers, &spans.only());
//! ```
//!
//! Messages name the header, the rule and, of trace headers, ids and decision. They never show
//! baggage or `tracestate`.

use std::collections::HashSet;
use std::fmt;

use http::HeaderMap;
use opentelemetry::trace::SpanContext;
use throughline::context::{Decision, TraceParent};
use throughline::propagation::{Field, Format, Propagator};

use crate::{Caller, SpanRecord};

/// Fails unless these headers make their receiver continue the trace as a child of `span`, by
/// exactly one `traceparent`. Everything else that is there has to say the same: see [`continues`].
///
/// ```
/// use throughline_testkit::headers::assert_continues;
/// use throughline_testkit::{Caller, Sdk};
///
/// let caller = Caller::new(Sdk::OpenTelemetry);
/// assert_continues(&caller.headers(), &caller);
/// ```
///
/// # Panics
/// With the [`Differences`].
#[track_caller]
pub fn assert_continues(headers: &HeaderMap, span: impl Into<Parent>) {
    report(continues(headers, span, Field::TraceParent));
}

/// [`assert_continues`] for a service that speaks to Sentry's SDKs: exactly one `sentry-trace`.
///
/// ```
/// use throughline_testkit::headers::assert_continues_for_sentry;
/// use throughline_testkit::{Caller, Sdk};
///
/// let caller = Caller::new(Sdk::SentryJs);
/// assert_continues_for_sentry(&caller.headers(), &caller);
/// ```
///
/// # Panics
/// With the [`Differences`].
#[track_caller]
pub fn assert_continues_for_sentry(headers: &HeaderMap, span: impl Into<Parent>) {
    report(continues(headers, span, Field::SentryTrace));
}

/// Fails if these headers name a trace in any known format, or hold Sentry's members in baggage
/// (rule TP-9). The application's own baggage may stay.
///
/// ```
/// use throughline_testkit::headers::assert_no_trace;
///
/// assert_no_trace(&http::HeaderMap::new());
/// ```
///
/// # Panics
/// With the [`Differences`].
#[track_caller]
pub fn assert_no_trace(headers: &HeaderMap) {
    let mut found = Differences::default();
    for field in Field::ALL.into_iter().filter(|field| *field != Field::Baggage) {
        if headers.contains_key(field.header_name()) {
            found.add(field, "TP-9", "is there, and there is no trace to send");
        }
    }
    if sentry_keys(headers).next().is_some() {
        found.add(Field::Baggage, "TP-9", "has sentry members, and there is no trace to send");
    }
    report(found.result());
}

/// Fails unless each trace header that was received is sent on, byte for byte (rule TP-10): what a
/// service without spans of its own does. Headers in formats that were not received may be added.
///
/// ```
/// use throughline_testkit::headers::assert_passed_on;
/// use throughline_testkit::{Caller, Sdk};
///
/// let received = Caller::new(Sdk::OpenTelemetryPython).headers();
/// let sent = received.clone();
/// assert_passed_on(&received, &sent);
/// ```
///
/// # Panics
/// With the [`Differences`].
#[track_caller]
pub fn assert_passed_on(received: &HeaderMap, sent: &HeaderMap) {
    let mut found = Differences::default();
    for field in [Field::TraceParent, Field::TraceState, Field::SentryTrace] {
        // An empty tracestate says nothing, and an empty one is never sent (rule TS-4).
        let before = joined(received, field);
        if !before.is_empty() && before != joined(sent, field) {
            found.add(field, "TP-10", "is not what was received");
        }
    }
    report(found.result());
}

/// Whether these headers make their receiver a child of `span`, by a header of the field `required`.
///
/// | what has to hold | rule |
/// |---|---|
/// | the required header is there | BO-3 |
/// | no trace header is there twice | BO-3 |
/// | each follows its format and contradicts no other | by format |
/// | `traceparent` and `sentry-trace` name the span, and its decision | TP-8, SE-3 |
/// | `tracestate` is not empty | TS-4 |
/// | Sentry's members in baggage are of this trace and decision, and each is there once | SE-11, SE-7, BG-11 |
///
/// ```
/// use throughline::propagation::Field;
/// use throughline_testkit::headers::continues;
/// use throughline_testkit::{Caller, Sdk};
///
/// let caller = Caller::new(Sdk::OpenTelemetry);
/// let mut headers = caller.headers();
/// let stale = headers["traceparent"].clone();
/// headers.append("traceparent", stale);
/// let differences = continues(&headers, &caller, Field::TraceParent).unwrap_err();
/// assert!(differences.to_string().contains("traceparent is there 2 times (BO-3)"));
/// ```
///
/// # Errors
/// [`Differences`], all of them.
pub fn continues(
    headers: &HeaderMap,
    span: impl Into<Parent>,
    required: Field,
) -> Result<(), Differences> {
    let Parent(span) = span.into();
    let mut found = Differences::default();
    for field in [Field::TraceParent, Field::TraceState, Field::SentryTrace] {
        match headers.get_all(field.header_name()).iter().count() {
            0 if field == required => found.add(field, "BO-3", "is missing"),
            0 | 1 => {}
            count => found.add(field, "BO-3", format_args!("is there {count} times")),
        }
    }
    for refused in Propagator::default().extract(headers).refused {
        // What is counted above needs no second line.
        if !matches!(refused.rule().id(), "TP-5" | "SE-2") {
            found.0.push(refused.to_string());
        }
    }
    if headers.get_all("tracestate").iter().any(|value| value.as_bytes().trim_ascii().is_empty()) {
        found.add(Field::TraceState, "TS-4", "is empty");
    }
    compare_traceparent(headers, &span, &mut found);
    compare_sentry(headers, &span, &mut found);
    found.result()
}

/// How headers differ from what they should be, a line for each rule: field, text, rule.
///
/// ```
/// use http::HeaderMap;
/// use throughline::propagation::Field;
/// use throughline_testkit::headers::{Differences, continues};
/// use throughline_testkit::{Caller, Sdk};
///
/// let caller = Caller::new(Sdk::SentryJs);
/// let missing: Differences =
///     continues(&HeaderMap::new(), &caller, Field::SentryTrace).unwrap_err();
/// assert_eq!(missing.to_string(), "the headers do not continue:\n  sentry-trace is missing (BO-3)");
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Differences(Vec<String>);

impl Differences {
    fn add(&mut self, field: Field, rule: &str, text: impl fmt::Display) {
        self.0.push(format!("{} {text} ({rule})", field.as_str()));
    }

    fn result(self) -> Result<(), Self> {
        if self.0.is_empty() { Ok(()) } else { Err(self) }
    }
}

impl fmt::Display for Differences {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the headers do not continue:")?;
        self.0.iter().try_for_each(|line| write!(f, "\n  {line}"))
    }
}

/// The same as the text to show: it is what `unwrap` prints.
impl fmt::Debug for Differences {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Differences {}

/// The span that headers should name, made from whatever form a test has it in.
///
/// ```
/// use opentelemetry::trace::{Span, Tracer, TracerProvider};
/// use throughline_testkit::headers::Parent;
/// use throughline_testkit::{Caller, InMemorySpans, Sdk};
///
/// let spans = InMemorySpans::new();
/// let mut span = spans.provider().tracer("docs").start("GET");
/// let of_the_api = Parent::from(span.span_context());
/// span.end();
/// assert_eq!(of_the_api, Parent::from(&spans.only()));
/// assert_ne!(of_the_api, Parent::from(&Caller::new(Sdk::SentryJs)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parent(TraceParent);

impl From<TraceParent> for Parent {
    fn from(parent: TraceParent) -> Self {
        // Whether an id is random is not the span's to say, and not compared.
        Self(parent.with_random(false))
    }
}

impl From<&TraceParent> for Parent {
    fn from(parent: &TraceParent) -> Self {
        Self::from(*parent)
    }
}

impl From<&Caller> for Parent {
    fn from(caller: &Caller) -> Self {
        Self::from(caller.parent())
    }
}

impl From<&SpanRecord> for Parent {
    /// # Panics
    /// If the record was made by hand, with ids that are none.
    fn from(span: &SpanRecord) -> Self {
        Self::from_ids(&span.trace_id, &span.span_id, span.is_sampled())
    }
}

impl From<&SpanContext> for Parent {
    /// # Panics
    /// If the context is not valid: no header can name such a span.
    fn from(span: &SpanContext) -> Self {
        let (trace_id, span_id) = (span.trace_id().to_string(), span.span_id().to_string());
        Self::from_ids(&trace_id, &span_id, span.is_sampled())
    }
}

impl Parent {
    fn from_ids(trace_id: &str, span_id: &str, sampled: bool) -> Self {
        match format!("00-{trace_id}-{span_id}-00").parse::<TraceParent>() {
            Ok(parent) => Self(parent.child(parent.parent_id(), Decision::from(sampled))),
            Err(_) => panic!("{trace_id:?} and {span_id:?} are not the ids of a span"),
        }
    }
}

fn compare_traceparent(headers: &HeaderMap, span: &TraceParent, found: &mut Differences) {
    let field = Field::TraceParent;
    let Some(parent) = named_by(headers, Format::TraceContext, field) else { return };
    compare_ids(field, &parent, span, found);
    // Flags have no form for a deferred decision but 00.
    let (says, should) = (parent.sampled() == Some(true), span.sampled() == Some(true));
    if says != should {
        found.add(field, "TP-8", format_args!("says sampled={says}, the span has {should}"));
    }
}

fn compare_sentry(headers: &HeaderMap, span: &TraceParent, found: &mut Differences) {
    let field = Field::SentryTrace;
    let Some(parent) = named_by(headers, Format::Sentry, field) else { return };
    compare_ids(field, &parent, span, found);
    let (says, should) = (parent.decision(), span.decision());
    if says != should {
        found.add(field, "SE-3", format_args!("says {says:?}, the span has {should:?}"));
    }
    let mut seen = HashSet::new();
    if !sentry_keys(headers).all(|key| seen.insert(key)) {
        found.add(Field::Baggage, "BG-11", "has a sentry member twice");
    }
    let baggage = joined(headers, Field::Baggage);
    let member = |value| baggage.split(',').any(|member| member.trim() == value);
    let contradicts = match should {
        Decision::Sampled => member("sentry-sampled=false"),
        Decision::NotSampled => member("sentry-sampled=true"),
        Decision::Deferred => false,
    };
    if contradicts {
        found.add(Field::Baggage, "SE-7", "has sentry-sampled against the span's decision");
    }
}

fn compare_ids(field: Field, named: &TraceParent, span: &TraceParent, found: &mut Differences) {
    if named.trace_id() != span.trace_id() {
        let (named, span) = (named.trace_id(), span.trace_id());
        found.add(field, "TP-8", format_args!("names trace {named}, the span is of {span}"));
    } else if named.parent_id() != span.parent_id() {
        let (named, span) = (named.parent_id(), span.parent_id());
        found.add(field, "TP-8", format_args!("names span {named}, the span is {span}"));
    }
}

/// The parent that the only header of this field names.
fn named_by(headers: &HeaderMap, format: Format, field: Field) -> Option<TraceParent> {
    let mut alone = HeaderMap::new();
    let mut values = headers.get_all(field.header_name()).iter();
    alone.insert(field.header_name(), values.next()?.clone());
    if values.next().is_some() {
        return None;
    }
    let parent = *Propagator::default().accept([format]).extract(&alone).context.parent()?;
    Some(parent.with_random(false))
}

/// All lines of a field as one list.
fn joined(headers: &HeaderMap, field: Field) -> String {
    let values = headers.get_all(field.header_name()).iter();
    let values: Vec<_> = values.map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
    values.join(",")
}

fn sentry_keys(headers: &HeaderMap) -> impl Iterator<Item = String> {
    let baggage = joined(headers, Field::Baggage);
    let keys = baggage.split(',').filter_map(|member| member.split_once('='));
    let keys = keys.map(|(key, _)| key.trim().to_owned());
    keys.filter(|key| key.starts_with("sentry-")).collect::<Vec<_>>().into_iter()
}

#[track_caller]
fn report(result: Result<(), Differences>) {
    if let Err(differences) = result {
        panic!("{differences}");
    }
}
