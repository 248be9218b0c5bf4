//! From the runner's process to the rows, and back as one trace.

use throughline_testkit::{Traces, Tree};

use crate::harness::{Bed, Ended, Fleet, Nats, sh, summary};

#[tokio::test]
async fn four_processes_make_one_tree() {
    let bed = Bed::new().await;
    let runner = build(&bed, bed.fleet().await).await;
    let spans = bed.spans();
    let traces = Traces::group(&spans);
    let trace = traces.get(summary(&runner)["traceId"].as_str().unwrap()).unwrap();
    assert!(trace.is_one_tree());
    assert_eq!(trace.services(), ["runner", "broker", "api", "persistence"]);
    assert_eq!(traces.iter().count(), 1, "{}", Tree::new(&spans));

    let shown = ["sentry.op", "event.type", "session.status"];
    insta::assert_snapshot!(trace.tree().attributes(shown).gathered(), @r"
    runner       handleCommand.start-build  INTERNAL  sentry.op=runner.command
    runner         runner.sendEvent.project-metadata  PRODUCER  sentry.op=runner.event.send event.type=project-metadata
    broker           broker.forwardEvent.project-metadata  CONSUMER  sentry.op=broker.event.forward event.type=project-metadata
    broker             POST  CLIENT
    api                  POST /api/runner/events  SERVER
    api                    api.runner.events.project-metadata  INTERNAL  sentry.op=api.runner.event.process event.type=project-metadata
    api                      POST  CLIENT
    persistence                POST /events  SERVER
    persistence                  persistent-processor.persistEvent.project-metadata  CONSUMER  sentry.op=db.persist.event event.type=project-metadata
    persistence                    BEGIN  CLIENT
    persistence                    INSERT generation_events  CLIENT
    persistence                    INSERT generation_sessions  CLIENT
    persistence                    SELECT generation_todos  CLIENT
    persistence                    SELECT generation_tool_calls  CLIENT
    persistence                    UPDATE generation_sessions  CLIENT
    persistence                    COMMIT  CLIENT
    persistence                    broadcast  PRODUCER  sentry.op=websocket.broadcast
    runner         runner.sendEvent.build-stream ×5  PRODUCER  sentry.op=runner.event.send event.type=build-stream
    broker           broker.forwardEvent.build-stream  CONSUMER  sentry.op=broker.event.forward event.type=build-stream
    broker             POST  CLIENT
    api                  POST /api/runner/events  SERVER
    api                    api.runner.events.build-stream  INTERNAL  sentry.op=api.runner.event.process event.type=build-stream
    api                      POST  CLIENT
    persistence                POST /events  SERVER
    persistence                  persistent-processor.persistEvent.todo-write  CONSUMER  sentry.op=db.persist.event event.type=todo-write
    persistence                    BEGIN  CLIENT
    persistence                    INSERT generation_events  CLIENT
    persistence                    INSERT generation_sessions  CLIENT
    persistence                    INSERT generation_todos  CLIENT
    persistence                    SELECT generation_todos  CLIENT
    persistence                    SELECT generation_tool_calls  CLIENT
    persistence                    UPDATE generation_sessions  CLIENT
    persistence                    COMMIT  CLIENT
    persistence                    broadcast  PRODUCER  sentry.op=websocket.broadcast
    runner         runner.sendEvent.build-stream  PRODUCER  sentry.op=runner.event.send event.type=build-stream
    broker           broker.forwardEvent.build-stream  CONSUMER  sentry.op=broker.event.forward event.type=build-stream
    broker             POST  CLIENT
    api                  POST /api/runner/events  SERVER
    api                    api.runner.events.build-stream  INTERNAL  sentry.op=api.runner.event.process event.type=build-stream
    api                      POST  CLIENT
    persistence                POST /events  SERVER
    persistence                  persistent-processor.persistEvent.tool-input  CONSUMER  sentry.op=db.persist.event event.type=tool-input
    persistence                    BEGIN  CLIENT
    persistence                    INSERT generation_events  CLIENT
    persistence                    INSERT generation_sessions  CLIENT
    persistence                    INSERT generation_tool_calls  CLIENT
    persistence                    SELECT generation_todos  CLIENT
    persistence                    SELECT generation_tool_calls  CLIENT
    persistence                    UPDATE generation_sessions  CLIENT
    persistence                    COMMIT  CLIENT
    persistence                    broadcast  PRODUCER  sentry.op=websocket.broadcast
    runner         runner.sendEvent.build-stream ×4  PRODUCER  sentry.op=runner.event.send event.type=build-stream
    broker           broker.forwardEvent.build-stream  CONSUMER  sentry.op=broker.event.forward event.type=build-stream
    broker             POST  CLIENT
    api                  POST /api/runner/events  SERVER
    api                    api.runner.events.build-stream  INTERNAL  sentry.op=api.runner.event.process event.type=build-stream
    api                      POST  CLIENT
    persistence                POST /events  SERVER
    persistence                  persistent-processor.persistEvent.text-delta  CONSUMER  sentry.op=db.persist.event event.type=text-delta
    persistence                    BEGIN  CLIENT
    persistence                    INSERT generation_events  CLIENT
    persistence                    INSERT generation_sessions  CLIENT
    persistence                    INSERT generation_tool_calls  CLIENT
    persistence                    SELECT generation_todos  CLIENT
    persistence                    SELECT generation_tool_calls  CLIENT
    persistence                    UPDATE generation_sessions  CLIENT
    persistence                    COMMIT  CLIENT
    persistence                    broadcast  PRODUCER  sentry.op=websocket.broadcast
    runner         runner.sendEvent.build-stream  PRODUCER  sentry.op=runner.event.send event.type=build-stream
    broker           broker.forwardEvent.build-stream  CONSUMER  sentry.op=broker.event.forward event.type=build-stream
    broker             POST  CLIENT
    api                  POST /api/runner/events  SERVER
    api                    api.runner.events.build-stream  INTERNAL  sentry.op=api.runner.event.process event.type=build-stream
    api                      POST  CLIENT
    persistence                POST /events  SERVER
    persistence                  persistent-processor.persistEvent.tool-output  CONSUMER  sentry.op=db.persist.event event.type=tool-output
    persistence                    BEGIN  CLIENT
    persistence                    INSERT generation_events  CLIENT
    persistence                    INSERT generation_sessions  CLIENT
    persistence                    INSERT generation_tool_calls  CLIENT
    persistence                    SELECT generation_todos  CLIENT
    persistence                    SELECT generation_tool_calls  CLIENT
    persistence                    UPDATE generation_sessions  CLIENT
    persistence                    COMMIT  CLIENT
    persistence                    broadcast  PRODUCER  sentry.op=websocket.broadcast
    runner         runner.sendEvent.build-completed  PRODUCER  sentry.op=runner.event.send event.type=build-completed
    broker           broker.forwardEvent.build-completed  CONSUMER  sentry.op=broker.event.forward event.type=build-completed
    broker             POST  CLIENT
    api                  POST /api/runner/events  SERVER
    api                    api.runner.events.build-completed  INTERNAL  sentry.op=api.runner.event.process event.type=build-completed
    api                      POST  CLIENT
    persistence                POST /events  SERVER
    persistence                  persistent-processor.finalizeSession.completed  CONSUMER  sentry.op=db.persist.finalize event.type=build-completed session.status=completed
    persistence                    BEGIN  CLIENT
    persistence                    INSERT generation_events  CLIENT
    persistence                    INSERT generation_sessions  CLIENT
    persistence                    UPDATE generation_sessions ×2  CLIENT
    persistence                    SELECT generation_todos  CLIENT
    persistence                    SELECT generation_tool_calls  CLIENT
    persistence                    COMMIT  CLIENT
    persistence                    broadcast  PRODUCER  sentry.op=websocket.broadcast
    ");
}

#[tokio::test]
async fn persistence_inside_the_api_is_a_service_of_its_own() {
    let bed = Bed::new().await;
    let runner = build(&bed, bed.fleet_in_process().await).await;
    let spans = bed.spans();
    let traces = Traces::group(&spans);
    let trace = traces.get(summary(&runner)["traceId"].as_str().unwrap()).unwrap();
    assert!(trace.is_one_tree());
    assert_eq!(trace.services(), ["runner", "broker", "api", "persistence"]);
    let tree = trace.tree().gathered().to_string();
    let completed: Vec<_> =
        tree.lines().skip_while(|line| !line.contains("build-completed")).collect();
    insta::assert_snapshot!(completed.join("\n"), @r"
    runner         runner.sendEvent.build-completed  PRODUCER
    broker           broker.forwardEvent.build-completed  CONSUMER
    broker             POST  CLIENT
    api                  POST /api/runner/events  SERVER
    api                    api.runner.events.build-completed  INTERNAL
    persistence              persistent-processor.finalizeSession.completed  CONSUMER
    persistence                BEGIN  CLIENT
    persistence                INSERT generation_events  CLIENT
    persistence                INSERT generation_sessions  CLIENT
    persistence                UPDATE generation_sessions ×2  CLIENT
    persistence                SELECT generation_todos  CLIENT
    persistence                SELECT generation_tool_calls  CLIENT
    persistence                COMMIT  CLIENT
    persistence                broadcast  PRODUCER
    ");
    rows_are_there(&bed, &runner).await;
}

#[tokio::test]
async fn a_stream_between_api_and_persistence_is_a_hop_of_the_same_tree() {
    let (bed, nats) = (Bed::new().await, Nats::start().await);
    let fleet = bed.fleet_over(&nats).await;
    let runner = bed.runner(&fleet.broker.url, &sh(SCRIPT)).end().await;
    runner.assert_success();
    let stored = nats.emptied().await.last_sequence;
    assert_eq!(summary(&runner)["events"], stored);
    fleet.stop().await;
    let spans = bed.spans();
    let traces = Traces::group(&spans);
    let trace = traces.get(summary(&runner)["traceId"].as_str().unwrap()).unwrap();
    assert!(trace.is_one_tree());
    assert_eq!(trace.services(), ["runner", "broker", "api", "persistence"]);
    assert_eq!(traces.iter().count(), 1, "{}", Tree::new(&spans));
    let shown = ["sentry.op", "messaging.system", "messaging.destination.name"];
    let tree = trace.tree().attributes(shown).gathered().to_string();
    let completed: Vec<_> =
        tree.lines().skip_while(|line| !line.contains("build-completed")).collect();
    insta::assert_snapshot!(completed.join("\n"), @r"
    runner         runner.sendEvent.build-completed  PRODUCER  sentry.op=runner.event.send
    broker           broker.forwardEvent.build-completed  CONSUMER  sentry.op=broker.event.forward
    broker             POST  CLIENT
    api                  POST /api/runner/events  SERVER
    api                    api.runner.events.build-completed  INTERNAL  sentry.op=api.runner.event.process
    api                      publish events.{type}  PRODUCER  messaging.system=nats messaging.destination.name=events.build-completed
    persistence                persistent-processor.finalizeSession.completed  CONSUMER  sentry.op=db.persist.finalize
    persistence                  BEGIN  CLIENT
    persistence                  INSERT generation_events  CLIENT
    persistence                  INSERT generation_sessions  CLIENT
    persistence                  UPDATE generation_sessions ×2  CLIENT
    persistence                  SELECT generation_todos  CLIENT
    persistence                  SELECT generation_tool_calls  CLIENT
    persistence                  COMMIT  CLIENT
    persistence                  broadcast  PRODUCER  sentry.op=websocket.broadcast
    ");
    rows_are_there(&bed, &runner).await;
}

#[tokio::test]
async fn what_the_runner_reports_is_in_the_database() {
    let bed = Bed::new().await;
    let runner = build(&bed, bed.fleet().await).await;
    rows_are_there(&bed, &runner).await;
}

#[tokio::test]
async fn every_span_of_an_event_names_its_project_and_command() {
    let bed = Bed::new().await;
    let runner = build(&bed, bed.fleet().await).await;
    let command_id = summary(&runner)["commandId"].as_str().unwrap().to_owned();
    let spans = bed.spans();
    for prefix in
        ["handleCommand", "runner.sendEvent", "broker.forwardEvent", "api.runner.events", "persist"]
    {
        let found: Vec<_> = spans.iter().filter(|span| span.name.starts_with(prefix)).collect();
        assert!(!found.is_empty(), "{prefix}");
        for span in found {
            assert_eq!(span.attribute("event.commandId"), Some(&*command_id), "{}", span.name);
            assert_eq!(span.attribute("event.projectId"), Some("command"), "{}", span.name);
        }
    }
    let persisted = spans.iter().filter(|span| span.name.starts_with("persistent-processor"));
    for span in persisted {
        assert_eq!(span.attribute("event.sessionId"), Some(&*command_id), "{}", span.name);
    }
}

#[tokio::test]
async fn metrics_count_what_was_persisted() {
    let bed = Bed::new().await;
    let runner = build(&bed, bed.fleet().await).await;
    let events = summary(&runner)["events"].as_f64().unwrap();
    let stored = bed.counted("persistence", "events.processed.total", "outcome", "stored");
    assert_eq!(stored, events);
    let taken = bed.counted("broker", "events.forwarded.total", "outcome", "taken");
    assert_eq!(taken, events);
    let metrics = bed.receiver.metrics();
    let durations = metrics.iter().filter(|metric| metric.name == "persistence.duration");
    let (counts, units): (Vec<_>, Vec<_>) =
        durations.map(|metric| (metric.count, metric.unit.as_str())).unzip();
    assert_eq!(counts.iter().sum::<u64>(), summary(&runner)["events"].as_u64().unwrap());
    assert!(units.iter().all(|unit| *unit == "s"));
}

async fn build(bed: &Bed, fleet: Fleet) -> Ended {
    let runner = bed.runner(&fleet.broker.url, &sh(SCRIPT)).end().await;
    fleet.stop().await;
    runner.assert_success();
    runner
}

async fn rows_are_there(bed: &Bed, runner: &Ended) {
    let said = summary(runner);
    let (command, trace) = (&said["commandId"], &said["traceId"]);
    let database = bed.database();
    let sessions = database
        .rows(
            "SELECT json_array(id, project_id, command_id, trace_id, status, exit_code,
             finished_at_ms >= created_at_ms) FROM generation_sessions",
        )
        .await;
    let expected = serde_json::json!([command, "command", command, trace, "completed", 0, 1]);
    assert_eq!(sessions, [expected.to_string()]);

    let todos = database
        .rows(
            "SELECT json_array(todo_id, content LIKE 'sh -c echo one%' OR content = 'Write it',
             status) FROM generation_todos ORDER BY position",
        )
        .await;
    assert_eq!(todos, [r#"["run",1,"completed"]"#, r#"["a",1,"completed"]"#]);

    let tool_calls = database
        .rows(
            "SELECT json_array(tool_call_id, name, json_extract(input, '$.command[0]'), exit_code,
             state) FROM generation_tool_calls",
        )
        .await;
    assert_eq!(tool_calls, [r#"["run","sh","sh",0,"completed"]"#]);
    let output = database.output().await;
    let mut lines: Vec<_> = output.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["@todo add a Write it", "@todo done a", "one", "two"]);

    let events = said["events"].as_u64().unwrap();
    assert_eq!(database.numbers().await, (1..=events).collect::<Vec<_>>());
    let kinds = database
        .rows("SELECT type || ' ' || count(*) FROM generation_events GROUP BY type ORDER BY type")
        .await;
    assert_eq!(kinds, ["build-completed 1", "build-stream 11", "project-metadata 1"]);
    assert_eq!((&said["acknowledged"], &said["refused"]), (&events.into(), &0.into()));
}

/// Some lines on both streams, and a todo of the command's own.
const SCRIPT: &str = "echo one; echo '@todo add a Write it'; echo '@todo done a'; echo two >&2";
