//! Everything this repository does to itself, as `cargo xtask <command>`.

use std::process::ExitCode;

use command::StepError;
use times::Times;

mod bench;
mod builds;
mod command;
mod conformance;
mod examples;
mod features;
mod figures;
mod folders;
mod install;
mod interop;
mod peers;
mod public_api;
mod release;
mod report;
mod scenarios;
mod soak;
mod steps;
mod test_summary;
mod times;

const USAGE: &str = "\
Everything this repository does to itself.

Usage: cargo xtask <command>

Commands:
  test [--quick]   Run every check of this repository, in order, up to the first that fails.
                   The last line is the number of tests: `N passed, M failed`.
                   --quick leaves out docs, features, examples, bench, fuzz, interop and deny
  bench [filter]   Count the instructions and allocations of the benches, those whose names begin so
                   or all, and fail if they differ from benches/counts.toml. Needs valgrind and
                   gungraun-runner
  bench --write <reason>
                   Write what has changed to benches/counts.toml, with the reason
  bench --base <revision> [filter]
                   Count another revision too, and print what has changed since
  bench --runs <number> [filter]
                   Count several times, and fail if the counts do not repeat
  bench --drill    Plant a regression in a scratch copy, and fail unless the gate does
  conformance [--write-docs] [--cases]
                   Count the wire vectors that this library and other crates get wrong, by rule.
                   Fails if this library does, or if docs/peers.md says otherwise; --write-docs
                   writes it anew. --cases prints every case that came out otherwise.
                   The first run builds the other crates, which takes some minutes
  peers [--write-docs]
                   Run the benches of the wire formats, of the HTTP layers and of messages, here and
                   of other crates, and print their instructions and allocations, and what
                   docs/peers-costs.md and the table in README.md have got wrong since; --write-docs
                   writes both anew. Needs valgrind and gungraun-runner
  peers --scenarios [--write-docs]
                   Send the same requests through the HTTP layers of other crates and of this one,
                   and print what became of their spans and what they allocate. Fails if this library
                   gives a wrong answer, or if docs/peers-scenarios.md says otherwise; --write-docs
                   writes it anew
  peers --loopback [--write-docs]
                   Send requests to axum with each of the layers over the loopback, for some minutes,
                   and print what they leave of its throughput. Times fail nothing; --write-docs
                   writes docs/peers-loopback.md
  peers --messages [--write-docs]
                   Read and write the context of messages by this library and by others, and print what
                   that takes beside copying the text. Times fail nothing; --write-docs writes
                   docs/peers-messages.md
  peers --builds [--rounds <n>] [--write-docs]
                   Count the crates that this library and others bring, by features, and build each from
                   nothing, n times in turns (1; with 0, it only counts). Fails nothing by what it
                   takes; --write-docs writes docs/peers-builds.md
  api [--write-docs]
                   List the public API, and fail if docs/api says otherwise; --write-docs writes it
                   anew. Builds cargo-public-api the first time
  release [--only <step>] [--fuzz-seconds <n>] [--soak-seconds <n>]
                   Run what takes too long for every change: the public API and its compatibility,
                   pairs of features, benches three times, the pipeline under load (300 s), the
                   commands that run other crates, and each fuzz target for 600 s.
                   --only runs one of api, semver, features, runs, soak, conformance, peers,
                   scenarios, loopback, messages, builds and fuzz
  help             Print this text

Options:
  -h, --help       Print this text

Exit code: 0 if all is well, 1 if a check failed, 2 if the command line was not understood.
";

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
enum Request {
    Help,
    Test { quick: bool },
    Bench(bench::Mode),
    Conformance(conformance::Options),
    Peers { write_docs: bool },
    Builds(builds::Options),
    Scenarios { write_docs: bool },
    Times { of: Times, write_docs: bool },
    Api { write_docs: bool },
    Release(release::Options),
}

fn main() -> ExitCode {
    let arguments: Vec<String> =
        std::env::args_os().skip(1).map(|a| a.to_string_lossy().into_owned()).collect();
    match parse(&arguments) {
        Ok(Request::Help) => {
            print!("{USAGE}");
            ExitCode::SUCCESS
        }
        Ok(Request::Test { quick }) => steps::test(quick),
        Ok(Request::Bench(mode)) => ended(bench::run(&folders::root(), &mode)),
        Ok(Request::Conformance(options)) => ended(conformance::run(&folders::root(), options)),
        Ok(Request::Peers { write_docs }) => ended(peers::run(&folders::root(), write_docs)),
        Ok(Request::Builds(options)) => ended(builds::run(&folders::root(), options)),
        Ok(Request::Scenarios { write_docs }) => {
            ended(scenarios::run(&folders::root(), write_docs))
        }
        Ok(Request::Times { of, write_docs }) => ended(of.measure(&folders::root(), write_docs)),
        Ok(Request::Api { write_docs }) => ended(public_api::run(&folders::root(), write_docs)),
        Ok(Request::Release(options)) => release::run(&options),
        Err(message) => {
            eprintln!("error: {message}\n\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

fn ended(result: Result<(), StepError>) -> ExitCode {
    if let Err(error) = &result {
        eprintln!("error: {error}");
    }
    if result.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn parse(arguments: &[String]) -> Result<Request, String> {
    if arguments.iter().any(|a| a == "--help" || a == "-h") {
        return Ok(Request::Help);
    }
    match arguments.split_first().map(|(command, options)| (command.as_str(), options)) {
        None => Err("no command given".to_owned()),
        Some(("help", [])) => Ok(Request::Help),
        Some(("help", [unknown, ..])) => Err(format!("`help` takes no argument `{unknown}`")),
        Some(("test", options)) => {
            let [quick] = flags("test", options, ["--quick"])?;
            Ok(Request::Test { quick })
        }
        Some(("bench", options)) => bench_request(options),
        Some(("conformance", options)) => {
            let [write_docs, cases] = flags("conformance", options, ["--write-docs", "--cases"])?;
            Ok(Request::Conformance(conformance::Options { write_docs, cases }))
        }
        Some(("peers", options)) => peers_request(options),
        Some(("api", options)) => {
            let [write_docs] = flags("api", options, ["--write-docs"])?;
            Ok(Request::Api { write_docs })
        }
        Some(("release", options)) => release_request(options),
        Some((unknown, _)) => Err(format!("no command is called `{unknown}`")),
    }
}

fn bench_request(options: &[String]) -> Result<Request, String> {
    let options: Vec<_> = options.iter().map(String::as_str).collect();
    let filter = |rest: &[&str]| match rest {
        [] => Ok(String::new()),
        [filter] if !filter.starts_with('-') => Ok((*filter).to_owned()),
        [unknown, ..] => Err(format!("`bench` takes no argument `{unknown}` there")),
    };
    let mode = match &options[..] {
        ["--drill"] => bench::Mode::Drill,
        ["--write", reason] if !reason.trim().is_empty() => {
            bench::Mode::Write { reason: (*reason).to_owned() }
        }
        ["--write", ..] => return Err("`bench --write` takes one argument, the reason".to_owned()),
        ["--base", revision, rest @ ..] => {
            bench::Mode::Base { revision: (*revision).to_owned(), filter: filter(rest)? }
        }
        ["--runs", number, rest @ ..] => {
            let number = number.parse().ok().filter(|number| *number > 1);
            let number = number.ok_or("`bench --runs` takes a number, 2 or more")?;
            bench::Mode::Runs { number, filter: filter(rest)? }
        }
        rest => bench::Mode::Check { filter: filter(rest)? },
    };
    Ok(Request::Bench(mode))
}

fn peers_request(options: &[String]) -> Result<Request, String> {
    let (options, rounds) = rounds(options)?;
    let known = ["--scenarios", "--loopback", "--messages", "--builds", "--write-docs"];
    let [scenarios, loopback, messages, builds, write_docs] = flags("peers", &options, known)?;
    match [scenarios, loopback, messages, builds] {
        [false, false, false, true] => {
            Ok(Request::Builds(builds::Options { rounds: rounds.unwrap_or(1), write_docs }))
        }
        _ if rounds.is_some() => Err("`peers` takes `--rounds` beside `--builds`".to_owned()),
        [false, false, false, false] => Ok(Request::Peers { write_docs }),
        [true, false, false, false] => Ok(Request::Scenarios { write_docs }),
        [false, true, false, false] => Ok(Request::Times { of: times::LOOPBACK, write_docs }),
        [false, false, true, false] => Ok(Request::Times { of: times::MESSAGES, write_docs }),
        _ => Err("`peers` takes one of its flags beside `--write-docs`".to_owned()),
    }
}

/// The number behind `--rounds`, and the arguments beside it.
fn rounds(given: &[String]) -> Result<(Vec<String>, Option<u32>), String> {
    let mut others = given.to_vec();
    let Some(at) = given.iter().position(|argument| argument == "--rounds") else {
        return Ok((others, None));
    };
    let number = given.get(at + 1).and_then(|number| number.parse().ok());
    let number = number.ok_or("`--rounds` takes a number")?;
    others.drain(at..at + 2);
    Ok((others, Some(number)))
}

fn release_request(given: &[String]) -> Result<Request, String> {
    let mut options = release::Options::default();
    for option in given.chunks(2) {
        if option[0] == "--only" {
            let step =
                option.get(1).filter(|name| release::STEPS.iter().any(|step| step.name == **name));
            options.only = Some(step.ok_or("`--only` takes the name of a step")?.clone());
            continue;
        }
        let seconds = match option[0].as_str() {
            "--fuzz-seconds" => &mut options.fuzz_seconds,
            "--soak-seconds" => &mut options.soak_seconds,
            unknown => return Err(format!("`release` takes no argument `{unknown}`")),
        };
        let number = option.get(1).and_then(|number| number.parse().ok());
        // 0 would be for ever to the fuzzer.
        *seconds = number.filter(|number| *number > 0).ok_or("seconds are a number above 0")?;
    }
    Ok(Request::Release(options))
}

/// Which of the known flags are given; another argument is an error.
fn flags<const N: usize>(
    command: &str,
    given: &[String],
    known: [&str; N],
) -> Result<[bool; N], String> {
    match given.iter().find(|argument| !known.contains(&argument.as_str())) {
        Some(unknown) => Err(format!("`{command}` takes no argument `{unknown}`")),
        None => Ok(known.map(|flag| given.iter().any(|argument| argument == flag))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Request, String> {
        parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn a_test_run_is_full_unless_quick_is_asked_for() {
        assert_eq!(parsed("test"), Ok(Request::Test { quick: false }));
        assert_eq!(parsed("test --quick"), Ok(Request::Test { quick: true }));
    }

    #[test]
    fn bench_does_one_thing_with_some_benches() {
        use bench::Mode;
        let [filter, revision] = ["wire::parse", "main"].map(str::to_owned);
        let all = String::new;
        for (line, mode) in [
            ("bench", Mode::Check { filter: all() }),
            ("bench wire::parse", Mode::Check { filter: filter.clone() }),
            ("bench --write faster", Mode::Write { reason: "faster".to_owned() }),
            ("bench --base main", Mode::Base { revision: revision.clone(), filter: all() }),
            ("bench --base main wire::parse", Mode::Base { revision, filter: filter.clone() }),
            ("bench --runs 3 wire::parse", Mode::Runs { number: 3, filter }),
            ("bench --drill", Mode::Drill),
        ] {
            assert_eq!(parsed(line), Ok(Request::Bench(mode)), "{line}");
        }
    }

    #[test]
    fn conformance_takes_its_flags_in_any_order() {
        let options = |write_docs, cases| {
            Ok(Request::Conformance(conformance::Options { write_docs, cases }))
        };
        assert_eq!(parsed("conformance"), options(false, false));
        assert_eq!(parsed("conformance --cases --write-docs"), options(true, true));
    }

    #[test]
    fn scenarios_and_times_belong_to_the_peers() {
        let loopback = |write_docs| Ok(Request::Times { of: times::LOOPBACK, write_docs });
        assert_eq!(parsed("peers --loopback"), loopback(false));
        assert_eq!(parsed("peers --write-docs --loopback"), loopback(true));
        let messages = |write_docs| Ok(Request::Times { of: times::MESSAGES, write_docs });
        assert_eq!(parsed("peers --messages"), messages(false));
        assert_eq!(parsed("peers --write-docs --messages"), messages(true));
        let scenarios = |write_docs| Ok(Request::Scenarios { write_docs });
        assert_eq!(parsed("peers --scenarios"), scenarios(false));
        assert_eq!(parsed("peers --write-docs --scenarios"), scenarios(true));
        assert_eq!(parsed("peers"), Ok(Request::Peers { write_docs: false }));
        assert_eq!(parsed("peers --write-docs"), Ok(Request::Peers { write_docs: true }));
    }

    #[test]
    fn builds_are_measured_once_unless_a_number_is_given() {
        let builds =
            |rounds, write_docs| Ok(Request::Builds(builds::Options { rounds, write_docs }));
        assert_eq!(parsed("peers --builds"), builds(1, false));
        assert_eq!(parsed("peers --rounds 3 --write-docs --builds"), builds(3, true));
        assert_eq!(parsed("peers --builds --rounds 0"), builds(0, false));
    }

    #[test]
    fn a_release_looks_longer_unless_it_is_told_how_long() {
        let options =
            release::Options { only: Some("fuzz".to_owned()), fuzz_seconds: 5, soak_seconds: 9 };
        assert_eq!(parsed("release"), Ok(Request::Release(release::Options::default())));
        let both = "release --soak-seconds 9 --only fuzz --fuzz-seconds 5";
        assert_eq!(parsed(both), Ok(Request::Release(options)));
        assert_eq!(parsed("api --write-docs"), Ok(Request::Api { write_docs: true }));
    }

    #[test]
    fn help_is_given_wherever_it_is_asked_for() {
        for line in ["--help", "-h", "help", "test --help", "test --quick -h"] {
            assert_eq!(parsed(line), Ok(Request::Help), "{line}");
        }
    }

    #[test]
    fn what_is_not_understood_is_named() {
        for (line, named) in [
            ("tset", "`tset`"),
            ("test --fast", "`--fast`"),
            ("test --quick more", "`more`"),
            ("conformance --quick", "`--quick`"),
            ("bench --quick", "`--quick`"),
            ("bench wire server", "`wire`"),
            ("bench --write", "reason"),
            ("bench --write one two", "reason"),
            ("bench --runs 1", "2 or more"),
            ("bench --runs many", "2 or more"),
            ("bench --base", "`--base`"),
            ("bench --drill wire", "`--drill`"),
            ("peers --cases", "`--cases`"),
            ("peers --rounds 3", "`--builds`"),
            ("peers --loopback --rounds 3", "`--builds`"),
            ("peers --builds --rounds few", "a number"),
            ("peers --builds --rounds", "a number"),
            ("peers --loopback --scenarios", "one of"),
            ("peers --builds --messages", "one of"),
            ("peers --messages --loopback", "one of"),
            ("api --cases", "`--cases`"),
            ("release --quick", "`--quick`"),
            ("release --only deny", "name of a step"),
            ("release --fuzz-seconds", "above 0"),
            ("release --soak-seconds 0", "above 0"),
            ("release --soak-seconds soon", "above 0"),
            ("help me", "`me`"),
            ("", "no command"),
        ] {
            let message = parsed(line).unwrap_err();
            assert!(message.contains(named), "{line}: {message}");
        }
    }

    #[test]
    fn the_usage_lists_the_steps_of_a_release() {
        let names: Vec<_> = release::STEPS.iter().map(|step| step.name).collect();
        let (last, first) = names.split_last().unwrap();
        let sentence = format!("--only runs one of {} and {last}", first.join(", "));
        let usage = USAGE.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(usage.contains(&sentence), "{sentence}");
    }

    #[test]
    fn the_usage_lists_what_quick_leaves_out() {
        let left_out: Vec<_> = steps::STEPS.iter().filter(|s| !s.quick).map(|s| s.name).collect();
        let (last, first) = left_out.split_last().unwrap();
        let sentence = format!("--quick leaves out {} and {last}", first.join(", "));
        assert!(USAGE.contains(&sentence), "{sentence}");
    }
}
