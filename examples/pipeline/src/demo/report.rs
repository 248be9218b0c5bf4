//! One trace as text: the tree, the share of each service, the time from send to commit.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Write;
use std::time::Duration;

use throughline_testkit::{Row, SpanRecord, Trace, Traces, Tree};

use super::ledger::Ledger;
use super::services::Summary;
use crate::cli::Victim;

/// What can have been lost on the way, and why.
pub(super) struct Loss {
    pub(super) killed: Option<Victim>,
    /// Spans that the receiver did not keep.
    pub(super) dropped: usize,
}

pub(super) struct Report<'a> {
    trace: Option<Trace<'a>>,
    trace_id: &'a str,
    commits: Vec<Duration>,
    events: u64,
    ledger: Ledger,
    problems: Vec<String>,
    lost_parents: Option<String>,
}

impl<'a> Report<'a> {
    pub(super) fn new(
        spans: &'a [SpanRecord],
        summary: &'a Summary,
        ledger: Ledger,
        loss: &Loss,
    ) -> Self {
        let traces = Traces::group(spans);
        let trace = traces.get(&summary.trace_id).cloned();
        let mut report = Self {
            commits: trace.as_ref().map(send_to_commit).unwrap_or_default(),
            trace,
            trace_id: &summary.trace_id,
            events: summary.events,
            ledger,
            problems: Vec::new(),
            lost_parents: None,
        };
        let foreign = spans.iter().filter(|span| {
            span.trace_id != summary.trace_id
                && span.attribute("event.commandId") == Some(summary.command_id.as_str())
        });
        report.check(summary, loss, foreign.count());
        report
    }

    /// Why the run is not what it should be; empty if it is.
    pub(super) fn problems(&self) -> &[String] {
        &self.problems
    }

    fn check(&mut self, summary: &Summary, loss: &Loss, foreign: usize) {
        let Ledger { stored, last } = self.ledger;
        if stored != summary.events || last != summary.events {
            let events = summary.events;
            self.problems.push(format!("{stored} of {events} events are in the database"));
        }
        if summary.refused > 0 {
            self.problems.push(format!("{} events were refused", summary.refused));
        }
        if loss.dropped > 0 {
            self.problems.push(format!("{} spans were dropped by the receiver", loss.dropped));
        }
        let Some(trace) = &self.trace else {
            self.problems.push("no span of the runner's trace has arrived".to_owned());
            return;
        };
        let services = trace.services();
        let missing = SERVICES.iter().filter(|service| !services.contains(service));
        let missing = missing.copied().collect::<Vec<_>>().join(", ");
        if !missing.is_empty() {
            self.problems.push(format!("the trace does not reach {missing}"));
        }
        if foreign > 0 {
            self.problems.push(format!("{foreign} spans of this build are in another trace"));
        }
        let orphans = trace.orphans();
        if let Some(killed) = loss.killed {
            let taken = |orphan: &&&SpanRecord| could_be_child_of(orphan, killed.service());
            let explained = orphans.iter().filter(taken).count();
            let killed = killed.service();
            self.lost_parents = Some(match explained {
                0 => {
                    format!("no parent is missing: {killed} had exported all before it was killed")
                }
                1 => format!("1 parent is missing: {killed} was killed before it had exported it"),
                _ => format!(
                    "{explained} parents are missing: {killed} was killed before it had exported them"
                ),
            });
            if explained < orphans.len() || trace.roots().len() != 1 {
                self.problems.push("parents are missing that no killed service had".to_owned());
            }
            return;
        }
        if !trace.is_one_tree() {
            let (roots, orphans) = (trace.roots().len(), orphans.len());
            self.problems.push(format!("the trace has {roots} roots and {orphans} orphans"));
        }
        let commits = self.commits.len();
        if u64::try_from(commits) != Ok(summary.events) {
            let events = summary.events;
            self.problems.push(format!("{commits} of {events} events are committed in the trace"));
        }
    }

    /// The whole report.
    pub(super) fn text(&self, full: bool, database: &str) -> String {
        let mut text = String::new();
        if let Some(trace) = &self.trace {
            let tree = trace.tree();
            write_tree(&mut text, &if full { tree } else { tree.gathered() });
            write_shares(&mut text, trace);
        }
        self.write_commits(&mut text);
        let Ledger { stored, .. } = self.ledger;
        let _ = writeln!(text, "events: {} sent, {stored} in {database}", self.events);
        if let Some(lost) = &self.lost_parents {
            let _ = writeln!(text, "{lost}");
        }
        let (spans, services, orphans) = match &self.trace {
            Some(trace) => (trace.spans().len(), trace.services().len(), trace.orphans().len()),
            None => (0, 0, 0),
        };
        let trace_id = self.trace_id;
        let _ =
            write!(text, "trace {trace_id}: {spans} spans, {services} services, {orphans} orphans");
        text
    }

    fn write_commits(&self, text: &mut String) {
        let mut commits = self.commits.clone();
        commits.sort_unstable();
        if let (Some(middle), Some(longest)) = (commits.get(commits.len() / 2), commits.last()) {
            let _ = writeln!(
                text,
                "send to commit: p50 {}, maximum {}, of {} events",
                millis(*middle),
                millis(*longest),
                commits.len()
            );
        }
    }
}

/// Time from the start of each sent event to the end of the commit below it.
fn send_to_commit(trace: &Trace<'_>) -> Vec<Duration> {
    let spans: HashMap<_, _> =
        trace.spans().iter().map(|span| (span.span_id.as_str(), *span)).collect();
    let mut commits = HashMap::new();
    for commit in trace.spans().iter().filter(|span| span.name == "COMMIT") {
        let sent = ancestors(commit, &spans).find(|span| span.name.starts_with("runner.sendEvent"));
        if let Some(sent) = sent {
            let took = commit.end.duration_since(sent.start).unwrap_or_default();
            // A resent event commits twice, the second time as a duplicate: the first one counts.
            let first = commits.entry(&sent.span_id).or_insert(took);
            *first = took.min(*first);
        }
    }
    commits.into_values().collect()
}

fn ancestors<'s, 'a>(
    span: &'s SpanRecord,
    spans: &'s HashMap<&str, &'a SpanRecord>,
) -> impl Iterator<Item = &'a SpanRecord> + use<'s, 'a> {
    let parent = |span: &SpanRecord| spans.get(span.parent_span_id.as_deref()?).copied();
    // A cycle of parents would have no end.
    std::iter::successors(parent(span), move |span| parent(span)).take(spans.len())
}

/// Whether the missing parent of this span can have been a span of that service: its own service, or
/// the one before it on the way.
fn could_be_child_of(orphan: &SpanRecord, service: &str) -> bool {
    let before = match orphan.service.as_str() {
        "broker" => "runner",
        "api" => "broker",
        "persistence" => "api",
        _ => "",
    };
    orphan.service == service || before == service
}

fn write_tree(text: &mut String, tree: &Tree<'_>) {
    let rows = tree.rows();
    let names: Vec<_> = rows.iter().map(label).collect();
    let width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0).min(MAX_NAME);
    let services = rows.iter().map(|row| row.span.service.chars().count()).max().unwrap_or(0);
    for (row, name) in rows.iter().zip(&names) {
        let mut line = format!(
            "{:<services$}  {name:<width$}  {:<8}  {:>10}",
            row.span.service,
            row.span.kind.to_string(),
            duration(row),
        );
        if row.span.is_error() {
            line.push_str("  ERROR");
        }
        if row.orphan {
            line.push_str("  (parent missing)");
        }
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text.push('\n');
}

fn label(row: &Row<'_>) -> String {
    let times = if row.repeats > 1 { format!(" ×{}", row.repeats) } else { String::new() };
    let name: String = row
        .span
        .name
        .chars()
        .map(|char| if char.is_control() { '\u{fffd}' } else { char })
        .collect();
    format!("{:indent$}{name}{times}", "", indent = 2 * row.depth)
}

/// The duration of a span; of folded ones their mean, marked as such.
fn duration(row: &Row<'_>) -> String {
    let spans = u32::try_from(row.spans.len()).unwrap_or(u32::MAX).max(1);
    let mean = millis(row.total() / spans);
    if spans > 1 { format!("⌀ {mean}") } else { mean }
}

/// How much of the events' way each service is: the time in which one of its spans runs and no child
/// of that span does, below the sending spans.
fn write_shares(text: &mut String, trace: &Trace<'_>) {
    let mut children: HashMap<&str, Vec<&SpanRecord>> = HashMap::new();
    for span in trace.spans() {
        if let Some(parent) = &span.parent_span_id {
            children.entry(parent).or_default().push(span);
        }
    }
    let roots: HashSet<_> = trace.roots().iter().map(|span| span.span_id.as_str()).collect();
    let mut shares: BTreeMap<&str, Duration> = BTreeMap::new();
    for span in trace.spans().iter().filter(|span| !roots.contains(span.span_id.as_str())) {
        let below = children.get(span.span_id.as_str()).map(Vec::as_slice).unwrap_or_default();
        *shares.entry(&span.service).or_default() += own_time(span, below);
    }
    let total: Duration = shares.values().sum();
    for service in trace.services() {
        let Some(share) = shares.get(service) else { continue };
        let percent = 100.0 * share.as_secs_f64() / total.as_secs_f64().max(f64::MIN_POSITIVE);
        let _ = writeln!(text, "{service:<12} {percent:>5.1} %  {:>10}", millis(*share));
    }
    text.push_str(
        "(share of the events' way: each service without the next; the runner's holds the wait behind \
         earlier events)\n\n",
    );
}

/// The part of a span in which no child runs. Children are in the order of their start.
fn own_time(span: &SpanRecord, children: &[&SpanRecord]) -> Duration {
    let mut own = span.duration();
    let mut covered = span.start;
    for child in children {
        let (start, end) = (child.start.max(covered), child.end.min(span.end));
        own = own.saturating_sub(end.duration_since(start).unwrap_or_default());
        covered = covered.max(end);
    }
    own
}

fn millis(duration: Duration) -> String {
    format!("{:.2} ms", duration.as_secs_f64() * 1e3)
}

/// Where the trace of a build has to go.
const SERVICES: [&str; 4] = ["runner", "broker", "api", "persistence"];

/// Columns of a span's name, indented, after which the others are not aligned any more.
const MAX_NAME: usize = 76;

#[cfg(test)]
mod tests {
    use super::*;

    fn span(id: &str, parent: &str, service: &str, name: &str, start: u64, end: u64) -> SpanRecord {
        let mut span = SpanRecord::new("t", id, name);
        span.parent_span_id = (!parent.is_empty()).then(|| parent.to_owned());
        span.service = service.to_owned();
        span.end = span.start + Duration::from_millis(end);
        span.start += Duration::from_millis(start);
        span
    }

    fn trace() -> Vec<SpanRecord> {
        vec![
            span("1", "", "runner", "handleCommand.start-build", 0, 100),
            span("2", "1", "runner", "runner.sendEvent.build-stream", 10, 30),
            span("3", "2", "broker", "broker.forwardEvent.build-stream", 12, 28),
            span("4", "3", "api", "api.runner.events.build-stream", 14, 27),
            span("5", "4", "persistence", "COMMIT", 20, 25),
        ]
    }

    fn summary(events: u64) -> Summary {
        Summary {
            command_id: "c".into(),
            trace_id: "t".into(),
            events,
            refused: 0,
            exit_code: Some(0),
        }
    }

    fn problems(spans: &[SpanRecord], stored: u64, killed: Option<Victim>) -> Vec<String> {
        let ledger = Ledger { stored, last: stored };
        Report::new(spans, &summary(1), ledger, &Loss { killed, dropped: 0 }).problems().to_vec()
    }

    #[test]
    fn one_tree_with_every_event_is_no_problem() {
        let spans = trace();
        assert!(problems(&spans, 1, None).is_empty());
        let ledger = Ledger { stored: 1, last: 1 };
        let summary = summary(1);
        let report = Report::new(&spans, &summary, ledger, &Loss { killed: None, dropped: 0 });
        let text = report.text(false, "sqlite:x");
        assert!(text.ends_with("trace t: 5 spans, 4 services, 0 orphans"), "{text}");
        assert!(
            text.contains("send to commit: p50 15.00 ms, maximum 15.00 ms, of 1 events"),
            "{text}"
        );
        assert!(text.contains("broker        15.0 %     3.00 ms"), "{text}");
    }

    #[test]
    fn whatever_is_missing_is_a_problem() {
        let spans = trace();
        assert!(problems(&spans, 0, None)[0].contains("0 of 1 events"));
        assert!(problems(&[], 1, None)[0].contains("no span"));
        let without_broker: Vec<_> =
            spans.iter().filter(|span| span.service != "broker").cloned().collect();
        let problems_then = problems(&without_broker, 1, None);
        assert!(problems_then.iter().any(|p| p.contains("1 orphans")), "{problems_then:?}");
        assert!(problems_then.iter().any(|p| p.contains("does not reach broker")));
    }

    #[test]
    fn a_hop_that_begins_a_trace_of_its_own_is_a_problem() {
        let mut spans = trace();
        let mut foreign = span("9", "", "api", "api.runner.events.error", 15, 16);
        foreign.trace_id = "another".into();
        foreign.attributes.insert("event.commandId".into(), "c".into());
        spans.push(foreign);
        assert!(
            problems(&spans, 1, None)[0].contains("1 spans of this build are in another trace")
        );
        assert!(!problems(&spans, 1, Some(Victim::Api)).is_empty());
        // A runner that nobody goes on from.
        let alone: Vec<_> = trace().into_iter().filter(|span| span.service == "runner").collect();
        assert!(problems(&alone, 1, None)[0].contains("does not reach broker, api, persistence"));
    }

    #[test]
    fn only_a_killed_service_explains_missing_parents() {
        let mut spans = trace();
        // The parent of the API's span is lost; the broker came back and was seen again.
        spans[3].parent_span_id = Some("lost".into());
        assert!(problems(&spans, 1, Some(Victim::Broker)).is_empty());
        assert!(!problems(&spans, 1, Some(Victim::Persistence)).is_empty());
    }
}
