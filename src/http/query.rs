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
        for (index, pairs) in query.split('&').enumerate() {
            if index > 0 {
                shown.push('&');
            }
            self.show(pairs, &mut shown);
        }
        shown.truncate(bounded(&shown).len());
        Some(shown)
    }

    /// Shows what stands between two ampersands. For some servers that is several pairs, separated by
    /// semicolons; for others, what stands behind the semicolon belongs to the value before it, and is
    /// as secret as that.
    fn show(&self, pairs: &str, shown: &mut String) {
        for pair in pairs.split_inclusive(';') {
            match pair.split_once('=') {
                Some((key, _)) if self.is_secret(key) => {
                    return shown.extend([key, "=", REDACTED]);
                }
                _ => shown.push_str(pair),
            }
        }
    }

    fn is_secret(&self, key: &str) -> bool {
        let key = percent_decode(key);
        let own = self.redacted.iter().map(String::as_str);
        SIGNATURES.into_iter().chain(own).any(|secret| key.eq_ignore_ascii_case(secret))
    }
}

/// What the [conventions](https://opentelemetry.io/docs/specs/semconv/registry/attributes/url/) redact
/// by default, and those of AWS's signature in its fourth version: whoever has one of these may do what
/// the signed URL allows.
const SIGNATURES: [&str; 7] = [
    "AWSAccessKeyId",
    "Signature",
    "sig",
    "X-Goog-Signature",
    "X-Amz-Credential",
    "X-Amz-Security-Token",
    "X-Amz-Signature",
];

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
            ("/?x-amz-signature=s&X-Amz-Date=d", "x-amz-signature=REDACTED&X-Amz-Date=d"),
            (
                "/?X-Amz-Credential=s&X-AMZ-Security-Token=s&X-Amz-Signature=s",
                "X-Amz-Credential=REDACTED&X-AMZ-Security-Token=REDACTED&X-Amz-Signature=REDACTED",
            ),
            ("/?", ""),
            ("/?&a=b&&", "&a=b&&"),
        ] {
            assert_eq!(shown(&query, uri).as_deref(), Some(expected), "{uri}");
        }
        assert_eq!(shown(&query, "/a"), None);
    }

    #[test]
    fn behind_a_semicolon_may_stand_a_pair_or_the_rest_of_a_secret() {
        let mut query = Query::default();
        query.capture();
        for (uri, expected) in [
            ("/?a=b;sig=s", "a=b;sig=REDACTED"),
            ("/?a;b=c;;d&e", "a;b=c;;d&e"),
            ("/?a;x-amz-signature=s&b=c", "a;x-amz-signature=REDACTED&b=c"),
            ("/?sig=s;ecret&b=c;d", "sig=REDACTED&b=c;d"),
            ("/?sig=s;Signature=s;x=1", "sig=REDACTED"),
            ("/?a=sig=s;sig", "a=sig=s;sig"),
        ] {
            assert_eq!(shown(&query, uri).as_deref(), Some(expected), "{uri}");
        }
    }
}
