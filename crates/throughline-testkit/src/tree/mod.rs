//! Traces as indented text, one line per span.

use std::borrow::Cow;
use std::fmt;

mod rows;

pub use rows::Row;

use crate::limits::{MAX_SERVICE_WIDTH, MAX_SHOWN_DEPTH};
use crate::{SpanRecord, Status, Traces};

/// Spans as a tree that prints as text, to be read and to be compared with a snapshot.
///
/// A line is `service  name  KIND  ERROR  key=value …`, the name indented by two spaces per level,
/// and ends there: neither ids nor times, which differ in each run. Siblings are ordered by start,
/// then name. A blank line separates traces; the one that started first comes first. A span whose
/// parent is not there stands at the top and is marked `(parent missing)`, the first span of a
/// cycle of parents `(cycle)`. Control characters are escaped, so that a line stays a line.
///
/// ```
/// use throughline_testkit::{SpanRecord, Tree};
///
/// let mut spans = vec![SpanRecord::new("t", "a", "checkout"), SpanRecord::new("t", "b", "pay")];
/// spans[1].parent_span_id = Some("a".into());
/// spans[1].attributes.insert("card".into(), "visa".into());
///
/// let tree = Tree::new(&spans).services(false).attributes(["card"]);
/// assert_eq!(tree.to_string(), "checkout  INTERNAL\n  pay  INTERNAL  card=visa");
/// ```
#[derive(Clone, Debug)]
pub struct Tree<'a> {
    traces: Traces<'a>,
    options: Options,
}

impl<'a> Tree<'a> {
    /// A tree of these spans, given in any order: with services and error marks, without
    /// attributes and error messages, unfolded.
    pub fn new(spans: impl IntoIterator<Item = &'a SpanRecord>) -> Self {
        Self::from_traces(Traces::group(spans))
    }

    pub(crate) fn from_traces(traces: Traces<'a>) -> Self {
        Self { traces, options: Options::default() }
    }

    /// Whether lines begin with the service, padded to the longest name, up to
    /// [`MAX_SERVICE_WIDTH`]. On by default.
    #[must_use]
    pub fn services(mut self, shown: bool) -> Self {
        self.options.services = shown;
        self
    }

    /// Whether the spans with an error are marked `ERROR`. On by default.
    #[must_use]
    pub fn statuses(mut self, shown: bool) -> Self {
        self.options.statuses = shown;
        self
    }

    /// Whether the mark of an error is followed by its description, as `ERROR(connection lost)`.
    /// Off by default: such texts often hold ports and words of the operating system.
    #[must_use]
    pub fn messages(mut self, shown: bool) -> Self {
        self.options.messages = shown;
        self
    }

    /// The attributes to show, in this order, where a span has them. A value that is empty or
    /// holds white space stands in quotation marks.
    #[must_use]
    pub fn attributes<K: Into<String>>(mut self, keys: impl IntoIterator<Item = K>) -> Self {
        self.options.attributes = keys.into_iter().map(Into::into).collect();
        self
    }

    /// Folds each run of neighboring siblings that look the same into one, marked `×N`.
    ///
    /// Two spans look the same if service, name, kind, status and the shown attributes are equal,
    /// and their children, in order, look the same. Descriptions of errors count if they are shown.
    #[must_use]
    pub fn folded(mut self) -> Self {
        self.options.folding = Folding::Neighbors;
        self
    }

    /// Folds like [`folded`](Self::folded), but siblings that look the same share the line of the
    /// first of them even if others stand between: shorter, at the price of the order.
    #[must_use]
    pub fn gathered(mut self) -> Self {
        self.options.folding = Folding::Siblings;
        self
    }

    /// The lines as values, for a program that prints its own columns.
    ///
    /// Rows come in the order of the lines: each span before its children, at `depth` one above
    /// theirs. A new trace begins where `span.trace_id` changes.
    pub fn rows(&self) -> Vec<Row<'a>> {
        self.traces.iter().flat_map(|trace| rows::rows(trace, &self.options)).collect()
    }
}

impl fmt::Display for Tree<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = self.rows();
        let width = |row: &Row<'_>| printable(&row.span.service).chars().count();
        let width = rows.iter().map(width).max().unwrap_or(0).min(MAX_SERVICE_WIDTH);
        let mut previous: Option<&Row<'_>> = None;
        for row in &rows {
            if let Some(previous) = previous {
                let same = previous.span.trace_id == row.span.trace_id;
                f.write_str(if same { "\n" } else { "\n\n" })?;
            }
            previous = Some(row);
            if self.options.services {
                write!(f, "{:<width$}  ", printable(&row.span.service))?;
            }
            self.options.write_row(f, row)?;
        }
        Ok(())
    }
}

#[derive(Clone, Debug)]
struct Options {
    services: bool,
    statuses: bool,
    messages: bool,
    attributes: Vec<String>,
    folding: Folding,
}

/// Which spans of the same look share a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Folding {
    Nothing,
    Neighbors,
    Siblings,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            services: true,
            statuses: true,
            messages: false,
            attributes: Vec::new(),
            folding: Folding::Nothing,
        }
    }
}

impl Options {
    /// Writes what follows the service.
    fn write_row(&self, f: &mut fmt::Formatter<'_>, row: &Row<'_>) -> fmt::Result {
        let Row { span, depth, .. } = row;
        write!(f, "{:indent$}", "", indent = 2 * (*depth).min(MAX_SHOWN_DEPTH))?;
        if *depth > MAX_SHOWN_DEPTH {
            write!(f, "(depth {depth}) ")?;
        }
        f.write_str(&printable(&span.name))?;
        if row.repeats > 1 {
            write!(f, " ×{}", row.repeats)?;
        }
        write!(f, "  {}", span.kind)?;
        if let (Status::Error(message), true) = (&span.status, self.statuses) {
            f.write_str("  ERROR")?;
            if self.messages && !message.is_empty() {
                write!(f, "({})", printable(message))?;
            }
        }
        let mut separator = "  ";
        for key in &self.attributes {
            let Some(value) = span.attribute(key) else { continue };
            write!(f, "{separator}{}={}", printable(key), quoted(value))?;
            separator = " ";
        }
        if row.orphan {
            f.write_str("  (parent missing)")?;
        }
        if row.cycle {
            f.write_str("  (cycle)")?;
        }
        Ok(())
    }
}

/// Text without control characters: a name with a line break must not look like two spans, nor one
/// with an escape sequence drive the terminal.
fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(char::is_control) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    for char in text.chars() {
        if char.is_control() { out.extend(char.escape_default()) } else { out.push(char) }
    }
    Cow::Owned(out)
}

fn quoted(value: &str) -> Cow<'_, str> {
    if value.is_empty() || value.contains(|char: char| char == '"' || char.is_whitespace()) {
        Cow::Owned(format!("\"{}\"", printable(&value.replace('"', "\\\""))))
    } else {
        printable(value)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::Kind;

    fn span(id: &str, parent: &str, name: &str) -> SpanRecord {
        let mut span = SpanRecord::new("t", id, name);
        span.service = "api".into();
        span.parent_span_id = (!parent.is_empty()).then(|| parent.to_owned());
        span
    }

    fn at(mut span: SpanRecord, seconds: u64) -> SpanRecord {
        span.start += Duration::from_secs(seconds);
        span
    }

    #[test]
    fn siblings_are_ordered_by_start_then_name() {
        let spans = [
            at(span("3", "1", "b"), 5),
            at(span("2", "1", "c"), 4),
            at(span("4", "1", "a"), 5),
            at(span("5", "2", "below"), 9),
            span("1", "", "root"),
        ];
        insta::assert_snapshot!(Tree::new(&spans), @r"
        api  root  INTERNAL
        api    c  INTERNAL
        api      below  INTERNAL
        api    a  INTERNAL
        api    b  INTERNAL
        ");
    }

    #[test]
    fn services_are_aligned_and_traces_separated() {
        let mut spans = [span("1", "", "run"), span("2", "1", "store"), at(span("3", "", "x"), 7)];
        spans[1].service = "persistence".into();
        spans[1].kind = Kind::Consumer;
        spans[2].trace_id = "u".into();
        insta::assert_snapshot!(Tree::new(&spans), @r"
        api          run  INTERNAL
        persistence    store  CONSUMER

        api          x  INTERNAL
        ");
        insta::assert_snapshot!(Tree::new(&spans[..2]).services(false), @r"
        run  INTERNAL
          store  CONSUMER
        ");
    }

    #[test]
    fn a_service_of_any_length_shifts_only_its_own_line() {
        let mut spans = [span("1", "", "run"), span("2", "1", "store")];
        spans[1].service = "x".repeat(100_000);
        let text = Tree::new(&spans).to_string();
        let (first, second) = text.split_once('\n').unwrap();
        assert_eq!(first.find("run"), Some(MAX_SERVICE_WIDTH + 2));
        assert!(second.ends_with("x    store  INTERNAL"));
    }

    #[test]
    fn errors_and_chosen_attributes_stand_behind_the_kind() {
        let mut span = span("1", "", "run");
        span.status = Status::Error("no\nroute".into());
        for (key, value) in [("a", "1"), ("b", "two words"), ("c", ""), ("hidden", "x")] {
            span.attributes.insert(key.into(), value.into());
        }
        let spans = [span];
        let tree = Tree::new(&spans).services(false);
        assert_eq!(tree.to_string(), "run  INTERNAL  ERROR");
        let tree = tree.attributes(["c", "b", "missing", "a"]);
        assert_eq!(tree.to_string(), r#"run  INTERNAL  ERROR  c="" b="two words" a=1"#);
        let tree = tree.messages(true).attributes([""; 0]);
        assert_eq!(tree.to_string(), r"run  INTERNAL  ERROR(no\nroute)");
        assert_eq!(tree.statuses(false).to_string(), "run  INTERNAL");
    }

    #[test]
    fn orphans_and_cycles_are_marked() {
        let spans = [
            span("1", "", "root"),
            at(span("2", "lost", "orphan"), 1),
            at(span("3", "2", "child"), 2),
            at(span("4", "5", "ping"), 3),
            at(span("5", "4", "pong"), 4),
        ];
        insta::assert_snapshot!(Tree::new(&spans).services(false), @r"
        root  INTERNAL
        orphan  INTERNAL  (parent missing)
          child  INTERNAL
        ping  INTERNAL  (cycle)
          pong  INTERNAL
        ");
    }

    #[test]
    fn equal_siblings_gather_across_others() {
        let names = ["line", "todo", "line", "line", "todo"];
        let mut spans = vec![span("root", "", "build")];
        for (n, name) in names.into_iter().enumerate() {
            spans.push(at(span(&n.to_string(), "root", name), n as u64));
        }
        let tree = Tree::new(&spans).services(false);
        insta::assert_snapshot!(tree.clone().folded(), @r"
        build  INTERNAL
          line  INTERNAL
          todo  INTERNAL
          line ×2  INTERNAL
          todo  INTERNAL
        ");
        insta::assert_snapshot!(tree.gathered(), @r"
        build  INTERNAL
          line ×3  INTERNAL
          todo ×2  INTERNAL
        ");
    }

    #[test]
    fn runs_of_equal_siblings_fold() {
        let mut spans = vec![span("root", "", "build")];
        for n in 0..4 {
            let line = format!("line{n}");
            spans.push(at(span(&line, "root", "line"), n));
            spans.push(at(span(&format!("{line}a"), &line, "insert"), n));
            spans.push(at(span(&format!("{line}b"), &line, "insert"), n));
        }
        spans.push(at(span("end", "root", "done"), 9));
        insta::assert_snapshot!(Tree::new(&spans).folded(), @r"
        api  build  INTERNAL
        api    line ×4  INTERNAL
        api      insert ×2  INTERNAL
        api    done  INTERNAL
        ");
    }

    #[test]
    fn text_with_control_characters_stays_on_its_line() {
        let mut spans = [span("1", "", "a\n\u{1b}[31mb")];
        spans[0].attributes.insert("k".into(), "x\ty \"z\"".into());
        insta::assert_snapshot!(
            Tree::new(&spans).attributes(["k"]),
            @r#"api  a\n\u{1b}[31mb  INTERNAL  k="x\ty \"z\"""#
        );
    }

    #[test]
    fn a_chain_of_100_000_spans_prints_with_bounded_indentation() {
        let spans: Vec<_> = (0..100_000_u64)
            .map(|n| at(span(&n.to_string(), &n.wrapping_sub(1).to_string(), "s"), n))
            .collect();
        for tree in [Tree::new(&spans), Tree::new(&spans).folded()] {
            let text = tree.to_string();
            assert_eq!(text.lines().count(), spans.len());
            let last = text.lines().last().unwrap();
            assert_eq!(last.trim_start_matches("api").trim(), "(depth 99999) s  INTERNAL");
        }
    }

    #[test]
    fn no_span_prints_nothing() {
        assert_eq!(Tree::new(&[]).to_string(), "");
    }
}
