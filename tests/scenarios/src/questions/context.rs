//! Who finds the request's trace to be the current one, and what that does to its span.

use std::convert::Infallible;
use std::future::ready;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::extract::ws::WebSocketUpgrade;
use axum::response::Response;
use axum::{Router, routing};
use http_body_util::BodyExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tower::ServiceExt as _;

use super::{Answer, Asked, app, request, runtime};
use crate::bed::Bed;
use crate::subject::{TRACE_ID, boxed};

/// What a service sees in `call`, before its future is polled.
pub(crate) fn call(subject: &Asked) -> Answer {
    let bed = Bed::new();
    let _installed = subject.installed(&bed);
    let seen = Arc::new(Mutex::new(None));
    let (asked, sees) = (Arc::clone(subject), Arc::clone(&seen));
    runtime()?.block_on(async {
        let app = app(subject, &bed, move |_| {
            *sees.lock().unwrap_or_else(PoisonError::into_inner) = asked.trace_id();
            ready(Ok::<_, Infallible>(Response::default()))
        });
        drop(app.oneshot(request(subject)).await);
    });
    let seen = seen.lock().unwrap_or_else(PoisonError::into_inner).take();
    Ok(yes_or_no(seen.as_deref()))
}

/// A task that the handler leaves behind with its context outlives the response.
pub(crate) fn task(subject: &Asked) -> Answer {
    let bed = Bed::new();
    let _installed = subject.installed(&bed);
    runtime()?.block_on(async {
        let (tasks, mut spawned) = mpsc::unbounded_channel();
        let asked = Arc::clone(subject);
        let app = app(subject, &bed, move |_| {
            let (asked, tasks) = (Arc::clone(&asked), tasks.clone());
            async move {
                let (release, released) = oneshot::channel::<()>();
                let carried = asked.carried(Box::pin(async { drop(released.await) }));
                drop(tasks.send((release, tokio::spawn(carried))));
                Ok::<_, Infallible>(Response::new(Body::from("done")))
            }
        });
        let Ok(response) = app.oneshot(request(subject)).await;
        response.into_body().collect().await?;
        let ended_before = !bed.log().spans().is_empty();
        let (release, task) = spawned.recv().await.ok_or("nothing was spawned")?;
        drop(release);
        task.await?;
        let ended_behind = !bed.log().spans().is_empty();
        Ok(match (ended_before, ended_behind) {
            (true, _) => "ends with the response".to_owned(),
            (false, true) => "ends with the task".to_owned(),
            (false, false) => "never ends".to_owned(),
        })
    })
}

/// What the callback of axum's upgrade finds, on a real connection.
pub(crate) fn upgrade(subject: &Asked) -> Answer {
    let bed = Bed::new();
    let _installed = subject.installed(&bed);
    runtime()?.block_on(async {
        let (sees, mut seen) = mpsc::unbounded_channel();
        let asked = Arc::clone(subject);
        let upgraded = move |upgrade: WebSocketUpgrade| {
            let (subject, sees) = (Arc::clone(&asked), sees.clone());
            ready(asked.on_upgrade(
                upgrade,
                Box::new(move |_| Box::pin(async move { drop(sees.send(subject.trace_id())) })),
            ))
        };
        let app = Router::new().fallback(routing::any(upgraded));
        let app = Router::new().fallback_service(subject.around(boxed(app), &bed));
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let server = tokio::spawn(async { axum::serve(listener, app).await });
        let mut connection = TcpStream::connect(address).await?;
        let (name, value) = subject.caller(true);
        connection.write_all(format!("{HANDSHAKE}{name}: {value}\r\n\r\n").as_bytes()).await?;
        let seen = timeout(UPGRADE_LIMIT, seen.recv()).await?.ok_or("no upgrade")?;
        server.abort();
        Ok(yes_or_no(seen.as_deref()))
    })
}

fn yes_or_no(seen: Option<&str>) -> String {
    if seen == Some(TRACE_ID) { "yes".to_owned() } else { "no".to_owned() }
}

const HANDSHAKE: &str = "GET / HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\n\
                         upgrade: websocket\r\nsec-websocket-version: 13\r\n\
                         sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/// A connection within this process needs no more than a moment; one that is never upgraded ends here.
const UPGRADE_LIMIT: Duration = Duration::from_secs(30);
