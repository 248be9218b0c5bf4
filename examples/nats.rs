//! A job that JetStream delivers twice, and a question to another service while it is worked on: one
//! trace. It starts a NATS server of its own, which has to be installed.

use async_nats::jetstream::{self, AckKind, consumer, stream};
use futures_util::StreamExt;
use throughline::nats::Nats;
use throughline_testkit::{InMemorySpans, NatsServer};

type Error = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let server = NatsServer::start()?;
    let client = async_nats::connect(server.url()).await?;
    let spans = InMemorySpans::for_service("shop");
    let of = |service: &str| Nats::new().tracer_provider(spans.service(service).provider());

    let shop = of("shop").jetstream(jetstream::new(client.clone()));
    let mut jobs = jobs(&shop).await?;
    let prices = client.subscribe("price").await?;
    let prices = tokio::spawn(answer(prices, of("prices"), client.clone()));

    shop.publish("jobs.7", "a lamp".into()).await?.await?;
    let builder = of("builder").subject_template("jobs.{id}");
    for attempt in 1..=2 {
        let message = jobs.next().await.ok_or("the stream has ended")??;
        let prices = builder.clone().subject_template("price").client(client.clone());
        let build = async {
            if attempt == 1 {
                // Not now: it comes again.
                return message.ack_with(AckKind::Nak(None)).await;
            }
            let price = prices.request("price", message.payload.clone()).await?;
            println!("{:?} costs {:?}", message.payload, price.payload);
            message.double_ack().await
        };
        builder.process(&message).try_run(build).await?;
    }
    prices.await??;
    println!("{}", spans.tree());
    Ok(())
}

/// A stream of jobs and its consumer.
async fn jobs(jetstream: &jetstream::Context) -> Result<consumer::pull::Stream, Error> {
    let config = stream::Config {
        name: "JOBS".to_owned(),
        subjects: vec!["jobs.*".to_owned()],
        ..stream::Config::default()
    };
    let stream = jetstream.create_stream(config).await?;
    let config = consumer::pull::Config {
        durable_name: Some("builders".to_owned()),
        ..consumer::pull::Config::default()
    };
    Ok(stream.create_consumer(config).await?.messages().await?)
}

/// Answers one question.
async fn answer(
    mut questions: async_nats::Subscriber,
    nats: Nats,
    client: async_nats::Client,
) -> Result<(), Error> {
    let question = questions.next().await.ok_or("nobody asks")?;
    let reply = question.reply.clone().ok_or("nobody waits")?;
    let answer = async { nats.client(client).publish(reply, "7".into()).await };
    Ok(nats.process(&question).try_run(answer).await?)
}
