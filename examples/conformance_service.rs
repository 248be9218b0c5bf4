//! A service in the shape that the public W3C trace-context suite drives: `POST` takes a JSON array of
//! `{"url": …, "arguments": […]}` and posts each element's arguments to its URL through the layers.
//!
//! Runs until it is stopped.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{Request, StatusCode, header};
use axum::{Router, routing};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use opentelemetry_sdk::trace::SdkTracerProvider;
use serde::Deserialize;
use serde_json::Value;
use throughline::http::{ClientLayer, ClientService, ServerLayer};
use tokio::net::TcpListener;
use tower::{Layer, ServiceExt};

type Http = ClientService<Client<HttpConnector, Body>>;

#[derive(Deserialize)]
struct Call {
    url: String,
    #[serde(default)]
    arguments: Value,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let listen = match &std::env::args().skip(1).collect::<Vec<_>>()[..] {
        [] => "127.0.0.1:0".to_owned(),
        [flag, address] if flag == "--listen" => address.clone(),
        _ => return Err("usage: conformance_service [--listen HOST:PORT]".into()),
    };
    let listener = TcpListener::bind(&listen).await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, app()).await?;
    Ok(())
}

pub(crate) fn app() -> Router {
    let provider = SdkTracerProvider::builder().build();
    let http = Client::builder(TokioExecutor::new()).build_http();
    let http = ClientLayer::new().tracer_provider(provider.clone()).layer(http);
    Router::new()
        .fallback(routing::get(|| async {}).post(run))
        .layer(ServerLayer::new().tracer_provider(provider))
        .layer(DefaultBodyLimit::max(1 << 20))
        .with_state(http)
}

/// Makes the calls in their order; one that fails does not keep the others from being made.
async fn run(State(http): State<Http>, body: Bytes) -> Result<(), StatusCode> {
    let calls: Option<Vec<Call>> =
        serde_json::from_slice(&body).map_err(|_| StatusCode::BAD_REQUEST)?;
    let all = async {
        for Call { url, arguments } in calls.unwrap_or_default() {
            let request = Request::post(url)
                .header(header::CONTENT_TYPE, "application/json")
                .body(arguments.to_string().into());
            let outcome = match request {
                Ok(request) => http.clone().oneshot(request).await.err().map(|e| e.to_string()),
                Err(error) => Some(error.to_string()),
            };
            if let Some(error) = outcome {
                eprintln!("a call failed: {error}");
            }
        }
    };
    // The suite waits five seconds for the answer.
    if tokio::time::timeout(Duration::from_secs(4), all).await.is_err() {
        eprintln!("the calls were cut off after four seconds");
    }
    Ok(())
}
