//! Whether headers say the same. Readers of their own, so that this library is not judged by itself.

use percent_encoding::percent_decode_str;

use crate::case::{Case, Hop};
use crate::header::Header;
use crate::peer::Peer;

/// Whether the lines of a header that a peer sent mean what the case expects. Two rules are about
/// bytes.
pub(crate) fn same(
    header: Option<Header>,
    (sent, expected): (&[&str], &[&str]),
    hop: &Hop,
    case: &Case,
    peer: &dyn Peer,
) -> bool {
    let rule = case.rule.as_str();
    if matches!(rule, "TP-10" | "BG-12") {
        return sent == expected;
    }
    match header {
        Some(Header::TraceParent) => {
            let parents = |values| parents(values, 2, peer.opens_span(), rule != "TP-6");
            same_parent(&parents(sent), &parents(expected), hop)
        }
        Some(Header::SentryTrace) => {
            let parents = |values| parents(values, 1, peer.opens_span(), false);
            same_parent(&parents(sent), &parents(expected), hop)
        }
        Some(Header::TraceState) => same_state(sent, expected, rule, peer.own_member()),
        Some(Header::Baggage) => {
            let received = hop.received.iter().filter(|(name, _)| name == "baggage");
            let received: Vec<_> = received.map(|(_, value)| value.as_str()).collect();
            same_baggage(members(sent), members(expected), &members(&received), case)
        }
        None => sent == expected,
    }
}

/// The fields of each value. That with the parent id is emptied where a span has put its own there,
/// and the random bit left out where the case is not about it: not every peer knows Level 2.
fn parents<'a>(values: &[&'a str], id: usize, span: bool, mask: bool) -> Vec<Vec<&'a str>> {
    let fields = |value: &&'a str| {
        let mut fields: Vec<_> = value.split('-').collect();
        match fields.get_mut(id) {
            Some(parent) if span && parent.len() == 16 && parent.contains(|c| c != '0') => {
                *parent = "";
            }
            _ => {}
        }
        match fields.last_mut() {
            Some(flags) if mask && *flags == "02" => *flags = "00",
            Some(flags) if mask && *flags == "03" => *flags = "01",
            _ => {}
        }
        fields
    };
    values.iter().map(fields).collect()
}

fn same_parent(sent: &[Vec<&str>], expected: &[Vec<&str>], hop: &Hop) -> bool {
    let came_in = |trace: &str| {
        hop.received.iter().any(|(_, value)| value.to_ascii_lowercase().contains(trace))
    };
    // A new trace, begun by a peer with spans, is no context of the caller's.
    let new = |fields: &Vec<&str>| {
        fields.contains(&"") && !fields.iter().any(|field| field.len() == 32 && came_in(field))
    };
    sent == expected || (expected.is_empty() && sent.iter().all(new))
}

fn same_state(sent: &[&str], expected: &[&str], rule: &str, own: Option<&str>) -> bool {
    let members = |lines: &[&str]| -> Vec<String> {
        let members = lines.iter().flat_map(|line| line.split(','));
        let members = members.map(|member| member.trim_matches([' ', '\t']).to_owned());
        members.filter(|member| !member.is_empty()).collect()
    };
    let (all, mut expected) = (members(sent), members(expected));
    let is_own = |member: &&String| member.split('=').next() == own;
    let others: Vec<_> = all.iter().filter(|member| !is_own(member)).cloned().collect();
    // Its own member may push the right-most one out.
    expected.truncate(32 - (all.len() - others.len()));
    // Sending an empty header is wrong, but not in cases about something else.
    let empty = rule == "TS-4" && !sent.is_empty() && all.is_empty();
    others == expected && !empty
}

/// Key, value, and properties as key and value where there is one; decoded.
type Member = (String, String, Vec<(String, Option<String>)>);

/// Whether the baggage that a peer made of members means what the case expects.
pub(crate) fn same_list(sent: &str, expected: &str, added: &[(&str, &str)], case: &Case) -> bool {
    let added = added.iter().map(|(key, value)| (key.to_string(), value.to_string(), Vec::new()));
    same_baggage(members(&[sent]), members(&[expected]), &added.collect::<Vec<_>>(), case)
}

fn same_baggage(
    sent: Vec<Member>,
    expected: Vec<Member>,
    received: &[Member],
    case: &Case,
) -> bool {
    // What is left out above the limits is everybody's choice.
    if case.names("BG-10") && expected.len() < received.len() {
        return sent.iter().all(|member| received.contains(member));
    }
    // A bad member may go, or be made a good one.
    if case.names("BG-9") {
        return expected.iter().all(|member| sent.contains(member))
            && sent.iter().all(|(key, ..)| is_token(key));
    }
    if case.names("BG-8") { sent == expected } else { sorted(sent) == sorted(expected) }
}

fn members(lines: &[&str]) -> Vec<Member> {
    let list = lines.iter().flat_map(|line| line.split(','));
    list.filter(|member| !member.trim().is_empty()).map(member).collect()
}

fn member(text: &str) -> Member {
    let mut parts = text.split(';');
    let pair = |part: &str| match part.split_once('=') {
        Some((key, value)) => (key.trim().to_owned(), Some(decoded(value.trim()))),
        None => (part.trim().to_owned(), None),
    };
    let (key, value) = pair(parts.next().unwrap_or_default());
    // An empty property says nothing.
    let properties = parts.filter(|part| !part.trim().is_empty()).map(pair);
    (key, value.unwrap_or_else(|| "(none)".to_owned()), properties.collect())
}

fn decoded(value: &str) -> String {
    let whole = value
        .split('%')
        .skip(1)
        .all(|rest| rest.len() >= 2 && rest.bytes().take(2).all(|digit| digit.is_ascii_hexdigit()));
    // A bare percent sign means nothing.
    if !whole {
        return format!("(no encoding: {value})");
    }
    percent_decode_str(value).decode_utf8_lossy().into_owned()
}

fn is_token(key: &str) -> bool {
    !key.is_empty()
        && key.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

fn sorted(mut members: Vec<Member>) -> Vec<Member> {
    members.sort_unstable();
    members
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_bytes_of_the_same_meaning_are_the_same() {
        for (one, other) in [
            ("a=1,b=2", "b=2 , a = 1"),
            ("a=%C3%BC", "a=%c3%bc"),
            ("a=b;p;q=%2C", "a=%62 ; p ; q=%2c"),
            ("a=%FF", "a=%EF%BF%BD"),
        ] {
            assert_eq!(sorted(members(&[one])), sorted(members(&[other])), "{one}");
        }
        assert_eq!(members(&["a=1", "b=2"]), members(&["a=1,b=2"]));
        assert!(same_state(&["a=1,b=2"], &["a=1 ,\tb=2,,"], "TS-3", None));
    }

    #[test]
    fn only_a_span_may_put_another_parent_id() {
        let [sent, came] = ["00-T-00f067aa0ba902b7-01", "00-T-b7ad6b7169203331-01"];
        let same =
            |sent, span| parents(&[sent], 2, span, false) == parents(&[came], 2, span, false);
        assert!(same(sent, true) && same(came, true) && same(came, false));
        assert!(!same(sent, false));
        assert!(!same("00-T-0000000000000000-01", true));
        assert!(!same("00-T-00f067aa0ba902b7-00", true));
    }

    #[test]
    fn the_random_bit_counts_only_where_it_is_asked_for() {
        let masked = |value| parents(&[value], 2, false, true);
        assert_eq!(masked("00-T-P-03"), masked("00-T-P-01"));
        assert_ne!(masked("00-T-P-02"), masked("00-T-P-01"));
        assert_ne!(
            parents(&["00-T-P-03"], 2, false, false),
            parents(&["00-T-P-01"], 2, false, false)
        );
    }

    #[test]
    fn another_meaning_is_found() {
        for (one, other) in [
            ("a=1", "a=1,a=1"),
            ("a=%2541", "a=%41"),
            ("a=100%25", "a=100%"),
            ("a=%20x", "a=x"),
            ("a=1;p", "a=1;p="),
            ("a=", "a"),
            ("a%2Db=1", "a-b=1"),
        ] {
            assert_ne!(sorted(members(&[one])), sorted(members(&[other])), "{one}");
        }
        assert!(!same_state(&["a=1,b=2"], &["b=2,a=1"], "TS-2", None));
        assert!(!same_state(&["a= 1"], &["a=1"], "TS-5", None));
        assert!(!same_state(&[""], &[], "TS-4", None));
        assert!(same_state(&[""], &[], "TS-1", None));
    }

    #[test]
    fn a_member_of_its_own_is_no_error_and_costs_the_last_one() {
        let full: Vec<_> = (0..32).map(|n| format!("k{n}=1")).collect();
        let sent = format!("dd=s:1,{}", full[..31].join(","));
        assert!(same_state(&[&sent], &[&full.join(",")], "TS-9", Some("dd")));
        assert!(!same_state(&[&sent], &[&full.join(",")], "TS-9", None));
        assert!(!same_state(&["dd=s:1"], &["a=1"], "TS-1", Some("dd")));
    }
}
