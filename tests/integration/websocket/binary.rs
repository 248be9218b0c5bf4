//! Binary messages, with frames where both ends have agreed on them.

use http::HeaderValue;
use http::header::SEC_WEBSOCKET_PROTOCOL;
use throughline::websocket::{Frame as Framed, Subprotocol};
use throughline_testkit::limits::PIPE_BYTES;
use tokio::io::{AsyncRead, AsyncWrite, duplex};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::{WebSocketStream, accept_hdr_async, client_async};

use super::*;
use crate::checked_spans::CheckedSpans;

/// A server that knows frames and these subprotocols.
pub(super) async fn accept<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    own: &[&str],
) -> (WebSocketStream<S>, Option<Subprotocol>) {
    let mut agreed = None;
    #[expect(clippy::result_large_err, reason = "the type is tungstenite's")]
    let choose = |request: &Request, mut response: Response| {
        let offered =
            request.headers().get(SEC_WEBSOCKET_PROTOCOL).map(|list| list.to_str().unwrap());
        agreed = Subprotocol::choose(offered.unwrap_or_default().split(','), own.iter().copied());
        if let Some(agreed) = &agreed {
            let name = HeaderValue::from_str(agreed.as_str()).unwrap();
            response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, name);
        }
        Ok(response)
    };
    let socket = accept_hdr_async(stream, choose).await.unwrap();
    (socket, agreed)
}

/// The two ends after a handshake in which the client offered frames for `chat`.
async fn ends(
    spans: &CheckedSpans,
    server_knows: &[&str],
) -> (TracedWebSocket<Socket>, TracedWebSocket<Socket>) {
    let (client, server) = duplex(PIPE_BYTES);
    let tracing = tracing(spans).connection_span(false);
    let mut request = "ws://example.com/chat".into_client_request().unwrap();
    let offer = Subprotocol::offer(["chat"]);
    request.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, offer.parse().unwrap());
    let (client, (server, agreed)) =
        tokio::join!(client_async(request, client), accept(server, server_knows));
    let (client, response) = client.unwrap();
    let client = TracedWebSocket::new(client, tracing.clone());
    (
        client.agreed(Subprotocol::agreed(response.headers()).as_ref()),
        TracedWebSocket::new(server, tracing).agreed(agreed.as_ref()),
    )
}

#[tokio::test]
async fn a_payload_and_its_context_arrive_where_frames_are_agreed_on() {
    let spans = CheckedSpans::for_service("runner");
    let (mut client, mut server) = ends(&spans, &["chat"]).await;
    for payload in [&b""[..], b"\x01\x00\x00", &[7; 70_000]] {
        let (sent, incoming) = tokio::join!(client.send_binary_traced(payload), server.next());
        sent.unwrap();
        let incoming = incoming.unwrap().unwrap();
        assert_eq!(incoming.message, Frame::binary(payload.to_vec()));
        assert_eq!(incoming.extraction.refused, []);
        incoming.message_in_span(async |_| ()).await;
    }
    assert_eq!(spans.finished().len(), 6);
    insta::assert_snapshot!(spans.tree(), @r"
    runner  send events  PRODUCER
    runner    process events  CONSUMER

    runner  send events  PRODUCER
    runner    process events  CONSUMER

    runner  send events  PRODUCER
    runner    process events  CONSUMER
    ");
}

#[tokio::test]
async fn a_framed_message_is_no_event_and_has_no_span_of_one() {
    let spans = CheckedSpans::for_service("runner");
    let (mut client, mut server) = ends(&spans, &["chat"]).await;
    client.send_binary_traced(b"{}").await.unwrap();
    let incoming = server.next().await.unwrap().unwrap();
    assert!(incoming.context().parent().is_some());
    let not_called = async |_: Value| panic!("bytes are no event");
    assert_eq!(incoming.in_span(not_called).await.unwrap(), None);
    assert_eq!(spans.only().name, "send events");
}

#[tokio::test]
async fn text_is_the_same_with_frames_and_without() {
    let spans = CheckedSpans::for_service("runner");
    let (mut client, mut server) = ends(&spans, &["chat"]).await;
    client.send_traced(&event()).await.unwrap();
    let incoming = server.next().await.unwrap().unwrap();
    assert!(incoming.message.to_text().unwrap().starts_with("{\"_trace\":"));
    assert_eq!(incoming.decode::<Event>().unwrap().unwrap(), event());
}

#[tokio::test]
async fn without_an_agreement_no_byte_is_added() {
    let spans = CheckedSpans::for_service("runner");
    let (client, server) = sockets().await;
    let plain = Subprotocol::of("chat");
    let tracing = tracing(&spans).connection_span(false);
    let mut client = TracedWebSocket::new(client, tracing.clone()).agreed(Some(&plain));
    let mut server = TracedWebSocket::new(server, tracing).agreed(None);
    client.send_binary_traced(b"\x01\x00\x00x").await.unwrap();
    let incoming = server.next().await.unwrap().unwrap();
    assert_eq!(incoming.message, Frame::binary(&b"\x01\x00\x00x"[..]));
    assert!(incoming.context().is_empty());
    incoming.message_in_span(async |_| ()).await;
    assert_eq!(spans.only().name, "send events", "what is not framed has no span of its own");
}

#[tokio::test]
async fn ms_4_a_broken_frame_is_delivered_whole_and_reported() {
    let spans = CheckedSpans::for_service("runner");
    let (mut client, mut server) = ends(&spans, &["chat"]).await;
    for broken in [&b"\x02\0\0x"[..], b"\x01\0\xffx", b"", b"x"] {
        client.send(Frame::binary(broken.to_vec())).await.unwrap();
        let incoming = server.next().await.unwrap().unwrap();
        assert_eq!(incoming.message, Frame::binary(broken.to_vec()));
        assert_eq!(incoming.extraction.refused[0].rule().id(), "MS-4");
    }
    let framed = Framed::new().encode(b"x", &received());
    client.send(Frame::binary(framed)).await.unwrap();
    let incoming = server.next().await.unwrap().unwrap();
    assert_eq!(incoming.context().parent(), received().parent());
}

#[tokio::test]
async fn a_context_that_makes_a_message_too_long_stays_behind() {
    let spans = CheckedSpans::for_service("runner");
    let (client, mut server) = sockets().await;
    let agreed = Subprotocol::of("throughline.v1");
    let tracing = tracing(&spans).connection_span(false).max_message_bytes(100);
    let mut client = TracedWebSocket::new(client, tracing).agreed(Some(&agreed));
    client.send_binary_traced(&[7; 97]).await.unwrap();
    let message = server.next().await.unwrap().unwrap().into_data();
    assert_eq!((message.len(), &message[..3]), (100, &b"\x01\0\0"[..]));
    assert_eq!(spans.only().attribute("throughline.context.omitted"), Some("true"));
}
