//! How long it takes to read, write and relay the context of a message, here and elsewhere, as ratios to
//! copying its text.
//!
//! All are measured in turns, so that whatever else the machine does meets each alike, and of each the
//! fastest round counts. Progress goes to stderr, the page to stdout.

#[path = "messages/elsewhere.rs"]
mod elsewhere;
#[path = "messages/measure.rs"]
mod measure;
#[path = "messages/page.rs"]
mod page;
#[path = "messages/subjects.rs"]
mod subjects;
#[path = "../../websocket/texts.rs"]
mod texts;
#[expect(dead_code, reason = "in place, the parents alternate here")]
#[path = "../../websocket/work.rs"]
mod work;

fn main() {
    let columns = texts::SIZES.map(|bytes| {
        eprintln!("messages of {bytes} bytes");
        measure::measured(subjects::subjects(bytes))
    });
    print!("{}", page::page(&columns));
}
