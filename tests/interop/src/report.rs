//! What each service of a chain answers: what it received, and what it made of it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The answer of one service, with that of the service behind it inside.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Report {
    /// Trace that the service works in, as its SDK says.
    #[serde(default)]
    pub(crate) trace_id: String,
    /// Span that the service continued, as its SDK says.
    #[serde(default)]
    pub(crate) parent_id: Option<String>,
    /// Decision that the service received or, at the head of a trace, made.
    #[serde(default)]
    pub(crate) decision: Option<Decision>,
    /// Decoded baggage that the service received, as its SDK says.
    #[serde(default)]
    pub(crate) baggage: Vec<(String, String)>,
    /// Headers as they came, with names in lower case.
    #[serde(default)]
    pub(crate) headers: Vec<(String, String)>,
    /// Span that sent the request, as the sender says, if its SDK tells.
    #[serde(default)]
    pub(crate) sent_by: Option<String>,
    /// Only from this library: the received baggage as it is kept.
    #[serde(default)]
    pub(crate) kept_baggage: String,
    /// Only from this library: whether the random bit is kept.
    #[serde(default)]
    pub(crate) kept_random: bool,
    /// What the next service answered.
    #[serde(default)]
    pub(crate) next: Option<Box<Report>>,
    /// Why there is nothing else.
    #[serde(default)]
    pub(crate) error: Option<String>,
}

impl Report {
    /// The trace headers that came.
    pub(crate) fn wire(&self) -> Wire {
        let values = |name: &str| {
            let named = self.headers.iter().filter(|(known, _)| known == name);
            named.map(|(_, value)| value.clone()).collect::<Vec<_>>()
        };
        Wire {
            traceparent: values("traceparent"),
            sentry_trace: values("sentry-trace"),
            baggage: values("baggage"),
        }
    }
}

/// A sampling decision.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Decision {
    Sampled,
    Unsampled,
    Deferred,
}

impl Decision {
    pub(crate) const ALL: [Self; 3] = [Self::Sampled, Self::Unsampled, Self::Deferred];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Sampled => "sampled",
            Self::Unsampled => "unsampled",
            Self::Deferred => "deferred",
        }
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Trace headers, taken apart by position and comma only: none of the parsers under test looks here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wire {
    pub(crate) traceparent: Vec<String>,
    pub(crate) sentry_trace: Vec<String>,
    pub(crate) baggage: Vec<String>,
}

impl Wire {
    /// Part `index` of the only `traceparent`.
    pub(crate) fn w3c(&self, index: usize) -> Option<&str> {
        part(&self.traceparent, index)
    }

    /// Part `index` of the only `sentry-trace`.
    pub(crate) fn sentry(&self, index: usize) -> Option<&str> {
        part(&self.sentry_trace, index)
    }

    pub(crate) fn trace_id(&self) -> Option<&str> {
        self.w3c(1).or(self.sentry(0))
    }

    pub(crate) fn parent_id(&self) -> Option<&str> {
        self.w3c(2).or(self.sentry(1))
    }

    /// What the headers say together: `sentry-trace` if it is there, since only it can leave it open.
    pub(crate) fn decision(&self) -> Option<Decision> {
        if self.sentry(0).is_some() {
            return Some(match self.sentry(2) {
                Some("1") => Decision::Sampled,
                Some(_) => Decision::Unsampled,
                None => Decision::Deferred,
            });
        }
        self.w3c_decision()
    }

    /// What `traceparent` says.
    pub(crate) fn w3c_decision(&self) -> Option<Decision> {
        let sampled = self.w3c(3)?.ends_with(['1', '3']);
        Some(if sampled { Decision::Sampled } else { Decision::Unsampled })
    }

    /// Whether the random bit of `traceparent` is set.
    pub(crate) fn random(&self) -> bool {
        self.w3c(3).is_some_and(|flags| flags.ends_with(['2', '3']))
    }

    /// The lines as one list.
    pub(crate) fn baggage_list(&self) -> String {
        self.baggage.join(",")
    }

    /// Sentry's members as one list.
    pub(crate) fn dsc(&self) -> String {
        self.members(true)
    }

    /// The application's members as one list.
    pub(crate) fn application(&self) -> String {
        self.members(false)
    }

    fn members(&self, sentry: bool) -> String {
        let list = self.baggage_list();
        let members = list.split(',').filter(|member| !member.is_empty());
        let kept = members.filter(|member| member.trim().starts_with("sentry-") == sentry);
        kept.collect::<Vec<_>>().join(",")
    }
}

fn part(values: &[String], index: usize) -> Option<&str> {
    match values {
        [value] => value.split('-').nth(index),
        _ => None,
    }
}

/// The members of a list with their values decoded, percent signs only.
pub(crate) fn decoded(list: &str) -> Vec<(String, String)> {
    let members = list.split(',').filter_map(|member| member.split_once('='));
    let decode =
        |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
    members.map(|(key, value)| (key.trim().to_owned(), decode(value.trim()))).collect()
}
