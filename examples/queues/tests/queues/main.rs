//! Messages that go through Kafka's mock cluster and a real RabbitMQ, and come out with their traces.
//!
//! `cfg(test)` is always on here. It tells clippy that functions beside the tests may panic too.

#[cfg(test)]
mod harness;

#[cfg(test)]
mod amqp;
#[cfg(test)]
mod kafka;
