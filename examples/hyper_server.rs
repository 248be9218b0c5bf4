//! A server with hyper alone: the trace goes on from the request to the last byte of its answer.

use std::convert::Infallible;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Incoming;
use hyper::{Request, Response};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use opentelemetry::trace::TraceContextExt;
use throughline::context::TraceContext;
use throughline::http::ServerLayer;
use throughline_testkit::InMemorySpans;
use tokio::net::TcpListener;
use tower::{Layer, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let spans = InMemorySpans::for_service("stock");
    // Any provider will do. The route is whatever your own router says it is.
    let layer = ServerLayer::new()
        .tracer_provider(spans.provider())
        .route(|request| request.path().starts_with("/stock/").then_some("/stock/{item}"));

    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(serve(listener, layer));

    // A caller that speaks Sentry's dialect.
    let request = Request::get(format!("http://{address}/stock/7"))
        .header("sentry-trace", "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1")
        .body(Empty::<Bytes>::new())?;
    let client = Client::builder(TokioExecutor::new()).build_http();
    let body = client.request(request).await?.into_body().collect().await?.to_bytes();
    println!("{}\n\n{}", String::from_utf8_lossy(&body), spans.tree());
    Ok(())
}

/// Serves HTTP/1.1 and HTTP/2, every connection through the same layer.
async fn serve(listener: TcpListener, layer: ServerLayer) -> std::io::Result<()> {
    loop {
        let (connection, _) = listener.accept().await?;
        let service = TowerToHyperService::new(layer.layer(service_fn(in_stock)));
        tokio::spawn(async move {
            let builder = auto::Builder::new(TokioExecutor::new());
            // A connection that fails has told its requests' spans already.
            let _ = builder.serve_connection(TokioIo::new(connection), service).await;
        });
    }
}

/// The span is the current one here, and what the next service is to be told comes from it.
async fn in_stock(_: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    opentelemetry::Context::map_current(|cx| {
        cx.span().set_attribute(opentelemetry::KeyValue::new("stock.left", 3));
    });
    let trace = TraceContext::current();
    let id = trace.parent().map(|parent| parent.trace_id().to_string()).unwrap_or_default();
    Ok(Response::new(Full::from(format!("three left, says trace {id}"))))
}
