//! `tracestate`, [W3C Trace Context](https://www.w3.org/TR/trace-context-2/#tracestate-header).

use std::str::FromStr;

use super::received::List;
use super::{Field, ParseError, RawValue, Rule};
use crate::context::{TraceState, is_key, is_value, trim_ows};
use crate::limits;

/// Checks a list and keeps its bytes (rules TS-2 to TS-9).
pub(super) fn parse(list: List<'_>) -> Result<TraceState, Rule> {
    let bytes = list.as_bytes();
    if bytes.len() > limits::TRACESTATE_BYTES {
        return Err(Rule::Tr4);
    }
    let mut keys = [&b""[..]; limits::TRACESTATE_MEMBERS];
    let mut members = 0;
    let mut repeated = false;
    for member in bytes.split(|byte| *byte == b',').map(trim_ows).filter(|m| !m.is_empty()) {
        let sign = memchr::memchr(b'=', member).ok_or(Rule::Ts7)?;
        let (key, value) = (&member[..sign], &member[sign + 1..]);
        if !is_key(key) || !is_value(value) {
            return Err(Rule::Ts7);
        }
        let Some(free) = keys.get_mut(members) else { return Err(Rule::Ts9) };
        *free = key;
        repeated |= keys[..members].contains(&key);
        members += 1;
    }
    if members == 0 {
        return Ok(TraceState::default());
    }
    let state = TraceState::from_checked(list.to_header_value().ok_or(Rule::Ts7)?);
    Ok(if repeated { first_of_each(&state) } else { state })
}

/// Keeps the first of several members with the same key (rule TS-8).
fn first_of_each(state: &TraceState) -> TraceState {
    let mut unique = TraceState::default();
    let mut kept: Vec<(&str, &str)> = Vec::new();
    for (key, value) in state.iter() {
        if !kept.iter().any(|(known, _)| *known == key) {
            kept.push((key, value));
        }
    }
    // Each addition goes to the left, so the right-most has to come first.
    for (key, value) in kept.into_iter().rev() {
        // Both were checked a moment ago.
        let _ = unique.set(key, value);
    }
    unique
}

impl FromStr for TraceState {
    type Err = ParseError;

    /// Parses the value of a `tracestate` header.
    ///
    /// # Errors
    /// If a member breaks rule TS-5 or TS-6, there are more than 32 (rule TS-9), or the list is too
    /// long to be looked at (rule TR-4).
    fn from_str(list: &str) -> Result<Self, ParseError> {
        parse(List::One(RawValue::from(list)))
            .map_err(|rule| ParseError::new(Field::TraceState, rule))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tp_10_a_list_that_is_only_passed_on_keeps_its_white_space() {
        let text = "foo=1 \t , \t bar=2,,baz= 3";
        assert_eq!(text.parse::<TraceState>().unwrap().as_str(), text);
    }

    #[test]
    fn ts_8_the_first_of_equal_keys_stays() {
        assert_eq!("a=1,b=2,a=3".parse::<TraceState>().unwrap().as_str(), "a=1,b=2");
    }

    #[test]
    fn tr_4_a_list_that_is_too_long_is_not_looked_at() {
        let list = ",".repeat(limits::TRACESTATE_BYTES + 1);
        assert_eq!(list.parse::<TraceState>().unwrap_err().rule(), Rule::Tr4);
    }
}
