//! What the same work costs here and elsewhere: the benches are run, and their output is read.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use conformance::version_in;
use serde_json::Value;

use crate::command::{Cargo, StepError};

/// A column of the table.
struct Column {
    name: &'static str,
    /// Whose version stands in the head, in the lock file beside the manifest.
    package: &'static str,
    manifest: &'static str,
    /// The group of its benches.
    group: &'static str,
}

const OURS: &str = "Cargo.toml";
const PEERS: &str = "benches/peers/Cargo.toml";
const DATADOG: &str = "benches/peers/datadog/Cargo.toml";

/// This library first: the others are compared with it.
const COLUMNS: [Column; 5] = [
    Column { name: "throughline", package: "throughline", manifest: OURS, group: "wire" },
    Column {
        name: "OpenTelemetry",
        package: "opentelemetry_sdk",
        manifest: PEERS,
        group: "text_map",
    },
    Column {
        name: "Datadog",
        package: "datadog-opentelemetry",
        manifest: DATADOG,
        group: "text_map",
    },
    Column { name: "Sentry", package: "sentry-core", manifest: PEERS, group: "sentry_trace" },
    Column { name: "fastrace", package: "fastrace", manifest: PEERS, group: "fastrace_text" },
];

/// A row of the table.
struct Row {
    title: &'static str,
    /// The id of the peers' benches.
    id: &'static str,
    /// Function and id of ours.
    ours: &'static str,
}

const fn row(title: &'static str, id: &'static str, ours: &'static str) -> Row {
    Row { title, id, ours }
}

/// The wire formats; other work becomes other rows.
const ROWS: &[Row] = &[
    row("parse traceparent", "parse", "parse_traceparent.valid"),
    row("refuse a bad one", "refuse", "parse_traceparent.refused"),
    row("extract traceparent", "extract_traceparent", "extract_traceparent.traceparent"),
    row("extract all three", "extract_all_three", "extract_all_three.w3c"),
    row("extract nothing", "extract_nothing", "extract_nothing.default"),
    row("extract baggage of 64, plain", "extract_baggage_plain", "extract_baggage_of_64.plain"),
    row("the same, encoded", "extract_baggage_encoded", "extract_baggage_of_64.encoded"),
    row("extract tracestate of 32", "extract_tracestate", "extract_tracestate_of_32.full"),
    row("inject traceparent", "inject_traceparent", "inject_traceparent.reused_map"),
    row("inject all three", "inject_all_three", "inject_all_three.reused_map"),
    row("inject all three, new map", "inject_into_new", "inject_all_three_into_new.new_map"),
    row("all formats, in and out", "all_formats", "extract_and_inject_all.all"),
];

/// What a cell does otherwise than its row says.
const NOTES: &[(&str, &str, char)] = &[
    ("OpenTelemetry", "parse", 'm'),
    ("OpenTelemetry", "refuse", 'm'),
    ("Datadog", "parse", 'm'),
    ("Datadog", "refuse", 'm'),
    ("Sentry", "parse", 's'),
    ("Sentry", "refuse", 's'),
    ("Sentry", "extract_traceparent", 's'),
    ("fastrace", "extract_tracestate", 't'),
    ("fastrace", "inject_traceparent", 't'),
];

const LEGEND: &str = "\
instructions / allocations, times ours (x)
m  from a header map: there is no function for the text
s  its own header sentry-trace, from a map with the organization in baggage
t  the text alone: tracestate is not looked into, traceparent not put into a map
";

/// By manifest, group and id of a bench.
type Figures = BTreeMap<(&'static str, String, String), u64>;

/// Runs all benches and prints the table.
///
/// # Errors
/// If a bench cannot be run or is over its limit, or prints something else than is expected.
pub(crate) fn run(root: &Path) -> Result<(), StepError> {
    let mut instructions = Figures::new();
    let mut allocations = Figures::new();
    for manifest in [OURS, PEERS, DATADOG] {
        let bench = ["bench", "--manifest-path", manifest, "--bench"];
        let wire = [&bench[..], &["wire", "--", "--output-format=json"]].concat();
        let output = Cargo::new(root, &wire).output()?;
        collect(&mut instructions, manifest, &output, instructions_of)?;
        // Ours are counted in the same program as the peers'.
        if manifest != OURS {
            let output = Cargo::new(root, &[&bench[..], &["allocations"]].concat()).output()?;
            collect(&mut allocations, manifest, &output, allocations_of)?;
        }
    }
    let heads = COLUMNS.map(|column| format!("{} {}", column.name, version(root, &column)));
    println!("\n{}", table(&heads, &instructions, &allocations)?);
    Ok(())
}

fn version(root: &Path, column: &Column) -> String {
    let lock = root.join(column.manifest).with_file_name("Cargo.lock");
    let lock = fs::read_to_string(lock).unwrap_or_default();
    version_in(&lock, column.package).to_owned()
}

/// Reads one JSON object per line.
fn collect(
    figures: &mut Figures,
    manifest: &'static str,
    output: &str,
    read: fn(&Value) -> Option<(String, u64)>,
) -> Result<(), StepError> {
    for line in output.lines() {
        let object: Value = serde_json::from_str(line).unwrap_or_default();
        let group = object["group"].as_str().map(str::to_owned);
        let (Some(group), Some((id, figure))) = (group, read(&object)) else {
            return Err(StepError::Rule(format!("a bench of {manifest} prints no figure: {line}")));
        };
        figures.insert((manifest, group, id), figure);
    }
    Ok(())
}

/// From a summary of gungraun.
fn instructions_of(summary: &Value) -> Option<(String, u64)> {
    let id = summary["id"].as_str()?;
    let function = summary["function_name"].as_str()?;
    let ours = format!("{function}.{id}");
    let id = if ROWS.iter().any(|row| row.ours == ours) { ours } else { id.to_owned() };
    let metrics = summary["profiles"][0]["data"]["total"]["metrics"].get("Ir")?;
    Some((id, metrics["values"]["new"].as_u64()?))
}

fn allocations_of(count: &Value) -> Option<(String, u64)> {
    Some((count["id"].as_str()?.to_owned(), count["allocations"].as_u64()?))
}

fn table(
    heads: &[String],
    instructions: &Figures,
    allocations: &Figures,
) -> Result<String, StepError> {
    let mut text = format!("{:<29}", "");
    for head in heads {
        // Writing to a String cannot fail.
        let _ = write!(text, " {head:>26}");
    }
    text.push('\n');
    for row in ROWS {
        let _ = write!(text, "{:<29}", row.title);
        let ours = instructions.get(&(OURS, "wire".to_owned(), row.ours.to_owned()));
        let Some(&ours) = ours else {
            return Err(StepError::Rule(format!("benches/wire.rs has no bench {}", row.ours)));
        };
        for column in &COLUMNS {
            let _ = write!(text, " {:>26}", cell(row, column, ours, instructions, allocations));
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    Ok(format!("{text}\n{LEGEND}"))
}

fn cell(
    row: &Row,
    column: &Column,
    ours: u64,
    instructions: &Figures,
    allocations: &Figures,
) -> String {
    let is_ours = column.manifest == OURS;
    let id = if is_ours { row.ours } else { row.id };
    let key = (column.manifest, column.group.to_owned(), id.to_owned());
    let Some(&figure) = instructions.get(&key) else { return String::new() };
    let counted = if is_ours { (PEERS, "throughline", row.id) } else { (key.0, &*key.1, row.id) };
    let counted = allocations.get(&(counted.0, counted.1.to_owned(), counted.2.to_owned()));
    let counted = counted.map_or("?".to_owned(), u64::to_string);
    let note = NOTES.iter().find(|(name, id, _)| *name == column.name && *id == row.id);
    let note = note.map_or(' ', |(.., note)| *note);
    if is_ours {
        return format!("{} / {counted}", thousands(figure));
    }
    format!("{} / {counted} x{}{note}", thousands(figure), ratio(figure, ours))
}

/// One digit behind the point below ten.
fn ratio(figure: u64, ours: u64) -> String {
    let tenths = (figure * 10 + ours / 2) / ours.max(1);
    if tenths < 100 {
        format!("{}.{}", tenths / 10, tenths % 10)
    } else {
        (tenths / 10).to_string()
    }
}

fn thousands(figure: u64) -> String {
    let digits = figure.to_string();
    let mut text = String::new();
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(manifest: &'static str, output: &str) -> Result<Figures, StepError> {
        let mut figures = Figures::new();
        collect(&mut figures, manifest, output, instructions_of)?;
        Ok(figures)
    }

    fn summary(group: &str, function: &str, id: &str, instructions: u64) -> String {
        let metrics = format!(r#"{{"Ir":{{"values":{{"new":{instructions},"old":1}}}}}}"#);
        let profiles = format!(r#"[{{"data":{{"total":{{"metrics":{metrics}}}}}}}]"#);
        format!(
            r#"{{"group":"{group}","function_name":"{function}","id":"{id}","profiles":{profiles}}}"#
        )
    }

    #[test]
    fn figures_are_read_and_compared_with_ours() {
        let ours = ROWS.iter().map(|row| {
            let (function, id) = row.ours.split_once('.').unwrap();
            summary("wire", function, id, 300) + "\n"
        });
        let mut instructions = figures(OURS, &ours.collect::<String>()).unwrap();
        let peers = summary("fastrace_text", "fastrace_parse", "parse", 1582);
        instructions.extend(figures(PEERS, &peers).unwrap());
        let mut allocations = Figures::new();
        for (group, count) in [("throughline", 0), ("fastrace_text", 2)] {
            let line = format!(r#"{{"group":"{group}","id":"parse","allocations":{count}}}"#);
            collect(&mut allocations, PEERS, &line, allocations_of).unwrap();
        }
        let text = table(&[], &instructions, &allocations).unwrap();
        let parse = text.lines().find(|line| line.starts_with("parse")).unwrap();
        let words: Vec<_> = parse.split_whitespace().collect();
        assert_eq!(words, ["parse", "traceparent", "300", "/", "0", "1,582", "/", "2", "x5.3"]);
    }

    #[test]
    fn what_is_no_figure_is_an_error() {
        assert!(figures(OURS, "").unwrap().is_empty());
        for output in ["warning: x", r#"{"group":"wire","id":"parse"}"#] {
            let error = figures(OURS, output).unwrap_err().to_string();
            assert!(error.contains(output), "{error}");
        }
        let error = table(&[], &Figures::new(), &Figures::new()).unwrap_err().to_string();
        assert!(error.contains("parse_traceparent.valid"), "{error}");
    }

    #[test]
    fn every_row_has_its_bench_and_every_note_its_cell() {
        let bench = include_str!("../../benches/wire.rs");
        for Row { ours, .. } in ROWS {
            let (function, id) = ours.split_once('.').unwrap();
            assert!(bench.contains(&format!("fn {function}(")), "{ours}");
            assert!(bench.contains(&format!("#[bench::{id}(")), "{ours}");
        }
        for (name, id, note) in NOTES {
            assert!(COLUMNS.iter().any(|column| column.name == *name), "{name}");
            assert!(ROWS.iter().any(|row| row.id == *id), "{id}");
            assert!(LEGEND.contains(&format!("\n{note}  ")), "{note}");
        }
    }

    #[test]
    fn numbers_are_easy_to_read() {
        assert_eq!([7, 907, 1907, 304_947].map(thousands), ["7", "907", "1,907", "304,947"]);
        assert_eq!([ratio(3769, 331), ratio(1582, 331), ratio(330, 331)], ["11", "4.8", "1.0"]);
    }
}
