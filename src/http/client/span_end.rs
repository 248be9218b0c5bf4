/// What the end of a client's span is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SpanEnd {
    /// The response's headers. The body may be read much later, or never.
    Headers,
    /// The last byte or the trailers of the response's body, its error, or its drop. For calls whose
    /// answer is a stream, and for callers who read what they get.
    BodyEnd,
}
