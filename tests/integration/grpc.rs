//! gRPC through the layers, with tonic on both ends of a connection.

use std::future::pending;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{Stream, StreamExt, stream};
use throughline::context::TraceContext;
use throughline::http::{ClientLayer, ClientService, ServerLayer};
use throughline::propagation::Targets;
use throughline_testkit::{SpanRecord, Tree};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Server};
use tonic::{Code, Request, Response, Status};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::health_server::{Health, HealthServer};
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};
use tower::{Layer, Service, ServiceExt};

use super::checked_spans::CheckedSpans;
use super::http::finished;

/// Does what it is asked for by the name of the service.
#[derive(Clone, Default)]
struct Scripted {
    /// A call that will not end by itself has begun.
    begun: Arc<Notify>,
    /// The span that was current in the handler.
    current: Arc<Mutex<Option<String>>>,
}

type Answer = Result<HealthCheckResponse, Status>;

#[tonic::async_trait]
impl Health for Scripted {
    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        match request.get_ref().service.as_str() {
            "missing" => Err(Status::not_found("secret")),
            "broken" => Err(Status::internal("secret")),
            "endless" => {
                self.begun.notify_one();
                pending().await
            }
            _ => {
                let parent = TraceContext::current().parent().map(|p| p.parent_id().to_string());
                *self.current.lock().unwrap() = parent;
                Ok(Response::new(serving()))
            }
        }
    }

    type WatchStream = Pin<Box<dyn Stream<Item = Answer> + Send>>;

    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let ends: Self::WatchStream = match request.get_ref().service.as_str() {
            "broken" => stream::iter([Ok(serving()), Err(Status::data_loss("secret"))]).boxed(),
            "endless" => stream::iter([Ok(serving())]).chain(stream::pending()).boxed(),
            _ => stream::iter([Ok(serving()), Ok(serving())]).boxed(),
        };
        Ok(Response::new(ends))
    }
}

/// A server and its client, each with a layer.
struct Ends {
    spans: CheckedSpans,
    service: Scripted,
    channel: ClientService<Channel>,
    uri: String,
    client: HealthClient<ClientService<Channel>>,
}

impl Ends {
    async fn meet() -> Self {
        Self::meet_with(Server::builder()).await
    }

    async fn meet_with(server: Server) -> Self {
        let spans = CheckedSpans::for_service("caller");
        let service = Scripted::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let uri = format!("http://{}", listener.local_addr().unwrap());
        let layer = ServerLayer::new().tracer_provider(spans.service("health").provider());
        let mut server = server.layer(layer);
        let serving = server.add_service(HealthServer::new(service.clone()));
        tokio::spawn(serving.serve_with_incoming(TcpIncoming::from(listener)));
        let layer = ClientLayer::new()
            .tracer_provider(spans.provider())
            .targets(Targets::none().allow(&uri).unwrap());
        let channel = Channel::from_shared(uri.clone()).unwrap().connect().await.unwrap();
        let channel = layer.layer(channel);
        let client = HealthClient::with_origin(channel.clone(), uri.parse().unwrap());
        Self { spans, service, channel, uri, client }
    }

    async fn check(&mut self, service: &str) -> Result<Response<HealthCheckResponse>, Status> {
        self.client.check(asked(service)).await
    }

    /// What came of the stream: messages, and the error after them.
    async fn watch(&mut self, service: &str) -> (usize, Option<Code>) {
        let mut stream = self.client.watch(asked(service)).await.unwrap().into_inner();
        let mut messages = 0;
        loop {
            match stream.message().await {
                Ok(Some(_)) => messages += 1,
                Ok(None) => return (messages, None),
                Err(status) => return (messages, Some(status.code())),
            }
        }
    }

    /// The spans of both ends, the caller's first. None holds a message of an error.
    async fn both(&self) -> [SpanRecord; 2] {
        let mut spans = finished(&self.spans, 2).await;
        spans.sort_by(|a, b| a.service.cmp(&b.service));
        let [client, server] = <[SpanRecord; 2]>::try_from(spans).unwrap();
        assert_eq!(server.parent_span_id.as_ref(), Some(&client.span_id));
        for span in [&client, &server] {
            assert_eq!(span.attribute("rpc.method"), Some(span.name.as_str()));
            assert!(!format!("{span:?}").contains("secret"), "{span:?}");
        }
        [client, server]
    }
}

fn serving() -> HealthCheckResponse {
    HealthCheckResponse { status: ServingStatus::Serving.into() }
}

fn asked(service: &str) -> HealthCheckRequest {
    HealthCheckRequest { service: service.to_owned() }
}

fn status(span: &SpanRecord) -> (Option<&str>, Option<&str>) {
    assert_eq!(span.is_error(), span.attribute("error.type").is_some());
    (span.attribute("rpc.response.status_code"), span.attribute("error.type"))
}

#[tokio::test]
async fn a_unary_call_is_one_trace_with_the_handler_inside() {
    let mut ends = Ends::meet().await;
    ends.check("").await.unwrap();
    let [client, server] = ends.both().await;
    assert_eq!(status(&client), (Some("OK"), None));
    assert_eq!(status(&server), (Some("OK"), None));
    assert_eq!(ends.service.current.lock().unwrap().as_ref(), Some(&server.span_id));
    let shown = ["rpc.system.name", "rpc.response.status_code", "http.request.method"];
    let tree = Tree::new(&[client, server]).attributes(shown).to_string();
    insta::assert_snapshot!(tree, @r"
    caller  grpc.health.v1.Health/Check  CLIENT  rpc.system.name=grpc rpc.response.status_code=OK
    health    grpc.health.v1.Health/Check  SERVER  rpc.system.name=grpc rpc.response.status_code=OK
    ");
}

#[tokio::test]
async fn an_error_without_a_message_is_told_in_the_headers() {
    let mut ends = Ends::meet().await;
    assert_eq!(ends.check("missing").await.unwrap_err().code(), Code::NotFound);
    let [client, server] = ends.both().await;
    assert_eq!(status(&client), (Some("NOT_FOUND"), Some("NOT_FOUND")));
    assert_eq!(status(&server), (Some("NOT_FOUND"), None), "the caller's mistake");
}

#[tokio::test]
async fn a_failing_server_is_an_error_on_both_ends() {
    let mut ends = Ends::meet().await;
    assert_eq!(ends.check("broken").await.unwrap_err().code(), Code::Internal);
    let [client, server] = ends.both().await;
    assert_eq!(status(&client), (Some("INTERNAL"), Some("INTERNAL")));
    assert_eq!(status(&server), (Some("INTERNAL"), Some("INTERNAL")));
}

#[tokio::test]
async fn a_stream_ends_with_its_trailers() {
    let mut ends = Ends::meet().await;
    assert_eq!(ends.watch("").await, (2, None));
    let [client, server] = ends.both().await;
    assert_eq!(
        (client.name.as_str(), status(&client)),
        ("grpc.health.v1.Health/Watch", (Some("OK"), None))
    );
    assert_eq!(status(&server), (Some("OK"), None));
}

#[tokio::test]
async fn an_error_behind_messages_stands_in_the_trailers() {
    let mut ends = Ends::meet().await;
    assert_eq!(ends.watch("broken").await, (1, Some(Code::DataLoss)));
    let [client, server] = ends.both().await;
    assert_eq!(status(&client), (Some("DATA_LOSS"), Some("DATA_LOSS")));
    assert_eq!(status(&server), (Some("DATA_LOSS"), Some("DATA_LOSS")));
}

#[tokio::test]
async fn a_caller_that_goes_away_cancels_and_that_is_no_error_of_its_own() {
    let mut ends = Ends::meet().await;
    let begun = Arc::clone(&ends.service.begun);
    tokio::select! {
        _ = ends.check("endless") => panic!("it never ends"),
        () = begun.notified() => {}
    }
    let [client, server] = ends.both().await;
    assert_eq!(status(&client), (Some("CANCELLED"), None));
    assert_eq!(status(&server), (Some("CANCELLED"), Some("cancelled")));
}

#[tokio::test]
async fn a_reader_that_leaves_a_stream_cancels_it() {
    let mut ends = Ends::meet().await;
    let mut stream = ends.client.watch(asked("endless")).await.unwrap().into_inner();
    stream.message().await.unwrap().unwrap();
    assert!(ends.spans.finished().is_empty(), "the stream goes on");
    drop(stream);
    let [client, server] = ends.both().await;
    assert_eq!(status(&client), (Some("CANCELLED"), None));
    assert_eq!(status(&server), (Some("CANCELLED"), Some("cancelled")));
}

#[tokio::test]
async fn a_deadline_is_an_error_on_both_ends() {
    // The server's own, so that its answer is there before the client gives up.
    let server = Server::builder().timeout(Duration::from_millis(20));
    let mut ends = Ends::meet_with(server).await;
    let code = ends.check("endless").await.unwrap_err().code();
    let [client, server] = ends.both().await;
    // tonic's word for it, which the client takes for an error since it came from the server.
    assert_eq!(code, Code::Cancelled);
    assert_eq!(status(&client), (Some("CANCELLED"), Some("CANCELLED")));
    assert_eq!(status(&server), (Some("CANCELLED"), Some("cancelled")));
}

#[tokio::test]
async fn a_deadline_of_the_caller_ends_both_spans() {
    let mut ends = Ends::meet().await;
    let mut request = Request::new(asked("endless"));
    request.set_timeout(Duration::from_millis(20));
    ends.client.check(request).await.unwrap_err();
    let [client, server] = ends.both().await;
    // Whoever's clock is first, the server's or the channel's, it is an error.
    assert!(client.is_error());
    assert_eq!(status(&server), (Some("CANCELLED"), Some("cancelled")));
}

#[tokio::test]
async fn a_method_that_the_server_does_not_know_names_no_span_of_it() {
    let mut ends = Ends::meet().await;
    let guess = ::http::Request::post(format!("{}/grpc.health.v1.Health/Guess", ends.uri))
        .version(::http::Version::HTTP_2)
        .header("content-type", "application/grpc")
        .body(tonic::body::Body::empty())
        .unwrap();
    let response = ends.channel.ready().await.unwrap().call(guess).await.unwrap();
    assert_eq!(response.headers()["grpc-status"], "12");
    let spans = finished(&ends.spans, 2).await;
    let names: Vec<_> = spans.iter().map(|span| (&*span.service, span.name.as_str())).collect();
    assert_eq!(names, [("health", "grpc"), ("caller", "grpc.health.v1.Health/Guess")]);
    for span in &spans {
        assert_eq!(status(span), (Some("UNIMPLEMENTED"), Some("UNIMPLEMENTED")));
    }
}
