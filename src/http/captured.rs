use std::fmt;

use ::http::header::{AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION, SET_COOKIE};
use ::http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::{Array, Key, KeyValue, StringValue, Value};

use super::semconv::{REDACTED, bounded};
use crate::limits;

/// Headers that somebody asked to have as attributes.
#[derive(Clone, Default)]
pub(super) struct CapturedHeaders(Vec<(HeaderName, Key)>);

impl CapturedHeaders {
    /// `prefix` is the part of the attribute before the header's name. What is no name of a header
    /// occurs in no request, and is left out.
    pub(super) fn new<N: AsRef<str>>(prefix: &str, names: impl IntoIterator<Item = N>) -> Self {
        let names = names.into_iter().filter_map(|name| name.as_ref().parse::<HeaderName>().ok());
        let keyed = names.map(|name| {
            let key = Key::from(format!("{prefix}{name}"));
            (name, key)
        });
        Self(keyed.collect())
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The attributes: lists, since a header may be there more than once.
    pub(super) fn of<'a>(&'a self, headers: &'a HeaderMap) -> impl Iterator<Item = KeyValue> + 'a {
        self.0.iter().filter(|(name, _)| headers.contains_key(name)).map(|(name, key)| {
            let values = headers.get_all(name).iter().take(limits::CAPTURED_VALUES);
            let values: Vec<StringValue> = values.map(|value| shown(name, value)).collect();
            KeyValue::new(key.clone(), Value::Array(Array::String(values)))
        })
    }
}

impl fmt::Debug for CapturedHeaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

/// Credentials stay out of traces even if somebody asks for them by mistake.
fn shown(name: &HeaderName, value: &HeaderValue) -> StringValue {
    if value.is_sensitive() || CREDENTIALS.contains(name) {
        return REDACTED.into();
    }
    bounded(&String::from_utf8_lossy(value.as_bytes())).to_owned().into()
}

const CREDENTIALS: [HeaderName; 4] = [AUTHORIZATION, PROXY_AUTHORIZATION, COOKIE, SET_COOKIE];

#[cfg(test)]
mod tests {
    use super::*;

    fn captured(names: &[&str], headers: &[(&'static str, &'static str)]) -> Vec<String> {
        let headers = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        let mut map = HeaderMap::new();
        headers.for_each(|(name, value)| {
            map.append(name, value);
        });
        let captured = CapturedHeaders::new("http.request.header.", names);
        captured.of(&map).map(|pair| format!("{}={}", pair.key, pair.value)).collect()
    }

    #[test]
    fn a_header_is_a_list_under_its_lower_case_name() {
        let headers = [("x-tenant", "a"), ("x-tenant", "b"), ("x-other", "c")];
        assert_eq!(
            captured(&["X-Tenant", "x-absent", "no header"], &headers),
            [r#"http.request.header.x-tenant=["a","b"]"#]
        );
    }

    #[test]
    fn credentials_are_redacted_even_if_asked_for() {
        for name in ["authorization", "proxy-authorization", "cookie", "set-cookie"] {
            assert_eq!(
                captured(&[name], &[(name, "secret")]),
                [format!(r#"http.request.header.{name}=["REDACTED"]"#)]
            );
        }
    }

    #[test]
    fn a_sensitive_value_is_redacted_and_a_long_one_cut() {
        let mut value = HeaderValue::from_static("secret");
        value.set_sensitive(true);
        let long = "x".repeat(limits::HTTP_ATTRIBUTE_BYTES + 1);
        let name = HeaderName::from_static("x-key");
        assert_eq!(shown(&name, &value).as_str(), "REDACTED");
        let long = HeaderValue::from_str(&long).unwrap();
        assert_eq!(shown(&name, &long).as_str().len(), limits::HTTP_ATTRIBUTE_BYTES);
        let bytes = HeaderValue::from_bytes(b"a\xff").unwrap();
        assert_eq!(shown(&name, &bytes).as_str(), "a\u{fffd}");
    }
}
