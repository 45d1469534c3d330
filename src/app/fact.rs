//! Facts: writing down what discovery found, checking it, reading it.

use std::collections::HashMap;

use crate::{
    app::{
        App, Deed, Done, Once,
        revision::expect_revision,
        rows::{Marks, refuse_secret, refuse_secrets},
    },
    auth::{Actor, Permission},
    domain::{
        event::{EventKind, NewEvent},
        fact::{Fact, FactDetails, FactKind, FactSource, FactState, FactVerb},
        page::{Page, Window},
        text::Name,
    },
    error::{Error, Result, Violation, at},
    ids::{ClientId, FactId},
    store,
};

/// What a row says was found.
#[derive(Clone, Debug)]
pub struct Found {
    /// What people call it.
    pub name: Name,
    /// How it came to be known.
    pub source: FactSource,
    /// What is known.
    pub details: FactDetails,
}

/// Writes facts down. One that has the client, kind and name of an earlier one replaces it, and is
/// unverified again. A row that cannot be read, holds a secret or repeats another is refused alone.
///
/// # Errors
/// `Forbidden`; `NotFound` on `clientId`. A row's own error stands in its place.
pub async fn record(
    app: &App,
    actor: &Actor,
    client: ClientId,
    rows: Vec<Result<Found>>,
    once: Once,
) -> Result<Done<Vec<Result<Fact>>>> {
    actor.require(Permission::FactsRecord)?;
    let rows = vetted(rows);
    let mut deed = app.begin(actor).await?;
    if let Some(marks) = deed.replayed(once).await? {
        return Ok(Done::earlier(recall(&deed, rows, marks).await?));
    }
    store::client::lock(deed.tx(), &actor.scope, client, "clientId").await?;
    let facts = merged(&deed, client, rows).await?;
    let new = facts.iter().flatten().filter(|fact| fact.revision == 1).count();
    store::fact::room(deed.tx(), client, new).await?;
    store::fact::write(deed.tx(), facts.iter().flatten()).await?;
    for fact in facts.iter().flatten() {
        deed.record(recorded(fact));
    }
    deed.answer(Marks(facts.iter().map(|fact| fact.as_ref().ok().map(|fact| fact.id)).collect()));
    deed.commit().await?;
    Ok(Done::now(facts))
}

/// Judges every row by itself, and each against those before it.
fn vetted(rows: Vec<Result<Found>>) -> Vec<Result<Found>> {
    let mut seen = HashMap::new();
    let judge = |(index, row): (usize, Result<Found>)| {
        let found = row?;
        found.details.check().map_err(|invalid| at("details", invalid))?;
        refuse_secret("name", found.name.as_str())?;
        refuse_secrets("details", &found.details)?;
        let first = *seen.entry((found.details.kind(), found.name.clone())).or_insert(index);
        if first == index {
            return Ok(found);
        }
        let twice = Violation::new("name", format!("Row {first} has the same kind and name."));
        Err(twice.remedy("Send each fact once.").into())
    };
    rows.into_iter().enumerate().map(judge).collect()
}

/// The facts as the rows make them: new, or the next revision of what stands.
async fn merged(deed: &Deed<'_>, client: ClientId, rows: Vec<Result<Found>>) -> Result<Vec<Result<Fact>>> {
    let names: Vec<_> = rows.iter().flatten().map(|found| found.name.as_str()).collect();
    let standing = store::fact::lock_named(deed.tx(), client, &names).await?;
    let mut standing: HashMap<_, _> =
        standing.into_iter().map(|fact| ((fact.kind(), fact.name.clone()), fact)).collect();
    let merge = |row: Result<Found>| {
        let found = row?;
        let earlier = standing.remove(&(found.details.kind(), found.name.as_str().to_owned()));
        let (id, revision, state) = match earlier {
            None => (deed.app().new_id(), 1, FactState::Recorded),
            Some(fact) => (fact.id, fact.revision + 1, fact.state.after(FactVerb::Record)?),
        };
        Ok(Fact {
            id,
            client_id: client,
            name: found.name.into_string(),
            source: found.source,
            state,
            details: found.details,
            collected_by: deed.actor().id,
            collected_at: deed.now(),
            verified_by: None,
            verified_at: None,
            revision,
        })
    };
    Ok(rows.into_iter().map(merge).collect())
}

/// What an earlier request with the same rows made, as it stands now.
async fn recall(deed: &Deed<'_>, rows: Vec<Result<Found>>, marks: Marks<FactId>) -> Result<Vec<Result<Fact>>> {
    let ids: Vec<_> = marks.0.iter().flatten().copied().collect();
    let found = store::fact::load_many(deed.tx(), &deed.actor().scope, &ids).await?;
    let mut found: HashMap<_, _> = found.into_iter().map(|fact| (fact.id, fact)).collect();
    let one = |(row, mark): (Result<Found>, Option<FactId>)| match (row, mark) {
        (_, Some(id)) => found.remove(&id).ok_or_else(|| Error::not_found("fact", "")),
        (Err(error), None) => Err(error),
        (Ok(_), None) => Err(Error::violation("", "This row was refused.")),
    };
    Ok(rows.into_iter().zip(marks.0).map(one).collect())
}

fn recorded(fact: &Fact) -> NewEvent {
    NewEvent::new(EventKind::FactRecorded, fact.id, format!("{} was recorded: {}.", fact.kind(), fact.name))
        .client(fact.client_id)
        .with("kind", fact.kind().as_str())
        .with("name", fact.name.as_str())
        .with("source", fact.source.as_str())
        .with("revision", fact.revision)
}

/// Verifies facts, each in the revision that the caller looked at. A fact that the caller collected, that
/// changed meanwhile or is verified already is refused alone.
///
/// # Errors
/// `Forbidden`. A row's own error stands in its place: `NotFound` on `id`, `Conflict`.
pub async fn verify(app: &App, actor: &Actor, rows: Vec<Result<(FactId, i32)>>) -> Result<Vec<Result<Fact>>> {
    actor.require(Permission::FactsVerify)?;
    let mut deed = app.begin(actor).await?;
    let ids: Vec<_> = rows.iter().flatten().map(|(id, _)| *id).collect();
    let standing = store::fact::lock_many(deed.tx(), &actor.scope, &ids).await?;
    let mut standing: HashMap<_, _> = standing.into_iter().map(|fact| (fact.id, fact)).collect();
    let now = deed.now();
    let judge = |row: Result<(FactId, i32)>| {
        let (id, expected) = row?;
        let fact = standing.get_mut(&id).ok_or_else(|| Error::not_found("fact", "id"))?;
        expect_revision(fact.id, expected, fact.revision)?;
        fact.state = fact.verified_by(actor.id)?;
        fact.verified_by = Some(actor.id);
        fact.verified_at = Some(now);
        fact.revision += 1;
        Ok(fact.clone())
    };
    let facts: Vec<_> = rows.into_iter().map(judge).collect();
    store::fact::write(deed.tx(), facts.iter().flatten()).await?;
    for fact in facts.iter().flatten() {
        let summary = format!("{} was verified: {}.", fact.kind(), fact.name);
        let event = NewEvent::new(EventKind::FactVerified, fact.id, summary).client(fact.client_id);
        deed.record(event.with("revision", fact.revision));
    }
    deed.commit().await?;
    Ok(facts)
}

/// Those of `ids` that the caller may see.
///
/// # Errors
/// `Forbidden`, and those of the database.
pub async fn load_many(app: &App, actor: &Actor, ids: &[FactId]) -> Result<Vec<Fact>> {
    actor.require(Permission::Fact)?;
    store::fact::load_many(app.db().read(), &actor.scope, ids).await
}

/// One page of facts for each of `clients`, newest first. A client without any is not in the map.
///
/// # Errors
/// `Forbidden`, and those of the database.
pub async fn list_each(
    app: &App,
    actor: &Actor,
    clients: &[ClientId],
    kind: Option<FactKind>,
    window: &Window,
) -> Result<HashMap<ClientId, Page<Fact>>> {
    actor.require(Permission::Fact)?;
    store::fact::list_each(app.db().read(), &actor.scope, clients, kind, window).await
}

/// How many facts each of `clients` has.
///
/// # Errors
/// `Forbidden`, and those of the database.
pub async fn count_each(
    app: &App,
    actor: &Actor,
    clients: &[ClientId],
    kind: Option<FactKind>,
) -> Result<HashMap<ClientId, u64>> {
    actor.require(Permission::Fact)?;
    store::fact::count_each(app.db().read(), &actor.scope, clients, kind).await
}
