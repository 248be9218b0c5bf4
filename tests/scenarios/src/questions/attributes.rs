//! What a span tells to everybody who may look at traces.

use std::convert::Infallible;

use axum::response::Response;
use http::HeaderValue;
use http::header::AUTHORIZATION;
use tower::ServiceExt as _;

use super::{Answer, Asked, app, request, runtime};
use crate::bed::Bed;

/// Whether a token that came in goes to the exporter.
pub(crate) fn authorization(subject: &Asked) -> Answer {
    let bed = Bed::new();
    let installed = subject.installed(&bed);
    runtime()?.block_on(async {
        let app = app(subject, &bed, async |_| Ok::<_, Infallible>(Response::default()));
        let mut request = request(subject);
        request.headers_mut().insert(AUTHORIZATION, HeaderValue::from_static(TOKEN));
        drop(app.oneshot(request).await);
    });
    drop(installed);
    let spans = bed.log().spans();
    let exported = spans.iter().any(|span| span.text.contains(TOKEN));
    Ok(match (spans.is_empty(), exported) {
        (true, _) => super::outcome(&bed),
        (_, true) => "yes".to_owned(),
        (_, false) => "no".to_owned(),
    })
}

const TOKEN: &str = "Bearer 5e9d2c";
