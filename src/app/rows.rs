//! Requests of many rows: every row that is right is done, and every other says why it is not.
//!
//! A request that is wrong as a whole (too many rows, a foreign client) does nothing. Within one that is
//! right, a row never spoils its neighbours: valid rows are written together in one deed, and the answer
//! has one result for each row, in the order they were sent. When the request comes again, the rows it
//! wrote are read as they stand now, and the others are judged anew.
//!
//! Paths in a row's error begin at the row; whoever answers knows where the rows stand in the input.

use std::{fmt, str::FromStr};

use crate::{
    domain::holding::secret::is_marked_secret,
    error::{Error, Result, Violation},
};

/// The most rows of one request.
///
/// # Source
/// Rules of the API, rule 20: up to 500 items with a result for each.
pub const ROWS_MAX: usize = 500;

/// Refuses a request without rows or with too many.
///
/// # Errors
/// `Violation` on `field`.
pub fn check_count(field: &str, count: usize) -> Result<()> {
    if (1..=ROWS_MAX).contains(&count) {
        return Ok(());
    }
    let wrong = Violation::new(field, format!("These are {count} rows; a request has 1 to {ROWS_MAX}."));
    Err(wrong.remedy(format!("Send them in requests of up to {ROWS_MAX}, each with its own key.")).into())
}

/// What a request of many rows made, row by row, as the answer that is kept for a repetition: one id, or
/// `-` for a row that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::app) struct Marks<T>(pub(in crate::app) Vec<Option<T>>);

impl<T: fmt::Display> fmt::Display for Marks<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, mark) in self.0.iter().enumerate() {
            let gap = if index == 0 { "" } else { " " };
            match mark {
                Some(id) => write!(f, "{gap}{id}")?,
                None => write!(f, "{gap}-")?,
            }
        }
        Ok(())
    }
}

impl<T: FromStr> FromStr for Marks<T> {
    type Err = T::Err;

    fn from_str(text: &str) -> Result<Self, T::Err> {
        let mark = |word: &str| if word == "-" { Ok(None) } else { word.parse().map(Some) };
        Ok(Self(text.split(' ').map(mark).collect::<Result<_, _>>()?))
    }
}

/// Refuses a text in which a secret announces itself.
///
/// # Errors
/// `Violation` on `field`. The text is not repeated.
pub(in crate::app) fn refuse_secret(field: &str, text: &str) -> Result<()> {
    match is_marked_secret(text) {
        None => Ok(()),
        Some(sign) => {
            let found = Violation::new(field, format!("This looks like a secret: {sign}. It was not stored."));
            Err(found.remedy("Put the secret in a vault and name the vault's entry.").into())
        }
    }
}

/// [`refuse_secret`] for every text in `details`, however deep.
///
/// # Errors
/// `Violation` on `field`; those of serialising, which is a bug.
pub(in crate::app) fn refuse_secrets(field: &str, details: &impl serde::Serialize) -> Result<()> {
    fn look(field: &str, value: &serde_json::Value) -> Result<()> {
        match value {
            serde_json::Value::String(text) => refuse_secret(field, text),
            serde_json::Value::Array(items) => items.iter().try_for_each(|item| look(field, item)),
            serde_json::Value::Object(entries) => entries.values().try_for_each(|value| look(field, value)),
            _ => Ok(()),
        }
    }
    look(field, &serde_json::to_value(details).map_err(Error::internal)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::FactId;

    #[test]
    fn marks_are_read_back_in_their_order() {
        let id = FactId::from(uuid::Uuid::nil());
        for marks in [vec![Some(id)], vec![None], vec![None, Some(id), None, Some(id)]] {
            let marks = Marks(marks);
            assert_eq!(marks.to_string().parse::<Marks<FactId>>().unwrap(), marks);
        }
        assert!("fac_x".parse::<Marks<FactId>>().is_err());
    }

    #[test]
    fn the_number_of_rows_has_bounds() {
        assert!(check_count("facts", 1).is_ok() && check_count("facts", ROWS_MAX).is_ok());
        assert!(check_count("facts", 0).is_err() && check_count("facts", ROWS_MAX + 1).is_err());
    }

    #[test]
    fn a_secret_is_found_however_deep_it_stands() {
        let details = serde_json::json!({ "a": [{ "b": "ghp_0123456789abcdefghijABCDEFGHIJ012345" }] });
        let Err(Error::Violation(violation)) = refuse_secrets("details", &details) else { panic!("it was not found") };
        assert!(violation.field == "details" && !violation.message.contains("ghp_"));
        refuse_secrets("details", &serde_json::json!({ "a": ["plain", 1, null] })).unwrap();
    }
}
