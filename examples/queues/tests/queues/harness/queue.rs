//! A queue of a RabbitMQ that all tests share while one of them needs it.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use futures_util::StreamExt;
use lapin::message::Delivery;
use lapin::options::{BasicConsumeOptions, BasicPublishOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties, Consumer};
use queues::rabbitmq::RabbitMq;

use super::within;

pub(crate) struct Queue {
    name: String,
    consumer: Consumer,
    channel: Channel,
    _connection: Connection,
    _server: Arc<RabbitMq>,
}

impl Queue {
    /// A queue that nobody else sees, with one consumer.
    pub(crate) async fn new() -> Self {
        let server = shared();
        let url = server.url();
        let connecting = Connection::connect(&url, ConnectionProperties::default());
        let connection = within("a connection", connecting).await.unwrap();
        let channel = connection.create_channel().await.unwrap();
        let options = QueueDeclareOptions { exclusive: true, ..QueueDeclareOptions::default() };
        let arguments = FieldTable::default();
        let queue = channel.queue_declare("".into(), options, arguments.clone()).await.unwrap();
        let name = queue.name().as_str().to_owned();
        let options = BasicConsumeOptions { no_ack: true, ..BasicConsumeOptions::default() };
        let consuming = channel.basic_consume(name.as_str().into(), "".into(), options, arguments);
        let consumer = consuming.await.unwrap();
        Self { name, consumer, channel, _connection: connection, _server: server }
    }

    pub(crate) async fn send(&self, properties: BasicProperties, payload: &str) {
        let (name, options) = (self.name.as_str().into(), BasicPublishOptions::default());
        let publish =
            self.channel.basic_publish("".into(), name, options, payload.as_bytes(), properties);
        publish.await.unwrap();
    }

    pub(crate) async fn receive(&mut self) -> Delivery {
        within("a delivery", self.consumer.next()).await.unwrap().unwrap()
    }
}

/// The last test that holds it ends the server; a static of its own would outlive them all.
fn shared() -> Arc<RabbitMq> {
    static SHARED: Mutex<Weak<RabbitMq>> = Mutex::new(Weak::new());
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    shared.upgrade().unwrap_or_else(|| {
        let server = Arc::new(RabbitMq::start().unwrap_or_else(|error| panic!("{error}")));
        *shared = Arc::downgrade(&server);
        server
    })
}
