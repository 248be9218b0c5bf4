use std::fmt;
use std::sync::{Arc, OnceLock};

use crate::limits;

/// The routes of a service, each kept once. Routers hand out the same text for the same route, so its
/// place in memory tells where to look, and an entry is compared with one text only.
#[derive(Clone)]
pub(super) struct Routes(Box<[OnceLock<Arc<str>>]>);

impl Routes {
    pub(super) fn shared(&self, route: &str) -> Arc<str> {
        let place = route.as_ptr().addr() / PLACES_APART;
        let known =
            self.0.get(place % self.0.len()).map(|place| place.get_or_init(|| route.into()));
        match known {
            Some(known) if **known == *route => Arc::clone(known),
            _ => Arc::from(route),
        }
    }
}

impl Default for Routes {
    fn default() -> Self {
        Self(vec![OnceLock::new(); limits::KNOWN_ROUTES].into())
    }
}

impl fmt::Debug for Routes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Routes").finish_non_exhaustive()
    }
}

/// Allocators keep texts at least that many bytes apart.
const PLACES_APART: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_is_kept_once() {
        let routes = Routes::default();
        let known = routes.shared("/users/{id}");
        assert!(Arc::ptr_eq(&known, &routes.shared("/users/{id}")));
    }

    #[test]
    fn routes_that_fall_into_one_place_stay_apart() {
        let routes = Routes::default();
        let text = "/a/b";
        for (from, to) in [(0, 2), (0, 4), (0, 3), (0, 2), (2, 4)] {
            assert_eq!(*routes.shared(&text[from..to]), text[from..to]);
        }
    }
}
