//! What gRPC adds to a request, as each of its servers and clients shows it in headers and trailers.
//!
//! Names and values are those of the
//! [semantic conventions for gRPC](https://opentelemetry.io/docs/specs/semconv/rpc/grpc/) in version
//! 1.42.0, a release candidate.

use std::borrow::Cow;
use std::sync::Arc;

use ::http::header::CONTENT_TYPE;
use ::http::{HeaderMap, Method, StatusCode, Version};
use opentelemetry::KeyValue;

use super::semconv::{OTHER, bounded};
use super::side::Side;
use super::{Ending, RequestView, ResponseView};
use crate::limits;

pub(super) const RPC_METHOD: &str = "rpc.method";
pub(super) const RPC_METHOD_ORIGINAL: &str = "rpc.method_original";
pub(super) const RPC_RESPONSE_STATUS_CODE: &str = "rpc.response.status_code";
pub(super) const RPC_SYSTEM_NAME: &str = "rpc.system.name";

/// The value of `rpc.system.name`, and the name of a span whose method nobody knows.
pub(super) const SYSTEM: &str = "grpc";

/// A call of gRPC. What became of it stands in its trailers, or in the headers if nothing else comes.
#[derive(Clone, Debug)]
pub(super) struct Rpc {
    /// `package.Service/Method`; `None` if the path is none.
    method: Option<Arc<str>>,
    answer: Answer,
    status: Option<&'static str>,
    /// The span does not wait for the trailers.
    stops_at_headers: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    None,
    /// Something else than gRPC answered, perhaps a proxy.
    Other(StatusCode),
    Grpc,
}

impl Rpc {
    /// The call that this request is: a POST of HTTP/2 by its media type. gRPC-Web is none: its status stands in the
    /// body, where a layer does not look.
    pub(super) fn of(request: RequestView<'_>) -> Option<Self> {
        // Before the look at a header, which costs more than these together.
        let may_be = request.version() >= Version::HTTP_2 && *request.method() == Method::POST;
        if !may_be || !is_grpc(request.headers()) {
            return None;
        }
        let method = method(request.path()).map(Arc::from);
        Some(Self { method, answer: Answer::None, status: None, stops_at_headers: false })
    }

    /// The name of the span.
    pub(super) fn span_name(&self) -> &str {
        self.method.as_deref().unwrap_or(SYSTEM)
    }

    pub(super) fn describe(&self, request: RequestView<'_>, attributes: &mut Vec<KeyValue>) {
        attributes.push(KeyValue::new(RPC_SYSTEM_NAME, SYSTEM));
        match &self.method {
            Some(method) => attributes.push(KeyValue::new(RPC_METHOD, Arc::clone(method))),
            None => {
                let path = bounded(request.path()).to_owned();
                attributes.push(KeyValue::new(RPC_METHOD, OTHER));
                attributes.push(KeyValue::new(RPC_METHOD_ORIGINAL, path));
            }
        }
    }

    /// Notes the headers of the answer, and tells whether they hold the status, behind which there is
    /// nothing to wait for.
    pub(super) fn answer(&mut self, response: ResponseView<'_>) -> bool {
        let (status, headers) = (response.status(), response.headers());
        let speaks_grpc = status == StatusCode::OK && is_grpc(headers);
        self.answer = if speaks_grpc { Answer::Grpc } else { Answer::Other(status) };
        self.read(headers);
        self.status.is_some()
    }

    /// Notes the status, if it is there; that of the trailers wins.
    pub(super) fn read(&mut self, headers: &HeaderMap) {
        if let Some(value) = headers.get("grpc-status") {
            self.status = Some(status(value.as_bytes()));
        }
    }

    pub(super) fn stop_at_headers(&mut self) {
        self.stops_at_headers = true;
    }

    /// The status of a call that has ended, if there is one: `CANCELLED` if nobody waited for it, and
    /// `UNKNOWN`, as clients of gRPC have it, if its body is over without a status.
    pub(super) fn end(&mut self, ending: Ending) -> Option<&'static str> {
        let missing = self.is_http_success() && !self.stops_at_headers;
        self.status = match (ending, self.status) {
            (Ending::Cancelled, _) => Some(CANCELLED),
            (Ending::Complete, None) if missing => Some(UNKNOWN),
            (Ending::Complete, status) => status,
            _ => None,
        };
        self.status
    }

    pub(super) fn status(&self) -> Option<&'static str> {
        self.status
    }

    /// The method as an attribute of metrics. A server believes the name of a method that it has
    /// answered: paths are anybody's text, and each would be a series.
    pub(super) fn method(&self, side: Side) -> &str {
        let believed = side == Side::Client || (self.answer == Answer::Grpc && !self.is_unknown());
        self.method.as_deref().filter(|_| believed).unwrap_or(OTHER)
    }

    /// The answer says that there is no such method.
    pub(super) fn is_unknown(&self) -> bool {
        self.status == Some(UNIMPLEMENTED) || matches!(self.answer, Answer::Other(_))
    }

    fn is_http_success(&self) -> bool {
        matches!(self.answer, Answer::Grpc | Answer::Other(StatusCode::OK))
    }
}

/// The status as `error.type`, if a server has failed with it, and not its caller.
#[cold]
pub(super) fn server_error(status: &'static str) -> Option<Cow<'static, str>> {
    let failed = matches!(
        status,
        UNKNOWN | "DEADLINE_EXCEEDED" | UNIMPLEMENTED | "INTERNAL" | "UNAVAILABLE" | "DATA_LOSS"
    );
    failed.then_some(Cow::Borrowed(status))
}

/// The status as `error.type`, if a call has failed with it.
#[cold]
pub(super) fn client_error(status: &'static str) -> Option<Cow<'static, str>> {
    (status != "OK").then_some(Cow::Borrowed(status))
}

fn is_grpc(headers: &HeaderMap) -> bool {
    let media_type = headers.get(CONTENT_TYPE).map(|value| value.as_bytes());
    let rest = media_type.and_then(|media_type| media_type.strip_prefix(b"application/grpc"));
    rest.is_some_and(|rest| matches!(rest.first(), None | Some(b'+' | b';')))
}

/// The method that a path names. What no interface definition could declare is none.
fn method(path: &str) -> Option<&str> {
    let method = path.strip_prefix('/')?;
    let (service, name) = method.split_once('/')?;
    let is_name = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    };
    let fits = method.len() <= limits::RPC_METHOD_BYTES;
    (fits && service.split('.').all(is_name) && is_name(name)).then_some(method)
}

/// The name of a status. What is no number of a status counts as `UNKNOWN`.
fn status(value: &[u8]) -> &'static str {
    let index = match *value {
        [digit @ b'0'..=b'9'] => usize::from(digit - b'0'),
        [b'1', digit @ b'0'..=b'6'] => 10 + usize::from(digit - b'0'),
        _ => return UNKNOWN,
    };
    STATUSES.get(index).copied().unwrap_or(UNKNOWN)
}

const CANCELLED: &str = "CANCELLED";
const UNIMPLEMENTED: &str = "UNIMPLEMENTED";
const UNKNOWN: &str = "UNKNOWN";

/// By number.
const STATUSES: [&str; 17] = [
    "OK",
    CANCELLED,
    UNKNOWN,
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    UNIMPLEMENTED,
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

#[cfg(test)]
mod tests {
    use ::http::{HeaderValue, Request};

    use super::*;

    #[test]
    fn only_a_post_of_http_2_with_the_media_type_of_grpc_is_a_call() {
        let is_call_by = |version: Version, method: &str, media_type: &[u8]| {
            let mut request = Request::builder().method(method).uri("/a.B/C").body(()).unwrap();
            *request.version_mut() = version;
            let media_type = HeaderValue::from_bytes(media_type).unwrap();
            request.headers_mut().insert(CONTENT_TYPE, media_type);
            Rpc::of(RequestView::from(&request)).is_some()
        };
        let is_call =
            |method: &str, media_type: &[u8]| is_call_by(Version::HTTP_2, method, media_type);
        assert!(is_call_by(Version::HTTP_3, "POST", b"application/grpc"));
        assert!(!is_call_by(Version::HTTP_11, "POST", b"application/grpc"));
        for media_type in ["application/grpc", "application/grpc+proto", "application/grpc;a=b"] {
            assert!(is_call("POST", media_type.as_bytes()), "{media_type}");
            assert!(!is_call("GET", media_type.as_bytes()), "{media_type}");
        }
        for media_type in ["application/grpc-web", "application/grpcx", "application/json", ""] {
            assert!(!is_call("POST", media_type.as_bytes()), "{media_type}");
        }
        assert!(!is_call("POST", b"application/\xff"));
        let request = Request::post("/a.B/C").version(Version::HTTP_2).body(()).unwrap();
        assert!(Rpc::of(RequestView::from(&request)).is_none());
    }

    #[test]
    fn a_method_is_what_an_interface_could_declare() {
        for path in ["/Echo/Say", "/a.b_c.Echo2/Say_it"] {
            assert_eq!(method(path), path.get(1..));
        }
        for path in
            ["", "/", "/a", "//", "/a/", "//b", "/a/b/c", "a/b", "/.a/b", "/a./b", "/a..b/c"]
        {
            assert_eq!(method(path), None, "{path}");
        }
        assert_eq!(method("/a/b.c"), None);
        assert_eq!(method("/a%20/b"), None);
        let long = format!("/{}/b", "a".repeat(limits::RPC_METHOD_BYTES));
        assert_eq!(method(&long), None);
    }

    #[test]
    fn a_status_is_a_number_from_0_to_16_or_unknown() {
        for (number, name) in STATUSES.iter().enumerate() {
            assert_eq!(status(number.to_string().as_bytes()), *name);
        }
        for bad in [&b""[..], b"17", b"00", b"01", b"-1", b"1 ", b"100", b"OK", b"\xff"] {
            assert_eq!(status(bad), "UNKNOWN", "{bad:?}");
        }
    }

    #[test]
    fn servers_answer_for_six_statuses_and_clients_for_all_but_one() {
        type ErrorOf = fn(&'static str) -> Option<Cow<'static, str>>;
        let errors = |error: ErrorOf| STATUSES.into_iter().filter_map(error).collect::<Vec<_>>();
        assert_eq!(
            errors(server_error),
            [
                "UNKNOWN",
                "DEADLINE_EXCEEDED",
                "UNIMPLEMENTED",
                "INTERNAL",
                "UNAVAILABLE",
                "DATA_LOSS"
            ]
        );
        assert_eq!(errors(client_error), STATUSES[1..]);
    }
}
