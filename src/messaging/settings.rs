use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use opentelemetry::trace::Link;
use opentelemetry::{Context, KeyValue};

use super::instruments::Metrics;
use super::labels::Labels;
use super::role::Role;
use super::semconv::{self, bounded};
use super::{MessageView, ParentMode};
use crate::context::TraceContext;
use crate::otel::{Description, Links, Opener, Opening, Refused};

/// What the clones of one [`Messaging`](super::Messaging) share.
#[derive(Clone)]
pub(super) struct Settings {
    pub(super) system: &'static str,
    pub(super) names: Names,
    pub(super) destination: Option<Destination>,
    pub(super) parent: ParentMode,
    pub(super) spans: Option<Arc<Opener>>,
    pub(super) metrics: Option<Arc<Metrics>>,
    pub(super) refused: Refused,
    pub(super) labels: Labels,
    /// The name of a trace that begins with the processing of a message (rule SE-6), if it is one of
    /// few.
    pub(super) transaction: Option<Arc<String>>,
}

/// What the system calls its operations.
#[derive(Clone, Copy, Debug)]
pub(super) struct Names {
    pub(super) send: &'static str,
    pub(super) process: &'static str,
}

/// One queue or topic, or the pattern of many.
#[derive(Clone, Debug)]
pub(super) enum Destination {
    Name(Cow<'static, str>),
    Template(Cow<'static, str>),
}

impl Settings {
    pub(super) fn new(system: &'static str) -> Self {
        let mut settings = Self {
            system,
            names: Names {
                send: Role::Send.operation_type(),
                process: Role::Process.operation_type(),
            },
            destination: None,
            parent: ParentMode::default(),
            spans: Some(Arc::new(Opener::global())),
            metrics: Some(Arc::new(Metrics::global())),
            refused: Refused::global(),
            labels: Labels::default(),
            transaction: None,
        };
        settings.prepare();
        settings
    }

    /// Makes what all messages share.
    pub(super) fn prepare(&mut self) {
        let system = KeyValue::new(semconv::MESSAGING_SYSTEM, self.system);
        let of_any: Vec<_> =
            [system].into_iter().chain(self.destination.as_ref().map(Destination::label)).collect();
        self.labels = Labels::new(&of_any, self.names);
        let destination = self.destination.as_ref().map(Destination::text);
        self.transaction = destination.map(|text| Arc::new(join(self.names.process, text)));
    }

    /// Where processing begins, and whose spans are opened there. Nothing is inherited but that telemetry
    /// is suppressed.
    pub(super) fn base(&self) -> (Context, Option<&Opener>) {
        let suppressed = Context::map_current(Context::is_telemetry_suppressed);
        if suppressed {
            (Context::new().with_telemetry_suppressed(), None)
        } else {
            (Context::new(), self.spans.as_deref())
        }
    }

    /// The context that a span of processing begins in.
    pub(super) fn continued(&self, received: &TraceContext) -> TraceContext {
        if self.parent.is_child() && received.parent().is_some() {
            return received.clone();
        }
        let mut begun = TraceContext::new();
        let baggage = begun.baggage_mut();
        *baggage = received.baggage().clone();
        // Sentry's members describe the sender's trace (rule BO-2).
        baggage.retain(|member| !member.is_sentry());
        match &self.transaction {
            Some(name) => begun.with_shared_transaction(Arc::clone(name)),
            None => begun,
        }
    }

    pub(super) fn opening(&self, role: Role, links: Vec<Link>, expect_recording: bool) -> Opening {
        Opening {
            kind: role.kind(),
            plain_name: self.name(role),
            links,
            hint: Vec::new(),
            expect_recording,
        }
    }

    /// Name and attributes of a span, of a batch with its messages and the links that it does not have.
    pub(super) fn describe(
        &self,
        role: Role,
        message: MessageView<'_>,
        batch: Option<(usize, usize)>,
    ) -> Description {
        let count =
            |key, count: usize| KeyValue::new(key, i64::try_from(count).unwrap_or(i64::MAX));
        let mut attributes = Vec::with_capacity(ATTRIBUTES);
        attributes.push(KeyValue::new(semconv::MESSAGING_SYSTEM, self.system));
        attributes.push(KeyValue::new(semconv::MESSAGING_OPERATION_NAME, self.name(role)));
        attributes.push(KeyValue::new(semconv::MESSAGING_OPERATION_TYPE, role.operation_type()));
        self.describe_destination(message, &mut attributes);
        if let Some(bytes) = message.body_bytes {
            attributes.push(count(semconv::MESSAGING_MESSAGE_BODY_SIZE, bytes));
        }
        if let Some(id) = message.id {
            attributes.push(KeyValue::new(semconv::MESSAGING_MESSAGE_ID, bounded(id).to_owned()));
        }
        if let Some((messages, dropped)) = batch {
            attributes.push(count(semconv::MESSAGING_BATCH_MESSAGE_COUNT, messages));
            if dropped > 0 {
                attributes.push(count(Links::DROPPED, dropped));
            }
        }
        Description { name: self.span_name(role, message), attributes }
    }

    fn describe_destination(&self, message: MessageView<'_>, attributes: &mut Vec<KeyValue>) {
        attributes.extend(self.destination.as_ref().map(Destination::label));
        if let (Some(name), None | Some(Destination::Template(_))) =
            (message.destination, &self.destination)
        {
            let name = bounded(name).to_owned();
            attributes.push(KeyValue::new(semconv::MESSAGING_DESTINATION_NAME, name));
        }
        if message.temporary {
            attributes.push(KeyValue::new(semconv::MESSAGING_DESTINATION_TEMPORARY, true));
        }
    }

    /// The conventions want the name of the destination there, unless it is one of a moment.
    fn span_name(&self, role: Role, message: MessageView<'_>) -> Cow<'static, str> {
        let own = message.destination.filter(|_| !message.temporary).map(bounded);
        match self.destination.as_ref().map(Destination::text).or(own) {
            Some(destination) => join(self.name(role), destination).into(),
            None => self.name(role).into(),
        }
    }

    fn name(&self, role: Role) -> &'static str {
        match role {
            Role::Send => self.names.send,
            Role::Process => self.names.process,
        }
    }

    pub(super) fn count_consumed(&self, messages: usize) {
        if let Some(metrics) = &self.metrics {
            let consumed = &metrics.instruments().consumed_messages;
            consumed.add(messages as u64, &self.labels.processing);
        }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("system", &self.system)
            .field("names", &self.names)
            .field("destination", &self.destination)
            .field("parent", &self.parent)
            .field("spans", &self.spans)
            .field("metrics", &self.metrics)
            .finish_non_exhaustive()
    }
}

impl Destination {
    fn text(&self) -> &str {
        match self {
            Self::Name(text) | Self::Template(text) => text,
        }
    }

    fn label(&self) -> KeyValue {
        match self {
            Self::Name(name) => KeyValue::new(semconv::MESSAGING_DESTINATION_NAME, name.clone()),
            Self::Template(template) => {
                KeyValue::new(semconv::MESSAGING_DESTINATION_TEMPLATE, template.clone())
            }
        }
    }
}

fn join(operation: &str, destination: &str) -> String {
    [operation, " ", destination].concat()
}

/// What is said of one message at most, without an error: one allocation for all.
const ATTRIBUTES: usize = 8;
