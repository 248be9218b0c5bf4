use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use opentelemetry::KeyValue;

use crate::limits;

/// What turns out about a request while it is worked on: inner parts tell, outer ones read.
///
/// It lies beside what came in, in one value of the context. A value of its own would cost four
/// allocations more per request, and a place in the request's extensions could not be reached from
/// a task that has the context only.
#[derive(Debug, Default)]
pub(crate) struct Learned {
    route: OnceLock<Arc<str>>,
    transaction: OnceLock<Arc<String>>,
    labels: Mutex<Vec<KeyValue>>,
}

impl Learned {
    /// The pattern that the request's path was matched with.
    pub(crate) fn route(&self) -> Option<&Arc<str>> {
        self.route.get()
    }

    /// Tells the route, and whether that is news: the first one counts.
    pub(crate) fn tell_route(&self, route: Arc<str>) -> bool {
        self.route.set(route).is_ok()
    }

    /// The name of what begins with this request.
    pub(crate) fn transaction(&self) -> Option<&Arc<String>> {
        self.transaction.get()
    }

    /// Names what begins with this request (rule SE-6), and tells whether that is news: the first name
    /// counts.
    pub(crate) fn tell_transaction(&self, name: Arc<String>) -> bool {
        self.transaction.set(name).is_ok()
    }

    /// Adds a label to the metrics of the request, as long as there is room.
    pub(crate) fn add_label(&self, label: KeyValue) {
        let mut labels = self.labels.lock().unwrap_or_else(PoisonError::into_inner);
        labels.retain(|known| known.key != label.key);
        if labels.len() < limits::METRIC_LABELS {
            labels.push(label);
        }
    }

    /// Takes the labels that were added.
    pub(crate) fn take_labels(&self) -> Vec<KeyValue> {
        std::mem::take(&mut *self.labels.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
