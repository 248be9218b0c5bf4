//! What the same work costs here and elsewhere: the benches are run, and their output is read.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::thread;

use serde_json::Value;

use crate::bench::Machine;
use crate::bench::found::Found;
use crate::bench::summary::Summary;
use crate::command::{Cargo, StepError};
use crate::install;
use table::Table;

mod drift;
mod layers;
mod messages;
mod readme;
mod table;
mod wire;

/// By manifest, group and id of a bench.
type Figures = BTreeMap<(&'static str, String, String), u64>;

/// What was counted.
#[derive(Default)]
struct Counts {
    instructions: Figures,
    allocations: Figures,
}

const OURS: &str = "Cargo.toml";
const PEERS: &str = "benches/peers/Cargo.toml";
const DATADOG: &str = "benches/peers/datadog/Cargo.toml";
const LAYERS: &str = crate::scenarios::LAYERS;

const PAGE: &str = "docs/peers-costs.md";
const README: &str = "README.md";

/// Those of the other packages that count instructions; ours are found.
const BENCHES: [(&str, &[&str]); 3] = [
    (PEERS, &["--bench", "floor", "--bench", "websocket", "--bench", "wire"]),
    (DATADOG, &["--bench", "wire"]),
    (LAYERS, &["--no-default-features", "--bench", "server", "--bench", "client"]),
];

const TABLES: [&Table; 4] = [&wire::WIRE, &layers::SERVER, &layers::CLIENT, &messages::MESSAGES];

/// Runs all benches and prints the tables. Writes them to the page and to README, or says what these
/// have got wrong since.
///
/// # Errors
/// If a bench cannot be run or is over its limit, or prints something else than is expected.
pub(crate) fn run(root: &Path, write_docs: bool) -> Result<(), StepError> {
    tools(root)?;
    let counts = count(root)?;
    let counted = counted(root);
    let page = page(root, &counts, &counted)?;
    let block = readme::block(root, &counts, &counted)?;
    println!("\n{page}\n{block}");
    let readme = read(root, README)?;
    if write_docs {
        let readme = readme::renewed(&readme, &block);
        let readme = readme.ok_or_else(|| broken(README, "the marks of the figures are gone"))?;
        write(root, README, &readme)?;
        return write(root, PAGE, &page);
    }
    let pages = [
        (README, readme::written(&readme).unwrap_or_default(), &block),
        (PAGE, &read(root, PAGE)?, &page),
    ];
    for (path, written, counted) in pages {
        for difference in drift::differences(written, counted) {
            println!("warning: {path}: {difference}; `cargo xtask peers --write-docs` renews it");
        }
    }
    Ok(())
}

fn tools(root: &Path) -> Result<(), StepError> {
    let missing = install::missing(root, &[("valgrind", &["--version"], "valgrind")]);
    if !missing.is_empty() {
        return Err(StepError::Rule(install::install_these(&missing)));
    }
    install::gungraun_runner(root)
}

fn count(root: &Path) -> Result<Counts, StepError> {
    let ours = Found::find(root)?.arguments("");
    let ours: Vec<_> = ours.iter().map(String::as_str).collect();
    let mut counts = Counts::default();
    for (manifest, benches) in [(OURS, &ours[..])].into_iter().chain(BENCHES) {
        let bench = &["bench", "--manifest-path", manifest];
        let gungraun = &["--", "--output-format=json", "--parallel=auto"];
        let output = Cargo::new(root, &[bench, benches, gungraun].concat()).output()?;
        collect(&mut counts.instructions, manifest, &output, instructions_of)?;
        // Ours are counted in the same program as the peers'.
        if manifest != OURS {
            let output = Cargo::new(root, &[&bench[..], &["--bench", "allocations"]].concat());
            collect(&mut counts.allocations, manifest, &output.output()?, allocations_of)?;
        }
    }
    Ok(counts)
}

/// When and where, as a sentence part that goes on with the versions of others.
fn counted(root: &Path) -> String {
    let date = Cargo::other(root, Path::new("date"), &["-u", "+%Y-%m-%d"]).answer();
    let date = date.as_deref().map_or("?", str::trim);
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let machine = Machine::here(root);
    format!("Counted {date}; {machine}, {cores} cores;")
}

fn page(root: &Path, counts: &Counts, counted: &str) -> Result<String, StepError> {
    let mut page = INTRODUCTION.to_owned();
    for table in TABLES {
        let text = table.text(&table.heads(root), counts)?;
        page += &format!("\n## {}\n\n{text}", table.title);
    }
    Ok(format!("{page}\n{}.\n", counted.trim_end_matches(';')))
}

fn read(root: &Path, path: &str) -> Result<String, StepError> {
    let file = root.join(path);
    if !file.exists() {
        return Ok(String::new());
    }
    fs::read_to_string(file).map_err(|error| broken(path, &error.to_string()))
}

fn write(root: &Path, path: &str, text: &str) -> Result<(), StepError> {
    fs::write(root.join(path), text).map_err(|error| broken(path, &error.to_string()))
}

fn broken(path: &str, what: &str) -> StepError {
    StepError::Rule(format!("{path}: {what}"))
}

const INTRODUCTION: &str = "\
# What the same work costs elsewhere

Written by `cargo xtask peers --write-docs`, which runs the benches of this library and of other crates on
the same input. Each cell is instructions / heap allocations, and how many times ours (x). An empty one:
the crate does no such work. What holds ours where they are is in [benches](../benches/README.md), and what
the others get wrong at that price in [peers.md](peers.md).
";

/// Group and id of a bench, and what was counted.
type Figure = (String, String, u64);

/// Reads one figure per line.
fn collect(
    figures: &mut Figures,
    manifest: &'static str,
    output: &str,
    read: fn(&'static str, &str) -> Option<Figure>,
) -> Result<(), StepError> {
    for line in output.lines() {
        let Some((group, id, figure)) = read(manifest, line) else {
            return Err(StepError::Rule(format!("a bench of {manifest} prints no figure: {line}")));
        };
        figures.insert((manifest, group, id), figure);
    }
    Ok(())
}

/// From a summary of gungraun. The ids of our own benches stand behind their functions.
fn instructions_of(manifest: &'static str, line: &str) -> Option<Figure> {
    let Summary { group, function, id, instructions, .. } = Summary::read(line)?;
    let id = if manifest == OURS { format!("{function}.{id}") } else { id };
    Some((group, id, instructions))
}

fn allocations_of(_: &'static str, line: &str) -> Option<Figure> {
    let count: Value = serde_json::from_str(line).ok()?;
    let text = |name: &str| count[name].as_str().map(str::to_owned);
    Some((text("group")?, text("id")?, count["allocations"].as_u64()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::summary::tests::line as summary;

    fn figures(manifest: &'static str, output: &str) -> Result<Figures, StepError> {
        let mut figures = Figures::new();
        collect(&mut figures, manifest, output, instructions_of)?;
        Ok(figures)
    }

    /// Ours of a table, 300 / 0 each.
    fn ours(table: &Table) -> Counts {
        let line = |ours: &str| {
            let (function, id) = ours.split_once('.').unwrap();
            summary(table.ours().group, function, id, 300) + "\n"
        };
        let lines: String = table.rows.iter().map(|row| line(row.ours)).collect();
        let mut counts =
            Counts { instructions: figures(OURS, &lines).unwrap(), ..Counts::default() };
        for row in table.rows {
            allocate(&mut counts, table.ours().counted, row.id, 0);
        }
        counts
    }

    fn allocate(
        counts: &mut Counts,
        (manifest, group): (&'static str, &str),
        id: &str,
        count: u64,
    ) {
        let line = format!(r#"{{"group":"{group}","id":"{id}","allocations":{count}}}"#);
        collect(&mut counts.allocations, manifest, &line, allocations_of).unwrap();
    }

    fn heads(table: &Table) -> Vec<String> {
        table.columns.iter().map(|column| column.name.to_owned()).collect()
    }

    fn cells<'a>(text: &'a str, title: &str) -> Vec<&'a str> {
        let row = text.lines().find(|line| line.starts_with(&format!("| {title} "))).unwrap();
        row.trim_matches('|').split('|').map(str::trim).collect()
    }

    #[test]
    fn figures_are_read_and_compared_with_ours() {
        let mut counts = ours(&wire::WIRE);
        let peers = summary("fastrace_text", "fastrace_parse", "parse", 1582);
        counts.instructions.extend(figures(PEERS, &peers).unwrap());
        assert!(wire::WIRE.text(&heads(&wire::WIRE), &counts).is_err(), "no allocations");
        allocate(&mut counts, (PEERS, "fastrace_text"), "parse", 2);
        let text = wire::WIRE.text(&heads(&wire::WIRE), &counts).unwrap();
        let title = "parse `traceparent`";
        assert_eq!(cells(&text, title), [title, "300 / 0", "", "", "", "1,582 / 2 x5.3", ""]);
    }

    #[test]
    fn layers_are_compared_within_their_own_table() {
        let mut counts = ours(&layers::SERVER);
        let peers = summary("server_fastrace", "fastrace_spans", "no_context", 600);
        counts.instructions.extend(figures(LAYERS, &peers).unwrap());
        allocate(&mut counts, (LAYERS, "server_fastrace"), "no_context", 1);
        let text = layers::SERVER.text(&heads(&layers::SERVER), &counts).unwrap();
        assert_eq!(cells(&text, "no context").last(), Some(&"600 / 1 x2.0 n"));
        assert!(text.contains("\n- n: "), "{text}");
        assert!(layers::CLIENT.text(&[], &counts).is_err());
    }

    #[test]
    fn readme_has_the_cheapest_and_the_usual_with_their_notes() {
        let mut counts = Counts::default();
        for table in TABLES {
            let Counts { instructions, allocations } = ours(table);
            counts.instructions.extend(instructions);
            counts.allocations.extend(allocations);
        }
        for (group, instructions) in [("sentry_trace", 600), ("text_map", 900)] {
            let summary = summary(group, "parse", "parse", instructions);
            counts.instructions.extend(figures(PEERS, &summary).unwrap());
            allocate(&mut counts, (PEERS, group), "parse", 0);
        }
        for row in ["extract_all_three", "inject_all_three"] {
            let summary = summary("text_map", "work", row, 3000);
            counts.instructions.extend(figures(PEERS, &summary).unwrap());
            allocate(&mut counts, (PEERS, "text_map"), row, 7);
        }
        let block = readme::block(Path::new("."), &counts, "Counted today;").unwrap();
        let usual = "OpenTelemetry 900 / 0 x3.0 [2]";
        let parse = cells(&block, "parse `traceparent`");
        assert_eq!(parse[1..], ["300 / 0", "Sentry 600 / 0 x2.0 [1]", usual]);
        let extract = cells(&block, "extract all three headers");
        assert_eq!(extract[2..], ["OpenTelemetry 3,000 / 7 x10", "the same"]);
        assert_eq!(cells(&block, "server, propagate only")[2..], ["–", "–"]);
        assert!(block.contains("\n- [1]: its own header"), "{block}");
        assert!(
            block.ends_with("\nCounted today; sentry-core ?, opentelemetry_sdk ?.\n"),
            "{block}"
        );
    }

    #[test]
    fn what_is_no_figure_is_an_error() {
        assert!(figures(OURS, "").unwrap().is_empty());
        for output in ["warning: x", r#"{"group":"wire","id":"parse"}"#] {
            let error = figures(OURS, output).unwrap_err().to_string();
            assert!(error.contains(output), "{error}");
        }
        let error = wire::WIRE.text(&[], &Counts::default()).unwrap_err().to_string();
        assert!(error.contains("parse_traceparent.valid"), "{error}");
    }

    #[test]
    fn every_row_has_its_bench_and_every_note_its_cell() {
        for (table, ours) in TABLES.into_iter().zip([
            include_str!("../../benches/wire.rs"),
            include_str!("../../benches/server.rs"),
            include_str!("../../benches/client.rs"),
            include_str!("../../benches/websocket.rs"),
        ]) {
            for row in table.rows {
                let (function, id) = row.ours.split_once('.').unwrap();
                assert!(ours.contains(&format!("fn {function}(")), "{}", row.ours);
                assert!(ours.contains(&format!("#[bench::{id}(")), "{}", row.ours);
            }
            for column in &table.columns[1..] {
                let group = format!("name = {}", column.group);
                assert!(PEERS_BENCHES.iter().any(|text| text.contains(&group)), "{group}");
            }
            for (name, id, mark) in table.notes {
                assert!(table.columns.iter().any(|column| column.name == *name), "{name}");
                assert!(table.rows.iter().any(|row| row.id == *id), "{id}");
                assert!(table.marks.iter().any(|(known, _)| known == mark), "{mark}");
            }
        }
    }

    #[test]
    fn every_bench_of_a_peer_has_its_row() {
        for benches in PEERS_BENCHES {
            let ids = benches.lines().filter_map(|line| line.trim().strip_prefix("#[bench::"));
            for id in ids.filter_map(|line| line.split('(').next()) {
                let mut rows = TABLES.iter().flat_map(|table| table.rows);
                assert!(rows.any(|row| row.id == id), "{id}");
            }
        }
    }

    const PEERS_BENCHES: [&str; 6] = [
        include_str!("../../benches/peers/benches/floor.rs"),
        include_str!("../../benches/peers/benches/websocket.rs"),
        include_str!("../../benches/peers/benches/wire.rs"),
        include_str!("../../benches/peers/benches/wire/text_map.rs"),
        include_str!("../../benches/peers/layers/benches/client.rs"),
        include_str!("../../benches/peers/layers/benches/server.rs"),
    ];
}
