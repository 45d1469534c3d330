//! One client's life with a provider, from prospect to concluded, as callers of the public API live it: whatever
//! happens here is an example of `docs/examples`, sent over HTTP with somebody's token.
//!
//! The story does not know what a step needs. It begins a step, reads what is in the way, and clears it by what the
//! blocker names ([`clear`]); so it goes on working when a process changes. What cannot be done with what the API
//! offers today is done the honest way: an approved exception or a clause, never a removal that nobody verified.
//!
//! The demo lives one life and shows it, the seed lives many, the tests live it on both stacks.

use std::sync::{
    OnceLock,
    atomic::{AtomicU32, Ordering},
};

use chrono::NaiveDate;
use chrono_tz::Tz;
use serde_json::{Value, json};

use crate::{
    auth::development::DevelopmentIssuer,
    cli::api::{Api, Failure},
    clock::{Clock, Instant, System},
    domain::role::Role,
    ids::ClientId,
};

mod beginning;
pub mod cast;
mod clear;
mod close_out;
mod decide;
mod destroy_data;
pub mod documents;
mod except;
mod find_out;
mod jobs;
pub mod ledger;
mod package;
mod return_data;
mod scene;
mod walk;

pub use cast::{Cast, Person};
pub use close_out::ClosedOut;
pub use package::Opened;
pub use scene::{HandOver, Scene};
pub use walk::Walked;

/// A server with people at work.
pub struct Stage<'a> {
    /// How it is reached.
    pub api: &'a Api,
    /// Who works there.
    pub cast: Cast,
    /// Where tokens come from.
    pub issuer: &'a DevelopmentIssuer,
}

/// Who listens to the story. Everything may be ignored.
pub trait Listener: Send + Sync {
    /// Something worth a line happened.
    fn line(&self, topic: &str, text: &str) {
        let _ = (topic, text);
    }

    /// A run is at `title`, the `position`th of `total` steps.
    fn step(&self, run: &str, position: usize, total: usize, title: &str) {
        let _ = (run, position, total, title);
    }

    /// A run's steps are over.
    fn walked(&self, run: &str) {
        let _ = run;
    }

    /// A job has come this far: an event of `jobEvents`.
    fn job(&self, event: &Value) {
        let _ = event;
    }
}

/// Nobody.
#[derive(Clone, Copy, Debug)]
pub struct Silence;

impl Listener for Silence {}

/// A client's life.
pub struct Life<'a> {
    stage: &'a Stage<'a>,
    listener: &'a dyn Listener,
    scene: Scene,
    /// The client's id.
    pub client: String,
    /// Who speaks for the client.
    pub contact: Person,
    sent: AtomicU32,
    opened: OnceLock<Opened>,
    /// The plan of what is destroyed, once everybody agreed to it.
    doomed: OnceLock<Value>,
}

impl<'a> Life<'a> {
    /// Enters the client and its contacts; it is a prospect.
    ///
    /// # Errors
    /// The server refuses or does not answer.
    pub async fn begin(stage: &'a Stage<'a>, listener: &'a dyn Listener, scene: Scene) -> anyhow::Result<Self> {
        let sales = stage.cast.person(Role::Sales);
        let input = json!({
            "name": scene.name, "slug": scene.slug, "timeZone": scene.time_zone.name(),
            "idempotencyKey": format!("{}-client-create", scene.slug),
        });
        let made = stage.api.send(&sales.token, documents::CLIENT_CREATE, input).await?;
        let client = text(&made["client"]["id"]);
        let id: ClientId = client.parse()?;
        let subject = format!("{}.{}", scene.contact.split(' ').next().unwrap_or("contact").to_lowercase(), scene.slug);
        let who = (subject.as_str(), scene.contact.as_str());
        let contact = Person::meet(stage.api, stage.issuer, Role::ClientContact, who, Some(id)).await?;
        let sent = AtomicU32::new(0);
        let (opened, doomed) = (OnceLock::new(), OnceLock::new());
        let life = Self { stage, listener, scene, client, contact, sent, opened, doomed };
        life.enter_contacts().await?;
        Ok(life)
    }

    /// Whoever plays `role`: the client's contact speaks for the client.
    fn person(&self, role: Role) -> &Person {
        if role == Role::ClientContact { &self.contact } else { self.stage.cast.person(role) }
    }

    async fn ask(&self, who: &Person, document: &str, variables: Value) -> Result<Value, Failure> {
        self.stage.api.ask(&who.token, document, variables).await
    }

    async fn send(&self, who: &Person, document: &str, input: Value) -> Result<Value, Failure> {
        self.stage.api.send(&who.token, document, input).await
    }

    /// Sends what makes something: it carries an idempotency key, the same each time this life is lived.
    async fn make(&self, who: &Person, document: &str, mut input: Value) -> Result<Value, Failure> {
        let number = self.sent.fetch_add(1, Ordering::Relaxed);
        input["idempotencyKey"] = format!("{}-{number:04}", self.scene.slug).into();
        self.send(who, document, input).await
    }

    /// What the caller would see of the client.
    ///
    /// # Errors
    /// The server refuses or does not answer.
    pub async fn look(&self) -> anyhow::Result<Value> {
        let variables = json!({ "id": self.client });
        Ok(self.ask(self.person(Role::AccountManager), documents::CLIENT, variables).await?)
    }

    /// How the client is called.
    pub fn name(&self) -> &str {
        &self.scene.name
    }

    /// What `document` answers whoever plays `role`.
    ///
    /// # Errors
    /// The server refuses or does not answer.
    pub async fn ask_as(&self, role: Role, document: &str, variables: Value) -> anyhow::Result<Value> {
        Ok(self.ask(self.person(role), document, variables).await?)
    }

    /// What the client found in its package, once it has one.
    pub fn opened(&self) -> Option<&Opened> {
        self.opened.get()
    }

    /// Every line of the client's ledger.
    ///
    /// # Errors
    /// The server refuses or does not answer.
    pub async fn ledger(&self) -> anyhow::Result<Vec<Value>> {
        let variables = json!({ "clientId": self.client });
        let mut answer = self.ask(self.person(Role::AccountManager), documents::LEDGER, variables).await?;
        Ok(list(answer["holdings"]["nodes"].take()))
    }
}

/// The calendar day in `zone`.
fn today(zone: Tz) -> NaiveDate {
    System.now().with_timezone(&zone).date_naive()
}

/// The instant as the API takes it.
fn instant(at: Instant) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}

pub(in crate::cli) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn list(value: Value) -> Vec<Value> {
    match value {
        Value::Array(items) => items,
        _ => Vec::new(),
    }
}
