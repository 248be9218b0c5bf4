use std::fmt;

use ::http::{Extensions, HeaderMap, Method, Request, Uri, Version};

/// A request without its body: what a hook of a layer may look at.
#[derive(Clone, Copy)]
pub struct RequestView<'a> {
    method: &'a Method,
    uri: &'a Uri,
    version: Version,
    headers: &'a HeaderMap,
    extensions: &'a Extensions,
}

impl<'a> RequestView<'a> {
    /// The request's method.
    #[must_use]
    pub fn method(self) -> &'a Method {
        self.method
    }

    /// The request's target.
    #[must_use]
    pub fn uri(self) -> &'a Uri {
        self.uri
    }

    /// The path of the request's target.
    #[must_use]
    pub fn path(self) -> &'a str {
        self.uri.path()
    }

    /// The protocol version that the request came by.
    #[must_use]
    pub fn version(self) -> Version {
        self.version
    }

    /// The request's headers.
    #[must_use]
    pub fn headers(self) -> &'a HeaderMap {
        self.headers
    }

    /// What routers and outer layers attached to the request.
    #[must_use]
    pub fn extensions(self) -> &'a Extensions {
        self.extensions
    }
}

impl<'a, ReqBody> From<&'a Request<ReqBody>> for RequestView<'a> {
    fn from(request: &'a Request<ReqBody>) -> Self {
        Self {
            method: request.method(),
            uri: request.uri(),
            version: request.version(),
            headers: request.headers(),
            extensions: request.extensions(),
        }
    }
}

/// Leaves out the query and all header values, since they may be secrets.
impl fmt::Debug for RequestView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestView")
            .field("method", self.method)
            .field("path", &self.path())
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_neither_query_nor_header_values() {
        let request = Request::builder()
            .uri("http://user:secret@host/path?token=secret")
            .header("authorization", "secret")
            .body(())
            .unwrap();
        let shown = format!("{:?}", RequestView::from(&request));
        assert!(shown.contains("/path") && !shown.contains("secret"), "{shown}");
    }
}
