//! Requests per second that axum serves over the loopback behind each layer, as ratios to axum's own.
//!
//! Each layer has a server process of its own, and all of them are measured in turns, so that
//! whatever else the machine does meets each alike. Progress goes to stderr, the page to stdout.

use std::env;
use std::error::Error;

mod load;
mod measure;
mod page;
mod server;
mod sink;
mod subject;

use subject::SUBJECTS;

type BoxError = Box<dyn Error + Send + Sync>;

fn main() -> Result<(), BoxError> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => {
            let rounds = measure::rounds()?;
            print!("{}", page::page(&rounds));
            Ok(())
        }
        ["serve", number] => {
            let subject = SUBJECTS.get(number.parse::<usize>()?).ok_or("there is no such layer")?;
            server::serve(subject)
        }
        _ => Err("it takes no arguments".into()),
    }
}
