/// How the span of a message's processing is bound to the context that came in the message
/// (rule MS-2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ParentMode {
    /// The span is a child of the sender's: sending and processing are one trace.
    #[default]
    Parent,
    /// The span begins a new trace, with a link to the sender's. The application's baggage comes along.
    Link,
    /// The span is a child of the sender's and links to it, for back ends that show messages by their
    /// links.
    ParentAndLink,
}

impl ParentMode {
    pub(super) fn is_child(self) -> bool {
        self != Self::Link
    }

    pub(super) fn links(self) -> bool {
        self != Self::Parent
    }
}
