//! Contacts by id and by client.

use std::{collections::HashMap, sync::Arc};

use async_graphql::dataloader::Loader;

use crate::{
    app,
    graphql::{
        loaders::{Batch, Shared, grouped},
        types::contact::Contact,
    },
    ids::{ClientId, ContactId},
};

/// Asks for the contact with this id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ContactKey(pub ContactId);

/// Asks for all contacts of this client, first to call first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ContactsOf(pub ClientId);

impl Loader<ContactKey> for Batch {
    type Value = Contact;
    type Error = Shared;

    async fn load(&self, keys: &[ContactKey]) -> Result<HashMap<ContactKey, Contact>, Shared> {
        let ids: Vec<_> = keys.iter().map(|key| key.0).collect();
        let found = app::contact::load_many(&self.app, &self.actor, &ids).await.map_err(Arc::new)?;
        Ok(found.into_iter().map(|contact| (ContactKey(contact.id), Contact(contact))).collect())
    }
}

impl Loader<ContactsOf> for Batch {
    type Value = Vec<Contact>;
    type Error = Shared;

    async fn load(&self, keys: &[ContactsOf]) -> Result<HashMap<ContactsOf, Vec<Contact>>, Shared> {
        let clients: Vec<_> = keys.iter().map(|key| key.0).collect();
        let found = app::contact::of_clients(&self.app, &self.actor, &clients).await.map_err(Arc::new)?;
        Ok(grouped(found, |contact| ContactsOf(contact.client_id), Contact))
    }
}
