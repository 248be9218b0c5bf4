//! Tasks that take turns, in any order: each sees its own trace, at every step.

use opentelemetry::Context;
use opentelemetry::trace::TraceContextExt;
use proptest::collection::vec;
use proptest::prelude::*;
use throughline::otel::ContextFuture;
use throughline::otel::verbs::continue_trace;
use throughline::propagation::Propagator;
use throughline::task::channel::mpsc::Sender;
use throughline::task::{self, Carried, channel};
use throughline_testkit::WatchedRuntime;
use tokio::sync::mpsc::Receiver;
use tokio::task::yield_now;

#[derive(Clone, Copy, Debug)]
enum Step {
    Yield,
    Spawn,
    Block,
    Send,
    Lose,
}

fn step() -> impl Strategy<Value = Step> {
    prop::sample::select(vec![Step::Yield, Step::Spawn, Step::Block, Step::Send, Step::Lose])
}

/// The trace with that number.
fn numbered(number: usize) -> Context {
    let parent = format!("00-{:032x}-b7ad6b7169203331-01", number + 1);
    continue_trace(&Propagator::default(), &[("traceparent", parent)])
}

/// The number of the current trace.
fn number() -> Option<usize> {
    let id = Context::map_current(|cx| cx.span().span_context().trace_id().to_bytes());
    usize::try_from(u128::from_be_bytes(id)).unwrap().checked_sub(1)
}

/// Runs the steps in the current trace, and tells how often another one was seen.
async fn run(own: usize, steps: Vec<Step>, sender: Sender<usize>) -> usize {
    let strays = move || usize::from(number() != Some(own));
    let mut seen = strays();
    for step in steps {
        seen += match step {
            Step::Yield => {
                yield_now().await;
                0
            }
            Step::Spawn => {
                let child = async move {
                    let before = strays();
                    yield_now().await;
                    before + strays()
                };
                task::spawn(child).await.unwrap()
            }
            Step::Block => task::spawn_blocking(strays).await.unwrap(),
            Step::Send => {
                sender.send(own).await.unwrap();
                0
            }
            Step::Lose => {
                let loses = std::future::pending::<()>().in_context(numbered(own + 1000));
                tokio::select! {
                    biased;
                    () = loses => 1,
                    () = yield_now() => 0,
                }
            }
        };
        seen += strays();
    }
    seen
}

/// Works on messages of all tasks, and tells how many there were, and how many in another's trace.
async fn receive(mut received: Receiver<Carried<usize>>) -> (usize, usize) {
    let (mut all, mut strays) = (0, 0);
    while let Some(message) = received.recv().await {
        let worked = message.in_context(|own| async move {
            yield_now().await;
            usize::from(number() != Some(own))
        });
        strays += worked.await + usize::from(number().is_some());
        all += 1;
    }
    (all, strays)
}

proptest! {
    #[test]
    fn tasks_that_take_turns_keep_their_traces_apart(
        scripts in vec(vec(step(), 0..8), 1..6),
        workers in 0_usize..3,
    ) {
        let runtime = match workers {
            0 => WatchedRuntime::current_thread(),
            workers => WatchedRuntime::multi_thread(workers),
        };
        let sent = scripts.iter().flatten().filter(|step| matches!(step, Step::Send)).count();
        let (strays, received) = runtime.block_on(async {
            let (sender, receiver) = channel::mpsc(1);
            let receiver = task::spawn(receive(receiver));
            let tasks: Vec<_> = scripts.into_iter().enumerate().map(|(own, steps)| {
                let _current = numbered(own).attach();
                task::spawn(run(own, steps, sender.clone()))
            }).collect();
            drop(sender);
            let mut strays = 0;
            for task in tasks {
                strays += task.await.unwrap();
            }
            (strays, receiver.await.unwrap())
        });
        runtime.finish();
        prop_assert_eq!((strays, received), (0, (sent, 0)));
    }
}
