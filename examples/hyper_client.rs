//! A client with hyper alone: each call in a span, each attempt told as such, one host kept out.

use std::convert::Infallible;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo};
use throughline::http::{ClientLayer, NoPropagate, ResendCount, UrlTemplate};
use throughline::propagation::Targets;
use throughline_testkit::{InMemorySpans, Tree};
use tokio::net::TcpListener;
use tower::{Layer, ServiceExt};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let spans = InMemorySpans::for_service("shop");
    let (stock, partner) = (serve().await?, serve().await?);

    let layer = ClientLayer::new()
        .tracer_provider(spans.provider())
        .targets(Targets::none().allow(&stock)?);
    let client = layer.layer(Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>());

    let attempt = Request::get(format!("{stock}/stock/7?token=secret"))
        .extension(UrlTemplate("/stock/{item}"))
        .extension(ResendCount(1))
        .body(Empty::new())?;
    let elsewhere = Request::get(format!("{partner}/offers")).body(Empty::new())?;
    let quiet = Request::get(format!("{stock}/health")).extension(NoPropagate).body(Empty::new())?;
    for request in [attempt, elsewhere, quiet] {
        let path = request.uri().path().to_owned();
        let body = client.clone().oneshot(request).await?.into_body().collect().await?.to_bytes();
        println!("{path} was sent {}", String::from_utf8_lossy(&body));
    }

    let tree = Tree::new(&spans.finished()).attributes(["http.request.resend_count"]).to_string();
    println!("\n{tree}");
    Ok(())
}

/// A server that answers with the trace header that it was sent.
async fn serve() -> std::io::Result<String> {
    async fn echo(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
        let header = request.headers().get("traceparent").map(|value| value.as_bytes());
        let told = Bytes::copy_from_slice(header.unwrap_or(b"without a trace"));
        Ok(Response::new(Full::new(told)))
    }
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = format!("http://{}", listener.local_addr()?);
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            let connection = TokioIo::new(connection);
            let server = hyper::server::conn::http1::Builder::new();
            tokio::spawn(server.serve_connection(connection, service_fn(echo)));
        }
    });
    Ok(address)
}
