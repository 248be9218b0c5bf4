//! The HTTP side of the receiver.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsPartialSuccess, ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::Inbox;
use super::encoding::Encoding;
use crate::SpanRecord;
use crate::limits::{IDLE_TIME, MAX_BODY_BYTES, MAX_CONNECTIONS, REQUEST_TIME};

/// Serves connections until the task is aborted, which closes all of them.
pub(super) async fn serve(listener: TcpListener, inbox: Arc<Inbox>) {
    let mut connections = JoinSet::new();
    // Declared last to be dropped first: nobody can connect once the connections close.
    let listener = listener;
    loop {
        while connections.len() >= MAX_CONNECTIONS {
            connections.join_next().await;
        }
        match listener.accept().await {
            Ok((stream, _)) => {
                connections.spawn(connection(stream, Arc::clone(&inbox)));
            }
            // Mostly too many open files: trying again at once would only burn time.
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
        while connections.try_join_next().is_some() {}
    }
}

async fn connection(stream: TcpStream, inbox: Arc<Inbox>) {
    let service = service_fn(move |request| {
        let inbox = Arc::clone(&inbox);
        async move {
            let answer = answer(request, &inbox).await;
            Ok::<_, Infallible>(answer.unwrap_or_else(Refusal::into_response))
        }
    });
    // An error here is a sender that went away or spoke no HTTP; its test will miss the spans.
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE_TIME)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn answer(
    request: Request<Incoming>,
    inbox: &Inbox,
) -> Result<Response<Full<Bytes>>, Refusal> {
    let path = request.uri().path();
    let take: fn(&Inbox, Encoding, Bytes) -> Result<Vec<u8>, Refusal> =
        match (request.method(), path) {
            (&Method::POST, "/v1/traces") => take_traces,
            (&Method::POST, "/v1/metrics") => take_metrics,
            _ => return Err(Refusal::NotFound),
        };
    let encoding = encoding(request.headers())?;
    let taking = async {
        // Held until the message is decoded. The semaphore is never closed.
        let _permit = inbox.bodies.acquire().await;
        take(inbox, encoding, read(request.into_body()).await?)
    };
    let body = tokio::time::timeout(REQUEST_TIME, taking).await.map_err(|_| Refusal::TooSlow)??;
    Ok(response(StatusCode::OK, encoding.media_type(), body.into()))
}

fn encoding(headers: &HeaderMap) -> Result<Encoding, Refusal> {
    let encoding = Encoding::of(headers).ok_or(Refusal::UnknownType)?;
    let compression = headers.get(CONTENT_ENCODING);
    match compression.map(HeaderValue::as_bytes) {
        Some(name) if !name.eq_ignore_ascii_case(b"identity") => Err(Refusal::Compressed),
        _ => Ok(encoding),
    }
}

async fn read(body: Incoming) -> Result<Bytes, Refusal> {
    // A sender that says the length in advance need not send the rest.
    if body.size_hint().lower() > MAX_BODY_BYTES as u64 {
        return Err(Refusal::TooLarge);
    }
    match Limited::new(body, MAX_BODY_BYTES).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Refusal::TooLarge),
        Err(_) => Err(Refusal::Broken),
    }
}

fn take_traces(inbox: &Inbox, encoding: Encoding, body: Bytes) -> Result<Vec<u8>, Refusal> {
    let message: ExportTraceServiceRequest = encoding.decode(body).ok_or(Refusal::Undecodable)?;
    let mut invalid = 0;
    let records = message.resource_spans.into_iter().flat_map(SpanRecord::from_otlp);
    let left_out = inbox.spans.extend(records.filter_map(|record| {
        invalid += usize::from(record.is_err());
        record.ok()
    }));
    inbox.spans.count_dropped(invalid);
    let partial_success = (left_out + invalid > 0).then(|| ExportTracePartialSuccess {
        rejected_spans: count(left_out + invalid),
        error_message: format!("{invalid} spans with invalid ids, {left_out} without room"),
    });
    Ok(encoding.encode(&ExportTraceServiceResponse { partial_success }))
}

fn take_metrics(inbox: &Inbox, encoding: Encoding, body: Bytes) -> Result<Vec<u8>, Refusal> {
    let message: ExportMetricsServiceRequest = encoding.decode(body).ok_or(Refusal::Undecodable)?;
    let left_out = inbox.with_metrics(|metrics| metrics.extend(message.resource_metrics));
    let partial_success = (left_out > 0).then(|| ExportMetricsPartialSuccess {
        rejected_data_points: count(left_out),
        error_message: format!("{left_out} data points without room"),
    });
    Ok(encoding.encode(&ExportMetricsServiceResponse { partial_success }))
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Why a request was not taken.
#[derive(Clone, Copy, Debug)]
enum Refusal {
    NotFound,
    UnknownType,
    Compressed,
    TooLarge,
    TooSlow,
    Undecodable,
    Broken,
}

impl Refusal {
    fn into_response(self) -> Response<Full<Bytes>> {
        let (status, text) = match self {
            Self::NotFound => {
                (StatusCode::NOT_FOUND, "only POST to /v1/traces and /v1/metrics is served\n")
            }
            Self::UnknownType => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "content-type application/x-protobuf or application/json is expected\n",
            ),
            Self::Compressed => {
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, "an uncompressed body is expected\n")
            }
            Self::TooLarge => {
                (StatusCode::PAYLOAD_TOO_LARGE, "the body is larger than this receiver takes\n")
            }
            Self::TooSlow => (StatusCode::REQUEST_TIMEOUT, "the body did not arrive in time\n"),
            Self::Undecodable => {
                (StatusCode::BAD_REQUEST, "the body is no OTLP message of this path\n")
            }
            Self::Broken => (StatusCode::BAD_REQUEST, "the body could not be read to its end\n"),
        };
        response(status, "text/plain; charset=utf-8", Bytes::from_static(text.as_bytes()))
    }
}

fn response(status: StatusCode, media_type: &'static str, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}

/// Pause after a failed accept.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests {
    use hyper::client::conn::http1::SendRequest;
    use hyper::header::HeaderName;
    use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
    use prost::Message;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::OtlpReceiver;
    use crate::limits::MAX_BODIES;
    use crate::store::Capacity;

    const PROTOBUF: &str = "application/x-protobuf";
    const JSON: &str = "application/json";

    async fn connect(receiver: &OtlpReceiver) -> TcpStream {
        TcpStream::connect(receiver.address).await.unwrap()
    }

    async fn client(receiver: &OtlpReceiver) -> SendRequest<Full<Bytes>> {
        let io = TokioIo::new(connect(receiver).await);
        let (client, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
        tokio::spawn(connection);
        client
    }

    async fn send(receiver: &OtlpReceiver, request: Request<Full<Bytes>>) -> (StatusCode, Bytes) {
        let response = client(receiver).await.send_request(request).await.unwrap();
        let status = response.status();
        (status, response.into_body().collect().await.unwrap().to_bytes())
    }

    fn post(path: &str, body: Vec<u8>) -> Request<Full<Bytes>> {
        Request::post(path)
            .header("host", "receiver")
            .header(CONTENT_TYPE, PROTOBUF)
            .body(Full::from(body))
            .unwrap()
    }

    fn with_header(
        mut request: Request<Full<Bytes>>,
        name: HeaderName,
        value: &'static str,
    ) -> Request<Full<Bytes>> {
        request.headers_mut().insert(name, HeaderValue::from_static(value));
        request
    }

    fn traces(spans: Vec<Span>) -> Vec<u8> {
        let scope_spans = vec![ScopeSpans { spans, ..Default::default() }];
        let resource_spans = vec![ResourceSpans { scope_spans, ..Default::default() }];
        ExportTraceServiceRequest { resource_spans }.encode_to_vec()
    }

    fn span(id: u8) -> Span {
        Span { trace_id: vec![7; 16], span_id: vec![id; 8], ..Default::default() }
    }

    fn partial(body: Bytes) -> Option<ExportTracePartialSuccess> {
        ExportTraceServiceResponse::decode(body).unwrap().partial_success
    }

    #[tokio::test]
    async fn a_full_success_is_an_empty_answer_in_protobuf() {
        let receiver = OtlpReceiver::start().await.unwrap();
        let request = with_header(
            post("/v1/traces", traces(vec![span(1)])),
            CONTENT_TYPE,
            "Application/X-Protobuf; charset=utf-8",
        );
        let response = client(&receiver).await.send_request(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()[CONTENT_TYPE], PROTOBUF);
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(partial(body), None);
        assert_eq!(receiver.spans()[0].span_id, "0101010101010101");
    }

    #[tokio::test]
    async fn what_is_left_out_is_counted_and_said() {
        let capacity = Capacity { spans: 2, ..Capacity::default() };
        let receiver = OtlpReceiver::start_with(capacity).await.unwrap();
        let body = traces(vec![span(1), span(0), span(2), span(3), span(4)]);
        let (status, body) = send(&receiver, post("/v1/traces", body)).await;
        assert_eq!(status, StatusCode::OK);
        let partial = partial(body).unwrap();
        assert_eq!(partial.rejected_spans, 3);
        assert_eq!(partial.error_message, "1 spans with invalid ids, 2 without room");
        assert_eq!((receiver.spans().len(), receiver.dropped()), (2, 3));
    }

    #[tokio::test]
    async fn a_message_in_json_is_answered_in_json() {
        let receiver = OtlpReceiver::start_with(Capacity { spans: 1, ..Capacity::default() }).await;
        let receiver = receiver.unwrap();
        let id = |id: &str| {
            format!(
                r#"{{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"{id}","name":"render",
                "kind":5,"startTimeUnixNano":"1","endTimeUnixNano":"3","attributes":[
                {{"key":"n","value":{{"intValue":"7"}}}}],"links":[],"status":{{}}}}"#
            )
        };
        let spans = [id("00f067aa0ba902b7"), id("00f067aa0ba902b8")].join(",");
        let resource = r#"{"attributes":[{"key":"service.name","value":{"stringValue":"page"}}]}"#;
        let text = format!(
            r#"{{"resourceSpans":[{{"resource":{resource},"scopeSpans":[{{"spans":[{spans}]}}]}}]}}"#
        );
        let request = with_header(post("/v1/traces", text.into_bytes()), CONTENT_TYPE, JSON);
        let response = client(&receiver).await.send_request(request).await.unwrap();
        assert_eq!(
            (response.status(), &response.headers()[CONTENT_TYPE]),
            (StatusCode::OK, &JSON.parse().unwrap())
        );
        let answer = response.into_body().collect().await.unwrap().to_bytes();
        assert!(answer.starts_with(br#"{"partialSuccess":{"rejectedSpans":"#), "{answer:?}");
        let [span] = receiver.spans().try_into().unwrap();
        assert_eq!((span.service.as_str(), span.name.as_str()), ("page", "render"));
        assert_eq!((span.span_id.as_str(), span.attribute("n")), ("00f067aa0ba902b7", Some("7")));
    }

    #[tokio::test]
    async fn other_paths_methods_and_types_are_refused() {
        let receiver = OtlpReceiver::start().await.unwrap();
        let body = || traces(vec![span(1)]);
        let get = Request::get("/v1/traces").header("host", "r").body(Full::default()).unwrap();
        for (request, status, text) in [
            (post("/v1/logs", body()), 404, "/v1/traces"),
            (get, 404, "only POST"),
            (
                with_header(post("/v1/traces", body()), CONTENT_TYPE, "text/plain"),
                415,
                "application/json is expected",
            ),
            (
                with_header(post("/v1/traces", body()), CONTENT_ENCODING, "gzip"),
                415,
                "uncompressed",
            ),
            (post("/v1/traces", b"no protobuf".to_vec()), 400, "no OTLP message"),
            (post("/v1/metrics", b"no protobuf".to_vec()), 400, "no OTLP message"),
            (with_header(post("/v1/traces", body()), CONTENT_TYPE, JSON), 400, "no OTLP message"),
        ] {
            let (got, answer) = send(&receiver, request).await;
            let answer = String::from_utf8(answer.to_vec()).unwrap();
            assert_eq!(got, status, "{answer}");
            assert!(answer.contains(text), "{answer}");
        }
        assert!(receiver.spans().is_empty());
        assert_eq!(receiver.dropped(), 0);
    }

    #[tokio::test]
    async fn a_body_that_announces_too_much_is_refused_before_it_comes() {
        let receiver = OtlpReceiver::start().await.unwrap();
        let mut stream = connect(&receiver).await;
        let length = format!("content-length: {}", MAX_BODY_BYTES + 1);
        assert_eq!(status_after(&mut stream, &length, &[]).await, "HTTP/1.1 413");
    }

    #[tokio::test]
    async fn a_body_that_grows_too_large_is_refused() {
        let receiver = OtlpReceiver::start().await.unwrap();
        let mut stream = connect(&receiver).await;
        let mut chunk = format!("{:x}\r\n", MAX_BODY_BYTES + 1).into_bytes();
        chunk.resize(chunk.len() + MAX_BODY_BYTES + 1, 0);
        let status = status_after(&mut stream, "transfer-encoding: chunked", &chunk).await;
        assert_eq!(status, "HTTP/1.1 413");
    }

    #[tokio::test]
    async fn a_body_of_the_largest_size_is_read() {
        let receiver = OtlpReceiver::start().await.unwrap();
        let (status, _) = send(&receiver, post("/v1/traces", vec![0; MAX_BODY_BYTES])).await;
        // Read to the end, and then found to be no message.
        assert_eq!(status, StatusCode::BAD_REQUEST);
    }

    #[tokio::test]
    async fn a_body_that_does_not_come_is_given_up() {
        let receiver = OtlpReceiver::start().await.unwrap();
        let mut stream = connect(&receiver).await;
        let header = "content-length: 5\r\nexpect: 100-continue";
        assert_eq!(status_after(&mut stream, header, &[]).await, "HTTP/1.1 100");
        // The receiver waits for the body now: its deadline is the next event of a clock that
        // stands still otherwise.
        tokio::time::pause();
        let started = tokio::time::Instant::now();
        let mut rest = String::new();
        stream.read_to_string(&mut rest).await.unwrap();
        assert!(rest.contains("HTTP/1.1 408"), "{rest}");
        assert_eq!(started.elapsed().as_secs(), REQUEST_TIME.as_secs());
    }

    #[tokio::test]
    async fn a_body_has_its_turn_until_it_is_decoded() {
        let receiver = OtlpReceiver::start().await.unwrap();
        let free = || receiver.inbox.bodies.available_permits();
        assert_eq!(free(), MAX_BODIES);
        let mut stream = connect(&receiver).await;
        let header = "content-length: 2\r\nconnection: close\r\nexpect: 100-continue";
        assert_eq!(status_after(&mut stream, header, &[]).await, "HTTP/1.1 100");
        assert_eq!(free(), MAX_BODIES - 1);
        stream.write_all(b"no").await.unwrap();
        let mut rest = String::new();
        stream.read_to_string(&mut rest).await.unwrap();
        assert!(rest.contains("HTTP/1.1 400"), "{rest}");
        assert_eq!(free(), MAX_BODIES);
    }

    /// Sends a request by hand and reads the start of the answer.
    async fn status_after(stream: &mut TcpStream, header: &str, body: &[u8]) -> String {
        let head = format!(
            "POST /v1/traces HTTP/1.1\r\nhost: r\r\ncontent-type: {PROTOBUF}\r\n{header}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(body).await.unwrap();
        let mut status = [0; 12];
        stream.read_exact(&mut status).await.unwrap();
        String::from_utf8(status.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn dropping_the_receiver_closes_its_port_and_connections() {
        let receiver = OtlpReceiver::start().await.unwrap();
        let address = receiver.address;
        let mut stream = connect(&receiver).await;
        // Answered, so the connection is served and does not wait in the listener's queue.
        let get = b"GET / HTTP/1.1\r\nhost: r\r\n\r\n";
        stream.write_all(get).await.unwrap();
        stream.read_exact(&mut [0; 12]).await.unwrap();
        drop(receiver);
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await.unwrap();
        let refused = TcpStream::connect(address).await.unwrap_err();
        assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    }

    #[tokio::test]
    async fn connections_beyond_the_bound_are_served_when_others_end() {
        let receiver = OtlpReceiver::start().await.unwrap();
        let mut held = Vec::new();
        for _ in 0..MAX_CONNECTIONS {
            let mut stream = connect(&receiver).await;
            stream.write_all(b"GET / HTTP/1.1\r\nhost: r\r\n\r\n").await.unwrap();
            stream.read_exact(&mut [0; 12]).await.unwrap();
            held.push(stream);
        }
        let mut waiting = connect(&receiver).await;
        waiting.write_all(b"GET / HTTP/1.1\r\nhost: r\r\n\r\n").await.unwrap();
        held.pop();
        let mut status = [0; 12];
        waiting.read_exact(&mut status).await.unwrap();
        assert_eq!(&status, b"HTTP/1.1 404");
    }
}
