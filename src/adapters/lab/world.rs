//! What simulated devices are like, and what becomes of them.

use std::collections::{BTreeMap, HashSet};

use rand::{SeedableRng, rngs::StdRng, seq::SliceRandom};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::{
    domain::{agent::Presence, connector::ConnectorFault},
    ports::endpoints::{Endpoint, Fault, ROSTER_MAX, Result},
};

/// How a device behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Temper {
    /// It does as it is told at once.
    Good,
    /// It does so after some looks.
    Slow,
    /// It is away for the first looks, and then good.
    Offline,
    /// It says yes and stays.
    Liar,
    /// It falls silent, and comes back once it is forgotten.
    Zombie,
    /// Somebody moves it to another group while it is told to go.
    Mover,
}

/// Looks that a slow device takes to go.
const SLOW_LOOKS: u64 = 4;
/// Looks for which a device is away, unless the address says `away`.
const AWAY_LOOKS: usize = 12;
/// One look in so many is not answered, where the address says `flaky`.
const FLAKY_EVERY: u64 = 20;

/// The devices of every group.
#[derive(Debug)]
pub struct World {
    tempers: Vec<Temper>,
    away_looks: u64,
    is_flaky: bool,
}

/// What was done to devices, by looks.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct State {
    /// Looks at each group so far.
    looks: BTreeMap<String, u64>,
    /// What was done to each device.
    done: BTreeMap<String, Done>,
}

/// What was done to one device, and after how many looks at its group.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Done {
    told: Option<u64>,
    tells: u32,
    forgotten: Option<u64>,
    forgets: u32,
}

impl World {
    /// What `address` describes.
    ///
    /// # Errors
    /// `Unsupported` when it does not read, or describes more devices than a list may have.
    pub fn read(address: &Url) -> Result<Self> {
        let refuse =
            |what: &str| Fault::new(ConnectorFault::Unsupported, "open", format!("{what} in the address of a lab"));
        let seed = address.host_str().unwrap_or_default().parse().map_err(|_misfit| refuse("no number as seed"))?;
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for (name, count) in address.query_pairs() {
            counts.insert(name.into_owned(), count.parse().map_err(|_misfit| refuse("a word in place of a number"))?);
        }
        let mut count = |name: &str| counts.remove(name);
        let size = count("size").unwrap_or(20);
        let mut tempers = Vec::new();
        for (name, temper) in [
            ("offline", Temper::Offline),
            ("slow", Temper::Slow),
            ("liar", Temper::Liar),
            ("zombie", Temper::Zombie),
            ("mover", Temper::Mover),
        ] {
            tempers.extend(std::iter::repeat_n(temper, count(name).unwrap_or_default().min(size)));
        }
        let away_looks = count("away").unwrap_or(AWAY_LOOKS) as u64;
        let is_flaky = count("flaky").is_some_and(|flaky| flaky > 0);
        if size == 0 || size > ROSTER_MAX || tempers.len() > size || !counts.is_empty() {
            return Err(refuse("no such devices"));
        }
        tempers.resize(size, Temper::Good);
        tempers.shuffle(&mut StdRng::seed_from_u64(seed));
        Ok(Self { tempers, away_looks, is_flaky })
    }

    /// How many devices a group has.
    pub const fn size(&self) -> usize {
        self.tempers.len()
    }

    /// What device number `index` of `group`, counted from 0, is called, and how it behaves.
    pub fn device(&self, group: &str, index: usize) -> (String, Temper) {
        (format!("{group}-{:03}", index + 1), self.tempers[index])
    }

    /// The list of a group's devices, as its tool would give it now.
    pub(super) fn look(&self, state: &mut State, group: &str) -> Result<Vec<Endpoint>> {
        let looks = state.looks.entry(group.to_owned()).or_default();
        *looks += 1;
        let look = *looks;
        if self.is_flaky && look.is_multiple_of(FLAKY_EVERY) {
            return Err(Fault::new(ConnectorFault::Transient, "list", "a simulated outage"));
        }
        let listed = |index| {
            let (id, temper) = self.device(group, index);
            let temper = if temper == Temper::Offline && look > self.away_looks { Temper::Good } else { temper };
            let presence = presence(temper, look, state.done.get(&id));
            let hostname = id.clone();
            matches!(presence, Presence::Online | Presence::Offline).then_some(Endpoint {
                id,
                hostname,
                presence,
                last_seen: None,
            })
        };
        Ok((0..self.size()).filter_map(listed).collect())
    }
}

impl World {
    /// Those of `ids`, devices of `group`, that were moved to another.
    pub(super) fn moved(&self, state: &State, group: &str, ids: &[String]) -> HashSet<String> {
        let look = state.looks.get(group).copied().unwrap_or_default();
        let devices = (0..self.size()).map(|index| self.device(group, index)).filter(|(id, _)| ids.contains(id));
        let is_elsewhere =
            |(id, temper): &(String, Temper)| presence(*temper, look, state.done.get(id)) == Presence::Elsewhere;
        devices.filter(is_elsewhere).map(|(id, _)| id).collect()
    }
}

/// How a device is seen at the look of this number.
fn presence(temper: Temper, look: u64, done: Option<&Done>) -> Presence {
    let since = |at: Option<u64>| at.map(|at| look.saturating_sub(at));
    let (told, forgotten) = (since(done.and_then(|done| done.told)), since(done.and_then(|done| done.forgotten)));
    let is_gone = match temper {
        Temper::Mover if told.is_some() => return Presence::Elsewhere,
        Temper::Liar | Temper::Mover => false,
        Temper::Slow => told.is_some_and(|looks| looks > SLOW_LOOKS),
        Temper::Zombie => told.is_some() && forgotten.is_none_or(|looks| looks <= 1),
        Temper::Good | Temper::Offline => told.is_some(),
    };
    match () {
        () if is_gone && forgotten.is_some() => Presence::Absent,
        () if is_gone || temper == Temper::Offline => Presence::Offline,
        () => Presence::Online,
    }
}

impl State {
    /// The looks at the group of `endpoint` so far.
    fn looks_at(&self, endpoint: &str) -> u64 {
        let group = endpoint.rsplit_once('-').map_or(endpoint, |(group, _)| group);
        self.looks.get(group).copied().unwrap_or_default()
    }

    /// A device is told to go.
    pub(super) fn told(&mut self, endpoint: &str) {
        let look = self.looks_at(endpoint);
        let done = self.done.entry(endpoint.to_owned()).or_default();
        // A second word does not make it forget the first.
        done.told.get_or_insert(look);
        done.tells += 1;
    }

    /// A device is forgotten.
    pub(super) fn forgotten(&mut self, endpoint: &str) {
        let look = self.looks_at(endpoint);
        let done = self.done.entry(endpoint.to_owned()).or_default();
        done.forgotten.get_or_insert(look);
        done.forgets += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn world(address: &str) -> Result<World> {
        World::read(&Url::parse(address).unwrap())
    }

    #[test]
    fn a_seed_says_which_devices_are_bad_and_always_the_same() {
        let tempers = |address| {
            let world = world(address).unwrap();
            (0..world.size()).map(|index| world.device("acme", index).1).collect::<Vec<_>>()
        };
        let first = tempers("lab://7?size=50&liar=2&zombie=1&offline=3&slow=4");
        assert_eq!(first, tempers("lab://7?size=50&liar=2&zombie=1&offline=3&slow=4"));
        assert_ne!(first, tempers("lab://8?size=50&liar=2&zombie=1&offline=3&slow=4"));
        let count = |temper| first.iter().filter(|one| **one == temper).count();
        assert_eq!([Temper::Liar, Temper::Zombie, Temper::Offline, Temper::Slow].map(count), [2, 1, 3, 4]);
    }

    #[test]
    fn what_describes_no_devices_is_refused() {
        for address in [
            "lab://x",
            "lab://1?size=0",
            "lab://1?size=99999",
            "lab://1?size=2&liar=2&slow=1",
            "lab://1?good=1",
            "lab://1?liar=many",
        ] {
            assert!(world(address).is_err(), "{address}");
        }
    }

    #[test]
    fn each_temper_shows_in_what_is_seen() {
        let seen = |temper, done: Done| (1..=16).map(|look| presence(temper, look, Some(&done))).collect::<Vec<_>>();
        let told = |told| Done { told: Some(told), tells: 1, ..Done::default() };
        assert!(seen(Temper::Liar, told(1)).iter().all(|presence| *presence == Presence::Online));
        assert_eq!(seen(Temper::Slow, told(1)).iter().filter(|presence| **presence == Presence::Online).count(), 5);
        let world = world("lab://7?size=1&offline=1&away=2").unwrap();
        let mut state = State::default();
        let mut away = || world.look(&mut state, "acme").unwrap()[0].presence;
        assert_eq!([away(), away(), away()], [Presence::Offline, Presence::Offline, Presence::Online]);
        let back = seen(Temper::Zombie, Done { told: Some(1), forgotten: Some(3), ..Done::default() });
        assert_eq!(back[3..5], [Presence::Absent, Presence::Online]);
    }
}
