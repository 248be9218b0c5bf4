//! `traceparent`, [W3C Trace Context](https://www.w3.org/TR/trace-context-2/#traceparent-header).

use std::fmt;
use std::str::FromStr;

use super::{Field, ParseError, Rule};
use crate::context::{Decision, SpanId, TraceId, TraceParent, decode_hex, encode_hex, trim_ows};

/// Parses a value, white space at its ends allowed (rules TP-1 to TP-4, TP-7).
pub(super) fn parse(value: &[u8]) -> Result<TraceParent, Rule> {
    match value {
        // What nearly everybody sends. With white space in it, it is too short.
        [b'0', b'0', ..] if value.len() == LENGTH => fields(value).ok_or(Rule::Tp3),
        _ => parse_any_form(trim_ows(value)),
    }
}

#[cold]
fn parse_any_form(value: &[u8]) -> Result<TraceParent, Rule> {
    let version = value.get(..2).and_then(decode_hex).ok_or(Rule::Tp3)?;
    let broken = match version {
        [0x00] if value.len() == LENGTH => Rule::Tp3,
        [0x01..=0xfe] if matches!(value.get(LENGTH), None | Some(b'-')) => Rule::Tp4,
        [0x01..=0xfe] => return Err(Rule::Tp4),
        _ => return Err(Rule::Tp3),
    };
    fields(value).ok_or(broken)
}

fn fields(value: &[u8]) -> Option<TraceParent> {
    let value: &[u8; LENGTH] = value.get(..LENGTH)?.try_into().ok()?;
    if [value[2], value[35], value[52]] != *b"---" {
        return None;
    }
    let trace_id = TraceId::from_u128(u128::from_be_bytes(decode_hex(&value[3..35])?))?;
    let parent_id = SpanId::from_u64(u64::from_be_bytes(decode_hex(&value[36..52])?))?;
    let [flags] = decode_hex(&value[53..])?;
    let decision = Decision::from(flags & SAMPLED != 0);
    Some(TraceParent::new(trace_id, parent_id, decision).with_random(flags & RANDOM != 0))
}

/// Formats as version 00. A deferred decision has no form here and becomes "not sampled".
#[inline]
pub(super) fn format(parent: &TraceParent) -> [u8; LENGTH] {
    let mut text = *b"00-00000000000000000000000000000000-0000000000000000-00";
    encode_hex(&parent.trace_id().to_bytes(), &mut text[3..35]);
    encode_hex(&parent.parent_id().to_bytes(), &mut text[36..52]);
    let sampled = if parent.sampled() == Some(true) { SAMPLED } else { 0 };
    let random = if parent.random() { RANDOM } else { 0 };
    text[LENGTH - 1] = b'0' + (sampled | random);
    text
}

/// A short ASCII text on the stack.
pub(super) struct Text<const N: usize>(pub(super) [u8; N]);

impl<const N: usize> Text<N> {
    pub(super) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for TraceParent {
    /// The value of a `traceparent` header, version 00. A deferred decision reads as "not sampled".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Text(format(self)).as_str())
    }
}

impl FromStr for TraceParent {
    type Err = ParseError;

    /// Parses the value of a `traceparent` header.
    ///
    /// # Errors
    /// If the value breaks rule TP-3 or TP-4.
    fn from_str(value: &str) -> Result<Self, ParseError> {
        parse(value.as_bytes()).map_err(|rule| ParseError::new(Field::TraceParent, rule))
    }
}

/// Bytes of a value of version 00.
pub(super) const LENGTH: usize = 55;
const SAMPLED: u8 = 0x01;
const RANDOM: u8 = 0x02;

#[cfg(test)]
mod tests {
    use super::*;

    const VALUE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn tp_1_a_valid_value_survives_parsing_and_formatting() {
        for flags in ["00", "01", "02", "03"] {
            let value = format!("{}{flags}", &VALUE[..53]);
            assert_eq!(value.parse::<TraceParent>().unwrap().to_string(), value);
        }
    }

    #[test]
    fn tp_4_a_later_version_is_read_and_version_00_is_written() {
        let later = format!("cc{}-what-the-future-brings", &VALUE[2..]);
        assert_eq!(later.parse::<TraceParent>().unwrap().to_string(), VALUE);
        for bad in ["-", ".", "x"].map(|tail| format!("cc{}{tail}", &VALUE[2..])) {
            assert_eq!(bad.parse::<TraceParent>().is_ok(), bad.ends_with('-'));
        }
        assert_eq!(
            format!("cc{}", &VALUE[2..54]).parse::<TraceParent>().unwrap_err().rule(),
            Rule::Tp4
        );
    }

    #[test]
    fn tp_2_only_spaces_and_tabs_are_stripped() {
        assert!(format!(" \t{VALUE}\t ").parse::<TraceParent>().is_ok());
        for bad in ["\n", "\r", "\u{a0}", "\x0b"] {
            assert!(format!("{bad}{VALUE}").parse::<TraceParent>().is_err());
        }
    }
}
