use std::fmt;

use ::http::{Extensions, HeaderMap, Response, StatusCode, Version};

/// A response without its body: what a hook of a layer may look at.
#[derive(Clone, Copy)]
pub struct ResponseView<'a> {
    status: StatusCode,
    version: Version,
    headers: &'a HeaderMap,
    extensions: &'a Extensions,
}

impl<'a> ResponseView<'a> {
    /// The response's status.
    #[must_use]
    pub fn status(self) -> StatusCode {
        self.status
    }

    /// The protocol version of the response.
    #[must_use]
    pub fn version(self) -> Version {
        self.version
    }

    /// The response's headers.
    #[must_use]
    pub fn headers(self) -> &'a HeaderMap {
        self.headers
    }

    /// What the inner service attached to the response.
    #[must_use]
    pub fn extensions(self) -> &'a Extensions {
        self.extensions
    }
}

impl<'a, ResBody> From<&'a Response<ResBody>> for ResponseView<'a> {
    fn from(response: &'a Response<ResBody>) -> Self {
        Self {
            status: response.status(),
            version: response.version(),
            headers: response.headers(),
            extensions: response.extensions(),
        }
    }
}

#[cfg(feature = "reqwest")]
impl<'a> From<&'a reqwest::Response> for ResponseView<'a> {
    fn from(response: &'a reqwest::Response) -> Self {
        Self {
            status: response.status(),
            version: response.version(),
            headers: response.headers(),
            extensions: response.extensions(),
        }
    }
}

/// Leaves out all header values, since they may be secrets.
impl fmt::Debug for ResponseView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseView")
            .field("status", &self.status)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_header_values() {
        let response = Response::builder().header("set-cookie", "secret").body(()).unwrap();
        let shown = format!("{:?}", ResponseView::from(&response));
        assert!(shown.contains("200") && !shown.contains("secret"), "{shown}");
    }
}
