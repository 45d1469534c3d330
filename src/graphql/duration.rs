//! Lengths of time as ISO 8601 writes them.

use async_graphql::{InputValueError, InputValueResult, Scalar, ScalarType, Value};
use chrono::TimeDelta;

/// A length of time of up to 100 years in whole seconds, as ISO 8601 writes it: `PT15M`, `P1DT12H`. A day has 24 hours;
/// years and months, whose lengths differ, are not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Duration(pub TimeDelta);

/// The longest that is taken: a slip of the keyboard lies beyond.
const SECS_MAX: i64 = 100 * 365 * 86_400;

/// The designators in the order they may come in, with their seconds; the first two stand before the `T`.
const UNITS: [(char, i64); 5] = [('W', 7 * 86_400), ('D', 86_400), ('H', 3_600), ('M', 60), ('S', 1)];
const DATE_UNITS: usize = 2;

/// A length of time of up to 100 years in whole seconds, as ISO 8601 writes it: `PT15M`, `P1DT12H`. A day has 24 hours;
/// years and months, whose lengths differ, are not taken.
#[Scalar(name = "Duration", specified_by_url = "https://scalars.graphql.org/chillicream/duration.html")]
impl ScalarType for Duration {
    fn parse(value: Value) -> InputValueResult<Self> {
        let Value::String(text) = &value else { return Err(InputValueError::expected_type(value)) };
        let secs = secs(text).filter(|secs| *secs <= SECS_MAX).and_then(TimeDelta::try_seconds);
        secs.map(Self).ok_or_else(|| InputValueError::custom("a duration looks like PT15M or P1DT12H"))
    }

    /// Judged with the document, so that the error names the argument.
    fn is_valid(value: &Value) -> bool {
        Self::parse(value.clone()).is_ok()
    }

    fn to_value(&self) -> Value {
        Value::String(print(self.0.num_seconds().max(0)))
    }
}

fn secs(text: &str) -> Option<i64> {
    let (date, time) = match text.strip_prefix('P')?.split_once('T') {
        Some((_, "")) => return None,
        Some((date, time)) => (date, time),
        None => (text.strip_prefix('P')?, ""),
    };
    if date.is_empty() && time.is_empty() {
        return None;
    }
    sum(date, &UNITS[..DATE_UNITS])?.checked_add(sum(time, &UNITS[DATE_UNITS..])?)
}

/// The seconds of `1D2H…`, each designator at most once and in its order.
fn sum(mut text: &str, mut units: &[(char, i64)]) -> Option<i64> {
    let mut total: i64 = 0;
    while !text.is_empty() {
        let (number, rest) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
        let designator = rest.chars().next()?;
        let place = units.iter().position(|(unit, _)| *unit == designator)?;
        total = total.checked_add(number.parse::<i64>().ok()?.checked_mul(units[place].1)?)?;
        (text, units) = (&rest[1..], &units[place + 1..]);
    }
    Some(total)
}

fn print(secs: i64) -> String {
    if secs == 0 {
        return "PT0S".to_owned();
    }
    let (mut text, mut rest) = ("P".to_owned(), secs);
    for (i, (designator, length)) in UNITS.into_iter().enumerate().skip(1) {
        if i == DATE_UNITS && rest > 0 {
            text.push('T');
        }
        if rest >= length {
            text.push_str(&(rest / length).to_string());
            text.push(designator);
        }
        rest %= length;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<i64> {
        Duration::parse(Value::String(text.to_owned())).ok().map(|duration| duration.0.num_seconds())
    }

    #[test]
    fn a_duration_is_read_as_iso_8601_writes_it() {
        for (text, secs) in [
            ("PT0S", 0),
            ("PT15M", 900),
            ("P1D", 86_400),
            ("P1DT12H", 129_600),
            ("P2W", 1_209_600),
            ("PT1H30M5S", 5_405),
            ("PT90M", 5_400),
        ] {
            assert_eq!(read(text), Some(secs), "{text}");
        }
    }

    #[test]
    fn what_has_no_certain_length_or_no_form_is_refused() {
        for text in
            ["", "P", "PT", "P1DT", "1D", "P1Y", "P1M", "PT1D", "PT1M1H", "PT1M1M", "P-1D", "PT1.5S", "P1H", "pt1h"]
        {
            assert_eq!(read(text), None, "{text}");
        }
        assert_eq!(read("P36500D"), Some(SECS_MAX));
        assert_eq!(read("P36501D"), None);
        assert_eq!(read("PT99999999999999999999S"), None);
        assert_eq!(read("PTäM"), None);
    }

    #[test]
    fn what_is_printed_is_read_back() {
        for secs in [0, 1, 59, 60, 3_600, 86_400, 90_061, 1_209_600, SECS_MAX] {
            assert_eq!(read(&print(secs)), Some(secs), "{}", print(secs));
        }
        assert_eq!(print(90_061), "P1DT1H1M1S");
    }
}
