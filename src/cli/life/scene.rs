//! What is particular about one client: names, days, machines, and what is in its ledger.

use std::path::PathBuf;

use chrono::NaiveDate;
use chrono_tz::Tz;
use serde_json::{Value, json};

use super::{ledger::Line, today};

/// A client to be.
#[derive(Clone)]
pub struct Scene {
    /// The client's name.
    pub name: String,
    /// Its short name, unique.
    pub slug: String,
    /// Where its days begin and end.
    pub time_zone: Tz,
    /// Who speaks for it.
    pub contact: String,
    /// How many people work there.
    pub people: u32,
    /// Its machines: name and sort.
    pub machines: Vec<(String, &'static str)>,
    /// What will be opened at it and has to be closed again.
    pub lines: Vec<Line>,
    /// When the contract was signed.
    pub signed_on: NaiveDate,
    /// The agreed first day of service.
    pub service_start_on: NaiveDate,
    /// The day the notice came, if one did.
    pub notice_on: NaiveDate,
    /// The last day of service.
    pub final_service_on: NaiveDate,
    /// The client's own key. Only what the client itself does looks at it.
    pub key: age::x25519::Identity,
    /// Where its data lies and goes back to, if we hold any.
    pub hand_over: Option<HandOver>,
}

/// Where a client's data lies, and where it goes back to.
#[derive(Clone, Debug)]
pub struct HandOver {
    /// The folder with the client's files, as it is.
    pub source: PathBuf,
    /// The configured destination, by name.
    pub destination: String,
    /// The folder behind that name, where the client finds its package.
    pub folder: PathBuf,
}

impl Scene {
    /// A client whose whole life fits into today.
    pub fn of_today(name: &str, slug: &str, time_zone: Tz, contact: &str) -> Self {
        let day = today(time_zone);
        let machine = |(name, sort): (&str, &'static str)| (format!("{slug}-{name}"), sort);
        Self {
            name: name.to_owned(),
            slug: slug.to_owned(),
            time_zone,
            contact: contact.to_owned(),
            people: 24,
            machines: [("srv-01", "SERVER"), ("fw-01", "NETWORK"), ("lt-07", "LAPTOP")].map(machine).into(),
            lines: Vec::new(),
            signed_on: day,
            service_start_on: day,
            notice_on: day,
            final_service_on: day,
            key: age::x25519::Identity::generate(),
            hand_over: None,
        }
    }

    /// What the client's form says, before anything else is known.
    pub(super) fn intake(&self) -> Value {
        let text = format!("{} people work at one site; {} speaks for the company.", self.people, self.contact);
        json!([{ "name": "Information form", "source": "INTAKE", "details": { "note": { "text": text } } }])
    }

    /// What discovery finds.
    pub(super) fn facts(&self) -> Value {
        let device = |(name, sort): &(String, &str)| {
            json!({ "name": name, "source": "SCAN",
                "details": { "device": { "deviceType": sort, "hostname": name, "site": "Head office" } } })
        };
        let mut facts: Vec<Value> = self.machines.iter().map(device).collect();
        facts.extend([
            json!({ "name": "Everybody", "source": "QUESTIONNAIRE",
                "details": { "userBase": { "userCount": self.people, "location": "Head office" } } }),
            json!({ "name": "Practice management", "source": "INTERVIEW", "details": { "application": {
                "criticality": "CRITICAL", "owner": self.contact, "rtoMinutes": 240, "rpoMinutes": 60 } } }),
            json!({ "name": "Line provider", "source": "INTERVIEW",
                "details": { "vendor": { "service": "Internet access, 500 Mbit/s", "contact": "Business support" } } }),
            json!({ "name": "Personal data", "source": "QUESTIONNAIRE",
                "details": { "complianceNeed": { "framework": "GDPR", "scope": "Customers and staff" } } }),
        ]);
        facts.into()
    }

    /// The lines that are opened in the step `key`.
    pub(super) fn lines_of(&self, key: &str) -> impl Iterator<Item = &Line> {
        self.lines.iter().filter(move |line| line.opened_in == key)
    }
}
