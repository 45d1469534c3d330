//! Agents that are taken off devices: simulated ones, good and bad.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use gangway::{
    adapters::{
        lab::{Temper, World},
        mesh_central::MeshCentral,
        systems::Connected,
    },
    domain::connector::{Address, Connector, ConnectorFault, ConnectorKind},
    ports::endpoints::Endpoints,
};

use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::*;
use crate::{
    mesh::{self, Mesh},
    support::{
        flow::{done, key, text},
        on_both_stacks,
        run::of_client,
    },
};

const CONNECT: &str = "mutation($input: ConnectorCreateInput!) { connectorCreate(input: $input) {
    connector { id name probe { tool } } replayed userErrors { code message path remedy } } }";
const PROBE: &str = "mutation($input: ConnectorProbeInput!) { connectorProbe(input: $input) {
    connector { probe { at tool account capabilities clockSkewMs fault } } userErrors { code message path } } }";
const REGISTER: &str = "mutation($input: HoldingsRegisterInput!) { holdingsRegister(input: $input) {
    results { holding { id } userErrors { code message path remedy } } userErrors { message path } } }";
const LINES: &str = "query($id: ID!, $after: String) { holdings(first: 100, after: $after, filter: { clientId: $id, kinds: [AGENT] }) {
    pageInfo { hasNextPage endCursor } nodes { id name state externalRef closedAt lastProbedAt connector { id name } } } }";
const TARGETS: &str = "query($id: ID!, $after: String) { job(id: $id) { state error { code message }
    targets(first: 100, after: $after) { pageInfo { hasNextPage endCursor } nodes { name state attempt error { code message remedy }
        outcome { ... on RemovedAgent { endpoint group presence toldAt tellCount silentSince forgottenAt absentSince } } } } } }";

/// A client whose devices are simulated, and a clock that goes faster than the sun.
struct Fleet {
    site: Site,
    connector: String,
    world: World,
    lab: TempDir,
    _clock: tokio_util::task::AbortOnDropHandle<()>,
}

/// Moves the test's clock on, so many times as fast as the sun.
fn ticking(test: &TestApp, pace: i32) -> tokio_util::task::AbortOnDropHandle<()> {
    let clock = test.clock.clone();
    tokio_util::task::AbortOnDropHandle::new(tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_millis(20)).await;
            clock.advance(TimeDelta::milliseconds(20) * pace);
        }
    }))
}

impl Fleet {
    /// The devices that `address` describes, each an agent in the client's ledger.
    async fn of(test: TestApp, address: &str) -> Self {
        let lab = tempfile::tempdir().unwrap();
        let systems = Connected::new(Some(lab.path().to_owned()), Duration::from_millis(20));
        let site = Site::of(test.with(|parts| parts.systems = Arc::new(systems))).await;
        let connector = connect(&site, "Lab", address).await;
        let world = World::read(&address.parse().unwrap()).unwrap();
        // With many devices a round takes its time, and the time of their answers must not run away meanwhile.
        let pace = if world.size() > 100 { 2 } else { 5 };
        let fleet = Self { _clock: ticking(&site.test, pace), connector, world, lab, site };
        fleet.register(vec![fleet.record("acme")]).await;
        let agents: Vec<_> =
            (0..fleet.world.size()).map(|index| fleet.agent(&fleet.world.device("acme", index).0)).collect();
        fleet.register(agents).await;
        fleet
    }

    fn record(&self, group: &str) -> Value {
        json!({ "name": "RMM record", "externalRef": group, "connectorId": self.connector,
            "details": { "systemRecord": { "system": "RMM" } } })
    }

    fn agent(&self, endpoint: &str) -> Value {
        json!({ "name": endpoint, "externalRef": endpoint, "connectorId": self.connector,
            "details": { "agent": { "tool": "RMM", "hostname": endpoint } } })
    }

    async fn register(&self, rows: Vec<Value>) -> Value {
        let input = json!({ "clientId": self.site.client, "holdings": rows, "idempotencyKey": key(&self.site.test) });
        sent(&self.site.test, &self.site.manager, REGISTER, input).await
    }

    async fn plan(&self, options: Value) -> Value {
        let input = json!({ "kind": "AGENT_REMOVAL", "engagementId": self.site.engagement, "options": { "agentRemoval": options } });
        sent(&self.site.test, &self.site.manager, PLAN, input).await
    }

    async fn start(&self) -> Value {
        let plan = done(self.plan(json!({})).await)["plan"].take();
        self.site.start_plan(&plan, &key(&self.site.test)).await["id"].clone()
    }

    async fn retry(&self, job: &Value) {
        let document =
            "mutation($input: JobRetryInput!) { jobRetry(input: $input) { job { state } userErrors { message } } }";
        let input = json!({ "id": job, "reason": "Once more.", "idempotencyKey": key(&self.site.test) });
        done(sent(&self.site.test, &self.site.manager, document, input).await);
    }

    /// All nodes of a list that is asked for page by page.
    async fn pages(&self, document: &str, id: &Value, list: impl Fn(&Value) -> &Value) -> Vec<Value> {
        let (mut nodes, mut after) = (Vec::new(), Value::Null);
        loop {
            let answer = self.site.test.ask(&self.site.manager, document, json!({ "id": id, "after": after })).await;
            let list = list(&answer);
            nodes.extend(list["nodes"].as_array().unwrap().clone());
            if list["pageInfo"]["hasNextPage"] != true {
                return nodes;
            }
            after = list["pageInfo"]["endCursor"].clone();
        }
    }

    /// Each agent's line, by name.
    async fn lines(&self) -> BTreeMap<String, Value> {
        let nodes = self.pages(LINES, &json!(self.site.client), |answer| &answer["holdings"]).await;
        nodes.into_iter().map(|node| (text(&node["name"]), node)).collect()
    }

    /// Each target of the job, by name.
    async fn targets(&self, job: &Value) -> BTreeMap<String, Value> {
        let nodes = self.pages(TARGETS, job, |answer| &answer["job"]["targets"]).await;
        nodes.into_iter().map(|node| (text(&node["name"]), node)).collect()
    }

    /// What the devices themselves say was done to them.
    fn done(&self, endpoint: &str) -> (u64, u64) {
        let file = self.lab.path().join(format!("{}.json", self.connector));
        let state: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        let done = &state["done"][endpoint];
        (done["tells"].as_u64().unwrap_or_default(), done["forgets"].as_u64().unwrap_or_default())
    }
}

async fn connect(site: &Site, name: &str, address: &str) -> String {
    let admin = colleague(&site.test, &[Role::Admin]).await;
    let input = json!({ "kind": "LAB", "name": name, "address": address, "idempotencyKey": key(&site.test) });
    text(&done(sent(&site.test, &admin, CONNECT, input).await)["connector"]["id"])
}

/// The kinds of all events so far.
async fn kinds(test: &TestApp) -> Vec<String> {
    let rows = entity::event::Entity::find().all(test.app.db().read()).await.unwrap();
    rows.into_iter().map(|row| row.kind).collect()
}

/// What a payload complains of.
fn complaint(payload: &Value) -> &str {
    payload["userErrors"][0]["message"].as_str().unwrap_or_else(|| panic!("{payload}"))
}

on_both_stacks! {
    async fn five_hundred_devices_end_as_they_are_and_none_is_taken_for_gone_that_is_not(test) {
        let fleet = Fleet::of(test, "lab://42?size=500&offline=25&slow=20&liar=5&zombie=5&mover=3").await;
        let working = fleet.site.work();
        let job = fleet.start().await;
        let ended = fleet.site.until(&job, "PARTIAL").await;
        working.end().await;
        assert_eq!(ended["error"]["code"], "AGENTS_LEFT");
        let (lines, targets) = (fleet.lines().await, fleet.targets(&job).await);
        assert_eq!((lines.len(), targets.len()), (500, 500));
        for index in 0..500 {
            let (name, temper) = fleet.world.device("acme", index);
            let (line, target, (tells, forgets)) = (&lines[&name], &targets[&name], fleet.done(&name));
            let code = target["error"]["code"].as_str();
            let outcome = &target["outcome"];
            match temper {
                Temper::Good | Temper::Offline | Temper::Slow => {
                    assert_eq!((line["state"].as_str(), target["state"].as_str(), code), (Some("CLOSED"), Some("SUCCEEDED"), None), "{name}");
                    assert!(line["closedAt"].is_string() && line["lastProbedAt"].is_string(), "{name}");
                    assert_eq!((&outcome["presence"], forgets), (&json!("ABSENT"), 1), "{name}");
                    assert_eq!((&outcome["group"], &outcome["endpoint"]), (&json!("acme"), &json!(name)));
                    // One that does as it is told is told once.
                    assert!(temper == Temper::Slow || tells == 1, "{name} was told {tells} times");
                    let order = ["toldAt", "silentSince", "forgottenAt", "absentSince"].map(|field| text(&outcome[field]));
                    assert!(order.is_sorted(), "{name}: {order:?}");
                }
                Temper::Liar => {
                    assert_eq!((line["state"].as_str(), target["state"].as_str(), code), (Some("ACTIVE"), Some("FAILED"), Some("AGENT_STILL_THERE")), "{name}");
                    assert_eq!((tells, forgets), (2, 0), "{name}");
                }
                Temper::Mover => {
                    assert_eq!((line["state"].as_str(), target["state"].as_str(), code), (Some("ACTIVE"), Some("FAILED"), Some("AGENT_MOVED")), "{name}");
                    assert_eq!((tells, forgets), (1, 0), "what is somebody else's is not forgotten: {name}");
                }
                Temper::Zombie => {
                    assert_eq!((line["state"].as_str(), target["state"].as_str(), code), (Some("ACTIVE"), Some("FAILED"), Some("AGENT_CAME_BACK")), "{name}");
                    assert_eq!(outcome["presence"], "ONLINE", "{name}");
                }
            }
        }
        let log = kinds(&fleet.site.test).await;
        let count = |kind: &str| log.iter().filter(|event| *event == kind).count();
        assert_eq!((count("agent.gone"), count("holding.removal_failed")), (487, 13));
        assert!(count("agent.dismissed") >= 500 && count("agent.forgotten") == 492 && count("holding.waiting") >= 25);
    }

    async fn a_device_that_is_away_is_waited_for_without_a_worker_and_shown_to_the_client(test) {
        let fleet = Fleet::of(test, "lab://1?size=1&offline=1&away=1").await;
        let working = fleet.site.work();
        let job = fleet.start().await;
        let waiting = fleet.site.until(&job, "WAITING").await;
        assert_eq!((&waiting["error"]["code"], &waiting["attempt"]), (&json!("AGENTS_OFFLINE"), &json!(0)));
        let away = "acme-001";
        let contact = of_client(&fleet.site.test, Role::ClientContact, &fleet.site.client).await;
        let shown = fleet.site.test.ask(&contact, TARGETS, json!({ "id": job })).await;
        let nodes = shown["job"]["targets"]["nodes"].as_array().unwrap();
        let target = nodes.iter().find(|target| target["name"] == away).unwrap();
        assert_eq!((&target["state"], &target["error"]["code"], &target["attempt"]), (&json!("WAITING"), &json!("AGENT_OFFLINE"), &json!(0)));
        assert_eq!((fleet.lines().await[away]["state"].clone(), fleet.done(away)), (json!("WAITING"), (0, 0)));
        // Somebody who knows that it is back need not wait.
        fleet.retry(&job).await;
        fleet.site.until(&job, "SUCCEEDED").await;
        working.end().await;
        assert_eq!((fleet.lines().await[away]["state"].clone(), fleet.done(away)), (json!("CLOSED"), (1, 1)));
        let log = kinds(&fleet.site.test).await;
        assert!(["holding.waiting", "agent.dismissed", "agent.forgotten", "agent.gone"].iter().all(|kind| log.iter().any(|one| one == kind)));
    }

    async fn a_wait_that_is_given_up_leaves_the_line_as_alive_as_before(test) {
        let fleet = Fleet::of(test, "lab://1?size=1&offline=1&away=1000").await;
        let working = fleet.site.work();
        let job = fleet.start().await;
        fleet.site.until(&job, "WAITING").await;
        // Another job does not get between.
        let again = fleet.plan(json!({})).await;
        assert!(complaint(&again).contains("is not over"), "{again}");
        let cancel = "mutation($input: JobCancelInput!) { jobCancel(input: $input) { job { state } userErrors { message } } }";
        let input = json!({ "id": job, "reason": "The device was stolen." });
        assert_eq!(done(sent(&fleet.site.test, &fleet.site.manager, cancel, input).await)["job"]["state"], "CANCELLED");
        working.end().await;
        assert_eq!(fleet.lines().await["acme-001"]["state"], "ACTIVE");
    }

    async fn a_tool_that_does_not_always_answer_is_asked_again(test) {
        let fleet = Fleet::of(test, "lab://3?size=3&flaky=1").await;
        let working = fleet.site.work();
        let job = fleet.start().await;
        let ended = fleet.site.until(&job, "SUCCEEDED").await;
        working.end().await;
        assert_eq!(ended["attempt"], 1, "an outage of one look ends no run");
        for index in 1..=3 {
            assert_eq!(fleet.done(&format!("acme-00{index}")), (1, 1));
        }
    }

    async fn what_failed_is_tried_again_and_what_is_gone_is_left_alone(test) {
        let fleet = Fleet::of(test, "lab://5?size=3&liar=1").await;
        let working = fleet.site.work();
        let job = fleet.start().await;
        fleet.site.until(&job, "PARTIAL").await;
        fleet.retry(&job).await;
        fleet.site.until(&job, "PARTIAL").await;
        working.end().await;
        let mut done: Vec<_> = (1..=3).map(|index| fleet.done(&format!("acme-00{index}"))).collect();
        done.sort_unstable();
        assert_eq!(done, [(1, 1), (1, 1), (4, 0)]);
    }

    async fn a_plan_names_only_what_is_the_clients_and_can_be_reached(test) {
        let fleet = Fleet::of(test, "lab://1?size=2").await;
        let plan = done(fleet.plan(json!({ "tool": "RMM" })).await)["plan"].take();
        assert_eq!(plan["warnings"], json!(["From then on nobody manages these devices."]));
        assert_eq!(plan["targets"].as_array().unwrap().len(), 2);
        let none = fleet.plan(json!({ "tool": "SECURITY" })).await;
        assert!(complaint(&none).contains("these are 0"), "{none}");
        // A line that says of no connector where it is can be named and is refused.
        let stray = json!({ "name": "Stray", "externalRef": "x", "details": { "agent": { "tool": "RMM", "hostname": "x" } } });
        let stray = fleet.register(vec![stray]).await["results"][0]["holding"]["id"].take();
        let input = json!({ "kind": "AGENT_REMOVAL", "engagementId": fleet.site.engagement, "holdingIds": [stray], "options": { "agentRemoval": {} } });
        let refused = sent(&fleet.site.test, &fleet.site.manager, PLAN, input).await;
        assert!(complaint(&refused).contains("is no agent that can be removed now"), "{refused}");
        // What stands in one ledger stands in no other, whoever asks.
        let other = make::client(&fleet.site.test, "other").await;
        let rows = json!([fleet.agent("acme-001"), fleet.record("acme"), fleet.agent("other-001")]);
        let input = json!({ "clientId": other, "holdings": rows, "idempotencyKey": key(&fleet.site.test) });
        let answer = sent(&fleet.site.test, &fleet.site.manager, REGISTER, input).await;
        let code = |row: usize| answer["results"][row]["userErrors"][0]["path"].clone();
        assert_eq!([code(0), code(1), code(2)], [json!(["holdings", "0", "externalRef"]), json!(["holdings", "1", "externalRef"]), Value::Null], "{answer}");
        // Without a record nobody knows which devices are the client's.
        let second = connect(&fleet.site, "Second", "lab://1?size=1").await;
        let mut row = fleet.agent("acme-001");
        row["connectorId"] = json!(second);
        row["externalRef"] = json!("second-001");
        let line = fleet.register(vec![row]).await["results"][0]["holding"]["id"].take();
        let input = json!({ "kind": "AGENT_REMOVAL", "engagementId": fleet.site.engagement, "holdingIds": [line], "options": { "agentRemoval": {} } });
        let refused = sent(&fleet.site.test, &fleet.site.manager, PLAN, input).await;
        assert!(complaint(&refused).contains("which group of devices"), "{refused}");
    }

    async fn connectors_are_entered_looked_at_and_keep_their_secrets(test) {
        let site = Site::of(test).await;
        let admin = colleague(&site.test, &[Role::Admin]).await;
        let send = async |more: Value| {
            let mut input = json!({ "kind": "MESH_CENTRAL", "name": "RMM", "address": "wss://127.0.0.1:9/", "username": "gangway",
                "secret": "opensesame", "idempotencyKey": key(&site.test) });
            merge(&mut input, more);
            sent(&site.test, &admin, CONNECT, input).await
        };
        for (more, field) in [
            (json!({ "username": null }), "username"), (json!({ "secret": null }), "secret"), (json!({ "secret": "" }), "secret"),
            (json!({ "address": "https://127.0.0.1" }), "address"), (json!({ "address": "wss://a:b@127.0.0.1" }), "address"),
            (json!({ "trustedCertificates": "PEM" }), "trustedCertificates"),
            (json!({ "kind": "LAB", "address": "lab://1" }), "username"),
        ] {
            let refused = send(more.clone()).await;
            assert_eq!(refused["userErrors"][0]["path"], json!([field]), "{more} {refused}");
            assert!(!refused.to_string().contains("opensesame"));
        }
        let id = done(send(json!({})).await)["connector"]["id"].take();
        let taken = send(json!({})).await;
        assert_eq!(taken["userErrors"][0]["path"], json!(["address"]), "{taken}");
        let taken = send(json!({ "address": "wss://127.0.0.1:10/" })).await;
        assert_eq!(taken["userErrors"][0]["path"], json!(["name"]), "{taken}");
        let probed = done(sent(&site.test, &admin, PROBE, json!({ "id": id })).await)["connector"]["probe"].take();
        assert_eq!((&probed["fault"], &probed["capabilities"]), (&json!("UNSUPPORTED"), &json!([])), "this process opens nothing");
        let listed = site.test.ask(&admin, "{ connectors { totalCount nodes { id name kind address username } } }", json!({})).await;
        assert_eq!(listed["connectors"]["totalCount"], 1);
        assert!(!listed.to_string().contains("opensesame"));
        let log = kinds(&site.test).await;
        assert!(["connector.created", "connector.probed"].iter().all(|kind| log.iter().any(|one| one == kind)), "{log:?}");
    }
}

/// Whether the server does not let us in with `password`.
async fn is_refused_by(mesh: &Mesh, password: &str) -> bool {
    let at = chrono::DateTime::UNIX_EPOCH;
    let connector = Connector {
        id: uuid::Uuid::now_v7().into(),
        kind: ConnectorKind::MeshCentral,
        name: "RMM".to_owned(),
        address: Address::parse(ConnectorKind::MeshCentral, &mesh.address()).unwrap(),
        username: Some(mesh::USER.to_owned()),
        trusted_certificates: Some(mesh.trusted()),
        probe: None,
        revision: 1,
        created_by: gangway::ids::ActorId::System,
        created_at: at,
        updated_at: at,
    };
    let server = MeshCentral::new(&connector, Some(&password.to_owned().into())).unwrap();
    server.about().await.is_err_and(|fault| fault.kind == ConnectorFault::Auth)
}

/// Looks until the log has so many events of `kind`.
async fn until_told(test: &TestApp, kind: &str, count: usize) {
    let told = async {
        while kinds(test).await.iter().filter(|one| *one == kind).count() < count {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(LONG, told).await.unwrap_or_else(|_late| panic!("no {count} events of {kind}"));
}

on_both_stacks! {
    async fn a_real_tool_with_real_agents_is_believed_nothing(test) {
        let mesh = Mesh::start();
        let ((mut goes, going), (mut returns, returning), (_stays, staying), (_moves, moving)) =
            (mesh.agent("goes").await, mesh.agent("returns").await, mesh.agent("stays").await, mesh.agent("moves").await);
        let systems = Connected::new(None, Duration::from_millis(200));
        let site = Site::of(test.with(|parts| parts.systems = Arc::new(systems))).await;
        let admin = colleague(&site.test, &[Role::Admin]).await;
        let connect = async |name: &str, more: Value| {
            let mut input = json!({ "kind": "MESH_CENTRAL", "name": name, "address": mesh.address(), "username": mesh::USER,
                "secret": mesh::PASSWORD, "trustedCertificates": mesh.trusted(), "idempotencyKey": key(&site.test) });
            merge(&mut input, more);
            let id = done(sent(&site.test, &admin, CONNECT, input).await)["connector"]["id"].take();
            let probed = done(sent(&site.test, &admin, PROBE, json!({ "id": id })).await);
            (id, probed["connector"]["probe"].clone())
        };
        // It is reached by another name, since one system has one connector.
        let other = mesh.address().replace("127.0.0.1", "localhost");
        let (_, strange) = connect("Not trusted", json!({ "address": other, "trustedCertificates": null })).await;
        assert_eq!(strange["fault"], "AUTH");
        let (connector, probed) = connect("RMM", json!({})).await;
        assert_eq!((&probed["fault"], &probed["account"], &probed["tool"]), (&Value::Null, &json!(mesh::USER), &json!("MeshCentral")));
        let stored = entity::connector::Entity::find().filter(entity::connector::Column::Name.eq("RMM"));
        let stored = stored.one(site.test.app.db().read()).await.unwrap().unwrap();
        assert!(is_refused_by(&mesh, "guessed").await && !is_refused_by(&mesh, mesh::PASSWORD).await);
        assert!(stored.sealed_secret.is_some_and(|sealed| sealed.len() > 30));
        assert!(probed["capabilities"].as_array().unwrap().contains(&json!("UNINSTALL_AGENT")), "{probed}");

        let line = |name: &str, reference: &str, details: Value| json!({ "name": name, "externalRef": reference, "connectorId": connector, "details": details });
        let agent = || json!({ "agent": { "tool": "RMM", "hostname": "pc" } });
        let rows = json!([line("Record", &mesh.group, json!({ "systemRecord": { "system": "RMM" } })), line("Goes", &going, agent()),
            line("Returns", &returning, agent()), line("Stays", &staying, agent()), line("Moves", &moving, agent())]);
        let input = json!({ "clientId": site.client, "holdings": rows, "idempotencyKey": key(&site.test) });
        done(sent(&site.test, &site.manager, REGISTER, input).await);
        let input = json!({ "kind": "AGENT_REMOVAL", "engagementId": site.engagement, "options": { "agentRemoval": {} } });
        let plan = done(sent(&site.test, &site.manager, PLAN, input).await)["plan"].take();
        let working = site.work();
        let job = site.start_plan(&plan, &key(&site.test)).await["id"].clone();
        until_told(&site.test, "agent.dismissed", 4).await;
        mesh.hand_over(&moving, "other");
        goes.goes();
        returns.goes();
        let _clock = ticking(&site.test, 60);
        until_told(&site.test, "agent.forgotten", 2).await;
        returns.comes_back();
        site.until(&job, "PARTIAL").await;
        working.end().await;

        let shown = site.test.ask(&site.manager, TARGETS, json!({ "id": job })).await;
        let targets: BTreeMap<_, _> = shown["job"]["targets"]["nodes"].as_array().unwrap().iter().map(|node| (text(&node["name"]), node.clone())).collect();
        let end = |name: &str| (targets[name]["state"].clone(), targets[name]["error"]["code"].clone());
        assert_eq!(end("Goes"), (json!("SUCCEEDED"), Value::Null));
        assert_eq!(end("Returns"), (json!("FAILED"), json!("AGENT_CAME_BACK")));
        assert_eq!(end("Moves"), (json!("FAILED"), json!("AGENT_MOVED")));
        assert_eq!(end("Stays"), (json!("FAILED"), json!("AGENT_STILL_THERE")));
        // The server's own client program sees the same.
        let devices = mesh.devices();
        assert!(!devices.iter().any(|(id, _)| *id == going), "{devices:?}");
        assert!(devices.contains(&(returning, true)) && devices.contains(&(staying, true)) && devices.contains(&(moving, true)), "{devices:?}");
        let rows = entity::connector::Entity::find().all(site.test.app.db().read()).await.unwrap();
        assert!(!format!("{rows:?}").contains(mesh::PASSWORD), "a secret lies open in the database");
    }
}
