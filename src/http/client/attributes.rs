use super::ClientLayer;
use crate::http::captured::CapturedHeaders;

/// # Attributes
///
/// What spans say beyond the default, which holds nothing secret.
impl ClientLayer {
    /// Request headers that become attributes, as `http.request.header.<name>`, as they come to the
    /// layer. Values of `authorization`, `proxy-authorization`, `cookie` and `set-cookie`, and those
    /// marked as sensitive, are redacted all the same; of one header at most 16 values are kept.
    pub fn capture_request_headers<N: AsRef<str>>(
        self,
        names: impl IntoIterator<Item = N>,
    ) -> Self {
        let captured = CapturedHeaders::new("http.request.header.", names);
        self.set(|config| config.describing.request_headers = captured)
    }

    /// Response headers that become attributes, as `http.response.header.<name>`, under the rules of
    /// [`capture_request_headers`](Self::capture_request_headers).
    pub fn capture_response_headers<N: AsRef<str>>(
        self,
        names: impl IntoIterator<Item = N>,
    ) -> Self {
        let captured = CapturedHeaders::new("http.response.header.", names);
        self.set(|config| config.response_headers = captured)
    }

    /// Shows the query in `url.full`; without it, a placeholder stands there. The values of
    /// `AWSAccessKeyId`, `Signature`, `sig`, `X-Goog-Signature`, `X-Amz-Credential`,
    /// `X-Amz-Security-Token` and `X-Amz-Signature`, in upper or lower case, are redacted, and those of
    /// [`redact_query`](Self::redact_query).
    pub fn capture_query(self) -> Self {
        self.set(|config| config.describing.query.capture())
    }

    /// Redacts the values of these keys, in upper or lower case, where the query is captured.
    pub fn redact_query<K: Into<String>>(self, keys: impl IntoIterator<Item = K>) -> Self {
        self.set(|config| config.describing.query.redact(keys))
    }
}
