//! Nouns whose kinds differ only in their details: one interface, one object type per kind.

/// Declares the object types of a noun, one per kind. The fields in front stand in every one of them and
/// read `self.noun`; each kind's own fields read `self.details`.
///
/// To add a kind, add its object here and its variant to the interface.
macro_rules! kinds {
    ($noun:ty, $common:tt $($(#[$doc:meta])* $name:ident($details:ty) $own:tt)+) => {
        $($crate::graphql::types::kinds::kind! { $(#[$doc])* $name($noun, $details) $common $own })+
    };
}

/// One object type: its own struct, with the fields of every kind and those of its own.
macro_rules! kind {
    ($(#[$doc:meta])* $name:ident($noun:ty, $details:ty) { $($common:tt)* } { $($own:tt)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $name {
            noun: $noun,
            details: $details,
        }

        $(#[$doc])*
        #[async_graphql::Object]
        impl $name {
            $($common)*
            $($own)*
        }
    };
}

pub(crate) use {kind, kinds};
