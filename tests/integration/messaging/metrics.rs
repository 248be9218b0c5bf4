use throughline::messaging::{MessageView, Messaging};

use super::measured::Measured;
use super::{PARENT, headers};
use crate::checked_spans::CheckedSpans;

#[test]
fn what_is_sent_and_processed_is_measured_with_labels_that_are_few() {
    let (spans, measured) = (CheckedSpans::new(), Measured::new());
    let messaging = Messaging::new("kafka")
        .tracer_provider(spans.provider())
        .meter_provider(measured.provider());
    let any = MessageView::new().destination("orders.42").id("7").body_bytes(12);
    let found = headers(&[("traceparent", PARENT)]);
    messaging.send(any).succeeded();
    messaging.process(any, &found).failed("broken");

    let orders = messaging.clone().destination("orders");
    orders.send(any).succeeded();
    drop(orders.send(any));
    orders.process(any, &found).succeeded();
    messaging.destination_template("o.*").process_batch(any, &[found, headers(&[])]).succeeded();
    insta::assert_snapshot!(measured.lines(), @r"
    messaging.client.consumed.messages 1 {message} messaging.destination.name=orders messaging.operation.name=process messaging.system=kafka
    messaging.client.consumed.messages 1 {message} messaging.operation.name=process messaging.system=kafka
    messaging.client.consumed.messages 2 {message} messaging.destination.template=o.* messaging.operation.name=process messaging.system=kafka
    messaging.client.operation.duration 1 s error.type=cancelled messaging.destination.name=orders messaging.operation.name=send messaging.operation.type=send messaging.system=kafka
    messaging.client.operation.duration 1 s messaging.destination.name=orders messaging.operation.name=send messaging.operation.type=send messaging.system=kafka
    messaging.client.operation.duration 1 s messaging.operation.name=send messaging.operation.type=send messaging.system=kafka
    messaging.client.sent.messages 1 {message} error.type=cancelled messaging.destination.name=orders messaging.operation.name=send messaging.system=kafka
    messaging.client.sent.messages 1 {message} messaging.destination.name=orders messaging.operation.name=send messaging.system=kafka
    messaging.client.sent.messages 1 {message} messaging.operation.name=send messaging.system=kafka
    messaging.process.duration 1 s error.type=broken messaging.operation.name=process messaging.system=kafka
    messaging.process.duration 1 s messaging.destination.name=orders messaging.operation.name=process messaging.system=kafka
    messaging.process.duration 1 s messaging.destination.template=o.* messaging.operation.name=process messaging.system=kafka
    ");
}

#[test]
fn what_broke_its_format_is_counted_by_rule() {
    let (spans, measured) = (CheckedSpans::new(), Measured::new());
    let messaging = Messaging::new("kafka")
        .tracer_provider(spans.provider())
        .meter_provider(measured.provider())
        .metrics(false);
    let bad = headers(&[("traceparent", "nonsense"), ("baggage", "a=1,b")]);
    messaging.process(MessageView::new(), &bad).succeeded();
    messaging.process_batch(MessageView::new(), [&bad]).succeeded();
    messaging.propagate_only().process(MessageView::new(), &bad).succeeded();
    insta::assert_snapshot!(measured.lines(), @r"
    throughline.propagation.refused 3 {field} format=baggage rule=BG-9
    throughline.propagation.refused 3 {field} format=traceparent rule=TP-3
    ");
}

#[test]
fn without_spans_nothing_is_measured() {
    let measured = Measured::new();
    let messaging = Messaging::new("kafka").meter_provider(measured.provider()).propagate_only();
    messaging.send(MessageView::new()).succeeded();
    messaging.process(MessageView::new(), &headers(&[])).succeeded();
    assert_eq!(measured.lines(), "");
}
