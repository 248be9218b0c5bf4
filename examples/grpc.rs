//! gRPC with tonic: the same layers, around a server and around a channel, give one trace.

use throughline::http::{ClientLayer, ServerLayer};
use throughline_testkit::{InMemorySpans, Tree};
use tokio::net::TcpListener;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Server};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tower::Layer;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let spans = InMemorySpans::for_service("caller");

    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let uri = format!("http://{}", listener.local_addr()?);
    let (_reporter, health) = tonic_health::server::health_reporter();
    let server = Server::builder()
        .layer(ServerLayer::new().tracer_provider(spans.service("health").provider()))
        .add_service(health);
    tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));

    let channel = Channel::from_shared(uri.clone())?.connect().await?;
    let channel = ClientLayer::new().tracer_provider(spans.provider()).layer(channel);
    // The address is for the layer: a channel alone knows it anyway.
    let mut client = HealthClient::with_origin(channel, uri.parse()?);

    client.check(HealthCheckRequest { service: String::new() }).await?;
    let unknown = HealthCheckRequest { service: "nobody".to_owned() };
    if let Err(status) = client.check(unknown).await {
        println!("as expected: {status}");
    }

    let finished = spans.finished();
    let tree = Tree::new(&finished).attributes(["rpc.response.status_code", "error.type"]);
    println!("\n{tree}");
    Ok(())
}
