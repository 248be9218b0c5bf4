/// Says that a request has its span already, so that a server layer which is applied twice by mistake
/// makes one. The current context cannot tell: a service that is called inside a handler, with a
/// request of its own, has a span of its own. A client layer takes it away, since what a proxy sends
/// on is a request of its own even if it is made of the one that came in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Observed;
