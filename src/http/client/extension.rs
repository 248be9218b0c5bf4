//! What a caller says about one request, as extensions of it.

/// Keeps trace headers away from this request, and removes what it has. It has its span all the same.
///
/// ```
/// use throughline::http::NoPropagate;
///
/// let request = http::Request::get("https://partner.example/").extension(NoPropagate).body(());
/// # assert!(request.is_ok());
/// ```
///
/// `FollowRedirect` of tower-http drops the extensions of a request that it sends on to another
/// origin, unless its policy is told to keep this one. [`Targets`](crate::propagation::Targets) hold in
/// any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoPropagate;

/// How often this request was sent before, for whatever reason: `http.request.resend_count`. Zero is
/// left out. For policies of retry layers, which make each attempt from the one before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ResendCount(pub u32);

/// The pattern that the path of this request was made from, like `/users/{id}`: `url.template` and a
/// part of the span's name. It is a text of the program, so that nobody's ids can be in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UrlTemplate(pub &'static str);
