//! What mutations leave in the log, noted down for the test that wants to know: see [`Deeds::watch`].

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Mutex,
};

use async_graphql::Response;
use gangway::app::App;
use sea_orm::{EntityTrait, QueryOrder};
use serde_json::Value;

/// By mutation, each row of kinds of events that it left when it was done.
pub(crate) type Left = BTreeMap<String, BTreeSet<Vec<String>>>;

/// Watches the mutations of a test, once it is asked to. Nothing else may write while it does.
#[derive(Default)]
pub(crate) struct Deeds(Mutex<Option<Left>>);

impl Deeds {
    /// Notes down what is left from now on.
    pub(crate) fn watch(&self) {
        *self.0.lock().unwrap() = Some(Left::new());
    }

    /// What was left so far.
    pub(crate) fn left(&self) -> Left {
        self.0.lock().unwrap().clone().expect("nothing is noted before `watch`")
    }

    fn is_watching(&self) -> bool {
        self.0.lock().unwrap().is_some()
    }

    /// How many events there are before something is asked.
    pub(super) async fn before(&self, app: &App) -> usize {
        if self.is_watching() { kinds(app).await.len() } else { 0 }
    }

    /// Notes down what `answer` left behind.
    pub(super) async fn after(&self, app: &App, before: usize, answer: &Response) {
        if !self.is_watching() {
            return;
        }
        let kinds = kinds(app).await.split_off(before);
        let data = answer.data.clone().into_json().unwrap();
        for (field, _) in data.as_object().into_iter().flatten().filter(|(_, payload)| is_done(payload)) {
            if let Some(left) = self.0.lock().unwrap().as_mut() {
                left.entry(field.clone()).or_default().insert(kinds.clone());
            }
        }
    }
}

/// Whether that is the payload of a mutation in which nobody complains. Only mutations have `userErrors`.
fn is_done(payload: &Value) -> bool {
    let rows = payload["results"].as_array().into_iter().flatten();
    let is_fine = |errors: &Value| errors.as_array().is_some_and(Vec::is_empty);
    is_fine(&payload["userErrors"])
        && rows.into_iter().all(|row| row["userErrors"].is_null() || is_fine(&row["userErrors"]))
}

async fn kinds(app: &App) -> Vec<String> {
    let rows = entity::event::Entity::find().order_by_asc(entity::event::Column::Sequence);
    rows.all(app.db().write()).await.unwrap().into_iter().map(|row| row.kind).collect()
}
