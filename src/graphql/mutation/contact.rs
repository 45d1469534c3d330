//! Entering and changing contacts.

use async_graphql::{Context, ID, InputObject, Object};

use crate::{
    app::{self, contact::Upsert},
    domain::contact::ContactRole,
    error::{Error, Result, Violation, parse},
    graphql::{
        context::Caller,
        id,
        mutation::once,
        payload::{Nullable, payload, settle},
        types::contact::Contact,
    },
    ids::ContactId,
};

/// The places a contact may have in the order of calls.
const ORDER: std::ops::RangeInclusive<i32> = 1..=1_000;

/// Enters and changes contacts.
#[derive(Clone, Copy, Debug, Default)]
pub struct ContactMutation;

/// A contact as it shall be, whole: what is left out is removed.
#[derive(Clone, Debug, InputObject)]
pub struct ContactUpsertInput {
    /// The client it speaks for.
    client_id: ID,
    /// The contact to change; left out, a new one is entered.
    id: Option<ID>,
    /// The revision the caller read; needed with `id`.
    expected_revision: Option<i32>,
    /// What it is asked about.
    role: ContactRole,
    /// The person's name, 1 to 200 characters.
    name: String,
    /// Where it reads mail. An e-mail address, a telephone number or both are needed.
    email: Option<String>,
    /// Its telephone number, best with its country: `+1 212 555 0100`. Any other is kept as it is given.
    phone: Option<String>,
    /// Who is called first, 1 to 1000. Left out, a new contact is called last and another keeps its place.
    escalation_order: Option<i32>,
    /// The caller's name for this request, 8 to 128 characters; the same key never enters two contacts.
    idempotency_key: String,
}

impl ContactUpsertInput {
    fn existing(&self) -> Result<Option<(ContactId, i32)>> {
        let missing = |field: &str, message: &str, remedy: &str| -> Error {
            Violation::new(field, message).remedy(remedy).into()
        };
        match (&self.id, self.expected_revision) {
            (Some(id), Some(revision)) => Ok(Some((id::get(id, "contact", "id")?, revision))),
            (None, None) => Ok(None),
            (Some(_), None) => Err(missing(
                "expectedRevision",
                "A change needs the revision that was read.",
                "Send the contact's `revision` as `expectedRevision`.",
            )),
            (None, Some(_)) => Err(missing(
                "expectedRevision",
                "A new contact has no revision yet.",
                "Send the contact's `id` as well, or leave `expectedRevision` out.",
            )),
        }
    }

    fn parse(&self) -> Result<Upsert> {
        if self.escalation_order.is_some_and(|order| !ORDER.contains(&order)) {
            return Err(Violation::new("escalationOrder", "The order of calls is from 1 to 1000.")
                .remedy("Give 1 to whoever is called first.")
                .into());
        }
        Ok(Upsert {
            client_id: id::get(&self.client_id, "client", "clientId")?,
            existing: self.existing()?,
            role: self.role,
            name: parse("name", &self.name)?,
            email: self.email.as_deref().map(|email| parse("email", email)).transpose()?,
            phone: self.phone.as_deref().map(|phone| parse("phone", phone)).transpose()?,
            escalation_order: self.escalation_order,
        })
    }
}

payload! {
    /// The entered or changed contact.
    once ContactUpsertPayload {
        /// The contact.
        contact: Contact,
    }
}

#[Object]
impl ContactMutation {
    /// Enters a contact of a client, or changes one.
    /// Example: `mutation { contactUpsert(input: { clientId: "cli_…", name: "Nora Pine", role: PRIMARY, email:
    /// "nora@harbor.example", idempotencyKey: "contact-nora" }) { contact { id } userErrors { message } } }`.
    async fn contact_upsert(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The contact as it shall be.")] input: ContactUpsertInput,
    ) -> Nullable<ContactUpsertPayload> {
        let done = async {
            let once = once("contactUpsert", &input.idempotency_key, &input)?;
            let done = app::contact::upsert(ctx.app(), ctx.actor()?, input.parse()?, once).await?;
            Ok(ContactUpsertPayload::done(done.is_replayed, Contact(done.made)))
        };
        settle(done.await)
    }
}
