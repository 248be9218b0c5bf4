//! fastrace-tower, which reads and sends `traceparent` alone.

use fastrace::collector::{Config, Reporter, SpanRecord};

/// Records spans and drops them where they would be reported. Without a reporter, none are made.
pub fn report_to_nobody() {
    fastrace::set_reporter(Nobody, Config::default());
}

struct Nobody;

impl Reporter for Nobody {
    fn report(&mut self, spans: Vec<SpanRecord>) {
        drop(spans);
    }
}
