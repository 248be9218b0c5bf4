//! Requests that get no response.

use std::convert::Infallible;
use std::future::pending;
use std::panic::{AssertUnwindSafe, resume_unwind};

use axum::body::Body;
use axum::response::Response;
use futures_util::FutureExt as _;
use http::Request;
use tower::ServiceExt as _;

use super::{Answer, Asked, app, request, runtime};
use crate::bed::Bed;

/// The future of a request is dropped while it waits, as a timeout does.
pub(crate) fn dropped(subject: &Asked) -> Answer {
    let bed = Bed::new();
    let _installed = subject.installed(&bed);
    runtime()?.block_on(async {
        let app = app(subject, &bed, |_| pending::<Result<Response, Infallible>>());
        // One poll finds the service ready, calls it, and polls the handler.
        drop(app.oneshot(request(subject)).now_or_never());
    });
    Ok(outcome_and_gauge(&bed))
}

/// The handler panics.
pub(crate) fn panics(subject: &Asked) -> Answer {
    let bed = Bed::new();
    let _installed = subject.installed(&bed);
    let caught = runtime()?.block_on(async {
        let app = app(subject, &bed, panicking);
        AssertUnwindSafe(app.oneshot(request(subject))).catch_unwind().await
    });
    match caught {
        Err(_) => Ok(outcome_and_gauge(&bed)),
        Ok(_) => Ok(format!("{}, panic swallowed", outcome_and_gauge(&bed))),
    }
}

/// Without the message that a panic prints: it is on purpose.
async fn panicking(_: Request<Body>) -> Result<Response, Infallible> {
    resume_unwind(Box::new("on purpose"))
}

fn outcome_and_gauge(bed: &Bed) -> String {
    let outcome = super::outcome(bed);
    match bed.active_requests() {
        Some(active) => format!("{outcome}, gauge {active}"),
        None => format!("{outcome}, no gauge"),
    }
}
