/// When the span of a request ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SpanEnd {
    /// With the last byte or the trailers of the response's body, its error, or its drop. The default
    /// of a [`ServerLayer`](super::ServerLayer); for clients whose answers are streams, and for callers
    /// who read what they get.
    BodyEnd,
    /// With the response's headers, whatever becomes of the body. The default of a
    /// [`ClientLayer`](super::ClientLayer), whose caller may read the body much later, or never; except
    /// for calls of gRPC, which tell behind the body how they went. For servers whose bodies last for
    /// hours, and for comparison with layers that know nothing else.
    Headers,
}
