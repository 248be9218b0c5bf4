//! OpenTelemetry's member `ot` of `tracestate`: the threshold `th` that a sampler compared with the
//! random value of the trace, and that value as `rv` if it is not in the trace id
//! ([probability sampling](https://opentelemetry.io/docs/specs/otel/trace/tracestate-probability-sampling/)).

use std::fmt;

use crate::context::TraceState;
use crate::limits;

/// The key of the member.
pub(super) const OT: &str = "ot";

/// The value of the member: parts of the form `key:value`, separated by semicolons. Keys are unique;
/// one that is there twice says nothing.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ot<'a>(&'a str);

impl<'a> Ot<'a> {
    /// The threshold: 1 to 14 hex digits, the zeros at the end left off.
    pub(super) fn threshold(self) -> Option<Threshold> {
        let digits = self.unique("th").filter(|digits| (1..=DIGITS).contains(&digits.len()))?;
        let missing = DIGITS - digits.len();
        Some(Threshold(hex(digits)? << (4 * missing)))
    }

    /// The random value of the trace: `rv` if it is there, else the low 56 bits of the id.
    pub(super) fn random_value(self, trace_id: [u8; 16]) -> u64 {
        let explicit = self.unique("rv").filter(|digits| digits.len() == DIGITS).and_then(hex);
        explicit.unwrap_or_else(|| {
            let [.., a, b, c, d, e, f, g] = trace_id;
            u64::from_be_bytes([0, a, b, c, d, e, f, g])
        })
    }

    /// The value with that threshold, or none, instead of its own. The other parts stay.
    ///
    /// A threshold that does not fit any more is left out: a stale one would count spans wrongly, one
    /// that is missing only says that nobody knows.
    pub(super) fn with_threshold(self, threshold: Option<Threshold>) -> String {
        let own = |part: &&str| !part.is_empty() && key_of(part) != Some("th");
        let others = self.0.split(';').filter(own).collect::<Vec<_>>().join(";");
        let value = match threshold {
            Some(th) if others.is_empty() => format!("th:{th}"),
            Some(th) => format!("th:{th};{others}"),
            None => String::new(),
        };
        let fits = (1..=limits::TRACESTATE_VALUE_CHARS).contains(&value.len());
        // The part that was behind a space may be gone (rule TS-5).
        if fits { value } else { others }.trim_end_matches(' ').to_owned()
    }

    /// Whether the member need not change to have that threshold, or none.
    fn says(self, threshold: Option<Threshold>) -> bool {
        match threshold {
            Some(_) => self.threshold() == threshold,
            None => self.values("th").next().is_none(),
        }
    }

    fn unique(self, key: &'a str) -> Option<&'a str> {
        let mut values = self.values(key);
        values.next().filter(|_| values.next().is_none())
    }

    fn values(self, key: &'a str) -> impl Iterator<Item = &'a str> {
        let parts = self.0.split(';').filter_map(|part| part.split_once(':'));
        parts.filter(move |(name, _)| *name == key).map(|(_, value)| value)
    }
}

impl<'a> From<Option<&'a str>> for Ot<'a> {
    fn from(value: Option<&'a str>) -> Self {
        Self(value.unwrap_or_default())
    }
}

/// Random values below it are dropped: of 2^56 values, so many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Threshold(u64);

impl Threshold {
    /// The threshold that keeps that share of the values. `None` if not one of them is kept, which no
    /// threshold can say.
    #[cfg(feature = "sdk")]
    pub(super) fn of_rate(rate: f64) -> Option<Self> {
        #[expect(clippy::cast_precision_loss, reason = "a power of two is exact")]
        let kept = (rate * VALUES as f64).round();
        #[expect(clippy::cast_possible_truncation, reason = "the product is from 0 to 2^56")]
        #[expect(clippy::cast_sign_loss, reason = "the product is from 0 to 2^56")]
        let kept = kept as u64;
        (kept > 0).then(|| Self(VALUES.saturating_sub(kept)))
    }

    pub(super) fn keeps(self, random_value: u64) -> bool {
        random_value >= self.0
    }

    #[cfg(feature = "sdk")]
    pub(super) fn keeps_all(self) -> bool {
        self.0 == 0
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = format!("{:014x}", self.0);
        f.write_str(match digits.trim_end_matches('0') {
            "" => "0",
            digits => digits,
        })
    }
}

/// Gives the list that threshold, or none.
pub(super) fn set_threshold(state: &mut TraceState, threshold: Option<Threshold>) {
    let ot = Ot::from(state.get(OT));
    if !ot.says(threshold) {
        let value = ot.with_threshold(threshold);
        if state.set(OT, &value).is_err() {
            state.remove(OT);
        }
    }
}

/// A list of OpenTelemetry's with the member that came in and that threshold, or none.
#[cfg(feature = "sdk")]
pub(super) fn with_threshold(
    state: opentelemetry::trace::TraceState,
    ot: Ot<'_>,
    threshold: Option<Threshold>,
) -> opentelemetry::trace::TraceState {
    let says = ot.says(threshold);
    if says && state.get(OT).unwrap_or_default() == ot.0 {
        return state;
    }
    let value = if says { ot.0.to_owned() } else { ot.with_threshold(threshold) };
    let set = if value.is_empty() { state.delete(OT) } else { state.insert(OT, value) };
    set.unwrap_or(state)
}

/// A list in OpenTelemetry's form. That refuses keys which rule TS-6 allows; only those are left out.
pub(super) fn mirror(state: &TraceState) -> opentelemetry::trace::TraceState {
    use opentelemetry::trace::TraceState;
    TraceState::from_key_value(state.iter())
        .or_else(|_| {
            let taken = |member: &(&str, &str)| TraceState::from_key_value([*member]).is_ok();
            TraceState::from_key_value(state.iter().filter(taken))
        })
        .unwrap_or_default()
}

fn key_of(part: &str) -> Option<&str> {
    part.split_once(':').map(|(key, _)| key)
}

/// The number that these hex digits are, of either case; at most 16 of them.
fn hex(digits: &str) -> Option<u64> {
    let mut digits = digits.chars().map(|digit| digit.to_digit(16));
    digits.try_fold(0, |number, digit| Some(number << 4 | u64::from(digit?)))
}

/// Hex digits of a number of 56 bits.
const DIGITS: usize = 14;

/// How many numbers of 56 bits there are.
#[cfg(feature = "sdk")]
const VALUES: u64 = 1 << 56;

#[cfg(test)]
mod tests {
    use super::*;

    fn threshold(digits: &str) -> Option<u64> {
        Ot(&format!("th:{digits}")).threshold().map(|threshold| threshold.0)
    }

    #[test]
    fn a_threshold_is_up_to_14_hex_digits_without_zeros_at_the_end() {
        assert_eq!(threshold("0"), Some(0));
        assert_eq!(threshold("c"), Some(0xc0_0000_0000_0000));
        assert_eq!(threshold("Fd70A4"), Some(0xfd_70a4_0000_0000));
        assert_eq!(threshold("ffffffffffffff"), Some((1 << 56) - 1));
        for digits in ["", "+1", "g", " 1", "c ", "0x1", "000000000000000", "\u{e9}"] {
            assert_eq!(threshold(digits), None, "{digits}");
        }
        for digits in ["0", "c", "fd70a4", "01", "ffffffffffffff"] {
            let threshold = Ot(&format!("th:{digits}")).threshold();
            assert_eq!(threshold.unwrap().to_string(), digits);
        }
    }

    #[test]
    fn other_parts_stay_as_they_are() {
        let th = Some(Threshold(1 << 55));
        for (value, with, without) in [
            ("", "th:8", ""),
            ("th:0", "th:8", ""),
            ("rv:1;th:0;x:y:z", "th:8;rv:1;x:y:z", "rv:1;x:y:z"),
            ("th:0;th:1;;odd;th", "th:8;odd;th", "odd;th"),
            ("x: ;th:0", "th:8;x:", "x:"),
            (" th:0", "th:8; th:0", " th:0"),
        ] {
            assert_eq!(Ot(value).with_threshold(th), with);
            assert_eq!(Ot(value).with_threshold(None), without);
        }
    }

    #[test]
    fn a_list_is_left_alone_unless_its_threshold_changes() {
        for (list, threshold, out) in [
            ("a=1,ot=x:1;th:80", Some(1 << 55), "a=1,ot=x:1;th:80"),
            ("a=1,ot=x:1;th:80", Some(0), "ot=th:0;x:1,a=1"),
            ("a=1,ot=x:1;th:80", None, "ot=x:1,a=1"),
            ("a=1,ot=th:80", None, "a=1"),
            ("a=1,ot= ;th:80", None, "a=1"),
            ("a=1,ot=odd", None, "a=1,ot=odd"),
        ] {
            let mut state: TraceState = list.parse().unwrap();
            set_threshold(&mut state, threshold.map(Threshold));
            assert_eq!(state.as_str(), out, "{list}");
        }
    }
}
