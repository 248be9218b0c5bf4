//! Two axum services and a client between them: one trace, whichever header it came with.
//!
//! The caller speaks Sentry; the second service is told in both dialects.

use axum::Router;
use axum::body::Body;
use axum::extract::{MatchedPath, State};
use axum::http::{HeaderMap, Request};
use axum::routing::get;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use throughline::http::{ClientLayer, ClientService, ServerLayer};
use throughline_testkit::InMemorySpans;
use tokio::net::TcpListener;
use tower::{Layer, ServiceExt};

type Http = ClientService<Client<HttpConnector, Body>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let spans = InMemorySpans::for_service("shop");
    let stock =
        Router::new().route("/stock/{item}", get(in_stock)).layer(server(&spans.service("stock")));
    let stock = serve(stock).await?;

    let http = Client::builder(TokioExecutor::new()).build_http();
    let http = ClientLayer::new().tracer_provider(spans.provider()).layer(http);
    let shop = Router::new()
        .route("/order/{item}", get(order))
        .with_state((http, stock))
        .layer(server(&spans));

    let request = Request::get("/order/7")
        .header("sentry-trace", "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1")
        .body(Body::empty())?;
    let response = shop.oneshot(request).await?;
    let body = axum::body::to_bytes(response.into_body(), 1024).await?;
    println!("{}\n\n{}", String::from_utf8_lossy(&body), spans.tree());
    Ok(())
}

fn server(spans: &InMemorySpans) -> ServerLayer {
    ServerLayer::new()
        .tracer_provider(spans.provider())
        // With the feature `axum` this is the default.
        .route(|request| request.extensions().get().map(MatchedPath::as_str))
}

async fn order(State((http, stock)): State<(Http, String)>) -> Result<String, String> {
    let request = Request::get(format!("{stock}/stock/7")).body(Body::empty());
    let request = request.map_err(|error| error.to_string())?;
    let response = http.oneshot(request).await.map_err(|error| error.to_string())?;
    let body = axum::body::to_bytes(Body::new(response.into_body()), 1024).await;
    Ok(String::from_utf8_lossy(&body.map_err(|error| error.to_string())?).into_owned())
}

async fn in_stock(headers: HeaderMap) -> String {
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("-");
    format!("traceparent: {}\nsentry-trace: {}", header("traceparent"), header("sentry-trace"))
}

async fn serve(app: Router) -> std::io::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = format!("http://{}", listener.local_addr()?);
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(address)
}
