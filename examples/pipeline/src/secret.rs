//! The secret that services share.

use std::convert::Infallible;
use std::fmt;
use std::hint::black_box;
use std::str::FromStr;

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};

/// A secret for `Authorization: Bearer`. It never shows in logs, and an empty one lets nobody in.
#[derive(Clone)]
pub(crate) struct Secret(String);

impl Secret {
    /// Takes the secret as the service was given it.
    pub(crate) fn new(secret: impl Into<String>) -> Self {
        Self(secret.into())
    }

    /// Whether the headers carry this secret as bearer token.
    pub(crate) fn authorizes(&self, headers: &HeaderMap) -> bool {
        let Some(value) = headers.get(AUTHORIZATION) else { return false };
        match value.as_bytes().split_at_checked(SCHEME.len()) {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case(SCHEME.as_bytes()) => {
                self.is(token)
            }
            _ => false,
        }
    }

    /// The value of an `Authorization` header that shows this secret; none if no header can hold it.
    pub(crate) fn to_header(&self) -> Option<HeaderValue> {
        let mut value = HeaderValue::from_str(&format!("{SCHEME}{}", self.0)).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    /// Compares in a time that depends on the length of the token, not on where it differs: else
    /// the answer's delay would tell how many characters were right.
    fn is(&self, token: &[u8]) -> bool {
        let secret = self.0.as_bytes();
        let differs = secret
            .iter()
            .cycle()
            .zip(token)
            .fold(u8::from(secret.len() != token.len()), |differs, (a, b)| {
                black_box(differs | (a ^ b))
            });
        !secret.is_empty() && differs == 0
    }
}

impl FromStr for Secret {
    type Err = Infallible;

    fn from_str(secret: &str) -> Result<Self, Infallible> {
        Ok(Self::new(secret))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

const SCHEME: &str = "Bearer ";

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(value: &str) -> HeaderMap {
        HeaderMap::from_iter([(AUTHORIZATION, value.parse().expect("header"))])
    }

    #[test]
    fn only_the_whole_secret_is_let_in() {
        let secret = Secret::new("s3cret");
        for right in ["Bearer s3cret", "bearer s3cret"] {
            assert!(secret.authorizes(&headers(right)), "{right}");
        }
        for wrong in [
            "",
            "s3cret",
            "Bearer",
            "Bearer ",
            "Bearer s3cre",
            "Bearer s3cret ",
            "Bearer S3cret",
            "Bearer s3crets3cret",
            "Basic s3cret",
        ] {
            assert!(!secret.authorizes(&headers(wrong)), "{wrong}");
        }
        assert!(!secret.authorizes(&HeaderMap::new()));
    }

    #[test]
    fn what_is_shown_is_let_in() {
        let secret = Secret::new("s3cret");
        let shown = secret.to_header().unwrap();
        assert!(secret.authorizes(&HeaderMap::from_iter([(AUTHORIZATION, shown)])));
        assert!(Secret::new("two\nlines").to_header().is_none());
    }

    #[test]
    fn an_empty_secret_lets_nobody_in() {
        assert!(!Secret::new("").authorizes(&headers("Bearer ")));
        assert!(!Secret::new("").authorizes(&headers("Bearer x")));
    }

    #[test]
    fn a_secret_does_not_show() {
        assert_eq!(format!("{:?}", Secret::new("s3cret")), "Secret(..)");
        assert!(!format!("{:?}", Secret::new("s3cret").to_header()).contains("s3cret"));
    }
}
