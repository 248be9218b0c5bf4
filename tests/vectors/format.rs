//! The cases of `wire-vectors.json` as types, for both readers of this repository: the reference in
//! `tests/integration/vectors/` and the judge in `tests/conformance/`. What is in no field of a case
//! is a mistake in it.

use serde::Deserialize;
use serde_json::Value;

/// A text: a string, or a list of strings and of `[string, times]`, joined.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "Written")]
pub(super) struct Text(pub(super) String);

#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Whole(String),
    Pieces(Vec<Piece>),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Piece {
    Once(String),
    Repeated(String, usize),
}

impl From<Written> for Text {
    fn from(written: Written) -> Self {
        let piece = |piece| match piece {
            Piece::Once(text) => text,
            Piece::Repeated(text, times) => text.repeat(times),
        };
        Self(match written {
            Written::Whole(text) => text,
            Written::Pieces(pieces) => pieces.into_iter().map(piece).collect(),
        })
    }
}

/// A case as that of a section.
pub(super) fn shape<C: for<'a> Deserialize<'a>>(case: &Value) -> Result<C, String> {
    C::deserialize(case).map_err(|error| format!("the case has another shape: {error}"))
}

/// The name of a case, or what stands for one.
pub(super) fn name(case: &Value) -> String {
    if let Some(name) = case["name"].as_str() {
        name.to_owned()
    } else if let Some(sampled) = case.get("sentry_trace_sampled") {
        format!("sampled {sampled}, rate {}, rand {}", case["sample_rate"], case["sample_rand"])
    } else if let Some(org) = case.get("baggage_org") {
        format!("theirs {org}, ours {}, strict {}", case["sdk_org"], case["strict"])
    } else {
        case["in"].to_string()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ParentCase {
    #[serde(rename = "name")]
    _name: String,
    pub(super) headers: Vec<Text>,
    #[serde(deserialize_with = "Option::deserialize")]
    pub(super) expect: Option<ExpectedParent>,
    pub(super) rule: String,
    #[serde(default, rename = "peers")]
    _peers: Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExpectedParent {
    pub(super) trace_id: String,
    pub(super) parent_id: String,
    pub(super) flags: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StateCase {
    #[serde(rename = "name")]
    _name: String,
    pub(super) headers: Vec<Text>,
    pub(super) expect: ExpectedState,
    pub(super) rule: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum ExpectedState {
    Members(Vec<(Text, Text)>),
    Drop(Dropped),
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Dropped {
    Drop,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MutationCase {
    #[serde(rename = "name")]
    _name: String,
    pub(super) r#in: Given,
    pub(super) op: Mutation,
    pub(super) expect: Option<Vec<(Text, Text)>>,
    pub(super) expect_list: Option<String>,
    pub(super) expect_first: Option<(Text, Text)>,
    pub(super) expect_len: Option<usize>,
    pub(super) expect_missing: Option<String>,
    pub(super) expect_keys: Option<Vec<Text>>,
    /// The rule that the member breaks.
    pub(super) refused: Option<String>,
    #[serde(rename = "rule")]
    _rule: String,
}

/// A list as it was received, or its members.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Given {
    List(String),
    Members(Vec<(Text, Text)>),
}

impl Given {
    pub(super) fn list(&self) -> String {
        match self {
            Self::List(list) => list.clone(),
            Self::Members(members) => list(members),
        }
    }
}

/// Members as one header.
pub(super) fn list(members: &[(Text, Text)]) -> String {
    let members = members.iter().map(|(key, value)| format!("{}={}", key.0, value.0));
    members.collect::<Vec<_>>().join(",")
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Mutation {
    Set(Set, Text, Text),
    Fit(Fit, usize),
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Set {
    Set,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Fit {
    Fit,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BaggageCase {
    #[serde(rename = "name")]
    _name: String,
    pub(super) headers: Vec<Text>,
    pub(super) decoded: Vec<DecodedMember>,
    #[serde(deserialize_with = "Option::deserialize")]
    pub(super) out: Option<Text>,
    pub(super) rule: String,
    #[serde(default, rename = "peers")]
    _peers: Value,
    #[serde(default, rename = "note")]
    _note: Value,
}

/// Key, value, and properties as key and value where there is one.
pub(super) type DecodedMember = (String, Text, Vec<(String, Option<String>)>);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EncodeCase {
    #[serde(rename = "name")]
    _name: String,
    /// Added one after the other.
    pub(super) members: Vec<(Text, Text)>,
    pub(super) out: Text,
    /// The rule that the last member breaks.
    pub(super) refused: Option<String>,
    #[serde(rename = "rule")]
    _rule: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LimitCase {
    #[serde(rename = "name")]
    _name: String,
    pub(super) generate: Generator,
    pub(super) expect_members: usize,
    #[serde(rename = "rule")]
    _rule: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Generator {
    lines: usize,
    members: usize,
    total_bytes: Option<usize>,
    member: String,
    /// Lines without members, all of them between each two lines with members.
    #[serde(default)]
    between: Vec<String>,
}

impl Generator {
    /// The members. With `total_bytes`, they have that many bytes together with the commas that join
    /// them, spread as evenly as it goes.
    pub(super) fn members(&self) -> Result<Vec<String>, String> {
        let key = |n: usize| format!("k{n:03}=");
        let padding = self.member.strip_prefix("k{i:03}=<padding of ");
        let padding = padding.and_then(|unit| unit.strip_suffix('>'));
        let members: Vec<_> = match (padding, self.total_bytes) {
            (None, None) if self.member == "k{i:03}=v" => {
                (0..self.members).map(|n| key(n) + "v").collect()
            }
            (Some(unit), Some(total)) => {
                let bytes = total - (self.members - 1);
                let size = |n: usize| bytes / self.members + usize::from(n < bytes % self.members);
                (0..self.members).map(|n| key(n) + &padded(unit, size(n) - 5)).collect()
            }
            _ => return Err(format!("member {:?} is unknown", self.member)),
        };
        match self.total_bytes {
            Some(total) if members.join(",").len() != total => {
                Err(format!("the members have not {total} bytes"))
            }
            _ => Ok(members),
        }
    }

    /// The members as header lines.
    pub(super) fn lines(&self, members: &[String]) -> Result<Vec<Text>, String> {
        let lines = members.chunks(self.members.div_ceil(self.lines)).map(|line| line.join(","));
        let lines: Vec<_> = lines.map(|line| vec![line]).collect();
        if lines.len() != self.lines {
            return Err(format!("{} lines, expected {}", lines.len(), self.lines));
        }
        Ok(lines.join(self.between.as_slice()).into_iter().map(Text).collect())
    }
}

/// As often as it fits, and `x` for the bytes that are left.
fn padded(unit: &str, bytes: usize) -> String {
    unit.repeat(bytes / unit.len()) + &"x".repeat(bytes % unit.len())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SentryCase {
    #[serde(default, rename = "name")]
    _name: String,
    pub(super) r#in: Lines,
    #[serde(deserialize_with = "Option::deserialize")]
    pub(super) expect: Option<ExpectedSentry>,
    pub(super) rule: String,
    #[serde(default, rename = "peers")]
    _peers: Value,
}

/// One value, or several header lines.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Lines {
    One(String),
    Several(Vec<Text>),
}

impl Lines {
    pub(super) fn into_values(self) -> Vec<Text> {
        match self {
            Self::One(line) => vec![Text(line)],
            Self::Several(lines) => lines,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExpectedSentry {
    pub(super) trace_id: String,
    pub(super) parent_span_id: String,
    #[serde(deserialize_with = "Option::deserialize")]
    pub(super) sampled: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OrgCase {
    #[serde(default, rename = "name")]
    _name: String,
    #[serde(deserialize_with = "Option::deserialize")]
    pub(super) baggage_org: Option<String>,
    #[serde(deserialize_with = "Option::deserialize")]
    pub(super) sdk_org: Option<String>,
    pub(super) strict: bool,
    #[serde(rename = "continue")]
    pub(super) continues: bool,
    pub(super) rule: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RandCase {
    #[serde(default, rename = "name")]
    _name: String,
    #[serde(deserialize_with = "Option::deserialize")]
    pub(super) sentry_trace_sampled: Option<bool>,
    #[serde(deserialize_with = "Option::deserialize")]
    pub(super) sample_rate: Option<String>,
    #[serde(deserialize_with = "Option::deserialize")]
    pub(super) sample_rand: Option<String>,
    pub(super) expect_range: ExpectedRand,
    #[serde(rename = "rule")]
    _rule: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum ExpectedRand {
    Between(f64, f64),
    Words(String),
}

/// `O` is a `Propagator`, or the JSON that makes one.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, bound = "O: Deserialize<'de> + Default")]
pub(super) struct PropagateCase<O> {
    #[serde(rename = "name")]
    _name: String,
    #[serde(rename = "rule")]
    _rule: String,
    pub(super) r#in: Vec<(String, Text)>,
    #[serde(default)]
    pub(super) options: O,
    #[serde(default)]
    pub(super) trust: TrustOf,
    /// Whether what comes in is the first span of a trace that begins in this service.
    #[serde(default)]
    pub(super) begins: bool,
    /// What the outgoing request holds before.
    #[serde(default)]
    pub(super) carrier: Vec<(String, Text)>,
    pub(super) out: Vec<(String, Text)>,
    /// Rules of the refusals, in any order.
    #[serde(default)]
    pub(super) refused: Vec<String>,
    /// Trace id of the link.
    pub(super) link: Option<String>,
    #[serde(default, rename = "note")]
    _note: Value,
}

/// What the receiver makes of a caller.
#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum TrustOf {
    #[default]
    Continue,
    Restart,
    Ignore,
}

/// `O` as above.
#[derive(Deserialize)]
#[serde(tag = "op", rename_all = "lowercase", bound = "O: Deserialize<'de> + Default")]
pub(super) enum MessageCase<O> {
    /// What a receiver finds in a text, and the text without it.
    Read(ReadCase<O>),
    /// What a sender makes of a text that may bring a context of its own.
    Encode(WriteCase<O>),
    /// What a relay makes of a text that it passes on.
    Relay(WriteCase<O>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, bound = "O: Deserialize<'de> + Default")]
pub(super) struct ReadCase<O> {
    #[serde(rename = "name")]
    _name: String,
    #[serde(rename = "rule")]
    _rule: String,
    pub(super) r#in: Text,
    /// Where a context may stand beside the names that are known.
    #[serde(default)]
    pub(super) read: Vec<String>,
    #[serde(default)]
    pub(super) options: O,
    pub(super) max_context_bytes: Option<usize>,
    #[serde(deserialize_with = "Option::deserialize")]
    pub(super) expect: Option<ExpectedContext>,
    #[serde(default)]
    pub(super) refused: Vec<String>,
    /// Trace id of the link.
    pub(super) link: Option<String>,
    /// The text without its context.
    pub(super) out: Text,
    #[serde(default, rename = "note")]
    _note: Value,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExpectedContext {
    pub(super) trace_id: Option<String>,
    pub(super) parent_id: Option<String>,
    #[serde(deserialize_with = "Option::deserialize")]
    pub(super) sampled: Option<bool>,
    #[serde(default)]
    pub(super) random: bool,
    #[serde(default)]
    pub(super) tracestate: Text,
    #[serde(default)]
    pub(super) baggage: Text,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, bound = "O: Deserialize<'de> + Default")]
pub(super) struct WriteCase<O> {
    #[serde(rename = "name")]
    _name: String,
    #[serde(rename = "rule")]
    _rule: String,
    pub(super) r#in: Text,
    /// The context that is to be written, as headers.
    pub(super) context: Vec<(String, Text)>,
    /// Where it is written, in this order.
    pub(super) write: Option<Vec<String>>,
    #[serde(default)]
    pub(super) options: O,
    pub(super) max_context_bytes: Option<usize>,
    pub(super) out: Text,
    #[serde(default, rename = "note")]
    _note: Value,
}

/// Beside a `tracestate` that is tried.
pub(super) const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// Beside an organization that is tried.
pub(super) const SENTRY: &str = "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1";
