//! The lines of a tree as values, and the folding of equal siblings.

use std::collections::HashMap;
use std::mem::{Discriminant, discriminant};
use std::time::Duration;

use super::{Folding, Options};
use crate::trace::{Top, Trace};
use crate::{Kind, SpanRecord, Status};

/// One line of a [`Tree`](super::Tree): a span, or several that were folded into one.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Row<'a> {
    /// Number of rows between this one and the top of its tree: 0 for roots.
    pub depth: usize,
    /// The span, or the first of the folded ones.
    pub span: &'a SpanRecord,
    /// All spans that this row stands for, the first included. Below a folded row these are the
    /// spans at the same place under each of its spans, so the rows of a tree hold each span once.
    pub spans: Vec<&'a SpanRecord>,
    /// Number of siblings that this row stands for: 1 if nothing was folded here,
    /// whatever was folded above.
    pub repeats: usize,
    /// Whether the parent is not among the spans.
    pub orphan: bool,
    /// Whether the span is its own ancestor, and this row is where the cycle was cut.
    pub cycle: bool,
}

impl Row<'_> {
    /// Sum of the durations of all [`spans`](Self::spans).
    pub fn total(&self) -> Duration {
        let durations = self.spans.iter().map(|span| span.duration());
        durations.fold(Duration::ZERO, Duration::saturating_add)
    }

    /// The longest duration of the [`spans`](Self::spans).
    pub fn longest(&self) -> Duration {
        self.spans.iter().map(|span| span.duration()).max().unwrap_or_default()
    }
}

/// The rows of one trace. Iterative, since a trace can be as deep as it has spans.
pub(super) fn rows<'a>(trace: &Trace<'a>, options: &Options) -> Vec<Row<'a>> {
    let shapes = (options.folding != Folding::Nothing).then(|| shapes(trace, options));
    let same = |a: usize, b: usize| shapes.as_ref().is_some_and(|shapes| shapes[a] == shapes[b]);

    let tops = trace.tops();
    let alike = |a: usize, b: usize| tops[a].1 == tops[b].1 && same(tops[a].0, tops[b].0);
    let mut open: Vec<Group> = groups(tops.len(), options.folding, alike)
        .map(|group| Group {
            depth: 0,
            repeats: group.len(),
            top: Some(tops[group[0]].1),
            members: group.iter().map(|at| tops[*at].0).collect(),
        })
        .collect();
    open.reverse();

    let mut rows = Vec::new();
    while let Some(group) = open.pop() {
        // All members have the same shape, so the groups below the first are those below all.
        let children = trace.children(group.members[0]);
        let below = open.len();
        let alike = |a: usize, b: usize| same(children[a], children[b]);
        open.extend(groups(children.len(), options.folding, alike).map(|places| {
            Group {
                depth: group.depth + 1,
                repeats: places.len(),
                top: None,
                members: group
                    .members
                    .iter()
                    .flat_map(|member| places.iter().map(|place| trace.children(*member)[*place]))
                    .collect(),
            }
        }));
        open[below..].reverse();
        rows.push(group.into_row(trace.spans()));
    }
    rows
}

/// Spans, as places in the trace, that share a row.
struct Group {
    depth: usize,
    repeats: usize,
    top: Option<Top>,
    /// At least one.
    members: Vec<usize>,
}

impl Group {
    fn into_row<'a>(self, spans: &[&'a SpanRecord]) -> Row<'a> {
        Row {
            depth: self.depth,
            span: spans[self.members[0]],
            spans: self.members.iter().map(|place| spans[*place]).collect(),
            repeats: self.repeats,
            orphan: self.top == Some(Top::Orphan),
            cycle: self.top == Some(Top::Cycle),
        }
    }
}

/// Splits `0..len` into groups, none of them empty, that are the same and may share a row.
fn groups(
    len: usize,
    folding: Folding,
    same: impl Fn(usize, usize) -> bool,
) -> impl Iterator<Item = Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for place in 0..len {
        let fits = |group: &&mut Vec<usize>| same(group[0], place);
        let found = match folding {
            Folding::Nothing => None,
            Folding::Neighbors => groups.last_mut().filter(fits),
            // The last group is the likeliest: siblings that look the same come in runs.
            Folding::Siblings => groups.iter_mut().rev().find(fits),
        };
        match found {
            Some(group) => group.push(place),
            None => groups.push(vec![place]),
        }
    }
    groups.into_iter()
}

/// Numbers such that two spans of the trace have the same one if and only if they look the same.
fn shapes(trace: &Trace<'_>, options: &Options) -> Vec<usize> {
    let spans = trace.spans();
    let mut parents_first = Vec::with_capacity(spans.len());
    let mut open: Vec<usize> = trace.tops().iter().map(|(place, _)| *place).collect();
    while let Some(place) = open.pop() {
        parents_first.push(place);
        open.extend_from_slice(trace.children(place));
    }
    let mut numbers: HashMap<Shape<'_>, usize> = HashMap::new();
    let mut shapes = vec![0; spans.len()];
    for place in parents_first.into_iter().rev() {
        let children = trace.children(place).iter().map(|child| shapes[*child]).collect();
        let next = numbers.len();
        shapes[place] = *numbers.entry(Shape::new(spans[place], children, options)).or_insert(next);
    }
    shapes
}

#[derive(PartialEq, Eq, Hash)]
struct Shape<'a> {
    service: &'a str,
    name: &'a str,
    kind: Kind,
    status: Discriminant<Status>,
    message: Option<&'a str>,
    attributes: Vec<Option<&'a str>>,
    /// The shapes of the children, in order.
    children: Vec<usize>,
}

impl<'a> Shape<'a> {
    fn new(span: &'a SpanRecord, children: Vec<usize>, options: &Options) -> Self {
        Self {
            service: &span.service,
            name: &span.name,
            kind: span.kind,
            status: discriminant(&span.status),
            message: match &span.status {
                Status::Error(message) if options.messages => Some(message),
                _ => None,
            },
            attributes: options.attributes.iter().map(|key| span.attribute(key)).collect(),
            children,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;
    use crate::{Traces, Tree};

    fn span(id: usize, parent: Option<usize>, name: &str) -> SpanRecord {
        let mut span = SpanRecord::new("t", id.to_string(), name);
        span.parent_span_id = parent.map(|parent| parent.to_string());
        span.start += Duration::from_secs(id as u64);
        span.end = span.start + Duration::from_secs(1);
        span
    }

    fn shown(rows: &[Row<'_>]) -> Vec<(usize, String, usize, usize)> {
        let row = |row: &Row<'_>| (row.depth, row.span.name.clone(), row.repeats, row.spans.len());
        rows.iter().map(row).collect()
    }

    #[test]
    fn a_folded_row_holds_its_spans_and_those_below_theirs() {
        let spans = [
            span(0, None, "root"),
            span(1, Some(0), "line"),
            span(2, Some(1), "insert"),
            span(3, Some(1), "insert"),
            span(4, Some(0), "line"),
            span(5, Some(4), "insert"),
            span(6, Some(4), "insert"),
        ];
        let rows = Tree::new(&spans).folded().rows();
        assert_eq!(
            shown(&rows),
            [(0, "root".into(), 1, 1), (1, "line".into(), 2, 2), (2, "insert".into(), 2, 4)]
        );
        let ids: Vec<_> = rows[2].spans.iter().map(|span| &*span.span_id).collect();
        assert_eq!(ids, ["2", "3", "5", "6"]);
        assert_eq!(
            (rows[2].total(), rows[2].longest()),
            (Duration::from_secs(4), Duration::from_secs(1))
        );
    }

    #[test]
    fn what_looks_different_is_not_folded() {
        let fold = |change: fn(&mut SpanRecord), tree: fn(Tree<'_>) -> Tree<'_>| {
            let mut spans = [span(0, None, "root"), span(1, Some(0), "a"), span(2, Some(0), "a")];
            change(&mut spans[2]);
            tree(Tree::new(&spans).folded()).rows().len()
        };
        let as_is: fn(Tree<'_>) -> Tree<'_> = |tree| tree;
        assert_eq!(fold(|_| (), as_is), 2);
        assert_eq!(fold(|span| span.name = "b".into(), as_is), 3);
        assert_eq!(fold(|span| span.service = "b".into(), as_is), 3);
        assert_eq!(fold(|span| span.kind = Kind::Client, as_is), 3);
        assert_eq!(fold(|span| span.status = Status::Ok, as_is), 3);

        let attribute: fn(&mut SpanRecord) = |span| {
            span.attributes.insert("k".into(), "v".into());
        };
        assert_eq!(fold(attribute, as_is), 2);
        assert_eq!(fold(attribute, |tree| tree.attributes(["k"])), 3);

        let mut spans = [span(0, None, "root"), span(1, Some(0), "a"), span(2, Some(0), "a")];
        spans[1].status = Status::Error("x".into());
        spans[2].status = Status::Error("y".into());
        assert_eq!(Tree::new(&spans).folded().rows().len(), 2);
        assert_eq!(Tree::new(&spans).folded().messages(true).rows().len(), 3);
    }

    #[test]
    fn only_neighbors_fold_and_only_with_equal_children() {
        let spans = [
            span(0, None, "root"),
            span(1, Some(0), "a"),
            span(2, Some(0), "b"),
            span(3, Some(0), "a"),
            span(4, Some(0), "a"),
            span(5, Some(4), "leaf"),
        ];
        let rows = Tree::new(&spans).folded().rows();
        let names: Vec<_> = rows.iter().map(|row| (&*row.span.name, row.repeats)).collect();
        assert_eq!(names, [("root", 1), ("a", 1), ("b", 1), ("a", 1), ("a", 1), ("leaf", 1)]);
    }

    #[test]
    fn orphans_fold_among_themselves_only() {
        let spans = [
            span(0, Some(100), "a"),
            span(1, Some(101), "a"),
            span(2, None, "a"),
            span(3, None, "a"),
        ];
        let rows = Tree::new(&spans).folded().rows();
        let marks: Vec<_> = rows.iter().map(|row| (row.repeats, row.orphan)).collect();
        assert_eq!(marks, [(2, true), (2, false)]);
    }

    proptest! {
        #[test]
        fn rows_hold_each_span_once_whatever_the_parents_are(
            parents in prop::collection::vec((prop::option::of(0..40usize), 0..3usize), 0..40),
            folded in any::<bool>(),
        ) {
            let spans: Vec<_> = parents
                .iter()
                .enumerate()
                .map(|(id, (parent, name))| span(id, *parent, ["a", "b", "c"][*name]))
                .collect();
            let tree = Tree::new(&spans);
            let rows = if folded { tree.folded() } else { tree }.rows();

            let held: Vec<_> = rows.iter().flat_map(|row| &row.spans).collect();
            let distinct: HashSet<_> = held.iter().map(|span| &span.span_id).collect();
            prop_assert_eq!((held.len(), distinct.len()), (spans.len(), spans.len()));
            for pair in rows.windows(2) {
                prop_assert!(pair[1].depth <= pair[0].depth + 1);
            }
            for row in &rows {
                prop_assert_eq!(row.span, row.spans[0]);
                prop_assert!(row.spans.iter().all(|span| span.name == row.span.name));
                prop_assert!(row.depth == 0 || !(row.orphan || row.cycle));
                prop_assert!(folded || row.spans.len() == 1);
            }
            let unfolded = Tree::new(&spans).rows();
            let orphans = unfolded.iter().filter(|row| row.orphan).count();
            let parent_ids = parents.iter().filter_map(|(parent, _)| *parent);
            let lost = parent_ids.filter(|parent| *parent >= spans.len());
            prop_assert_eq!(orphans, lost.count());
            let traces = Traces::group(&spans);
            let one_tree = traces.iter().all(|trace| trace.is_one_tree());
            let tops = unfolded.iter().filter(|row| row.depth == 0).count();
            let roots = parents.iter().filter(|(parent, _)| parent.is_none()).count();
            prop_assert_eq!(one_tree, spans.is_empty() || (tops == 1 && roots == 1));
        }
    }
}
