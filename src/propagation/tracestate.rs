//! `tracestate`, [W3C Trace Context](https://www.w3.org/TR/trace-context-2/#tracestate-header).

use std::str::FromStr;

use super::received::List;
use super::{Field, ParseError, RawValue, Rule};
use crate::context::{TraceState, leading_key, leading_value, trim_ows_start};
use crate::limits;

/// Checks a list and keeps its bytes (rules TS-2 to TS-9).
pub(super) fn parse(list: List<'_>) -> Result<TraceState, Rule> {
    let mut rest = list.as_bytes();
    if rest.len() > limits::TRACESTATE_BYTES {
        return Err(Rule::Tr4);
    }
    let mut keys = Keys::default();
    while let Some(member) = next_member(rest)? {
        keys.add(member.key)?;
        rest = member.rest;
    }
    if keys.members == 0 {
        return Ok(TraceState::default());
    }
    let state = TraceState::from_checked(list.to_header_value().ok_or(Rule::Ts7)?);
    Ok(if keys.may_repeat { first_of_each(state) } else { state })
}

/// A checked member and what stands behind it.
struct Scanned<'a> {
    key: &'a [u8],
    rest: &'a [u8],
}

/// Reads up to the comma behind the next member, empty ones left out (rule TS-4).
#[inline]
fn next_member(list: &[u8]) -> Result<Option<Scanned<'_>>, Rule> {
    let mut list = trim_ows_start(list);
    while let [b',', rest @ ..] = list {
        list = trim_ows_start(rest);
    }
    if list.is_empty() {
        return Ok(None);
    }
    let (key, rest) = list.split_at(leading_key(list));
    let [b'=', rest @ ..] = rest else { return Err(Rule::Ts7) };
    let (value, rest) = rest.split_at(leading_value(rest));
    let rest = trim_ows_start(rest);
    if key.is_empty() || value.is_empty() || !matches!(rest, [] | [b',', ..]) {
        return Err(Rule::Ts7);
    }
    Ok(Some(Scanned { key, rest }))
}

/// Counts members, and tells whether two may have the same key.
///
/// One pass over 32 short prints is unrolled; comparing the keys themselves would be a call for each
/// pair of them.
#[derive(Default)]
struct Keys {
    prints: [u32; limits::TRACESTATE_MEMBERS],
    members: usize,
    may_repeat: bool,
}

impl Keys {
    #[inline]
    fn add(&mut self, key: &[u8]) -> Result<(), Rule> {
        let print = print(key);
        self.may_repeat |= self.prints.iter().fold(false, |seen, known| seen | (*known == print));
        *self.prints.get_mut(self.members).ok_or(Rule::Ts9)? = print;
        self.members += 1;
        Ok(())
    }
}

/// A number that differs for most keys, and is the same for equal ones.
#[inline]
fn print(key: &[u8]) -> u32 {
    match (key.first_chunk(), key.last_chunk()) {
        (Some(first), Some(last)) => {
            u32::from_le_bytes(*first).rotate_left(7) ^ u32::from_le_bytes(*last)
        }
        _ => key.iter().fold(0, |print, byte| print << 8 | u32::from(*byte)),
    }
}

/// Keeps the first of several members with the same key (rule TS-8).
fn first_of_each(state: TraceState) -> TraceState {
    let mut kept: Vec<(&str, &str)> = Vec::new();
    for (key, value) in state.iter() {
        if !kept.iter().any(|(known, _)| *known == key) {
            kept.push((key, value));
        }
    }
    if kept.len() == state.iter().count() {
        return state;
    }
    let mut unique = TraceState::default();
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
    fn ts_8_keys_that_only_look_alike_are_kept_with_every_byte() {
        let text = "abcdxwxyz=1 , abcdywxyz=2,a=3,b=4";
        assert_eq!(text.parse::<TraceState>().unwrap().as_str(), text);
        let text = "abcdxwxyz=1,abcdywxyz=2,abcdxwxyz=3";
        assert_eq!(text.parse::<TraceState>().unwrap().as_str(), "abcdxwxyz=1,abcdywxyz=2");
    }

    #[test]
    fn tr_4_a_list_that_is_too_long_is_not_looked_at() {
        let list = ",".repeat(limits::TRACESTATE_BYTES + 1);
        assert_eq!(list.parse::<TraceState>().unwrap_err().rule(), Rule::Tr4);
    }
}
