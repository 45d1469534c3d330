//! The notice that ends a service, and taking it back.

use async_graphql::{Context, ID, InputObject, Object};

use super::agreement::file;
use crate::{
    app::{
        self,
        agreement::{Terminate, Withdraw},
    },
    domain::agreement::NoticeChannel,
    error::{Result, parse},
    graphql::{
        context::Caller,
        id,
        mutation::once,
        payload::{Nullable, payload, settle},
        scalars::Date,
        types::{agreement::TerminationNotice, client::Client},
    },
};

/// Records notices and takes them back.
#[derive(Clone, Copy, Debug, Default)]
pub struct TerminationMutation;

/// That notice was given.
#[derive(Clone, Debug, InputObject)]
pub struct TerminationRecordInput {
    /// The client whose service ends.
    client_id: ID,
    /// The day the notice came; not in the future.
    received_on: Date,
    /// How it came.
    channel: NoticeChannel,
    /// Who gave it.
    given_by: String,
    /// The last day of service. The longest notice of the agreements in force has to fit in between.
    final_service_on: Date,
    /// Until when the agreement outlives the service, when it does.
    ends_on: Option<Date>,
    /// Why both sides agree on an earlier end than the agreed notice; needed when it is earlier.
    short_notice_reason: Option<String>,
    /// The notice: a file that was uploaded for this client.
    file_id: Option<ID>,
    /// The caller's name for this request, 8 to 128 characters; the same key never records two notices.
    idempotency_key: String,
}

/// A notice that is taken back.
#[derive(Clone, Debug, InputObject)]
pub struct TerminationWithdrawInput {
    /// The notice.
    id: ID,
    /// The revision the caller read.
    expected_revision: i32,
    /// Why, and who of the client said so, 1 to 4,000 characters.
    reason: String,
}

impl TerminationRecordInput {
    fn parse(&self) -> Result<Terminate> {
        let reason = self.short_notice_reason.as_deref().map(|reason| parse("shortNoticeReason", reason));
        Ok(Terminate {
            client_id: id::get(&self.client_id, "client", "clientId")?,
            received_on: self.received_on.0,
            channel: self.channel,
            given_by: parse("givenBy", &self.given_by)?,
            final_service_on: self.final_service_on.0,
            ends_on: self.ends_on.map(|date| date.0),
            short_notice_reason: reason.transpose()?,
            file_id: file(self.file_id.as_ref())?,
        })
    }
}

impl TerminationWithdrawInput {
    fn parse(&self) -> Result<Withdraw> {
        Ok(Withdraw {
            id: id::get(&self.id, "notice", "id")?,
            expected_revision: self.expected_revision,
            reason: parse("reason", &self.reason)?,
        })
    }
}

payload! {
    /// The recorded notice.
    once TerminationRecordPayload {
        /// The client, with its last day of service.
        client: Client,
        /// The notice.
        notice: TerminationNotice,
    }
}

payload! {
    /// The notice that was taken back.
    TerminationWithdrawPayload {
        /// The client, whose service goes on.
        client: Client,
        /// The notice, which has ended.
        notice: TerminationNotice,
    }
}

#[Object]
impl TerminationMutation {
    /// Records that notice was given, and the client's last day of service. An earlier notice ends.
    /// Example: `mutation { terminationRecord(input: { clientId: "cli_…", receivedOn: "2026-11-02", channel: LETTER,
    /// givenBy: "Nora Pine", finalServiceOn: "2026-12-31", idempotencyKey: "notice-2026" }) { client { stage }
    /// userErrors { message } } }`.
    async fn termination_record(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The notice.")] input: TerminationRecordInput,
    ) -> Nullable<TerminationRecordPayload> {
        let done = async {
            let once = once("terminationRecord", &input.idempotency_key, &input)?;
            let done = app::agreement::terminate(ctx.app(), ctx.actor()?, input.parse()?, once).await?;
            let (client, notice) = done.made;
            let notice = TerminationNotice::of(notice)?;
            Ok(TerminationRecordPayload::done(done.is_replayed, Client(client), notice))
        };
        settle(done.await)
    }

    /// Takes a notice back, because both sides go on: it ends, and the client has no last day of service any more. Not
    /// while an offboarding follows from it.
    /// Example: `mutation { terminationWithdraw(input: { id: "agr_…", expectedRevision: 1, reason: "Nora Pine called." }) {
    /// client { stage finalServiceOn } userErrors { message remedy } } }`.
    async fn termination_withdraw(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The notice, and why.")] input: TerminationWithdrawInput,
    ) -> Nullable<TerminationWithdrawPayload> {
        let done = async {
            let (client, notice) = app::agreement::withdraw(ctx.app(), ctx.actor()?, input.parse()?).await?;
            Ok(TerminationWithdrawPayload::done(Client(client), TerminationNotice::of(notice)?))
        };
        settle(done.await)
    }
}
