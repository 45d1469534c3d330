//! Which run made which part.
//!
//! A worker that was held up past its lease does not know it until it asks, and it cannot ask and write in one
//! step. So parts are told apart by the fence of the run that made them: what a late worker still lets show has
//! a name that nothing refers to.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// One part of a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartId {
    /// Its number, from 1.
    pub number: u32,
    /// The fence of the run that made it.
    pub fence: i64,
}

/// As in its name: `00012.3`.
impl fmt::Display for PartId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:05}.{}", self.number, self.fence)
    }
}

impl FromStr for PartId {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (number, fence) = text.split_once('.').ok_or(())?;
        let part = Self { number: number.parse().map_err(drop)?, fence: fence.parse().map_err(drop)? };
        if part.to_string() == text { Ok(part) } else { Err(()) }
    }
}

/// The finished parts, as stretches that one run made each: as short after a hundred thousand parts as after one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Parts(Vec<Stretch>);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Stretch {
    fence: i64,
    last: u32,
}

impl Parts {
    /// How many there are.
    pub fn count(&self) -> u32 {
        self.0.last().map_or(0, |stretch| stretch.last)
    }

    /// Counts the next part, made by the run with `fence`.
    pub(super) fn add(&mut self, fence: i64) {
        let last = self.count() + 1;
        match self.0.last_mut() {
            Some(stretch) if stretch.fence == fence => stretch.last = last,
            _ => self.0.push(Stretch { fence, last }),
        }
    }

    /// Whether `part` is one of them.
    pub(super) fn has(&self, part: PartId) -> bool {
        part.number > 0 && self.maker(part.number) == Some(part.fence)
    }

    /// All of them, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = PartId> {
        (1..=self.count()).filter_map(|number| Some(PartId { number, fence: self.maker(number)? }))
    }

    fn maker(&self, number: u32) -> Option<i64> {
        let behind = self.0.partition_point(|stretch| stretch.last < number);
        self.0.get(behind).map(|stretch| stretch.fence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_keeps_the_fence_of_its_run() {
        let mut parts = Parts::default();
        assert_eq!((parts.count(), parts.iter().next()), (0, None));
        let fences = [3, 3, 3, 7, 9, 9];
        for fence in fences {
            parts.add(fence);
        }
        assert_eq!(parts.iter().map(|part| part.fence).collect::<Vec<_>>(), fences);
        assert_eq!(parts.iter().map(|part| part.number).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6]);
        for (number, fence, has) in
            [(3, 3, true), (4, 3, false), (4, 7, true), (6, 9, true), (7, 9, false), (0, 3, false)]
        {
            assert_eq!(parts.has(PartId { number, fence }), has, "{number}.{fence}");
        }
        let text = serde_json::to_string(&parts).unwrap();
        assert_eq!(serde_json::from_str::<Parts>(&text).unwrap(), parts);
    }

    #[test]
    fn a_name_says_which_part_it_is_and_nothing_else_does() {
        for part in [PartId { number: 1, fence: 2 }, PartId { number: 123_456, fence: i64::MAX }] {
            assert_eq!(part.to_string().parse(), Ok(part));
        }
        for text in ["", "00001", "1.2", "00001.02", "00001.2.3", "00001.-", "+0001.2", "part.x"] {
            assert_eq!(text.parse::<PartId>(), Err(()), "{text}");
        }
    }
}
