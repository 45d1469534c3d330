//! Answers to requests of many rows.

use crate::{
    error::{Error, Result},
    graphql::error::UserError,
};

/// One result for each row, in their order: what was done, or what the caller can mend, with the path from
/// `field`, the input's list.
///
/// # Errors
/// The first error that no caller can mend.
pub(super) fn results<T, R>(
    field: &str,
    rows: Vec<Result<T>>,
    result: impl Fn(i32, Option<T>, Vec<UserError>) -> R,
) -> Result<Vec<R>, Error> {
    let one = |(index, row): (usize, Result<T>)| {
        let number = i32::try_from(index).unwrap_or(i32::MAX);
        match row {
            Ok(done) => Ok(result(number, Some(done), Vec::new())),
            Err(error) => {
                let refused = UserError::from_error(error)?.below([field.to_owned(), index.to_string()]);
                Ok(result(number, None, vec![refused]))
            }
        }
    };
    rows.into_iter().enumerate().map(one).collect()
}
