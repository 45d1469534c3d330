//! Scalars: instants, dates, long numbers and free objects, as every client library expects them.

use std::ops::Range;

use async_graphql::{InputValueError, InputValueResult, Scalar, ScalarType, Value};
use chrono::{Datelike, NaiveDate, SecondsFormat, Utc};

use crate::clock::{Instant, to_millis};

/// The years that people plan and remember; a slip of the keyboard lies outside.
const YEARS: Range<i32> = 1970..2200;

/// An instant in UTC with milliseconds, as RFC 3339 writes it: `2026-11-22T18:37:00.000Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DateTime(pub Instant);

/// An instant in UTC with milliseconds, as RFC 3339 writes it: `2026-11-22T18:37:00.000Z`.
#[Scalar(name = "DateTime", specified_by_url = "https://scalars.graphql.org/andimarek/date-time.html")]
impl ScalarType for DateTime {
    fn parse(value: Value) -> InputValueResult<Self> {
        let Value::String(text) = &value else { return Err(InputValueError::expected_type(value)) };
        let parsed = chrono::DateTime::parse_from_rfc3339(text)
            .map_err(|_error| InputValueError::custom("an instant looks like 2026-11-22T18:37:00.000Z"))?
            .with_timezone(&Utc);
        if !YEARS.contains(&parsed.year()) {
            return Err(InputValueError::custom("an instant lies between 1970 and 2199"));
        }
        Ok(Self(to_millis(parsed)))
    }

    /// Judged with the document, so that the error names the argument.
    fn is_valid(value: &Value) -> bool {
        Self::parse(value.clone()).is_ok()
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_rfc3339_opts(SecondsFormat::Millis, true))
    }
}

impl From<Instant> for DateTime {
    fn from(instant: Instant) -> Self {
        Self(instant)
    }
}

/// A day without a time or zone: `2026-11-22`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Date(pub NaiveDate);

/// A day without a time or zone: `2026-11-22`.
#[Scalar(name = "Date", specified_by_url = "https://scalars.graphql.org/andimarek/local-date.html")]
impl ScalarType for Date {
    fn parse(value: Value) -> InputValueResult<Self> {
        let Value::String(text) = &value else { return Err(InputValueError::expected_type(value)) };
        let is_full = text.len() == "2026-11-22".len();
        let parsed: Option<NaiveDate> = is_full.then(|| text.parse().ok()).flatten();
        let parsed = parsed.ok_or_else(|| InputValueError::custom("a day looks like 2026-11-22"))?;
        if !YEARS.contains(&parsed.year()) {
            return Err(InputValueError::custom("a day lies between 1970 and 2199"));
        }
        Ok(Self(parsed))
    }

    /// Judged with the document, so that the error names the argument.
    fn is_valid(value: &Value) -> bool {
        Self::parse(value.clone()).is_ok()
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.format("%Y-%m-%d").to_string())
    }
}

impl From<NaiveDate> for Date {
    fn from(date: NaiveDate) -> Self {
        Self(date)
    }
}

/// A whole number of up to 64 bits, as text, because JSON readers lose digits beyond 53 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Long(pub i64);

/// A whole number of up to 64 bits, as text, because JSON readers lose digits beyond 53 bits.
#[Scalar(name = "Long")]
impl ScalarType for Long {
    fn parse(value: Value) -> InputValueResult<Self> {
        let number = match &value {
            Value::String(text) => text.parse().ok(),
            Value::Number(number) => number.as_i64(),
            _ => return Err(InputValueError::expected_type(value)),
        };
        number.map(Self).ok_or_else(|| InputValueError::custom("a long is a whole number of up to 64 bits, as text"))
    }

    /// Judged with the document, so that the error names the argument.
    fn is_valid(value: &Value) -> bool {
        Self::parse(value.clone()).is_ok()
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_string())
    }
}

impl From<u64> for Long {
    fn from(number: u64) -> Self {
        Self(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

/// An absolute URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url(pub String);

/// An absolute URL.
#[Scalar(name = "URL", specified_by_url = "https://url.spec.whatwg.org/")]
impl ScalarType for Url {
    fn parse(value: Value) -> InputValueResult<Self> {
        let Value::String(text) = &value else { return Err(InputValueError::expected_type(value)) };
        match url::Url::parse(text) {
            Ok(url) => Ok(Self(url.into())),
            Err(_) => Err(InputValueError::custom("a URL looks like https://example.com/page")),
        }
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.clone())
    }
}

/// A JSON object whose fields depend on its kind.
#[derive(Clone, Debug, PartialEq)]
pub struct JsonObject(pub serde_json::Map<String, serde_json::Value>);

/// A JSON object whose fields depend on its kind.
#[Scalar(name = "JSONObject")]
impl ScalarType for JsonObject {
    fn parse(value: Value) -> InputValueResult<Self> {
        match value.into_json() {
            Ok(serde_json::Value::Object(map)) => Ok(Self(map)),
            _ => Err(InputValueError::custom("expected an object")),
        }
    }

    /// Judged with the document, so that the error names the argument.
    fn is_valid(value: &Value) -> bool {
        matches!(value, Value::Object(_))
    }

    fn to_value(&self) -> Value {
        Value::from_json(serde_json::Value::Object(self.0.clone())).unwrap_or_default()
    }
}
