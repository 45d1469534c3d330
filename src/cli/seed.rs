//! `gangway seed`: clients in every stage, lived through the API, for those who build front ends.
//!
//! A client depends on the seed and its own number alone: the same seed gives the same clients. Days are counted from
//! today, so that what is due soon is due soon.

use std::io::{IsTerminal, Write, stderr};

use anyhow::{Context, bail, ensure};
use chrono::{Days, NaiveDate};
use chrono_tz::Tz;
use clap::Args;
use futures_util::{StreamExt, stream};
use rand::{RngExt, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use serde_json::json;

use super::{
    life::{Cast, Life, Scene, Silence, Stage, documents, ledger},
    local::Local,
    print,
};
use crate::{config::Config, domain::role::Role, telemetry};

/// Lives that are lived side by side: a little more than the processors and the database can do at a time.
const AT_ONCE: usize = 4;

/// What to fill the database with.
#[derive(Args, Debug)]
pub(super) struct Seed {
    /// How many clients.
    #[arg(long, default_value_t = 100, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    clients: u32,
    /// Which clients: the same number gives the same ones.
    #[arg(long = "seed", default_value_t = 1, value_name = "S")]
    number: u64,
    /// Adds to the clients that are there already.
    #[arg(long)]
    force: bool,
    /// The folder with the embedded database.
    #[arg(long, value_name = "DIR")]
    pub(super) data: Option<String>,
}

/// How far a client has come. Each is where the API says it is, not where we put it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    Prospect,
    Contract,
    Onboarding(usize),
    Active,
    Offboarding(usize),
    Concluded,
}

const FIRST: &[&str] =
    &["Harbor", "Cedar", "Northside", "Blue Ridge", "Lakeview", "Summit", "Juniper", "Old Mill", "Granite", "Willow"];
const SECOND: &[(&str, &str)] = &[
    ("Dental", "dental"),
    ("Law Partners", "law"),
    ("Logistics", "logistics"),
    ("Veterinary Clinic", "vet"),
    ("Architects", "architects"),
    ("Bakery", "bakery"),
    ("Accounting", "accounting"),
    ("Print Works", "print"),
];
const PEOPLE: &[&str] =
    &["Nora Pine", "Jonas Feld", "Priya Shah", "Mateo Ruiz", "Ines Costa", "Ravi Menon", "Lena Sørensen", "Tom Baker"];
const ZONES: &[Tz] = &[Tz::America__New_York, Tz::America__Chicago, Tz::America__Los_Angeles, Tz::Europe__Berlin];

/// Fills the configured database.
///
/// # Errors
/// It has clients already, is not up to date, or does not answer.
pub(super) async fn run(mut config: Config, seed: Seed) -> anyhow::Result<()> {
    // Thousands of requests are answered here; only what is wrong is worth a line.
    telemetry::start(telemetry::Format::Text, "warn")?;
    config.worker.enabled = false;
    // Nobody but this command asks its server.
    config.http.rate_capacity = 0;
    let local = Local::start(config).await?;
    let filled = fill(&local, &seed).await;
    local.end().await?;
    print(&filled?)
}

async fn fill(local: &Local, seed: &Seed) -> anyhow::Result<String> {
    let cast = Cast::meet(&local.api, &local.issuer).await?;
    let stage = Stage { api: &local.api, cast, issuer: &local.issuer };
    let there = count(&stage).await?;
    ensure!(there == 0 || seed.force, "this database has {there} clients; --force adds to them");
    let lives = (there..there + seed.clients).map(|number| one(&stage, seed.number, number));
    let mut lives = stream::iter(lives).buffer_unordered(AT_ONCE);
    let (mut counts, mut done) = ([0_u32; 6], 0);
    while let Some(stop) = lives.next().await {
        counts[place(stop?)] += 1;
        done += 1;
        tell(done, seed.clients)?;
    }
    let [prospects, contracts, onboarding, active, offboarding, concluded] = counts;
    Ok(format!(
        "{} clients: {} prospects ({contracts} with a contract), {onboarding} being onboarded, {active} active, \
         {offboarding} being offboarded, {concluded} concluded.\n",
        seed.clients,
        prospects + contracts,
    ))
}

async fn one(stage: &Stage<'_>, seed: u64, number: u32) -> anyhow::Result<Stop> {
    let mut random = StdRng::seed_from_u64(seed.wrapping_mul(1_000_003).wrapping_add(number.into()));
    let stop = stop(&mut random);
    let scene = scene(&mut random, number, stop);
    let name = scene.name.clone();
    live(stage, scene, stop).await.with_context(|| format!("the client {name}"))?;
    Ok(stop)
}

async fn count(stage: &Stage<'_>) -> anyhow::Result<u32> {
    let token = &stage.cast.person(Role::Sales).token;
    let answer = stage.api.ask(token, documents::CLIENTS, json!({ "first": 1 })).await?;
    let count = answer["clients"]["totalCount"].as_u64().and_then(|count| count.try_into().ok());
    count.context("the number of clients")
}

fn tell(done: u32, of: u32) -> anyhow::Result<()> {
    if !stderr().is_terminal() {
        return Ok(());
    }
    let end = if done == of { "\n" } else { "" };
    Ok(write!(stderr().lock(), "\r{done} of {of} clients{end}")?)
}

const fn place(stop: Stop) -> usize {
    match stop {
        Stop::Prospect => 0,
        Stop::Contract => 1,
        Stop::Onboarding(_) => 2,
        Stop::Active => 3,
        Stop::Offboarding(_) => 4,
        Stop::Concluded => 5,
    }
}

/// About as a provider's book looks: most are served, a tenth has left.
fn stop(random: &mut StdRng) -> Stop {
    match random.random_range(0..100) {
        0..12 => Stop::Prospect,
        12..20 => Stop::Contract,
        20..45 => Stop::Onboarding(random.random_range(0..14)),
        45..80 => Stop::Active,
        80..92 => Stop::Offboarding(random.random_range(0..6)),
        _ => Stop::Concluded,
    }
}

fn scene(random: &mut StdRng, number: u32, stop: Stop) -> Scene {
    let pick = |random: &mut StdRng, from: &[&str]| (*from.choose(random).unwrap_or(&"")).to_owned();
    let first = pick(random, FIRST);
    let (second, sort) = SECOND.choose(random).copied().unwrap_or(("Works", "works"));
    let zone = ZONES.choose(random).copied().unwrap_or(Tz::UTC);
    let slug = format!("{}-{sort}-{number:03}", first.to_lowercase().replace(' ', "-"));
    let mut scene = Scene::of_today(&format!("{first} {second} {number:03}"), &slug, zone, &pick(random, PEOPLE));
    scene.people = random.random_range(4..180);
    for number in 2..2 + random.random_range(0..4) {
        scene.machines.push((format!("{slug}-ws-{number:02}"), "WORKSTATION"));
    }
    scene.lines = ledger::lines(&slug, &scene.machines);
    days(random, &mut scene, stop);
    scene
}

/// Days that go with the stage: what has begun lies in the past, what is to come lies ahead.
fn days(random: &mut StdRng, scene: &mut Scene, stop: Stop) {
    let today = scene.signed_on;
    let ago = |days: u64| today.checked_sub_days(Days::new(days)).unwrap_or(today);
    let ahead = |days: u64| today.checked_add_days(Days::new(days)).unwrap_or(today);
    let served: u64 = random.random_range(40..900);
    let (signed, start): (NaiveDate, NaiveDate) = match stop {
        Stop::Prospect | Stop::Contract | Stop::Onboarding(_) => {
            (ago(random.random_range(0..20)), ahead(random.random_range(5..40)))
        }
        Stop::Active | Stop::Offboarding(_) | Stop::Concluded => (ago(served + 30), ago(served)),
    };
    (scene.signed_on, scene.service_start_on) = (signed, start);
    let noticed: u64 = random.random_range(1..35);
    scene.notice_on = ago(noticed);
    scene.final_service_on = if stop == Stop::Concluded { today } else { ahead(random.random_range(1..60)) };
}

async fn live(stage: &Stage<'_>, scene: Scene, stop: Stop) -> anyhow::Result<()> {
    let life = Life::begin(stage, &Silence, scene).await?;
    if stop == Stop::Prospect {
        return Ok(());
    }
    life.contract().await?;
    if stop == Stop::Contract {
        return Ok(());
    }
    let onboarding = life.start_onboarding().await?;
    if let Stop::Onboarding(steps) = stop {
        life.walk(&onboarding, steps).await?;
        return life.begin_step(&onboarding, steps).await;
    }
    life.walk(&onboarding, usize::MAX).await?;
    life.conclude(&onboarding, Role::OnboardingManager).await?;
    if stop == Stop::Active {
        return Ok(());
    }
    let offboarding = life.start_offboarding().await?;
    match stop {
        Stop::Offboarding(steps) => life.walk(&offboarding, steps).await.map(drop),
        Stop::Concluded => {
            life.walk(&offboarding, usize::MAX).await?;
            life.conclude(&offboarding, Role::AccountManager).await.map(drop)
        }
        Stop::Prospect | Stop::Contract | Stop::Onboarding(_) | Stop::Active => bail!("{stop:?} is over before"),
    }
}
