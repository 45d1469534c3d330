//! Uploaded files.

use gangway::{
    app::file,
    domain::role::Role,
    error::{Conflict, Error},
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::{
    TestApp, UPLOAD_LIMIT,
    make::{self, link, refusal, send, sent},
    on_both_stacks,
    run::{events, of_client},
};

const CREATE: &str = "mutation($input: UploadCreateInput!) { uploadCreate(input: $input) {
    file { id name state byteCount mediaType sha256 storedAt createdBy { id } client { id } downloadUrl }
    url method headers { name value } expiresAt userErrors { code path message remedy } replayed } }";
const READ: &str = "query($id: ID!) { file(id: $id) { id name state byteCount mediaType sha256 createdAt storedAt \
                    createdBy { id } client { id } downloadUrl } }";
const ADD: &str = "mutation($input: EvidenceAddInput!) { evidenceAdd(input: $input) {
    evidence { id label sha256 ... on PhotoEvidence { fileId file { id name state mediaType sha256 } }
        ... on FileEvidence { fileId file { id name state mediaType } } }
    userErrors { code path message remedy } } }";

fn input(client: &str, key: &str) -> Value {
    json!({ "clientId": client, "name": "plan.txt", "byteCount": "5", "idempotencyKey": key })
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// Everything that lies in the store, by path.
fn lying(app: &TestApp) -> Vec<String> {
    fn walk(folder: &std::path::Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { walk(&path, found) } else { found.push(path.display().to_string()) }
        }
    }
    let mut found = Vec::new();
    walk(app.files.path(), &mut found);
    found
}

async fn read(app: &TestApp, id: &str) -> Value {
    app.ask(&app.staff(Role::Sales), READ, json!({ "id": id })).await["file"].clone()
}

on_both_stacks! {
    async fn a_file_is_announced_sent_and_read(app) {
        let client = make::client(&app, "acme").await;
        let technician = app.staff(Role::Technician);
        let announced = sent(&app, &technician, CREATE, input(&client, "first-request")).await;
        assert_eq!(announced["userErrors"], json!([]));
        assert_eq!((&announced["method"], &announced["replayed"]), (&json!("PUT"), &json!(false)));
        assert_eq!(announced["expiresAt"], "2026-03-02T09:15:00.000Z");
        let file = &announced["file"];
        assert_eq!((&file["state"], &file["byteCount"], &file["name"]), (&json!("PENDING"), &json!("5"), &json!("plan.txt")));
        assert_eq!((&file["createdBy"]["id"], &file["client"]["id"]), (&json!(technician.id.to_string()), &json!(client)));
        for unknown in ["mediaType", "sha256", "storedAt", "downloadUrl"] {
            assert_eq!(file[unknown], Value::Null, "{unknown}");
        }
        send(&app, &announced, b"hello").await.unwrap();
        let id = file["id"].as_str().unwrap();
        let stored = read(&app, id).await;
        assert_eq!((&stored["state"], &stored["mediaType"]), (&json!("STORED"), &json!("text/plain")));
        assert_eq!((&stored["sha256"], &stored["storedAt"]), (&json!(sha256(b"hello")), &json!("2026-03-02T09:00:00.000Z")));
        assert_eq!(events(&app, id).await, ["file.requested", "file.stored"]);
        let (link_id, token) = link(&stored["downloadUrl"]);
        let opened = file::open(&app.app, link_id, &token).await.unwrap();
        let chunks: Vec<_> = futures_util::TryStreamExt::try_collect(opened.body).await.unwrap();
        assert_eq!(chunks.concat(), b"hello");
        let lying = lying(&app);
        assert!(lying.len() == 1 && lying[0].contains(&format!("/own/uploads/{client}/{id}/")), "{lying:?}");
    }

    async fn the_same_request_again_gives_a_new_address_for_the_same_file(app) {
        let client = make::client(&app, "acme").await;
        let technician = app.staff(Role::Technician);
        let first = sent(&app, &technician, CREATE, input(&client, "the-same-key")).await;
        app.pass(3600);
        assert!(matches!(send(&app, &first, b"hello").await, Err(Error::Forbidden(_))), "an old address opens nothing");
        let again = sent(&app, &technician, CREATE, input(&client, "the-same-key")).await;
        assert_eq!((&again["file"]["id"], &again["replayed"]), (&first["file"]["id"], &json!(true)));
        assert_ne!(again["url"], first["url"]);
        send(&app, &again, b"hello").await.unwrap();
        let mut other = input(&client, "the-same-key");
        other["name"] = json!("other.txt");
        assert_eq!(refusal(&sent(&app, &technician, CREATE, other).await).0, "IDEMPOTENCY_KEY_REUSED");
        assert_eq!(events(&app, first["file"]["id"].as_str().unwrap()).await, ["file.requested", "file.stored"]);
    }

    async fn wrong_input_names_the_field(app) {
        let client = make::client(&app, "acme").await;
        let technician = app.staff(Role::Technician);
        let too_large = (UPLOAD_LIMIT + 1).to_string();
        let cases = [
            ("name", json!("")), ("name", json!("a/b.txt")), ("name", json!("ghp_0123456789abcdefghijABCDEFGHIJ012345")),
            ("byteCount", json!("0")), ("byteCount", json!("-1")), ("byteCount", json!(too_large)),
            ("sha256", json!("abc")), ("idempotencyKey", json!("short")),
        ];
        for (field, value) in cases {
            let mut wrong = input(&client, "first-request");
            wrong[field] = value.clone();
            let refused = sent(&app, &technician, CREATE, wrong).await;
            assert_eq!(refusal(&refused), ("BAD_USER_INPUT", field.to_owned()), "{value}");
            assert_eq!((&refused["url"], &refused["file"]), (&Value::Null, &Value::Null));
        }
        let mut unknown = input(&client, "first-request");
        unknown["clientId"] = json!("cli_01h455vb4pex5vsknk084sn02q");
        assert_eq!(refusal(&sent(&app, &technician, CREATE, unknown).await), ("NOT_FOUND", "clientId".to_owned()));
    }

    async fn a_foreign_clients_file_reads_as_absent(app) {
        let (mine, foreign) = (make::client(&app, "mine").await, make::client(&app, "foreign").await);
        let technician = of_client(&app, Role::Technician, &mine).await;
        let own = make::upload(&app, &mine, "own.txt", b"mine").await;
        let other = make::upload(&app, &foreign, "other.txt", b"theirs").await;
        let seen = async |id: &str| app.ask(&technician, READ, json!({ "id": id })).await["file"]["name"].clone();
        assert_eq!(seen(&own).await, "own.txt");
        for unknown in [other.as_str(), "fil_01h455vb4pex5vsknk084sn02q", "nonsense"] {
            assert_eq!(seen(unknown).await, Value::Null, "{unknown}");
        }
        let refused = sent(&app, &technician, CREATE, input(&foreign, "first-request")).await;
        assert_eq!(refusal(&refused), ("NOT_FOUND", "clientId".to_owned()));
    }

    async fn contacts_neither_announce_nor_read_files(app) {
        let client = make::client(&app, "acme").await;
        let file = make::upload(&app, &client, "own.txt", b"mine").await;
        let contact = of_client(&app, Role::ClientContact, &client).await;
        let variables = json!({ "input": input(&client, "first-request"), "id": file });
        for document in [CREATE, READ] {
            let answer = app.answer(&contact, document, variables.clone()).await;
            assert!(format!("{:?}", answer.errors).contains("FORBIDDEN"), "{document}");
            assert!(!answer.data.to_string().contains("own.txt"));
        }
        for role in [Role::Admin, Role::Operator, Role::Integration] {
            let answer = app.answer(&app.staff(role), CREATE, variables.clone()).await;
            assert!(format!("{:?}", answer.errors).contains("FORBIDDEN"), "{role}");
        }
    }

    async fn files_and_photos_prove_a_step_from_end_to_end(app) {
        let client = make::client(&app, "acme").await;
        let step = make::step(&app, &client).await;
        let technician = app.staff(Role::Technician);
        let announced = make::announce(&app, &client, "rack.png", make::PNG.len()).await;
        let picture = announced["file"]["id"].clone();
        let photo = |key: &str| json!({ "stepId": step, "details": { "photo": { "fileId": picture } }, "idempotencyKey": key });
        let early = sent(&app, &technician, ADD, photo("request-0")).await;
        assert_eq!(refusal(&early), ("BAD_USER_INPUT", "details.photo.fileId".to_owned()));
        assert!(early["userErrors"][0]["message"].as_str().unwrap().contains("not been uploaded"), "{early}");
        send(&app, &announced, make::PNG).await.unwrap();
        for (n, key) in ["request-1", "request-2"].into_iter().enumerate() {
            let added = sent(&app, &technician, ADD, photo(key)).await;
            assert_eq!(added["userErrors"], json!([]));
            let evidence = &added["evidence"];
            assert_eq!(evidence["label"], format!("Photo {}", n + 1));
            let sha256 = sha256(make::PNG);
            let file = json!({ "id": picture, "name": "rack.png", "state": "STORED", "mediaType": "image/png", "sha256": sha256 });
            assert_eq!((&evidence["file"], &evidence["sha256"]), (&file, &json!(sha256)));
        }
        let text = make::upload(&app, &client, "fake.png", b"no picture at all").await;
        let document = json!({ "stepId": step, "details": { "file": { "fileId": text } }, "idempotencyKey": "request-3" });
        let added = sent(&app, &technician, ADD, document.clone()).await;
        assert_eq!(added["evidence"]["file"], json!({ "id": text, "name": "fake.png", "state": "STORED", "mediaType": "text/plain" }));
        let mut as_photo = photo("request-4");
        as_photo["details"]["photo"]["fileId"] = json!(text);
        assert_eq!(refusal(&sent(&app, &technician, ADD, as_photo).await).0, "BAD_USER_INPUT", "its name makes no picture");
        let foreign = make::upload(&app, &make::client(&app, "other").await, "other.png", make::PNG).await;
        let mut theirs = photo("request-5");
        theirs["details"]["photo"]["fileId"] = json!(foreign);
        assert_eq!(refusal(&sent(&app, &technician, ADD, theirs).await), ("NOT_FOUND", "details.photo.fileId".to_owned()));
    }

    async fn an_agreement_shows_its_paper(app) {
        let client = make::client(&app, "acme").await;
        let paper = make::upload(&app, &client, "msa.pdf", b"%PDF-1.7").await;
        let document = "mutation($input: AgreementRecordInput!) { agreementRecord(input: $input) {
            agreement { fileId file { name mediaType downloadUrl } } userErrors { message path } } }";
        let input = json!({ "clientId": client, "title": "MSA", "fileId": paper, "idempotencyKey": "first-request",
            "details": { "sow": { "lines": [{ "key": "L1", "text": "A plan." }] } } });
        let recorded = sent(&app, &app.staff(Role::Sales), document, input).await;
        assert_eq!(recorded["userErrors"], json!([]));
        let agreement = &recorded["agreement"];
        assert_eq!((&agreement["fileId"], &agreement["file"]["name"]), (&json!(paper), &json!("msa.pdf")));
        link(&agreement["file"]["downloadUrl"]);
    }

    async fn of_two_at_once_one_wins_and_nothing_of_the_other_stays(app) {
        let client = make::client(&app, "acme").await;
        for round in 0..4 {
            let announced = make::announce(&app, &client, "plan.txt", 300_000).await;
            let (id, token) = link(&announced["url"]);
            let attempt = async |letter: u8| {
                let mut reception = file::receive(&app.app, id, &token).await?;
                for _ in 0..3 {
                    reception.take(&vec![letter; 100_000]).await?;
                }
                reception.finish().await
            };
            let (one, other) = tokio::join!(attempt(b'a'), attempt(b'b'));
            let (won, lost) = if one.is_ok() { (one, other) } else { (other, one) };
            let sha256 = won.unwrap().arrival.unwrap().sha256.to_string();
            assert!(matches!(lost, Err(Error::Conflict(Conflict::State { .. }))), "{lost:?}");
            let lying = lying(&app);
            assert_eq!(lying.len(), round + 1, "{lying:?}");
            let mine = lying.iter().find(|path| path.contains(&id.to_string())).unwrap();
            assert_eq!(self::sha256(&std::fs::read(mine).unwrap()), sha256);
            assert_eq!(events(&app, &id.to_string()).await, ["file.requested", "file.stored"]);
            assert!(matches!(attempt(b'c').await, Err(Error::Conflict(_))), "a file is stored once");
        }
    }

    async fn a_file_that_never_came_is_forgotten_with_all_it_left(app) {
        let client = make::client(&app, "acme").await;
        let technician = app.staff(Role::Technician);
        let stored = make::upload(&app, &client, "kept.txt", b"kept").await;
        let announced = sent(&app, &technician, CREATE, input(&client, "first-request")).await;
        let id = announced["file"]["id"].as_str().unwrap();
        // What a process that died leaves: half an object, and a whole one that no row names.
        let folder = app.files.path().join(format!("own/uploads/{client}/{id}"));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(".attempt.1-1.part"), "half").unwrap();
        std::fs::write(folder.join("attempt"), "whole").unwrap();
        app.pass(24 * 3600 - 1);
        assert_eq!(file::forget_overdue(&app.app, 10).await.unwrap(), 0);
        let late = sent(&app, &technician, CREATE, input(&client, "first-request")).await;
        assert_eq!(late["expiresAt"], "2026-03-03T09:00:00.000Z", "no address outlives what it is for");
        let (link_id, token) = link(&late["url"]);
        let mut slow = file::receive(&app.app, link_id, &token).await.unwrap();
        slow.take(b"hello").await.unwrap();
        app.pass(1);
        // Somebody may be storing it in this very moment, so its objects stay for an hour.
        assert_eq!(refusal(&sent(&app, &technician, CREATE, input(&client, "first-request")).await).0, "CONFLICT");
        app.pass(3_599);
        assert_eq!(file::forget_overdue(&app.app, 10).await.unwrap(), 0);
        assert!(folder.join("attempt").exists());
        app.pass(1);
        assert_eq!(file::forget_overdue(&app.app, 10).await.unwrap(), 1);
        assert_eq!(file::forget_overdue(&app.app, 10).await.unwrap(), 0);
        assert!(slow.finish().await.is_err(), "whoever is still sending comes too late");
        assert!(!folder.exists());
        assert_eq!(read(&app, id).await, Value::Null);
        assert_eq!(events(&app, id).await, ["file.requested", "file.forgotten"]);
        assert_eq!(read(&app, &stored).await["state"], "STORED");
        let again = sent(&app, &technician, CREATE, input(&client, "first-request")).await;
        assert_eq!(refusal(&again).0, "CONFLICT");
    }

    async fn a_stored_file_never_changes(app) {
        use sea_orm::ConnectionTrait;
        let client = make::client(&app, "acme").await;
        make::upload(&app, &client, "kept.txt", b"kept").await;
        let db = app.app.db().write();
        for sql in ["UPDATE file SET sha256 = 'x'", "UPDATE file SET state = 'PENDING'", "DELETE FROM file"] {
            assert!(db.execute_unprepared(sql).await.is_err(), "{sql}");
        }
        make::announce(&app, &client, "pending.txt", 5).await;
        db.execute_unprepared("DELETE FROM file WHERE state = 'PENDING'").await.unwrap();
    }
}
