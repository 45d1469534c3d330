//! The keys to which a client's data is encrypted: entered, proved, taken out of use.

use std::io::Read;

use age::x25519::Identity;
use base64::{Engine, prelude::BASE64_STANDARD};
use gangway::{auth::Actor, domain::role::Role};
use serde_json::{Value, json};

use crate::support::{
    TestApp,
    flow::{self, done, key, text},
    make::{self, refusal, sent},
    on_both_stacks, run,
};

const REGISTER: &str = "mutation($input: RecipientKeyRegisterInput!) { recipientKeyRegister(input: $input) {
    recipientKey { id state recipient fingerprint challenge challengeExpiresAt confirmedAt revision } userErrors { code path message remedy } replayed } }";
const CONFIRM: &str = "mutation($input: RecipientKeyConfirmInput!) { recipientKeyConfirm(input: $input) {
    recipientKey { id state confirmedAt revision } userErrors { code path message remedy } } }";
const REVOKE: &str = "mutation($input: RecipientKeyRevokeInput!) { recipientKeyRevoke(input: $input) {
    recipientKey { id state revision } userErrors { code path message remedy ... on ConflictError { currentRevision } } } }";
const KEYS: &str = "query($id: ID!) { client(id: $id) { recipientKeys { id state revision confirmedAt } } }";

/// A key as its holder has it, and what was entered of it.
struct Held {
    identity: Identity,
    entered: Value,
}

impl Held {
    async fn register(app: &TestApp, actor: &Actor, client: &str) -> Self {
        let identity = Identity::generate();
        let input =
            json!({ "clientId": client, "recipient": identity.to_public().to_string(), "idempotencyKey": key(app) });
        let entered = done(sent(app, actor, REGISTER, input).await)["recipientKey"].take();
        Self { identity, entered }
    }

    /// What `age -d` prints of the challenge.
    fn answer(&self) -> String {
        opened(&self.identity, self.entered["challenge"].as_str().unwrap()).unwrap()
    }

    /// The proof as it should be.
    fn proof(&self) -> Value {
        json!({ "id": self.entered["id"], "answer": self.answer(), "fingerprint": self.entered["fingerprint"] })
    }
}

/// What a message in age's text form says to whoever holds `identity`.
fn opened(identity: &Identity, message: &str) -> Option<String> {
    let base64: String = message.lines().filter(|line| !line.starts_with("-----")).collect();
    let sealed = BASE64_STANDARD.decode(base64).unwrap();
    let decryptor = age::Decryptor::new(sealed.as_slice()).unwrap();
    let mut plain = String::new();
    decryptor.decrypt(std::iter::once(identity as &dyn age::Identity)).ok()?.read_to_string(&mut plain).unwrap();
    Some(plain)
}

async fn keys(app: &TestApp, client: &str) -> Value {
    app.ask(&app.staff(Role::AccountManager), KEYS, json!({ "id": client })).await["client"]["recipientKeys"].take()
}

on_both_stacks! {
    async fn whoever_reads_the_challenge_and_compares_the_key_confirms_it(app) {
        let client = make::client(&app, "acme").await;
        let contact = run::of_client(&app, Role::ClientContact, &client).await;
        let held = Held::register(&app, &app.staff(Role::Technician), &client).await;
        let entered = &held.entered;
        assert_eq!((&entered["state"], &entered["revision"], &entered["confirmedAt"]), (&json!("CHALLENGED"), &json!(1), &Value::Null));
        assert_eq!(entered["challengeExpiresAt"], "2026-03-16T09:00:00.000Z");
        assert!(entered["challenge"].as_str().unwrap().starts_with("-----BEGIN AGE ENCRYPTED FILE-----\n"));
        assert_eq!(held.answer().len(), 1_024);
        assert_eq!(opened(&Identity::generate(), entered["challenge"].as_str().unwrap()), None, "nobody else reads it");
        let mut proof = held.proof();
        // White space and case come with copying.
        proof["answer"] = json!(format!("{}\n", held.answer()));
        proof["fingerprint"] = json!(entered["fingerprint"].as_str().unwrap().to_lowercase().replace(' ', ""));
        let confirmed = done(sent(&app, &contact, CONFIRM, proof).await);
        assert_eq!((&confirmed["recipientKey"]["state"], &confirmed["recipientKey"]["revision"]), (&json!("CONFIRMED"), &json!(2)));
        assert_eq!(confirmed["recipientKey"]["confirmedAt"], "2026-03-02T09:00:00.000Z");
        let events = run::events(&app, &text(&entered["id"])).await;
        assert_eq!(events, ["recipient_key.registered", "recipient_key.confirmed"]);
    }

    async fn whoever_of_the_provider_enters_a_key_does_not_confirm_it(app) {
        let client = make::client(&app, "acme").await;
        let (account, colleague) = (app.staff(Role::AccountManager), app.staff(Role::AccountManager));
        let held = Held::register(&app, &account, &client).await;
        let refused = sent(&app, &account, CONFIRM, held.proof()).await;
        assert_eq!(refusal(&refused).0, "CONFLICT");
        assert!(refused["userErrors"][0]["remedy"].as_str().unwrap().contains("client's contact"), "{refused}");
        assert_eq!(keys(&app, &client).await[0]["state"], "CHALLENGED");
        done(sent(&app, &colleague, CONFIRM, held.proof()).await);
        // The client proves its own key.
        let contact = run::of_client(&app, Role::ClientContact, &client).await;
        let own = Held::register(&app, &contact, &client).await;
        done(sent(&app, &contact, CONFIRM, own.proof()).await);
    }

    async fn a_confirmed_key_opens_the_gate_and_a_revoked_one_closes_it(app) {
        let house = flow::house(&app).await;
        let client = make::client(&app, "acme").await;
        flow::agree(&app, &house, &client, flow::contract()).await;
        let data = json!([{ "name": "Files", "details": { "data": { "dataKind": "FILES", "location": "archive://acme/files", "disposition": "RETURN", "keyEscrow": "NOT_ENCRYPTED" } } }]);
        flow::register(&app, &house.technician, &client, data).await;
        flow::notice(&app, &house, &client, "2026-04-30").await;
        let run = flow::started(&app, &house, &client, flow::OFFBOARDING).await;
        flow::put(&app, &flow::step_of(&run, "plan"), "DONE", None).await;
        let step = flow::step_of(&run, "data_return");
        let start = async || flow::work(&app, &house.technician, "Start", &step, Value::Null).await;
        assert_eq!(flow::blocked(&start().await), ["RECIPIENT_KEY_UNCONFIRMED"]);
        let held = Held::register(&app, &house.technician, &client).await;
        assert_eq!(flow::blocked(&start().await), ["RECIPIENT_KEY_UNCONFIRMED"], "a key that is only entered proves nothing");
        done(sent(&app, &house.account, CONFIRM, held.proof()).await);
        done(sent(&app, &house.account, REVOKE, json!({ "id": held.entered["id"], "expectedRevision": 2 })).await);
        assert_eq!(flow::blocked(&start().await), ["RECIPIENT_KEY_UNCONFIRMED"]);
        let held = Held::register(&app, &house.technician, &client).await;
        done(sent(&app, &house.account, CONFIRM, held.proof()).await);
        done(start().await);
    }

    async fn a_wrong_answer_or_fingerprint_confirms_nothing(app) {
        let client = make::client(&app, "acme").await;
        let contact = run::of_client(&app, Role::ClientContact, &client).await;
        let held = Held::register(&app, &contact, &client).await;
        let other = Held::register(&app, &contact, &client).await;
        for (field, value) in [
            ("answer", json!("")),
            ("answer", json!(other.answer())),
            ("answer", json!(held.entered["challenge"])),
            ("answer", json!(held.answer()[1..])),
            ("fingerprint", json!("")),
            ("fingerprint", json!(other.entered["fingerprint"])),
            ("fingerprint", json!(held.entered["fingerprint"].as_str().unwrap()[..9])),
        ] {
            let mut proof = held.proof();
            proof[field] = value;
            let refused = sent(&app, &contact, CONFIRM, proof).await;
            assert_eq!(refusal(&refused), ("BAD_USER_INPUT", field.to_owned()));
            assert!(refused["userErrors"][0]["remedy"].is_string());
            assert!(!refused.to_string().contains(&held.answer()));
        }
        assert!(keys(&app, &client).await.as_array().unwrap().iter().all(|one| one["state"] == "CHALLENGED" && one["revision"] == 1));
        for (field, long) in [("answer", 4_097), ("fingerprint", 201)] {
            let mut proof = held.proof();
            proof[field] = json!("A".repeat(long));
            assert_eq!(refusal(&sent(&app, &contact, CONFIRM, proof).await), ("BAD_USER_INPUT", field.to_owned()));
        }
        done(sent(&app, &contact, CONFIRM, held.proof()).await);
    }

    async fn a_key_is_confirmed_once_and_not_after_its_challenge_expired(app) {
        let client = make::client(&app, "acme").await;
        let contact = run::of_client(&app, Role::ClientContact, &client).await;
        let held = Held::register(&app, &contact, &client).await;
        let late = Held::register(&app, &contact, &client).await;
        app.pass(14 * 86_400 - 1);
        let contact = Actor { expires_at: None, ..contact };
        done(sent(&app, &contact, CONFIRM, held.proof()).await);
        let again = sent(&app, &contact, CONFIRM, held.proof()).await;
        assert_eq!(refusal(&again).0, "CONFLICT");
        app.pass(1);
        let refused = sent(&app, &contact, CONFIRM, late.proof()).await;
        assert_eq!(refusal(&refused).0, "CONFLICT");
        assert!(refused["userErrors"][0]["remedy"].as_str().unwrap().contains("recipientKeyRegister"), "{refused}");
        let states: Vec<Value> = keys(&app, &client).await.as_array().unwrap().iter().map(|one| one["state"].clone()).collect();
        assert_eq!(states, ["CONFIRMED", "CHALLENGED"]);
    }

    async fn what_is_no_public_key_is_refused_and_a_private_one_not_repeated(app) {
        use age::secrecy::ExposeSecret;
        let client = make::client(&app, "acme").await;
        let secret = Identity::generate().to_string().expose_secret().to_owned();
        for wrong in ["", "age1", "ssh-ed25519 AAAA", "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8", secret.as_str()] {
            let input = json!({ "clientId": client, "recipient": wrong, "idempotencyKey": key(&app) });
            let refused = sent(&app, &app.staff(Role::Technician), REGISTER, input).await;
            assert_eq!(refusal(&refused), ("BAD_USER_INPUT", "recipient".to_owned()), "{refused}");
            assert!(refused["userErrors"][0]["remedy"].is_string());
            assert!(!refused.to_string().contains("AGE-SECRET-KEY-1"));
        }
        assert_eq!(keys(&app, &client).await, json!([]));
    }

    async fn the_same_request_again_enters_no_second_key(app) {
        let client = make::client(&app, "acme").await;
        let technician = app.staff(Role::Technician);
        let mut input = json!({ "clientId": client, "recipient": Identity::generate().to_public().to_string(), "idempotencyKey": key(&app) });
        let first = done(sent(&app, &technician, REGISTER, input.clone()).await);
        let again = done(sent(&app, &technician, REGISTER, input.clone()).await);
        assert_eq!((&again["recipientKey"], &again["replayed"]), (&first["recipientKey"], &json!(true)));
        input["recipient"] = json!(Identity::generate().to_public().to_string());
        assert_eq!(refusal(&sent(&app, &technician, REGISTER, input).await).0, "IDEMPOTENCY_KEY_REUSED");
        assert_eq!(keys(&app, &client).await.as_array().unwrap().len(), 1);
    }

    async fn a_key_is_revoked_once_and_is_not_confirmed_then(app) {
        let client = make::client(&app, "acme").await;
        let contact = run::of_client(&app, Role::ClientContact, &client).await;
        let held = Held::register(&app, &contact, &client).await;
        let revoke = async |revision: i32| sent(&app, &contact, REVOKE, json!({ "id": held.entered["id"], "expectedRevision": revision })).await;
        let stale = revoke(7).await;
        assert_eq!((refusal(&stale), &stale["userErrors"][0]["currentRevision"]), (("CONFLICT", "expectedRevision".to_owned()), &json!(1)));
        assert_eq!(done(revoke(1).await)["recipientKey"]["state"], "REVOKED");
        assert_eq!(refusal(&revoke(2).await).0, "CONFLICT");
        assert_eq!(refusal(&sent(&app, &contact, CONFIRM, held.proof()).await).0, "CONFLICT");
        assert_eq!(run::events(&app, &text(&held.entered["id"])).await, ["recipient_key.registered", "recipient_key.revoked"]);
    }

    async fn keys_of_another_client_read_as_absent(app) {
        let (mine, foreign) = (make::client(&app, "acme").await, make::client(&app, "other").await);
        let contact = run::of_client(&app, Role::ClientContact, &mine).await;
        let theirs = Held::register(&app, &app.staff(Role::Technician), &foreign).await;
        let recipient = Identity::generate().to_public().to_string();
        let entered = sent(&app, &contact, REGISTER, json!({ "clientId": foreign, "recipient": recipient, "idempotencyKey": key(&app) })).await;
        assert_eq!(refusal(&entered), ("NOT_FOUND", "clientId".to_owned()));
        let revoke = json!({ "id": theirs.entered["id"], "expectedRevision": 1 });
        for (document, input) in [(CONFIRM, theirs.proof()), (REVOKE, revoke)] {
            let foreign = sent(&app, &contact, document, input.clone()).await;
            let mut absent = input;
            absent["id"] = json!("rck_01h455vb4pex5vsknk084sn02q");
            assert_eq!(sent(&app, &contact, document, absent).await, foreign, "foreign and absent read the same");
            assert_eq!(refusal(&foreign), ("NOT_FOUND", "id".to_owned()));
        }
        assert_eq!(app.ask(&contact, KEYS, json!({ "id": foreign })).await["client"], Value::Null);
        for role in [Role::Sales, Role::Compliance, Role::Integration, Role::Director] {
            let input = json!({ "input": { "clientId": mine, "recipient": recipient, "idempotencyKey": key(&app) } });
            assert!(format!("{:?}", app.answer(&app.staff(role), REGISTER, input).await.errors).contains("FORBIDDEN"), "{role}");
        }
        let proof = json!({ "input": theirs.proof() });
        assert!(format!("{:?}", app.answer(&app.staff(Role::Technician), CONFIRM, proof).await.errors).contains("FORBIDDEN"), "whoever enters a key does not prove it");
    }
}
