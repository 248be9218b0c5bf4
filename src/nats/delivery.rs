use async_nats::jetstream::message::Info;
use async_nats::{Message, jetstream};

/// A received message, of NATS or of JetStream.
pub trait Delivery: sealed::Sealed {
    /// The message itself.
    fn message(&self) -> &Message;

    /// What JetStream says of its delivery.
    fn info(&self) -> Option<Info<'_>>;
}

impl Delivery for Message {
    fn message(&self) -> &Message {
        self
    }

    fn info(&self) -> Option<Info<'_>> {
        None
    }
}

impl Delivery for jetstream::Message {
    fn message(&self) -> &Message {
        self
    }

    fn info(&self) -> Option<Info<'_>> {
        self.info().ok()
    }
}

/// Whether a subject was made for replies to one client or one request.
pub(super) fn is_temporary(subject: &str) -> bool {
    subject.starts_with("_INBOX.")
}

mod sealed {
    #[expect(unnameable_types, reason = "nobody else is to implement the trait behind it")]
    pub trait Sealed {}
    impl Sealed for async_nats::Message {}
    impl Sealed for async_nats::jetstream::Message {}
}
