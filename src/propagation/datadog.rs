//! [Datadog](https://docs.datadoghq.com/tracing/trace_collection/trace_context_propagation/): ids in
//! decimal, the upper half of the trace id and other tags in `x-datadog-tags`.
//!
//! Priority and tags travel on as the member `dd` of `tracestate`, as Datadog's own libraries do it,
//! so that they survive a hop that speaks only W3C Trace Context.

use std::fmt::Write;

use super::extraction::Notes;
use super::received::Single;
use super::{Field, FieldValue, Injector, Received, Rule};
use crate::context::{
    Decision, SpanId, TraceId, TraceParent, TraceState, decode_hex, is_value, trim_ows,
};
use crate::limits;

/// Reads the headers: the parent, and the member for `tracestate`. Tags that are malformed or too
/// long are left out alone, as Datadog's own libraries do it.
pub(super) fn parse(
    received: &Received<'_>,
    notes: &mut Notes,
) -> Result<Option<(TraceParent, String)>, Rule> {
    let text = |field| match received.single(field) {
        Single::Absent => Ok(None),
        Single::One(value) | Single::Equal(value) => Ok(Some(trim_ows(value))),
        Single::Different => Err(Rule::Datadog),
    };
    let Some(trace) = text(Field::DatadogTraceId)? else { return Ok(None) };
    let low = decimal(trace).ok_or(Rule::Datadog)?;
    let span = text(Field::DatadogParentId)?.and_then(decimal).and_then(SpanId::from_u64);
    let priority = text(Field::DatadogPriority)?;
    let decision = match priority {
        None => Decision::Deferred,
        Some(b"-1" | b"0") => Decision::NotSampled,
        Some(b"1" | b"2") => Decision::Sampled,
        Some(_) => return Err(Rule::Datadog),
    };
    let tags = text(Field::DatadogTags).map(Option::unwrap_or_default).and_then(Tags::parse);
    let tags = tags.unwrap_or_else(|rule| {
        notes.refuse(Field::DatadogTags, rule);
        Tags::default()
    });
    let trace = TraceId::from_u128(u128::from(tags.high) << 64 | u128::from(low));
    let (Some(trace), Some(span)) = (trace, span) else { return Err(Rule::Datadog) };
    let member = member(priority, &tags.others);
    Ok(Some((TraceParent::new(trace, span, decision), member)))
}

/// Writes the headers.
pub(super) fn inject<C: Injector + ?Sized>(
    parent: Option<&TraceParent>,
    state: &TraceState,
    carrier: &mut C,
) {
    let Some(parent) = parent else {
        for field in FIELDS {
            carrier.remove(field);
        }
        return;
    };
    let bytes = parent.trace_id().to_bytes();
    let (high, low) = bytes.split_at(8);
    let number = |half: &[u8]| u64::from_be_bytes(half.try_into().unwrap_or_default());
    let mut set = |field, text: String| carrier.set(field, FieldValue::text(&text));
    set(Field::DatadogTraceId, number(low).to_string());
    set(Field::DatadogParentId, parent.parent_id().to_u64().to_string());

    let dd = state.get(MEMBER).unwrap_or_default();
    let mut tags = String::new();
    if number(high) != 0 {
        let _ = write!(tags, "{HIGH}={:016x}", number(high));
    }
    let tags_in = parts(dd).filter_map(|(key, value)| Some((key.strip_prefix("t.")?, value)));
    // The upper half of the id stands there already; another one would be of another trace.
    for (key, value) in tags_in.filter(|(key, _)| *key != "tid") {
        let comma = if tags.is_empty() { "" } else { "," };
        // `=` cannot stand in a tracestate value, so it travels as `~`.
        let _ = write!(tags, "{comma}{PREFIX}{key}={}", value.replace('~', "="));
    }
    if !tags.is_empty() {
        set(Field::DatadogTags, tags);
    } else {
        carrier.remove(Field::DatadogTags);
    }
    match priority(dd, parent.sampled()) {
        Some(priority) => carrier.set(Field::DatadogPriority, FieldValue::text(priority)),
        None => carrier.remove(Field::DatadogPriority),
    }
}

/// Adds what came in Datadog's headers to the vendor state. Parts that stand there already and that
/// the headers say nothing of are kept, as far as there is room.
pub(super) fn remember(member: &str, state: &mut TraceState) {
    if member.is_empty() {
        return;
    }
    let mut merged = member.to_owned();
    for (key, value) in parts(state.get(MEMBER).unwrap_or_default()) {
        let part = format!(";{key}:{value}");
        if !parts(member).any(|(known, _)| known == key)
            && is_value(format!("{merged}{part}").as_bytes())
        {
            merged.push_str(&part);
        }
    }
    // The value was checked as it was made.
    let _ = state.set(MEMBER, &merged);
}

#[derive(Default)]
struct Tags<'a> {
    /// Upper half of the trace id.
    high: u64,
    others: Vec<(&'a str, &'a str)>,
}

impl<'a> Tags<'a> {
    /// Tags that do not begin with `_dd.p.` are not meant to be passed on.
    fn parse(tags: &'a [u8]) -> Result<Self, Rule> {
        if tags.len() > limits::DATADOG_TAG_BYTES {
            return Err(Rule::Tr4);
        }
        let text = std::str::from_utf8(tags).map_err(|_| Rule::Datadog)?;
        let mut found = Self::default();
        for tag in text.split(',').filter(|tag| !tag.is_empty()) {
            let Some((key, value)) = tag.split_once('=') else { return Err(Rule::Datadog) };
            if key == HIGH {
                let high = decode_hex(value.as_bytes()).ok_or(Rule::Datadog)?;
                found.high = u64::from_be_bytes(high);
            } else if let Some(key) = key.strip_prefix(PREFIX) {
                found.others.push((key, value));
            }
        }
        Ok(found)
    }
}

/// `s:{priority};t.{key}:{value};…`, without what does not fit into a member.
fn member(priority: Option<&[u8]>, tags: &[(&str, &str)]) -> String {
    let mut member = String::new();
    if let Some(priority) = priority.and_then(|text| std::str::from_utf8(text).ok()) {
        let _ = write!(member, "s:{priority}");
    }
    for (key, value) in tags {
        let semicolon = if member.is_empty() { "" } else { ";" };
        let part = format!("{semicolon}t.{key}:{}", value.replace('=', "~"));
        let apart = !key.contains([':', ';']) && !value.contains([';', '~']);
        if apart && is_value(format!("{member}{part}").as_bytes()) {
            member.push_str(&part);
        }
    }
    member
}

fn parts(dd: &str) -> impl Iterator<Item = (&str, &str)> {
    dd.split(';').filter_map(|part| part.split_once(':'))
}

/// The received priority if it still agrees with the decision, else the plain one.
fn priority(dd: &str, sampled: Option<bool>) -> Option<&str> {
    let received = parts(dd).find(|(key, _)| *key == "s").map(|(_, value)| value);
    match (received, sampled) {
        (Some(kept @ ("1" | "2")), Some(true)) | (Some(kept @ ("-1" | "0")), Some(false)) => {
            Some(kept)
        }
        (_, Some(true)) => Some("1"),
        (_, Some(false)) => Some("0"),
        (_, None) => None,
    }
}

/// At most 20 digits and nothing else.
fn decimal(digits: &[u8]) -> Option<u64> {
    if !(1..=20).contains(&digits.len()) {
        return None;
    }
    digits.iter().try_fold(0_u64, |number, digit| {
        let digit = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    })
}

const FIELDS: [Field; 4] =
    [Field::DatadogTraceId, Field::DatadogParentId, Field::DatadogPriority, Field::DatadogTags];
const MEMBER: &str = "dd";
const PREFIX: &str = "_dd.p.";
const HIGH: &str = "_dd.p.tid";

#[cfg(test)]
mod tests {
    use crate::propagation::{Extraction, Format, Propagator};

    const IDS: [(&str, &str); 2] = [
        ("x-datadog-trace-id", "9532127138774266268"),
        ("x-datadog-parent-id", "13235353014750950193"),
    ];

    fn extract(more: &[(&str, &str)]) -> Extraction {
        let fields: Vec<_> = IDS.iter().chain(more).copied().collect();
        Propagator::default().accept([Format::Datadog]).extract(&fields)
    }

    fn sent(extraction: &Extraction) -> Vec<(String, String)> {
        let mut out = Vec::new();
        Propagator::default().emit([Format::Datadog]).inject(&extraction.context, &mut out);
        out
    }

    #[test]
    fn the_upper_half_of_the_trace_id_comes_from_the_tags() {
        let found = extract(&[("x-datadog-tags", "_dd.p.tid=0af7651916cd43dd,_dd.p.dm=-4,x=y")]);
        let parent = found.context.parent().unwrap();
        assert_eq!(parent.trace_id().to_string(), "0af7651916cd43dd8448eb211c80319c");
        assert_eq!(parent.parent_id().to_string(), "b7ad6b7169203331");
        assert_eq!(parent.sampled(), None);
        assert_eq!(found.context.trace_state().as_str(), "dd=t.dm:-4");
        let sent = sent(&found);
        assert!(
            sent.contains(&(
                "x-datadog-tags".into(),
                "_dd.p.tid=0af7651916cd43dd,_dd.p.dm=-4".into()
            ))
        );
        assert!(IDS.iter().all(|(name, value)| sent.contains(&((*name).into(), (*value).into()))));
        assert!(sent.iter().all(|(name, _)| name != "x-datadog-sampling-priority"));
    }

    #[test]
    fn the_priority_is_kept_as_long_as_it_agrees() {
        for (priority, sampled) in [("-1", false), ("0", false), ("1", true), ("2", true)] {
            let found = extract(&[("x-datadog-sampling-priority", priority)]);
            assert_eq!(found.context.sampled(), Some(sampled));
            let sent = sent(&found);
            assert!(sent.contains(&("x-datadog-sampling-priority".into(), priority.into())));
        }
    }

    #[test]
    fn malformed_tags_are_left_out_alone() {
        let long = format!("_dd.p.dm={}", "x".repeat(512));
        for bad in ["_dd.p.tid=xyz", "nonsense", "_dd.propagation_error", &long] {
            let found = extract(&[("x-datadog-tags", bad)]);
            let trace_id = found.context.parent().unwrap().trace_id();
            assert_eq!(trace_id.to_string(), "00000000000000008448eb211c80319c");
            assert_eq!(found.refused.len(), 1, "{bad}");
            assert!(found.context.trace_state().is_empty());
        }
    }

    #[test]
    fn the_vendor_state_is_kept_beside_the_headers() {
        let traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let more = [("traceparent", traceparent), ("x-datadog-sampling-priority", "2")];
        let state = "dd=s:1;t.tid:ffffffffffffffff;t.dm:-3;o:rum,a=1";
        let fields: Vec<_> = IDS.into_iter().chain(more).chain([("tracestate", state)]).collect();
        let formats = [Format::TraceContext, Format::Datadog];
        let found = Propagator::default().accept(formats).extract(&fields);
        let kept = "dd=s:2;t.tid:ffffffffffffffff;t.dm:-3;o:rum,a=1";
        assert_eq!(found.context.trace_state().as_str(), kept);
        let tags = sent(&found).into_iter().find(|(name, _)| name == "x-datadog-tags").unwrap().1;
        assert_eq!(tags, "_dd.p.tid=0af7651916cd43dd,_dd.p.dm=-3");
    }

    #[test]
    fn malformed_headers_give_no_context() {
        for bad in [("x-datadog-sampling-priority", "3"), ("x-datadog-sampling-priority", "")] {
            let found = extract(&[bad]);
            assert!(found.context.parent().is_none(), "{bad:?}");
            assert_eq!(found.refused.len(), 1);
        }
        for bad in ["", "0", "-1", "+1", "18446744073709551616", "1.0", "0x1"] {
            let fields = [("x-datadog-trace-id", bad), IDS[1]];
            let found = Propagator::default().accept([Format::Datadog]).extract(fields.as_slice());
            assert!(found.context.parent().is_none(), "{bad}");
        }
    }
}
