//! One trace through all that leaves the code that began it: a task, blocking work, a channel and a
//! child process. Work that outlives the request has a second trace, with a link to the first.

use std::error::Error;

use opentelemetry::trace::{Tracer, TracerProvider};
use opentelemetry_sdk::trace::SdkTracer;
use throughline::otel::ActiveSpan;
use throughline::propagation::Propagator;
use throughline::task::channel::mpsc::Sender;
use throughline::task::{self, Carried, CommandExt, channel};
use throughline_testkit::InMemorySpans;
use tokio::process::Command;
use tokio::sync::mpsc::Receiver;
use tokio::task::JoinHandle;

type Failure = Box<dyn Error + Send + Sync>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let spans = InMemorySpans::for_service("shop");
    let tracer = spans.provider().tracer("tasks");
    let (parcels, received) = channel::mpsc(8);
    let packer = tokio::spawn(pack(received, spans.service("packer").provider().tracer("tasks")));

    let request = ActiveSpan::start(&tracer, tracer.span_builder("POST /orders"));
    let mail = request.run(order(tracer.clone(), parcels)).await?;
    packer.await?;
    mail.await?;

    println!("{}", spans.tree());
    let linked = spans.finished().into_iter().filter(|span| !span.links.is_empty());
    linked.for_each(|span| println!("{} is linked to {} span(s)", span.name, span.links.len()));
    Ok(())
}

/// Comes back before the mail is out.
async fn order(
    tracer: SdkTracer,
    parcels: Sender<&'static str>,
) -> Result<JoinHandle<()>, Failure> {
    let stock = tracer.clone();
    task::spawn(async move { stock.in_span("check stock", |_| ()) }).await?;
    let label = tracer.clone();
    task::spawn_blocking(move || label.in_span("print label", |_| ())).await?;
    for parcel in ["tea", "cups"] {
        parcels.send(parcel).await?;
    }
    let child = Command::new("printenv").arg("TRACEPARENT").traced(&Propagator::default()).output();
    println!("a child was told {}", String::from_utf8(child.await?.stdout)?);
    Ok(task::spawn_linked(&tracer, "mail", async { tokio::task::yield_now().await }))
}

/// Runs beside all requests: a parcel brings the trace that it belongs to, a batch has many.
async fn pack(mut received: Receiver<Carried<&'static str>>, tracer: SdkTracer) {
    let mut batch = Vec::new();
    while received.recv_many(&mut batch, 8).await > 0 {
        let ship = task::links(batch.iter().map(Carried::link));
        let ship = ActiveSpan::start(&tracer, ship.add_to(tracer.span_builder("ship")));
        for parcel in batch.drain(..) {
            let pack = async |parcel| tracer.in_span(format!("pack {parcel}"), |_| ());
            parcel.in_context(pack).await;
        }
        drop(ship);
    }
}
