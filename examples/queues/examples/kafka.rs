//! A message through Kafka: whoever processes it continues the trace of whoever sent it.
//!
//! The cluster is the stand-in that librdkafka brings along, so nothing has to be installed.

use std::error::Error;
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry::trace::{SpanKind, TraceContextExt, Tracer, TracerProvider};
use queues::kafka::KafkaHeaders;
use rdkafka::ClientConfig;
use rdkafka::Message;
use rdkafka::consumer::{Consumer, StreamConsumer};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{FutureProducer, FutureRecord};
use throughline::otel::ContextExt;
use throughline::propagation::Propagator;
use throughline_testkit::InMemorySpans;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let cluster = MockCluster::new(1)?;
    cluster.create_topic("orders", 1, 1)?;
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", cluster.bootstrap_servers());

    let spans = InMemorySpans::for_service("shop");
    send(&config, &spans).await?;
    process(&mut config, &spans.service("warehouse")).await?;
    println!("{}", spans.tree());
    Ok(())
}

async fn send(config: &ClientConfig, spans: &InMemorySpans) -> Result<(), Box<dyn Error>> {
    let tracer = spans.provider().tracer("example");
    let span = tracer.span_builder("send orders").with_kind(SpanKind::Producer).start(&tracer);
    let cx = Context::current_with_span(span);

    let mut record = FutureRecord::to("orders").key("7").payload("one lamp");
    Propagator::default().inject(&cx.trace_context(), &mut KafkaHeaders(&mut record.headers));
    let producer: FutureProducer = config.create()?;
    producer.send(record, Duration::from_secs(10)).await.map_err(|(error, _)| error)?;
    Ok(())
}

async fn process(config: &mut ClientConfig, spans: &InMemorySpans) -> Result<(), Box<dyn Error>> {
    config.set("group.id", "warehouse").set("auto.offset.reset", "earliest");
    let consumer: StreamConsumer = config.create()?;
    consumer.subscribe(&["orders"])?;
    let message = consumer.recv().await?;

    let found = Propagator::default().extract(&KafkaHeaders(message.headers()));
    let parent = Context::new().with_trace_context(found.context);
    let tracer = spans.provider().tracer("example");
    let span = tracer.span_builder("process orders").with_kind(SpanKind::Consumer);
    let cx = parent.with_span(span.start_with_context(&tracer, &parent));

    let order = message.payload_view::<str>().ok_or("no order")??;
    let _current = cx.attach();
    tracer.in_span("pack", |_| println!("{order} is packed\n"));
    Ok(())
}
