//! Which spans belong together, and whether a trace hangs together.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};
use std::time::{Duration, SystemTime};

use crate::{SpanRecord, Tree};

/// Spans grouped by their trace, in the order in which the traces started.
///
/// ```
/// use throughline_testkit::{SpanRecord, Traces};
///
/// let mut spans = vec![SpanRecord::new("t1", "a", "root"), SpanRecord::new("t1", "b", "child")];
/// spans[1].parent_span_id = Some("a".into());
/// let traces = Traces::group(&spans);
/// assert!(traces.get("t1").is_some_and(|trace| trace.is_one_tree()));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Traces<'a> {
    traces: Vec<Trace<'a>>,
}

impl<'a> Traces<'a> {
    /// Groups spans, given in any order.
    pub fn group(spans: impl IntoIterator<Item = &'a SpanRecord>) -> Self {
        let mut groups: Vec<Vec<&'a SpanRecord>> = Vec::new();
        let mut places: HashMap<&'a str, usize> = HashMap::new();
        for span in spans {
            let place = *places.entry(&span.trace_id).or_insert_with(|| {
                groups.push(Vec::new());
                groups.len() - 1
            });
            groups[place].push(span);
        }
        let mut traces: Vec<_> = groups.into_iter().map(Trace::link).collect();
        traces.sort_by_key(Trace::start);
        Self { traces }
    }

    /// The traces, in the order of their first start.
    pub fn iter(&self) -> std::slice::Iter<'_, Trace<'a>> {
        self.traces.iter()
    }

    /// The trace with this id.
    pub fn get(&self, trace_id: &str) -> Option<&Trace<'a>> {
        self.iter().find(|trace| trace.trace_id() == trace_id)
    }

    /// Number of traces.
    pub fn len(&self) -> usize {
        self.traces.len()
    }

    /// Whether there is no trace, because there was no span.
    pub fn is_empty(&self) -> bool {
        self.traces.is_empty()
    }
}

impl<'a> IntoIterator for Traces<'a> {
    type Item = Trace<'a>;
    type IntoIter = std::vec::IntoIter<Trace<'a>>;

    fn into_iter(self) -> Self::IntoIter {
        self.traces.into_iter()
    }
}

impl<'t, 'a> IntoIterator for &'t Traces<'a> {
    type Item = &'t Trace<'a>;
    type IntoIter = std::slice::Iter<'t, Trace<'a>>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// The spans of one trace, at least one, linked to their parents.
///
/// If several spans have the same id, all of them are spans of the trace, and the one that started
/// first gets the children.
#[derive(Clone, Debug)]
pub struct Trace<'a> {
    /// Ordered by start, then name, then service and kind.
    spans: Vec<&'a SpanRecord>,
    /// The children of each span, as places in `spans`, in its order.
    children: Vec<Vec<usize>>,
    /// The spans at the top, in the order of `spans`.
    tops: Vec<(usize, Top)>,
}

impl<'a> Trace<'a> {
    /// The id that all spans of this trace have.
    pub fn trace_id(&self) -> &'a str {
        self.spans.first().map_or("", |span| &span.trace_id)
    }

    /// All spans, ordered by start, then name.
    pub fn spans(&self) -> &[&'a SpanRecord] {
        &self.spans
    }

    /// Names of the services that took part, in the order of their first span.
    pub fn services(&self) -> Vec<&'a str> {
        let mut seen = HashSet::new();
        let services = self.spans.iter().map(|span| &*span.service);
        services.filter(|service| seen.insert(*service)).collect()
    }

    /// The spans that have no parent by their own word.
    pub fn roots(&self) -> Vec<&'a SpanRecord> {
        self.tops_that_are(Top::Root)
    }

    /// The spans whose parent is not among the spans: it was lost, never exported, or belongs to a
    /// service that is not collected here.
    pub fn orphans(&self) -> Vec<&'a SpanRecord> {
        self.tops_that_are(Top::Orphan)
    }

    /// One span of each cycle of parents, the one that started first. Only broken senders make
    /// such spans.
    pub fn cycles(&self) -> Vec<&'a SpanRecord> {
        self.tops_that_are(Top::Cycle)
    }

    /// Whether every span hangs, directly or not, below one and the same root.
    pub fn is_one_tree(&self) -> bool {
        matches!(self.tops[..], [(_, Top::Root)])
    }

    /// First start of a span.
    pub fn start(&self) -> SystemTime {
        self.spans.first().map_or(SystemTime::UNIX_EPOCH, |span| span.start)
    }

    /// Time from the first start to the last end, by the clocks of the services concerned.
    pub fn duration(&self) -> Duration {
        let end = self.spans.iter().map(|span| span.end).max();
        end.and_then(|end| end.duration_since(self.start()).ok()).unwrap_or_default()
    }

    /// This trace as a tree.
    pub fn tree(&self) -> Tree<'a> {
        Tree::from_traces(Traces { traces: vec![self.clone()] })
    }

    pub(crate) fn children(&self, place: usize) -> &[usize] {
        &self.children[place]
    }

    pub(crate) fn tops(&self) -> &[(usize, Top)] {
        &self.tops
    }

    fn tops_that_are(&self, kind: Top) -> Vec<&'a SpanRecord> {
        self.tops.iter().filter(|(_, top)| *top == kind).map(|(at, _)| self.spans[*at]).collect()
    }

    /// Finds parents and children. Iterative throughout: a chain of parents can be as long as the
    /// trace.
    fn link(mut spans: Vec<&'a SpanRecord>) -> Self {
        spans.sort_by(|a, b| order(a, b));
        let mut places: HashMap<&str, usize> = HashMap::with_capacity(spans.len());
        for (place, span) in spans.iter().enumerate() {
            places.entry(&span.span_id).or_insert(place);
        }
        let mut parents = Vec::with_capacity(spans.len());
        let mut children = vec![Vec::new(); spans.len()];
        let mut tops = Vec::new();
        for (place, span) in spans.iter().enumerate() {
            let parent_id = span.parent_span_id.as_deref();
            let parent = parent_id.and_then(|id| places.get(id).copied());
            match (parent, parent_id) {
                (Some(parent), _) => children[parent].push(place),
                (None, Some(_)) => tops.push((place, Top::Orphan)),
                (None, None) => tops.push((place, Top::Root)),
            }
            parents.push(parent);
        }
        open_cycles(&parents, &mut children, &mut tops);
        tops.sort_by_key(|(place, _)| *place);
        Self { spans, children, tops }
    }
}

/// Why a span stands at the top of its tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Top {
    /// It has no parent.
    Root,
    /// Its parent is missing.
    Orphan,
    /// It is its own ancestor; the edge to its parent has been cut.
    Cycle,
}

/// Cuts each cycle above its first span, so that what is left are trees.
///
/// What cannot be reached from the tops hangs below a cycle, since each span has one parent.
fn open_cycles(
    parents: &[Option<usize>],
    children: &mut [Vec<usize>],
    tops: &mut Vec<(usize, Top)>,
) {
    let mut reached = vec![false; parents.len()];
    let mark_below = |start: Vec<usize>, children: &[Vec<usize>], reached: &mut [bool]| {
        let mut open = start;
        while let Some(place) = open.pop() {
            reached[place] = true;
            open.extend_from_slice(&children[place]);
        }
    };
    mark_below(tops.iter().map(|(place, _)| *place).collect(), children, &mut reached);
    for place in 0..parents.len() {
        if reached[place] {
            continue;
        }
        let first = first_of_cycle(place, parents);
        if let Some(parent) = parents[first] {
            children[parent].retain(|child| *child != first);
        }
        mark_below(vec![first], children, &mut reached);
        tops.push((first, Top::Cycle));
    }
}

/// The first span, in the order of the trace, of the cycle that the ancestors of `place` end in.
fn first_of_cycle(place: usize, parents: &[Option<usize>]) -> usize {
    let mut seen = HashSet::new();
    let mut at = place;
    while seen.insert(at) {
        at = parents[at].unwrap_or(at);
    }
    // `at` is on the cycle now: once around.
    let entry = at;
    let mut first = at;
    loop {
        at = parents[at].unwrap_or(at);
        first = first.min(at);
        if at == entry {
            return first;
        }
    }
}

/// Order of siblings. Ids are random, so they have no say; spans that are equal in all of this
/// stay in the order of arrival.
fn order(a: &SpanRecord, b: &SpanRecord) -> Ordering {
    a.start
        .cmp(&b.start)
        .then_with(|| a.name.cmp(&b.name))
        .then_with(|| a.service.cmp(&b.service))
        .then_with(|| a.kind.cmp(&b.kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(id: &str, parent: &str, start: u64) -> SpanRecord {
        let mut span = SpanRecord::new("t", id, id);
        span.parent_span_id = (!parent.is_empty()).then(|| parent.to_owned());
        span.start += Duration::from_secs(start);
        span.end = span.start + Duration::from_secs(1);
        span
    }

    fn names(spans: &[&SpanRecord]) -> Vec<String> {
        spans.iter().map(|span| span.name.clone()).collect()
    }

    #[test]
    fn traces_are_ordered_by_their_first_start() {
        let mut spans = vec![span("late", "", 9), span("early", "", 1), span("mid", "", 5)];
        spans[1].trace_id = "u".into();
        let traces = Traces::group(&spans);
        let ids: Vec<_> = traces.iter().map(Trace::trace_id).collect();
        assert_eq!(ids, ["u", "t"]);
        assert_eq!(names(traces.get("t").unwrap().spans()), ["mid", "late"]);
        assert!(traces.get("v").is_none());
    }

    #[test]
    fn one_root_without_orphans_is_one_tree() {
        let mut spans = [span("root", "", 0), span("a", "root", 1), span("b", "a", 2)];
        spans[0].service = "api".into();
        spans[1].service = "broker".into();
        spans[2].service = "api".into();
        let traces = Traces::group(&spans);
        let trace = traces.iter().next().unwrap();
        assert!(trace.is_one_tree());
        assert_eq!(trace.services(), ["api", "broker"]);
        assert_eq!(trace.duration(), Duration::from_secs(3));
        assert_eq!((names(&trace.roots()), trace.orphans().len()), (vec!["root".into()], 0));
    }

    #[test]
    fn a_second_root_an_orphan_or_a_cycle_breaks_the_tree() {
        for broken in [span("b", "", 1), span("b", "lost", 1), span("b", "b", 1)] {
            let spans = [span("root", "", 0), broken];
            assert!(!Traces::group(&spans).iter().next().unwrap().is_one_tree());
        }
        let orphan_alone = [span("b", "lost", 1)];
        let traces = Traces::group(&orphan_alone);
        let trace = traces.iter().next().unwrap();
        assert!(!trace.is_one_tree());
        assert_eq!(names(&trace.orphans()), ["b"]);
    }

    #[test]
    fn a_cycle_opens_at_its_first_span_and_keeps_what_hangs_below() {
        let spans = [
            span("below", "c", 0),
            span("a", "c", 3),
            span("b", "a", 2),
            span("c", "b", 4),
            span("self", "self", 9),
        ];
        let traces = Traces::group(&spans);
        let trace = traces.iter().next().unwrap();
        assert_eq!(names(&trace.cycles()), ["b", "self"]);
        assert!(trace.roots().is_empty() && trace.orphans().is_empty());
        assert_eq!(trace.tree().rows().len(), spans.len());
    }

    #[test]
    fn spans_with_the_same_id_all_stay_and_the_first_has_the_children() {
        let spans = [span("a", "", 0), span("a", "", 1), span("b", "a", 2)];
        let traces = Traces::group(&spans);
        let trace = traces.iter().next().unwrap();
        assert_eq!(trace.roots().len(), 2);
        assert_eq!((trace.children(0), trace.children(1)), (&[2][..], &[][..]));
    }

    #[test]
    fn no_span_is_no_trace() {
        assert!(Traces::group(&[]).is_empty());
    }
}
