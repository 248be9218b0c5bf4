//! A topic of a mock cluster: librdkafka's own brokers, which speak the protocol over TCP.

use rdkafka::consumer::{Consumer, StreamConsumer};
use rdkafka::message::{Headers, Message, OwnedHeaders, OwnedMessage};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{DefaultProducerContext, FutureProducer, FutureRecord};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use super::{PATIENCE, raw_record, within};

pub(crate) struct Topic {
    producer: FutureProducer,
    consumer: StreamConsumer,
    // The last to be dropped, so that nobody misses it.
    cluster: MockCluster<'static, DefaultProducerContext>,
}

impl Topic {
    pub(crate) fn new() -> Self {
        let cluster = MockCluster::new(1).unwrap();
        cluster.create_topic(NAME, 1, 1).unwrap();
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", cluster.bootstrap_servers());
        let producer = config.create().unwrap();
        // The stand-in answers a consumer when this is over, not when a message comes.
        config.set("group.id", "test").set("fetch.wait.max.ms", "10");
        let consumer: StreamConsumer = config.create().unwrap();
        let mut partitions = TopicPartitionList::new();
        partitions.add_partition_offset(NAME, 0, Offset::Beginning).unwrap();
        // A group would take seconds to agree on who gets the only partition.
        consumer.assign(&partitions).unwrap();
        Self { producer, consumer, cluster }
    }

    pub(crate) async fn send(&self, headers: Option<OwnedHeaders>, payload: &str) {
        let mut record = FutureRecord::to(NAME).key("key").payload(payload);
        record.headers = headers;
        within("a delivery", self.producer.send(record, PATIENCE)).await.unwrap();
    }

    /// Sends what no client of ours could: headers whose names are any bytes.
    pub(crate) async fn send_raw(&self, headers: &[(&[u8], &[u8])], payload: &str) {
        let broker = self.cluster.bootstrap_servers();
        within("an answer", raw_record::produce(&broker, NAME, headers, payload)).await;
    }

    pub(crate) async fn receive(&self) -> OwnedMessage {
        within("a message", self.consumer.recv()).await.unwrap().detach()
    }
}

/// All headers as text, in alphabetical order.
pub(crate) fn pairs(message: &OwnedMessage) -> Vec<(String, String)> {
    let headers = message.headers().into_iter().flat_map(Headers::iter);
    let mut pairs: Vec<_> = headers
        .map(|header| {
            let value = String::from_utf8_lossy(header.value.unwrap_or_default());
            (header.key.to_owned(), value.into_owned())
        })
        .collect();
    pairs.sort();
    pairs
}

const NAME: &str = "orders";
