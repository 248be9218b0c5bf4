//! Trace context in the headers of messages: what it takes to write a carrier for a client library.
//!
//! | room | carrier | for |
//! |---|---|---|
//! | [`kafka`] | [`KafkaHeaders`](kafka::KafkaHeaders) | rdkafka |
//! | [`amqp`] | [`AmqpHeaders`](amqp::AmqpHeaders) | lapin, against RabbitMQ and others |
//! | [`rabbitmq`] | | starts a RabbitMQ for the example and the tests |

pub mod amqp;
pub mod kafka;
pub mod rabbitmq;
