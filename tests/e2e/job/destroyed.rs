//! Data that is destroyed: scanned, confirmed by the client, approved by two people, destroyed, and verified and certified by
//! another person.

use super::{
    ending::{ASK, Ending, gates},
    *,
};
use crate::support::{
    flow::{done, grant, key, text},
    make::refusal,
    on_both_stacks,
    run::events,
};

on_both_stacks! {
    async fn data_goes_when_everybody_agreed_and_is_certified_by_somebody_else(test) {
        let ending = Ending::of(test).await;
        let working = ending.site.work();
        let scanned = ending.scan("SUCCEEDED").await["outcome"].take();
        assert_eq!((&scanned["itemCount"], &scanned["fileCount"], &scanned["byteCount"]), (&json!("4"), &json!("2"), &json!("8")));
        assert!(scanned["limits"][0].as_str().unwrap().contains("file system"), "{scanned}");
        assert_eq!(ending.scan("SUCCEEDED").await["outcome"]["digest"], scanned["digest"], "nothing changed");

        // Nothing goes before everybody agreed to this very plan, which whoever is asked can read.
        let plan = ending.plan().await;
        let read = "query($id: ID!) { node(id: $id) { ... on JobPlan { planHash warnings targets { location holding { id } found { digest fileCount limits } } } } }";
        let seen = ending.site.test.ask(&ending.contact, read, json!({ "id": plan["id"] })).await["node"].take();
        let found = json!({ "digest": scanned["digest"], "fileCount": "2", "limits": scanned["limits"] });
        assert_eq!((&seen["planHash"], &seen["warnings"]), (&plan["planHash"], &plan["warnings"]));
        assert_eq!(seen["targets"], json!([{ "location": "data://acme/old", "holding": null, "found": found }]));
        assert!(plan["warnings"][0].as_str().unwrap().contains("2 files with 8 bytes"), "{plan}");
        assert_eq!(gates(&ending.start(&plan).await), ["DECISION_MISSING", "DECISION_MISSING"]);
        let confirmation = ending.ask("DESTRUCTION_CONFIRMATION", &plan).await;
        grant(&ending.site.test, &ending.contact, &confirmation).await;
        assert_eq!(gates(&ending.start(&plan).await), ["DECISION_MISSING"]);
        let approval = ending.ask("JOB_PLAN", &plan).await;
        ending.vote(&ending.operator, &approval, "GRANT").await;
        assert_eq!(gates(&ending.start(&plan).await), ["DECISION_MISSING"], "one of two approvals");
        grant(&ending.site.test, &ending.authority, &approval).await;
        assert_eq!(ending.site.lying("data/acme").len(), 3);

        // Who approved it does not order it.
        let input = json!({ "planId": plan["id"], "planHash": plan["planHash"], "reason": "Mine.", "idempotencyKey": "by-a-judge" });
        assert_eq!(refusal(&sent(&ending.site.test, &ending.operator, START, input).await).0, "CONFLICT");
        let job = done(ending.start(&plan).await)["job"].take();
        let gone = ending.ended(&job, "SUCCEEDED").await;
        assert_eq!(gone["result"], json!({ "places": "1", "files": "2", "bytes": "8" }));
        let outcome = &gone["targets"]["nodes"][0]["outcome"];
        assert_eq!((&outcome["plannedCount"], &outcome["destroyedCount"], &outcome["removedCount"]), (&json!("4"), &json!("2"), &json!("2")));
        assert_eq!((&outcome["digest"], &outcome["leftCount"]), (&scanned["digest"], &json!("0")));
        assert_eq!(ending.site.lying("data/acme"), ["current"]);
        assert_eq!(ending.line().await, "REMOVED");
        assert_eq!(gone["certificate"], Value::Null, "nobody has looked yet");

        // Whoever had it destroyed does not verify it.
        let own = ending.planned("SANITIZATION_VERIFICATION", json!({ "sanitizationVerification": { "coverage": "FULL" } })).await;
        assert_eq!(refusal(&own).0, "CONFLICT", "{own}");
        let verified = ending.verify("SUCCEEDED").await;
        working.end().await;
        assert_eq!(ending.line().await, "CLOSED");
        let witnesses = verified["targets"]["nodes"][0]["outcome"]["witnesses"].as_array().unwrap();
        assert!(witnesses.len() == 2 && witnesses.iter().all(|seen| seen["count"] == "0"), "{witnesses:?}");
        assert!(witnesses[1]["tool"].as_str().unwrap().starts_with("find"), "a program of others: {witnesses:?}");
        certified(&ending, &verified["certificate"], &plan, &scanned);
        let told = events(&ending.site.test, &ending.site.holding).await;
        assert_eq!(
            told[1..],
            ["holding.closing", "data.destruction_begun", "holding.removed", "data.destroyed", "holding.closed"]
        );
    }

    async fn what_is_not_as_it_was_scanned_stays_and_keeps_the_line_open(test) {
        let ending = Ending::of(test).await;
        let working = ending.site.work();
        ending.scan("SUCCEEDED").await;
        let plan = ending.plan().await;
        ending.agree(&plan).await;
        ending.put("old/mail/new", "came later");
        ending.put("old/empty", "is empty no more");
        let job = done(ending.start(&plan).await)["job"].take();
        let failed = ending.ended(&job, "FAILED").await;
        let target = &failed["targets"]["nodes"][0];
        assert_eq!((&target["error"]["code"], &target["outcome"]["changedCount"]), (&json!("TARGET_CHANGED"), &json!("3")));
        assert_eq!(target["outcome"]["destroyedCount"], "1", "what was as planned is gone");
        assert!(target["outcome"]["first"].as_array().unwrap().contains(&json!("CHANGED empty")), "{target}");
        assert_eq!(ending.site.lying("data/acme"), ["current", "old/empty", "old/mail/new"]);
        assert_eq!(ending.line().await, "ACTIVE");

        // Approval of what was there is no approval of what is there now.
        ending.scan("SUCCEEDED").await;
        let anew = ending.plan().await;
        assert_ne!(anew["planHash"], plan["planHash"]);
        assert_eq!(gates(&ending.start(&anew).await), ["DECISION_MISSING", "DECISION_MISSING"]);
        ending.agree(&anew).await;
        let job = done(ending.start(&anew).await)["job"].take();
        ending.ended(&job, "SUCCEEDED").await;
        working.end().await;
        assert_eq!(ending.site.lying("data/acme"), ["current"]);
    }

    async fn a_client_that_takes_its_word_back_stops_it_between_two_batches(test) {
        let mut ending = Ending::of(test).await;
        let gate = ending.gated();
        for number in 0..1_300 {
            ending.put(&format!("old/{number:04}"), "x");
        }
        let working = ending.site.work();
        ending.scan("SUCCEEDED").await;
        let plan = ending.plan().await;
        ending.agree(&plan).await;
        let job = done(ending.start(&plan).await)["job"].take();
        gate.reached().await;
        // The first batch is under way: the client's no comes too late for it and in time for the next.
        let no = ending.ask("DESTRUCTION_CONFIRMATION", &plan).await;
        assert_eq!(ending.vote(&ending.contact, &no, "REFUSE").await, "REFUSED");
        gate.open();
        let failed = ending.ended(&job, "FAILED").await;
        working.end().await;
        assert_eq!(failed["error"]["code"], "BLOCKED", "{failed}");
        // Of the thousand that were cleared one was a folder.
        assert_eq!(ending.site.lying("data/acme/old").len(), 1_302 - 999, "what was cleared is gone, the rest is not");
        assert_eq!(ending.line().await, "ACTIVE");
    }

    async fn a_run_that_died_in_a_batch_is_gone_on_with_and_claims_nothing_twice(test) {
        let mut ending = Ending::of(test).await;
        let gate = ending.gated();
        let working = ending.site.work();
        let job = ending.destroy().await;
        gate.reached().await;
        // It dies here: the batch is written down and nobody knows how far it came.
        let db = ending.site.test.app.db().write().clone();
        sea_orm::ConnectionTrait::execute_unprepared(&db, "UPDATE job SET fence = fence + 1, state = 'QUEUED', worker = NULL, lease_until = NULL WHERE kind = 'SANITIZATION'").await.unwrap();
        gate.open();
        let gone = ending.ended(&job, "SUCCEEDED").await;
        working.end().await;
        let outcome = &gone["targets"]["nodes"][0]["outcome"];
        let count = |field: &str| outcome[field].as_str().unwrap().parse::<u64>().unwrap();
        assert_eq!(count("destroyedCount") + count("removedCount") + count("absentCount"), count("plannedCount"));
        assert_eq!((ending.line().await.as_str(), ending.site.lying("data/acme").len()), ("REMOVED", 1));
    }

    async fn whatever_comes_back_before_the_verification_opens_the_line_again(test) {
        let ending = Ending::of(test).await;
        let working = ending.site.work();
        let job = ending.destroy().await;
        ending.ended(&job, "SUCCEEDED").await;
        std::fs::create_dir_all(ending.at("old/mail")).unwrap();
        ending.put("old/mail/one", "out of a backup");
        let failed = ending.verify("FAILED").await;
        working.end().await;
        let target = &failed["targets"]["nodes"][0];
        assert_eq!((&target["error"]["code"], &target["outcome"]["witnesses"][0]["count"]), (&json!("RESIDUE_FOUND"), &json!("3")));
        assert_eq!(target["outcome"]["witnesses"][0]["count"], target["outcome"]["witnesses"][1]["count"]);
        assert_eq!((ending.line().await.as_str(), &failed["certificate"]), ("RESURFACED", &Value::Null));
        assert_eq!(ending.site.lying("data/acme/old"), ["mail/one"], "who looks touches nothing");
    }

    async fn what_is_not_the_clients_alone_or_was_not_scanned_is_not_planned(test) {
        let mut ending = Ending::of(test).await;
        // A place that data is returned from, and nothing more.
        ending.site.change_shelves(|shelves| {
            let source = shelves.sources["data"].clone();
            shelves.sources.insert("vault".to_owned(), source);
        });
        let working = ending.site.work();
        let options = json!({ "sanitization": { "method": "OVERWRITE_ZERO" } });
        let plan = async |holdings: Vec<&str>| {
            let input = json!({ "kind": "SANITIZATION", "engagementId": ending.site.engagement, "holdingIds": holdings,
                "options": options });
            let payload = sent(&ending.site.test, &ending.site.manager, PLAN, input).await;
            let (code, path) = refusal(&payload);
            assert_eq!((code, path.as_str()), ("BAD_USER_INPUT", "holdingIds"), "{payload}");
            payload["userErrors"][0]["message"].as_str().unwrap().to_owned()
        };
        let own = ending.site.holding.clone();
        assert!(plan(vec![&own]).await.contains("was not scanned"));
        ending.scan("SUCCEEDED").await;
        let foreign = ending.site.register("Of another", "data://acmeter/old", "DESTROY").await;
        assert!(plan(vec![&foreign]).await.contains("own folder"));
        let elsewhere = ending.site.register("Elsewhere", "vault://acme/old", "DESTROY").await;
        assert!(plan(vec![&elsewhere]).await.contains("nothing may be erased"));
        let kept = ending.site.register("Kept", "data://acme/kept", "RETURN").await;
        assert!(plan(vec![&kept]).await.contains("not data that is to be destroyed"));
        ending.site.test.pass(24 * 3_600 + 60);
        assert!(plan(vec![&own]).await.contains("was not scanned"), "a day is over");
        ending.scan("SUCCEEDED").await;
        // A line that is not destroyed and lies within it.
        ending.site.register("Contracts", "data://acme/old/mail", "RETURN").await;
        assert!(plan(vec![&own]).await.contains("data that is not destroyed with it"));
        working.end().await;
        assert_eq!(ending.site.lying("data/acme").len(), 3);
    }

    async fn what_was_moved_away_is_not_called_destroyed(test) {
        let ending = Ending::of(test).await;
        let working = ending.site.work();
        ending.scan("SUCCEEDED").await;
        let plan = ending.plan().await;
        ending.agree(&plan).await;
        std::fs::rename(ending.at("old"), ending.at("moved")).unwrap();
        let job = done(ending.start(&plan).await)["job"].take();
        let failed = ending.ended(&job, "FAILED").await;
        let target = &failed["targets"]["nodes"][0];
        assert_eq!((&target["error"]["code"], &target["outcome"]["changedCount"]), (&json!("TARGET_CHANGED"), &json!("4")));
        assert_eq!((ending.line().await.as_str(), ending.site.lying("data/acme/moved").len()), ("ACTIVE", 2));
        // Trying again does not make it true.
        let retry = json!({ "id": job["id"], "targets": "FAILED", "reason": "Again.", "idempotencyKey": "once-more" });
        assert_eq!(ending.site.done(RETRY, retry).await["job"]["state"], "QUEUED");
        ending.ended(&job, "FAILED").await;
        working.end().await;
        assert_eq!(ending.line().await, "ACTIVE");
    }

    async fn content_with_a_name_elsewhere_is_found_by_the_scan(test) {
        let ending = Ending::of(test).await;
        let working = ending.site.work();
        std::fs::hard_link(ending.at("old/mail/one"), ending.at("copy")).unwrap();
        let found = ending.scan("FAILED").await;
        assert_eq!((&found["error"]["code"], &found["outcome"]["namedElsewhereCount"]), (&json!("NAMED_ELSEWHERE"), &json!("1")));
        std::fs::rename(ending.at("copy"), ending.at("old/copy")).unwrap();
        let job = ending.destroy().await;
        let gone = ending.ended(&job, "SUCCEEDED").await;
        working.end().await;
        let outcome = &gone["targets"]["nodes"][0]["outcome"];
        assert_eq!((&outcome["destroyedCount"], &outcome["unnamedCount"]), (&json!("2"), &json!("1")));
    }

    async fn a_receipt_that_was_waived_keeps_nothing_from_being_destroyed(test) {
        let ending = Ending::of(test).await;
        let working = ending.site.work();
        std::fs::create_dir_all(ending.at("shared")).unwrap();
        let line = ending.site.register("Shared", "data://acme/shared", "RETURN_THEN_DESTROY").await;
        ending.scan("SUCCEEDED").await;
        working.end().await;
        let codes = |plan: &Value| plan["blockedBy"].as_array().unwrap().iter().map(|one| text(&one["code"])).collect::<Vec<_>>();
        let plan = ending.plan().await;
        assert!(codes(&plan).contains(&"RECEIPT_MISSING".to_owned()), "{plan}");
        let input = json!({ "kind": "RECEIPT_WAIVER", "question": "Do without?", "engagementId": ending.site.engagement,
            "subjectId": line, "idempotencyKey": key(&ending.site.test) });
        let waiver = done(sent(&ending.site.test, &ending.site.manager, ASK, input).await);
        grant(&ending.site.test, &ending.contact, &text(&waiver["decision"]["id"])).await;
        let plan = ending.plan().await;
        assert_eq!(codes(&plan), ["DECISION_MISSING", "DECISION_MISSING"]);
        let read = "query($id: ID!) { node(id: $id) { ... on JobPlan { blockedBy { code } targets { location } } } }";
        let node = ending.site.test.ask(&ending.site.manager, read, json!({ "id": plan["id"] })).await["node"].take();
        assert_eq!(codes(&node), codes(&plan), "the same when it is read later");
        assert_eq!(node["targets"][1]["location"], "data://acme/shared");
    }

    async fn a_place_that_cannot_be_seen_whole_is_not_scanned(test) {
        let ending = Ending::of(test).await;
        let working = ending.site.work();
        std::fs::remove_dir_all(ending.at("old")).unwrap();
        let gone = ending.scan("FAILED").await;
        working.end().await;
        assert_eq!((&gone["error"]["code"], &gone["outcome"]), (&json!("SOURCE_NOT_FOUND"), &Value::Null));
        assert_eq!(ending.line().await, "ACTIVE", "a scan moves nothing");
    }
}

/// The certificate says what was done, by whom and by whose leave, and its signature holds.
fn certified(ending: &Ending, certificate: &Value, plan: &Value, scanned: &Value) {
    assert_eq!(certificate["kind"], "SANITIZATION");
    let statement = &certificate["statement"];
    assert_eq!(statement["verdict"], "SANITIZED");
    assert_eq!(
        statement["standard"],
        json!({ "name": "NIST SP 800-88", "revision": "Revision 2", "published": "2025-09-26" })
    );
    let item = &statement["items"][0];
    assert_eq!((&item["category"], &item["method"]), (&json!("CLEAR"), &json!("OVERWRITE_ZERO")));
    assert_eq!((&item["location"], &item["scanDigest"]), (&json!("data://acme/old"), &scanned["digest"]));
    assert_eq!(
        (&item["filesDestroyed"], &item["bytesDestroyed"], &item["itemsPlanned"]),
        (&json!(2), &json!(8), &json!(4))
    );
    assert_ne!(item["sanitized"]["by"]["id"], statement["verification"]["by"]["id"], "two people");
    let authorization = &statement["authorizations"][0];
    assert_eq!(authorization["planHash"], plan["planHash"]);
    let kinds: Vec<_> = authorization["decisions"].as_array().unwrap().iter().map(|one| &one["kind"]).collect();
    assert_eq!(kinds, ["DESTRUCTION_CONFIRMATION", "JOB_PLAN"]);
    let keys = ending.site.test.app.parts().log_keys.verifiers();
    gangway::domain::log::note::open(certificate["note"].as_str().unwrap(), &keys).unwrap();
}
