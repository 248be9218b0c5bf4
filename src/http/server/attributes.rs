use std::net::IpAddr;
use std::sync::Arc;

use super::ServerLayer;
use crate::http::RequestView;
use crate::http::captured::CapturedHeaders;

/// # Attributes
///
/// What spans say beyond the default, which holds nothing secret.
impl ServerLayer {
    /// Where a request's route stands: the pattern that its path was matched with, like
    /// `/users/{id}`. It becomes `http.route` and a part of the span's name. A path with its ids and
    /// secrets must not.
    ///
    /// The function is called before the inner service. With the feature `axum`, a layer that is added
    /// by `Router::layer` finds axum's route by itself, and one outside of the router is told by
    /// `RecordRoute`.
    pub fn route<F>(self, route: F) -> Self
    where
        F: for<'a> Fn(RequestView<'a>) -> Option<&'a str> + Send + Sync + 'static,
    {
        self.set(|config| config.describing.route = Some(Arc::new(route)))
    }

    /// Request headers that become attributes, as `http.request.header.<name>`. Values of
    /// `authorization`, `proxy-authorization`, `cookie` and `set-cookie`, and those marked as
    /// sensitive, are redacted all the same; of one header at most 16 values are kept.
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

    /// Makes the query an attribute, `url.query`. The values of `AWSAccessKeyId`, `Signature`, `sig`,
    /// `X-Goog-Signature`, `X-Amz-Credential`, `X-Amz-Security-Token` and `X-Amz-Signature`, in upper or
    /// lower case, are redacted, and those of [`redact_query`](Self::redact_query).
    pub fn capture_query(self) -> Self {
        self.set(|config| config.describing.query.capture())
    }

    /// Redacts the values of these keys, in upper or lower case, where the query is captured.
    pub fn redact_query<K: Into<String>>(self, keys: impl IntoIterator<Item = K>) -> Self {
        self.set(|config| config.describing.query.redact(keys))
    }

    /// Whose `forwarded`, or else `x-forwarded-for`, `-proto` and `-host`, are believed, by the
    /// address of the peer: nobody's by default. They give `client.address`, `url.scheme` and
    /// `server.address`. The peer's address is that of a [`PeerAddress`](crate::http::PeerAddress), or
    /// of axum's `ConnectInfo`, among the request's extensions; without one nobody is believed.
    ///
    /// ```
    /// use std::net::IpAddr;
    /// use throughline::http::ServerLayer;
    ///
    /// let layer = ServerLayer::new().trusted_proxies(|peer| match peer {
    ///     IpAddr::V4(address) => address.is_private(),
    ///     IpAddr::V6(address) => address.is_unique_local(),
    /// });
    /// ```
    pub fn trusted_proxies<F>(self, trusted: F) -> Self
    where
        F: Fn(IpAddr) -> bool + Send + Sync + 'static,
    {
        self.set(|config| config.describing.trusted_proxies = Some(Arc::new(trusted)))
    }
}
