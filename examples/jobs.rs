//! Jobs in a table: a row has no headers, so each job carries its context in its JSON.

use std::collections::VecDeque;

use opentelemetry::trace::{TraceContextExt, Tracer, TracerProvider};
use serde::{Deserialize, Serialize};
use throughline::messaging::{MessageView, Messaging, ParentMode};
use throughline::websocket::Envelope;
use throughline_testkit::InMemorySpans;

#[derive(Serialize, Deserialize)]
struct Job {
    build: String,
}

fn main() -> Result<(), serde_json::Error> {
    let spans = InMemorySpans::for_service("shop");
    let mut table = VecDeque::new();

    let shop = messaging(&spans);
    spans.provider().tracer("example").in_span("order", |_| {
        ["lamp", "table"].into_iter().try_for_each(|build| enqueue(&shop, &mut table, build))
    })?;

    // A job may lie there for a day: its processing is then better a trace of its own, with a link.
    let builder = messaging(&spans.service("builder")).parent(ParentMode::Link);
    while let Some(row) = table.pop_front() {
        work_on(&builder, &row)?;
    }
    println!("{}", spans.tree());
    Ok(())
}

fn messaging(spans: &InMemorySpans) -> Messaging {
    Messaging::new("jobs")
        .operation_names("enqueue", "process")
        .destination("builds")
        .tracer_provider(spans.provider())
}

fn enqueue(
    shop: &Messaging,
    table: &mut VecDeque<String>,
    build: &str,
) -> Result<(), serde_json::Error> {
    let sending = shop.send(MessageView::new());
    let job = Job { build: build.to_owned() };
    let row = Envelope::json().encode_with(&job, &sending.context());
    let stored = row.map(|row| table.push_back(row));
    sending.end_with(&stored);
    stored
}

fn work_on(builder: &Messaging, row: &str) -> Result<(), serde_json::Error> {
    let (job, found) = Envelope::json().decode::<Job>(row)?;
    let processing = builder.process(MessageView::new().body_bytes(row.len()), &found);
    let current = processing.cx().clone().attach();
    let trace = opentelemetry::Context::map_current(|cx| cx.span().span_context().trace_id());
    println!("builds a {} in trace {trace}", job.build);
    drop(current);
    processing.succeeded();
    Ok(())
}
