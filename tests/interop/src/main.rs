//! Sends traces through this library and the real SDKs of Sentry and OpenTelemetry, for Node and for
//! Python, in every order that matters, and says who loses what.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;

mod cell;
mod deviation;
mod docs;
mod matrix;
mod peer;
mod report;
mod us;

use cell::{Cell, Group};
use deviation::Outcome;
use matrix::Fleet;
use peer::Programs;
use report::Decision;

const USAGE: &str = "\
Sends traces through this library and the real SDKs of Sentry and OpenTelemetry.
`cargo xtask test` installs them and runs this.

Usage: cargo run -p interop -- [options]

Options:
  --python PATH   The interpreter that has python/requirements.txt installed
                  [default: interop/venv/bin/python in cargo's target folder]
  --node PATH     Node; node/package-lock.json is installed in its folder [default: node]
  --write-docs    Write docs/interop.md instead of comparing with it
  -h, --help      Print this text

Exit code: 0 if everything is as expected, 1 if not, 2 if the command line was not understood.
";

#[derive(Debug, PartialEq, Eq)]
enum Request {
    Help,
    Run(Options),
}

#[derive(Debug, PartialEq, Eq)]
struct Options {
    python: PathBuf,
    node: PathBuf,
    write_docs: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = std::env::args_os().skip(1).map(|a| a.to_string_lossy().into_owned());
    let result = match parse(arguments) {
        Ok(Request::Help) => {
            print!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Ok(Request::Run(options)) => run(&options).await,
        Err(message) => {
            eprintln!("error: {message}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Request, String> {
    // This program lies in the target folder as `debug/interop`.
    let own = std::env::current_exe().unwrap_or_default();
    let target = own.parent().and_then(Path::parent).unwrap_or(Path::new("target"));
    let mut options = Options {
        python: target.join("interop/venv/bin/python"),
        node: PathBuf::from("node"),
        write_docs: false,
    };
    while let Some(argument) = arguments.next() {
        let mut path =
            || arguments.next().map(PathBuf::from).ok_or(format!("{argument} needs a path"));
        match argument.as_str() {
            "-h" | "--help" => return Ok(Request::Help),
            "--python" => options.python = path()?,
            "--node" => options.node = path()?,
            "--write-docs" => options.write_docs = true,
            _ => return Err(format!("no option is called `{argument}`")),
        }
    }
    Ok(Request::Run(options))
}

/// Whether everything is as expected.
async fn run(options: &Options) -> anyhow::Result<bool> {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let programs = Programs {
        scripts: package.to_owned(),
        node: options.node.clone(),
        python: options.python.clone(),
    };
    let mut fleet = Fleet::start(&programs).await?;
    let cells = fleet.run().await?;
    print_matrix(&cells);

    let mut surprises = deviation::surprises(&cells);
    let page = docs::page(&fleet.versions(), &cells);
    let path = package.join("../../docs/interop.md");
    if options.write_docs {
        std::fs::create_dir_all(path.parent().context("it lies in a folder")?)?;
        std::fs::write(&path, page).context("docs/interop.md cannot be written")?;
    } else if std::fs::read_to_string(&path).ok().is_none_or(|written| written != page) {
        surprises.push("docs/interop.md says otherwise; `--write-docs` writes it anew".to_owned());
    }
    for surprise in &surprises {
        println!("UNEXPECTED: {surprise}");
    }
    let (runs, checks) = docs::totals(cells.iter());
    println!("\n{runs} cells, {checks} comparisons, {} unexpected", surprises.len());
    Ok(surprises.is_empty())
}

fn print_matrix(cells: &[Cell]) {
    for group in Group::ALL {
        println!("\n{:<84} {:<10} {:<10} deferred", group.name(), "sampled", "unsampled");
        let mut printed: Vec<(&str, bool)> = Vec::new();
        for cell in cells.iter().filter(|cell| cell.group == group) {
            let row = (cell.chain.as_str(), cell.baggage);
            if printed.contains(&row) {
                continue;
            }
            printed.push(row);
            let name = format!("{}{}", row.0, if row.1 { "; with baggage" } else { "" });
            let column = |decision| {
                let is_it = |cell: &&Cell| {
                    cell.group == group
                        && (cell.chain.as_str(), cell.baggage) == row
                        && cell.decision == decision
                };
                cells.iter().find(is_it).map_or("-".to_owned(), shown)
            };
            let [sampled, unsampled, deferred] = Decision::ALL.map(column);
            println!("{name:<84} {sampled:<10} {unsampled:<10} {deferred}");
        }
    }
    println!("\nok n: as expected, with n known deviations of SDKs; open: a known one of ours\n");
}

fn shown(cell: &Cell) -> String {
    match deviation::outcome(cell) {
        Outcome::Expected(0) => "ok".to_owned(),
        Outcome::Expected(known) => format!("ok {known}"),
        Outcome::Open => "open".to_owned(),
        Outcome::Unexpected => "UNEXPECTED".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Request, String> {
        parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn options_are_read_and_others_are_named() {
        let Ok(Request::Run(options)) = parsed("--python p --node n --write-docs") else {
            panic!("these are options")
        };
        assert_eq!((options.python, options.node), ("p".into(), "n".into()));
        assert!(options.write_docs);
        assert_eq!(parsed("--write-docs --help"), Ok(Request::Help));
        assert!(parsed("--pyhton p").unwrap_err().contains("--pyhton"));
        assert!(parsed("--python").unwrap_err().contains("needs a path"));
    }
}
