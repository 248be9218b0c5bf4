//! The cases, as tasks for a peer.

use serde_json::{Map, Value, json};

use crate::format::{
    BaggageCase, EncodeCase, ExpectedParent, ExpectedSentry, ExpectedState, LimitCase,
    MutationCase, OrgCase, PARENT, ParentCase, PropagateCase, SENTRY, SentryCase, StateCase, Text,
    list, name, shape,
};
use crate::header::Header;
use crate::left_out::{NO_TEXT, is_text, left_out};
use crate::peer::Parent;

/// Names and values of header lines.
pub(crate) type Lines = Vec<(String, String)>;

/// A case of any section.
#[derive(Debug)]
pub struct Case {
    /// That of its rules with which it is counted.
    pub rule: String,
    /// Its name, or what comes in.
    pub name: String,
    /// All rules, as `TP-4/TP-7`.
    rules: String,
    pub(crate) task: Task,
}

impl Case {
    /// Whether this is one of its rules.
    pub(crate) fn names(&self, rule: &str) -> bool {
        self.rules.split('/').any(|known| known == rule)
    }
}

/// What a peer is asked to do.
#[derive(Debug)]
pub(crate) enum Task {
    Hop(Box<Hop>),
    /// To set a member of a `tracestate`.
    Set(Box<MutationCase>),
    /// To add members to empty baggage and send it.
    Encode(EncodeCase),
    /// Nothing, for this reason.
    LeftOut(&'static str),
}

#[derive(Debug)]
pub(crate) struct Hop {
    pub(crate) settings: Value,
    pub(crate) received: Lines,
    /// What the outgoing request holds before.
    pub(crate) carrier: Lines,
    /// Headers without which a peer has no part in this.
    pub(crate) needs: Vec<Header>,
    /// Headers that are compared; none: all there are.
    pub(crate) compared: Option<&'static [Header]>,
    pub(crate) sent: Lines,
    /// The caller, where the case is about what is read.
    pub(crate) read: Option<Option<Parent>>,
}

/// Reads the vectors.
///
/// # Errors
/// If a section is unknown, or a case does not have the shape of its section.
pub fn cases(vectors: &str) -> Result<Vec<Case>, String> {
    let file: Map<String, Value> =
        serde_json::from_str(vectors).map_err(|error| error.to_string())?;
    let mut cases = Vec::new();
    for (section, list) in &file {
        for case in list.as_array().into_iter().flatten() {
            let (name, rules) = (name(case), case["rule"].as_str().unwrap_or("?").to_owned());
            let task =
                task(section, case).map_err(|error| format!("{section}, {name}: {error}"))?;
            cases.push(Case { rule: counted(&rules).to_owned(), name, rules, task });
        }
    }
    Ok(cases)
}

/// Who makes one of some plain mistakes makes it in cases of other rules too: reading the first line
/// only is no trouble with limits.
fn counted(rules: &str) -> &str {
    let plain =
        PLAIN_MISTAKES.into_iter().find(|plain| rules.split('/').any(|rule| rule == *plain));
    plain.or(rules.split('/').next()).unwrap_or(rules)
}

fn task(section: &str, case: &Value) -> Result<Task, String> {
    if let Some(why) = left_out(section, case) {
        return Ok(Task::LeftOut(why));
    }
    Ok(match section {
        "traceparent" => shape::<ParentCase>(case)?.hop().task(),
        "tracestate" => shape::<StateCase>(case)?.hop().task(),
        "tracestate_mutation" => Task::Set(Box::new(shape(case)?)),
        "baggage" => shape::<BaggageCase>(case)?.hop().task(),
        "baggage_encode" => Task::Encode(shape(case)?),
        "baggage_limits" => shape::<LimitCase>(case)?.hop()?.task(),
        "sentry_trace" => shape::<SentryCase>(case)?.hop().task(),
        "sentry_org" => shape::<OrgCase>(case)?.hop().task(),
        "propagate" => shape::<PropagateCase<Value>>(case)?.hop(&case["rule"]).task(),
        _ => return Err("the section is unknown".to_owned()),
    })
}

// Sections

impl ParentCase {
    fn hop(self) -> Hop {
        let state = ("tracestate".to_owned(), "a=1".to_owned());
        let mut received = lines("traceparent", &self.headers);
        received.push(state.clone());
        let sent = self.expect.as_ref().map(|ExpectedParent { trace_id, parent_id, flags }| {
            [("traceparent".to_owned(), format!("00-{trace_id}-{parent_id}-{flags}")), state]
        });
        let read = self.expect.map(|ExpectedParent { trace_id, parent_id, flags }| Parent {
            trace_id,
            parent_id,
            sampled: Some(matches!(flags.as_str(), "01" | "03")),
        });
        Hop {
            needs: vec![Header::TraceParent],
            compared: Some(&[Header::TraceParent, Header::TraceState]),
            sent: sent.into_iter().flatten().collect(),
            read: Some(read),
            ..Hop::w3c(received)
        }
    }
}

impl StateCase {
    fn hop(self) -> Hop {
        let mut received = vec![("traceparent".to_owned(), PARENT.to_owned())];
        let mut sent = received.clone();
        received.extend(lines("tracestate", &self.headers));
        if let ExpectedState::Members(members) = &self.expect
            && !members.is_empty()
        {
            sent.push(("tracestate".to_owned(), list(members)));
        }
        Hop {
            needs: vec![Header::TraceParent, Header::TraceState],
            compared: Some(&[Header::TraceParent, Header::TraceState]),
            sent,
            ..Hop::w3c(received)
        }
    }
}

impl BaggageCase {
    fn hop(self) -> Hop {
        Hop::baggage(&self.headers, self.out.as_slice())
    }
}

impl LimitCase {
    fn hop(self) -> Result<Hop, String> {
        let members = self.generate.members()?;
        let kept = members.get(..self.expect_members).ok_or("more are kept than there are")?;
        Ok(Hop::baggage(&self.generate.lines(&members)?, &[Text(kept.join(","))]))
    }
}

impl SentryCase {
    fn hop(self) -> Hop {
        let values = self.r#in.into_values();
        let sent = self.expect.as_ref().map(|_| Text(values[0].0.trim().to_owned()));
        let read = self.expect.map(|ExpectedSentry { trace_id, parent_span_id, sampled }| Parent {
            trace_id,
            parent_id: parent_span_id,
            sampled,
        });
        Hop {
            needs: vec![Header::SentryTrace],
            compared: Some(&[Header::SentryTrace]),
            sent: lines("sentry-trace", sent.as_slice()),
            read: Some(read),
            ..Hop::new(json!({}), lines("sentry-trace", &values))
        }
    }
}

impl OrgCase {
    fn hop(self) -> Hop {
        let trace = vec![("sentry-trace".to_owned(), SENTRY.to_owned())];
        let mut received = trace.clone();
        let org = self.baggage_org.map(|org| format!(",sentry-org_id={org}")).unwrap_or_default();
        received.push(("baggage".to_owned(), format!("sentry-release=1{org}")));
        let settings = json!({"org_id": self.sdk_org, "strict_continuation": self.strict});
        Hop {
            needs: vec![Header::SentryTrace],
            compared: Some(&[Header::SentryTrace]),
            sent: if self.continues { trace } else { Lines::new() },
            ..Hop::new(json!({"sentry": settings}), received)
        }
    }
}

impl PropagateCase<Value> {
    fn hop(self, rules: &Value) -> Hop {
        let all = self.r#in.iter().chain(&self.carrier).chain(&self.out);
        let mut needs: Vec<_> = all.filter_map(|(name, _)| Header::of(name)).collect();
        let of = |group| rules.as_str().is_some_and(|rules| rules.starts_with(group));
        if of("SE") {
            needs.push(Header::SentryTrace);
        }
        let baggage: &[_] = &[Header::Baggage];
        let settings = if self.options.is_null() { json!({}) } else { self.options };
        Hop {
            needs,
            compared: of("BG").then_some(baggage),
            carrier: fields(self.carrier),
            sent: fields(self.out),
            ..Hop::new(settings, fields(self.r#in))
        }
    }
}

impl Hop {
    fn new(settings: Value, received: Lines) -> Self {
        Self {
            settings,
            received,
            carrier: Lines::new(),
            needs: Vec::new(),
            compared: None,
            sent: Lines::new(),
            read: None,
        }
    }

    fn w3c(received: Lines) -> Self {
        let formats = ["tracecontext", "baggage"];
        Self::new(json!({"accept": formats, "emit": formats, "forward_baggage": true}), received)
    }

    fn baggage(received: &[Text], sent: &[Text]) -> Self {
        Self {
            needs: vec![Header::Baggage],
            compared: Some(&[Header::Baggage]),
            sent: lines("baggage", sent),
            ..Self::w3c(lines("baggage", received))
        }
    }

    fn task(self) -> Task {
        let mut values = self.received.iter().chain(&self.carrier);
        if values.all(|(_, value)| is_text(value)) {
            Task::Hop(Box::new(self))
        } else {
            Task::LeftOut(NO_TEXT)
        }
    }
}

fn lines(name: &str, values: &[Text]) -> Lines {
    values.iter().map(|Text(value)| (name.to_owned(), value.clone())).collect()
}

fn fields(pairs: Vec<(String, Text)>) -> Lines {
    pairs.into_iter().map(|(name, Text(value))| (name, value)).collect()
}

/// A case is counted with the first of these that it names, else with the first that it names.
const PLAIN_MISTAKES: [&str; 9] =
    ["TP-2", "TP-3", "TS-7", "TS-4", "TS-9", "TS-2", "TS-8", "BG-2", "BG-9"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_is_counted_once() {
        for (rules, rule) in [
            ("TP-4/TP-7", "TP-4"),
            ("TP-4/TP-2", "TP-2"),
            ("TS-6/TS-7", "TS-7"),
            ("TS-9/TS-2", "TS-9"),
            ("TS-2/TS-4", "TS-4"),
            ("TS-10/TS-8", "TS-8"),
            ("BG-10/BG-2", "BG-2"),
            ("BG-2/BG-9", "BG-2"),
            ("BG-5", "BG-5"),
        ] {
            assert_eq!(counted(rules), rule, "{rules}");
        }
    }

    #[test]
    fn what_is_unknown_is_no_case() {
        let error = |vectors: &str| cases(vectors).unwrap_err();
        assert!(error(r#"{"new": [{"rule": "TP-1", "name": "x"}]}"#).contains("unknown"));
        let case = r#"{"rule": "TP-5", "name": "x", "headers": [], "expect": null, "new": 1}"#;
        assert!(error(&format!(r#"{{"traceparent": [{case}]}}"#)).contains("another shape"));
        assert!(error("[]").contains("map"));
    }
}
