//! sentry-tower: a hub for each request, and a transaction on it.

use std::any::Any;
use std::sync::Arc;

use conformance::Parent;
use http::{HeaderMap, HeaderValue};
use scenarios::{App, Bare, Bed, EndedSpan, Log, Outcome, Subject, Task, boxed, counted};
use sentry_core::protocol::{Context, EnvelopeItem, SpanStatus, TraceContext, Transaction};
use sentry_core::{ClientOptions, Envelope, Hub, HubSwitchGuard, SentryFutureExt as _, Transport};
use sentry_tower::{NewSentryLayer, SentryHttpLayer};
use tower::Layer as _;

pub(crate) struct SentryTower;

impl Subject for SentryTower {
    fn name(&self) -> String {
        crate::head("sentry-tower")
    }

    fn around(&self, app: App, _: &Bed) -> App {
        let app = SentryHttpLayer::new().enable_transaction().layer(app);
        boxed(NewSentryLayer::new_from_top().layer(app))
    }

    fn allocations(&self, bare: Bare, headers: &HeaderMap, _: &Bed) -> u64 {
        let service = SentryHttpLayer::new().enable_transaction().layer(bare);
        counted(NewSentryLayer::new_from_top().layer(service), headers)
    }

    fn installed(&self, bed: &Bed) -> Box<dyn Any> {
        let log = bed.log().clone();
        let mut options = ClientOptions::new().traces_sample_rate(1.0);
        options.dsn = "https://public@localhost/1".parse().ok();
        options.transport = Some(Arc::new(Arc::new(IntoLog(log))));
        let hub = Hub::new(Some(Arc::new(options.into())), Arc::default());
        Box::new(HubSwitchGuard::new(Arc::new(hub)))
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
