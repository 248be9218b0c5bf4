//! Whether a trace goes on through the layer by the W3C's rules.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Body;
use axum::response::Response;
use conformance::{Header, Outcome, Parent, Peer, VECTORS, apart, cases, judge};
use futures_util::FutureExt as _;
use http::{HeaderMap, Request};
use serde_json::Value;
use tower::ServiceExt as _;

use super::{Answer, Asked, app};
use crate::bed::Bed;

/// The cases of the wire vectors, each as a request through the layer to a handler that writes the
/// headers of its own request.
pub(crate) fn cases_right(subject: &Asked) -> Answer {
    let bed = Bed::new();
    let _installed = subject.installed(&bed);
    let verdicts = judge(&Through { subject, bed: &bed }, &cases(VECTORS)?);
    let asked = verdicts.iter().filter(|verdict| {
        let of_the_w3c = ["TP-", "TS-"].iter().any(|rules| verdict.rule.starts_with(rules));
        of_the_w3c && apart(&verdict.rule, &verdict.case).is_none()
    });
    let (mut right, mut all, mut continued) = (0, 0, false);
    for verdict in asked {
        match verdict.outcome {
            Outcome::Right => {
                right += 1;
                continued |= verdict.rule == "TP-1";
            }
            Outcome::Wrong(_) => {}
            Outcome::NotClaimed | Outcome::LeftOut(_) => continue,
        }
        all += 1;
    }
    // Who reads nothing gets every header right that has to be refused.
    Ok(if continued { format!("{right} of {all}") } else { "reads no traceparent".to_owned() })
}

/// A service of one hop, with the layer before it.
struct Through<'a> {
    subject: &'a Asked,
    bed: &'a Bed,
}

impl Peer for Through<'_> {
    fn name(&self) -> String {
        self.subject.name()
    }

    fn claims(&self) -> &[Header] {
        &[Header::TraceParent, Header::TraceState]
    }

    fn opens_span(&self) -> bool {
        true
    }

    fn hop(&self, _: &Value, received: &HeaderMap, sent: &mut HeaderMap) -> Option<Parent> {
        self.bed.log().clear();
        let going_out = Arc::new(Mutex::new(sent.clone()));
        let (subject, writes) = (Arc::clone(self.subject), Arc::clone(&going_out));
        let app = app(self.subject, self.bed, move |_| {
            let (subject, writes) = (Arc::clone(&subject), Arc::clone(&writes));
            async move {
                subject.inject(&mut writes.lock().unwrap_or_else(PoisonError::into_inner));
                Ok::<_, Infallible>(Response::default())
            }
        });
        let mut request = Request::new(Body::empty());
        *request.headers_mut() = received.clone();
        drop(app.oneshot(request).now_or_never());
        sent.clone_from(&going_out.lock().unwrap_or_else(PoisonError::into_inner));
        self.bed.log().spans().pop()?.parent
    }
}
