//! The work of `../../../../server.rs` and `../../../../client.rs`, for its allocations.

use http::{HeaderMap, Request, Uri};
use opentelemetry::ContextGuard;
use throughline::http::{ClientLayer, ClientService, ServerLayer, ServerService};
use tower::Layer as _;

use crate::client_work::{self, inside, send};
use crate::measured::meter_provider;
use crate::server_work::{self, drive, request};

type Server = (&'static mut ServerService<server_work::Bare>, Request<()>);
type Client = (&'static mut ClientService<client_work::Bare>, &'static Uri);

pub(crate) fn server(headers: HeaderMap, layer: ServerLayer) -> Server {
    let service = Box::leak(Box::new(layer.layer(server_work::Bare)));
    for _ in 0..3 {
        drive(service, request(headers.clone()));
    }
    (service, request(headers))
}

pub(crate) fn client(headers: HeaderMap, layer: ClientLayer) -> Client {
    let _: &'static ContextGuard = Box::leak(Box::new(inside(&headers).attach()));
    let client = Box::leak(Box::new(layer.layer(client_work::Bare)));
    let uri = Box::leak(Box::new(client_work::uri()));
    for _ in 0..3 {
        send(client, uri);
    }
    (client, uri)
}

pub(crate) fn server_measured() -> ServerLayer {
    server_work::spans().sdk_meter_provider(&meter_provider())
}

pub(crate) fn client_measured() -> ClientLayer {
    client_work::spans().sdk_meter_provider(&meter_provider())
}
