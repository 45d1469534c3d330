//! How the parts of a process document are shown to callers and taken from them.
//!
//! A part of the domain has one type that is shown and one that is taken. [`parts!`] declares both from one list of
//! fields, with the ways between them, so a field that the domain adds is missing here until somebody decides about
//! it: the compiler says so. To add a plain type, add it to `plain!`.

use std::collections::BTreeMap;

use chrono::Utc;

use crate::{
    domain::{
        agreement::AgreementKind,
        client::TimeZoneName,
        decision::DecisionKind,
        engagement::EngagementKind,
        evidence::EvidenceKind,
        exception::{ActionKind, RiskKind},
        fact::FactKind,
        gate::{Moment, Which},
        holding::{AgentTool, ConfigKind, Disposition, System},
        job::JobKind,
        process::{DocumentNumber, DueFrom, StepCategory},
        role::Role,
        stakeholder::{Raci, RaciByStep},
    },
    error::{Error, Result, Violation, parse},
    graphql::{
        scalars::DateTime,
        types::stakeholder::{StakeholderRaci, StakeholderRaciInput},
    },
};

/// What callers see of a `D`.
pub(in crate::graphql) trait Shown<D> {
    /// The part as callers see it.
    fn show(domain: &D) -> Self;
}

/// What callers write for a `D`.
pub(in crate::graphql) trait Taken<D> {
    /// The part as the domain has it; `path` is its place in the input.
    ///
    /// # Errors
    /// `Violation` on the place inside the part that does not fit.
    fn take(self, path: &str) -> Result<D>;
}

/// Types that are the same on both sides.
macro_rules! plain {
    ($($ty:ty,)+) => {$(
        impl Shown<$ty> for $ty {
            fn show(domain: &$ty) -> Self {
                domain.clone()
            }
        }

        impl Taken<$ty> for $ty {
            fn take(self, _: &str) -> Result<$ty> {
                Ok(self)
            }
        }
    )+};
}

plain! {
    String, bool, i32, f64,
    ActionKind, AgentTool, AgreementKind, ConfigKind, DecisionKind, Disposition, DueFrom, EngagementKind,
    EvidenceKind, FactKind, JobKind, Moment, RiskKind, Role, StepCategory, System, Which,
}

/// A number that is never below zero comes as any `Int`, so that one below zero is refused by its place.
impl Shown<u32> for i32 {
    fn show(domain: &u32) -> Self {
        Self::try_from(*domain).unwrap_or(Self::MAX)
    }
}

impl Taken<u32> for i32 {
    fn take(self, path: &str) -> Result<u32> {
        u32::try_from(self)
            .map_err(|_negative| Violation::new(path, "This number is below zero.").remedy("Give 0 or more.").into())
    }
}

impl<D, S: Shown<D>> Shown<Vec<D>> for Vec<S> {
    fn show(domain: &Vec<D>) -> Self {
        domain.iter().map(S::show).collect()
    }
}

impl<D, T: Taken<D>> Taken<Vec<D>> for Vec<T> {
    fn take(self, path: &str) -> Result<Vec<D>> {
        self.into_iter().enumerate().map(|(index, part)| part.take(&format!("{path}.{index}"))).collect()
    }
}

impl<D, S: Shown<D>> Shown<Option<D>> for Option<S> {
    fn show(domain: &Option<D>) -> Self {
        domain.as_ref().map(S::show)
    }
}

impl<D, T: Taken<D>> Taken<Option<D>> for Option<T> {
    fn take(self, path: &str) -> Result<Option<D>> {
        self.map(|part| part.take(path)).transpose()
    }
}

/// Text with a form of its own.
macro_rules! texts {
    ($($ty:ty,)+) => {$(
        impl Shown<$ty> for String {
            fn show(domain: &$ty) -> Self {
                domain.to_string()
            }
        }

        impl Taken<$ty> for String {
            fn take(self, path: &str) -> Result<$ty> {
                parse(path, &self)
            }
        }
    )+};
}

texts! { DocumentNumber, TimeZoneName, }

impl Shown<chrono::DateTime<Utc>> for DateTime {
    fn show(domain: &chrono::DateTime<Utc>) -> Self {
        Self(*domain)
    }
}

impl Taken<chrono::DateTime<Utc>> for DateTime {
    fn take(self, _: &str) -> Result<chrono::DateTime<Utc>> {
        Ok(self.0)
    }
}

impl Shown<RaciByStep> for Vec<StakeholderRaci> {
    fn show(domain: &RaciByStep) -> Self {
        domain.iter().map(|(key, raci)| StakeholderRaci::new(key, *raci)).collect()
    }
}

impl Taken<RaciByStep> for Vec<StakeholderRaciInput> {
    fn take(self, path: &str) -> Result<RaciByStep> {
        let mut taken: BTreeMap<String, Raci> = BTreeMap::new();
        for (index, part) in self.into_iter().enumerate() {
            let (key, raci) = part.into_pair();
            if taken.contains_key(&key) {
                return Err(twice(format!("{path}.{index}.stepKey"), &key));
            }
            taken.insert(key, raci);
        }
        Ok(taken)
    }
}

fn twice(path: String, key: &str) -> Error {
    let violation = Violation::new(path, format!("The step {key} stands here twice."));
    violation.remedy("Say once what a stakeholder is to a step.").into()
}

/// The name of a field as callers write it.
pub(super) fn camel(field: &str) -> String {
    let mut words = field.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |name, word| {
        let (head, tail) = word.split_at(word.len().min(1));
        name + &head.to_uppercase() + tail
    })
}

/// The type that is taken: the second one, or the first where there is only one.
macro_rules! taken {
    ($shown:ty) => {
        $shown
    };
    ($shown:ty, $taken:ty) => {
        $taken
    };
}

/// Declares the parts of a document: the object that is shown, the input that is taken, and the ways between them and
/// the domain. A field is `name: Shown => Taken [attributes of the input]`; the latter two where they differ.
macro_rules! parts {
    ($(
        $(#[$doc:meta])* $shown_part:ident, $taken_part:ident for $domain:ident {
            $($(#[$fdoc:meta])* $field:ident: $shown:ty $(=> $taken:ty)? $([$($attribute:tt)*])?,)+
        }
    )+) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, async_graphql::SimpleObject)]
        pub struct $shown_part { $($(#[$fdoc])* $field: $shown,)+ }

        $(#[$doc])*
        #[derive(Clone, Debug, async_graphql::InputObject)]
        pub struct $taken_part {
            $($(#[$fdoc])* $(#[graphql($($attribute)*)])? $field: $crate::graphql::types::process::part::taken!($shown $(, $taken)?),)+
        }

        impl $crate::graphql::types::process::part::Shown<$domain> for $shown_part {
            fn show(domain: &$domain) -> Self {
                Self { $($field: $crate::graphql::types::process::part::Shown::show(&domain.$field),)+ }
            }
        }

        impl $crate::graphql::types::process::part::Taken<$domain> for $taken_part {
            fn take(self, path: &str) -> $crate::error::Result<$domain> {
                use $crate::graphql::types::process::part::{Taken, camel};
                Ok($domain {
                    $($field: Taken::take(self.$field, &format!("{path}.{}", camel(stringify!($field))))?,)+
                })
            }
        }
    )+};
}

pub(super) use {parts, taken};
