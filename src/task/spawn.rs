use std::borrow::Cow;

use opentelemetry::Context;
use opentelemetry::trace::{Link, TraceContextExt, Tracer};
use tokio::task::{self, JoinHandle};

use super::detached;
use crate::otel::verbs::without_trace;
use crate::otel::{ActiveSpan, ContextExt, ContextFuture};

/// [`tokio::spawn`], with the [`detached`] context of the caller current in every poll.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use throughline::task;
///
/// let task = task::spawn(async { 7 });
/// assert_eq!(task.await.unwrap(), 7);
/// # });
/// ```
///
/// # Panics
/// Outside of a tokio runtime.
#[track_caller]
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    task::spawn(future.in_context(detached()))
}

/// [`tokio::task::spawn_blocking`], with the [`detached`] context of the caller.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use throughline::task;
///
/// assert_eq!(task::spawn_blocking(|| 7).await.unwrap(), 7);
/// # });
/// ```
///
/// # Panics
/// Outside of a tokio runtime.
#[track_caller]
pub fn spawn_blocking<F, T>(work: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    task::spawn_blocking(in_context(work))
}

/// [`tokio::task::spawn_local`], with the [`detached`] context of the caller current in every poll.
///
/// ```
/// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
/// use throughline::task;
/// use tokio::task::LocalSet;
///
/// let answer = std::rc::Rc::new(7);
/// let local = LocalSet::new();
/// let task = local.run_until(async { task::spawn_local(async move { *answer }).await });
/// assert_eq!(runtime.block_on(task).unwrap(), 7);
/// ```
///
/// # Panics
/// Outside of a `LocalSet`.
#[track_caller]
pub fn spawn_local<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future<Output: 'static> + 'static,
{
    task::spawn_local(future.in_context(detached()))
}

/// Spawns work that outlives its request, in a new trace whose first span is linked to the current one.
///
/// A request's trace is read as what its caller waited for. A mail that goes out minutes later, or a
/// loop that a request has started, would make it endless; a link leads there all the same. The
/// application's baggage and suppression go along, ids, `tracestate` and Sentry's sampling context do
/// not: the sampler decides anew.
///
/// The span ends with the future, as [`ActiveSpan`] has it: one that is aborted, or lost as its runtime
/// shuts down, has failed. The name is one of few, without ids: it also becomes the name of the
/// transaction (rule SE-6).
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use opentelemetry::trace::{Tracer, TracerProvider};
/// use throughline::task;
/// use throughline_testkit::InMemorySpans;
///
/// let spans = InMemorySpans::new();
/// let tracer = spans.provider().tracer("docs");
/// let mail = tracer.in_span("POST /orders", |_| task::spawn_linked(&tracer, "mail", async { 7 }));
/// assert_eq!(mail.await.unwrap(), 7);
/// let [order, mail] = &spans.finished()[..] else { panic!() };
/// assert_ne!(mail.trace_id, order.trace_id);
/// assert_eq!(mail.links[0].span_id, order.span_id);
/// # });
/// ```
///
/// # Panics
/// Outside of a tokio runtime.
#[track_caller]
pub fn spawn_linked<T, F>(
    tracer: &T,
    name: impl Into<Cow<'static, str>>,
    future: F,
) -> JoinHandle<F::Output>
where
    T: Tracer<Span: Send + Sync + 'static>,
    F: Future<Output: Send + 'static> + Send + 'static,
{
    task::spawn(linked(tracer, name.into()).run(future))
}

/// The first span of a trace that begins here.
fn linked<T>(tracer: &T, name: Cow<'static, str>) -> ActiveSpan
where
    T: Tracer<Span: Send + Sync + 'static>,
{
    Context::map_current(|cx| {
        let begun = without_trace(cx).with_transaction(name.clone());
        let link = Link::with_context(cx.span().span_context().clone());
        // A builder leaves out a link to nothing.
        let builder = tracer.span_builder(name).with_links(vec![link]);
        ActiveSpan::start_in(&cx.with_trace_context(begun), tracer, builder)
    })
}

/// Work that runs in the caller's context, wherever it is run.
pub(super) fn in_context<T>(work: impl FnOnce() -> T) -> impl FnOnce() -> T {
    let cx = detached();
    move || {
        let _current = cx.attach();
        work()
    }
}
