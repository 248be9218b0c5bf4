//! [AWS X-Ray](https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader):
//! `Root=1-{8 hex}-{24 hex};Parent={16 hex};Sampled={0|1|?}`, with any other parts between.

use super::traceparent::Text;
use super::{Field, FieldValue, Injector, Rule};
use crate::context::{Decision, SpanId, TraceId, TraceParent, decode_hex, encode_hex, trim_ows};
use crate::limits;

/// Reads the header. A root without a parent, as load balancers send it, names no span.
pub(super) fn parse(value: &[u8]) -> Result<Option<TraceParent>, Rule> {
    if value.len() > limits::XRAY_BYTES {
        return Err(Rule::Tr4);
    }
    let (mut trace, mut span, mut decision) = (None, None, Decision::Deferred);
    for part in value.split(|byte| *byte == b';').map(trim_ows) {
        let Some(sign) = memchr::memchr(b'=', part) else { continue };
        match (&part[..sign], &part[sign + 1..]) {
            (b"Root", root) => trace = Some(trace_id(root).ok_or(Rule::XRay)?),
            (b"Parent", parent) => {
                let id = decode_hex(parent).map(u64::from_be_bytes).and_then(SpanId::from_u64);
                span = Some(id.ok_or(Rule::XRay)?);
            }
            (b"Sampled", b"1") => decision = Decision::Sampled,
            (b"Sampled", b"0") => decision = Decision::NotSampled,
            _ => {}
        }
    }
    match (trace, span) {
        (None, _) => Err(Rule::XRay),
        (Some(_), None) => Ok(None),
        (Some(trace), Some(span)) => Ok(Some(TraceParent::new(trace, span, decision))),
    }
}

/// Writes the header.
pub(super) fn inject<C: Injector + ?Sized>(parent: Option<&TraceParent>, carrier: &mut C) {
    let Some(parent) = parent else { return carrier.remove(Field::XRay) };
    let mut text = *b"Root=1-00000000-000000000000000000000000;Parent=0000000000000000;Sampled=0";
    let trace = parent.trace_id().to_bytes();
    encode_hex(&trace[..4], &mut text[7..15]);
    encode_hex(&trace[4..], &mut text[16..40]);
    encode_hex(&parent.parent_id().to_bytes(), &mut text[48..64]);
    let decided = text.len();
    if parent.sampled() == Some(true) {
        text[decided - 1] = b'1';
    }
    let text = Text(text);
    let length = if parent.sampled().is_some() { decided } else { decided - ";Sampled=0".len() };
    carrier.set(Field::XRay, FieldValue::text(text.as_str().get(..length).unwrap_or_default()));
}

fn trace_id(root: &[u8]) -> Option<TraceId> {
    let root: &[u8; 35] = root.try_into().ok()?;
    if [root[0], root[1], root[10]] != *b"1--" {
        return None;
    }
    let high: [u8; 4] = decode_hex(&root[2..10])?;
    let low: [u8; 12] = decode_hex(&root[11..])?;
    let mut bytes = [0; 16];
    bytes[..4].copy_from_slice(&high);
    bytes[4..].copy_from_slice(&low);
    TraceId::from_u128(u128::from_be_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use crate::propagation::{Format, Propagator};

    const ROOT: &str = "Root=1-5759e988-bd862e3fe1be46a994272793";

    fn pass(value: &str) -> Option<String> {
        let propagator = Propagator::default().accept([Format::XRay]).emit([Format::XRay]);
        let context = propagator.extract([("X-Amzn-Trace-Id", value)].as_slice()).context;
        let mut out: Vec<(String, String)> = Vec::new();
        propagator.inject(&context, &mut out);
        out.pop().map(|(_, value)| value)
    }

    #[test]
    fn every_decision_is_passed_on_and_other_parts_are_not() {
        for (tail, out) in [
            (";Sampled=1", ";Sampled=1"),
            (";Sampled=0", ";Sampled=0"),
            (";Sampled=?", ""),
            ("", ""),
            (" ; Lineage=a:b ;Sampled=1", ";Sampled=1"),
        ] {
            let value = format!("{ROOT};Parent=53995c3f42cd8ad8");
            assert_eq!(pass(&format!("{value}{tail}")), Some(format!("{value}{out}")));
        }
    }

    #[test]
    fn a_header_without_a_valid_root_and_parent_gives_no_context() {
        for bad in [
            ROOT,
            "",
            "Parent=53995c3f42cd8ad8",
            "Root=2-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8",
            "Root=1-5759e988-bd862e3fe1be46a99427279;Parent=53995c3f42cd8ad8",
            "Root=1-00000000-000000000000000000000000;Parent=53995c3f42cd8ad8",
            &format!("{ROOT};Parent=0000000000000000"),
            &format!("{ROOT};Parent=53995c3f42cd8ad8{}", ";a=b".repeat(1000)),
        ] {
            assert_eq!(pass(bad), None, "{bad}");
        }
    }
}
