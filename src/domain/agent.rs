//! Taking an agent off a device: what comes next, from what was done and what is seen.
//!
//! An agent is gone when it was told to go while it was there, fell silent, was forgotten by its tool, and was missing from
//! the tool's list for a while after that. An acknowledgement counts for nothing: every tool that was tried says yes where
//! nothing happens, and lets an agent that it forgot come back.
//!
//! ```text
//! online → told → silent for a while → forgotten → missing for a while → gone
//!    │       ├→ still there: told once more, then AGENT_STILL_THERE
//!    │       └→ (forgotten) back again: AGENT_CAME_BACK · still listed: RECORD_STILL_LISTED
//!    └→ offline: waits, and is never forgotten · not listed: AGENT_UNKNOWN · in another's group: AGENT_MOVED
//! ```
//!
//! # Source
//! Engines, agent removal: uninstall, observe silence of at least three check-ins and 60 s, then delete the record, then watch
//! for its return.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

words! {
    /// What a tool's list says of an agent.
    Presence {
        /// It is connected.
        Online = "ONLINE",
        /// It is listed and not connected.
        Offline = "OFFLINE",
        /// It is not listed, in any group.
        Absent = "ABSENT",
        /// It is listed in a group that is not the client's.
        Elsewhere = "ELSEWHERE",
    }
}

/// How often an agent is told the same thing before that counts as in vain.
const TELLS_MAX: u32 = 2;
/// How often it has to be seen after that. Time alone does not tell: whoever looks may have been busy with others.
const SIGHTS_MIN: u32 = 6;
/// How often in a row it has to be seen silent, or missing, whatever the clock says.
const QUIET_MIN: u32 = 3;

/// How long is waited for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// From being told to falling silent, or from being forgotten to being missing.
    pub answer: TimeDelta,
    /// How long it has to be silent.
    pub silence: TimeDelta,
    /// How long it has to be missing.
    pub absence: TimeDelta,
}

/// What was done about one agent, and what was seen since. Written down before each act.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Course {
    /// When it was last told to go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told_at: Option<DateTime<Utc>>,
    /// How often.
    #[serde(default)]
    pub tells: u32,
    /// Since when it has been silent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silent_since: Option<DateTime<Utc>>,
    /// When its tool was last told to forget it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forgotten_at: Option<DateTime<Utc>>,
    /// How often.
    #[serde(default)]
    pub forgets: u32,
    /// Since when it has been missing from the list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub absent_since: Option<DateTime<Utc>>,
    /// How often it was looked for since anything was last done about it.
    #[serde(default)]
    pub sights: u32,
    /// How often in a row it was silent, or missing.
    #[serde(default)]
    pub quiet: u32,
    /// Whether its tool took the order to tell it. Without that, silence is only silence.
    #[serde(default)]
    pub is_told: bool,
}

words! {
    /// Why an agent is not gone.
    AgentFault {
        /// Its tool does not list it, and nobody saw it go.
        Unknown = "AGENT_UNKNOWN",
        /// It was told to go and is still there.
        StillThere = "AGENT_STILL_THERE",
        /// Its tool was told to forget it and still lists it.
        StillListed = "RECORD_STILL_LISTED",
        /// It came back after its tool had forgotten it.
        CameBack = "AGENT_CAME_BACK",
        /// Its tool lists it in a group that is not the client's.
        Moved = "AGENT_MOVED",
    }
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// Tell it to go.
    Tell,
    /// Have its tool forget it.
    Forget,
    /// Look again soon.
    Look,
    /// Wait until its device is there.
    Await,
    /// It is gone.
    Gone,
    /// It is not gone, and will not be.
    Fail(AgentFault),
}

impl Course {
    /// Notes what is seen at `now` and gives what comes next. The caller writes the course down before it does so.
    pub fn next(&mut self, presence: Presence, now: DateTime<Utc>, patience: &Patience) -> Move {
        self.sights += 1;
        // One that nobody is known to have told is as good as one that nobody told.
        match (self.told_at.filter(|_| self.is_told), self.forgotten_at) {
            (None, _) => match presence {
                Presence::Online => match self.told_at {
                    Some(told_at) if self.has_time(told_at, now, patience) => Move::Look,
                    Some(_) if self.tells >= TELLS_MAX => Move::Fail(AgentFault::StillThere),
                    _ => self.tell(now),
                },
                Presence::Offline => Move::Await,
                Presence::Absent => Move::Fail(AgentFault::Unknown),
                Presence::Elsewhere => Move::Fail(AgentFault::Moved),
            },
            (Some(told_at), None) => self.after_told(presence, told_at, now, patience),
            (Some(_), Some(forgotten_at)) => self.after_forgotten(presence, forgotten_at, now, patience),
        }
    }

    fn after_told(
        &mut self,
        presence: Presence,
        told_at: DateTime<Utc>,
        now: DateTime<Utc>,
        patience: &Patience,
    ) -> Move {
        match presence {
            Presence::Elsewhere => return Move::Fail(AgentFault::Moved),
            Presence::Online => {
                (self.silent_since, self.quiet) = (None, 0);
                return match () {
                    () if self.has_time(told_at, now, patience) => Move::Look,
                    () if self.tells < TELLS_MAX => self.tell(now),
                    () => Move::Fail(AgentFault::StillThere),
                };
            }
            Presence::Offline | Presence::Absent => {}
        }
        let silent_since = *self.silent_since.get_or_insert(now);
        if self.is_quiet(silent_since, now, patience.silence) { self.forget(now) } else { Move::Look }
    }

    fn after_forgotten(
        &mut self,
        presence: Presence,
        forgotten_at: DateTime<Utc>,
        now: DateTime<Utc>,
        patience: &Patience,
    ) -> Move {
        match presence {
            Presence::Elsewhere => Move::Fail(AgentFault::Moved),
            Presence::Online => Move::Fail(AgentFault::CameBack),
            Presence::Offline => {
                (self.absent_since, self.quiet) = (None, 0);
                match () {
                    () if self.has_time(forgotten_at, now, patience) => Move::Look,
                    () if self.forgets < TELLS_MAX => self.forget(now),
                    () => Move::Fail(AgentFault::StillListed),
                }
            }
            Presence::Absent => {
                let absent_since = *self.absent_since.get_or_insert(now);
                if self.is_quiet(absent_since, now, patience.absence) { Move::Gone } else { Move::Look }
            }
        }
    }

    /// Whether it has been so since `since` for long enough, and was seen to be so often enough; it is so now.
    fn is_quiet(&mut self, since: DateTime<Utc>, now: DateTime<Utc>, window: TimeDelta) -> bool {
        self.quiet += 1;
        now - since >= window && self.quiet >= QUIET_MIN
    }

    /// Nobody could look: how long it was silent or missing is counted anew.
    pub const fn lose_sight(&mut self) {
        (self.silent_since, self.absent_since, self.quiet) = (None, None, 0);
    }

    /// What still counts when it is ordered anew: that it was told. One that went since need not come back to be told again.
    #[must_use]
    pub fn renewed(&self) -> Self {
        Self { told_at: self.told_at.filter(|_| self.is_told), is_told: self.is_told, ..Self::default() }
    }

    /// Whether what was ordered at `since` may still come.
    fn has_time(&self, since: DateTime<Utc>, now: DateTime<Utc>, patience: &Patience) -> bool {
        now - since < patience.answer || self.sights < SIGHTS_MIN
    }

    fn tell(&mut self, now: DateTime<Utc>) -> Move {
        self.told_at = Some(now);
        self.tells += 1;
        (self.sights, self.quiet, self.is_told) = (0, 0, false);
        Move::Tell
    }

    fn forget(&mut self, now: DateTime<Utc>) -> Move {
        self.forgotten_at = Some(now);
        self.forgets += 1;
        (self.sights, self.quiet) = (0, 0);
        Move::Forget
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Presence::*, *};

    const PATIENCE: Patience =
        Patience { answer: TimeDelta::seconds(120), silence: TimeDelta::seconds(60), absence: TimeDelta::seconds(60) };

    /// What comes next at each look, the looks half a minute apart.
    fn course(seen: &[Presence]) -> Vec<Move> {
        let mut course = Course::default();
        let at = |look: usize| DateTime::UNIX_EPOCH + TimeDelta::seconds(30) * i32::try_from(look).unwrap();
        let next = |(look, presence): (usize, &Presence)| {
            let next = course.next(*presence, at(look), &PATIENCE);
            course.is_told |= next == Move::Tell;
            next
        };
        seen.iter().enumerate().map(next).collect()
    }

    #[test]
    fn an_agent_goes_by_being_told_falling_silent_being_forgotten_and_staying_away() {
        use Move::{Forget, Gone, Look, Tell};
        let seen = [Online, Online, Offline, Offline, Offline, Absent, Absent, Absent];
        assert_eq!(course(&seen), [Tell, Look, Look, Look, Forget, Look, Look, Gone]);
    }

    #[test]
    fn one_that_says_yes_and_stays_is_told_twice_and_then_fails() {
        let moves = course(&[Online; 14]);
        assert_eq!(moves.iter().filter(|next| **next == Move::Tell).count(), 2);
        assert_eq!(moves.last(), Some(&Move::Fail(AgentFault::StillThere)));
    }

    #[test]
    fn one_that_is_away_is_waited_for_and_one_that_nobody_knows_fails() {
        assert_eq!(course(&[Offline, Offline, Online]), [Move::Await, Move::Await, Move::Tell]);
        assert_eq!(course(&[Absent]), [Move::Fail(AgentFault::Unknown)]);
    }

    #[test]
    fn one_that_comes_back_or_stays_listed_fails() {
        let gone = [Online, Offline, Offline, Offline];
        assert_eq!(course(&[&gone[..], &[Absent, Online]].concat()).pop(), Some(Move::Fail(AgentFault::CameBack)));
        let listed = course(&[&gone[..], &[Offline; 16]].concat());
        assert_eq!(listed.iter().filter(|next| **next == Move::Forget).count(), 2);
        assert!(listed.contains(&Move::Fail(AgentFault::StillListed)));
    }

    #[test]
    fn one_that_was_moved_to_somebody_else_is_not_touched_whatever_was_done_before() {
        let gone = [Online, Offline, Offline, Offline, Absent, Absent];
        for before in 0..gone.len() {
            let moves = course(&[&gone[..before], &[Elsewhere]].concat());
            assert_eq!(moves.last(), Some(&Move::Fail(AgentFault::Moved)), "{before}");
        }
    }

    #[test]
    fn one_that_nobody_is_known_to_have_told_is_not_taken_for_gone_by_its_silence() {
        let mut course = Course::default();
        let at = |seconds| DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds);
        assert_eq!(course.next(Online, at(0), &PATIENCE), Move::Tell);
        let later: Vec<_> = (1..9).map(|minute| course.next(Offline, at(minute * 60), &PATIENCE)).collect();
        assert_eq!(later, [Move::Await; 8]);
        assert_eq!(course.next(Online, at(600), &PATIENCE), Move::Tell);
    }

    #[test]
    fn a_clock_that_jumps_and_an_outage_make_nothing_gone() {
        let mut course = Course { told_at: Some(DateTime::UNIX_EPOCH), is_told: true, ..Course::default() };
        let at = |hours| DateTime::UNIX_EPOCH + TimeDelta::hours(hours);
        assert_eq!([1, 2].map(|hour| course.next(Offline, at(hour), &PATIENCE)), [Move::Look; 2]);
        course.lose_sight();
        assert_eq!([3, 4].map(|hour| course.next(Offline, at(hour), &PATIENCE)), [Move::Look; 2]);
        assert_eq!(course.next(Offline, at(5), &PATIENCE), Move::Forget);
    }

    #[test]
    fn one_that_is_ordered_anew_and_went_meanwhile_need_not_come_back() {
        let told = Course { told_at: Some(DateTime::UNIX_EPOCH), is_told: true, tells: 2, ..Course::default() };
        let mut course = told.renewed();
        let at = |hours| DateTime::UNIX_EPOCH + TimeDelta::hours(hours);
        let moves = [1, 2, 3, 4, 5, 6].map(|hour| course.next(Absent, at(hour), &PATIENCE));
        assert_eq!((moves[2], moves[5]), (Move::Forget, Move::Gone));
        let mut there = told.renewed();
        let moves: Vec<_> = (1..8).map(|hour| there.next(Online, at(hour), &PATIENCE)).collect();
        assert!(moves.contains(&Move::Tell), "{moves:?}");
    }

    #[test]
    fn a_silence_that_is_broken_begins_anew() {
        let moves = course(&[Online, Offline, Online, Offline, Offline, Offline]);
        assert_eq!(moves[1..5], [Move::Look; 4]);
        assert_eq!(moves[5], Move::Forget);
    }

    proptest! {
        #[test]
        fn nothing_is_gone_that_was_not_told_silent_forgotten_and_missing(seen in prop::collection::vec(0_usize..4, 1..60)) {
            let seen: Vec<_> = seen.into_iter().map(|which| Presence::ALL[which]).collect();
            let mut moves = course(&seen);
            // Whoever fails is not looked at any more.
            moves.truncate(moves.iter().position(|next| matches!(next, Move::Fail(_))).unwrap_or(moves.len()));
            if let Some(gone) = moves.iter().position(|next| *next == Move::Gone) {
                let told = moves.iter().position(|next| *next == Move::Tell).unwrap();
                let forgotten = moves[..gone].iter().rposition(|next| *next == Move::Forget).unwrap();
                prop_assert!(told < forgotten && seen[told] == Online);
                prop_assert!(seen[forgotten - 2..=forgotten].iter().all(|presence| [Offline, Absent].contains(presence)));
                prop_assert!(seen[gone - 2..=gone].iter().all(|presence| *presence == Absent));
            }
        }
    }
}
