//! Planning a job, and what keeps a plan from being started.

use gangway::domain::recipient_key::RecipientKey;
use serde_json::{Value, json};

use super::*;
use crate::support::{make::refusal, on_both_stacks};

async fn start(site: &Site, plan: &Value, hash: &Value, key: &str) -> Value {
    let input = json!({ "planId": plan["id"], "planHash": hash, "reason": "Why not.", "idempotencyKey": key });
    sent(&site.test, &site.manager, START, input).await
}

on_both_stacks! {
    async fn a_plan_says_what_would_happen_and_nothing_happens(test) {
        let site = Site::of(test).await;
        let plan = site.plan().await;
        assert_eq!((&plan["kind"], &plan["blockedBy"], &plan["warnings"]), (&json!("DATA_RETURN"), &json!([]), &json!([])));
        let fingerprint = site.identity.to_public().to_string().parse::<RecipientKey>().unwrap().fingerprint();
        let delivery = json!({ "format": "BAGIT_TAR_ZSTD", "destination": "returns", "recipientFingerprints": [fingerprint] });
        assert_eq!(plan["targets"], json!([{ "name": "Shared folder", "holding": { "id": site.holding },
            "location": "data://acme", "delivery": delivery }]));
        assert_eq!(plan["planHash"].as_str().unwrap().len(), 64);
        assert_eq!(site.state_of(&site.holding).await, "ACTIVE");
        // The same world gives the same hash, however often it is asked for.
        assert_eq!(site.plan().await["planHash"], plan["planHash"]);
    }

    async fn a_plan_finds_data_behind_any_number_of_other_lines(test) {
        let site = Site::of(test).await;
        let document = "mutation($input: HoldingsRegisterInput!) { holdingsRegister(input: $input) {
            results { holding { id } } userErrors { message path } } }";
        for batch in 0..10 {
            let row = |n: usize| json!({ "name": format!("pc-{batch}-{n}"), "details": { "systemRecord": { "system": "PSA" } } });
            let rows: Vec<_> = (0..100).map(row).collect();
            let input = json!({ "clientId": site.client, "holdings": rows, "idempotencyKey": format!("records-{batch}") });
            site.done(document, input).await;
        }
        let late = site.register("Late folder", "data://acme", "RETURN").await;
        let targets = site.plan().await["targets"].clone();
        let found = |id: &String| targets.as_array().unwrap().iter().any(|target| target["holding"]["id"] == *id);
        assert!(targets.as_array().unwrap().len() == 2 && found(&late) && found(&site.holding), "{targets}");
    }

    async fn a_filter_finds_its_lines_when_it_is_planned_and_the_plan_keeps_them(test) {
        let site = Site::of(test).await;
        let kept = site.register("Kept folder", "data://kept", "RETURN_THEN_DESTROY").await;
        site.register("Old tapes", "data://tapes", "DESTROY").await;
        let planned = async |filter: Value| {
            let input = json!({ "kind": "DATA_RETURN", "engagementId": site.engagement, "options": Site::options(), "filter": filter });
            sent(&site.test, &site.manager, PLAN, input).await
        };
        let found = |payload: &Value| {
            assert_eq!(payload["userErrors"], json!([]), "{payload}");
            let targets = payload["plan"]["targets"].as_array().unwrap();
            let mut ids: Vec<String> =
                targets.iter().map(|target| target["holding"]["id"].as_str().unwrap().to_owned()).collect();
            ids.sort();
            ids
        };
        let mut both = vec![site.holding.clone(), kept.clone()];
        both.sort();
        for (filter, expected) in [
            (json!({}), &both),
            (json!({ "kinds": ["DATA"], "states": ["ACTIVE"], "dataKinds": ["FILES"] }), &both),
            (json!({ "dispositions": ["RETURN_THEN_DESTROY"] }), &vec![kept.clone()]),
            (json!({ "dispositions": ["RETURN", "DESTROY"] }), &vec![site.holding.clone()]),
        ] {
            assert_eq!(found(&planned(filter.clone()).await), *expected, "{filter}");
        }
        for filter in [json!({ "kinds": ["AGENT"] }), json!({ "states": ["PLANNED"] }), json!({ "dataKinds": ["MAIL"] })] {
            assert_eq!(refusal(&planned(filter.clone()).await), ("BAD_USER_INPUT", "filter".to_owned()), "{filter}");
        }

        // What comes into being later is not in the plan and does not change it; what changes in it does.
        let filter = json!({ "dispositions": ["RETURN"] });
        let (first, second) = (planned(filter.clone()).await["plan"].take(), planned(filter).await["plan"].take());
        assert_eq!(first["planHash"], second["planHash"]);
        site.register("Late folder", "data://late", "RETURN").await;
        site.write("a.txt", "first");
        let started = start(&site, &first, &first["planHash"], "start-filtered").await;
        assert_eq!(started["userErrors"], json!([]), "{started}");
        let job = site.job(&started["job"]["id"]).await;
        assert_eq!((&job["targets"]["totalCount"], &job["targets"]["nodes"][0]["holding"]["id"]), (&json!(1), &json!(site.holding)));
    }

    async fn lines_are_named_or_filtered_and_not_both(test) {
        let site = Site::of(test).await;
        let input = json!({ "kind": "DATA_RETURN", "engagementId": site.engagement, "options": Site::options(),
            "filter": {}, "holdingIds": [site.holding] });
        let refused = sent(&site.test, &site.manager, PLAN, input).await;
        assert_eq!(refusal(&refused), ("BAD_USER_INPUT", "filter".to_owned()));
    }

    async fn a_plan_for_more_than_500_lines_is_refused(test) {
        let site = Site::of(test).await;
        let document = "mutation($input: HoldingsRegisterInput!) { holdingsRegister(input: $input) {
            results { holding { id } } userErrors { message path } } }";
        for batch in 0..5 {
            let data = json!({ "dataKind": "FILES", "disposition": "RETURN", "keyEscrow": "NOT_ENCRYPTED", "location": "data://acme" });
            let row = |n: usize| json!({ "name": format!("folder {batch}-{n}"), "details": { "data": data } });
            let rows: Vec<_> = (0..100).map(row).collect();
            let input = json!({ "clientId": site.client, "holdings": rows, "idempotencyKey": format!("folders-{batch}") });
            site.done(document, input).await;
        }
        for (filter, field) in [(json!({}), "filter"), (Value::Null, "holdingIds")] {
            let input = json!({ "kind": "DATA_RETURN", "engagementId": site.engagement, "options": Site::options(), "filter": filter });
            let refused = sent(&site.test, &site.manager, PLAN, input).await;
            assert_eq!(refusal(&refused), ("BAD_USER_INPUT", field.to_owned()));
            assert!(refused["userErrors"][0]["message"].as_str().unwrap().contains("these are 501"), "{refused}");
        }
    }

    async fn a_plan_is_started_once(test) {
        let site = Site::of(test).await;
        let plan = site.plan().await;
        let first = start(&site, &plan, &plan["planHash"], "start-once-1").await;
        assert_eq!((&first["userErrors"], &first["replayed"]), (&json!([]), &json!(false)));
        let again = start(&site, &plan, &plan["planHash"], "start-once-1").await;
        assert_eq!((&again["replayed"], &again["job"]["id"]), (&json!(true), &first["job"]["id"]));
        let other = start(&site, &plan, &plan["planHash"], "start-once-2").await;
        assert_eq!(refusal(&other).0, "CONFLICT");
        // Neither does a second plan for the same work get past the job that is not over.
        let twin = site.plan().await;
        let refused = start(&site, &twin, &twin["planHash"], "start-once-3").await;
        assert!(refused["userErrors"][0]["remedy"].as_str().unwrap().contains("jobCancel"), "{refused}");
    }

    async fn a_plan_of_yesterday_or_of_another_world_is_refused(test) {
        let site = Site::of(test).await;
        let plan = site.plan().await;
        let wrong = start(&site, &plan, &json!("0".repeat(64)), "start-stale-1").await;
        assert_eq!(refusal(&wrong), ("PLAN_CHANGED", "planHash".to_owned()));
        // One more folder to return: the plan that was read says less than what would happen now.
        site.register("Second folder", "data://acme", "RETURN").await;
        let changed = start(&site, &plan, &plan["planHash"], "start-stale-2").await;
        assert_eq!(refusal(&changed).0, "PLAN_CHANGED");
        let fresh = site.plan().await;
        site.test.pass(24 * 3_600);
        let old = start(&site, &fresh, &fresh["planHash"], "start-stale-3").await;
        assert_eq!(refusal(&old).0, "PLAN_CHANGED");
        assert_eq!(site.test.ask(&site.manager, "{ jobs { totalCount } }", json!({})).await["jobs"]["totalCount"], 0);
    }

    async fn a_key_that_is_revoked_closes_the_gate_again(test) {
        let site = Site::of(test).await;
        let plan = site.plan().await;
        site.revoke_key().await;
        let refused = start(&site, &plan, &plan["planHash"], "start-revoked").await;
        assert_eq!(refusal(&refused).0, "PLAN_CHANGED");
        let blocked = site.plan().await;
        assert_eq!(blocked["blockedBy"][0]["code"], "RECIPIENT_KEY_UNCONFIRMED");
        assert_eq!(blocked["blockedBy"][0]["isHard"], true);
        let refused = start(&site, &blocked, &blocked["planHash"], "start-blocked").await;
        assert_eq!(refused["userErrors"][0]["code"], "BLOCKED");
        assert_eq!(refused["userErrors"][0]["blockers"][0]["code"], "RECIPIENT_KEY_UNCONFIRMED");
    }

    async fn wrong_input_is_named_with_its_remedy(test) {
        let site = Site::of(test).await;
        let ask = |change: fn(&mut Value)| {
            let mut input = json!({ "kind": "DATA_RETURN", "engagementId": site.engagement, "options": Site::options() });
            change(&mut input);
            sent(&site.test, &site.manager, PLAN, input)
        };
        let refused = ask(|input| input["options"]["dataReturn"]["destination"] = json!("nowhere")).await;
        assert_eq!(refusal(&refused), ("BAD_USER_INPUT", "options.dataReturn.destination".to_owned()));
        assert!(refused["userErrors"][0]["remedy"].as_str().unwrap().contains("returns"));
        let refused = ask(|input| input["options"]["dataReturn"]["format"] = json!("PLAIN_MIRROR")).await;
        assert_eq!(refusal(&refused), ("BAD_USER_INPUT", "options.dataReturn.format".to_owned()));
        let refused = ask(|input| input["kind"] = json!("SANITIZATION")).await;
        assert_eq!(refusal(&refused), ("BAD_USER_INPUT", "options".to_owned()));
        let refused = ask(|input| input["engagementId"] = json!("eng_0")).await;
        assert_eq!(refusal(&refused), ("NOT_FOUND", "engagementId".to_owned()));
        let refused = ask(|input| input["holdingIds"] = json!(["hld_00000000000000000000000000000000"])).await;
        assert_eq!(refusal(&refused), ("NOT_FOUND", "holdingIds".to_owned()));
        assert_eq!(site.test.ask(&site.manager, "{ jobs { totalCount } }", json!({})).await["jobs"]["totalCount"], 0);
    }
}
