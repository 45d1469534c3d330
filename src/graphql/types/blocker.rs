//! What stands in the way, as data: one type for each way of missing something.

use async_graphql::{ID, Interface, SimpleObject};

use crate::{
    domain::{
        agreement::AgreementKind,
        decision::DecisionKind,
        evidence::EvidenceKind,
        fact::FactKind,
        gate::{self, Missing},
        role::Role,
    },
    graphql::scalars::Date,
};

macro_rules! blockers {
    ($($(#[$doc:meta])* $name:ident { $($(#[$fdoc:meta])* $field:ident: $ty:ty,)* })+) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Debug, SimpleObject)]
            pub struct $name {
                /// Which kind of obstacle, as a word that never changes.
                code: String,
                /// What is missing, as a full sentence.
                message: String,
                /// The way out, naming the mutation; null when only time helps.
                remedy: Option<String>,
                /// Whether no exception helps.
                is_hard: bool,
                $($(#[$fdoc])* $field: $ty,)*
            }

            impl $name {
                fn of(blocker: &gate::Blocker, $($field: $ty),*) -> Blocker {
                    Blocker::$name(Self {
                        code: blocker.code().to_owned(),
                        message: blocker.message(),
                        remedy: blocker.remedy(),
                        is_hard: blocker.is_hard,
                        $($field,)*
                    })
                }
            }
        )+

        /// Something that stands in the way, and the mutation that clears it.
        #[derive(Clone, Debug, Interface)]
        #[graphql(
            field(name = "code", ty = "&String", desc = "Which kind of obstacle, as a word that never changes."),
            field(name = "message", ty = "&String", desc = "What is missing, as a full sentence."),
            field(name = "remedy", ty = "&Option<String>", desc = "The way out; null when only time helps."),
            field(name = "is_hard", ty = "&bool", desc = "Whether no exception helps.")
        )]
        pub enum Blocker { $($(#[$doc])* $name($name),)+ }
    };
}

blockers! {
    /// Agreements are not signed.
    AgreementsUnsignedBlocker {
        /// The kinds of which no agreement is signed.
        kinds: Vec<AgreementKind>,
    }
    /// Earlier steps are not finished.
    StepsOpenBlocker {
        /// Their keys.
        step_keys: Vec<String>,
    }
    /// A checklist has open lines.
    ChecklistOpenBlocker {
        /// The step's key.
        step_key: String,
        /// The keys of the open lines.
        item_keys: Vec<String>,
    }
    /// A step lacks evidence.
    EvidenceMissingBlocker {
        /// The step's key.
        step_key: String,
        /// The kinds it lacks.
        kinds: Vec<EvidenceKind>,
    }
    /// A meeting lacked teams that were not excused either.
    TeamsMissingBlocker {
        /// The step's key.
        step_key: String,
        /// The teams.
        teams: Vec<Role>,
    }
    /// Facts are unknown, or nobody else looked at them.
    FactsUnverifiedBlocker {
        /// The kinds of which nothing is known.
        absent_kinds: Vec<FactKind>,
        /// How many facts nobody verified.
        unverified_count: i32,
    }
    /// The client's own form is not recorded.
    IntakeMissingBlocker {}
    /// Nobody active holds a role.
    RoleUnheldBlocker {
        /// The role.
        role: Role,
    }
    /// A decision is not granted.
    DecisionMissingBlocker {
        /// What must be decided.
        kind: DecisionKind,
        /// The question that waits for votes, if it was asked.
        decision_id: Option<ID>,
    }
    /// The client's notice is not recorded.
    NoticeMissingBlocker {}
    /// A date has not come, or is not set.
    DateNotReachedBlocker {
        /// The day; null when it is not set.
        on: Option<Date>,
        /// The client's calendar day.
        today: Date,
    }
    /// Nothing signed says how the client's data goes back.
    ReturnTermsMissingBlocker {}
    /// The client has not confirmed a key.
    RecipientKeyUnconfirmedBlocker {}
    /// The client has not acknowledged returned data.
    ReceiptMissingBlocker {
        /// The first 100 of the holdings; the message counts all of them.
        holding_ids: Vec<ID>,
    }
    /// Fees are open.
    FeesOpenBlocker {
        /// Which, in words.
        fees: Vec<String>,
        /// Whether somebody gave their word that nothing is.
        is_attested: bool,
    }
    /// Lines of the ledger are not alive yet.
    HoldingsNotActiveBlocker {
        /// The first 100 of the holdings; the message counts all of them.
        holding_ids: Vec<ID>,
    }
    /// Lines of the ledger are neither closed nor retained nor excepted.
    HoldingsOpenBlocker {
        /// The first 100 of the holdings; the message counts all of them.
        holding_ids: Vec<ID>,
    }
    /// Lines of the ledger are not verified gone.
    HoldingsNotClosedBlocker {
        /// The first 100 of the holdings; the message counts all of them.
        holding_ids: Vec<ID>,
    }
    /// The ledger is not empty.
    ResidualsBlocker {
        /// The first 100 of the holdings; the message counts all of them.
        holding_ids: Vec<ID>,
    }
    /// Exceptions are open.
    ExceptionsOpenBlocker {
        /// The first 100 of the exceptions; the message counts all of them.
        exception_ids: Vec<ID>,
    }
    /// Questions are open.
    DecisionsOpenBlocker {
        /// The first 100 of the decisions; the message counts all of them.
        decision_ids: Vec<ID>,
    }
    /// It needs another pair of eyes than those that did an earlier step.
    SamePersonBlocker {
        /// The earlier step's key.
        step_key: String,
    }
}

/// The most ids that one blocker names: a list to read, not the ledger. The message counts all of them.
const IDS_MAX: usize = 100;

fn ids(ids: &[impl ToString]) -> Vec<ID> {
    ids.iter().take(IDS_MAX).map(|id| id.to_string().into()).collect()
}

impl From<gate::Blocker> for Blocker {
    fn from(blocker: gate::Blocker) -> Self {
        let b = &blocker;
        match &blocker.missing {
            Missing::Agreements { kinds } => AgreementsUnsignedBlocker::of(b, kinds.clone()),
            Missing::Steps { keys } => StepsOpenBlocker::of(b, keys.clone()),
            Missing::Checklist { step, items } => ChecklistOpenBlocker::of(b, step.clone(), items.clone()),
            Missing::Evidence { step, kinds } => EvidenceMissingBlocker::of(b, step.clone(), kinds.clone()),
            Missing::Teams { step, teams } => TeamsMissingBlocker::of(b, step.clone(), teams.clone()),
            Missing::Facts { absent, unverified_count } => {
                let count = i32::try_from(*unverified_count).unwrap_or(i32::MAX);
                FactsUnverifiedBlocker::of(b, absent.clone(), count)
            }
            Missing::Intake => IntakeMissingBlocker::of(b),
            Missing::Role { role } => RoleUnheldBlocker::of(b, *role),
            Missing::Decision { kind, open } => {
                DecisionMissingBlocker::of(b, *kind, open.map(|id| id.to_string().into()))
            }
            Missing::Notice => NoticeMissingBlocker::of(b),
            Missing::Date { on, today, .. } => DateNotReachedBlocker::of(b, on.map(Date), Date(*today)),
            Missing::ReturnTerms => ReturnTermsMissingBlocker::of(b),
            Missing::RecipientKey => RecipientKeyUnconfirmedBlocker::of(b),
            Missing::Receipt { holdings } => ReceiptMissingBlocker::of(b, ids(holdings)),
            Missing::SettledFees { open, is_attested } => FeesOpenBlocker::of(b, open.clone(), *is_attested),
            Missing::ActiveHoldings { holdings, .. } => HoldingsNotActiveBlocker::of(b, ids(holdings)),
            Missing::SettledHoldings { holdings, .. } => HoldingsOpenBlocker::of(b, ids(holdings)),
            Missing::ClosedHoldings { holdings, .. } => HoldingsNotClosedBlocker::of(b, ids(holdings)),
            Missing::EmptyLedger { holdings } => ResidualsBlocker::of(b, ids(holdings)),
            Missing::ClosedExceptions { exceptions } => ExceptionsOpenBlocker::of(b, ids(exceptions)),
            Missing::Answers { decisions } => DecisionsOpenBlocker::of(b, ids(decisions)),
            Missing::AnotherPerson { step } => SamePersonBlocker::of(b, step.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blocker_names_a_hundred_and_its_message_counts_them_all() {
        let holdings = (0..101).map(|_| uuid::Uuid::now_v7().into()).collect();
        let blocker = gate::Blocker { missing: Missing::EmptyLedger { holdings }, is_hard: true };
        let Blocker::ResidualsBlocker(shown) = Blocker::from(blocker) else { unreachable!() };
        assert_eq!(shown.holding_ids.len(), IDS_MAX);
        assert!(shown.message.contains("101"), "{}", shown.message);
    }
}
