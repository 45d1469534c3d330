//! The closed set of gates, as a process document names them: one type for each kind.
//!
//! To add a kind, add it to the domain and to the list at the end: the interface, the input, the word and both
//! directions follow. A kind that asks for nothing more stands below `alone`; it is written as
//! `true`. A field is `name(field of the domain): Shown => Taken`: a name means one type in every kind, so that one
//! selection can ask for all of them.

use async_graphql::{Enum, InputObject, Interface, OneofObject, SimpleObject};

use super::{
    part::{Shown, Taken, camel, taken},
    selector::{HoldingSelector, HoldingSelectorInput},
};
use crate::{
    domain::{
        agreement::AgreementKind,
        decision::DecisionKind,
        evidence::EvidenceKind,
        fact::FactKind,
        gate::{Gate, Which},
        role::Role,
    },
    error::{Error, Result, Violation},
};

macro_rules! gates {
    (
        with { $($(#[$doc:meta])* $kind:ident, $shown:ident, $taken:ident {
            $(#[$fdoc:meta])* $name:ident($field:ident): $shown_field:ty $(=> $taken_field:ty)?
        })+ }
        alone { $($(#[$alone_doc:meta])* $alone:ident, $alone_shown:ident)+ }
    ) => {
        /// The kinds of gates.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
        pub enum ProcessGateKind {
            $($(#[$doc])* $kind,)+
            $($(#[$alone_doc])* $alone,)+
        }

        $(
            $(#[$doc])*
            #[derive(Clone, Debug, SimpleObject)]
            pub struct $shown {
                /// Which gate it is.
                code: ProcessGateKind,
                /// Whether no exception helps, wherever it stands.
                is_always_hard: bool,
                $(#[$fdoc])*
                $name: $shown_field,
            }

            $(#[$doc])*
            #[derive(Clone, Debug, InputObject)]
            pub struct $taken {
                $(#[$fdoc])*
                $name: taken!($shown_field $(, $taken_field)?),
            }
        )+
        $(
            $(#[$alone_doc])*
            #[derive(Clone, Debug, SimpleObject)]
            pub struct $alone_shown {
                /// Which gate it is.
                code: ProcessGateKind,
                /// Whether no exception helps, wherever it stands.
                is_always_hard: bool,
            }
        )+

        /// Something that must be true.
        #[derive(Clone, Debug, Interface)]
        #[graphql(
            field(name = "code", ty = "&ProcessGateKind", desc = "Which gate it is."),
            field(name = "is_always_hard", ty = "&bool", desc = "Whether no exception helps, wherever it stands.")
        )]
        pub enum ProcessGate {
            $($(#[$doc])* $kind($shown),)+
            $($(#[$alone_doc])* $alone($alone_shown),)+
        }

        /// Something that must be true. Gates that ask for nothing more are written as `true`.
        #[derive(Clone, Debug, OneofObject)]
        pub enum ProcessGateInput {
            $($(#[$doc])* $kind($taken),)+
            $($(#[$alone_doc])* $alone(bool),)+
        }

        impl Shown<Gate> for ProcessGate {
            fn show(gate: &Gate) -> Self {
                let is_always_hard = gate.is_always_hard();
                match gate {
                    $(Gate::$kind { $field } => Self::$kind($shown {
                        code: ProcessGateKind::$kind,
                        is_always_hard,
                        $name: Shown::show($field),
                    }),)+
                    $(Gate::$alone => {
                        Self::$alone($alone_shown { code: ProcessGateKind::$alone, is_always_hard })
                    })+
                }
            }
        }

        impl Taken<Gate> for ProcessGateInput {
            fn take(self, path: &str) -> Result<Gate> {
                match self {
                    $(Self::$kind($taken { $name }) => {
                        let $field = Taken::take($name, &within(path, stringify!($kind), stringify!($name)))?;
                        Ok(Gate::$kind { $field })
                    })+
                    $(Self::$alone(true) => Ok(Gate::$alone),)+
                    $(Self::$alone(false) => Err(absent(path, stringify!($alone))),)+
                }
            }
        }
    };
}

/// The place of a field of the gate at `path`.
fn within(path: &str, kind: &str, field: &str) -> String {
    format!("{path}.{}.{}", lower(kind), camel(field))
}

/// A gate that is there only to say that it is not.
fn absent(path: &str, kind: &str) -> Error {
    let violation = Violation::new(path, format!("The gate `{}` is written as `true`.", lower(kind)));
    violation.remedy("Leave a gate out that shall not be asked.").into()
}

/// The name of a kind as callers write it.
fn lower(kind: &str) -> String {
    let (head, tail) = kind.split_at(kind.len().min(1));
    head.to_lowercase() + tail
}

gates! {
    with {
        /// An agreement of each kind is signed.
        AgreementsSigned, AgreementsSignedGate, AgreementsSignedGateInput {
            /// Which kinds.
            agreement_kinds(kinds): Vec<AgreementKind>
        }
        /// These steps are terminal.
        StepsDone, StepsDoneGate, StepsDoneGateInput {
            /// Their keys.
            step_keys(keys): Vec<String>
        }
        /// The step has evidence of each kind.
        EvidencePresent, EvidencePresentGate, EvidencePresentGateInput {
            /// Which kinds.
            evidence_kinds(kinds): Vec<EvidenceKind>
        }
        /// A meeting recorded for the step had, or excused, somebody of each team.
        TeamsMet, TeamsMetGate, TeamsMetGateInput {
            /// Which teams.
            teams(teams): Vec<Role>
        }
        /// Facts of each kind are there, and no fact is unverified.
        FactsVerified, FactsVerifiedGate, FactsVerifiedGateInput {
            /// Which kinds.
            fact_kinds(kinds): Vec<FactKind>
        }
        /// Somebody active holds a role.
        RoleHeld, RoleHeldGate, RoleHeldGateInput {
            /// Which role.
            role(role): Role
        }
        /// A question of a kind was granted in the run.
        DecisionGranted, DecisionGrantedGate, DecisionGrantedGateInput {
            /// Which kind of question.
            decision_kind(kind): DecisionKind
        }
        /// A date has come, in the client's zone.
        DateReached, DateReachedGate, DateReachedGateInput {
            /// Which date.
            which(which): Which
        }
        /// No holding of these is still only planned.
        HoldingsActive, HoldingsActiveGate, HoldingsActiveGateInput {
            /// Which holdings.
            of(of): HoldingSelector => HoldingSelectorInput
        }
        /// Every holding of these is closed, retained or excepted.
        HoldingsSettled, HoldingsSettledGate, HoldingsSettledGateInput {
            /// Which holdings.
            of(of): HoldingSelector => HoldingSelectorInput
        }
        /// Every holding of these is verified gone; neither clause nor exception helps.
        HoldingsClosed, HoldingsClosedGate, HoldingsClosedGateInput {
            /// Which holdings.
            of(of): HoldingSelector => HoldingSelectorInput
        }
        /// Whoever does the step is not who finished another one.
        DifferentPerson, DifferentPersonGate, DifferentPersonGateInput {
            /// The key of the other step.
            step_key(step): String
        }
    }
    alone {
        /// Every required line of the step's checklist is settled.
        ChecklistDone, ChecklistDoneGate
        /// The client's own form came in.
        IntakeReceived, IntakeReceivedGate
        /// Somebody active is the designated authority.
        DesignatedAuthoritySet, DesignatedAuthoritySetGate
        /// A change was approved in the run.
        ApprovedChange, ApprovedChangeGate
        /// The client agreed when access may be taken away.
        WindowAgreed, WindowAgreedGate
        /// The client gave notice.
        NoticeRecorded, NoticeRecordedGate
        /// A signed agreement says how data goes back. True while nothing has to.
        ReturnTermsAgreed, ReturnTermsAgreedGate
        /// The client proved that it holds the key its data is encrypted to. True while nothing has to go back.
        RecipientKeyConfirmed, RecipientKeyConfirmedGate
        /// The client acknowledged every return, or waived the receipt.
        ReceiptGiven, ReceiptGivenGate
        /// No fee is open, and the step's evidence has somebody's word for it.
        FeesSettled, FeesSettledGate
        /// No holding of the client is open.
        NoResiduals, NoResidualsGate
        /// No exception of the run waits for a decision or an action.
        OpenExceptionsClosed, OpenExceptionsClosedGate
        /// No question of the run waits for an answer.
        OpenDecisionsDecided, OpenDecisionsDecidedGate
    }
}
