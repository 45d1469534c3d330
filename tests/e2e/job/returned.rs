//! A data return from the order to the client's answer, judged by tools that are not ours.

use std::{path::Path, process::Command};

use serde_json::{Value, json};

use super::*;
use crate::support::{
    make::refusal,
    on_both_stacks,
    run::{events, of_client},
};

/// Unpacks what lies in `package` as the client would, has `bagit.py` judge it, and gives the bag.
fn open(site: &Site, package: &Path) -> std::path::PathBuf {
    let into = site.home.path().join("opened");
    std::fs::create_dir_all(&into).unwrap();
    let script = format!(
        "set -eu; cd '{}'; for part in $(ls | grep '\\.age$' | sort); do age -d -i '{}' \"$part\"; done | zstd -dc | tar -x -C '{}'",
        package.display(),
        site.key_file().display(),
        into.display()
    );
    run("sh", &["-c", &script]);
    let bag = std::fs::read_dir(&into).unwrap().next().unwrap().unwrap().path();
    run("bagit.py", &["--validate", bag.to_str().unwrap()]);
    bag
}

fn run(program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).output().unwrap();
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Every file below `folder` whose name ends in `name`.
fn find(folder: &Path, name: &str) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(find(&path, name));
        } else if path.ends_with(name) {
            found.push(path);
        }
    }
    found
}

async fn acknowledge(site: &Site, actor: &Actor, job: &Value, digest: &Value, verdict: &str, comment: Value) -> Value {
    let input = json!({ "jobId": job["id"], "manifestDigest": digest, "verdict": verdict, "comment": comment });
    sent(&site.test, actor, ACKNOWLEDGE, input).await
}

/// A return that is done.
async fn returned(site: &Site) -> Value {
    site.write("a.txt", "first");
    site.write("empty", "");
    site.write("größe 100 ü.bin", vec![7_u8; 300_000]);
    let job = site.start("return-all").await;
    let working = site.work();
    let job = site.until(&job["id"], "SUCCEEDED").await;
    working.end().await;
    job
}

on_both_stacks! {
    async fn data_is_returned_proven_and_accepted(test) {
        let site = Site::of(test).await;
        let job = returned(&site).await;

        assert_eq!((&job["reason"], &job["step"]["key"]), (&json!("The client wants it."), &json!("data_return")));
        assert_eq!(job["progress"]["done"], "3");
        assert_eq!((&job["progress"]["bytesDone"], &job["progress"]["fraction"]), (&json!("300005"), &json!(1.0)));
        assert_eq!(job["targets"]["nodes"][0]["state"], "SUCCEEDED");
        assert_eq!(job["progress"]["targets"], json!([{ "state": "SUCCEEDED", "count": 1 }]));
        let result = &job["result"];
        assert_eq!((&result["fileCount"], &result["incompleteCount"]), (&json!("3"), &json!("0")));
        assert_eq!(site.state_of(&site.holding).await, "REMOVED");

        // The package is what it says, whoever looks.
        let location = result["location"].as_str().unwrap().strip_prefix("returns://").unwrap();
        let package = site.returns().join(location);
        let bag = open(&site, &package);
        assert_eq!(std::fs::read(&find(&bag, "a.txt")[0]).unwrap(), b"first");
        let manifest = format!("{}.package.json", result["package"].as_str().unwrap());
        let digest = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(std::fs::read(package.join(manifest)).unwrap()));
        assert_eq!(result["manifestDigest"], json!(digest));

        // The receipt is signed by the key that signs the log.
        let receipt = &job["certificate"];
        assert_eq!((&receipt["kind"], &receipt["statement"]["package"]["manifestDigest"]),
            (&json!("DATA_RETURN_RECEIPT"), &result["manifestDigest"]));
        let keys = site.test.app.parts().log_keys.verifiers();
        let text = gangway::domain::log::note::open(receipt["note"].as_str().unwrap(), &keys).unwrap();
        assert_eq!(serde_json::from_str::<Value>(text).unwrap(), receipt["statement"]);
        let log = &receipt["statement"]["log"];
        assert!(log["size"].as_u64().unwrap() > 5 && log["root"].as_str().is_some(), "what led to it was signed first");
        let certificates = "query($id: ID!) { engagement(id: $id) { certificates { number } } }";
        let found = site.test.ask(&site.manager, certificates, json!({ "id": site.engagement })).await;
        assert_eq!(found["engagement"]["certificates"], json!([{ "number": receipt["number"] }]));

        assert_eq!(events(&site.test, receipt["id"].as_str().unwrap()).await, ["certificate.issued"]);
        let told = ["holding.registered", "holding.closing", "holding.removed"];
        assert_eq!(events(&site.test, &site.holding).await, told);

        // The client compares digests and accepts.
        let contact = of_client(&site.test, Role::ClientContact, &site.client).await;
        let seen = site.test.ask(&contact, JOB, json!({ "id": job["id"] })).await;
        assert_eq!((&seen["job"]["viewerCan"]["acknowledge"], &job["viewerCan"]["acknowledge"]), (&json!(true), &json!(false)));
        let wrong = acknowledge(&site, &contact, &job, &json!("0".repeat(64)), "ACCEPTED", Value::Null).await;
        assert_eq!(refusal(&wrong), ("BAD_USER_INPUT", "manifestDigest".to_owned()));
        let accepted = acknowledge(&site, &contact, &job, &result["manifestDigest"], "ACCEPTED", Value::Null).await;
        assert_eq!(accepted["userErrors"], json!([]));
        assert_eq!(site.state_of(&site.holding).await, "CLOSED");
        let twice = acknowledge(&site, &contact, &job, &result["manifestDigest"], "ACCEPTED", Value::Null).await;
        assert_eq!(refusal(&twice).0, "CONFLICT");
        assert_eq!(events(&site.test, job["id"].as_str().unwrap()).await, [
            "job.queued", "job.started", "data_return.delivered", "job.succeeded", "data_return.accepted",
        ]);
    }

    async fn a_dispute_opens_the_line_again_and_the_data_can_be_returned_anew(test) {
        let site = Site::of(test).await;
        let job = returned(&site).await;
        let contact = of_client(&site.test, Role::ClientContact, &site.client).await;
        let digest = &job["result"]["manifestDigest"];
        let mute = acknowledge(&site, &contact, &job, digest, "DISPUTED", Value::Null).await;
        assert_eq!(refusal(&mute), ("BAD_USER_INPUT", "comment".to_owned()));
        let disputed = acknowledge(&site, &contact, &job, digest, "DISPUTED", json!("b.txt is missing.")).await;
        assert_eq!(disputed["userErrors"], json!([]));
        assert_eq!(site.state_of(&site.holding).await, "RESURFACED");

        site.write("b.txt", "second");
        let again = site.start("return-again").await;
        let working = site.work();
        let again = site.until(&again["id"], "SUCCEEDED").await;
        working.end().await;
        assert_eq!(again["result"]["fileCount"], "4");
        assert_ne!(again["result"]["location"], job["result"]["location"]);

        // What the client said of the first package stands; what closes the line is what it says of the second.
        let changed = acknowledge(&site, &contact, &job, digest, "ACCEPTED", Value::Null).await;
        assert_eq!(refusal(&changed).0, "CONFLICT");
        let seen = async |job: &Value| site.test.ask(&contact, JOB, json!({ "id": job["id"] })).await["job"].take();
        let first = seen(&job).await;
        assert_eq!((&first["result"]["verdict"], &first["viewerCan"]["acknowledge"]), (&json!("DISPUTED"), &json!(false)));
        assert_eq!(seen(&again).await["viewerCan"]["acknowledge"], true);
        let accepted = acknowledge(&site, &contact, &again, &again["result"]["manifestDigest"], "ACCEPTED", Value::Null).await;
        assert_eq!((&accepted["userErrors"], site.state_of(&site.holding).await.as_str()), (&json!([]), "CLOSED"));
    }

    async fn of_two_packages_that_nobody_judged_the_later_one_counts(test) {
        let site = Site::of(test).await;
        // It stays open after its return, because it is to be destroyed: it can be returned once more.
        let kept = site.register("Second folder", "data://second", "RETURN_THEN_DESTROY").await;
        std::fs::create_dir_all(site.home.path().join("data/second")).unwrap();
        let first = returned(&site).await;
        let again = site.start("return-again").await;
        let contact = of_client(&site.test, Role::ClientContact, &site.client).await;
        let acknowledged = async || {
            let asked = "query($id: ID!) { client(id: $id) { holdings { nodes { id ... on DataHolding { acknowledgedAt } } } } }";
            let found = site.test.ask(&site.manager, asked, json!({ "id": site.client })).await;
            let lines = found["client"]["holdings"]["nodes"].as_array().unwrap();
            !lines.iter().find(|line| line["id"] == kept.as_str()).unwrap()["acknowledgedAt"].is_null()
        };
        let accepted = acknowledge(&site, &contact, &first, &first["result"]["manifestDigest"], "ACCEPTED", Value::Null).await;
        assert_eq!((&accepted["userErrors"], site.state_of(&site.holding).await.as_str()), (&json!([]), "CLOSED"));
        assert!(!acknowledged().await, "of this one, the later package counts");
        let working = site.work();
        let again = site.until(&again["id"], "SUCCEEDED").await;
        working.end().await;
        let accepted = acknowledge(&site, &contact, &again, &again["result"]["manifestDigest"], "ACCEPTED", Value::Null).await;
        assert_eq!(accepted["userErrors"], json!([]));
        assert!(acknowledged().await);
    }

    async fn a_key_that_is_revoked_while_the_job_waits_is_not_used(test) {
        let site = Site::of(test).await;
        site.write("a.txt", "first");
        let job = site.start("revoked-meanwhile").await;
        site.revoke_key().await;
        let working = site.work();
        let job = site.until(&job["id"], "FAILED").await;
        working.end().await;
        assert!(job["error"]["message"].as_str().unwrap().contains("revoked"), "{job}");
        assert_eq!(site.state_of(&site.holding).await, "ACTIVE");
        assert_eq!(std::fs::read_dir(site.returns()).unwrap().count(), 0, "nothing left the house");
    }

    async fn a_folder_that_is_gone_fails_the_job_at_once_and_the_line_is_as_alive_as_before(test) {
        let site = Site::of(test).await;
        std::fs::remove_dir_all(site.home.path().join("data/acme")).unwrap();
        let job = site.start("return-nothing").await;
        let working = site.work();
        let job = site.until(&job["id"], "FAILED").await;
        working.end().await;
        assert_eq!((&job["attempt"], &job["error"]["code"]), (&json!(1), &json!("SOURCE_NOT_FOUND")));
        assert_eq!(job["error"]["message"], "The source has nothing at `acme`.");
        assert_eq!(job["error"]["retryable"], false);
        assert!(job["error"]["remedy"].as_str().is_some_and(|text| text.contains("retry the job")), "{job}");
        assert_eq!(site.state_of(&site.holding).await, "ACTIVE");
    }
}
