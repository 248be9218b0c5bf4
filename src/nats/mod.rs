//! Messages of NATS and JetStream that carry trace context in their headers, with async-nats.
//!
//! [`Nats`] holds the settings. What is sent goes through [`Nats::client`] or [`Nats::jetstream`], which
//! are async-nats' own types with spans around what they publish; what is received comes from
//! async-nats' own streams, and is processed in a span of [`Nats::process`].
//!
//! ```no_run
//! # async fn run() -> Result<(), async_nats::Error> {
//! use futures_util::StreamExt;
//! use throughline::nats::Nats;
//!
//! let orders = Nats::new().subject_template("orders.{id}");
//! let client = orders.client(async_nats::connect("127.0.0.1").await?);
//!
//! let mut subscriber = client.subscribe("orders.*").await?;
//! client.publish("orders.42", "one lamp".into()).await?; // span `publish orders.{id}`
//! while let Some(message) = subscriber.next().await {
//!     let work = async { println!("{} bytes", message.payload.len()) };
//!     orders.process(&message).run(work).await; // span `process orders.{id}`, its child
//! }
//! # Ok(()) }
//! ```
//!
//! JetStream, with an acknowledgement that is part of the processing. A message that comes again is
//! processed in a span of its own, a child of the same sender's:
//!
//! ```no_run
//! # use async_nats::jetstream::{self, AckKind, consumer};
//! # use throughline::nats::Nats;
//! # async fn handle(_: &jetstream::Message) -> Result<(), async_nats::Error> { Ok(()) }
//! # async fn run(consumer: consumer::PullConsumer, client: async_nats::Client) -> Result<(), async_nats::Error> {
//! use futures_util::StreamExt;
//!
//! let nats = Nats::new();
//! let jetstream = nats.jetstream(jetstream::new(client));
//! let stored = jetstream.publish("jobs.7", "build".into()).await?.await?;
//!
//! let mut messages = consumer.messages().await?;
//! while let Some(message) = messages.next().await {
//!     let message = message?;
//!     let work = async {
//!         match handle(&message).await {
//!             Ok(()) => message.ack().await,
//!             Err(error) => message.ack_with(AckKind::Nak(None)).await.and(Err(error)),
//!         }
//!     };
//!     nats.process(&message).try_run(work).await?;
//! }
//! # Ok(()) }
//! ```
//!
//! # What it does with a message
//!
//! | question | answer |
//! |---|---|
//! | headers of the sender | kept; the context comes on top |
//! | a context among them | stays, and the span links to it (rule MS-1); [`Nats::replace_context`] for relays |
//! | no context to send | no header is added (rule MS-3) |
//! | no room for the context below the server's limit | the message is sent without, and its span says so: `throughline.context.omitted` |
//! | case of names, several values | read in any case, as one list; written in lower case |
//! | a bad context, or none | the message is processed in a new trace (rule MS-4) |
//!
//! Subjects like `_INBOX.…` are temporary: no span is named after them. An acknowledgement has no span
//! of its own.

mod client;
mod delivery;
mod jetstream;
mod outgoing;
mod publish_ack;
mod settings;

pub use client::TracedClient;
pub use delivery::Delivery;
pub use jetstream::TracedJetStream;
pub use publish_ack::TracedPublishAck;
pub use settings::Nats;
