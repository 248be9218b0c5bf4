//! Tasks of who opens spans of `tracing`.

use opentelemetry::trace::TracerProvider;
use throughline::task;
use tokio::sync::oneshot;
use tracing::info_span;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry;

use crate::checked_spans::CheckedSpans;

#[tokio::test]
async fn a_task_is_below_the_span_of_tracing_that_it_was_spawned_in_and_does_not_stretch_it() {
    let spans = CheckedSpans::new();
    let tracer = spans.provider().tracer("test");
    let exporter = tracing_opentelemetry::layer().with_tracer(tracer);
    let _listens = tracing::subscriber::set_default(registry().with(exporter));
    let (go, goes) = oneshot::channel::<()>();
    let task = info_span!("order").in_scope(|| {
        task::spawn(async {
            goes.await.unwrap();
            info_span!("ship").in_scope(|| ());
        })
    });
    assert_eq!(spans.only().name, "order");
    go.send(()).unwrap();
    task.await.unwrap();
    insta::assert_snapshot!(spans.tree(), @r"
    app  order  INTERNAL
    app    ship  INTERNAL
    ");
}
