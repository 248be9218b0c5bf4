//! What the same work costs here and elsewhere: the benches are run, and their output is read.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::bench::found::Found;
use crate::bench::summary::Summary;
use crate::command::{Cargo, StepError};

mod layers;
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

/// Those of the other packages that count instructions; ours are found.
const BENCHES: [(&str, &[&str]); 3] = [
    (PEERS, &["--bench", "wire"]),
    (DATADOG, &["--bench", "wire"]),
    (LAYERS, &["--bench", "server", "--bench", "client"]),
];

/// Runs all benches and prints the tables.
///
/// # Errors
/// If a bench cannot be run or is over its limit, or prints something else than is expected.
pub(crate) fn run(root: &Path) -> Result<(), StepError> {
    let ours = Found::find(root)?.arguments("");
    let ours: Vec<_> = ours.iter().map(String::as_str).collect();
    let mut counts = Counts::default();
    for (manifest, benches) in [(OURS, &ours[..])].into_iter().chain(BENCHES) {
        let bench = &["bench", "--manifest-path", manifest];
        let instructions = [bench, benches, &["--", "--output-format=json"]].concat();
        let output = Cargo::new(root, &instructions).output()?;
        collect(&mut counts.instructions, manifest, &output, instructions_of)?;
        // Ours are counted in the same program as the peers'.
        if manifest != OURS {
            let output = Cargo::new(root, &[&bench[..], &["--bench", "allocations"]].concat());
            collect(&mut counts.allocations, manifest, &output.output()?, allocations_of)?;
        }
    }
    for table in [&wire::WIRE, &layers::SERVER, &layers::CLIENT] {
        println!("\n{}", table.text(&table.heads(root), &counts)?);
    }
    Ok(())
}

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
    use super::table::Table;
    use super::*;
    use crate::bench::summary::tests::line as summary;

    fn figures(manifest: &'static str, output: &str) -> Result<Figures, StepError> {
        let mut figures = Figures::new();
        collect(&mut figures, manifest, output, instructions_of)?;
        Ok(figures)
    }

    /// Ours of a table, 300 each.
    fn ours(table: &Table) -> Counts {
        let line = |ours: &str| {
            let (function, id) = ours.split_once('.').unwrap();
            summary(table.ours().group, function, id, 300) + "\n"
        };
        let lines: String = table.rows.iter().map(|row| line(row.ours)).collect();
        Counts { instructions: figures(OURS, &lines).unwrap(), ..Counts::default() }
    }

    #[test]
    fn figures_are_read_and_compared_with_ours() {
        let mut counts = ours(&wire::WIRE);
        let peers = summary("fastrace_text", "fastrace_parse", "parse", 1582);
        counts.instructions.extend(figures(PEERS, &peers).unwrap());
        for (group, count) in [("throughline", 0), ("fastrace_text", 2)] {
            let line = format!(r#"{{"group":"{group}","id":"parse","allocations":{count}}}"#);
            collect(&mut counts.allocations, PEERS, &line, allocations_of).unwrap();
        }
        let text = wire::WIRE.text(&[], &counts).unwrap();
        let parse = text.lines().find(|line| line.starts_with("parse")).unwrap();
        let words: Vec<_> = parse.split_whitespace().collect();
        assert_eq!(words, ["parse", "traceparent", "300", "/", "0", "1,582", "/", "2", "x5.3"]);
    }

    #[test]
    fn layers_are_compared_within_their_own_table() {
        let mut counts = ours(&layers::SERVER);
        let peers = summary("server_fastrace", "fastrace_spans", "unsampled", 600);
        counts.instructions.extend(figures(LAYERS, &peers).unwrap());
        let text = layers::SERVER.text(&[], &counts).unwrap();
        let unsampled = text.lines().find(|line| line.starts_with("unsampled")).unwrap();
        let words: Vec<_> = unsampled.split_whitespace().skip(2).collect();
        assert_eq!(words, ["300", "/", "?", "600", "/", "?", "x2.0"]);
        assert!(layers::CLIENT.text(&[], &counts).is_err());
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
        for (table, ours, theirs) in [
            (&wire::WIRE, include_str!("../../benches/wire.rs"), None),
            (
                &layers::SERVER,
                include_str!("../../benches/server.rs"),
                Some(include_str!("../../benches/peers/layers/benches/server.rs")),
            ),
            (
                &layers::CLIENT,
                include_str!("../../benches/client.rs"),
                Some(include_str!("../../benches/peers/layers/benches/client.rs")),
            ),
        ] {
            for row in table.rows {
                let (function, id) = row.ours.split_once('.').unwrap();
                assert!(ours.contains(&format!("fn {function}(")), "{}", row.ours);
                assert!(ours.contains(&format!("#[bench::{id}(")), "{}", row.ours);
            }
            for column in table.columns.iter().filter(|column| column.manifest == LAYERS) {
                let group = format!("name = {}", column.group);
                assert!(theirs.is_some_and(|text| text.contains(&group)), "{group}");
            }
            for (name, id, note) in table.notes {
                assert!(table.columns.iter().any(|column| column.name == *name), "{name}");
                assert!(table.rows.iter().any(|row| row.id == *id), "{id}");
                assert!(table.legend.contains(&format!("\n{note}  ")), "{note}");
            }
        }
    }

    #[test]
    fn every_bench_of_a_peer_has_its_row() {
        for (table, benches) in [
            (&layers::SERVER, include_str!("../../benches/peers/layers/benches/server.rs")),
            (&layers::CLIENT, include_str!("../../benches/peers/layers/benches/client.rs")),
        ] {
            let ids = benches.lines().filter_map(|line| line.strip_prefix("#[bench::"));
            for id in ids.filter_map(|line| line.split('(').next()) {
                assert!(table.rows.iter().any(|row| row.id == id), "{id}");
            }
        }
    }
}
