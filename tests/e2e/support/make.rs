//! What many tests begin with, made through the API as any caller would.

use gangway::{
    app::file,
    auth::Actor,
    domain::{file::File, role::Role},
    error::Result,
    ids::FileId,
};
use serde_json::{Value, json};

use super::{PUBLIC_URL, TestApp};

/// Enters a client and gives back its id.
pub(crate) async fn client(app: &TestApp, slug: &str) -> String {
    let document =
        "mutation($input: ClientCreateInput!) { clientCreate(input: $input) { client { id } userErrors { message } } }";
    let input = json!({ "name": slug, "slug": slug, "timeZone": "America/New_York", "idempotencyKey": format!("client-{slug}") });
    let created = app.ask(&app.staff(Role::Sales), document, json!({ "input": input })).await;
    created["clientCreate"]["client"]["id"].as_str().unwrap().to_owned()
}

/// The beginning of a picture, which is enough to be told as one.
pub(crate) const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";

/// Announces a file of `client` and gives back the payload.
pub(crate) async fn announce(app: &TestApp, client: &str, name: &str, byte_count: usize) -> Value {
    let document = "mutation($input: UploadCreateInput!) { uploadCreate(input: $input) {
        file { id } url method headers { name value } expiresAt userErrors { code path message remedy } replayed } }";
    let key = format!("upload-{}", gangway::clock::IdSource::next(&app.clock));
    let input = json!({ "clientId": client, "name": name, "byteCount": byte_count.to_string(), "idempotencyKey": key });
    sent(app, &app.staff(Role::Technician), document, input).await
}

/// The id and the token in a link to a file.
pub(crate) fn link(url: &Value) -> (FileId, String) {
    let url = url.as_str().unwrap().strip_prefix(PUBLIC_URL).unwrap().strip_prefix("/files/").unwrap();
    let (id, token) = url.split_once("?token=").unwrap();
    (id.parse().unwrap(), token.to_owned())
}

/// Sends `bytes` to the place that `announced` gives.
pub(crate) async fn send(app: &TestApp, announced: &Value, bytes: &[u8]) -> Result<File> {
    let (id, token) = link(&announced["url"]);
    let mut reception = file::receive(&app.app, id, &token).await?;
    reception.take(bytes).await?;
    reception.finish().await
}

/// A file of `client` that arrived, and gives back its id.
pub(crate) async fn upload(app: &TestApp, client: &str, name: &str, bytes: &[u8]) -> String {
    let announced = announce(app, client, name, bytes.len()).await;
    send(app, &announced, bytes).await.unwrap().id.to_string()
}

/// Sends `document`, whose one mutation takes `input`, and gives back that mutation's payload.
pub(crate) async fn sent(app: &TestApp, actor: &Actor, document: &str, input: Value) -> Value {
    let answer = app.ask(actor, document, json!({ "input": input })).await;
    answer.as_object().and_then(|fields| fields.values().next()).cloned().unwrap()
}

/// The one error of a payload that refused: its code and its path, after a look at its remedy.
#[track_caller]
pub(crate) fn refusal(payload: &Value) -> (&str, String) {
    let errors = payload["userErrors"].as_array().unwrap();
    assert_eq!(errors.len(), 1, "{payload}");
    let path =
        errors[0]["path"].as_array().map(|path| path.iter().map(|part| part.as_str().unwrap()).collect::<Vec<_>>());
    (errors[0]["code"].as_str().unwrap(), path.unwrap_or_default().join("."))
}

/// That `many` rows took no more statements than `few` did. Loads that wait for each other may be split in two
/// when the machine is busy for longer than they wait, so a handful more is allowed; a statement for each row is not.
#[track_caller]
pub(crate) fn assert_constant(few: u64, many: u64) {
    assert!(many <= few + 4, "{few} statements became {many}");
}

/// A step of a running engagement of `client` that technicians are working on, written straight into the
/// tables: how engagements come about is tested with engagements.
pub(crate) async fn step(app: &TestApp, client: &str) -> String {
    use gangway::{
        clock::{Clock, IdSource},
        ids::{ClientId, StepId},
    };
    use sea_orm::{EntityTrait, IntoActiveModel};
    let (db, now) = (app.app.db().write(), app.clock.now());
    let client_id = client.parse::<ClientId>().unwrap().uuid();
    let [process, version, engagement, step] = [(); 4].map(|()| app.clock.next());
    let row = entity::process::Model {
        id: process,
        document_number: format!("T-{process}"),
        title: "Process".to_owned(),
        kind: "ONBOARDING".to_owned(),
        created_at: now,
    };
    entity::process::Entity::insert(row.into_active_model()).exec_without_returning(db).await.unwrap();
    let row = entity::process_version::Model {
        id: version,
        process_id: process,
        number: 1,
        state: "APPROVED".to_owned(),
        content: json!({}),
        content_hash: String::new(),
        supersedes_id: None,
        prepared_by: "system".to_owned(),
        prepared_at: now,
        approved_by: Some("system".to_owned()),
        approved_at: Some(now),
        next_review_on: None,
        revision: 1,
        updated_at: now,
    };
    entity::process_version::Entity::insert(row.into_active_model()).exec_without_returning(db).await.unwrap();
    let row = entity::engagement::Model {
        id: engagement,
        client_id,
        kind: "ONBOARDING".to_owned(),
        state: "RUNNING".to_owned(),
        process_version_id: version,
        target_on: None,
        state_reason: None,
        started_at: Some(now),
        concluded_at: None,
        revision: 1,
        created_by: "system".to_owned(),
        created_at: now,
        updated_at: now,
    };
    entity::engagement::Entity::insert(row.into_active_model()).exec_without_returning(db).await.unwrap();
    let row = entity::step::Model {
        id: step,
        engagement_id: engagement,
        client_id,
        key: "deploy".to_owned(),
        position: 1,
        title: "Deploy".to_owned(),
        state: "IN_PROGRESS".to_owned(),
        role: Role::Technician.to_string(),
        assignee_id: None,
        due_at: None,
        queue_at: "9999-12-31T00:00:00Z".parse().unwrap(),
        state_reason: None,
        started_at: Some(now),
        finished_at: None,
        finished_by: None,
        revision: 1,
    };
    entity::step::Entity::insert(step_row(row)).exec_without_returning(db).await.unwrap();
    StepId::from(step).to_string()
}

/// Bytes that no compression makes fewer, the same every time.
pub(crate) fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[0]
    };
    (0..len).map(next).collect()
}

/// A step to be written: its place in the queue is the database's own.
pub(crate) fn step_row(step: entity::step::Model) -> entity::step::ActiveModel {
    use sea_orm::{ActiveValue, IntoActiveModel};
    entity::step::ActiveModel { queue_at: ActiveValue::NotSet, ..step.into_active_model() }
}
