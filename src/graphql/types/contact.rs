//! Contacts.

use async_graphql::{Context, ID, Object, SimpleObject};

use crate::{
    domain::contact::{self, ContactRole},
    graphql::{
        loaders::{ClientKey, required},
        scalars::DateTime,
        types::client::Client,
    },
};

/// A person who speaks for a client.
#[derive(Clone, Debug)]
pub struct Contact(pub contact::Contact);

/// A telephone number, kept as it was given.
#[derive(Clone, Debug, SimpleObject)]
pub struct PhoneNumber {
    /// As it was given.
    raw: String,
    /// `+` and the digits with the country's code, when the number was given with its country.
    e164: Option<String>,
    /// Whether nobody could dial it from abroad without knowing more.
    is_ambiguous: bool,
}

impl From<contact::Phone> for PhoneNumber {
    fn from(phone: contact::Phone) -> Self {
        Self { is_ambiguous: phone.is_ambiguous(), raw: phone.raw, e164: phone.e164 }
    }
}

/// A person who speaks for a client.
#[Object]
impl Contact {
    /// Opaque id.
    pub(super) async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// Whom it speaks for.
    async fn client(&self, ctx: &Context<'_>) -> async_graphql::Result<Client> {
        required(ctx, ClientKey(self.0.client_id)).await
    }

    /// What it is asked about.
    async fn role(&self) -> ContactRole {
        self.0.role
    }

    /// The person's name.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// Where it reads mail.
    async fn email(&self) -> Option<&str> {
        self.0.email.as_ref().map(contact::Email::as_str)
    }

    /// Its telephone number.
    async fn phone(&self) -> Option<PhoneNumber> {
        self.0.phone.clone().map(PhoneNumber::from)
    }

    /// Who is called first: 1 before 2.
    async fn escalation_order(&self) -> i32 {
        self.0.escalation_order
    }

    /// Grows with every change; send it back as `expectedRevision`.
    async fn revision(&self) -> i32 {
        self.0.revision
    }

    /// When it was entered.
    async fn created_at(&self) -> DateTime {
        self.0.created_at.into()
    }

    /// When it was last changed.
    async fn updated_at(&self) -> DateTime {
        self.0.updated_at.into()
    }
}
