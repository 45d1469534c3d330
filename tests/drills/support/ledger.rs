//! A client with one line in its ledger, entered in the database as its life would have left it.

use chrono::NaiveDate;
use sea_orm::{EntityTrait, IntoActiveModel};
use serde_json::json;
use uuid::Uuid;

use super::stack::Stack;

/// A line that is data.
pub(crate) struct Line<'a> {
    pub(crate) client: Uuid,
    pub(crate) holding: Uuid,
    /// Where it lies, as `STORE://PATH`.
    pub(crate) location: &'a str,
    pub(crate) disposition: &'a str,
    /// When the service ended.
    pub(crate) final_service_on: Option<NaiveDate>,
}

impl Line<'_> {
    /// Enters it, and the client `acme` that it belongs to.
    pub(crate) async fn enter(&self, stack: &Stack) {
        let (db, now) = (stack.app.db().write(), stack.app.now());
        let row = entity::client::Model {
            id: self.client,
            slug: "acme".to_owned(),
            name: "Acme".to_owned(),
            name_search: "acme".to_owned(),
            stage: "OFFBOARDING".to_owned(),
            time_zone: "UTC".to_owned(),
            service_start_on: None,
            service_started_at: None,
            final_service_on: self.final_service_on,
            revision: 1,
            created_at: now,
            updated_at: now,
        };
        entity::client::Entity::insert(row.into_active_model()).exec_without_returning(db).await.unwrap();
        let details = json!({ "kind": "DATA", "data_kind": "FILES", "location": self.location,
            "disposition": self.disposition, "key_escrow": "NOT_ENCRYPTED" });
        let row = entity::holding::Model {
            id: self.holding,
            client_id: self.client,
            kind: "DATA".to_owned(),
            state: "ACTIVE".to_owned(),
            name: "Files".to_owned(),
            external_ref: None,
            connector_id: None,
            details,
            retained_clause: None,
            retained_until: None,
            decision_id: None,
            exception_id: None,
            last_probed_at: None,
            acknowledged_at: None,
            closed_at: None,
            revision: 1,
            created_by: "system".to_owned(),
            created_at: now,
            updated_at: now,
        };
        entity::holding::Entity::insert(row.into_active_model()).exec_without_returning(db).await.unwrap();
    }
}
