//! Workers that die while agents are taken off devices.

use std::collections::BTreeSet;

use gangway::{
    app::{
        IdempotencyKey, Once, agent, connector,
        holding::{self, Entry},
        job::{self, Ask, Options, Start},
    },
    auth::{Actor, ClientScope},
    domain::{
        connector::{Address, ConnectorKind},
        holding::{AgentHolding, AgentTool, Device, HoldingDetails, System, SystemRecordHolding},
        role::Role,
        sanitization::SanitizationMethod,
    },
    ids::{ActorId, ConnectorId, JobId},
};
use sea_orm::{ColumnTrait, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter, QueryOrder};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    Cluster, REST,
    doomed::Doomed,
    support::{process::Process, stack::Stack},
    turn,
};

/// Enough for a worker to be in the middle of each act.
const DEVICES: usize = 120;

/// A client with devices, each in its ledger.
struct Fleet {
    lab: tempfile::TempDir,
    connector: ConnectorId,
    job: JobId,
}

fn once(mutation: &'static str) -> Once {
    let key = IdempotencyKey::parse(Uuid::now_v7().to_string()).unwrap();
    Once { mutation, key, input_hash: String::new() }
}

/// Somebody who may do all that this takes.
fn manager() -> Actor {
    Actor {
        id: ActorId::User(Uuid::now_v7().into()),
        name: "manager".to_owned(),
        roles: BTreeSet::from([Role::Admin, Role::Technician]),
        scope: ClientScope::system(),
        may_adhoc: false,
        expires_at: None,
    }
}

impl Fleet {
    /// Devices that do as they are told, and the order to take the agents off them.
    async fn of(stack: &mut Stack) -> Self {
        let (lab, home, actor) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), manager());
        std::fs::create_dir_all(home.path().join("source")).unwrap();
        (stack.plan.data, stack.plan.lab) = (Some(home.keep()), Some(lab.path().to_owned()));
        let doomed = Doomed::of(stack, "data", SanitizationMethod::OverwriteZero).await;
        give_notice(stack, doomed.client.uuid()).await;
        let create = connector::Create {
            kind: ConnectorKind::Lab,
            name: "Lab".parse().unwrap(),
            address: Address::parse(ConnectorKind::Lab, &format!("lab://1?size={DEVICES}")).unwrap(),
            username: None,
            secret: None,
            trusted_certificates: None,
        };
        let app = &stack.app;
        let connector = connector::create(app, &actor, create, once("connectorCreate")).await.unwrap().made.id;
        let entry = |name: String, details| {
            let (external_ref, connector_id) = (Some(name.clone()), Some(connector));
            Ok(Entry { name, external_ref, connector_id, is_planned: false, details })
        };
        let record = HoldingDetails::SystemRecord(SystemRecordHolding { system: System::Rmm });
        let agent = |number: usize| {
            let hostname = format!("acme-{number:03}");
            let device = Device { hostname: hostname.clone(), os: None, serial: None, site: None };
            entry(hostname, HoldingDetails::Agent(AgentHolding { tool: AgentTool::Rmm, device, version: None }))
        };
        let rows = [entry("acme".to_owned(), record)].into_iter().chain((1..=DEVICES).map(agent)).collect();
        let entered = holding::register(app, &actor, doomed.client, rows, once("holdingsRegister")).await.unwrap();
        assert!(entered.made.iter().all(Result::is_ok));
        let options = Options::AgentRemoval(agent::Options { tool: None });
        let ask = Ask { engagement_id: doomed.run, holding_ids: Vec::new(), filter: None, options };
        let plan = job::plan(app, &actor, &ask).await.unwrap().plan;
        let start = Start { plan_id: plan.id, plan_hash: plan.hash, reason: "A drill.".parse().unwrap() };
        let job = job::start(app, &actor, start, once("jobStart")).await.unwrap().made.id;
        Self { lab, connector, job }
    }

    /// How often each device was told to go, and forgotten, as the devices say.
    fn done(&self) -> Vec<(u64, u64)> {
        let state = std::fs::read(self.lab.path().join(format!("{}.json", self.connector))).unwrap();
        let state: Value = serde_json::from_slice(&state).unwrap();
        let done = |number: usize| {
            let done = &state["done"][format!("acme-{number:03}")];
            (done["tells"].as_u64().unwrap_or_default(), done["forgets"].as_u64().unwrap_or_default())
        };
        (1..=DEVICES).map(done).collect()
    }
}

/// The client said that the service shall end.
async fn give_notice(stack: &Stack, client: Uuid) {
    let (db, now) = (stack.app.db().write(), stack.app.now());
    let row = entity::agreement::Model {
        id: Uuid::now_v7(),
        client_id: client,
        kind: "TERMINATION_NOTICE".to_owned(),
        state: "SIGNED".to_owned(),
        title: "Notice".to_owned(),
        details: json!({ "kind": "TERMINATION_NOTICE", "received_on": "2026-03-01", "channel": "LETTER", "notice_days": 0,
            "final_service_on": "2026-03-02" }),
        file_id: None,
        effective_on: None,
        ends_on: None,
        signed_at: Some(now),
        signed_by_name: Some("Ada".to_owned()),
        signature: None,
        revision: 1,
        created_by: "system".to_owned(),
        created_at: now,
        updated_at: now,
    };
    entity::agreement::Entity::insert(row.into_active_model()).exec_without_returning(db).await.unwrap();
}

async fn count(stack: &Stack, kind: &str) -> u64 {
    let select = entity::event::Entity::find().filter(entity::event::Column::Kind.eq(kind));
    select.count(stack.app.db().read()).await.unwrap()
}

/// Kills workers in the middle of two kinds of acts: what kills three of them is not tried again.
async fn dies_in_the_middle_of(acts: [&str; 2], stack: &mut Stack) {
    let fleet = Fleet::of(stack).await;
    for kind in acts {
        let victim = Process::worker(&stack.plan);
        stack
            .until("it gets on", REST, async || {
                let so_far = count(stack, kind).await;
                if so_far > 20 { Ok(()) } else { Err(so_far) }
            })
            .await;
        victim.kill();
        assert_eq!(stack.row(fleet.job).await.state, "RUNNING", "killed in the middle");
    }
    let _last = Process::worker(&stack.plan);
    let ends = stack
        .until("every agent has come to something", REST * 3, async || {
            let row = stack.row(fleet.job).await;
            if ["SUCCEEDED", "WAITING"].contains(&row.state.as_str()) { Ok(row) } else { Err(row.state) }
        })
        .await;
    assert_eq!(ends.fence, 3, "{:?}", ends.error);
    // Whatever died on the way, no device was told or forgotten twice. One of which nobody knows whether it was told, because
    // the worker died in between, is waited for: its silence is no proof.
    let lines = entity::holding::Entity::find().filter(entity::holding::Column::Kind.eq("AGENT"));
    let lines = lines.order_by_asc(entity::holding::Column::Name).all(stack.app.db().read()).await.unwrap();
    let (mut closed, mut waits) = (0, 0);
    for (line, done) in lines.iter().zip(fleet.done()) {
        match line.state.as_str() {
            "CLOSED" => closed += u64::from(done == (1, 1)),
            "WAITING" => waits += u64::from(done == (1, 0)),
            other => panic!("{} is {other}, {done:?}", line.name),
        }
    }
    assert_eq!((closed + waits, count(stack, "agent.gone").await), (DEVICES as u64, closed));
    assert!(waits <= 80 && (waits > 0) == (ends.state == "WAITING"), "{waits} wait");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn agents_whose_workers_are_killed_are_told_once_and_all_gone() {
    let mut cluster = Cluster::start().await;
    dies_in_the_middle_of(["agent.dismissed", "agent.forgotten"], &mut cluster.stack).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn agents_of_an_embedded_process_that_is_killed_are_told_once_and_all_gone() {
    let _turn = turn().await;
    dies_in_the_middle_of(["agent.forgotten", "agent.gone"], &mut Stack::embedded().await).await;
}
