//! The oracles: a second reader of every format, for the properties to compare with.
//!
//! They are written for a reader, not for a machine: they split texts and look at characters one by
//! one, and share nothing with the library but its limits.

use throughline::limits;

use super::{PARENT, TRACE};

/// What version 00 is to be sent, if the value is valid (rules TP-1 to TP-4, TP-7).
pub(super) fn oracle_traceparent(value: &[u8]) -> Option<String> {
    let text = latin_1(value);
    let fields: Vec<&str> = text.trim_matches([' ', '\t']).split('-').collect();
    let [version, trace_id, parent_id, flags, rest @ ..] = fields.as_slice() else { return None };
    let lengths = [version.len(), trace_id.len(), parent_id.len(), flags.len()];
    let hex = [version, trace_id, parent_id, flags].iter().all(|field| is_lower_hex(field));
    let zero = |id: &str| id.chars().all(|digit| digit == '0');
    let extra_allowed = *version != "00";
    if lengths != [2, 32, 16, 2] || !hex || *version == "ff" || zero(trace_id) || zero(parent_id) {
        return None;
    }
    if !rest.is_empty() && !extra_allowed {
        return None;
    }
    let flags = flags.chars().last()?.to_digit(16)? & 3;
    Some(format!("00-{trace_id}-{parent_id}-0{flags}"))
}

/// What is to be sent, if the value is valid (rules SE-1 and SE-3).
pub(super) fn oracle_sentry_trace(value: &[u8]) -> Option<String> {
    let text = latin_1(value);
    let text = text.trim_matches([' ', '\t']);
    let fields: Vec<&str> = text.split('-').collect();
    let (trace_id, parent_id) = match fields.as_slice() {
        [trace_id, parent_id] | [trace_id, parent_id, "0" | "1"] => (trace_id, parent_id),
        _ => return None,
    };
    let zero = |id: &str| id.chars().all(|digit| digit == '0');
    let valid = trace_id.len() == 32
        && parent_id.len() == 16
        && is_lower_hex(trace_id)
        && is_lower_hex(parent_id)
        && !zero(trace_id)
        && !zero(parent_id);
    valid.then(|| text.to_owned())
}

/// The members, if the list is valid (rules TS-2 to TS-9).
pub(super) fn oracle_tracestate(lines: &[Vec<u8>]) -> Option<Vec<(String, String)>> {
    let text = latin_1(&lines.join(&b','));
    if text.chars().count() > limits::TRACESTATE_BYTES {
        return None;
    }
    let mut members: Vec<(String, String)> = Vec::new();
    let mut count = 0;
    for member in text.split(',').map(|member| member.trim_matches([' ', '\t'])) {
        if member.is_empty() {
            continue;
        }
        count += 1;
        let (key, value) = member.split_once('=')?;
        let starts = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let goes_on = |c: char| starts(c) || "_*/@-".contains(c);
        let printable = |c: char| (' '..='~').contains(&c) && c != '=';
        let valid = key.starts_with(starts)
            && key.chars().all(goes_on)
            && key.len() <= 256
            && (1..=256).contains(&value.chars().count())
            && value.chars().all(printable);
        if !valid {
            return None;
        }
        if !members.iter().any(|(known, _)| known == key) {
            members.push((key.to_owned(), value.to_owned()));
        }
    }
    (count <= 32).then_some(members)
}

/// The members that stay, and whether they are all that were there (rules BG-1 to BG-10).
pub(super) fn oracle_baggage(lines: &[Vec<u8>]) -> (Vec<String>, bool) {
    let mut bytes = lines.join(&b',');
    let mut complete = true;
    if bytes.len() > limits::BAGGAGE_SCAN_BYTES {
        complete = false;
        bytes.truncate(limits::BAGGAGE_SCAN_BYTES);
        // The member at the cut is not whole.
        let last_comma = bytes.iter().rposition(|byte| *byte == b',').unwrap_or(0);
        bytes.truncate(last_comma);
    }
    let text = latin_1(&bytes);
    let mut kept: Vec<String> = Vec::new();
    for member in text.split(',').map(|member| member.trim_matches([' ', '\t'])) {
        if member.is_empty() {
            continue;
        }
        let longer = kept.iter().chain([&member.to_owned()]).cloned().collect::<Vec<_>>().join(",");
        if is_baggage_member(member) && kept.len() < 64 && longer.len() <= 8192 {
            kept.push(member.to_owned());
        } else {
            complete = false;
        }
    }
    (kept, complete)
}

fn is_baggage_member(member: &str) -> bool {
    let Some((key, tail)) = member.split_once('=') else { return false };
    let mut parts = tail.split(';');
    let value = parts.next().unwrap_or_default();
    let key = key.trim_matches([' ', '\t']);
    let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    let octet = |c: char| ('!'..='~').contains(&c) && !"\",;\\".contains(c);
    !key.is_empty()
        && key.chars().all(token)
        && value.trim_matches([' ', '\t']).chars().all(octet)
        && parts.all(|property| property.chars().all(|c| octet(c) || " \t\"\\".contains(c)))
}

/// Bytes as characters one by one, so that an oracle need not care about UTF-8.
fn latin_1(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

fn is_lower_hex(text: &str) -> bool {
    text.chars().all(|c| "0123456789abcdef".contains(c))
}

#[test]
fn the_oracles_know_good_from_bad() {
    assert_eq!(oracle_traceparent(PARENT.as_bytes()).as_deref(), Some(PARENT));
    let later = format!("cc{}-more-fields", &PARENT[2..]);
    assert_eq!(oracle_traceparent(later.as_bytes()).as_deref(), Some(PARENT));
    let sentry = format!(" {TRACE}-b7ad6b7169203331-1\t");
    assert_eq!(oracle_sentry_trace(sentry.as_bytes()).as_deref(), Some(sentry.trim()));
    for bad in
        ["", "-", &PARENT.to_uppercase(), &format!("{PARENT}-"), &PARENT.replace("00-", "ff-")]
    {
        assert_eq!(oracle_traceparent(bad.as_bytes()), None, "{bad}");
        assert_eq!(oracle_sentry_trace(bad.as_bytes()), None, "{bad}");
    }
    assert_eq!(oracle_tracestate(&[b"a=1".to_vec(), b",b= 2 ".to_vec()]).unwrap().len(), 2);
    assert_eq!(oracle_tracestate(&[b"a=1,B=2".to_vec()]), None);
    assert_eq!(oracle_baggage(&[b"a=1, b".to_vec()]), (vec!["a=1".into()], false));
}
