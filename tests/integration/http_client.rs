//! The client layer around real clients, over loopback.

use std::convert::Infallible;
use std::net::SocketAddr;

use ::http::{HeaderMap, HeaderValue};
use axum::Router;
use axum::http::header::LOCATION;
use axum::routing::any;
use bytes::Bytes;
use http_body_util::BodyExt;
use throughline::http::ClientLayer;
use throughline::propagation::Targets;
use throughline_testkit::InMemorySpans;

use super::checked_spans::CheckedSpans;
use super::http::{PATIENCE, finished, plain_client, request, serve, server_layer};

mod connection;
mod exporter;
mod redirects;
mod requests;
#[cfg(feature = "reqwest")]
mod with_reqwest;

fn client_layer(spans: &InMemorySpans) -> ClientLayer {
    ClientLayer::new().tracer_provider(spans.provider())
}

fn only(address: SocketAddr) -> Targets {
    Targets::none().allow(&format!("http://{address}")).unwrap()
}

/// Answers with the parent that it was told of, or with `none`.
async fn parent(headers: HeaderMap) -> String {
    let mut values = headers.get_all("traceparent").into_iter();
    let value = values.next().map_or("none", |value| value.to_str().unwrap());
    assert!(values.next().is_none(), "replaced, not added to");
    value.to_owned()
}

/// A server that knows `/parent`, and whose `/away` leads to the address and `/here` to its own.
async fn origin(away: &str) -> SocketAddr {
    let leads_to = |location: &str| {
        let location = HeaderValue::from_str(location).unwrap();
        any(async move || (::http::StatusCode::FOUND, [(LOCATION, location)]))
    };
    let app = Router::new()
        .route("/parent", any(parent))
        .route("/here", leads_to("/parent"))
        .route("/away", leads_to(away));
    serve(app).await
}

async fn text<B>(body: B) -> String
where
    B: http_body::Body<Data = Bytes, Error: std::fmt::Debug>,
{
    String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap()
}
