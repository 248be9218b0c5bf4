//! `sentry-trace`, [Sentry's trace propagation](https://develop.sentry.dev/sdk/telemetry/traces/).

use super::Rule;
use super::traceparent::Text;
use crate::context::{Decision, SpanId, TraceId, TraceParent, decode_hex, encode_hex, trim_ows};

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

/// Formats a value and passes it on: 49 bytes while the decision is deferred, else 51.
pub(super) fn format<R>(parent: &TraceParent, write: impl FnOnce(&str) -> R) -> R {
    let mut text = *b"00000000000000000000000000000000-0000000000000000-0";
    encode_hex(&parent.trace_id().to_bytes(), &mut text[..32]);
    encode_hex(&parent.parent_id().to_bytes(), &mut text[33..IDS]);
    if parent.sampled() == Some(true) {
        text[IDS + 1] = b'1';
    }
    let text = Text(text);
    let length = if parent.sampled().is_some() { IDS + 2 } else { IDS };
    write(text.as_str().get(..length).unwrap_or_default())
}

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
            format(&parent, |text| assert_eq!(text, value));
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
