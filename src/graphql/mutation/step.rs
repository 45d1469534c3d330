//! Working on steps.

use async_graphql::{Context, ID, InputObject, Object};

use crate::{
    app::{
        self,
        step::{Assign, SetItem, Work},
    },
    domain::step::ChecklistItemState,
    error::{Result, parse},
    graphql::{
        context::Caller,
        id,
        payload::{Nullable, payload, settle},
        types::step::{ChecklistItem, Step},
    },
};

/// Works on steps.
#[derive(Clone, Copy, Debug, Default)]
pub struct StepMutation;

/// Who works on a step.
#[derive(Clone, Debug, InputObject)]
pub struct StepAssignInput {
    /// The step.
    id: ID,
    /// The revision the caller read.
    expected_revision: i32,
    /// The person; left out, the step goes back into the queue of its role.
    assignee_id: Option<ID>,
}

impl StepAssignInput {
    fn parse(&self) -> Result<Assign> {
        let assignee = self.assignee_id.as_ref().map(|user| id::get(user, "active user", "assigneeId"));
        Ok(Assign {
            id: id::get(&self.id, "step", "id")?,
            expected_revision: self.expected_revision,
            assignee_id: assignee.transpose()?,
        })
    }
}

macro_rules! work_input {
    ($(#[$doc:meta])* $name:ident, $rdoc:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, InputObject)]
        pub struct $name {
            /// The step.
            id: ID,
            /// The revision the caller read.
            expected_revision: i32,
            #[doc = $rdoc]
            reason: Option<String>,
        }

        impl $name {
            fn parse(&self) -> Result<Work> {
                Ok(Work {
                    id: id::get(&self.id, "step", "id")?,
                    expected_revision: self.expected_revision,
                    reason: self.reason.as_deref().map(|reason| parse("reason", reason)).transpose()?,
                })
            }
        }
    };
}

work_input!(
    /// Which step begins.
    StepStartInput, "A remark, up to 4,000 characters."
);
work_input!(
    /// Which step is finished.
    StepCompleteInput, "A remark, up to 4,000 characters."
);
work_input!(
    /// Which step does not apply.
    StepMarkNotApplicableInput, "Why it does not apply, 1 to 4,000 characters; needed."
);
work_input!(
    /// Which step is opened again.
    StepReopenInput, "Why it is opened again, 1 to 4,000 characters; needed."
);

/// What is said of a line of a checklist.
#[derive(Clone, Debug, InputObject)]
pub struct ChecklistItemSetInput {
    /// The line.
    id: ID,
    /// The revision the caller read.
    expected_revision: i32,
    /// Where it stands now.
    state: ChecklistItemState,
    /// A remark, up to 4,000 characters; needed where the line does not apply.
    note: Option<String>,
}

impl ChecklistItemSetInput {
    fn parse(&self) -> Result<SetItem> {
        Ok(SetItem {
            id: id::get(&self.id, "checklist item", "id")?,
            expected_revision: self.expected_revision,
            state: self.state,
            note: self.note.as_deref().map(|note| parse("note", note)).transpose()?,
        })
    }
}

payload! {
    /// The assigned step.
    StepAssignPayload {
        /// The step.
        step: Step,
    }
}
payload! {
    /// The step that began.
    StepStartPayload {
        /// The step.
        step: Step,
    }
}
payload! {
    /// The finished step.
    StepCompletePayload {
        /// The step.
        step: Step,
    }
}
payload! {
    /// The step that does not apply.
    StepMarkNotApplicablePayload {
        /// The step.
        step: Step,
    }
}
payload! {
    /// The step that is open again.
    StepReopenPayload {
        /// The step.
        step: Step,
    }
}
payload! {
    /// The line that was set, and its step.
    ChecklistItemSetPayload {
        /// The line.
        checklist_item: ChecklistItem,
        /// The step.
        step: Step,
    }
}

#[Object]
impl StepMutation {
    /// Gives a step to a person, or back into the queue of its role.
    /// Example: `mutation { stepAssign(input: { id: "stp_…", expectedRevision: 1, assigneeId: "usr_…" }) { step {
    /// revision } userErrors { message } } }`.
    async fn step_assign(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which, and to whom.")] input: StepAssignInput,
    ) -> Nullable<StepAssignPayload> {
        let assigned = async {
            let step = app::step::assign(ctx.app(), ctx.actor()?, input.parse()?).await?;
            Ok(StepAssignPayload::done(step.into()))
        };
        settle(assigned.await)
    }

    /// Begins a step, unless its gates are closed; whoever begins an unassigned one takes it.
    /// Example: `mutation { stepStart(input: { id: "stp_…", expectedRevision: 1 }) { step { state blockedBy { message
    /// remedy } } userErrors { message } } }`.
    async fn step_start(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which.")] input: StepStartInput,
    ) -> Nullable<StepStartPayload> {
        let started = async {
            let step = app::step::start(ctx.app(), ctx.actor()?, input.parse()?).await?;
            Ok(StepStartPayload::done(step.into()))
        };
        settle(started.await)
    }

    /// Finishes a step, unless its gates are closed.
    /// Example: `mutation { stepComplete(input: { id: "stp_…", expectedRevision: 2 }) { step { state blockedBy {
    /// message remedy } } userErrors { message } } }`.
    async fn step_complete(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which.")] input: StepCompleteInput,
    ) -> Nullable<StepCompletePayload> {
        let completed = async {
            let step = app::step::complete(ctx.app(), ctx.actor()?, input.parse()?).await?;
            Ok(StepCompletePayload::done(step.into()))
        };
        settle(completed.await)
    }

    /// Says that there is nothing to do in a step for this client.
    /// Example: `mutation { stepMarkNotApplicable(input: { id: "stp_…", expectedRevision: 1, reason:
    /// "No hardware is delivered." }) { step { state } userErrors { message } } }`.
    async fn step_mark_not_applicable(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which, and why.")] input: StepMarkNotApplicableInput,
    ) -> Nullable<StepMarkNotApplicablePayload> {
        let marked = async {
            let step = app::step::mark_not_applicable(ctx.app(), ctx.actor()?, input.parse()?).await?;
            Ok(StepMarkNotApplicablePayload::done(step.into()))
        };
        settle(marked.await)
    }

    /// Opens a finished step again; its gates are asked anew.
    /// Example: `mutation { stepReopen(input: { id: "stp_…", expectedRevision: 3, reason: "One agent is back." }) {
    /// step { state } userErrors { message } } }`.
    async fn step_reopen(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which, and why.")] input: StepReopenInput,
    ) -> Nullable<StepReopenPayload> {
        let reopened = async {
            let step = app::step::reopen(ctx.app(), ctx.actor()?, input.parse()?).await?;
            Ok(StepReopenPayload::done(step.into()))
        };
        settle(reopened.await)
    }

    /// Ticks a line of a checklist off, clears it, or says that it does not apply.
    /// Example: `mutation { checklistItemSet(input: { id: "chk_…", expectedRevision: 1, state: DONE }) { checklistItem
    /// { state } userErrors { message } } }`.
    async fn checklist_item_set(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which, and what.")] input: ChecklistItemSetInput,
    ) -> Nullable<ChecklistItemSetPayload> {
        let set = async {
            let (item, step) = app::step::set_item(ctx.app(), ctx.actor()?, input.parse()?).await?;
            Ok(ChecklistItemSetPayload::done(item.into(), step.into()))
        };
        settle(set.await)
    }
}
