//! Responses whose body comes later.

use std::convert::Infallible;
use std::io;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

use super::{Answer, Asked, app, request, runtime};
use crate::bed::Bed;
use crate::log::Outcome;

/// The body fails behind its first frame.
pub(crate) fn fails(subject: &Asked) -> Answer {
    let frames = || vec![Ok(FRAME), Err(io::Error::other(FAILURE))];
    let bed = respond(subject, frames)?;
    let spans = bed.log().spans();
    Ok(match &spans[..] {
        [span] if matches!(span.outcome, Outcome::Failed(_)) => span.outcome.to_string(),
        [span] if span.text.contains(FAILURE) => "mentioned".to_owned(),
        [_] => "lost".to_owned(),
        _ => super::outcome(&bed),
    })
}

/// Two frames, and the end.
pub(crate) fn streamed(subject: &Asked) -> Answer {
    let bed = respond(subject, || vec![Ok(FRAME), Ok(FRAME)])?;
    Ok(match bed.log().span_ended_behind(LAST_FRAME) {
        Some(true) => "covers the body".to_owned(),
        Some(false) => match bed.log().span_ended_behind(FIRST_FRAME) {
            Some(true) => "ends within the body".to_owned(),
            _ => "ends at headers".to_owned(),
        },
        None => super::outcome(&bed),
    })
}

type Frames = Vec<Result<Bytes, io::Error>>;

/// Answers with a body of these frames, and reads it to its end.
fn respond(subject: &Asked, frames: fn() -> Frames) -> Result<Bed, axum::BoxError> {
    let bed = Bed::new();
    let installed = subject.installed(&bed);
    let log = bed.log().clone();
    runtime()?.block_on(async {
        let app = app(subject, &bed, move |_| {
            let marks = log.clone();
            let frames = stream::iter(frames()).enumerate();
            let frames = frames.map(move |(n, frame)| {
                marks.mark(if n == 0 { FIRST_FRAME } else { LAST_FRAME });
                frame
            });
            async { Ok::<_, Infallible>(Response::new(Body::from_stream(frames))) }
        });
        let Ok(response) = app.oneshot(request(subject)).await;
        let mut body = response.into_body();
        while let Some(Ok(_)) = body.frame().await {}
    });
    drop(installed);
    Ok(bed)
}

const FRAME: Bytes = Bytes::from_static(b"frame");
const FAILURE: &str = "the disk is on fire";
const FIRST_FRAME: &str = "first frame";
const LAST_FRAME: &str = "last frame";
