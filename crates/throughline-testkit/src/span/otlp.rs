//! Records from what the SDK exports and from what OTLP carries.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::time::{Duration, SystemTime};

use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::resource::v1::Resource as OtlpResource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link, SpanKind};
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, Span, Status as OtlpStatus};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SpanData;

use super::{EventRecord, Kind, LinkRecord, SpanRecord, Status};

impl SpanRecord {
    /// The record of a span that the SDK exports, made by a provider with this resource.
    pub fn from_sdk(span: SpanData, resource: &Resource) -> Self {
        let service = service_of(resource);
        let scope = span.instrumentation_scope.name().to_owned();
        // By way of OTLP, so that a trace recorded in the process and one received over the wire
        // compare as equal.
        let span = Span::from(span);
        let ids = Ids::unchecked(&span);
        Self::from_parts(service, scope, ids, span)
    }

    /// The records of an OTLP message, one by one: each holds a copy of the service's and the
    /// scope's name, so that a caller with a bound on memory can stop in between.
    ///
    /// # Errors
    /// [`InvalidSpan`] in place of a span whose ids are not of the length that OTLP demands, or
    /// whose trace id or span id is zero. The other spans are not affected.
    pub fn from_otlp(spans: ResourceSpans) -> impl Iterator<Item = Result<Self, InvalidSpan>> {
        let service = service_name(spans.resource.as_ref());
        spans.scope_spans.into_iter().flat_map(move |group| {
            let service = service.clone();
            let scope = group.scope.map(|scope| scope.name).unwrap_or_default();
            group.spans.into_iter().map(move |span| {
                let ids = Ids::checked(&span)?;
                Ok(Self::from_parts(service.clone(), scope.clone(), ids, span))
            })
        })
    }

    fn from_parts(service: String, scope: String, ids: Ids, span: Span) -> Self {
        Self {
            service,
            scope,
            kind: kind(span.kind()),
            trace_id: ids.trace_id,
            span_id: ids.span_id,
            parent_span_id: ids.parent_span_id,
            start: time(span.start_time_unix_nano),
            end: time(span.end_time_unix_nano),
            attributes: attributes(span.attributes),
            status: status(span.status),
            events: span.events.into_iter().map(event).collect(),
            links: span.links.into_iter().map(link).collect(),
            trace_state: span.trace_state,
            flags: span.flags,
            name: span.name,
        }
    }
}

/// Why a span of an OTLP message is no span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidSpan {
    /// The trace id is not 16 bytes long, or zero.
    TraceId,
    /// The span id is not 8 bytes long, or zero.
    SpanId,
    /// The parent's span id is neither empty nor 8 bytes long.
    ParentSpanId,
}

impl fmt::Display for InvalidSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TraceId => "trace id of a span is not 16 bytes or is zero",
            Self::SpanId => "span id of a span is not 8 bytes or is zero",
            Self::ParentSpanId => "parent span id of a span is neither empty nor 8 bytes",
        })
    }
}

impl std::error::Error for InvalidSpan {}

/// `service.name` of the SDK's resource.
pub(crate) fn service_of(resource: &Resource) -> String {
    resource
        .get_ref(&SERVICE_NAME.into())
        .map_or_else(|| UNKNOWN_SERVICE.to_owned(), ToString::to_string)
}

/// `service.name` of a resource.
pub(crate) fn service_name(resource: Option<&OtlpResource>) -> String {
    resource
        .and_then(|resource| resource.attributes.iter().find(|pair| pair.key == SERVICE_NAME))
        .map_or_else(|| UNKNOWN_SERVICE.to_owned(), |pair| text(pair.value.as_ref()))
}

/// Attributes with their values as text.
pub(crate) fn attributes(pairs: Vec<KeyValue>) -> BTreeMap<String, String> {
    pairs
        .into_iter()
        .map(|pair| {
            let value = match pair.value {
                // The usual case needs no copy.
                Some(AnyValue { value: Some(Value::StringValue(value)) }) => value,
                value => text(value.as_ref()),
            };
            (pair.key, value)
        })
        .collect()
}

struct Ids {
    trace_id: String,
    span_id: String,
    parent_span_id: Option<String>,
}

impl Ids {
    fn checked(span: &Span) -> Result<Self, InvalidSpan> {
        if span.trace_id.len() != 16 || is_zero(&span.trace_id) {
            return Err(InvalidSpan::TraceId);
        }
        if span.span_id.len() != 8 || is_zero(&span.span_id) {
            return Err(InvalidSpan::SpanId);
        }
        if !matches!(span.parent_span_id.len(), 0 | 8) {
            return Err(InvalidSpan::ParentSpanId);
        }
        Ok(Self::unchecked(span))
    }

    fn unchecked(span: &Span) -> Self {
        Self {
            trace_id: hex(&span.trace_id),
            span_id: hex(&span.span_id),
            // Some SDKs write "no parent" as eight zero bytes.
            parent_span_id: (!is_zero(&span.parent_span_id)).then(|| hex(&span.parent_span_id)),
        }
    }
}

fn kind(kind: SpanKind) -> Kind {
    match kind {
        // OTLP lets receivers assume this.
        SpanKind::Unspecified | SpanKind::Internal => Kind::Internal,
        SpanKind::Server => Kind::Server,
        SpanKind::Client => Kind::Client,
        SpanKind::Producer => Kind::Producer,
        SpanKind::Consumer => Kind::Consumer,
    }
}

fn status(status: Option<OtlpStatus>) -> Status {
    let Some(status) = status else { return Status::Unset };
    match status.code() {
        StatusCode::Unset => Status::Unset,
        StatusCode::Ok => Status::Ok,
        StatusCode::Error => Status::Error(status.message),
    }
}

fn event(event: Event) -> EventRecord {
    EventRecord {
        name: event.name,
        time: time(event.time_unix_nano),
        attributes: attributes(event.attributes),
    }
}

fn link(link: Link) -> LinkRecord {
    LinkRecord { trace_id: hex(&link.trace_id), span_id: hex(&link.span_id) }
}

fn time(unix_nanos: u64) -> SystemTime {
    // Platforms differ in the range of their clocks.
    SystemTime::UNIX_EPOCH
        .checked_add(Duration::from_nanos(unix_nanos))
        .unwrap_or(SystemTime::UNIX_EPOCH)
}

fn is_zero(id: &[u8]) -> bool {
    id.iter().all(|byte| *byte == 0)
}

fn hex(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(2 * bytes.len());
    push_hex(&mut out, bytes);
    out
}

fn push_hex(out: &mut String, bytes: &[u8]) {
    for byte in bytes {
        for digit in [byte >> 4, byte & 15] {
            out.push(char::from_digit(u32::from(digit), 16).unwrap_or_default());
        }
    }
}

fn text(value: Option<&AnyValue>) -> String {
    match value.and_then(|value| value.value.as_ref()) {
        Some(Value::StringValue(value)) => value.clone(),
        value => {
            let mut out = String::new();
            push_value(&mut out, value);
            out
        }
    }
}

/// Recursion is safe: the decoder refuses messages that are nested more than 100 levels deep.
fn push_value(out: &mut String, value: Option<&Value>) {
    // Writing to a `String` cannot fail.
    let _ = match value {
        None => return,
        Some(Value::StringValue(value)) => write!(out, "{value:?}"),
        Some(Value::BoolValue(value)) => write!(out, "{value}"),
        Some(Value::IntValue(value)) => write!(out, "{value}"),
        Some(Value::DoubleValue(value)) => write!(out, "{value}"),
        // An index into the string table of profiles: spans have none.
        Some(Value::StringValueStrindex(_)) => return,
        Some(Value::BytesValue(bytes)) => return push_hex(out, bytes),
        Some(Value::ArrayValue(array)) => {
            push_list(out, '[', ']', &array.values, |out, value| {
                push_value(out, value.value.as_ref());
            });
            return;
        }
        Some(Value::KvlistValue(list)) => {
            push_list(out, '{', '}', &list.values, |out, pair| {
                let _ = write!(out, "{:?}:", pair.key);
                push_value(out, pair.value.as_ref().and_then(|value| value.value.as_ref()));
            });
            return;
        }
    };
}

fn push_list<T>(
    out: &mut String,
    open: char,
    close: char,
    items: &[T],
    push: impl Fn(&mut String, &T),
) {
    out.push(open);
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        push(out, item);
    }
    out.push(close);
}

const SERVICE_NAME: &str = "service.name";

/// What the specification of resources prescribes for a service without a name.
const UNKNOWN_SERVICE: &str = "unknown_service";

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::common::v1::{ArrayValue, InstrumentationScope, KeyValueList};
    use opentelemetry_proto::tonic::trace::v1::ScopeSpans;
    use proptest::prelude::*;
    use prost::Message;

    use super::*;

    fn some(value: Value) -> Option<AnyValue> {
        Some(AnyValue { value: Some(value) })
    }

    fn pair(key: &str, value: Option<AnyValue>) -> KeyValue {
        KeyValue { key: key.into(), value, key_strindex: 0 }
    }

    fn message(spans: Vec<Span>) -> ResourceSpans {
        ResourceSpans {
            resource: Some(OtlpResource {
                attributes: vec![pair(SERVICE_NAME, some(Value::StringValue("api".into())))],
                ..Default::default()
            }),
            scope_spans: vec![ScopeSpans {
                scope: Some(InstrumentationScope { name: "http".into(), ..Default::default() }),
                spans,
                ..Default::default()
            }],
            ..Default::default()
        }
    }

    fn valid() -> Span {
        Span { trace_id: vec![0xab; 16], span_id: vec![1; 8], ..Default::default() }
    }

    fn only(span: Span) -> Result<SpanRecord, InvalidSpan> {
        let mut records: Vec<_> = SpanRecord::from_otlp(message(vec![span])).collect();
        assert_eq!(records.len(), 1);
        records.remove(0)
    }

    #[test]
    fn every_field_of_an_otlp_span_arrives() {
        let record = only(Span {
            trace_state: "a=b".into(),
            parent_span_id: vec![2; 8],
            flags: 0x301,
            name: "GET /".into(),
            kind: SpanKind::Server.into(),
            start_time_unix_nano: 1_000,
            end_time_unix_nano: 3_000,
            attributes: vec![pair("k", some(Value::IntValue(-7)))],
            events: vec![Event { time_unix_nano: 2_000, name: "retry".into(), ..Event::default() }],
            links: vec![Link { trace_id: vec![3; 16], span_id: vec![4; 8], ..Link::default() }],
            status: Some(OtlpStatus { message: "gone".into(), code: StatusCode::Error.into() }),
            ..valid()
        });
        let at = |nanos| SystemTime::UNIX_EPOCH + Duration::from_nanos(nanos);
        let expected = SpanRecord {
            service: "api".into(),
            scope: "http".into(),
            name: "GET /".into(),
            kind: Kind::Server,
            trace_id: "ab".repeat(16),
            span_id: "01".repeat(8),
            parent_span_id: Some("02".repeat(8)),
            start: at(1_000),
            end: at(3_000),
            attributes: BTreeMap::from([("k".into(), "-7".into())]),
            status: Status::Error("gone".into()),
            events: vec![EventRecord {
                name: "retry".into(),
                time: at(2_000),
                attributes: BTreeMap::new(),
            }],
            links: vec![LinkRecord { trace_id: "03".repeat(16), span_id: "04".repeat(8) }],
            trace_state: "a=b".into(),
            flags: 0x301,
        };
        assert_eq!(record, Ok(expected));
    }

    #[test]
    fn ids_of_a_wrong_length_or_of_zeros_are_refused_one_by_one() {
        for (span, expected) in [
            (Span { trace_id: vec![1; 15], ..valid() }, InvalidSpan::TraceId),
            (Span { trace_id: vec![0; 16], ..valid() }, InvalidSpan::TraceId),
            (Span { span_id: vec![], ..valid() }, InvalidSpan::SpanId),
            (Span { span_id: vec![0; 8], ..valid() }, InvalidSpan::SpanId),
            (Span { parent_span_id: vec![1; 7], ..valid() }, InvalidSpan::ParentSpanId),
        ] {
            assert_eq!(only(span), Err(expected));
        }
        let mixed = vec![Span::default(), valid()];
        let results: Vec<_> =
            SpanRecord::from_otlp(message(mixed)).map(|record| record.is_ok()).collect();
        assert_eq!(results, [false, true]);
    }

    #[test]
    fn a_parent_of_zeros_is_no_parent() {
        let record = only(Span { parent_span_id: vec![0; 8], ..valid() }).unwrap();
        assert_eq!(record.parent_span_id, None);
    }

    #[test]
    fn unknown_kinds_and_codes_fall_back_to_the_defaults() {
        let status = Some(OtlpStatus { code: 99, ..Default::default() });
        let record = only(Span { kind: 99, status, ..valid() }).unwrap();
        assert_eq!((record.kind, record.status), (Kind::Internal, Status::Unset));
    }

    #[test]
    fn a_resource_without_a_name_is_an_unknown_service() {
        let spans = ResourceSpans { resource: None, ..message(vec![valid()]) };
        let record = SpanRecord::from_otlp(spans).next().unwrap().unwrap();
        assert_eq!(record.service, "unknown_service");
    }

    #[test]
    fn nested_values_become_text() {
        let array = ArrayValue {
            values: vec![
                AnyValue { value: Some(Value::StringValue("a\"b".into())) },
                AnyValue { value: Some(Value::DoubleValue(1.5)) },
                AnyValue { value: None },
            ],
        };
        let list = KeyValueList {
            values: vec![
                pair("bytes", some(Value::BytesValue(vec![0, 255]))),
                pair("array", some(Value::ArrayValue(array))),
                pair("none", None),
            ],
        };
        let attributes = attributes(vec![
            pair("list", some(Value::KvlistValue(list))),
            pair("flag", some(Value::BoolValue(true))),
            pair("twice", some(Value::IntValue(1))),
            pair("twice", some(Value::IntValue(2))),
        ]);
        assert_eq!(attributes["list"], r#"{"bytes":00ff,"array":["a\"b",1.5,],"none":}"#);
        assert_eq!((&*attributes["flag"], &*attributes["twice"]), ("true", "2"));
    }

    proptest! {
        #[test]
        fn no_message_makes_the_conversion_panic(
            lengths in prop::collection::vec((0..20usize, 0..12usize, 0..12usize), 0..8),
            numbers in any::<[u64; 2]>(),
            codes in any::<[i32; 2]>(),
            cut in 0..100usize,
        ) {
            let spans = lengths.into_iter().map(|(trace, span, parent)| Span {
                trace_id: vec![1; trace],
                span_id: vec![2; span],
                parent_span_id: vec![3; parent],
                start_time_unix_nano: numbers[0],
                end_time_unix_nano: numbers[1],
                kind: codes[0],
                status: Some(OtlpStatus { message: String::new(), code: codes[1] }),
                ..Span::default()
            });
            let mut bytes = message(spans.collect()).encode_to_vec();
            bytes.truncate(bytes.len().saturating_sub(cut));
            if let Ok(message) = ResourceSpans::decode(&*bytes) {
                for record in SpanRecord::from_otlp(message).flatten() {
                    prop_assert_eq!((record.trace_id.len(), record.span_id.len()), (32, 16));
                    prop_assert!(record.duration() >= Duration::ZERO);
                }
            }
        }
    }
}
