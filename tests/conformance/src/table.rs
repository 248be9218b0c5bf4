//! How many cases came out wrong, by rule and peer.

use std::fmt::Write;

use crate::apart::apart;
use crate::verdict::{Outcome, Verdict};

/// Verdicts, counted.
#[derive(Debug, PartialEq, Eq)]
pub struct Table {
    /// The heads of the columns.
    pub peers: Vec<String>,
    /// What a specification decides.
    pub specified: Vec<Row>,
    /// What none decides.
    pub apart: Vec<Row>,
    /// Cases whose headers no peer but this library claims, by rule.
    pub alone: Vec<(String, usize)>,
    /// Cases that nobody is asked about, by reason.
    pub left_out: Vec<(String, usize)>,
}

/// The cases of a rule.
#[derive(Debug, PartialEq, Eq)]
pub struct Row {
    /// An id such as `TP-3`.
    pub rule: String,
    /// Number of cases that anybody claims.
    pub cases: usize,
    /// One for each peer.
    pub cells: Vec<Cell>,
    /// Why it is counted apart.
    pub why: Option<&'static str>,
}

/// What a peer made of the cases of a rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    /// Cases that it was asked about.
    pub judged: usize,
    /// Of these, those that came out wrong.
    pub wrong: usize,
}

impl Table {
    /// Counts the verdicts, the first peer's in the first column: that is this library.
    #[must_use]
    pub fn new(verdicts: &[Verdict]) -> Self {
        let peers = distinct(verdicts.iter().map(|verdict| verdict.peer.as_str()));
        let left_out = left_out(verdicts, peers.first());
        let (specified, apart, alone) = (Vec::new(), Vec::new(), Vec::new());
        let mut table = Self { peers, specified, apart, alone, left_out };
        let asked = |verdict: &&Verdict| !matches!(verdict.outcome, Outcome::LeftOut(_));
        for rule in distinct(verdicts.iter().filter(asked).map(|verdict| verdict.rule.as_str())) {
            let of_rule = verdicts.iter().filter(asked).filter(|verdict| verdict.rule == rule);
            let whys = distinct(of_rule.clone().map(why).map(Option::unwrap_or_default));
            for reason in whys {
                let some = of_rule.clone().filter(|v| why(v).unwrap_or_default() == reason);
                table.add(&rule, &some.collect::<Vec<_>>());
            }
        }
        // The number behind the dash, so that 10 stands behind 9.
        let key = |row: &Row| {
            let (group, number) = row.rule.split_once('-').unwrap_or((&row.rule, ""));
            let group = GROUPS.iter().position(|known| *known == group).unwrap_or(GROUPS.len());
            (group, number.parse::<u32>().unwrap_or(0))
        };
        table.specified.sort_by_key(key);
        table.apart.sort_by_key(key);
        table
    }

    fn add(&mut self, rule: &str, verdicts: &[&Verdict]) {
        let cell = |peer: &String| {
            let of_peer = verdicts.iter().filter(|verdict| verdict.peer == *peer);
            Cell {
                judged: of_peer.clone().filter(|v| v.outcome != Outcome::NotClaimed).count(),
                wrong: of_peer.filter(|v| matches!(v.outcome, Outcome::Wrong(_))).count(),
            }
        };
        let cells: Vec<Cell> = self.peers.iter().map(cell).collect();
        let cases = cells.iter().map(|cell| cell.judged).max().unwrap_or(0);
        if cells.iter().skip(1).all(|cell| cell.judged == 0) {
            let cases = verdicts.iter().filter(|v| Some(&v.peer) == self.peers.first()).count();
            self.alone.push((rule.to_owned(), cases));
            return;
        }
        let why = verdicts.first().and_then(|verdict| why(verdict));
        let rows = if why.is_some() { &mut self.apart } else { &mut self.specified };
        rows.push(Row { rule: rule.to_owned(), cases, cells, why });
    }

    /// The sums of rows, by column.
    #[must_use]
    pub fn sums(rows: &[Row]) -> Vec<Cell> {
        let columns = rows.first().map_or(0, |row| row.cells.len());
        let sum = |column: usize| {
            rows.iter().map(|row| row.cells[column]).fold(Cell::default(), |sum, cell| Cell {
                judged: sum.judged + cell.judged,
                wrong: sum.wrong + cell.wrong,
            })
        };
        (0..columns).map(sum).collect()
    }
}

/// What a rule asks for; its id where it is not known here.
pub(crate) fn title(rule: &str) -> &str {
    TITLES.iter().find(|(known, _)| *known == rule).map_or(rule, |(_, title)| title)
}

/// A cell as text: a dash where nothing is claimed, and `of n` where not everything is.
pub(crate) fn cell(cell: Cell, cases: usize) -> String {
    match cell {
        Cell { judged: 0, .. } => "–".to_owned(),
        Cell { judged, wrong } if judged < cases => format!("{wrong} of {judged}"),
        Cell { wrong, .. } => wrong.to_string(),
    }
}

/// The table for a terminal.
#[must_use]
pub fn text(table: &Table) -> String {
    let mut text = String::new();
    for (title, rows) in
        [("wrong, by rule", &table.specified), ("otherwise than here, but not wrong", &table.apart)]
    {
        let heads: Vec<_> = table.peers.iter().map(|peer| peer.split_once(' ')).collect();
        let names =
            heads.iter().zip(&table.peers).map(|(head, peer)| head.map_or(&**peer, |h| h.0));
        line(&mut text, "", title, "cases", names);
        line(&mut text, "", "", "", heads.iter().map(|head| head.map_or("", |head| head.1)));
        for row in rows {
            let cells: Vec<_> = row.cells.iter().map(|one| cell(*one, row.cases)).collect();
            let cases = row.cases.to_string();
            let cells = cells.iter().map(String::as_str);
            line(&mut text, &row.rule, self::title(&row.rule), &cases, cells);
        }
        let sums: Vec<_> = Table::sums(rows)
            .iter()
            .map(|sum| format!("{} of {}", sum.wrong, sum.judged))
            .collect();
        let cases = rows.iter().map(|row| row.cases).sum::<usize>().to_string();
        line(&mut text, "", "all", &cases, sums.iter().map(String::as_str));
        text.push('\n');
    }
    text.push_str("–: it does not claim to read and write that\n");
    text
}

fn line<'a>(
    text: &mut String,
    rule: &str,
    title: &str,
    cases: &str,
    cells: impl Iterator<Item = &'a str>,
) {
    // Writing to a String cannot fail.
    let _ = write!(text, "{rule:<6} {title:<52} {cases:>5}");
    for cell in cells {
        let _ = write!(text, " {cell:>13}");
    }
    text.push('\n');
}

/// The reasons, each with its number of cases, which is the same for every peer.
fn left_out(verdicts: &[Verdict], peer: Option<&String>) -> Vec<(String, usize)> {
    let reason = |verdict: &Verdict| match &verdict.outcome {
        Outcome::LeftOut(reason) if Some(&verdict.peer) == peer => Some(reason.clone()),
        _ => None,
    };
    let all: Vec<_> = verdicts.iter().filter_map(reason).collect();
    let count = |reason: String| {
        let cases = all.iter().filter(|known| **known == reason).count();
        (reason, cases)
    };
    distinct(all.iter().map(String::as_str)).into_iter().map(count).collect()
}

fn why(verdict: &Verdict) -> Option<&'static str> {
    apart(&verdict.rule, &verdict.case)
}

fn distinct<'a>(items: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for item in items {
        if !found.iter().any(|known| known == item) {
            found.push(item.to_owned());
        }
    }
    found
}

/// In the order of the rows.
const GROUPS: [&str; 6] = ["TP", "TS", "BG", "SE", "BO", "TR"];

const TITLES: &[(&str, &str)] = &[
    ("TP-1", "traceparent: a valid one is continued"),
    ("TP-2", "traceparent: white space around it"),
    ("TP-3", "traceparent: a malformed one is refused"),
    ("TP-4", "traceparent: later versions are read"),
    ("TP-5", "traceparent: two of them are none"),
    ("TP-6", "traceparent: the random bit is kept"),
    ("TP-7", "traceparent: reserved flags are zeroed"),
    ("TP-9", "traceparent: stale headers are removed"),
    ("TP-10", "traceparent, tracestate: byte for byte"),
    ("TS-1", "tracestate: only beside a valid traceparent"),
    ("TS-2", "tracestate: several lines are one list"),
    ("TS-3", "tracestate: white space is ignored"),
    ("TS-4", "tracestate: empty ones are read, not sent"),
    ("TS-5", "tracestate: what a value may hold"),
    ("TS-6", "tracestate: keys of Level 2"),
    ("TS-7", "tracestate: a bad member drops the list"),
    ("TS-8", "tracestate: the first of equal keys stays"),
    ("TS-9", "tracestate: 32 members, no more"),
    ("TS-10", "tracestate: a changed member moves to the left"),
    ("TS-11", "tracestate: 512 characters are carried"),
    ("BG-1", "baggage: keys are not decoded"),
    ("BG-2", "baggage: several lines are one list"),
    ("BG-3", "baggage: encoded spaces are data"),
    ("BG-4", "baggage: a value may be empty"),
    ("BG-5", "baggage: values are encoded again"),
    ("BG-6", "baggage: what is no UTF-8 is U+FFFD"),
    ("BG-7", "baggage: properties stay what they are"),
    ("BG-8", "baggage: order and equal keys stay"),
    ("BG-9", "baggage: a bad member goes alone"),
    ("BG-10", "baggage: 64 members and 8192 bytes pass"),
    ("BG-11", "baggage: what is there already stays"),
    ("BG-12", "baggage: byte for byte"),
    ("BG-13", "baggage: kept without a trace"),
    ("SE-1", "sentry-trace: a malformed one is refused"),
    ("SE-2", "sentry-trace: several values"),
    ("SE-3", "sentry-trace: no decision stays none"),
    ("SE-4", "sentry-trace: its sampling context is frozen"),
    ("SE-8", "sentry-trace: organizations are kept apart"),
    ("SE-9", "sentry-trace: no header that is not asked for"),
    ("BO-4", "no header means no context"),
    ("TR-4", "headers beyond every bound"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(peer: &str, rule: &str, outcome: Outcome) -> Verdict {
        let [peer, rule, case] = [peer, rule, "case"].map(str::to_owned);
        Verdict { peer, rule, case, outcome }
    }

    fn wrong() -> Outcome {
        Outcome::Wrong("sent nothing".to_owned())
    }

    #[test]
    fn wrong_answers_are_counted_by_rule_and_peer() {
        let table = Table::new(&[
            verdict("us", "TP-10", Outcome::Right),
            verdict("us", "TP-3", Outcome::Right),
            verdict("us", "TP-3", wrong()),
            verdict("them 1.0", "TP-3", wrong()),
            verdict("them 1.0", "TP-3", Outcome::NotClaimed),
            verdict("them 1.0", "TP-10", wrong()),
        ]);
        assert_eq!(table.peers, ["us", "them 1.0"]);
        let cells = [Cell { judged: 2, wrong: 1 }, Cell { judged: 1, wrong: 1 }];
        assert_eq!(table.specified[0].cells, cells);
        assert_eq!(Table::sums(&table.specified), cells);
        assert_eq!(table.apart[0].rule, "TP-10");
        let text = text(&table);
        let row = text.lines().find(|line| line.starts_with("TP-3")).unwrap();
        let cells: Vec<_> = row.split_whitespace().rev().take(5).collect();
        assert_eq!(cells, ["1", "of", "1", "1", "2"], "{text}");
    }

    #[test]
    fn what_no_peer_claims_stands_in_no_row() {
        let table = Table::new(&[
            verdict("us", "SE-4", wrong()),
            verdict("them", "SE-4", Outcome::NotClaimed),
        ]);
        assert_eq!(table.specified, []);
        assert_eq!(table.alone, [("SE-4".to_owned(), 1)]);
    }

    #[test]
    fn what_is_left_out_is_counted_once_and_stands_in_no_row() {
        let left_out = |peer| verdict(peer, "MS-1", Outcome::LeftOut("is a message".to_owned()));
        let table = Table::new(&["us", "us", "them", "them"].map(left_out));
        assert_eq!(table.left_out, [("is a message".to_owned(), 2)]);
        assert_eq!((table.specified, table.apart, table.alone), (vec![], vec![], vec![]));
    }

    #[test]
    fn rows_stand_in_the_order_of_their_numbers() {
        let rules = ["ZZ-1", "BG-1", "TS-10", "TS-9", "TP-3"];
        let all = rules.iter().flat_map(|rule| {
            [verdict("us", rule, Outcome::Right), verdict("them", rule, Outcome::Right)]
        });
        let table = Table::new(&all.collect::<Vec<_>>());
        let sorted: Vec<_> = table.specified.iter().map(|row| row.rule.as_str()).collect();
        assert_eq!(sorted, ["TP-3", "TS-9", "TS-10", "BG-1", "ZZ-1"]);
    }
}
