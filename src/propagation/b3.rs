//! [B3](https://github.com/openzipkin/b3-propagation), in one header or several.
//!
//! The debug flag counts as "sampled"; it has no form in other formats and is not passed on.

use super::received::Single;
use super::traceparent::Text;
use super::{Field, FieldValue, Injector, Received, Rule};
use crate::context::{Decision, SpanId, TraceId, TraceParent, decode_hex, encode_hex, trim_ows};

/// Reads `b3`: `{trace}-{span}[-{state}[-{parent}]]`. A state alone is valid and names no trace.
pub(super) fn parse_single(value: &[u8]) -> Result<Option<TraceParent>, Rule> {
    let value = trim_ows(value);
    if decision(value).is_some() {
        return Ok(None);
    }
    let mut parts = value.splitn(5, |byte| *byte == b'-');
    let mut next = || parts.next();
    let (trace, span, state, parent, more) = (next(), next(), next(), next(), next());
    let ids = trace.and_then(trace_id).zip(span.and_then(span_id));
    let state = match state {
        None => Some(Decision::Deferred),
        Some(state) => decision(state),
    };
    let parent_is_valid = parent.is_none_or(|parent| span_id(parent).is_some());
    match (ids, state, more) {
        (Some((trace, span)), Some(state), None) if parent_is_valid => {
            Ok(Some(TraceParent::new(trace, span, state)))
        }
        _ => Err(Rule::B3),
    }
}

/// Reads the `x-b3-` headers. A decision alone is valid and names no trace.
pub(super) fn parse_multi(received: &Received<'_>) -> Result<Option<TraceParent>, Rule> {
    let text = |field| match received.single(field) {
        Single::Absent => Ok(None),
        Single::One(value) | Single::Equal(value) => Ok(Some(trim_ows(value))),
        Single::Different => Err(Rule::B3),
    };
    let (trace, span) = (text(Field::B3TraceId)?, text(Field::B3SpanId)?);
    let state = match (text(Field::B3Flags)?, text(Field::B3Sampled)?) {
        (Some(b"1"), _) => Decision::Sampled,
        (_, None) => Decision::Deferred,
        (_, Some(b"1" | b"true")) => Decision::Sampled,
        (_, Some(b"0" | b"false")) => Decision::NotSampled,
        (_, Some(_)) => return Err(Rule::B3),
    };
    match (trace, span) {
        (None, None) => Ok(None),
        (Some(trace), Some(span)) => match (trace_id(trace), span_id(span)) {
            (Some(trace), Some(span)) => Ok(Some(TraceParent::new(trace, span, state))),
            _ => Err(Rule::B3),
        },
        _ => Err(Rule::B3),
    }
}

/// Writes `b3`.
pub(super) fn inject_single<C: Injector + ?Sized>(parent: Option<&TraceParent>, carrier: &mut C) {
    let Some(parent) = parent else { return carrier.remove(Field::B3) };
    let mut text = *b"00000000000000000000000000000000-0000000000000000-0";
    encode_hex(&parent.trace_id().to_bytes(), &mut text[..32]);
    encode_hex(&parent.parent_id().to_bytes(), &mut text[33..49]);
    if parent.sampled() == Some(true) {
        text[50] = b'1';
    }
    let text = Text(text);
    let length = if parent.sampled().is_some() { 51 } else { 49 };
    let value = text.as_str().get(..length).unwrap_or_default();
    carrier.set(Field::B3, FieldValue::text(value));
}

/// Writes the `x-b3-` headers.
pub(super) fn inject_multi<C: Injector + ?Sized>(parent: Option<&TraceParent>, carrier: &mut C) {
    // Neither has a form in other formats, so what stands there is of another trace (rule BO-3).
    carrier.remove(Field::B3Flags);
    carrier.remove(Field::B3ParentSpanId);
    let Some(parent) = parent else {
        for field in [Field::B3TraceId, Field::B3SpanId, Field::B3Sampled] {
            carrier.remove(field);
        }
        return;
    };
    let (mut trace, mut span) = ([0; 32], [0; 16]);
    encode_hex(&parent.trace_id().to_bytes(), &mut trace);
    encode_hex(&parent.parent_id().to_bytes(), &mut span);
    carrier.set(Field::B3TraceId, FieldValue::text(Text(trace).as_str()));
    carrier.set(Field::B3SpanId, FieldValue::text(Text(span).as_str()));
    match parent.sampled() {
        Some(sampled) => {
            carrier.set(Field::B3Sampled, FieldValue::text(if sampled { "1" } else { "0" }));
        }
        None => carrier.remove(Field::B3Sampled),
    }
}

fn decision(state: &[u8]) -> Option<Decision> {
    match state {
        b"1" | b"d" => Some(Decision::Sampled),
        b"0" => Some(Decision::NotSampled),
        _ => None,
    }
}

/// 32 digits, or the 16 low ones.
fn trace_id(digits: &[u8]) -> Option<TraceId> {
    let number = match decode_hex::<8>(digits) {
        Some(low) => u128::from(u64::from_be_bytes(low)),
        None => u128::from_be_bytes(decode_hex(digits)?),
    };
    TraceId::from_u128(number)
}

fn span_id(digits: &[u8]) -> Option<SpanId> {
    SpanId::from_u64(u64::from_be_bytes(decode_hex(digits)?))
}

#[cfg(test)]
mod tests {
    use crate::propagation::{Format, Propagator};

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
    const SPAN: &str = "b7ad6b7169203331";

    fn pass(format: Format, fields: &[(&str, &str)]) -> Vec<(String, String)> {
        let propagator = Propagator::default().accept([format]).emit([format]);
        let context = propagator.extract(fields).context;
        let mut out = Vec::new();
        propagator.inject(&context, &mut out);
        out
    }

    fn single(value: &str) -> Option<String> {
        pass(Format::B3, &[("b3", value)]).pop().map(|(_, value)| value)
    }

    #[test]
    fn every_state_of_the_single_header_is_passed_on() {
        let ids = format!("{TRACE}-{SPAN}");
        for state in ["", "-0", "-1"] {
            let value = format!("{ids}{state}");
            assert_eq!(single(&value), Some(value));
        }
        let with_parent = format!("{ids}-1-00f067aa0ba902b7");
        assert_eq!(single(&with_parent), Some(format!("{ids}-1")));
        assert_eq!(single(&format!("{ids}-d")), Some(format!("{ids}-1")), "debug is sampled");
        let short = format!("{}-{SPAN}-1", &TRACE[16..]);
        assert_eq!(single(&short), Some(format!("{:0>32}-{SPAN}-1", &TRACE[16..])));
    }

    #[test]
    fn a_malformed_single_header_gives_no_context() {
        for bad in [
            "",
            "x",
            "1",
            "0",
            TRACE,
            &format!("{TRACE}-{SPAN}-2"),
            &format!("{TRACE}-{SPAN}-"),
            &format!("{TRACE}-{SPAN}-1-x"),
            &format!("{TRACE}-{SPAN}-1-{SPAN}-1"),
            &format!("{}-{SPAN}-1", TRACE.to_uppercase()),
            &format!("{}-{SPAN}-1", "0".repeat(32)),
        ] {
            assert_eq!(single(bad), None, "{bad}");
        }
    }

    #[test]
    fn several_headers_are_one_context() {
        let ids = [("X-B3-TraceId", TRACE), ("X-B3-SpanId", SPAN)];
        let out = pass(Format::B3Multi, &[ids[0], ids[1], ("X-B3-Sampled", "1")]);
        let expected = [("x-b3-traceid", TRACE), ("x-b3-spanid", SPAN), ("x-b3-sampled", "1")];
        assert!(out.iter().map(|(name, value)| (name.as_str(), value.as_str())).eq(expected));
        assert_eq!(pass(Format::B3Multi, &ids).len(), 2, "no decision, no header");
        let debug = pass(Format::B3Multi, &[ids[0], ids[1], ("X-B3-Flags", "1")]);
        assert_eq!(debug.last().unwrap().1, "1");
        for bad in [&ids[..1], &ids[1..], &[ids[0], ids[1], ("X-B3-Sampled", "yes")]] {
            assert!(pass(Format::B3Multi, bad).is_empty());
        }
    }
}
