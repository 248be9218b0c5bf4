use ::http::Uri;

use super::semconv::{REDACTED, bounded};
use crate::context::percent_decode;

/// What of a query becomes an attribute: nothing, unless somebody asks for it.
#[derive(Clone, Debug, Default)]
pub(super) struct Query {
    captured: bool,
    redacted: Vec<String>,
}

impl Query {
    pub(super) fn capture(&mut self) {
        self.captured = true;
    }

    /// Redacts the values of these keys too, in upper or lower case.
    pub(super) fn redact<K: Into<String>>(&mut self, keys: impl IntoIterator<Item = K>) {
        self.redacted.extend(keys.into_iter().map(Into::into));
    }

    /// The value of `url.query`.
    pub(super) fn of(&self, uri: &Uri) -> Option<String> {
        let query = uri.query().filter(|_| self.captured)?;
        let mut shown = String::with_capacity(query.len());
        for pair in query.split('&') {
            if !shown.is_empty() {
                shown.push('&');
            }
            match pair.split_once('=') {
                Some((key, _)) if self.is_secret(key) => {
                    shown.extend([key, "=", REDACTED]);
                }
                _ => shown.push_str(pair),
            }
        }
        shown.truncate(bounded(&shown).len());
        Some(shown)
    }

    fn is_secret(&self, key: &str) -> bool {
        let key = percent_decode(key);
        let own = self.redacted.iter().map(String::as_str);
        SIGNATURES.into_iter().chain(own).any(|secret| key.eq_ignore_ascii_case(secret))
    }
}

/// What the [conventions](https://opentelemetry.io/docs/specs/semconv/registry/attributes/url/) redact
/// by default: whoever has one of these may do what the signed URL allows.
const SIGNATURES: [&str; 4] = ["AWSAccessKeyId", "Signature", "sig", "X-Goog-Signature"];

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(query: &Query, uri: &str) -> Option<String> {
        query.of(&uri.parse().unwrap())
    }

    #[test]
    fn without_being_asked_for_a_query_is_not_shown() {
        assert_eq!(shown(&Query::default(), "/a?b=c"), None);
    }

    #[test]
    fn signatures_and_named_values_are_redacted() {
        let mut query = Query::default();
        query.capture();
        query.redact(["token"]);
        for (uri, expected) in [
            ("/a?b=c&d", "b=c&d"),
            (
                "/?AWSAccessKeyId=s&Signature=s&x=1",
                "AWSAccessKeyId=REDACTED&Signature=REDACTED&x=1",
            ),
            ("/?sig=s&X-Goog-Signature=s", "sig=REDACTED&X-Goog-Signature=REDACTED"),
            ("/?Token=s=s&sig", "Token=REDACTED&sig"),
            ("/?%73ig=s", "%73ig=REDACTED"),
            ("/?", ""),
        ] {
            assert_eq!(shown(&query, uri).as_deref(), Some(expected), "{uri}");
        }
        assert_eq!(shown(&query, "/a"), None);
    }
}
