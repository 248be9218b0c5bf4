//! A Kafka producer that sends whatever bytes it is given, as one in another language may.

use bytes::{Buf, BufMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Sends one message to the first partition, and waits until the broker has it.
pub(crate) async fn produce(broker: &str, topic: &str, headers: &[(&[u8], &[u8])], payload: &str) {
    let mut stream = TcpStream::connect(broker).await.unwrap();
    stream.write_all(&sized(&request(topic, &batch(&record(headers, payload))))).await.unwrap();
    let mut answer = vec![0; usize::try_from(stream.read_i32().await.unwrap()).unwrap()];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(error_code(&answer), 0);
}

/// [Produce](https://kafka.apache.org/protocol#The_Messages_Produce), version 3.
fn request(topic: &str, batch: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    // Key, version, correlation id and no client id.
    out.put_i16(0);
    out.put_i16(3);
    out.put_i32(1);
    out.put_i16(-1);
    // No transaction, acknowledged by all, within a minute.
    out.put_i16(-1);
    out.put_i16(-1);
    out.put_i32(60_000);
    // One topic with one partition.
    out.put_i32(1);
    out.put_i16(i16::try_from(topic.len()).unwrap());
    out.put_slice(topic.as_bytes());
    out.put_i32(1);
    out.put_i32(0);
    out.put_slice(&sized(batch));
    out
}

/// A [record batch](https://kafka.apache.org/documentation/#recordbatch) of one record.
fn batch(record: &[u8]) -> Vec<u8> {
    let mut rest = Vec::new();
    // Epoch of the leader, format, a checksum that librdkafka does not look at, attributes.
    rest.put_i32(-1);
    rest.put_i8(2);
    rest.put_i32(0);
    rest.put_i16(0);
    // The last offset, first and last time, no idempotent producer.
    rest.put_i32(0);
    rest.put_i64(0);
    rest.put_i64(0);
    rest.put_i64(-1);
    rest.put_i16(-1);
    rest.put_i32(-1);
    rest.put_i32(1);
    rest.put_slice(record);

    let mut out = Vec::new();
    out.put_i64(0);
    out.put_slice(&sized(&rest));
    out
}

fn record(headers: &[(&[u8], &[u8])], payload: &str) -> Vec<u8> {
    let mut out = Vec::new();
    // Attributes, time and offset, all 0, and a key that is null.
    out.put_slice(&[0, 0, 0, 1]);
    put_sized(&mut out, payload.as_bytes());
    put_varint(&mut out, headers.len());
    for (name, value) in headers {
        put_sized(&mut out, name);
        put_sized(&mut out, value);
    }
    let mut record = Vec::new();
    put_sized(&mut record, &out);
    record
}

fn put_sized(out: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(out, bytes.len());
    out.put_slice(bytes);
}

/// A number from 0 on, in zigzag form: 7 bits a byte, the lowest first.
fn put_varint(out: &mut Vec<u8>, number: usize) {
    let mut left = number * 2;
    while left >= 128 {
        out.put_u8(u8::try_from(left % 128).unwrap() | 128);
        left /= 128;
    }
    out.put_u8(u8::try_from(left).unwrap());
}

fn sized(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    out.put_i32(i32::try_from(bytes.len()).unwrap());
    out.put_slice(bytes);
    out
}

/// Of the only partition: behind correlation id, topic and number of the partition.
fn error_code(mut answer: &[u8]) -> i16 {
    answer.advance(4 + 4);
    let topic = usize::try_from(answer.get_i16()).unwrap();
    answer.advance(topic + 4 + 4);
    answer.get_i16()
}
