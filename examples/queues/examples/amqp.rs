//! A message through RabbitMQ: whoever processes it continues the trace of whoever sent it.
//!
//! Starts a RabbitMQ of its own, from Debian's package `rabbitmq-server`.

use std::error::Error;

use futures_util::StreamExt;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, QueueDeclareOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use opentelemetry::Context;
use opentelemetry::trace::{SpanKind, TraceContextExt, Tracer, TracerProvider};
use queues::amqp::AmqpHeaders;
use queues::rabbitmq::RabbitMq;
use throughline::otel::ContextExt;
use throughline::propagation::Propagator;
use throughline_testkit::InMemorySpans;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let rabbitmq = RabbitMq::start()?;
    let connection = Connection::connect(&rabbitmq.url(), ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    let options = QueueDeclareOptions::durable();
    channel.queue_declare("orders".into(), options, FieldTable::default()).await?;

    let spans = InMemorySpans::for_service("shop");
    send(&channel, &spans).await?;
    process(&channel, &spans.service("warehouse")).await?;
    println!("{}", spans.tree());
    Ok(())
}

async fn send(channel: &Channel, spans: &InMemorySpans) -> Result<(), Box<dyn Error>> {
    let tracer = spans.provider().tracer("example");
    let span = tracer.span_builder("send orders").with_kind(SpanKind::Producer).start(&tracer);
    let cx = Context::current_with_span(span);

    let mut properties = BasicProperties::default();
    Propagator::default().inject(&cx.trace_context(), &mut AmqpHeaders(&mut properties));
    let options = BasicPublishOptions::default();
    channel.basic_publish("".into(), "orders".into(), options, b"one lamp", properties).await?;
    Ok(())
}

async fn process(channel: &Channel, spans: &InMemorySpans) -> Result<(), Box<dyn Error>> {
    let (options, arguments) = (BasicConsumeOptions::default(), FieldTable::default());
    let mut consumer =
        channel.basic_consume("orders".into(), "warehouse".into(), options, arguments).await?;
    let delivery = consumer.next().await.ok_or("no order")??;

    let found = Propagator::default().extract(&AmqpHeaders(&delivery.properties));
    let parent = Context::new().with_trace_context(found.context);
    let tracer = spans.provider().tracer("example");
    let span = tracer.span_builder("process orders").with_kind(SpanKind::Consumer);
    let cx = parent.with_span(span.start_with_context(&tracer, &parent));

    delivery.ack(BasicAckOptions::default()).await?;
    let _current = cx.attach();
    let order = String::from_utf8_lossy(&delivery.data);
    tracer.in_span("pack", |_| println!("{order} is packed\n"));
    Ok(())
}
