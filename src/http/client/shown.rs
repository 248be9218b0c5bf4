//! What of a request and its response is shown beyond what is always safe to show.

use std::borrow::Cow;
use std::sync::Arc;

use ::http::header::{
    AUTHORIZATION, COOKIE, HeaderMap, HeaderName, PROXY_AUTHORIZATION, SET_COOKIE,
};
use opentelemetry::{Array, Key, KeyValue, StringValue, Value};

use crate::http::semconv::bounded;

/// Headers and query parameters that become attributes: none, unless they were asked for.
#[derive(Clone, Debug, Default)]
pub(super) struct Shown {
    pub(super) request_headers: Captured,
    pub(super) response_headers: Captured,
    /// Names of parameters whose values stay hidden; `None` if the whole query does.
    pub(super) redacted_query: Option<Arc<[&'static str]>>,
}

impl Shown {
    /// The query as it may be shown.
    pub(super) fn query(&self, query: &str) -> Cow<'static, str> {
        let Some(redacted) = &self.redacted_query else { return REDACTED.into() };
        let hides = |name: &str| {
            // What is encoded may be decoded to a name that hides something.
            name.contains(['%', '+'])
                || SIGNATURES
                    .iter()
                    .chain(&**redacted)
                    .any(|hidden| hidden.eq_ignore_ascii_case(name))
        };
        let mut shown = String::with_capacity(query.len());
        for parameter in bounded(query).split_inclusive(['&', ';']) {
            match parameter.split_once('=') {
                Some((name, value)) if hides(name) => {
                    shown.extend([name, "=", REDACTED]);
                    shown.extend(value.chars().last().filter(|end| ['&', ';'].contains(end)));
                }
                _ => shown.push_str(parameter),
            }
        }
        shown.into()
    }
}

/// Headers that become attributes, each with the name of its attribute.
#[derive(Clone, Debug, Default)]
pub(super) struct Captured(Arc<[(HeaderName, Key)]>);

impl Captured {
    /// What is no name of a header names none.
    pub(super) fn new(prefix: &str, names: impl IntoIterator<Item = &'static str>) -> Self {
        let names = names.into_iter().filter_map(|name| HeaderName::try_from(name).ok());
        Self(names.map(|name| (name.clone(), Key::from(format!("{prefix}{name}")))).collect())
    }

    pub(super) fn attributes<'a>(
        &'a self,
        headers: &'a HeaderMap,
    ) -> impl Iterator<Item = KeyValue> + use<'a> {
        self.0.iter().filter(|(name, _)| headers.contains_key(name)).map(|(name, key)| {
            let values = headers.get_all(name).iter().map(|value| match value.to_str() {
                Ok(text) if !value.is_sensitive() && !SECRET.contains(name) => {
                    StringValue::from(bounded(text).to_owned())
                }
                _ => StringValue::from(REDACTED),
            });
            KeyValue::new(key.clone(), Value::Array(Array::String(values.collect())))
        })
    }
}

/// Prefixes of the attributes that hold headers.
pub(super) const REQUEST_HEADER: &str = "http.request.header.";
pub(super) const RESPONSE_HEADER: &str = "http.response.header.";

const REDACTED: &str = "REDACTED";

/// Headers whose values are credentials whoever asks for them.
const SECRET: &[HeaderName] = &[AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION, SET_COOKIE];

/// Parameters that sign an address, by the conventions and by AWS's fourth version.
const SIGNATURES: &[&str] = &[
    "AWSAccessKeyId",
    "Signature",
    "sig",
    "X-Amz-Credential",
    "X-Amz-Security-Token",
    "X-Amz-Signature",
    "X-Goog-Signature",
];

#[cfg(test)]
mod tests {
    use ::http::HeaderValue;

    use super::*;

    fn shown(query: &str, redacted: &[&'static str]) -> String {
        let shown = Shown { redacted_query: Some(redacted.into()), ..Shown::default() };
        shown.query(query).into_owned()
    }

    #[test]
    fn a_query_is_hidden_as_long_as_nobody_says_which_parameters_are_secret() {
        assert_eq!(Shown::default().query("page=2"), "REDACTED");
        assert_eq!(shown("page=2", &[]), "page=2");
    }

    #[test]
    fn secret_parameters_are_hidden_however_they_are_written() {
        for (query, expected) in [
            ("a=1&token=x&b", "a=1&token=REDACTED&b"),
            ("TOKEN=x", "TOKEN=REDACTED"),
            ("token=x=y&token=", "token=REDACTED&token=REDACTED"),
            ("a=1;token=x;b=2", "a=1;token=REDACTED;b=2"),
            ("t%6Fken=x&a=1", "t%6Fken=REDACTED&a=1"),
            ("sig=x&X-Goog-Signature=y", "sig=REDACTED&X-Goog-Signature=REDACTED"),
            ("tokens=x&", "tokens=x&"),
            ("", ""),
        ] {
            assert_eq!(shown(query, &["token"]), expected);
        }
    }

    #[test]
    fn headers_are_captured_with_all_values_and_without_credentials() {
        let mut headers = HeaderMap::new();
        headers.append("x-tenant", HeaderValue::from_static("7"));
        headers.append("x-tenant", HeaderValue::from_bytes(b"\xff").unwrap());
        headers.insert(AUTHORIZATION, HeaderValue::from_static("secret"));
        let mut marked = HeaderValue::from_static("secret");
        marked.set_sensitive(true);
        headers.insert("x-key", marked);
        let names = ["X-Tenant", "authorization", "x-key", "absent", "no name"];
        let captured = Captured::new(REQUEST_HEADER, names);
        let shown: Vec<_> = captured
            .attributes(&headers)
            .map(|a| (a.key.as_str().to_owned(), a.value.to_string()))
            .collect();
        let expected = [
            ("http.request.header.x-tenant", r#"["7","REDACTED"]"#),
            ("http.request.header.authorization", r#"["REDACTED"]"#),
            ("http.request.header.x-key", r#"["REDACTED"]"#),
        ];
        assert_eq!(shown, expected.map(|(key, value)| (key.to_owned(), value.to_owned())));
    }
}
