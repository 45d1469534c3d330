//! Which run made which part.
//!
//! A worker that was held up past its lease does not know it until it asks, and it cannot ask and write in one
//! step. So parts are told apart by the fence of the run that made them: what a late worker still lets show has
//! a name that nothing refers to. For the same reason a part that is made again, because it came back damaged, is
//! called otherwise than the damaged one.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// One part of a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartId {
    /// Its number, from 1.
    pub number: u32,
    /// The fence of the run that made it.
    pub fence: i64,
    /// The edition of the package that it was made for: see [`Checkpoint`](super::Checkpoint).
    pub edition: u32,
}

/// As in its name: `00012.3`, and `00012.3.v2` in the second edition.
impl fmt::Display for PartId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { number, fence, edition } = self;
        write!(f, "{number:05}.{fence}{}", Edition(*edition))
    }
}

/// An edition as it stands in names: nothing for the first, `.v2` for the second.
pub(super) struct Edition(pub(super) u32);

impl fmt::Display for Edition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 { Ok(()) } else { write!(f, ".v{}", u64::from(self.0) + 1) }
    }
}

impl FromStr for PartId {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (number, fence) = text.split_once('.').ok_or(())?;
        let (fence, edition) = match fence.split_once(".v") {
            Some((fence, edition)) => (fence, edition.parse::<u32>().map_err(drop)?.checked_sub(1).ok_or(())?),
            None => (fence, 0),
        };
        let part = Self { number: number.parse().map_err(drop)?, fence: fence.parse().map_err(drop)?, edition };
        if part.to_string() == text { Ok(part) } else { Err(()) }
    }
}

/// The finished parts, as stretches that one run made for one edition each: as short after a hundred thousand parts
/// as after one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Parts(Vec<Stretch>);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Stretch {
    fence: i64,
    #[serde(default)]
    edition: u32,
    last: u32,
}

impl Stretch {
    fn made(&self, by: &Self) -> bool {
        (self.fence, self.edition) == (by.fence, by.edition)
    }
}

impl Parts {
    /// How many there are.
    pub fn count(&self) -> u32 {
        self.0.last().map_or(0, |stretch| stretch.last)
    }

    /// Counts the next part, made by the run with `fence` for this `edition`.
    pub(super) fn add(&mut self, fence: i64, edition: u32) {
        let last = self.count() + 1;
        self.push(Stretch { fence, edition, last });
    }

    fn push(&mut self, next: Stretch) {
        match self.0.last_mut() {
            Some(stretch) if stretch.made(&next) => stretch.last = next.last,
            _ => self.0.push(next),
        }
    }

    /// Counts `part` in the place of the one with its number.
    pub(super) fn replace(&mut self, part: PartId) {
        let mut replaced = Self::default();
        for other in self.iter() {
            let PartId { number: last, fence, edition } = if other.number == part.number { part } else { other };
            replaced.push(Stretch { fence, edition, last });
        }
        *self = replaced;
    }

    /// Keeps the first `count`.
    pub(super) fn truncate(&mut self, count: u32) {
        let whole = self.0.partition_point(|stretch| stretch.last <= count);
        let has_whole = whole.checked_sub(1).is_some_and(|last| self.0[last].last == count);
        self.0.truncate(if has_whole || count == 0 { whole } else { whole + 1 });
        if let Some(stretch) = self.0.last_mut() {
            stretch.last = stretch.last.min(count);
        }
    }

    /// Whether `part` is one of them.
    pub(super) fn has(&self, part: PartId) -> bool {
        self.get(part.number) == Some(part)
    }

    /// The one with this number.
    pub(super) fn get(&self, number: u32) -> Option<PartId> {
        let behind = self.0.partition_point(|stretch| stretch.last < number);
        let stretch = self.0.get(behind).filter(|_| number > 0)?;
        Some(PartId { number, fence: stretch.fence, edition: stretch.edition })
    }

    /// All of them, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = PartId> {
        (1..=self.count()).filter_map(|number| self.get(number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(fences: &[i64]) -> Parts {
        let mut parts = Parts::default();
        for fence in fences {
            parts.add(*fence, 0);
        }
        parts
    }

    #[test]
    fn every_part_keeps_the_fence_of_its_run() {
        assert_eq!((made(&[]).count(), made(&[]).iter().next()), (0, None));
        let fences = [3, 3, 3, 7, 9, 9];
        let parts = made(&fences);
        assert_eq!(parts.iter().map(|part| part.fence).collect::<Vec<_>>(), fences);
        assert_eq!(parts.iter().map(|part| part.number).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6]);
        for (number, fence, has) in
            [(3, 3, true), (4, 3, false), (4, 7, true), (6, 9, true), (7, 9, false), (0, 3, false)]
        {
            assert_eq!(parts.has(PartId { number, fence, edition: 0 }), has, "{number}.{fence}");
        }
        let text = serde_json::to_string(&parts).unwrap();
        assert_eq!(serde_json::from_str::<Parts>(&text).unwrap(), parts);
    }

    #[test]
    fn a_part_that_was_made_again_takes_the_place_of_the_damaged_one_and_no_other() {
        for number in 1..=6 {
            let mut parts = made(&[3, 3, 3, 7, 9, 9]);
            let again = PartId { number, fence: 9, edition: 1 };
            let expected: Vec<_> = parts.iter().map(|part| if part.number == number { again } else { part }).collect();
            parts.replace(again);
            assert_eq!((parts.iter().collect::<Vec<_>>(), parts.has(again)), (expected, true), "{number}");
        }
    }

    #[test]
    fn parts_are_cut_at_any_number() {
        let fences = [3, 3, 3, 7, 9, 9];
        for count in 0..=6 {
            let mut parts = made(&fences);
            parts.truncate(count);
            let left: Vec<_> = parts.iter().map(|part| part.fence).collect();
            assert_eq!((left.as_slice(), parts.count()), (&fences[..count as usize], count));
        }
    }

    #[test]
    fn a_name_says_which_part_it_is_and_nothing_else_does() {
        let part = |number, fence, edition| PartId { number, fence, edition };
        for (part, text) in [
            (part(1, 2, 0), "00001.2"),
            (part(1, 2, 1), "00001.2.v2"),
            (part(123_456, i64::MAX, u32::MAX), "123456.9223372036854775807.v4294967296"),
        ] {
            assert_eq!(part.to_string(), text);
        }
        for part in [part(1, 2, 0), part(1, 2, 2), part(123_456, i64::MAX, u32::MAX - 1)] {
            assert_eq!(part.to_string().parse(), Ok(part));
        }
        for text in
            ["", "00001", "1.2", "00001.02", "00001.2.3", "00001.2.v1", "00001.2.v0", "00001.-", "+0001.2", "part.x"]
        {
            assert_eq!(text.parse::<PartId>(), Err(()), "{text}");
        }
    }
}
