use std::fmt;
use std::sync::OnceLock;

use opentelemetry::metrics::{Meter, UpDownCounter};

use crate::messaging::Messaging;

/// How many connections of one [`SocketTracing`](super::SocketTracing) are open, as a metric.
#[derive(Default)]
pub(super) struct OpenConnections {
    /// None if nothing is measured.
    counter: OnceLock<Option<UpDownCounter<i64>>>,
}

impl OpenConnections {
    /// Counts one more, until what is returned is dropped.
    pub(super) fn count(&self, messaging: &Messaging) -> Option<Open> {
        let counter =
            self.counter.get_or_init(|| messaging.meter().as_ref().map(counter)).clone()?;
        counter.add(1, &[]);
        Some(Open(counter))
    }
}

impl fmt::Debug for OpenConnections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenConnections").finish_non_exhaustive()
    }
}

/// A connection that counts as open.
pub(super) struct Open(UpDownCounter<i64>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.add(-1, &[]);
    }
}

fn counter(meter: &Meter) -> UpDownCounter<i64> {
    meter
        .i64_up_down_counter("websocket.connection.count")
        .with_description("Number of open WebSocket connections")
        .with_unit("{connection}")
        .build()
}
