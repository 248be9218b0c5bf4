//! Everything this repository does to itself, as `cargo xtask <command>`.

use std::process::ExitCode;

mod command;
mod examples;
mod features;
mod install;
mod interop;
mod report;
mod steps;
mod test_summary;

const USAGE: &str = "\
Everything this repository does to itself.

Usage: cargo xtask <command>

Commands:
  test [--quick]   Run every check of this repository, in order, up to the first that fails.
                   The last line is the number of tests: `N passed, M failed`.
                   --quick leaves out docs, features, examples, fuzz, interop and deny
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
        Err(message) => {
            eprintln!("error: {message}\n\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

fn parse(arguments: &[String]) -> Result<Request, String> {
    if arguments.iter().any(|a| a == "--help" || a == "-h") {
        return Ok(Request::Help);
    }
    match arguments.split_first().map(|(command, options)| (command.as_str(), options)) {
        None => Err("no command given".to_owned()),
        Some(("help", [])) => Ok(Request::Help),
        Some(("help", [unknown, ..])) => Err(format!("`help` takes no argument `{unknown}`")),
        Some(("test", options)) => match options.iter().find(|o| *o != "--quick") {
            Some(unknown) => Err(format!("`test` takes no argument `{unknown}`")),
            None => Ok(Request::Test { quick: !options.is_empty() }),
        },
        Some((unknown, _)) => Err(format!("no command is called `{unknown}`")),
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
            ("help me", "`me`"),
            ("", "no command"),
        ] {
            let message = parsed(line).unwrap_err();
            assert!(message.contains(named), "{line}: {message}");
        }
    }

    #[test]
    fn the_usage_lists_what_quick_leaves_out() {
        let left_out: Vec<_> = steps::STEPS.iter().filter(|s| !s.quick).map(|s| s.name).collect();
        let (last, first) = left_out.split_last().unwrap();
        let sentence = format!("--quick leaves out {} and {last}", first.join(", "));
        assert!(USAGE.contains(&sentence), "{sentence}");
    }
}
