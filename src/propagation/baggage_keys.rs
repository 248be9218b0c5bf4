/// Which of the application's baggage passes (rule TR-3).
///
/// ```
/// use throughline::propagation::{BaggageKeys, Propagator};
///
/// let some = Propagator::default().forward_baggage(["tenant", "region"]);
/// let all = Propagator::default().forward_baggage(true);
/// let most = Propagator::default().accept_baggage(BaggageKeys::except(["user-id"]));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BaggageKeys {
    /// Every member.
    All,
    /// No member.
    None,
    /// The members with these keys.
    Only(Vec<String>),
    /// Every member but those with these keys.
    Except(Vec<String>),
}

impl BaggageKeys {
    /// Every member but those with these keys. Keys are case-sensitive (rule BG-1).
    pub fn except<K: Into<String>>(keys: impl IntoIterator<Item = K>) -> Self {
        Self::Except(keys.into_iter().map(Into::into).collect())
    }

    pub(super) fn have(&self, key: &str) -> bool {
        match self {
            Self::All => true,
            Self::None => false,
            Self::Only(keys) => keys.iter().any(|known| known == key),
            Self::Except(keys) => keys.iter().all(|known| known != key),
        }
    }

    pub(super) fn are_all(&self) -> bool {
        *self == Self::All
    }
}

impl From<bool> for BaggageKeys {
    fn from(all: bool) -> Self {
        if all { Self::All } else { Self::None }
    }
}

impl<K: Into<String>, const N: usize> From<[K; N]> for BaggageKeys {
    fn from(keys: [K; N]) -> Self {
        Self::Only(keys.into_iter().map(Into::into).collect())
    }
}

impl<K: Into<String>> From<Vec<K>> for BaggageKeys {
    fn from(keys: Vec<K>) -> Self {
        Self::Only(keys.into_iter().map(Into::into).collect())
    }
}

#[cfg(test)]
mod tests {
    use crate::propagation::{BaggageKeys, Propagator};

    fn passed(propagator: &Propagator) -> Option<String> {
        let carrier = [("baggage", "a=1,b=2,c=3")];
        let context = propagator.extract(carrier.as_slice()).context;
        let mut out: Vec<(String, String)> = Vec::new();
        propagator.inject(&context, &mut out);
        out.pop().map(|(_, value)| value)
    }

    #[test]
    fn tr_3_only_listed_baggage_goes_out() {
        let propagator = Propagator::default();
        assert_eq!(passed(&propagator), None, "closed by default");
        assert_eq!(passed(&propagator.clone().forward_baggage(true)).unwrap(), "a=1,b=2,c=3");
        assert_eq!(passed(&propagator.clone().forward_baggage(["c", "a"])).unwrap(), "a=1,c=3");
        let except = propagator.forward_baggage(BaggageKeys::except(["a"]));
        assert_eq!(passed(&except).unwrap(), "b=2,c=3");
    }

    #[test]
    fn tr_3_only_listed_baggage_comes_in() {
        let propagator = Propagator::default().forward_baggage(true);
        assert_eq!(passed(&propagator.clone().accept_baggage(["b"])).unwrap(), "b=2");
        assert_eq!(passed(&propagator.accept_baggage(false)), None);
    }
}
