//! The cases, in one shape.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::header::Header;
use crate::peer::Parent;

/// Names and values of header lines.
pub(crate) type Lines = Vec<(String, String)>;

/// A case of any section.
#[derive(Clone, Debug)]
pub struct Case {
    /// The first of its rules.
    pub rule: String,
    /// Its name, or what comes in.
    pub name: String,
    pub(crate) task: Task,
}

/// What a peer is asked to do.
#[derive(Clone, Debug)]
pub(crate) enum Task {
    Hop(Hop),
    SetMember {
        list: String,
        key: String,
        value: String,
        expected: Box<ExpectedList>,
    },
    /// `tests/integration/vectors.rs` alone judges it: no peer that is judged here has such a setting,
    /// function or format.
    Elsewhere,
}

#[derive(Clone, Debug)]
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

/// What a case says of a `tracestate` after a change.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct ExpectedList {
    #[serde(rename = "expect")]
    pub(crate) all: Option<Lines>,
    #[serde(rename = "expect_first")]
    pub(crate) first: Option<(String, String)>,
    #[serde(rename = "expect_len")]
    pub(crate) len: Option<usize>,
    #[serde(rename = "expect_missing")]
    pub(crate) missing: Option<String>,
}

/// Reads the vectors.
///
/// # Errors
/// If a case does not have the shape of its section.
pub fn cases(vectors: &str) -> Result<Vec<Case>, String> {
    let file: serde_json::Map<String, Value> =
        serde_json::from_str(vectors).map_err(|error| error.to_string())?;
    let mut cases = Vec::new();
    for (section, list) in &file {
        for case in list.as_array().into_iter().flatten() {
            let rules = case["rule"].as_str().unwrap_or("?");
            let name = case["name"].as_str().map_or_else(|| case_without_name(case), str::to_owned);
            let task = task(section, case)
                .map_err(|error| format!("{section}, {name}: another shape: {error}"))?;
            cases.push(Case {
                rule: rules.split('/').next().unwrap_or(rules).to_owned(),
                name,
                task,
            });
        }
    }
    Ok(cases)
}

fn case_without_name(case: &Value) -> String {
    if case["sdk_org"].is_null() && case["baggage_org"].is_null() && !case["in"].is_null() {
        return case["in"].to_string();
    }
    format!("org {} at {}, strict {}", case["baggage_org"], case["sdk_org"], case["strict"])
}

fn task(section: &str, case: &Value) -> Result<Task, serde_json::Error> {
    Ok(match section {
        "traceparent" => Task::Hop(shape::<ParentCase>(case)?.hop()),
        "tracestate" => Task::Hop(shape::<StateCase>(case)?.hop()),
        "tracestate_mutation" => shape::<MutationCase>(case)?.task(shape(case)?),
        "baggage" => Task::Hop(shape::<BaggageCase>(case)?.hop()),
        "baggage_limits" => Task::Hop(shape::<LimitCase>(case)?.hop()),
        "sentry_trace" => Task::Hop(shape::<SentryCase>(case)?.hop()),
        "sentry_org" => Task::Hop(shape::<OrgCase>(case)?.hop()),
        "propagate" => shape::<PropagateCase>(case)?.task(),
        _ => Task::Elsewhere,
    })
}

fn shape<C: DeserializeOwned>(case: &Value) -> Result<C, serde_json::Error> {
    C::deserialize(case)
}

// Sections

#[derive(Deserialize)]
struct ParentCase {
    headers: Vec<String>,
    expect: Option<ExpectedParent>,
}

#[derive(Deserialize)]
struct ExpectedParent {
    trace_id: String,
    parent_id: String,
    flags: String,
}

impl ParentCase {
    fn hop(self) -> Hop {
        let mut received = lines("traceparent", &self.headers);
        received.extend(lines("tracestate", &["a=1".to_owned()]));
        let sent = self.expect.as_ref().map(|ExpectedParent { trace_id, parent_id, flags }| {
            let parent = format!("00-{trace_id}-{parent_id}-{flags}");
            [("traceparent".to_owned(), parent), ("tracestate".to_owned(), "a=1".to_owned())]
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

#[derive(Deserialize)]
struct StateCase {
    headers: Vec<String>,
    /// Members, or the word `drop`.
    expect: Value,
}

impl StateCase {
    fn hop(self) -> Hop {
        let mut received = lines("traceparent", &[PARENT.to_owned()]);
        let mut sent = received.clone();
        received.extend(lines("tracestate", &self.headers));
        if let Ok(members) = Lines::deserialize(&self.expect) {
            let members: Vec<_> =
                members.iter().map(|(key, value)| format!("{key}={value}")).collect();
            let list = (!members.is_empty()).then(|| members.join(","));
            sent.extend(lines("tracestate", list.as_slice()));
        }
        Hop {
            needs: vec![Header::TraceParent, Header::TraceState],
            compared: Some(&[Header::TraceParent, Header::TraceState]),
            sent,
            ..Hop::w3c(received)
        }
    }
}

#[derive(Deserialize)]
struct MutationCase {
    r#in: Lines,
    op: Vec<Value>,
}

impl MutationCase {
    fn task(self, expected: ExpectedList) -> Task {
        let members = self.r#in.iter().map(|(key, value)| format!("{key}={value}"));
        match &self.op[..] {
            [Value::String(op), Value::String(key), Value::String(value)] if op == "set" => {
                Task::SetMember {
                    list: members.collect::<Vec<_>>().join(","),
                    key: key.clone(),
                    value: value.clone(),
                    expected: Box::new(expected),
                }
            }
            _ => Task::Elsewhere,
        }
    }
}

#[derive(Deserialize)]
struct BaggageCase {
    headers: Vec<String>,
    out: String,
}

impl BaggageCase {
    fn hop(self) -> Hop {
        Hop::baggage(&self.headers, self.out)
    }
}

#[derive(Deserialize)]
struct LimitCase {
    generate: Generator,
    expect_members: usize,
}

#[derive(Deserialize)]
struct Generator {
    lines: usize,
    members: usize,
    total_bytes: Option<usize>,
}

impl LimitCase {
    fn hop(self) -> Hop {
        let Generator { lines, members, total_bytes } = self.generate;
        let value = |n: usize| {
            let Some(total) = total_bytes else { return "v".to_owned() };
            // The commas and `k000=` count as well.
            let bytes = total - (members - 1);
            "x".repeat(bytes / members + usize::from(n < bytes % members) - 5)
        };
        let list: Vec<_> = (0..members).map(|n| format!("k{n:03}={}", value(n))).collect();
        let received: Vec<_> =
            list.chunks(members.div_ceil(lines)).map(|line| line.join(",")).collect();
        Hop::baggage(&received, list[..self.expect_members].join(","))
    }
}

#[derive(Deserialize)]
struct SentryCase {
    /// One value, or a list of lines.
    r#in: Value,
    expect: Option<ExpectedSentry>,
}

#[derive(Deserialize)]
struct ExpectedSentry {
    trace_id: String,
    parent_span_id: String,
    sampled: Option<bool>,
}

impl SentryCase {
    fn hop(self) -> Hop {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let values = match &self.r#in {
            Value::Array(values) => values.iter().map(text).collect(),
            value => vec![text(value)],
        };
        let sent = self.expect.as_ref().map(|_| values[0].trim().to_owned());
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

#[derive(Deserialize)]
struct OrgCase {
    baggage_org: Option<String>,
    sdk_org: Option<String>,
    strict: bool,
    r#continue: bool,
}

impl OrgCase {
    fn hop(self) -> Hop {
        let trace = lines("sentry-trace", &[SENTRY.to_owned()]);
        let mut received = trace.clone();
        let org = self.baggage_org.map(|org| format!(",sentry-org_id={org}")).unwrap_or_default();
        received.extend(lines("baggage", &[format!("sentry-release=1{org}")]));
        let settings = json!({"org_id": self.sdk_org, "strict_continuation": self.strict});
        Hop {
            needs: vec![Header::SentryTrace],
            compared: Some(&[Header::SentryTrace]),
            sent: if self.r#continue { trace } else { Lines::new() },
            ..Hop::new(json!({"sentry": settings}), received)
        }
    }
}

#[derive(Deserialize)]
struct PropagateCase {
    rule: String,
    r#in: Lines,
    #[serde(default)]
    options: Value,
    #[serde(default)]
    carrier: Lines,
    out: Lines,
}

impl PropagateCase {
    fn task(self) -> Task {
        // Policies of this library, and the formats of vendors.
        if ["TR", "B3", "DD", "XR"].iter().any(|rule| self.rule.starts_with(rule)) {
            return Task::Elsewhere;
        }
        let all = self.r#in.iter().chain(&self.carrier).chain(&self.out);
        let mut needs: Vec<_> = all.filter_map(|(name, _)| Header::of(name)).collect();
        if self.rule.starts_with("SE") {
            needs.push(Header::SentryTrace);
        }
        let settings = if self.options.is_null() { json!({}) } else { self.options };
        Task::Hop(Hop {
            needs,
            carrier: self.carrier,
            sent: self.out,
            ..Hop::new(settings, self.r#in)
        })
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

    fn baggage(received: &[String], sent: String) -> Self {
        Self {
            needs: vec![Header::Baggage],
            compared: Some(&[Header::Baggage]),
            sent: lines("baggage", &[sent]),
            ..Self::w3c(lines("baggage", received))
        }
    }
}

fn lines(name: &str, values: &[String]) -> Lines {
    values.iter().map(|value| (name.to_owned(), value.clone())).collect()
}

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const SENTRY: &str = "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1";
