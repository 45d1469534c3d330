//! What a mutation answers: what it made or changed, and what the caller can mend.

use crate::{error::Error, graphql::error::UserError};

/// A nullable root field that may fail without taking its siblings with it.
///
/// `Result<Option<T>>` would let the null travel to the parent; this form keeps the error on the field.
pub type Nullable<T> = Option<async_graphql::Result<T>>;

/// The answer to a mutation.
pub trait Payload: Sized {
    /// Nothing was done, for these reasons.
    fn refused(errors: Vec<UserError>) -> Self;
}

/// Turns what `app` said into an answer: expected errors go into the payload, the rest to the top level.
pub fn settle<P: Payload>(result: Result<P, Error>) -> Nullable<P> {
    Some(match result.map_err(UserError::from_error) {
        Ok(payload) => Ok(payload),
        Err(Ok(expected)) => Ok(P::refused(vec![expected])),
        Err(Err(fault)) => Err(fault.into()),
    })
}

/// Turns what a query found into an answer: absent is null, a fault stays on its field.
pub fn nullable<T>(result: Result<Option<T>, Error>) -> Nullable<T> {
    match result {
        Ok(found) => found.map(Ok),
        Err(Error::NotFound(_)) => None,
        Err(fault) => Some(Err(fault.into())),
    }
}

/// Declares a payload: the nouns it gives back, `userErrors`, and `replayed` where the input has an
/// idempotency key.
macro_rules! payload {
    ($(#[$doc:meta])* $name:ident { $($(#[$fdoc:meta])* $field:ident: $ty:ty,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, async_graphql::SimpleObject)]
        pub struct $name {
            $($(#[$fdoc])* $field: Option<$ty>,)+
            /// What the caller can mend; empty when it was done.
            user_errors: Vec<$crate::graphql::error::UserError>,
        }

        impl $name {
            /// It was done.
            pub fn done($($field: $ty),+) -> Self {
                Self { $($field: Some($field),)+ user_errors: Vec::new() }
            }
        }

        impl $crate::graphql::payload::Payload for $name {
            fn refused(user_errors: Vec<$crate::graphql::error::UserError>) -> Self {
                Self { $($field: None,)+ user_errors }
            }
        }
    };
    ($(#[$doc:meta])* once $name:ident { $($(#[$fdoc:meta])* $field:ident: $ty:ty,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, async_graphql::SimpleObject)]
        pub struct $name {
            $($(#[$fdoc])* $field: Option<$ty>,)+
            /// What the caller can mend; empty when it was done.
            user_errors: Vec<$crate::graphql::error::UserError>,
            /// Whether an earlier request with the same idempotency key did it; what it made is given as it stands now.
            replayed: bool,
        }

        impl $name {
            /// It was done, now or on an earlier request.
            pub fn done(replayed: bool, $($field: $ty),+) -> Self {
                Self { $($field: Some($field),)+ user_errors: Vec::new(), replayed }
            }
        }

        impl $crate::graphql::payload::Payload for $name {
            fn refused(user_errors: Vec<$crate::graphql::error::UserError>) -> Self {
                Self { $($field: None,)+ user_errors, replayed: false }
            }
        }
    };
}
pub(crate) use payload;
