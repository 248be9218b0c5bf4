//! `tests/vectors/wire-vectors.json` through the public API: cases as data, checks per section.

use std::collections::BTreeSet;
use std::ops::Range;

use ::http::{HeaderMap, HeaderValue};
use serde::Deserialize;
use serde_json::Value;
use throughline::context::{Baggage, Member, TraceState};
use throughline::propagation::{Extraction, Field, Propagator, SentryConfig};

const FILE: &str = include_str!("../vectors/wire-vectors.json");

/// A section of the file.
struct Section {
    name: &'static str,
    /// Cases are added and never removed: raise this with them.
    at_least: usize,
    check: fn(&Value) -> Result<(), String>,
}

const SECTIONS: [Section; 9] = [
    Section { name: "traceparent", at_least: 38, check: traceparent },
    Section { name: "tracestate", at_least: 23, check: tracestate },
    Section { name: "tracestate_mutation", at_least: 3, check: tracestate_mutation },
    Section { name: "baggage", at_least: 14, check: baggage },
    Section { name: "baggage_limits", at_least: 5, check: baggage_limits },
    Section { name: "sentry_trace", at_least: 10, check: sentry_trace },
    Section { name: "sentry_org", at_least: 7, check: sentry_org },
    Section { name: "sentry_sample_rand", at_least: 5, check: sentry_sample_rand },
    Section { name: "propagate", at_least: 52, check: propagate },
];

/// Cases that the library does not satisfy yet, as section, rule and the beginning of the label. They
/// must go on failing: what is mended is taken out of here.
const OPEN: [(&str, &str, &str); 0] = [];

#[test]
fn traceparent_vectors_hold() {
    run("traceparent");
}

#[test]
fn tracestate_vectors_hold() {
    run("tracestate");
    run("tracestate_mutation");
}

#[test]
fn baggage_vectors_hold() {
    run("baggage");
    run("baggage_limits");
}

#[test]
fn sentry_vectors_hold() {
    run("sentry_trace");
    run("sentry_org");
    run("sentry_sample_rand");
}

#[test]
fn propagation_vectors_hold() {
    run("propagate");
}

#[test]
fn no_section_and_no_case_is_left_out() {
    let file = file();
    let sections: BTreeSet<_> = file
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .filter(|key| *key != "source")
        .collect();
    assert_eq!(sections, SECTIONS.iter().map(|section| section.name).collect());

    let mut total = 0;
    for section in &SECTIONS {
        let ran = run(section.name);
        assert_eq!(ran, file[section.name].as_array().unwrap().len(), "{}", section.name);
        assert!(ran >= section.at_least, "{} has lost cases: {ran}", section.name);
        total += ran;
    }
    // Every case names its rule, so the text itself can be counted.
    assert_eq!(total, FILE.matches("\"rule\":").count());
}

#[test]
fn what_is_open_is_in_the_file() {
    let file = file();
    for (section, rule, label) in OPEN {
        let cases = file[section].as_array().unwrap();
        let named = cases
            .iter()
            .enumerate()
            .filter(|(n, case)| case["rule"] == rule && self::label(*n, case).ends_with(label))
            .count();
        assert_eq!(named, 1, "{section}: {label}");
    }
}

fn file() -> Value {
    serde_json::from_str(FILE).unwrap()
}

/// Runs every case of a section, tells all failures at once, and returns the number of cases.
fn run(name: &str) -> usize {
    let section = SECTIONS.iter().find(|section| section.name == name).unwrap();
    let file = file();
    let mut failures = Vec::new();
    let mut ran = 0;
    for (n, case) in file[name].as_array().unwrap().iter().enumerate() {
        let label = label(n, case);
        let open = OPEN.iter().any(|open| open.0 == name && label.ends_with(open.2));
        match (section.check)(case) {
            Err(reason) if !open => failures.push(format!("{name} {label}: {reason}")),
            Ok(()) if open => failures.push(format!("{name} {label}: holds, but stands in OPEN")),
            _ => {}
        }
        ran += 1;
    }
    assert!(failures.is_empty(), "\n{}\n", failures.join("\n"));
    ran
}

/// Position, rule and name of a case, or what stands for a name.
fn label(n: usize, case: &Value) -> String {
    let rule = case["rule"].as_str().unwrap_or("no rule");
    let name = if let Some(name) = case["name"].as_str() {
        name.to_owned()
    } else if let Some(sampled) = case.get("sentry_trace_sampled") {
        format!("sampled {sampled}, rate {}, rand {}", case["sample_rate"], case["sample_rand"])
    } else if let Some(org) = case.get("baggage_org") {
        format!("theirs {org}, ours {}, strict {}", case["sdk_org"], case["strict"])
    } else {
        case["in"].to_string()
    };
    format!("#{n} [{rule}] {name}")
}

// Checks

/// A case of `traceparent`. What is in no field of a case is a mistake in it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ParentCase {
    #[serde(rename = "name")]
    _name: String,
    headers: Vec<String>,
    expect: Option<ExpectedParent>,
    rule: String,
    #[serde(default, rename = "peers")]
    _peers: Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExpectedParent {
    trace_id: String,
    parent_id: String,
    flags: String,
}

fn traceparent(case: &Value) -> Result<(), String> {
    let case: ParentCase = shape(case)?;
    let headers = headers(&[("traceparent", &case.headers), ("tracestate", &["a=1".into()])]);
    let found = extract(&Propagator::default(), &headers)?;
    let Some(expected) = case.expect else {
        same("the context is empty", &found.context.is_empty(), &true)?;
        return names_rule(&found, Field::TraceParent, &case.rule);
    };
    let parent = found.context.parent().ok_or("there is no parent")?;
    let ExpectedParent { trace_id, parent_id, flags } = expected;
    same("trace_id", &parent.trace_id().to_string(), &trace_id)?;
    same("parent_id", &parent.parent_id().to_string(), &parent_id)?;
    let sent = inject(&Propagator::default(), &found);
    let out = format!("00-{trace_id}-{parent_id}-{flags}");
    same("traceparent out", &sent["traceparent"].to_str().unwrap(), &out.as_str())?;
    same("tracestate out", &sent["tracestate"].to_str().unwrap(), &"a=1")?;
    same("refused", &found.refused.len(), &0)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StateCase {
    #[serde(rename = "name")]
    _name: String,
    headers: Vec<String>,
    expect: ExpectedState,
    rule: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum ExpectedState {
    Members(Vec<(String, String)>),
    Word(String),
}

fn tracestate(case: &Value) -> Result<(), String> {
    let case: StateCase = shape(case)?;
    let headers = headers(&[("traceparent", &[PARENT.into()]), ("tracestate", &case.headers)]);
    let found = extract(&Propagator::default(), &headers)?;
    let sent = inject(&Propagator::default(), &found);
    same("traceparent out", &sent["traceparent"].to_str().unwrap(), &PARENT)?;
    let out = sent.get("tracestate");
    let expected = match case.expect {
        ExpectedState::Word(word) => {
            same("word", &word.as_str(), &"drop")?;
            same("tracestate out", &out, &None)?;
            same("list is empty", &found.context.trace_state().is_empty(), &true)?;
            return names_rule(&found, Field::TraceState, &case.rule);
        }
        ExpectedState::Members(members) => members,
    };
    same("members", &members(found.context.trace_state()), &expected)?;
    same("refused", &found.refused.len(), &0)?;
    match out {
        None => same("nothing is sent", &expected.is_empty(), &true),
        Some(out) => {
            let again: TraceState = out.to_str().unwrap().parse().map_err(|e| format!("{e}"))?;
            same("members out", &members(&again), &expected)
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MutationCase {
    #[serde(rename = "name")]
    _name: String,
    #[serde(rename = "in")]
    given: Vec<(String, String)>,
    op: Mutation,
    expect: Option<Vec<(String, String)>>,
    expect_first: Option<(String, String)>,
    expect_len: Option<usize>,
    expect_missing: Option<String>,
    expect_keys: Option<Vec<String>>,
    #[serde(rename = "rule")]
    _rule: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Mutation {
    Set(String, String, String),
    Fit(String, usize),
}

fn tracestate_mutation(case: &Value) -> Result<(), String> {
    let case: MutationCase = shape(case)?;
    let given: Vec<_> = case.given.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let mut state: TraceState = given.join(",").parse().map_err(|e| format!("in: {e}"))?;
    match case.op {
        Mutation::Set(op, key, value) => {
            same("op", &op.as_str(), &"set")?;
            state.set(&key, &value).map_err(|e| e.to_string())?;
        }
        Mutation::Fit(op, bytes) => {
            same("op", &op.as_str(), &"fit")?;
            state.shorten(bytes);
            same("is short enough", &(state.as_str().len() <= bytes), &true)?;
        }
    }
    let members = members(&state);
    let mut checks = 0;
    if let Some(expected) = case.expect {
        same("members", &members, &expected)?;
        checks += 1;
    }
    if let Some(expected) = case.expect_first {
        same("first", &members[0], &expected)?;
        checks += 1;
    }
    if let Some(expected) = case.expect_len {
        same("len", &members.len(), &expected)?;
        checks += 1;
    }
    if let Some(expected) = case.expect_missing {
        same("missing", &state.get(&expected), &None)?;
        checks += 1;
    }
    if let Some(expected) = case.expect_keys {
        same("keys", &members.into_iter().map(|(key, _)| key).collect(), &expected)?;
        checks += 1;
    }
    same("the case expects something", &(checks > 0), &true)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BaggageCase {
    #[serde(rename = "name")]
    _name: String,
    headers: Vec<String>,
    decoded: Vec<DecodedMember>,
    out: String,
    #[serde(rename = "rule")]
    _rule: String,
    #[serde(default, rename = "peers")]
    _peers: Value,
    #[serde(default, rename = "note")]
    _note: Value,
}

/// Key, value, and properties as key and value where there is one.
type DecodedMember = (String, String, Vec<(String, Option<String>)>);

fn baggage(case: &Value) -> Result<(), String> {
    let case: BaggageCase = shape(case)?;
    let propagator = Propagator::default().forward_baggage(true);
    let found = extract(&propagator, &headers(&[("baggage", &case.headers)]))?;
    let decoded: Vec<_> = found.context.baggage().iter().map(decoded).collect();
    same("decoded", &decoded, &case.decoded)?;
    let sent = inject(&propagator, &found);
    same("out", &sent["baggage"].to_str().unwrap(), &case.out.as_str())?;
    // A second hop has nothing left to change.
    same("out again", &inject(&propagator, &extract(&propagator, &sent)?), &sent)?;
    let closed = inject(&Propagator::default(), &found);
    same("not sent on by default", &closed.get("baggage"), &None)
}

fn decoded(member: Member<'_>) -> DecodedMember {
    let properties = member.properties().map(|(key, value)| (key.into(), value.map(Into::into)));
    (member.key().into(), member.value().into_owned(), properties.collect())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LimitCase {
    #[serde(rename = "name")]
    _name: String,
    generate: Generator,
    expect_members: usize,
    #[serde(rename = "rule")]
    _rule: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Generator {
    lines: usize,
    members: usize,
    total_bytes: Option<usize>,
    member: String,
}

impl Generator {
    /// The lines. With `total_bytes`, they have that many bytes together with the commas that join
    /// them, spread over the members as evenly as it goes.
    fn lines(&self) -> Result<Vec<String>, String> {
        let key = |n: usize| format!("k{n:03}=");
        let members: Vec<_> = match (self.member.as_str(), self.total_bytes) {
            ("k{i:03}=v", None) => (0..self.members).map(|n| key(n) + "v").collect(),
            ("k{i:03}=<padding of x>", Some(total)) => {
                let bytes = total - (self.members - 1);
                let size = |n: usize| bytes / self.members + usize::from(n < bytes % self.members);
                (0..self.members).map(|n| key(n) + &"x".repeat(size(n) - 5)).collect()
            }
            (other, _) => return Err(format!("member {other:?} is unknown")),
        };
        let per_line = self.members.div_ceil(self.lines);
        Ok(members.chunks(per_line).map(|line| line.join(",")).collect())
    }
}

fn baggage_limits(case: &Value) -> Result<(), String> {
    let case: LimitCase = shape(case)?;
    let lines = case.generate.lines()?;
    same("lines", &lines.len(), &case.generate.lines)?;
    let whole = lines.join(",");
    if let Some(total) = case.generate.total_bytes {
        same("bytes", &whole.len(), &total)?;
    }
    let propagator = Propagator::default().forward_baggage(true);
    let found = extract(&propagator, &headers(&[("baggage", &lines)]))?;
    same("members", &found.context.baggage().len(), &case.expect_members)?;
    let kept: Vec<_> = whole.split(',').take(case.expect_members).collect();
    let sent = inject(&propagator, &found);
    same("out", &sent["baggage"].to_str().unwrap(), &kept.join(",").as_str())?;
    let refused = case.generate.members > case.expect_members;
    same("something is refused", &!found.refused.is_empty(), &refused)?;
    // One byte more, and a whole member has to go.
    let Some(total) = case.generate.total_bytes else { return Ok(()) };
    let longer = Generator { total_bytes: Some(total + 1), ..case.generate }.lines()?;
    let found = extract(&propagator, &headers(&[("baggage", &longer)]))?;
    same("members of one byte more", &found.context.baggage().len(), &(case.expect_members - 1))?;
    names_rule(&found, Field::Baggage, "BG-10")
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SentryCase {
    #[serde(rename = "in")]
    given: Lines,
    expect: Option<ExpectedSentry>,
    rule: String,
    #[serde(default, rename = "peers")]
    _peers: Value,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Lines {
    One(String),
    Several(Vec<String>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExpectedSentry {
    trace_id: String,
    parent_span_id: String,
    sampled: Option<bool>,
}

fn sentry_trace(case: &Value) -> Result<(), String> {
    let case: SentryCase = shape(case)?;
    let lines = match case.given {
        Lines::One(line) => vec![line],
        Lines::Several(lines) => lines,
    };
    let found = extract(&Propagator::default(), &headers(&[("sentry-trace", &lines)]))?;
    let Some(expected) = case.expect else {
        same("the context is empty", &found.context.is_empty(), &true)?;
        return names_rule(&found, Field::SentryTrace, &case.rule);
    };
    let parent = found.context.parent().ok_or("there is no parent")?;
    same("trace_id", &parent.trace_id().to_string(), &expected.trace_id)?;
    same("parent_span_id", &parent.parent_id().to_string(), &expected.parent_span_id)?;
    same("sampled", &parent.sampled(), &expected.sampled)?;
    same("refused", &found.refused.len(), &0)?;
    let sent = inject(&Propagator::default(), &found);
    same("sentry-trace out", &sent["sentry-trace"].to_str().unwrap(), &lines[0].trim())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OrgCase {
    baggage_org: Option<String>,
    sdk_org: Option<String>,
    strict: bool,
    #[serde(rename = "continue")]
    continues: bool,
    rule: String,
}

fn sentry_org(case: &Value) -> Result<(), String> {
    let case: OrgCase = shape(case)?;
    let mut config = SentryConfig::new().strict_continuation(case.strict);
    if let Some(org) = &case.sdk_org {
        config = config.org_id(org);
    }
    let propagator = Propagator::default().sentry(config);
    let org = case.baggage_org.map(|org| format!(",sentry-org_id={org}")).unwrap_or_default();
    let headers = headers(&[
        ("sentry-trace", &[SENTRY.into()]),
        ("baggage", &[format!("user=7,sentry-release=1,sentry-sample_rand=0.5{org}")]),
    ]);
    let found = extract(&propagator, &headers)?;
    same("continues", &found.context.parent().is_some(), &case.continues)?;
    if case.continues {
        return same(
            "members",
            &found.context.baggage().len(),
            &(3 + usize::from(!org.is_empty())),
        );
    }
    same("the context is empty", &found.context.is_empty(), &true)?;
    names_rule(&found, Field::SentryTrace, &case.rule)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RandCase {
    sentry_trace_sampled: bool,
    sample_rate: Option<String>,
    sample_rand: Option<String>,
    expect_range: ExpectedRand,
    #[serde(rename = "rule")]
    _rule: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum ExpectedRand {
    Between(f64, f64),
    Words(String),
}

fn sentry_sample_rand(case: &Value) -> Result<(), String> {
    let case: RandCase = shape(case)?;
    let decision = u8::from(case.sentry_trace_sampled);
    let mut members = vec![format!("sentry-trace_id={TRACE},sentry-public_key=k")];
    members.extend(case.sample_rate.as_ref().map(|rate| format!("sentry-sample_rate={rate}")));
    members.extend(case.sample_rand.as_ref().map(|rand| format!("sentry-sample_rand={rand}")));
    let headers = headers(&[
        ("sentry-trace", &[format!("{TRACE}-b7ad6b7169203331-{decision}")]),
        ("baggage", &[members.join(",")]),
    ]);
    let found = extract(&Propagator::default(), &headers)?;
    let sent = inject(&Propagator::default(), &found);
    same("decision out", &sent["sentry-trace"], &headers["sentry-trace"])?;
    let out: Baggage = sent["baggage"].to_str().unwrap().parse().map_err(|e| format!("{e}"))?;
    let rand = out.sentry().get("sample_rand");
    match case.expect_range {
        ExpectedRand::Between(low, high) => in_range(rand.as_deref(), low..high),
        ExpectedRand::Words(words) if words == "regenerated" => in_range(rand.as_deref(), 0.0..1.0),
        ExpectedRand::Words(words) if words.ends_with("kept verbatim") => {
            same("sample_rand", &rand.as_deref(), &case.sample_rand.as_deref())
        }
        ExpectedRand::Words(words) if words.ends_with("do not emit sample_rand") => {
            same("sample_rand", &rand, &None)
        }
        ExpectedRand::Words(words) => Err(format!("expectation {words:?} is unknown")),
    }
}

/// A service without spans: what comes in, and what goes out.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PropagateCase {
    #[serde(rename = "name")]
    _name: String,
    #[serde(rename = "rule")]
    _rule: String,
    r#in: Vec<(String, String)>,
    #[serde(default)]
    options: Propagator,
    /// What the outgoing request holds before.
    #[serde(default)]
    carrier: Vec<(String, String)>,
    out: Vec<(String, String)>,
    /// Rules of the refusals, in any order.
    #[serde(default)]
    refused: Vec<String>,
    /// Trace id of the link.
    link: Option<String>,
}

fn propagate(case: &Value) -> Result<(), String> {
    let case: PropagateCase = shape(case)?;
    let found = case.options.extract(&case.r#in);
    let mut refused: Vec<_> = found.refused.iter().map(|error| error.rule().id()).collect();
    let mut expected = case.refused.clone();
    refused.sort_unstable();
    expected.sort_unstable();
    same("refusals", &refused, &expected.iter().map(String::as_str).collect())?;
    same("link", &found.link.map(|link| link.trace_id().to_string()), &case.link)?;

    // Through a list of pairs and through a header map: the same.
    let mut pairs = case.carrier.clone();
    case.options.inject(&found.context, &mut pairs);
    pairs.sort_unstable();
    let mut out = case.out.clone();
    out.sort_unstable();
    same("out", &pairs, &out)?;
    let map = |pairs: &[(String, String)]| -> HeaderMap {
        let name = |name: &str| name.parse::<::http::HeaderName>().unwrap();
        pairs.iter().map(|(n, value)| (name(n), HeaderValue::from_str(value).unwrap())).collect()
    };
    let mut headers = map(&case.carrier);
    case.options.inject(&case.options.extract(&map(&case.r#in)).context, &mut headers);
    same("out of a header map", &headers, &map(&case.out))
}

/// Six digits behind the point, within the range.
fn in_range(rand: Option<&str>, range: Range<f64>) -> Result<(), String> {
    let rand = rand.ok_or("there is no sample_rand")?;
    let number: f64 = rand.parse().map_err(|_| format!("{rand} is no number"))?;
    same("length", &rand.len(), &"0.123456".len())?;
    same("is in range", &range.contains(&number), &true)
}

fn shape<C: for<'a> Deserialize<'a>>(case: &Value) -> Result<C, String> {
    C::deserialize(case).map_err(|error| format!("the case has another shape: {error}"))
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, is: &T, expected: &T) -> Result<(), String> {
    if is == expected { Ok(()) } else { Err(format!("{what}: {is:?}, expected {expected:?}")) }
}

/// Whether the first refusal of a field names one of the case's rules, which stand as `TP-4/TP-7`.
fn names_rule(found: &Extraction, field: Field, rules: &str) -> Result<(), String> {
    let refusal = found.refused.iter().find(|error| error.field() == field);
    let named = refusal.ok_or("nothing is refused")?.rule().id();
    same("the refusal names the rule", &rules.split('/').any(|rule| rule == named), &true)
        .map_err(|error| format!("{error}, but {named}"))
}

fn headers(lines: &[(&'static str, &[String])]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, values) in lines {
        for value in *values {
            map.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
    }
    map
}

/// Extracts from the header map and from a list of pairs, which have to agree.
fn extract(propagator: &Propagator, headers: &HeaderMap) -> Result<Extraction, String> {
    let found = propagator.extract(headers);
    let pairs: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value)).collect();
    let again = propagator.extract(&pairs);
    same("a list of pairs gives the same context", &again.context, &found.context)?;
    same("and the same refusals", &again.refused, &found.refused)?;
    Ok(found)
}

fn inject(propagator: &Propagator, found: &Extraction) -> HeaderMap {
    let mut sent = HeaderMap::new();
    propagator.inject(&found.context, &mut sent);
    sent
}

fn members(state: &TraceState) -> Vec<(String, String)> {
    state.iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const SENTRY: &str = "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1";
