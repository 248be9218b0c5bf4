//! Prints the most frequent words of a text, and reports its own progress in `@todo` lines.

use sample::{count, percent};

const TEXT: &str = "A runner sends an event to a broker, the broker forwards the event to an API, \
    the API hands the event to a service, and the service stores the event.";

fn main() {
    println!("@todo add read Read the text");
    println!("@todo add count Count its words");
    println!("@todo add print Print the most frequent ones");

    println!("@todo start read");
    println!("{} characters", TEXT.len());
    println!("@todo done read");

    println!("@todo start count");
    let counts = count(TEXT);
    let total = counts.iter().map(|(_, count)| count).sum();
    println!("{total} words, {} of them different", counts.len());
    println!("@todo done count");

    println!("@todo start print");
    for (word, count) in counts.iter().take(5) {
        println!("{count:>3}  {:>2} %  {word}", percent(*count, total));
    }
    eprintln!("the rest of the words is left out");
    println!("@todo done print");
}
