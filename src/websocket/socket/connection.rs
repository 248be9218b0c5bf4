//! One connection: its span, its place in the metrics, and its one end.

use std::borrow::Cow;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;

use opentelemetry::trace::{SpanContext, SpanKind, Status, TraceContextExt};
use opentelemetry::{Context, KeyValue};

use super::open_connections::Open;
use super::{Message, SocketTracing, Subprotocol};
use crate::context::{TraceContext, TraceParent};
use crate::limits;
use crate::messaging::{MessageView, Processing, Sending};
use crate::otel::{
    ContextExt, Description, ERROR_TYPE, Opening, bounded, error_type, link_to, told,
};
use crate::propagation::Extraction;

/// A connection from its opening to its end, shared by its halves and by the messages that came in.
pub(super) struct Connection {
    tracing: SocketTracing,
    /// The context that its span is the active one of.
    span: Option<Context>,
    sent: AtomicU64,
    received: AtomicU64,
    halves: AtomicUsize,
    /// Whether both ends have agreed on frames around binary messages.
    is_framed: AtomicBool,
    /// What is to be ended. A lock, since halves end on two threads.
    live: Mutex<Option<Live>>,
}

#[derive(Default)]
struct Live {
    _open: Option<Open>,
    close: Option<(Option<u16>, String)>,
}

impl Connection {
    /// A connection below the current context, or, where there is none, below that of whoever asked for
    /// it.
    pub(super) fn open(tracing: SocketTracing, kind: SpanKind, caller: &Extraction) -> Self {
        let ambient = Context::current();
        let mut live = Live::default();
        let mut span = None;
        if !ambient.is_telemetry_suppressed() {
            live._open = tracing.count_connection();
            span = open_span(&tracing, &ambient, kind, caller);
        }
        Self {
            tracing,
            span,
            sent: AtomicU64::new(0),
            received: AtomicU64::new(0),
            halves: AtomicUsize::new(0),
            is_framed: AtomicBool::new(false),
            live: Mutex::new(Some(live)),
        }
    }

    pub(super) fn tracing(&self) -> &SocketTracing {
        &self.tracing
    }

    /// Keeps to what the handshake has agreed on.
    pub(super) fn agree(&self, subprotocol: &Subprotocol) {
        self.is_framed.store(subprotocol.is_framed(), Ordering::Relaxed);
    }

    pub(super) fn is_framed(&self) -> bool {
        self.is_framed.load(Ordering::Relaxed)
    }

    /// What the other side of the handshake is told.
    pub(super) fn context(&self) -> TraceContext {
        self.span.as_ref().map_or_else(|| Context::map_current(told), told)
    }

    /// Links the connection to whoever asked for it in a first message.
    pub(super) fn link(&self, caller: &TraceContext) {
        if let (Some(cx), Some(parent)) = (self.recorded(), caller.parent()) {
            let link = link_to(parent);
            cx.span().add_link(link.span_context, link.attributes);
        }
    }

    /// Begins to send a message.
    pub(super) fn send(&self) -> Sending {
        self.linked(|message| self.tracing.messaging.send(message))
    }

    /// Begins to process a message with a body of so many bytes.
    pub(super) fn process(&self, body_bytes: usize, received: &Extraction) -> Processing {
        let process = |view: MessageView<'_>| self.tracing.messaging.process(view, received);
        self.linked(|message| process(message.body_bytes(body_bytes)))
    }

    /// Rule MS-6. A span that is not exported is of no use as a link.
    fn linked<T>(&self, begin: impl FnOnce(MessageView<'_>) -> T) -> T {
        let message = MessageView::new();
        match self.recorded() {
            Some(cx) => begin(message.link(cx.span().span_context())),
            None => begin(message),
        }
    }

    /// Notes a message that was sent.
    pub(super) fn sent(&self, message: Noted) {
        self.note(message, &self.sent);
    }

    /// Notes a message that came in. Behind a close frame comes nothing of the application's.
    pub(super) fn received(&self, message: Noted) {
        let is_last = matches!(message, Noted::Close { .. });
        self.note(message, &self.received);
        if is_last {
            self.end(None);
        }
    }

    fn note(&self, message: Noted, count: &AtomicU64) {
        match message {
            Noted::Data => {
                count.fetch_add(1, Ordering::Relaxed);
            }
            Noted::Control => {}
            Noted::Close { code, reason } => {
                let mut live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(live) = live.as_mut() {
                    // The other side answers with the same: the first one says why.
                    live.close.get_or_insert((code, reason));
                }
            }
        }
    }

    /// Ends it, with the type of the error that broke it; later ends do nothing.
    pub(super) fn end(&self, error_type: Option<Cow<'static, str>>) {
        let live = self.live.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let (Some(live), Some(cx)) = (live, &self.span) {
            let span = cx.span();
            if span.is_recording() {
                span.set_attributes(self.totals().into_iter().chain(live.attributes()));
                if let Some(error_type) = error_type {
                    span.set_attribute(KeyValue::new(ERROR_TYPE, error_type));
                    span.set_status(Status::error(""));
                }
            }
            span.end();
        }
    }

    fn totals(&self) -> [KeyValue; 2] {
        let total =
            |count: &AtomicU64| i64::try_from(count.load(Ordering::Relaxed)).unwrap_or(i64::MAX);
        [
            KeyValue::new("websocket.messages.sent", total(&self.sent)),
            KeyValue::new("websocket.messages.received", total(&self.received)),
        ]
    }

    fn recorded(&self) -> Option<&Context> {
        self.span.as_ref().filter(|cx| cx.span().span_context().is_sampled())
    }
}

impl Live {
    fn attributes(self) -> impl Iterator<Item = KeyValue> {
        let (code, reason) = self.close.unwrap_or_default();
        let code = code.map(|code| KeyValue::new("websocket.close.code", i64::from(code)));
        let reason = Some(reason).filter(|reason| !reason.is_empty());
        code.into_iter().chain(reason.map(|reason| KeyValue::new("websocket.close.reason", reason)))
    }
}

/// Names no peer and no value.
impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("sent", &self.sent)
            .field("received", &self.received)
            .finish_non_exhaustive()
    }
}

/// What a connection notes of a message.
pub(super) enum Noted {
    Data,
    Control,
    Close { code: Option<u16>, reason: String },
}

impl Noted {
    pub(super) fn of(message: &impl Message) -> Self {
        if message.as_text().is_some() || message.as_binary().is_some() {
            return Self::Data;
        }
        message.as_close().map_or(Self::Control, |close| Self::Close {
            code: close.code,
            reason: bounded(close.reason, limits::CLOSE_REASON_BYTES).to_owned(),
        })
    }
}

/// A part of a socket that sends, receives, or does both. The connection ends with its last one.
#[derive(Debug)]
pub(super) struct Half(Arc<Connection>);

impl Half {
    pub(super) fn connection(&self) -> &Arc<Connection> {
        &self.0
    }

    /// Ends the connection if the socket has failed: by the contract of sinks it is of no use then.
    pub(super) fn checked<E>(&self, polled: Poll<Result<(), E>>) -> Poll<Result<(), E>> {
        if let Poll::Ready(Err(_)) = polled {
            self.0.end(Some(error_type::<E>().into()));
        }
        polled
    }
}

impl From<Arc<Connection>> for Half {
    fn from(connection: Arc<Connection>) -> Self {
        connection.halves.fetch_add(1, Ordering::Relaxed);
        Self(connection)
    }
}

impl Clone for Half {
    fn clone(&self) -> Self {
        Self::from(Arc::clone(&self.0))
    }
}

impl Drop for Half {
    fn drop(&mut self) {
        // What the other half has noted has to be seen by the one that ends it.
        if self.0.halves.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.end(None);
        }
    }
}

fn open_span(
    tracing: &SocketTracing,
    ambient: &Context,
    kind: SpanKind,
    caller: &Extraction,
) -> Option<Context> {
    let spans = tracing.messaging.spans().filter(|_| tracing.connection_span)?;
    let theirs = caller.context.parent();
    let is_root = !ambient.has_active_span();
    let parent = if is_root && theirs.is_some() {
        Cow::Owned(ambient.with_trace_context(caller.context.clone()))
    } else {
        Cow::Borrowed(ambient)
    };
    let span = parent.span().span_context().clone();
    // A layer that has continued the caller's trace already is closer than the caller.
    let is_other = |other: &&_| !same_trace(other, &span);
    let links = theirs.into_iter().chain(&caller.link).filter(is_other).map(link_to).collect();
    let opening = Opening {
        kind,
        plain_name: NAME,
        links,
        hint: Vec::new(),
        expect_recording: !span.is_valid() || span.is_sampled(),
    };
    let describe = || Description {
        name: NAME.into(),
        attributes: vec![KeyValue::new("network.protocol.name", "websocket")],
    };
    Some(spans.open(&parent, opening, describe).cx)
}

fn same_trace(one: &TraceParent, other: &SpanContext) -> bool {
    one.trace_id().to_bytes() == other.trace_id().to_bytes()
}

const NAME: &str = "connection";
