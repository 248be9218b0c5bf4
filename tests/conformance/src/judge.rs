//! Puts cases to a peer.

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::case::{Case, ExpectedList, Hop, Lines, Task};
use crate::header::Header;
use crate::meaning;
use crate::peer::Peer;
use crate::verdict::{Outcome, Verdict};

/// Puts every case to the peer.
#[must_use]
pub fn judge(peer: &dyn Peer, cases: &[Case]) -> Vec<Verdict> {
    let name = peer.name();
    let verdict = |case: &Case| Verdict {
        peer: name.clone(),
        rule: case.rule.clone(),
        case: case.name.clone(),
        outcome: outcome(peer, case),
    };
    cases.iter().map(verdict).collect()
}

fn outcome(peer: &dyn Peer, case: &Case) -> Outcome {
    let difference = match &case.task {
        Task::Hop(hop) if hop.needs.iter().all(|header| peer.claims().contains(header)) => {
            (0..ATTEMPTS).find_map(|_| hop_difference(peer, hop, &case.rule))
        }
        Task::SetMember { list, key, value, expected } => match peer.set_member(list, key, value) {
            Some(after) => list_difference(&after, expected),
            None => return Outcome::NotClaimed,
        },
        Task::Hop(_) | Task::Elsewhere => return Outcome::NotClaimed,
    };
    difference.map_or(Outcome::Right, Outcome::Wrong)
}

fn hop_difference(peer: &dyn Peer, hop: &Hop, rule: &str) -> Option<String> {
    let mut headers = map(&hop.carrier);
    let read = peer.hop(&hop.settings, &map(&hop.received), &mut headers);
    if let Some(expected) = hop.read.as_ref().filter(|expected| **expected != read) {
        return Some(format!("read {read:?}, expected {expected:?}"));
    }
    let expected = map(&hop.sent);
    let mut names: Vec<_> = headers.keys().chain(expected.keys()).collect();
    names.sort_unstable_by_key(|name| name.as_str());
    names.dedup();
    names.retain(|name| is_compared(hop, peer, Header::of(name.as_str())));
    names.into_iter().find_map(|name| {
        let (sent, expected) = (values(&headers, name), values(&expected, name));
        let header = Header::of(name.as_str());
        let same = meaning::same(header, (&sent, &expected), hop, rule, peer);
        (!same).then(|| format!("sent {name} {}, expected {}", shown(&sent), shown(&expected)))
    })
}

fn is_compared(hop: &Hop, peer: &dyn Peer, header: Option<Header>) -> bool {
    let claimed = header.is_none_or(|header| peer.claims().contains(&header));
    let asked = hop.compared.is_none_or(|some| header.is_some_and(|header| some.contains(&header)));
    claimed && asked
}

fn map(lines: &Lines) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in lines {
        let name = HeaderName::from_bytes(name.as_bytes());
        // A value that no header can hold reaches no peer.
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(value.as_bytes())) {
            map.append(name, value);
        }
    }
    map
}

fn values<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Vec<&'a str> {
    let values = headers.get_all(name).iter();
    values.map(|value| value.to_str().unwrap_or("(no text)")).collect()
}

/// Long values end in `…`.
fn shown(values: &[&str]) -> String {
    let mut text = format!("{values:?}");
    if let Some((end, _)) = text.char_indices().nth(200) {
        text.truncate(end);
        text.push('…');
    }
    text
}

fn list_difference(after: &str, expected: &ExpectedList) -> Option<String> {
    let pair = |member: &str| {
        member.split_once('=').map(|(key, value)| (key.to_owned(), value.to_owned()))
    };
    let members: Lines = after.split(',').filter_map(pair).collect();
    let ExpectedList { all, first, len, missing } = expected;
    let right = all.as_ref().is_none_or(|all| *all == members)
        && first.as_ref().is_none_or(|first| members.first() == Some(first))
        && len.is_none_or(|len| members.len() == len)
        && missing.as_ref().is_none_or(|key| members.iter().all(|member| member.0 != *key));
    (!right).then(|| format!("made {}, expected {expected:?}", shown(&[after])))
}

/// A list that is kept in a hash map comes out in order now and then: that is no order.
const ATTEMPTS: usize = 8;

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::{Parent, VECTORS, cases};

    /// Hands on the bytes that it knows the names of, and says what it was told to have read.
    struct PassesOn {
        claims: Vec<Header>,
        read: Option<Parent>,
    }

    impl Peer for PassesOn {
        fn name(&self) -> String {
            "passes on".to_owned()
        }

        fn claims(&self) -> &[Header] {
            &self.claims
        }

        fn hop(&self, _: &Value, received: &HeaderMap, sent: &mut HeaderMap) -> Option<Parent> {
            sent.extend(received.clone());
            self.read.clone()
        }
    }

    fn judged(claims: &[Header]) -> Vec<Verdict> {
        let parent = Parent {
            trace_id: "0af7651916cd43dd8448eb211c80319c".to_owned(),
            parent_id: "b7ad6b7169203331".to_owned(),
            sampled: Some(true),
        };
        let peer = PassesOn { claims: claims.to_vec(), read: Some(parent) };
        judge(&peer, &cases(VECTORS).unwrap())
    }

    fn outcome_of<'a>(verdicts: &'a [Verdict], case: &str) -> &'a Outcome {
        &verdicts.iter().find(|verdict| verdict.case == case).unwrap().outcome
    }

    #[test]
    fn every_case_gets_a_verdict() {
        assert_eq!(judged(&[]).len(), VECTORS.matches("\"rule\":").count());
    }

    #[test]
    fn a_wrong_answer_is_counted() {
        let all = [Header::TraceParent, Header::TraceState, Header::Baggage, Header::SentryTrace];
        let verdicts = judged(&all);
        assert_eq!(*outcome_of(&verdicts, "sampled"), Outcome::Right);
        assert_eq!(*outcome_of(&verdicts, "simple"), Outcome::Right);
        for (case, said) in [
            ("trace-id zero", "read Some"),
            ("drop list: no equals", "sent tracestate"),
            ("bad key dropped, rest kept", "sent baggage"),
            ("two parents are none", "sent traceparent"),
            ("upper case is refused", "sent sentry-trace"),
        ] {
            let outcome = outcome_of(&verdicts, case);
            let wrong = matches!(outcome, Outcome::Wrong(text) if text.contains(said));
            assert!(wrong, "{case}: {outcome:?}");
        }
    }

    #[test]
    fn nobody_is_judged_on_what_it_does_not_claim() {
        let verdicts = judged(&[Header::TraceParent]);
        assert_ne!(*outcome_of(&verdicts, "trace-id zero"), Outcome::NotClaimed);
        for case in ["simple", "one", "upper case is refused", "baggage is closed by default"] {
            assert_eq!(*outcome_of(&verdicts, case), Outcome::NotClaimed, "{case}");
        }
        assert!(judged(&[]).iter().all(|verdict| match &*verdict.rule {
            // It needs no header.
            "BO-4" => true,
            _ => verdict.outcome == Outcome::NotClaimed,
        }));
    }

    #[test]
    fn what_is_wrong_now_and_then_is_wrong() {
        struct Moody(std::cell::Cell<u32>);
        impl Peer for Moody {
            fn name(&self) -> String {
                "moody".to_owned()
            }
            fn claims(&self) -> &[Header] {
                &[Header::Baggage]
            }
            fn hop(&self, _: &Value, received: &HeaderMap, sent: &mut HeaderMap) -> Option<Parent> {
                self.0.set(self.0.get() + 1);
                if self.0.get() % 3 != 0 {
                    sent.extend(received.clone());
                }
                None
            }
        }
        let verdicts = judge(&Moody(std::cell::Cell::default()), &cases(VECTORS).unwrap());
        assert!(matches!(outcome_of(&verdicts, "simple"), Outcome::Wrong(_)));
    }

    #[test]
    fn a_changed_list_is_judged() {
        let case = |name: &str| cases(VECTORS).unwrap().into_iter().find(|case| case.name == name);
        let Task::SetMember { expected, .. } = case("update moves left").unwrap().task else {
            panic!("it sets a member")
        };
        assert_eq!(list_difference("c=9,a=1,b=2", &expected), None);
        assert!(list_difference("a=1,b=2,c=9", &expected).is_some());
    }
}
