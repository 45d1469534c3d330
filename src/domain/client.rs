//! A client of the provider, and the stage it is in.
//!
//! Invariant: the stage is never set by hand. [`stage`] derives it from the engagements and the service
//! period, and whatever deed changes one of those stores the new stage.
//!
//! Deliberately absent: deleting a client. Its history is what the product proves things with.

use std::{fmt, str::FromStr};

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    domain::{
        Invalid,
        engagement::{self, EngagementKind},
    },
    ids::ClientId,
};

words! {
    /// Where a client stands in its life with the provider.
    ClientStage {
        /// Known, not onboarded.
        Prospect = "PROSPECT",
        /// An onboarding runs.
        Onboarding = "ONBOARDING",
        /// Under service.
        Active = "ACTIVE",
        /// An offboarding runs.
        Offboarding = "OFFBOARDING",
        /// The service relationship has ended and nothing was left behind.
        Concluded = "CONCLUDED",
    }
}

/// A client as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// The client's id.
    pub id: ClientId,
    /// Short name in addresses and on the command line; unique.
    pub slug: Slug,
    /// What people call it: a [`crate::domain::text::Name`].
    pub name: String,
    /// Derived; see [`stage`].
    pub stage: ClientStage,
    /// The zone its dates are meant in.
    pub time_zone: TimeZoneName,
    /// The agreed first day of service.
    pub service_start_on: Option<NaiveDate>,
    /// When service began in fact.
    pub service_started_at: Option<DateTime<Utc>>,
    /// The confirmed last day of service.
    pub final_service_on: Option<NaiveDate>,
    /// Grows with every change.
    pub revision: i32,
    /// When it was entered.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// Which clients a list holds. Empty fields allow everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientFilter {
    /// Only these stages.
    pub stages: Vec<ClientStage>,
    /// Only names that contain this text, whatever its case.
    pub name_contains: Option<String>,
}

/// In which order a list of clients stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientOrder {
    /// What was entered last comes first.
    #[default]
    Newest,
    /// What was entered first comes first.
    Oldest,
    /// From A to Z.
    Name,
}

impl Client {
    /// The client's own calendar day at `now`.
    pub fn today(&self, now: DateTime<Utc>) -> NaiveDate {
        self.time_zone.date_of(now)
    }
}

/// What [`stage`] needs to know of an engagement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EngagementGlimpse {
    /// Onboarding or offboarding.
    pub kind: EngagementKind,
    /// Where it stands.
    pub state: engagement::EngagementState,
    /// When it was entered.
    pub created_at: DateTime<Utc>,
    /// When it concluded.
    pub concluded_at: Option<DateTime<Utc>>,
}

/// The stage that follows from all engagements of a client (in any order) and the start of its service.
///
/// A concluded offboarding ends a life; only what came after it counts for the next one. A merely
/// planned engagement changes nothing yet; a paused one still runs; a cancelled one never was.
pub fn stage(engagements: &[EngagementGlimpse], service_started_at: Option<DateTime<Utc>>) -> ClientStage {
    use EngagementKind::{Offboarding, Onboarding};
    let last_end = engagements
        .iter()
        .filter(|engagement| engagement.kind == Offboarding && engagement.state.is_concluded())
        .filter_map(|engagement| engagement.concluded_at)
        .max();
    let of_this_life = |at: DateTime<Utc>| last_end.is_none_or(|end| at > end);
    let current = || engagements.iter().filter(|engagement| of_this_life(engagement.created_at));
    let runs = |kind| current().any(|engagement| engagement.kind == kind && engagement.state.is_under_way());
    let was_onboarded = current().any(|engagement| engagement.kind == Onboarding && engagement.state.is_concluded());
    if runs(Offboarding) {
        ClientStage::Offboarding
    } else if was_onboarded || service_started_at.is_some_and(of_this_life) {
        ClientStage::Active
    } else if runs(Onboarding) {
        ClientStage::Onboarding
    } else if last_end.is_some() {
        ClientStage::Concluded
    } else {
        ClientStage::Prospect
    }
}

/// The short name of a client: 2 to 63 of `a-z 0-9 -`, starting and ending with a letter or digit.
///
/// # Source
/// RFC 1123 section 2.1 (host labels), so that a slug may stand in a host name, an address or a path.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Slug(String);

impl Slug {
    /// The slug as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Slug {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let ends_plain = text.bytes().next().is_some_and(is_plain) && text.bytes().last().is_some_and(is_plain);
        if (2..=63).contains(&text.len()) && ends_plain && text.bytes().all(|byte| is_plain(byte) || byte == b'-') {
            Ok(Self(text.to_owned()))
        } else {
            Err(Invalid::new("This is not a slug.").remedy(
                "Give 2 to 63 lower-case letters, digits or hyphens, with a letter or digit at both ends: `acme-dental`.",
            ))
        }
    }
}

impl fmt::Display for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A zone of the IANA time zone database, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TimeZoneName(chrono_tz::Tz);

impl TimeZoneName {
    /// The zone whose clocks never change.
    pub const UTC: Self = Self(chrono_tz::UTC);

    /// The name as the database of zones spells it.
    pub fn as_str(self) -> &'static str {
        self.0.name()
    }

    /// The calendar day in this zone at `instant`.
    pub fn date_of(self, instant: DateTime<Utc>) -> NaiveDate {
        instant.with_timezone(&self.0).date_naive()
    }

    /// The first instant of `day` in this zone. Where a change of clocks skips midnight, the day begins
    /// with the first time that exists.
    pub fn start_of(self, day: NaiveDate) -> DateTime<Utc> {
        let quarter = |n: u32| day.and_hms_opt(n / 4, n % 4 * 15, 0);
        (0..24 * 4)
            .filter_map(quarter)
            .find_map(|time| time.and_local_timezone(self.0).earliest())
            .map_or_else(|| day.and_time(chrono::NaiveTime::MIN).and_utc(), |time| time.with_timezone(&Utc))
    }
}

impl Default for TimeZoneName {
    fn default() -> Self {
        Self::UTC
    }
}

impl FromStr for TimeZoneName {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        text.parse().map(Self).map_err(|_unknown: chrono_tz::ParseError| {
            Invalid::new("This is not a time zone.")
                .remedy("Give a name of the IANA time zone database, such as `America/New_York` or `UTC`.")
        })
    }
}

impl fmt::Display for TimeZoneName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for TimeZoneName {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for TimeZoneName {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::engagement::EngagementState;

    fn at(hour: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(hour * 3600, 0).unwrap()
    }

    fn run(kind: EngagementKind, state: EngagementState, created: i64, concluded: Option<i64>) -> EngagementGlimpse {
        EngagementGlimpse { kind, state, created_at: at(created), concluded_at: concluded.map(at) }
    }

    #[test]
    fn the_stage_follows_from_engagements_and_service() {
        use ClientStage::{Active, Concluded as Over, Offboarding as Leaving, Onboarding as Joining, Prospect};
        use EngagementKind::{Offboarding, Onboarding};
        use EngagementState::{Cancelled, Concluded, Paused, Planned, Running};
        let joined = run(Onboarding, Concluded, 1, Some(2));
        let left = run(Offboarding, Concluded, 3, Some(4));
        let cases: &[(&[EngagementGlimpse], Option<i64>, ClientStage)] = &[
            (&[], None, Prospect),
            (&[], Some(1), Active),
            (&[run(Onboarding, Planned, 1, None)], None, Prospect),
            (&[run(Onboarding, Running, 1, None)], None, Joining),
            (&[run(Onboarding, Paused, 1, None)], None, Joining),
            (&[run(Onboarding, Cancelled, 1, None)], None, Prospect),
            (&[joined], None, Active),
            (&[joined, run(Offboarding, Planned, 3, None)], Some(2), Active),
            (&[joined, run(Offboarding, Running, 3, None)], Some(2), Leaving),
            (&[joined, run(Offboarding, Paused, 3, None)], Some(2), Leaving),
            (&[joined, run(Offboarding, Cancelled, 3, None)], Some(2), Active),
            (&[joined, left], Some(2), Over),
            (&[left, joined], Some(2), Over),
            // A second life begins after the first has ended.
            (&[joined, left, run(Onboarding, Running, 5, None)], Some(2), Joining),
            (&[joined, left, run(Onboarding, Cancelled, 5, None)], Some(2), Over),
            (&[joined, left, run(Onboarding, Concluded, 5, Some(6))], Some(2), Active),
            (&[joined, left], Some(7), Active),
            // Whoever was served before the program came is offboarded without having been onboarded.
            (&[run(Offboarding, Running, 1, None)], None, Leaving),
            (&[run(Offboarding, Concluded, 1, Some(2))], None, Over),
        ];
        for (engagements, started, expected) in cases {
            assert_eq!(stage(engagements, started.map(at)), *expected, "{engagements:?} {started:?}");
        }
    }

    #[test]
    fn slugs_are_plain_labels() {
        for good in ["ab", "acme-dental", "4you", "a".repeat(63).as_str()] {
            assert_eq!(good.parse::<Slug>().unwrap().as_str(), good);
        }
        for bad in ["", "a", "-ab", "ab-", "Acme", "a b", "a_b", "é1", "a/b", "..", " ab", "a".repeat(64).as_str()] {
            assert!(bad.parse::<Slug>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_day_is_the_clients_own() {
        let new_york: TimeZoneName = "America/New_York".parse().unwrap();
        let tokyo: TimeZoneName = "Asia/Tokyo".parse().unwrap();
        let late = "2026-11-22T23:30:00Z".parse().unwrap();
        assert_eq!(new_york.date_of(late).to_string(), "2026-11-22");
        assert_eq!(tokyo.date_of(late).to_string(), "2026-11-23");
        for bad in ["", "PST", "America/Atlantis", "+02:00"] {
            assert!(bad.parse::<TimeZoneName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_day_without_midnight_begins_with_its_first_time() {
        let beirut: TimeZoneName = "Asia/Beirut".parse().unwrap();
        let day = NaiveDate::from_ymd_opt(2022, 3, 27).unwrap();
        assert_eq!(beirut.start_of(day).to_rfc3339(), "2022-03-26T22:00:00+00:00");
        assert_eq!(beirut.date_of(beirut.start_of(day)), day);
        assert_eq!(TimeZoneName::UTC.start_of(day).to_rfc3339(), "2022-03-27T00:00:00+00:00");
    }
}
