//! Puts cases to a peer.

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::case::{Case, Hop, Lines, Task};
use crate::format::{EncodeCase, Mutation, MutationCase, Text, list};
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
    match &case.task {
        Task::LeftOut(why) => Outcome::LeftOut((*why).to_owned()),
        Task::Hop(hop) if hop.needs.iter().all(|header| peer.claims().contains(header)) => {
            judged((0..ATTEMPTS).find_map(|_| hop_difference(peer, hop, case)))
        }
        Task::Hop(_) => Outcome::NotClaimed,
        Task::Set(set) => set_outcome(peer, set),
        Task::Encode(encode) => encode_outcome(peer, encode, case),
    }
}

fn judged(difference: Option<String>) -> Outcome {
    difference.map_or(Outcome::Right, Outcome::Wrong)
}

fn hop_difference(peer: &dyn Peer, hop: &Hop, case: &Case) -> Option<String> {
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
        let same = meaning::same(header, (&sent, &expected), hop, case, peer);
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
        // What no header can hold is in no case that is put to anybody.
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

fn set_outcome(peer: &dyn Peer, case: &MutationCase) -> Outcome {
    let Mutation::Set(_, key, value) = &case.op else { return Outcome::NotClaimed };
    match peer.set_member(&case.r#in.list(), &key.0, &value.0) {
        Some(after) => judged(list_difference(&after, case)),
        None => Outcome::NotClaimed,
    }
}

fn list_difference(after: &str, case: &MutationCase) -> Option<String> {
    let member = |member: &str| {
        let member = member.trim_matches([' ', '\t']);
        let (key, value) = member.split_once('=').unwrap_or((member, ""));
        (!member.is_empty()).then(|| (Text(key.to_owned()), Text(value.to_owned())))
    };
    let members = |list: &str| list.split(',').filter_map(member).collect::<Vec<_>>();
    let after_members = members(after);
    let keys = || after_members.iter().map(|(key, _)| key);
    let right = case.expect.as_ref().is_none_or(|all| *all == after_members)
        && case.expect_list.as_ref().is_none_or(|list| members(list) == after_members)
        && case.expect_first.as_ref().is_none_or(|first| after_members.first() == Some(first))
        && case.expect_len.is_none_or(|len| after_members.len() == len)
        && case.expect_missing.as_ref().is_none_or(|missing| keys().all(|key| key.0 != *missing))
        && case.expect_keys.as_ref().is_none_or(|expected| keys().eq(expected));
    (!right).then(|| format!("made {}, expected {}", shown(&[after]), expected_list(case)))
}

fn expected_list(case: &MutationCase) -> String {
    match &case.expect {
        Some(members) => shown(&[&list(members)]),
        None => format!("another list of {:?}", case.r#in),
    }
}

fn encode_outcome(peer: &dyn Peer, encode: &EncodeCase, case: &Case) -> Outcome {
    let members = encode.members.iter().map(|(key, value)| (key.0.as_str(), value.0.as_str()));
    let members: Vec<_> = members.collect();
    let (mut sent, expected) = (Vec::new(), encode.out.0.as_str());
    for _ in 0..ATTEMPTS {
        match peer.encode_baggage(&members) {
            Some(list) => sent.push(list),
            None => return Outcome::NotClaimed,
        }
    }
    let wrong = sent.iter().find(|sent| !meaning::same_list(sent, expected, &members, case));
    let difference =
        |sent: &String| format!("made {}, expected {}", shown(&[sent]), shown(&[expected]));
    judged(wrong.map(difference))
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
        for case in ["simple", "one", "upper case is refused", "an empty value"] {
            assert_eq!(*outcome_of(&verdicts, case), Outcome::NotClaimed, "{case}");
        }
        assert!(judged(&[]).iter().all(|verdict| match &*verdict.rule {
            // It needs no header.
            "BO-4" => true,
            _ => matches!(verdict.outcome, Outcome::NotClaimed | Outcome::LeftOut(_)),
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
                if !self.0.get().is_multiple_of(3) {
                    sent.extend(received.clone());
                }
                None
            }
        }
        let verdicts = judge(&Moody(std::cell::Cell::default()), &cases(VECTORS).unwrap());
        assert!(matches!(outcome_of(&verdicts, "simple"), Outcome::Wrong(_)));
    }

    /// Sets members in front and adds what it is given, well or badly.
    struct Writes {
        well: bool,
    }

    impl Peer for Writes {
        fn name(&self) -> String {
            "writes".to_owned()
        }

        fn claims(&self) -> &[Header] {
            &[]
        }

        fn hop(&self, _: &Value, _: &HeaderMap, _: &mut HeaderMap) -> Option<Parent> {
            None
        }

        fn set_member(&self, list: &str, key: &str, value: &str) -> Option<String> {
            let others = list.split(',').filter(|member| self.well && !member.starts_with(key));
            Some(
                [format!("{key}={value}").as_str()]
                    .into_iter()
                    .chain(others)
                    .collect::<Vec<_>>()
                    .join(","),
            )
        }

        fn encode_baggage(&self, members: &[(&str, &str)]) -> Option<String> {
            let percent = if self.well { "%25" } else { "%" };
            let pair =
                |(key, value): &(&str, &str)| format!("{key}={}", value.replace('%', percent));
            Some(members.iter().map(pair).collect::<Vec<_>>().join(","))
        }
    }

    #[test]
    fn what_is_written_is_judged() {
        let [well, badly] =
            [true, false].map(|well| judge(&Writes { well }, &cases(VECTORS).unwrap()));
        for case in ["update moves left", "a percent sign is always encoded"] {
            assert_eq!(*outcome_of(&well, case), Outcome::Right, "{case}");
            let outcome = outcome_of(&badly, case);
            assert!(matches!(outcome, Outcome::Wrong(_)), "{case}: {outcome:?}");
        }
        // Neither refuses anything, and above the limits all may pass.
        for (case, right) in [
            ("a bad key changes nothing", false),
            ("a key with a line break", false),
            ("8193 bytes are refused", true),
        ] {
            assert_eq!(*outcome_of(&well, case) == Outcome::Right, right, "{case}");
        }
    }
}
