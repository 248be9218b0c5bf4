//! The pair of sockets behaves like a connection.

use futures_util::{FutureExt, SinkExt, StreamExt};
use throughline_testkit::limits::PIPE_BYTES;
use throughline_testkit::websocket;
use tokio_tungstenite::tungstenite::{Error, Message};

#[tokio::test]
async fn frames_go_both_ways_and_closing_is_seen() {
    let (mut client, mut server) = websocket::pair().await;
    client.send(Message::text("up")).await.unwrap();
    server.send(Message::binary(&b"down"[..])).await.unwrap();
    assert_eq!(server.next().await.unwrap().unwrap(), Message::text("up"));
    assert_eq!(client.next().await.unwrap().unwrap(), Message::binary(&b"down"[..]));
    client.close(None).await.unwrap();
    assert_eq!(server.next().await.unwrap().unwrap(), Message::Close(None));
    assert!(server.next().await.is_none());
}

#[tokio::test]
async fn an_end_that_vanishes_is_an_error_of_the_other() {
    let (client, mut server) = websocket::pair().await;
    drop(client);
    assert!(matches!(server.next().await, Some(Err(Error::Protocol(_)))));
}

#[tokio::test]
async fn a_sender_waits_for_a_receiver_that_does_not_read() {
    let (mut client, mut server) = websocket::pair().await;
    let long = Message::text("x".repeat(PIPE_BYTES + 1));
    let mut sending = Box::pin(client.send(long.clone()));
    assert!((&mut sending).now_or_never().is_none());
    let (sent, received) = tokio::join!(sending, server.next());
    sent.unwrap();
    assert_eq!(received.unwrap().unwrap(), long);
}
