//! `sentry-trace`, [Sentry's trace propagation](https://develop.sentry.dev/sdk/telemetry/traces/).

use super::{Rule, traceparent};
use crate::context::{Decision, SpanId, TraceId, TraceParent, decode_hex, trim_ows};

/// Parses a value, white space at its ends allowed (rules SE-1 and SE-3).
pub(super) fn parse(value: &[u8]) -> Result<TraceParent, Rule> {
    fields(trim_ows(value)).ok_or(Rule::Se1)
}

fn fields(value: &[u8]) -> Option<TraceParent> {
    let (ids, rest) = value.split_at_checked(IDS)?;
    let decision = match rest {
        b"" => Decision::Deferred,
        b"-0" => Decision::NotSampled,
        b"-1" => Decision::Sampled,
        _ => return None,
    };
    if ids[32] != b'-' {
        return None;
    }
    let trace_id = TraceId::from_u128(u128::from_be_bytes(decode_hex(&ids[..32])?))?;
    let parent_id = SpanId::from_u64(u64::from_be_bytes(decode_hex(&ids[33..])?))?;
    Some(TraceParent::new(trace_id, parent_id, decision))
}

/// Formats a value from the `traceparent` of the same parent. Also tells how many bytes of it are
/// the value: 49 while the decision is deferred, else all 51.
#[inline]
pub(super) fn format(
    parent: &TraceParent,
    traceparent: &[u8; traceparent::LENGTH],
) -> ([u8; LENGTH], usize) {
    let mut text = [b'-'; LENGTH];
    text[..IDS].copy_from_slice(&traceparent[3..3 + IDS]);
    text[IDS + 1] = if parent.sampled() == Some(true) { b'1' } else { b'0' };
    (text, if parent.sampled().is_some() { LENGTH } else { IDS })
}

/// Bytes of the longest value.
pub(super) const LENGTH: usize = 51;

/// Bytes of the two ids with the dash between them.
const IDS: usize = 49;

#[cfg(test)]
mod tests {
    use super::*;

    const IDS_TEXT: &str = "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331";

    #[test]
    fn se_3_every_decision_survives_parsing_and_formatting() {
        for tail in ["", "-0", "-1"] {
            let value = format!("{IDS_TEXT}{tail}");
            let parent = parse(value.as_bytes()).unwrap();
            let (text, length) = format(&parent, &traceparent::format(&parent));
            assert_eq!(&text[..length], value.as_bytes());
        }
    }

    #[test]
    fn se_1_any_other_tail_is_refused() {
        for tail in ["-", "-2", "-01", "-1-", "1", "-d", "-\u{e9}"] {
            assert_eq!(parse(format!("{IDS_TEXT}{tail}").as_bytes()), Err(Rule::Se1), "{tail}");
        }
        assert_eq!(parse(IDS_TEXT.to_uppercase().as_bytes()), Err(Rule::Se1));
    }
}
