//! sentry-tower: a hub for each request, and a transaction on it.

use std::any::Any;
use std::sync::Arc;

use conformance::Parent;
use http::{HeaderMap, HeaderValue};
use scenarios::{App, Bare, Bed, EndedSpan, Log, Outcome, Subject, Task, boxed, counted};
use sentry_core::protocol::{Context, EnvelopeItem, SpanStatus, TraceContext, Transaction};
use sentry_core::{ClientOptions, Envelope, Hub, HubSwitchGuard, SentryFutureExt as _, Transport};
use sentry_tower::{NewSentryLayer, NewSentryService, SentryHttpLayer, SentryHttpService};
use tower::Layer as _;

/// Both of its layers in the order that its documentation asks for.
pub fn around<S, R>(service: S) -> NewSentryService<SentryHttpService<S>, R> {
    let service = SentryHttpLayer::new().enable_transaction().layer(service);
    NewSentryLayer::new_from_top().layer(service)
}

/// A hub whose client records every transaction.
pub fn hub(transport: impl Transport) -> Arc<Hub> {
    let mut options = ClientOptions::new().traces_sample_rate(1.0);
    options.dsn = "https://public@localhost/1".parse().ok();
    options.transport = Some(Arc::new(Arc::new(transport)));
    Arc::new(Hub::new(Some(Arc::new(options.into())), Arc::default()))
}

/// Rate 1.
pub struct SentryTower;

impl Subject for SentryTower {
    fn name(&self) -> String {
        crate::head("sentry-tower")
    }

    fn around(&self, app: App, _: &Bed) -> App {
        boxed(around(app))
    }

    fn allocations(&self, bare: Bare, headers: &HeaderMap, _: &Bed) -> u64 {
        counted(around(bare), headers)
    }

    fn installed(&self, bed: &Bed) -> Box<dyn Any> {
        Box::new(HubSwitchGuard::new(hub(IntoLog(bed.log().clone()))))
    }

    fn caller(&self, sampled: bool) -> (&'static str, &'static str) {
        ("sentry-trace", if sampled { SAMPLED } else { UNSAMPLED })
    }

    fn trace_id(&self) -> Option<String> {
        let span = sentry_core::configure_scope(|scope| scope.get_span())?;
        Some(span.get_trace_context().trace_id.to_string())
    }

    fn inject(&self, headers: &mut HeaderMap) {
        let span = sentry_core::configure_scope(|scope| scope.get_span());
        for (name, value) in span.iter().flat_map(|span| span.iter_headers()) {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(name, value);
            }
        }
    }

    fn carried(&self, task: Task) -> Task {
        Box::pin(task.bind_hub(Hub::current()))
    }
}

/// Writes transactions into the log instead of sending them.
struct IntoLog(Log);

impl Transport for IntoLog {
    fn send_envelope(&self, envelope: Envelope) {
        for item in envelope.items() {
            if let EnvelopeItem::Transaction(transaction) = item {
                self.0.span_ended(|| ended(transaction));
            }
        }
    }
}

fn ended(transaction: &Transaction<'_>) -> EndedSpan {
    let trace = match transaction.contexts.get("trace") {
        Some(Context::Trace(trace)) => Some(trace),
        _ => None,
    };
    EndedSpan {
        outcome: outcome(trace.and_then(|trace| trace.status)),
        parent: trace.and_then(|trace| parent(trace)),
        text: format!("{transaction:?}"),
    }
}

fn outcome(status: Option<SpanStatus>) -> Outcome {
    match status {
        None => Outcome::Unset,
        Some(SpanStatus::Ok) => Outcome::Ok,
        Some(status) => Outcome::Failed(Some(status.to_string())),
    }
}

fn parent(trace: &TraceContext) -> Option<Parent> {
    Some(Parent {
        trace_id: trace.trace_id.to_string(),
        parent_id: trace.parent_span_id?.to_string(),
        sampled: Some(true),
    })
}

const SAMPLED: &str = "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1";
const UNSAMPLED: &str = "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0";
