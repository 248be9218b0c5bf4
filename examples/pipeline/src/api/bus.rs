//! From the API to persistence: a call in the same process, HTTP, or a stream.

use std::sync::Arc;

use anyhow::Context as _;
use axum::Router;
use bytes::Bytes;
use tokio_util::sync::CancellationToken;

use super::publisher::Publisher;
use crate::cli::{ApiOptions, Bus};
use crate::event::RunnerEvent;
use crate::persistence::{self, Persistence};
use crate::post::{Answer, Post};
use crate::refusal::Refusal;
use crate::telemetry::Telemetry;

/// Where events go.
pub(super) enum EventBus {
    /// Persistence lives here, with providers of its own, so that it is a service in the trace.
    InProcess { persistence: Arc<Persistence>, telemetry: Box<Telemetry> },
    /// Persistence is another process.
    Http(Box<Post>),
    /// Persistence is another process, and need not run yet.
    Stream(Box<Publisher>),
}

impl EventBus {
    pub(super) async fn connect(
        options: &ApiOptions,
        own: &Telemetry,
        stop: &CancellationToken,
    ) -> anyhow::Result<Self> {
        match &options.bus {
            Bus::InProcess => {
                let telemetry = Box::new(Telemetry::for_service("persistence")?);
                let persistence = persistence::open(&options.database, &telemetry, stop).await?;
                Ok(Self::InProcess { persistence, telemetry })
            }
            Bus::Http(Some(address)) => {
                let post = Post::new(address, "/events", &options.shared_secret, own)?;
                Ok(Self::Http(Box::new(post)))
            }
            Bus::Stream(address) => {
                Ok(Self::Stream(Box::new(Publisher::connect(address, own).await?)))
            }
            Bus::Http(None) => Err(anyhow::anyhow!(
                "--bus needs the address of persistence, such as http://…:4300"
            )),
        }
        .context("the API has no way to persistence")
    }

    /// Hands an event on. When this returns, the event is committed, or stored in the stream.
    pub(super) async fn publish(&self, event: &RunnerEvent, text: &str) -> Result<(), Refusal> {
        match self {
            Self::InProcess { persistence, .. } => {
                persistence.persist(event).await.map(|_| ()).map_err(Refusal::from)
            }
            Self::Http(post) => match post.event(Bytes::copy_from_slice(text.as_bytes())).await {
                Answer::Taken => Ok(()),
                Answer::Refused(refusal) => Err(refusal),
                Answer::Unavailable(reason) => {
                    Err(Refusal::unavailable(format!("persistence did not take it: {reason}")))
                }
            },
            Self::Stream(publisher) => publisher.publish(event, text).await,
        }
    }

    /// The web page, if persistence lives here.
    pub(super) fn pages(&self) -> Router {
        match self {
            Self::InProcess { persistence, .. } => Arc::clone(persistence).page_router(),
            Self::Http(_) | Self::Stream(_) => Router::new(),
        }
    }

    /// Closes the database and exports what is left, if persistence lives here.
    pub(super) async fn close(self) {
        if let Self::InProcess { persistence, telemetry } = self {
            persistence.close().await;
            telemetry.shutdown().await;
        }
    }
}
